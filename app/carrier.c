/* SPDX-License-Identifier: BSD-3-Clause */
/* Carrier of kernel interfaces under a bond. net_af_packet tells the bonding PMD that a link is up
 * whatever happens to it (DPDK 22.11); LACP notices after 3 s or 90 s. The kernel says so at once:
 * until all members are back, the tx stage chooses among those that live. */
#include <string.h>

#include <rte_malloc.h>

#include "port/lacp.h"

#include "control.h"

#define FOLLOW_EVERY (100 * NS_PER_MS)

static bool has_dead_member(const struct wb_port *port)
{
	for (unsigned i = 0; i < port->n_members; i++)
		if (port->members[i].no_carrier)
			return true;
	return false;
}

static struct tx_members *live_members(const struct wb_port *port)
{
	struct tx_members *set;
	unsigned members[WB_MEMBERS_MAX], n;

	if (!port->bond || !has_dead_member(port))
		return NULL;
	set = rte_zmalloc("tx_members", sizeof(*set), 0);
	if (set == NULL)
		return NULL;
	n = wb_port_distributing(port, members);
	for (unsigned i = 0; i < n; i++)
		if (!port->members[members[i]].no_carrier)
			set->port_ids[set->n++] = port->members[members[i]].port_id;
	return set;
}

static bool same(const struct tx_members *a, const struct tx_members *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->n == b->n && memcmp(a->port_ids, b->port_ids, a->n * sizeof(a->port_ids[0])) == 0;
}

static void port_update(struct control *control, struct gateway_port *port)
{
	struct tx_members *fresh = live_members(port->port);

	if (same(fresh, atomic_load_explicit(&port->tx_members, memory_order_relaxed))) {
		rte_free(fresh);
		return;
	}
	wb_retire(&control->retire_handle, atomic_exchange(&port->tx_members, fresh), rte_free);
}

void carrier_changed(struct control *control, const char *ifname, bool carrier)
{
	struct gateway *gateway = control->gateway;

	for (unsigned i = 0; i < gateway->n_ports; i++)
		if (wb_port_carrier_set(gateway->ports[i].port, ifname, carrier))
			port_update(control, &gateway->ports[i]);
}

void carrier_follow(struct control *control, uint64_t now)
{
	struct gateway *gateway = control->gateway;

	if (now - control->carrier_followed < FOLLOW_EVERY)
		return;
	control->carrier_followed = now;
	for (unsigned i = 0; i < gateway->n_ports; i++)
		if (has_dead_member(gateway->ports[i].port))
			port_update(control, &gateway->ports[i]);
}
