/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Packets that are held back until their peer has a key and a way (paper, section 6.1): a list of
 * each peer's, and of its tunnel's seal stage a list of the peers that have one. Seal lcore.
 */
#ifndef WB_APP_STAGED_H
#define WB_APP_STAGED_H

#include "wg/peer.h"

#include "packet.h"
#include "worker.h"

/** Holds a packet back behind the peer's others; the oldest makes room. */
void staged_add(
	struct stage *stage, struct worker *worker, struct wb_peer *peer, struct rte_mbuf *mbuf);

/** Takes the oldest; there is one. */
static inline struct rte_mbuf *staged_take(struct wb_peer_seal *seal)
{
	struct rte_mbuf *mbuf = seal->staged_head;

	seal->staged_head = packet_of(mbuf)->next;
	if (seal->staged_head == NULL)
		seal->staged_tail = NULL;
	seal->staged--;
	return mbuf;
}

/** Drops all of a peer's, and counts why. Returns how many. */
unsigned staged_drop(struct worker *worker, struct wb_peer *peer, enum wb_counter reason);

/** Forgets a peer that control has removed: after this the stage does not know it. */
void staged_forget(struct stage *stage, struct worker *worker, struct wb_peer *peer);

#endif
