/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and default routers of ports, when their file changes. */
#include "site.h"

static bool has_address(const struct config_port *port, const struct wb_prefix *address)
{
	for (unsigned i = 0; i < port->n_addresses; i++)
		if (port->addresses[i].len == address->len &&
			wb_addr_equal(&port->addresses[i].addr, &address->addr))
			return true;
	return false;
}

/* New ones first: the kernel takes routes along with the last address. */
static int addresses_change(struct site *site, int ifindex, const struct config_port *before,
	const struct config_port *after, struct wb_err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < after->n_addresses; i++)
		if (!has_address(before, &after->addresses[i]))
			rc = wb_netlink_address_add(
				site->netlink, ifindex, &after->addresses[i], err);
	for (unsigned i = 0; rc == 0 && i < before->n_addresses; i++)
		if (!has_address(after, &before->addresses[i]))
			wb_netlink_address_del(site->netlink, ifindex, &before->addresses[i]);
	return rc;
}

static int router_change(struct site *site, int ifindex, const struct wb_addr *before,
	const struct wb_addr *after, struct wb_err *err)
{
	const struct wb_hop hop = {.ifindex = ifindex, .gateway = *after};
	struct wb_prefix all = {.addr.family = before->family, .len = 0};

	if (wb_addr_equal(before, after))
		return 0;
	if (after->family == 0) {
		wb_netlink_route_del(site->netlink, WB_TABLE_MAIN, &all);
		return 0;
	}
	all.addr.family = after->family;
	return wb_netlink_route_set(site->netlink, WB_TABLE_MAIN, &all, &hop, 1, err);
}

int site_ports_change(struct site *site, const struct wb_config *before,
	const struct wb_config *after, struct wb_err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < after->n_ports; i++) {
		const struct config_port *old = &before->ports[i], *port = &after->ports[i];
		int ifindex = site->gateway->ports[i].ifindex;

		rc = addresses_change(site, ifindex, old, port, err);
		if (rc == 0)
			rc = router_change(site, ifindex, &old->gateway4, &port->gateway4, err);
		if (rc == 0)
			rc = router_change(site, ifindex, &old->gateway6, &port->gateway6, err);
	}
	return rc;
}
