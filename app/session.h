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

static inline bool is_armed(const struct wb_peer *peer)
{
	return atomic_load_explicit(&peer->armed, memory_order_relaxed);
}

/** Wakes control for a peer it keeps no deadline for. Called after the store of a `since` time. */
static inline void session_arm(struct worker *worker, struct wb_peer *peer)
{
	const struct event event = {.kind = EVENT_ARM, .peer_id = peer->id, .serial = peer->serial};

	/* Control clears `armed`, then looks at the times; we store the time, then look at `armed`:
	 * one of the two sees the other. */
	atomic_thread_fence(memory_order_seq_cst);
	if (is_armed(peer))
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

/** An authenticated packet leaves: data, or a keepalive. Seal lcore. */
static inline void session_sent(struct worker *worker, struct wb_peer *peer, bool data)
{
	if (peer->seal.any != worker->now)
		__atomic_store_n(&peer->seal.any, worker->now, __ATOMIC_RELAXED);
	if (!data || peer->seal.data == worker->now)
		return;
	__atomic_store_n(&peer->seal.data, worker->now, __ATOMIC_RELAXED);
	if (likely(!session_looks(worker, peer->seal.looked) && is_armed(peer)))
		return;
	peer->seal.looked = worker->now;
	if (peer->seal.unanswered_since <= __atomic_load_n(&peer->open.any, __ATOMIC_RELAXED)) {
		__atomic_store_n(&peer->seal.unanswered_since, worker->now, __ATOMIC_RELAXED);
		session_arm(worker, peer);
	}
}

/** An authenticated packet came in. Open lcore. */
static inline void session_received(struct worker *worker, struct wb_peer *peer, bool data)
{
	if (peer->open.any != worker->now)
		__atomic_store_n(&peer->open.any, worker->now, __ATOMIC_RELAXED);
	if (!data || peer->open.data == worker->now)
		return;
	__atomic_store_n(&peer->open.data, worker->now, __ATOMIC_RELAXED);
	if (likely(!session_looks(worker, peer->open.looked) && is_armed(peer)))
		return;
	peer->open.looked = worker->now;
	if (peer->open.unanswered_since <= __atomic_load_n(&peer->seal.any, __ATOMIC_RELAXED)) {
		__atomic_store_n(&peer->open.unanswered_since, worker->now, __ATOMIC_RELAXED);
		session_arm(worker, peer);
	}
}

#endif
