/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * What the seal and open stages tell control about a peer's session, and when.
 */
#ifndef WB_APP_SESSION_H
#define WB_APP_SESSION_H

#include "wg/peer.h"
#include "worker.h"

/** Asks control for a handshake, once until that handshake ends. */
static inline void session_want_handshake(struct worker *worker, struct wb_peer *peer)
{
	const struct event event = {
		.kind = EVENT_WANT_HANDSHAKE, .peer_id = peer->id, .serial = peer->serial};

	if (likely(atomic_load_explicit(&peer->wanted, memory_order_relaxed)))
		return;
	atomic_store_explicit(&peer->wanted, true, memory_order_relaxed);
	if (!worker_tell(worker, &event))
		atomic_store_explicit(&peer->wanted, false, memory_order_relaxed);
}

/** Tells control that packets have no way to the peer's endpoint; not for each of them. */
static inline void session_tell_unresolved(struct worker *worker, struct wb_peer *peer)
{
	const struct event event = {
		.kind = EVENT_UNRESOLVED, .peer_id = peer->id, .serial = peer->serial};

	if (worker->now - peer->seal.unresolved_told < 100 * NS_PER_MS)
		return;
	if (worker_tell(worker, &event))
		peer->seal.unresolved_told = worker->now;
}

static inline bool session_awake(const struct wb_peer *peer)
{
	return atomic_load_explicit(&peer->armed, memory_order_relaxed);
}

/** Wakes control for a peer it keeps no near deadline for. Called after the stores of the times. */
static inline void session_wake(struct worker *worker, struct wb_peer *peer)
{
	const struct event event = {.kind = EVENT_ARM, .peer_id = peer->id, .serial = peer->serial};

	/* Without a fence: control looks at the times again when all stores have been seen. */
	if (session_awake(peer))
		return;
	/* When thousands of peers wake at once the rest of the ring is for what is told only once.
	 * The next packet comes here again. */
	if (rte_ring_count(worker->events) > rte_ring_get_capacity(worker->events) / 2)
		return;
	atomic_store_explicit(&peer->armed, true, memory_order_relaxed);
	if (!worker_tell(worker, &event))
		atomic_store_explicit(&peer->armed, false, memory_order_relaxed);
}

/** Whether it is time to look at the other direction's part of a peer. */
static inline bool session_looks(const struct worker *worker, uint64_t looked)
{
	return worker->now - looked >= WB_PEER_LOOK_EVERY;
}

/** Since when data is unanswered, at a look: as noted; or, if that was answered, the last data
 * before this one if it came behind the answer, or this. */
static inline uint64_t session_since(
	const struct worker *worker, uint64_t noted, uint64_t answered, uint64_t last_data)
{
	if (noted > answered)
		return noted;
	return last_data > answered ? last_data : worker->now;
}

/** An authenticated packet leaves: data, or a keepalive. Seal lcore. */
static inline void session_sent(struct worker *worker, struct wb_peer *peer, bool data)
{
	struct wb_peer_seal *seal = &peer->seal;
	uint64_t last = seal->data, received;

	if (seal->any != worker->now)
		__atomic_store_n(&seal->any, worker->now, __ATOMIC_RELAXED);
	if (!data || last == worker->now)
		return;
	__atomic_store_n(&seal->data, worker->now, __ATOMIC_RELAXED);
	if (likely(!session_looks(worker, seal->looked) && session_awake(peer)))
		return;
	seal->looked = worker->now;
	received = RTE_MAX(__atomic_load_n(&peer->open.any, __ATOMIC_RELAXED),
		atomic_load_explicit(&peer->handshake_heard, memory_order_relaxed));
	__atomic_store_n(&seal->unanswered_since,
		session_since(worker, seal->unanswered_since, received, last), __ATOMIC_RELAXED);
	session_wake(worker, peer);
}

/** An authenticated packet came in. Open lcore. */
static inline void session_received(struct worker *worker, struct wb_peer *peer, bool data)
{
	struct wb_peer_open *open = &peer->open;
	uint64_t last = open->data, sent;

	if (open->any != worker->now)
		__atomic_store_n(&open->any, worker->now, __ATOMIC_RELAXED);
	if (!data || last == worker->now)
		return;
	__atomic_store_n(&open->data, worker->now, __ATOMIC_RELAXED);
	if (likely(!session_looks(worker, open->looked) && session_awake(peer)))
		return;
	open->looked = worker->now;
	sent = __atomic_load_n(&peer->seal.any, __ATOMIC_RELAXED);
	__atomic_store_n(&open->unanswered_since,
		session_since(worker, open->unanswered_since, sent, last), __ATOMIC_RELAXED);
	session_wake(worker, peer);
}

#endif
