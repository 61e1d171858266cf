/* SPDX-License-Identifier: BSD-3-Clause */
/* The UDP ports of tunnels: where they listen, and where their packets come from. */
#include <errno.h>

#include <sodium.h>

#include "wg/tunnel.h"

/* Where Linux begins its ephemeral ports: a port chosen for the user comes from here on. */
#define RANDOM_PORT_MIN 32768
#define RANDOM_PORTS	28232

static uint16_t random_port(const struct wb_tunnels *tunnels)
{
	uint16_t port;

	do
		port = (uint16_t)(RANDOM_PORT_MIN + randombytes_uniform(RANDOM_PORTS));
	while (tunnels->by_udp_port[port] != 0);
	return port;
}

/* The tunnel that receives what is sent to a port, or NULL. */
static struct wb_tunnel *receiver(const struct wb_tunnels *tunnels, uint16_t port)
{
	unsigned there = port == 0 ? 0 : tunnels->by_udp_port[port];

	return there == 0 ? NULL : tunnels->by_id[there - 1];
}

static void give_up(struct wb_tunnels *tunnels, const struct wb_tunnel *tunnel, uint16_t port)
{
	/* It may be another one's by now. */
	if (port != 0 && tunnels->by_udp_port[port] == tunnel->id + 1)
		tunnels->by_udp_port[port] = 0;
}

struct wb_tunnel *wb_tunnel_listening(const struct wb_tunnels *tunnels, uint16_t port)
{
	struct wb_tunnel *tunnel = receiver(tunnels, port);

	return tunnel != NULL && tunnel->listen_port == port ? tunnel : NULL;
}

/* A port that some tunnel sends from, or did, is no longer its own. */
static void take_away(struct wb_tunnel *tunnel, uint16_t port)
{
	if (tunnel->source_port == port)
		tunnel->source_port = 0;
	if (tunnel->source_port_before == port)
		tunnel->source_port_before = 0;
}

int wb_tunnel_port_set(
	struct wb_tunnels *tunnels, struct wb_tunnel *tunnel, uint16_t port, struct wb_err *err)
{
	struct wb_tunnel *there = receiver(tunnels, port);

	if (port != 0 && port == tunnel->listen_port)
		return 0;
	if (there != NULL && there->listen_port == port)
		return wb_err_set(err, EADDRINUSE, "%s: ListenPort %u is %s's already",
			tunnel->name, port, there->name);
	if (there != NULL)
		take_away(there, port);
	if (port == 0)
		port = random_port(tunnels);
	/* The new one first: no packet to either is taken for the kernel's. */
	tunnels->by_udp_port[port] = (uint8_t)(tunnel->id + 1);
	give_up(tunnels, tunnel, tunnel->listen_port);
	tunnel->listen_port = port;
	/* Who sets a port wants packets to come from it. */
	wb_tunnel_source_set(tunnels, tunnel, 0);
	return 0;
}

int wb_tunnel_source_set(struct wb_tunnels *tunnels, struct wb_tunnel *tunnel, uint16_t port)
{
	uint16_t now = tunnel->source_port;

	if (port == tunnel->listen_port)
		port = 0;
	if (port == now)
		return 0;
	if (port != 0 && port != tunnel->source_port_before && tunnels->by_udp_port[port] != 0)
		return -EADDRINUSE;
	if (tunnel->source_port_before != port)
		give_up(tunnels, tunnel, tunnel->source_port_before);
	if (port != 0)
		tunnels->by_udp_port[port] = (uint8_t)(tunnel->id + 1);
	tunnel->source_port = port;
	tunnel->source_port_before = now;
	return 0;
}

void wb_tunnel_ports_release(struct wb_tunnels *tunnels, const struct wb_tunnel *tunnel)
{
	give_up(tunnels, tunnel, tunnel->listen_port);
	give_up(tunnels, tunnel, tunnel->source_port);
	give_up(tunnels, tunnel, tunnel->source_port_before);
}
