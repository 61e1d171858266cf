/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Sealed packets that are longer than their path takes, sent in fragments of the outer packet (RFC
 * 791, RFC 8200 4.5): the last resort, for what can neither be refused nor cut up before.
 */
#ifndef WB_APP_SPLIT_H
#define WB_APP_SPLIT_H

#include <stdbool.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "wg/peer.h"

struct worker;

/** Whether a frame that outer_write() has finished is longer than its path takes. */
static inline bool split_needed(const struct rte_mbuf *mbuf, const struct wb_outer *outer)
{
	return rte_pktmbuf_data_len(mbuf) > RTE_ETHER_HDR_LEN + outer->mtu;
}

/** Sends such a frame in fragments, or drops and counts it: memory is out. Seal lcore. */
void split_send(struct worker *worker, struct rte_mbuf *mbuf, const struct wb_outer *outer);

#endif
