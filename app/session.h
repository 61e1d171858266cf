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

/** Wakes control for a peer it keeps no deadline for. Called after the store of a `since` time. */
static inline void session_arm(struct worker *worker, struct wb_peer *peer)
{
	const struct event event = {.kind = EVENT_ARM, .peer_id = peer->id, .serial = peer->serial};

	/* Control clears `armed`, then looks at the times; we store the time, then look at `armed`:
	 * one of the two sees the other. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&peer->armed, memory_order_relaxed))
		return;
	atomic_store_explicit(&peer->armed, true, memory_order_relaxed);
	if (!worker_tell(worker, &event))
		atomic_store_explicit(&peer->armed, false, memory_order_relaxed);
}

/** An authenticated packet leaves: data, or a keepalive. Seal lcore. */
static inline void session_sent(struct worker *worker, struct wb_peer *peer, bool data)
{
	uint64_t received = __atomic_load_n(&peer->open.any, __ATOMIC_RELAXED);

	if (peer->seal.any != worker->now)
		__atomic_store_n(&peer->seal.any, worker->now, __ATOMIC_RELAXED);
	if (!data || peer->seal.data == worker->now)
		return;
	__atomic_store_n(&peer->seal.data, worker->now, __ATOMIC_RELAXED);
	if (peer->seal.unanswered_since <= received) {
		__atomic_store_n(&peer->seal.unanswered_since, worker->now, __ATOMIC_RELAXED);
		session_arm(worker, peer);
	}
}

/** An authenticated packet came in. Open lcore. */
static inline void session_received(struct worker *worker, struct wb_peer *peer, bool data)
{
	uint64_t sent = __atomic_load_n(&peer->seal.any, __ATOMIC_RELAXED);

	if (peer->open.any != worker->now)
		__atomic_store_n(&peer->open.any, worker->now, __ATOMIC_RELAXED);
	if (!data || peer->open.data == worker->now)
		return;
	__atomic_store_n(&peer->open.data, worker->now, __ATOMIC_RELAXED);
	if (peer->open.unanswered_since <= sent) {
		__atomic_store_n(&peer->open.unanswered_since, worker->now, __ATOMIC_RELAXED);
		session_arm(worker, peer);
	}
}

#endif
