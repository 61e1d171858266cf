/* SPDX-License-Identifier: BSD-3-Clause */
/* Whom to probe through a tunnel. Any WireGuard peer answers an echo request to an address of its
 * own: an allowed IP that is one host's, the gateway of a route through the tunnel, or the other
 * address of a network that has only two. */
#include <linux/rtnetlink.h>
#include <string.h>

#include "paths.h"

/* The search, through allowed IPs and routes. */
struct search {
	struct control *control;
	int ifindex;
	struct wb_addr found[2]; /* by rank; family 0: none */
	struct icmp_sources sources;
};

enum rank {
	RANK_HOST,
	RANK_ROUTE,
};

static bool has_source(const struct search *search, const struct wb_addr *addr)
{
	const struct wb_addr *source =
		addr->family == AF_INET ? &search->sources.v4 : &search->sources.v6;

	return source->family != 0 && !wb_addr_equal(source, addr);
}

static void note(struct search *search, enum rank rank, const struct wb_addr *addr)
{
	if (search->found[rank].family == 0 && has_source(search, addr))
		search->found[rank] = *addr;
}

static void allowed_note(void *arg, const struct wb_prefix *prefix)
{
	if (prefix->len == wb_addr_bits(&prefix->addr))
		note(arg, RANK_HOST, &prefix->addr);
}

/* The other address of a network of two: /31 and /127 (RFC 3021, RFC 6164), /30 and /126. */
static void neighbour_note(struct search *search, const struct wb_prefix *network)
{
	const struct wb_addr *own =
		network->addr.family == AF_INET ? &search->sources.v4 : &search->sources.v6;
	unsigned host = wb_addr_bits(&network->addr) - network->len;
	struct wb_addr other = *own;
	unsigned last = network->addr.family == AF_INET ? 3 : 15;

	if (own->family == 0 || (host != 1 && host != 2) || !wb_prefix_contains(network, own))
		return;
	other.bytes[last] ^= host == 1 ? 1 : 3;
	note(search, RANK_ROUTE, &other);
}

static void route_note(void *arg, const struct wb_prefix *prefix)
{
	struct search *search = arg;
	const struct wb_route *route = wb_rib_best(search->control->rib, prefix);

	if (route->type != RTN_UNICAST)
		return;
	for (unsigned i = 0; i < route->n_hops; i++) {
		if (route->hops[i].ifindex != search->ifindex)
			continue;
		if (route->hops[i].gateway.family != 0)
			note(search, RANK_ROUTE, &route->hops[i].gateway);
		else
			neighbour_note(search, prefix);
	}
}

static void search_run(struct search *search, const struct wb_tunnel *tunnel, bool routes)
{
	/* With several peers, the first one's answers stand for the tunnel. */
	for (uint32_t i = 0; i < tunnel->n_peers && search->found[RANK_HOST].family == 0; i++)
		wb_allowedips_table_of_peer(
			tunnel->table, tunnel->peers[i]->id, allowed_note, search);
	/* All routes are looked through: not often. */
	if (search->found[RANK_HOST].family == 0 && routes)
		wb_rib_foreach(search->control->rib, route_note, search);
}

void path_target_find(struct control *control, unsigned id, const struct wb_addr *wanted,
	bool routes, struct path_view *view)
{
	const struct gateway_tunnel *slot = &control->gateway->tunnels[id];
	const struct wb_tunnel *tunnel = slot->tunnel;
	const struct icmp_sources *sources =
		atomic_load_explicit(&slot->icmp_sources, memory_order_relaxed);
	struct search search = {.control = control, .ifindex = slot->ifindex};

	if (sources != NULL)
		search.sources = *sources;
	/* What routes told before holds meanwhile. */
	if (!routes && wanted->family == 0 && view->target.family != 0)
		note(&search, RANK_ROUTE, &view->target);
	memset(&view->target, 0, sizeof(view->target));
	memset(&view->source, 0, sizeof(view->source));
	if (wanted->family != 0)
		note(&search, RANK_HOST, wanted);
	else
		search_run(&search, tunnel, routes);
	for (unsigned rank = RANK_HOST; rank <= RANK_ROUTE && view->target.family == 0; rank++)
		if (search.found[rank].family != 0 &&
			wb_tunnel_peer_towards(control->gateway->wg, tunnel, &search.found[rank]) !=
				NULL)
			view->target = search.found[rank];
	view->peer = tunnel->n_peers > 0 ? tunnel->peers[0] : NULL;
	if (view->target.family == 0)
		return;
	view->peer = wb_tunnel_peer_towards(control->gateway->wg, tunnel, &view->target);
	view->source = view->target.family == AF_INET ? search.sources.v4 : search.sources.v6;
}
