/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Whose packets are that are to be sealed: from the destination to the peer's id, to the peer, to
 * its key and way. Each step asks for the memory that the next one needs, for many packets; the
 * seal stage has the AEAD work between a packet's steps, so that memory is waited for meanwhile.
 */
#ifndef WB_APP_SEAL_PEERS_H
#define WB_APP_SEAL_PEERS_H

#include "wg/allowedips.h"

#include "worker.h"

/** Packets that have been taken, from one on, and what is known of them. */
struct seal_peers {
	const struct taken *taken;
	unsigned from;
	struct wb_allowedips_query queries[BURST];
	struct wb_peer *peers[BURST]; /**< NULL: nobody's */
	const struct wb_peer *last;   /**< of the packets looked at so far */
	unsigned changes; /**< how often a packet was not of the same peer as the one before */
};

/** The steps, for the packets `at` to `end` - 1 behind `from`. Workers, within one round. */
void seal_peers_ask(
	struct seal_peers *peers, const struct worker *worker, unsigned at, unsigned end);
void seal_peers_find(
	struct seal_peers *peers, const struct worker *worker, unsigned at, unsigned end);
void seal_peers_prefetch(const struct seal_peers *peers, unsigned at, unsigned end);

/** The peer of one packet, or NULL. */
struct wb_peer *seal_peer_for(
	const struct worker *worker, uint16_t tunnel, const struct rte_mbuf *mbuf);

#endif
