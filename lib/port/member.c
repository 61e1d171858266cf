/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/member.h"

#include <errno.h>
#include <string.h>

#include <rte_common.h>
#include <rte_ethdev.h>

#include "port/compat.h"

#define SECOND UINT64_C(1000000000)

void wb_port_counters_read(uint16_t port_id, struct wb_port_counters *counters)
{
	struct rte_eth_stats stats;

	memset(counters, 0, sizeof(*counters));
	if (rte_eth_stats_get(port_id, &stats) < 0)
		return;
	counters->rx_packets = stats.ipackets;
	counters->rx_bytes = stats.ibytes;
	counters->rx_missed = stats.imissed;
	counters->rx_errors = stats.ierrors;
	counters->tx_packets = stats.opackets;
	counters->tx_bytes = stats.obytes;
	counters->tx_errors = stats.oerrors;
}

bool wb_member_link(const struct wb_member *member, uint32_t *speed)
{
	struct rte_eth_link link;

	*speed = 0;
	if (rte_eth_link_get_nowait(member->port_id, &link) != 0)
		return false;
	if (link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		*speed = link.link_speed;
	return link.link_status == RTE_ETH_LINK_UP && !member->no_carrier;
}

int wb_member_status(const struct wb_port *port, unsigned index, struct wb_member_status *status)
{
	const struct wb_member *member;

	memset(status, 0, sizeof(*status));
	if (index >= port->n_members)
		return -EINVAL;
	member = &port->members[index];
	status->link = status->distributing = wb_member_link(member, &status->speed_mbps);
	wb_port_counters_read(member->port_id, &status->counters);
	status->rates = member->meter.rates;
	if (port->lacp == NULL)
		return 0;
	status->lacp = &port->lacp->members[index];
	status->distributing = wb_lacp_distributing(status->lacp);
	status->lacp_active =
		port->lacp->active >= 0 && status->lacp->aggregator == (unsigned)port->lacp->active;
	return 0;
}

int wb_member_by_id(const struct wb_port *port, uint16_t port_id)
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
	/* The PMD's order is that in which members became active; it hashes over those of them that
	 * were told to distribute. */
	count = rte_eth_bond_active_members_get(port->port_id, active, RTE_DIM(active));
	for (int i = 0; i < count; i++) {
		int member = wb_member_by_id(port, active[i]);

		if (member >= 0 && wb_lacp_distributing(&port->lacp->members[member]))
			members[n++] = (unsigned)member;
	}
	return n;
}

static void meter(uint16_t port_id, struct wb_port_meter *meter, uint64_t now)
{
	uint64_t span = now - meter->at;
	struct wb_port_counters counters;

	wb_port_counters_read(port_id, &counters);
	if (meter->at != 0) {
		const struct wb_port_counters *last = &meter->last;
		double seconds = (double)span / (double)SECOND;

		meter->rates.rx_packets =
			(uint64_t)((double)(counters.rx_packets - last->rx_packets) / seconds);
		meter->rates.rx_bits =
			(uint64_t)((double)(counters.rx_bytes - last->rx_bytes) * 8 / seconds);
		meter->rates.tx_packets =
			(uint64_t)((double)(counters.tx_packets - last->tx_packets) / seconds);
		meter->rates.tx_bits =
			(uint64_t)((double)(counters.tx_bytes - last->tx_bytes) * 8 / seconds);
	}
	meter->last = counters;
	meter->at = now;
}

void wb_port_rates_sample(struct wb_port *port, uint64_t now)
{
	if (now - port->meter.at < SECOND)
		return;
	meter(port->port_id, &port->meter, now);
	for (unsigned i = 0; i < port->n_members; i++)
		meter(port->members[i].port_id, &port->members[i].meter, now);
}
