/* SPDX-License-Identifier: BSD-3-Clause */
#include "staged.h"

void staged_add(
	struct stage *stage, struct worker *worker, struct wb_peer *peer, struct rte_mbuf *mbuf)
{
	struct wb_peer_seal *seal = &peer->seal;

	packet_of(mbuf)->next = NULL;
	if (seal->staged_tail == NULL)
		seal->staged_head = mbuf;
	else
		packet_of(seal->staged_tail)->next = mbuf;
	seal->staged_tail = mbuf;
	if (++seal->staged > WB_PEER_STAGED_MAX)
		worker_drop(worker, staged_take(seal), WB_DROP_STAGED_OVERFLOW);
	if (!seal->listed) {
		seal->listed = true;
		STAILQ_INSERT_TAIL(&stage->own.seal.waiting, peer, seal.waiting);
		/* The worker has seen by now what the stage's run left to do. */
		__atomic_store_n(stage->bell, 1, __ATOMIC_RELAXED);
	}
}

unsigned staged_drop(struct worker *worker, struct wb_peer *peer, enum wb_counter reason)
{
	unsigned dropped = 0;

	for (; peer->seal.staged > 0; dropped++)
		worker_drop(worker, staged_take(&peer->seal), reason);
	return dropped;
}

void staged_forget(struct stage *stage, struct worker *worker, struct wb_peer *peer)
{
	staged_drop(worker, peer, WB_DROP_PEER_REMOVED);
	if (peer->seal.listed)
		STAILQ_REMOVE(&stage->own.seal.waiting, peer, wb_peer, seal.waiting);
	peer->seal.listed = false;
	atomic_store_explicit(&peer->purged, true, memory_order_release);
}
