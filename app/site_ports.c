/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses of interfaces, and default routers of ports, when files change. */
#include "site.h"

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

static bool contains(const struct wb_prefix *list, unsigned n, const struct wb_prefix *address)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i].len == address->len && wb_addr_equal(&list[i].addr, &address->addr))
			return true;
	return false;
}

int site_addresses_change(struct site *site, int ifindex, const struct wb_prefix *before,
	unsigned n_before, const struct wb_prefix *after, unsigned n_after, struct wb_err *err)
{
	int rc = 0;

	/* New ones first: the kernel takes routes along with the last address. */
	for (unsigned i = 0; rc == 0 && i < n_after; i++)
		if (!contains(before, n_before, &after[i]))
			rc = wb_netlink_address_add(site->netlink, ifindex, &after[i], err);
	for (unsigned i = 0; rc == 0 && i < n_before; i++)
		if (!contains(after, n_after, &before[i]))
			wb_netlink_address_del(site->netlink, ifindex, &before[i]);
	return rc;
}

int site_ports_change(struct site *site, const struct wb_config *before,
	const struct wb_config *after, struct wb_err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < after->n_ports; i++) {
		const struct config_port *old = &before->ports[i], *port = &after->ports[i];
		int ifindex = site->gateway->ports[i].ifindex;

		rc = site_addresses_change(site, ifindex, old->addresses, old->n_addresses,
			port->addresses, port->n_addresses, err);
		if (rc == 0)
			rc = router_change(site, ifindex, &old->gateway4, &port->gateway4, err);
		if (rc == 0)
			rc = router_change(site, ifindex, &old->gateway6, &port->gateway6, err);
	}
	return rc;
}
