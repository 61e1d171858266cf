/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/lacp.h"

#include <errno.h>
#include <string.h>

#include <bsd/string.h>
#include <rte_byteorder.h>
#include <rte_ethdev.h>

#include "port/compat.h"

static void counters_read(uint16_t port_id, struct wb_member_status *status)
{
	struct rte_eth_stats stats;

	if (rte_eth_stats_get(port_id, &stats) < 0)
		return;
	status->rx_packets = stats.ipackets;
	status->rx_bytes = stats.ibytes;
	status->tx_packets = stats.opackets;
	status->tx_bytes = stats.obytes;
	status->rx_errors = stats.ierrors + stats.imissed;
	status->tx_errors = stats.oerrors;
}

int wb_member_status(const struct wb_port *port, unsigned member, struct wb_member_status *status)
{
	struct rte_eth_bond_8023ad_slave_info info;
	struct rte_eth_link link;
	uint16_t id;

	memset(status, 0, sizeof(*status));
	if (member >= port->n_members)
		return -EINVAL;
	id = port->members[member].port_id;
	if (rte_eth_link_get_nowait(id, &link) == 0) {
		status->link =
			link.link_status == RTE_ETH_LINK_UP && !port->members[member].no_carrier;
		if (link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
			status->speed_mbps = link.link_speed;
	}
	counters_read(id, status);
	if (!port->bond || rte_eth_bond_8023ad_member_info(port->port_id, id, &info) != 0)
		return 0;
	status->lacp = true;
	/* The PMD does not know that we ask for the short timeout. */
	status->actor = info.actor_state | (port->lacp_slow ? 0 : WB_LACP_SHORT);
	status->partner = info.partner_state;
	memcpy(status->partner_system, &info.partner.system, sizeof(status->partner_system));
	status->partner_key = rte_be_to_cpu_16(info.partner.key);
	status->partner_port = rte_be_to_cpu_16(info.partner.port_number);
	status->aggregator = info.agg_port_id;
	return 0;
}

static int member_by_id(const struct wb_port *port, uint16_t port_id)
{
	for (unsigned i = 0; i < port->n_members; i++)
		if (port->members[i].port_id == port_id)
			return (int)i;
	return -1;
}

unsigned wb_port_distributing(const struct wb_port *port, unsigned members[WB_MEMBERS_MAX])
{
	uint16_t active[RTE_MAX_ETHPORTS];
	unsigned n = 0;
	int count;

	if (!port->bond) {
		members[0] = 0;
		return 1;
	}
	/* "Active" has carrier; those LACP has disabled count too, and are left out of the hash. */
	count = rte_eth_bond_active_members_get(port->port_id, active, RTE_DIM(active));
	for (int i = 0; i < count; i++) {
		struct wb_member_status status;
		int member = member_by_id(port, active[i]);

		if (member < 0 || wb_member_status(port, (unsigned)member, &status) < 0)
			continue;
		if (status.lacp && (status.actor & WB_LACP_DISTRIBUTING) && n < WB_MEMBERS_MAX)
			members[n++] = (unsigned)member;
	}
	return n;
}

const char *wb_lacp_state_format(uint8_t state, char *out)
{
	static const char *const names[] = {
		"ACTIVE", "SHORT", "AGG", "SYNC", "COLL", "DIST", "DEF", "EXP"};

	out[0] = '\0';
	for (unsigned i = 0; i < 8; i++) {
		if ((state & 1u << i) == 0)
			continue;
		if (out[0] != '\0')
			strlcat(out, ",", WB_LACP_STATE_STRLEN);
		strlcat(out, names[i], WB_LACP_STATE_STRLEN);
	}
	return out;
}
