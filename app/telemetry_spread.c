/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "balance.h"
#include "telemetry_commands.h"
#include "tunnels.h"

static void names_put(struct rte_tel_data *data, const struct wb_port *port)
{
	struct rte_tel_data *array = rte_tel_data_alloc();

	if (array == NULL)
		return;
	rte_tel_data_start_array(array, RTE_TEL_STRING_VAL);
	for (unsigned i = 0; i < port->n_members; i++)
		rte_tel_data_add_array_string(array, port->members[i].device.name);
	if (rte_tel_data_add_dict_container(data, "members", array, 0) < 0)
		rte_tel_data_free(array);
}

int telemetry_spread(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	int port = telemetry_port_index(gateway, params);
	struct balance_view view;

	if (port < 0 || !gateway->ports[port].port->bond)
		return -ENOENT;
	balance_look(gateway->control, (unsigned)port, &view);
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_string(data, "port", params);
	rte_tel_data_add_dict_string(
		data, "balance", gateway->ports[port].balance ? "auto" : "off");
	rte_tel_data_add_dict_int(data, "uneven", view.uneven);
	rte_tel_data_add_dict_string(
		data, "fullest", gateway->ports[port].port->members[view.fullest].device.name);
	names_put(data, gateway->ports[port].port);
	telemetry_numbers_put(data, "sent_bits_s", view.sent, gateway->ports[port].port->n_members);
	return 0;
}

int telemetry_spread_move(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	const struct balance_move *move =
		balance_last(gateway->control, (unsigned)strtoul(params, NULL, 10));
	const struct wb_port *port;

	if (move == NULL)
		return -ENOENT;
	port = gateway->ports[move->port].port;
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_u64(data, "ms_ago", (clock_now() - move->at) / NS_PER_MS);
	rte_tel_data_add_dict_string(data, "tunnel", move->tunnel);
	rte_tel_data_add_dict_string(data, "port", port->name);
	rte_tel_data_add_dict_string(data, "from", port->members[move->member_from].device.name);
	rte_tel_data_add_dict_string(data, "to", port->members[move->member_to].device.name);
	rte_tel_data_add_dict_int(data, "source_port_before", move->port_from);
	rte_tel_data_add_dict_int(data, "source_port", move->port_to);
	rte_tel_data_add_dict_u64(data, "fullest_percent_before", move->percent_before);
	rte_tel_data_add_dict_u64(data, "fullest_percent_expected", move->percent_after);
	return 0;
}

int telemetry_arrivals(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	uint64_t sent[WB_MEMBERS_MAX], received[WB_MEMBERS_MAX];
	char name[IFNAMSIZ];
	unsigned port, unused;
	int tunnel;

	telemetry_split(params, name, sizeof(name), &port, &unused);
	tunnel = tunnel_id(gateway, name);
	if (tunnel < 0 || port >= gateway->n_ports)
		return -ENOENT;
	balance_tunnel(gateway->control, (unsigned)tunnel, port, sent, received);
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_string(data, "port", gateway->ports[port].port->name);
	rte_tel_data_add_dict_int(
		data, "source_port", wb_tunnel_source(gateway->tunnels[tunnel].tunnel));
	names_put(data, gateway->ports[port].port);
	telemetry_numbers_put(data, "sent", sent, gateway->ports[port].port->n_members);
	telemetry_numbers_put(data, "received", received, gateway->ports[port].port->n_members);
	return 0;
}
