/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Sealed packets that are longer than their path takes, sent in fragments of the outer packet (RFC
 * 791, RFC 8200 4.5): the last resort, for what
 * can neither be refused nor be cut up before.
 */
#ifndef WB_APP_SPLIT_H
#define WB_APP_SPLIT_H

#include <stdbool.h>

#include <rte_mbuf.h>

#include "wg/peer.h"

#include "icmp.h"

struct worker;

/** Messages that are split have some 1300 bytes, and no path takes less than 552. */
#define SPLIT_PIECES_MAX 4

/** Whether an inner packet is to get through whatever its path takes: every link carries IPv6
 * packets of this length, so that senders have none that are shorter (RFC 8200, 5; RFC 2473, 7.1).
 */
static inline bool split_allowed(const struct rte_mbuf *mbuf)
{
	return rte_pktmbuf_data_len(mbuf) <= IP6_LEAST_MTU &&
		*rte_pktmbuf_mtod(mbuf, const uint8_t *) >> 4 == 6;
}

/** Whether a packet that outer_write() has finished is longer than its path takes. */
static inline bool split_needed(const struct rte_mbuf *mbuf, const struct wb_outer *outer)
{
	return rte_pktmbuf_data_len(mbuf) > outer->l2 + outer->mtu;
}

/** Splits such a packet, and frees it. Seal lcore.
 * @return how many pieces there are, in order; 0: memory is out, it was dropped and counted. */
unsigned split(struct worker *worker, struct rte_mbuf *mbuf, const struct wb_outer *outer,
	struct rte_mbuf *pieces[SPLIT_PIECES_MAX]);

#endif
