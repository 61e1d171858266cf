/* SPDX-License-Identifier: BSD-3-Clause */
/* The way to a peer's endpoint: which port, which next hop, which address of ours. */
#include <linux/rtnetlink.h>
#include <string.h>

#include <rte_common.h>

#include "control.h"
#include "icmp.h"
#include "outer.h"

/* Tunnels within tunnels. */
#define NESTED_MAX 4

/* Linux' mtu_expires. */
#define PATH_MTU_LASTS (600 * NS_PER_SECOND)

/* The port whose own the address is; -1: no port's. */
static int port_of_address(const struct control *control, const struct wb_addr *addr)
{
	const struct wb_prefix prefix = {.addr = *addr, .len = wb_addr_bits(addr)};
	const struct wb_route *route = wb_rib_best(control->rib, &prefix);

	if (route == NULL || route->type != RTN_LOCAL || route->n_hops != 1)
		return -1;
	return gateway_port_by_ifindex(control->gateway, route->hops[0].ifindex);
}

/* Whether a packet would leave by one port with an address of another one's. */
static bool source_is_elsewhere(const struct control *control, const struct wb_way *way)
{
	int owner = port_of_address(control, &way->source);

	return owner >= 0 && owner != gateway_port_by_ifindex(control->gateway, way->ifindex);
}

/* Asks the kernel for its route to the endpoint; from the address the peer spoke to, while that is
 * still one of ours, and not another port's than the route's. */
static bool route_to(
	struct control *control, struct wb_peer *peer, uint32_t mark, struct wb_way *way)
{
	const struct wb_wayfinding *ask;
	struct wb_wayfinding query = {
		.dst = peer->endpoint.addr,
		.src = peer->local,
		.mark = mark,
	};

	ask = &query;
	if (wb_netlink_way(control->netlink, ask, way, NULL) == 0 &&
		(peer->local.family == 0 || !source_is_elsewhere(control, way)))
		return true;
	memset(&query.src, 0, sizeof(query.src));
	return peer->local.family != 0 && wb_netlink_way(control->netlink, ask, way, NULL) == 0;
}

/* Less than a family's least MTU is no router's honest word (Linux' min_pmtu; RFC 8200, 5). */
static uint16_t path_mtu_least(const struct wb_addr *addr)
{
	return addr->family == AF_INET ? 552 : IP6_LEAST_MTU;
}

/* Whether what enters a tunnel for an address would come back to this peer, sealed again and
 * again. */
static bool leads_back(const struct control *control, const struct wb_peer *peer, unsigned tunnel,
	const struct wb_addr *addr)
{
	for (unsigned depth = 0; depth < NESTED_MAX; depth++) {
		const struct wb_peer *next = wb_tunnel_peer_towards(
			control->gateway->wg, control->gateway->tunnels[tunnel].tunnel, addr);
		const struct wb_outer *outer = next == NULL
			? NULL
			: atomic_load_explicit(&next->outer, memory_order_relaxed);

		if (next == peer)
			return true;
		if (outer == NULL || outer->via == 0)
			return false;
		tunnel = outer->via - 1u;
		addr = &next->endpoint.addr;
	}
	return true;
}

/* WireGuard through WireGuard: the route to the endpoint leads into another tunnel. */
static bool way_through_tunnel(struct control *control, const struct wb_peer *peer,
	const struct wb_way *way, struct outer_way *out)
{
	int tunnel = gateway_tunnel_by_ifindex(control->gateway, way->ifindex);

	if (tunnel < 0 || leads_back(control, peer, (unsigned)tunnel, &peer->endpoint.addr))
		return false;
	control->nested = true;
	out->via = (uint16_t)(tunnel + 1);
	out->local = way->source;
	out->remote = peer->endpoint;
	out->local_port = wb_tunnel_source(peer->tunnel);
	out->mtu = control->gateway->wg->mtu[tunnel];
	return true;
}

static bool way_find(struct control *control, struct wb_peer *peer, struct outer_way *out)
{
	const struct wb_addr *hop;
	struct wb_way way;
	int port;

	if (peer->endpoint.addr.family == 0 || !route_to(control, peer, peer->tunnel->fwmark, &way))
		return false;
	port = gateway_port_by_ifindex(control->gateway, way.ifindex);
	/* Into a tunnel, by its default route: the mark passes that by. */
	if (port < 0 && route_to(control, peer, CONFIG_DEFAULT_TABLE, &way))
		port = gateway_port_by_ifindex(control->gateway, way.ifindex);
	if (port < 0)
		return way_through_tunnel(control, peer, &way, out);
	hop = way.gateway.family != 0 ? &way.gateway : &peer->endpoint.addr;
	if (!routes_neighbour(control, (unsigned)port, hop, out->next_hop_mac)) {
		/* The kernel resolves it; the mirror's news bring us back here. */
		wb_netlink_neighbour_use(control->netlink, way.ifindex, hop);
		return false;
	}
	out->port = (uint16_t)port;
	memcpy(out->source_mac, control->gateway->ports[port].mac, sizeof(out->source_mac));
	out->local = way.source;
	out->remote = peer->endpoint;
	out->local_port = wb_tunnel_source(peer->tunnel);
	out->mtu = control->gateway->ports[port].mtu;
	out->udp_checksums = control->gateway->ports[port].port->udp_checksums;
	if (way.mtu != 0 && way.mtu < out->mtu)
		out->mtu = (uint16_t)RTE_MAX(way.mtu, path_mtu_least(&peer->endpoint.addr));
	if (peer->path_mtu != 0 && peer->path_mtu < out->mtu)
		out->mtu = peer->path_mtu;
	return true;
}

static bool same_way(const struct wb_outer *outer, const struct outer_way *way)
{
	return outer->via == way->via && outer->port == way->port &&
		outer->local_port == way->local_port && outer->mtu == way->mtu &&
		wb_endpoint_equal(&outer->remote, &way->remote) &&
		wb_addr_equal(&outer->local, &way->local) &&
		(way->via != 0 || memcmp(wb_outer_start(outer), way->next_hop_mac, 6) == 0);
}

/* Whether a router is to be believed: the index in the packet it quotes is one we use. IPv4 routers
 * may quote too little to see it (RFC 792); those of IPv6 must not (RFC 4443, 2.4). */
static bool credible(const struct wb_peer *peer, const struct event *event)
{
	const struct wb_keypair *current =
		atomic_load_explicit(&peer->current, memory_order_relaxed);
	uint32_t receiver = event->receiver;

	if (!event->quoted)
		return event->remote.family == AF_INET;
	return (current != NULL && current->seal.remote_index == receiver) ||
		(peer->previous != NULL && peer->previous->seal.remote_index == receiver);
}

void way_path_mtu(struct control *control, const struct event *event, uint64_t now)
{
	const struct wb_endpoint remote = {.addr = event->remote, .port = event->port};
	struct wb_tunnel *tunnel = control->gateway->wg->by_id[event->tunnel];
	uint32_t least = path_mtu_least(&event->remote);
	uint32_t mtu = RTE_MAX(event->index, least);

	mtu = RTE_MIN(mtu, (uint32_t)UINT16_MAX);
	for (uint32_t i = 0; tunnel != NULL && i < tunnel->n_peers; i++) {
		struct wb_peer *peer = tunnel->peers[i];

		if (!wb_endpoint_equal(&peer->endpoint, &remote) || !credible(peer, event))
			continue;
		if (peer->path_mtu != 0 && peer->path_mtu < mtu)
			continue;
		peer->path_mtu = (uint16_t)mtu;
		peer->path_mtu_until = now + PATH_MTU_LASTS;
		control->path_mtu_check = RTE_MIN(control->path_mtu_check, peer->path_mtu_until);
		way_update(control, peer);
	}
}

static void path_mtus_forget_tunnel(struct control *control, struct wb_tunnel *tunnel, uint64_t now)
{
	for (uint32_t i = 0; i < tunnel->n_peers; i++) {
		struct wb_peer *peer = tunnel->peers[i];

		if (peer->path_mtu == 0)
			continue;
		if (now >= peer->path_mtu_until) {
			peer->path_mtu = 0;
			way_update(control, peer);
		} else {
			control->path_mtu_check =
				RTE_MIN(control->path_mtu_check, peer->path_mtu_until);
		}
	}
}

void ways_path_mtus_forget(struct control *control, uint64_t now)
{
	const struct wb_tunnels *wg = control->gateway->wg;

	if (now < control->path_mtu_check)
		return;
	control->path_mtu_check = UINT64_MAX;
	for (unsigned i = 0; i < wg->n; i++)
		if (wg->by_id[i] != NULL)
			path_mtus_forget_tunnel(control, wg->by_id[i], now);
}

bool way_update(struct control *control, struct wb_peer *peer)
{
	const struct wb_outer *before = atomic_load_explicit(&peer->outer, memory_order_relaxed);
	struct peer_timer *timer = control->timers[peer->id];
	struct outer_way way = {.port = 0};
	struct wb_outer *outer;

	atomic_store_explicit(
		&peer->located, peer->endpoint.addr.family != 0, memory_order_relaxed);
	if (!way_find(control, peer, &way)) {
		wb_peer_outer_set(peer, NULL, &control->retire_handle);
		return false;
	}
	if (before != NULL && same_way(before, &way))
		return true;
	outer = outer_make(&way);
	if (outer == NULL)
		return before != NULL;
	wb_peer_outer_set(peer, outer, &control->retire_handle);
	if (timer->initiation_pending)
		handshake_begin(control, peer, clock_now());
	return true;
}

void ways_update_tunnel(struct control *control, struct wb_tunnel *tunnel)
{
	for (uint32_t i = 0; i < tunnel->n_peers; i++)
		if (tunnel->peers[i]->endpoint.addr.family != 0)
			way_update(control, tunnel->peers[i]);
}

static void leave_tunnel(struct control *control, struct wb_tunnel *tunnel, unsigned via)
{
	for (uint32_t i = 0; i < tunnel->n_peers; i++) {
		const struct wb_outer *outer =
			atomic_load_explicit(&tunnel->peers[i]->outer, memory_order_relaxed);

		if (outer != NULL && outer->via == via)
			wb_peer_outer_set(tunnel->peers[i], NULL, &control->retire_handle);
	}
}

void ways_leave_tunnel(struct control *control, unsigned id)
{
	const struct wb_tunnels *wg = control->gateway->wg;

	for (unsigned i = 0; i < wg->n; i++)
		if (wg->by_id[i] != NULL)
			leave_tunnel(control, wg->by_id[i], id + 1);
	control->ways_dirty = true;
}

void ways_update_all(struct control *control, uint64_t now)
{
	const struct wb_tunnels *wg = control->gateway->wg;

	(void)now;
	control->ways_dirty = false;
	for (unsigned i = 0; i < wg->n; i++)
		if (wg->by_id[i] != NULL)
			ways_update_tunnel(control, wg->by_id[i]);
}
