/* SPDX-License-Identifier: BSD-3-Clause */
#include "seal_peers.h"

#include <rte_ip.h>
#include <rte_prefetch.h>

#include "gateway.h"

static void query_make(const struct worker *worker, uint16_t tunnel, const struct rte_mbuf *mbuf,
	struct wb_allowedips_query *query)
{
	const struct wb_allowedips *allowed =
		atomic_load_explicit(&worker->gateway->wg->allowed[tunnel], memory_order_acquire);
	const uint8_t *l3 = rte_pktmbuf_mtod(mbuf, const uint8_t *);

	if (*l3 >> 4 == 4)
		wb_allowedips_query4(query, allowed, ((const struct rte_ipv4_hdr *)l3)->dst_addr);
	else
		wb_allowedips_query6(query, allowed, ((const struct rte_ipv6_hdr *)l3)->dst_addr);
}

void seal_peers_ask(
	struct seal_peers *peers, const struct worker *worker, unsigned at, unsigned end)
{
	const struct plan *plan = &worker->gateway->plan;

	for (unsigned i = at; i < end; i++) {
		unsigned place = peers->from + i;
		struct rte_mbuf *mbuf = peers->taken->mbufs[place];

		/* The message's header and the outer ones will be written on the line before, the
		 * padding and the tag behind. */
		__builtin_prefetch(rte_pktmbuf_mtod_offset(mbuf, uint8_t *, -32), 1);
		__builtin_prefetch(
			rte_pktmbuf_mtod_offset(mbuf, uint8_t *, rte_pktmbuf_data_len(mbuf)), 1);
		query_make(worker, plan->stages[peers->taken->stages[place]].object, mbuf,
			&peers->queries[i]);
	}
	wb_allowedips_lookup_bulk(&peers->queries[at], end - at);
	for (unsigned i = at; i < end; i++)
		rte_prefetch0(&worker->gateway->wg->peers[peers->queries[i].peer_id]);
}

void seal_peers_find(
	struct seal_peers *peers, const struct worker *worker, unsigned at, unsigned end)
{
	for (unsigned i = at; i < end; i++) {
		struct wb_peer *peer =
			wb_peer_by_id(worker->gateway->wg, peers->queries[i].peer_id);

		peers->peers[i] = peer;
		if (peer == peers->last || peer == NULL)
			continue;
		peers->last = peer;
		peers->changes++;
		rte_prefetch0(peer);
		rte_prefetch0(&peer->seal);
	}
}

void seal_peers_prefetch(const struct seal_peers *peers, unsigned at, unsigned end)
{
	const struct wb_peer *last = NULL;

	for (unsigned i = at; i < end; i++) {
		const struct wb_keypair *keypair;
		const struct wb_outer *outer;

		if (peers->peers[i] == last || peers->peers[i] == NULL)
			continue;
		last = peers->peers[i];
		keypair = atomic_load_explicit(&last->current, memory_order_acquire);
		outer = atomic_load_explicit(&last->outer, memory_order_acquire);
		if (keypair == NULL || outer == NULL)
			continue;
		rte_prefetch0(&keypair->seal);
		rte_prefetch0(outer);
	}
}

struct wb_peer *seal_peer_for(
	const struct worker *worker, uint16_t tunnel, const struct rte_mbuf *mbuf)
{
	struct wb_allowedips_query query;

	query_make(worker, tunnel, mbuf, &query);
	wb_allowedips_lookup_bulk(&query, 1);
	return wb_peer_by_id(worker->gateway->wg, query.peer_id);
}
