/* SPDX-License-Identifier: BSD-3-Clause */
#include "leaving.h"

#include <string.h>

#include "port/member.h"

unsigned leaving_place(const struct wb_port *port, const struct wb_outer *outer,
	uint16_t local_port, unsigned members)
{
	struct wb_bond_packet packet = {0};

	memcpy(packet.destination_mac, wb_outer_start(outer), 6);
	memcpy(packet.source_mac, wb_outer_start(outer) + 6, 6);
	packet.source.addr = outer->local;
	packet.source.port = local_port;
	packet.destination = outer->remote;
	return wb_bond_member(port->policy, &packet, members);
}

int leaving_member(const struct gateway *gateway, const struct wb_peer *peer, unsigned *port_index)
{
	const struct wb_outer *outer = atomic_load_explicit(&peer->outer, memory_order_relaxed);
	unsigned members[WB_MEMBERS_MAX], n;
	const struct wb_port *port;

	if (outer == NULL || outer->via != 0)
		return -1;
	port = gateway->ports[outer->port].port;
	n = wb_port_distributing(port, members);
	if (n == 0)
		return -1;
	if (port_index != NULL)
		*port_index = outer->port;
	return (int)members[leaving_place(port, outer, outer->local_port, n)];
}

const char *leaving_member_name(const struct gateway *gateway, const struct wb_peer *peer)
{
	unsigned port = 0;
	int member = leaving_member(gateway, peer, &port);

	return member < 0 ? "" : gateway->ports[port].port->members[member].device.name;
}
