/* SPDX-License-Identifier: BSD-3-Clause */
/* From the kernel's routes and neighbours to the FIB. Every entry of the FIB comes from here. */
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include <rte_log.h>
#include <rte_malloc.h>

#include "control.h"
#include "groups.h"
#include "tunnels.h"

/* How often neighbours in use are proved: within the kernel's own time to call one stale. */
#define REFRESH_EVERY (5 * NS_PER_SECOND)

/* What is never forwarded, whatever the default route: multicast, broadcast, loopback, link-local.
 */
static const char *const kernels_own[] = {"224.0.0.0/4", "255.255.255.255/32", "127.0.0.0/8",
	"169.254.0.0/16", "ff00::/8", "fe80::/10"};

/* The tunnels a route leads into, with weights; 0 if it leads elsewhere too. A tunnel on its way
 * out counts as gone: the kernel will say so, and the others keep their flows meanwhile. */
static unsigned tunnel_paths(
	const struct control *control, const struct wb_route *route, struct wb_group_path *paths)
{
	unsigned n = 0;

	for (unsigned i = 0; i < route->n_hops; i++) {
		int tunnel = gateway_tunnel_by_ifindex(control->gateway, route->hops[i].ifindex);
		unsigned weight = route->hops[i].weight;

		if (tunnel < 0 && tunnel_is_closing(control->gateway, route->hops[i].ifindex))
			continue;
		if (tunnel < 0 || n == WB_GROUP_MAX_PATHS)
			return 0;
		paths[n++] = (struct wb_group_path){.tunnel = (uint16_t)tunnel,
			.weight = (uint8_t)(weight == 0 ? 1
					: weight > 255	? 255
							: weight)};
	}
	return n;
}

static struct wb_nh_spec neighbour_hop(
	const struct control *control, const struct neighbour *neighbour)
{
	return wb_nh_port(
		neighbour->port, neighbour->mac, control->gateway->ports[neighbour->port].mac);
}

/* The first hop behind a port whose gateway is resolved; the kernel has the packet otherwise, and
 * resolves it. */
static struct wb_nh_spec gateway_hop(const struct control *control, const struct wb_route *route)
{
	for (unsigned i = 0; i < route->n_hops; i++) {
		int port = gateway_port_by_ifindex(control->gateway, route->hops[i].ifindex);
		const struct neighbour *neighbour;

		if (port < 0 || route->hops[i].gateway.family == 0)
			continue;
		neighbour = neighbours_find(
			control->neighbours, (unsigned)port, &route->hops[i].gateway);
		if (neighbour != NULL)
			return neighbour_hop(control, neighbour);
	}
	return wb_nh_kernel();
}

static struct wb_nh_spec route_hop(
	struct control *control, const struct wb_prefix *prefix, const struct wb_route *route)
{
	struct wb_group_path paths[WB_GROUP_MAX_PATHS];
	uint32_t group;
	unsigned n;

	switch (route->type) {
	case RTN_LOCAL:
		return wb_nh_local();
	case RTN_BLACKHOLE:
		return wb_nh_drop();
	case RTN_UNICAST:
		break;
	default:
		return wb_nh_kernel();
	}
	n = tunnel_paths(control, route, paths);
	if (n == 1)
		return wb_nh_tunnel(paths[0].tunnel);
	if (n > 1 && groups_for_route(control, prefix, paths, n, &group) == 0)
		return wb_nh_group(group);
	return gateway_hop(control, route);
}

/* Sets or takes away the FIB's entry of a prefix, by the RIB and the neighbours. */
static void prefix_update(struct control *control, const struct wb_prefix *prefix)
{
	const struct wb_route *route = wb_rib_best(control->rib, prefix);
	struct wb_fib *fib = control->gateway->fib;
	const struct neighbour *neighbour = NULL;
	struct wb_nh_spec hop;
	struct wb_err err;

	if (prefix->len == wb_addr_bits(&prefix->addr))
		neighbour = neighbours_find_any(control->neighbours, &prefix->addr);
	if (route != NULL)
		hop = route_hop(control, prefix, route);
	else if (neighbour != NULL)
		hop = neighbour_hop(control, neighbour);
	else {
		wb_fib_route_del(fib, prefix, NULL);
		return;
	}
	/* A host route by the kernel that says no more than "on the link". */
	if (hop.type == WB_NH_KERNEL && neighbour != NULL && route->type == RTN_UNICAST)
		hop = neighbour_hop(control, neighbour);
	if (wb_fib_route_set(fib, prefix, &hop, &err) < 0) {
		RTE_LOG(ERR, USER1, "wirebraid: %s\n", err.text);
		/* Where it led before may be about to go. */
		wb_fib_route_del(fib, prefix, NULL);
	}
}

/* An address of ours is a local route of one address; one that has gone may have been that. */
static bool maybe_ours(const struct control *control, const struct wb_prefix *prefix)
{
	const struct wb_route *route = wb_rib_best(control->rib, prefix);

	return prefix->len == wb_addr_bits(&prefix->addr) &&
		(route == NULL || route->type == RTN_LOCAL);
}

static void on_best_changed(void *arg, const struct wb_prefix *prefix)
{
	struct control *control = arg;

	control->sources_dirty |= maybe_ours(control, prefix);

	prefix_update(control, prefix);
	control->ways_dirty = true;
}

struct gateway_change {
	struct control *control;
	struct wb_addr gateway;
};

/* A gateway's MAC has become known or has changed: its routes follow. */
static void update_if_via(void *arg, const struct wb_prefix *prefix)
{
	const struct gateway_change *change = arg;
	const struct wb_route *route = wb_rib_best(change->control->rib, prefix);

	for (unsigned i = 0; i < route->n_hops; i++)
		if (wb_addr_equal(&route->hops[i].gateway, &change->gateway)) {
			prefix_update(change->control, prefix);
			return;
		}
}

static void neighbour_changed(struct control *control, const struct wb_addr *addr)
{
	struct gateway_change change = {.control = control, .gateway = *addr};
	struct wb_prefix host = {.addr = *addr, .len = (uint8_t)wb_addr_bits(addr)};

	prefix_update(control, &host);
	wb_rib_foreach(control->rib, update_if_via, &change);
	control->ways_dirty = true;
}

struct link_change {
	struct control *control;
	int ifindex;
};

static void update_if_by(void *arg, const struct wb_prefix *prefix)
{
	const struct link_change *change = arg;
	const struct wb_route *route = wb_rib_best(change->control->rib, prefix);

	for (unsigned i = 0; i < route->n_hops; i++)
		if (route->hops[i].ifindex == change->ifindex) {
			prefix_update(change->control, prefix);
			return;
		}
}

void routes_link_gone(struct control *control, int ifindex)
{
	struct link_change change = {.control = control, .ifindex = ifindex};

	wb_rib_foreach(control->rib, update_if_by, &change);
	control->ways_dirty = true;
}

static bool link_local(const struct wb_addr *addr)
{
	return addr->family == AF_INET6 && addr->bytes[0] == 0xfe &&
		(addr->bytes[1] & 0xc0) == 0x80;
}

/* Our addresses: each tunnel's own, and the last resort of those that have none. */
struct sources {
	struct control *control;
	struct icmp_sources of_tunnel[WB_TUNNELS_MAX];
	struct icmp_sources of_ports;
};

static void source_note(struct icmp_sources *sources, const struct wb_addr *addr)
{
	struct wb_addr *place = addr->family == AF_INET ? &sources->v4 : &sources->v6;

	if (place->family == 0 && addr->family != 0)
		*place = *addr;
}

static void source_take(void *arg, const struct wb_prefix *prefix)
{
	struct sources *all = arg;
	const struct wb_route *route = wb_rib_best(all->control->rib, prefix);
	int tunnel;

	if (route->type != RTN_LOCAL || route->n_hops != 1 || link_local(&prefix->addr) ||
		prefix->len != wb_addr_bits(&prefix->addr))
		return;
	tunnel = gateway_tunnel_by_ifindex(all->control->gateway, route->hops[0].ifindex);
	if (tunnel >= 0)
		source_note(&all->of_tunnel[tunnel], &prefix->addr);
	else if (gateway_port_by_ifindex(all->control->gateway, route->hops[0].ifindex) >= 0)
		source_note(&all->of_ports, &prefix->addr);
}

void routes_icmp_sources(struct control *control)
{
	struct gateway *gateway = control->gateway;
	struct sources all = {.control = control};

	if (!control->sources_dirty)
		return;
	control->sources_dirty = false;
	wb_rib_foreach(control->rib, source_take, &all);
	for (unsigned i = 0; i < WB_TUNNELS_MAX; i++) {
		struct icmp_sources *fresh;

		if (gateway->tunnels[i].tunnel == NULL ||
			(fresh = rte_zmalloc("icmp_sources", sizeof(*fresh), 0)) == NULL)
			continue;
		*fresh = all.of_tunnel[i];
		source_note(fresh, &all.of_ports.v4);
		source_note(fresh, &all.of_ports.v6);
		wb_retire(&control->retire_handle,
			atomic_exchange(&gateway->tunnels[i].icmp_sources, fresh), rte_free);
	}
}

static void on_route(void *arg, const struct wb_route *route, bool gone)
{
	struct control *control = arg;

	if (gone)
		wb_rib_del(control->rib, route);
	else
		wb_rib_set(control->rib, route);
}

static void on_routes_begin(void *arg, int family)
{
	wb_rib_mark(((struct control *)arg)->rib, family);
}

static void on_routes_end(void *arg, int family)
{
	wb_rib_sweep(((struct control *)arg)->rib, family);
}

static void on_neighbour(void *arg, const struct wb_neighbour *neighbour, bool gone)
{
	struct control *control = arg;
	int port = gateway_port_by_ifindex(control->gateway, neighbour->ifindex);
	bool news;

	if (port < 0)
		return;
	if (gone)
		news = neighbours_del(control->neighbours, (unsigned)port, &neighbour->addr);
	else
		news = neighbours_set(
			control->neighbours, (unsigned)port, &neighbour->addr, neighbour->mac);
	if (!news)
		return;
	/* One link-local address may be on several links: it is no place to route to. */
	if (!link_local(&neighbour->addr)) {
		neighbour_changed(control, &neighbour->addr);
	} else {
		struct gateway_change change = {.control = control, .gateway = neighbour->addr};

		wb_rib_foreach(control->rib, update_if_via, &change);
		control->ways_dirty = true;
	}
}

static void mark_unseen(void *arg, struct neighbour *neighbour)
{
	(void)arg;
	neighbour->seen = false;
}

static void on_neighbours_begin(void *arg)
{
	neighbours_foreach(((struct control *)arg)->neighbours, mark_unseen, NULL);
}

static void forget_unseen(void *arg, struct neighbour *neighbour)
{
	struct control *control = arg;
	struct wb_addr addr = neighbour->addr;

	if (neighbour->seen)
		return;
	neighbours_del(control->neighbours, neighbour->port, &addr);
	neighbour_changed(control, &addr);
}

static void on_neighbours_end(void *arg)
{
	neighbours_foreach(((struct control *)arg)->neighbours, forget_unseen, arg);
}

static void on_link(void *arg, const struct wb_link *link, bool gone)
{
	struct control *control = arg;

	int tunnel = gateway_tunnel_by_ifindex(control->gateway, link->ifindex);

	links_carrier(control, link->name, !gone && link->up && link->carrier);
	/* `ip link set wg0 mtu N`; what does not fit into the buffers is dropped when sealed. */
	if (tunnel >= 0 && !gone && link->mtu != 0)
		control->gateway->wg->mtu[tunnel] =
			(uint16_t)RTE_MIN(link->mtu, control->gateway->mtu_max);
	control->ways_dirty = true;
}

static const struct wb_mirror_ops ops = {
	.route = on_route,
	.routes_begin = on_routes_begin,
	.routes_end = on_routes_end,
	.neighbour = on_neighbour,
	.neighbours_begin = on_neighbours_begin,
	.neighbours_end = on_neighbours_end,
	.link = on_link,
};

int routes_start(struct control *control, struct wb_err *err)
{
	const struct wb_nh_spec kernel = wb_nh_kernel();
	struct wb_prefix prefix;

	control->rib = wb_rib_create(CONFIG_DEFAULT_TABLE, on_best_changed, control);
	control->neighbours = neighbours_create();
	if (control->rib == NULL || control->neighbours == NULL)
		return wb_err_set(err, ENOMEM, "no memory for routes");
	for (unsigned i = 0; i < RTE_DIM(kernels_own); i++) {
		wb_prefix_parse(kernels_own[i], &prefix);
		if (wb_fib_route_set(control->gateway->fib, &prefix, &kernel, err) < 0)
			return -ENOMEM;
	}
	return wb_mirror_open(&ops, control, &control->mirror, err);
}

void routes_stop(struct control *control)
{
	wb_mirror_close(control->mirror);
	neighbours_free(control->neighbours);
	wb_rib_free(control->rib);
}

bool routes_neighbour(
	const struct control *control, unsigned port, const struct wb_addr *addr, uint8_t mac[6])
{
	const struct neighbour *neighbour = neighbours_find(control->neighbours, port, addr);

	if (neighbour == NULL)
		return false;
	memcpy(mac, neighbour->mac, 6);
	return true;
}

static void use(void *arg, struct neighbour *neighbour)
{
	struct control *control = arg;

	wb_netlink_neighbour_use(control->netlink, control->gateway->ports[neighbour->port].ifindex,
		&neighbour->addr);
}

void routes_refresh_neighbours(struct control *control, uint64_t now)
{
	if (now - control->neighbours_refreshed < REFRESH_EVERY)
		return;
	control->neighbours_refreshed = now;
	neighbours_foreach(control->neighbours, use, control);
}
