/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>

#include <rte_ethdev.h>

#include "port/member.h"

#include "telemetry_commands.h"

int telemetry_ports(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	(void)params;
	rte_tel_data_start_array(data, RTE_TEL_STRING_VAL);
	for (unsigned i = 0; i < gateway->n_ports; i++)
		rte_tel_data_add_array_string(data, gateway->ports[i].port->name);
	return 0;
}

static void mac_text(const uint8_t mac[6], char out[18])
{
	snprintf(out, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		mac[5]);
}

static void counters_put(struct rte_tel_data *data, const struct wb_port_counters *counters,
	const struct wb_port_rates *rates)
{
	rte_tel_data_add_dict_u64(data, "rx_packets", counters->rx_packets);
	rte_tel_data_add_dict_u64(data, "rx_bytes", counters->rx_bytes);
	rte_tel_data_add_dict_u64(data, "rx_missed", counters->rx_missed);
	rte_tel_data_add_dict_u64(data, "rx_errors", counters->rx_errors);
	rte_tel_data_add_dict_u64(data, "tx_packets", counters->tx_packets);
	rte_tel_data_add_dict_u64(data, "tx_bytes", counters->tx_bytes);
	rte_tel_data_add_dict_u64(data, "tx_errors", counters->tx_errors);
	rte_tel_data_add_dict_u64(data, "rx_packets_s", rates->rx_packets);
	rte_tel_data_add_dict_u64(data, "rx_bits_s", rates->rx_bits);
	rte_tel_data_add_dict_u64(data, "tx_packets_s", rates->tx_packets);
	rte_tel_data_add_dict_u64(data, "tx_bits_s", rates->tx_bits);
}

/* The queue in front of a port, and what it was too full for. */
static void queue_put(
	struct rte_tel_data *data, const struct gateway *gateway, const struct gateway_port *slot)
{
	const struct stage *stage = &gateway->plan.stages[gateway->plan.tx[slot - gateway->ports]];

	rte_tel_data_add_dict_u64(data, "tx_queue", rte_ring_count(stage->in));
	rte_tel_data_add_dict_u64(data, "tx_queue_size", rte_ring_get_capacity(stage->in));
	rte_tel_data_add_dict_u64(
		data, "tx_dropped", __atomic_load_n(&stage->own.tx.refused, __ATOMIC_RELAXED));
}

static void bond_put(struct rte_tel_data *data, const struct wb_port *port)
{
	unsigned members[WB_MEMBERS_MAX];

	rte_tel_data_add_dict_string(data, "hash", wb_bond_policy_name(port->policy));
	rte_tel_data_add_dict_int(data, "distributing", (int)wb_port_distributing(port, members));
	rte_tel_data_add_dict_int(data, "min_links", (int)port->lacp->config.min_links);
	rte_tel_data_add_dict_int(data, "aggregator", port->lacp->active + 1);
	rte_tel_data_add_dict_int(data, "system_priority", port->lacp->config.system_priority);
}

int telemetry_port(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	int index = telemetry_port_index(gateway, params);
	const struct gateway_port *slot;
	struct wb_port_counters counters;
	struct rte_eth_link link = {0};
	const struct wb_port *port;
	char mac[18];

	if (index < 0)
		return -ENOENT;
	slot = &gateway->ports[index];
	port = slot->port;
	wb_port_counters_read(port->port_id, &counters);
	rte_eth_link_get_nowait(port->port_id, &link);
	mac_text(port->mac, mac);
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_string(data, "name", port->name);
	rte_tel_data_add_dict_string(data, "mac", mac);
	rte_tel_data_add_dict_int(data, "mtu", port->mtu);
	rte_tel_data_add_dict_int(data, "rx_queues", port->rx_queues);
	rte_tel_data_add_dict_int(data, "rx_ipv4_checksums", port->ip4_checksums);
	rte_tel_data_add_dict_int(data, "tx_udp_checksums", port->udp_checksums);
	rte_tel_data_add_dict_int(data, "bond", port->bond);
	if (port->bond)
		bond_put(data, port);
	rte_tel_data_add_dict_int(data, "members", (int)port->n_members);
	rte_tel_data_add_dict_int(data, "link", link.link_status == RTE_ETH_LINK_UP);
	rte_tel_data_add_dict_u64(data, "speed_mbps",
		link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed);
	counters_put(data, &counters, &port->meter.rates);
	queue_put(data, gateway, slot);
	return 0;
}

static void side_put(struct rte_tel_data *data, const char *side, const struct wb_lacp_info *info)
{
	char key[32], state[WB_LACP_STATE_STRLEN];

	snprintf(key, sizeof(key), "%sstate", side);
	rte_tel_data_add_dict_string(data, key, wb_lacp_state_format(info->state, state));
	snprintf(key, sizeof(key), "%skey", side);
	rte_tel_data_add_dict_int(data, key, info->key);
	snprintf(key, sizeof(key), "%sport", side);
	rte_tel_data_add_dict_int(data, key, info->port);
	snprintf(key, sizeof(key), "%sport_priority", side);
	rte_tel_data_add_dict_int(data, key, info->port_priority);
}

static void lacp_put(struct rte_tel_data *data, const struct wb_lacp_member *lacp, bool active)
{
	char system[18];

	side_put(data, "", &lacp->actor);
	side_put(data, "partner_", &lacp->partner);
	mac_text(lacp->partner.system, system);
	rte_tel_data_add_dict_string(data, "partner_system", system);
	rte_tel_data_add_dict_int(data, "partner_system_priority", lacp->partner.system_priority);
	rte_tel_data_add_dict_string(data, "standing", wb_lacp_standing_name(lacp->standing));
	rte_tel_data_add_dict_int(data, "aggregator", (int)lacp->aggregator + 1);
	rte_tel_data_add_dict_int(data, "aggregator_active", active);
	rte_tel_data_add_dict_u64(data, "actor_churns", lacp->actor_churn.count);
	rte_tel_data_add_dict_u64(data, "partner_churns", lacp->partner_churn.count);
	/* Milliseconds; absent: it never distributed. */
	if (lacp->changed != 0)
		rte_tel_data_add_dict_u64(
			data, "changed_ms_ago", (clock_now() - lacp->changed) / NS_PER_MS);
	rte_tel_data_add_dict_u64(data, "lacpdus_received", lacp->pdus_received);
	rte_tel_data_add_dict_u64(data, "lacpdus_sent", lacp->pdus_sent);
}

int telemetry_member(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	struct wb_member_status status;
	const struct wb_port *port;
	unsigned index, unused;
	char name[IFNAMSIZ];
	int found;

	telemetry_split(params, name, sizeof(name), &index, &unused);
	found = telemetry_port_index(gateway, name);
	if (found < 0)
		return -ENOENT;
	port = gateway->ports[found].port;
	if (wb_member_status(port, index, &status) < 0)
		return -ENOENT;
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_string(data, "device", port->members[index].device.name);
	rte_tel_data_add_dict_int(data, "link", status.link);
	rte_tel_data_add_dict_u64(data, "speed_mbps", status.speed_mbps);
	rte_tel_data_add_dict_int(data, "distributing", status.distributing);
	if (status.lacp != NULL)
		lacp_put(data, status.lacp, status.lacp_active);
	counters_put(data, &status.counters, &status.rates);
	return 0;
}
