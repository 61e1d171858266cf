/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>

#include "port/lacp.h"

#include "telemetry_commands.h"

static struct gateway_port *find(struct gateway *gateway, const char *name)
{
	for (unsigned i = 0; i < gateway->n_ports; i++)
		if (strcmp(gateway->ports[i].port->name, name) == 0)
			return &gateway->ports[i];
	return NULL;
}

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

int telemetry_port(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	const struct gateway_port *slot = find(gateway, params);
	struct rte_eth_stats stats = {0};
	struct rte_eth_link link = {0};
	const struct wb_port *port;
	char mac[18];

	if (slot == NULL)
		return -ENOENT;
	port = slot->port;
	rte_eth_stats_get(port->port_id, &stats);
	rte_eth_link_get_nowait(port->port_id, &link);
	mac_text(port->mac, mac);
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_string(data, "name", port->name);
	rte_tel_data_add_dict_string(data, "mac", mac);
	rte_tel_data_add_dict_int(data, "mtu", port->mtu);
	rte_tel_data_add_dict_int(data, "bond", port->bond);
	rte_tel_data_add_dict_string(
		data, "hash", port->bond ? wb_bond_policy_name(port->policy) : "");
	rte_tel_data_add_dict_int(data, "members", (int)port->n_members);
	rte_tel_data_add_dict_int(data, "link", link.link_status == RTE_ETH_LINK_UP);
	rte_tel_data_add_dict_u64(data, "speed_mbps",
		link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed);
	rte_tel_data_add_dict_u64(data, "rx_packets", stats.ipackets);
	rte_tel_data_add_dict_u64(data, "rx_bytes", stats.ibytes);
	rte_tel_data_add_dict_u64(data, "rx_missed", stats.imissed);
	rte_tel_data_add_dict_u64(data, "rx_errors", stats.ierrors);
	rte_tel_data_add_dict_u64(data, "tx_packets", stats.opackets);
	rte_tel_data_add_dict_u64(data, "tx_bytes", stats.obytes);
	rte_tel_data_add_dict_u64(data, "tx_errors", stats.oerrors);
	return 0;
}

int telemetry_member(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	char name[IFNAMSIZ], state[WB_LACP_STATE_STRLEN], system[18];
	struct wb_member_status status;
	const struct gateway_port *port;
	unsigned index, unused;

	telemetry_split(params, name, sizeof(name), &index, &unused);
	port = find(gateway, name);
	if (port == NULL || wb_member_status(port->port, index, &status) < 0)
		return -ENOENT;
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_string(data, "device", port->port->members[index].device.name);
	rte_tel_data_add_dict_int(data, "link", status.link);
	rte_tel_data_add_dict_u64(data, "speed_mbps", status.speed_mbps);
	if (status.lacp) {
		mac_text(status.partner_system, system);
		rte_tel_data_add_dict_string(
			data, "state", wb_lacp_state_format(status.actor, state));
		rte_tel_data_add_dict_string(
			data, "partner_state", wb_lacp_state_format(status.partner, state));
		rte_tel_data_add_dict_string(data, "partner_system", system);
		rte_tel_data_add_dict_int(data, "partner_key", status.partner_key);
		rte_tel_data_add_dict_int(data, "partner_port", status.partner_port);
		rte_tel_data_add_dict_int(data, "aggregator", status.aggregator);
	}
	rte_tel_data_add_dict_int(data, "distributing",
		status.link && (!status.lacp || (status.actor & WB_LACP_DISTRIBUTING) != 0));
	rte_tel_data_add_dict_u64(data, "rx_packets", status.rx_packets);
	rte_tel_data_add_dict_u64(data, "rx_bytes", status.rx_bytes);
	rte_tel_data_add_dict_u64(data, "rx_errors", status.rx_errors);
	rte_tel_data_add_dict_u64(data, "tx_packets", status.tx_packets);
	rte_tel_data_add_dict_u64(data, "tx_bytes", status.tx_bytes);
	rte_tel_data_add_dict_u64(data, "tx_errors", status.tx_errors);
	return 0;
}
