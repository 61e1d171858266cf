/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * What happens to packets that a tunnel cannot take: dropped, counted, and the sender told.
 */
#ifndef WB_APP_REFUSE_H
#define WB_APP_REFUSE_H

#include "icmp.h"
#include "worker.h"

/**
 * Drops an inner packet, counts why, and sends an ICMP error to its source if it deserves one, at
 * most so many a second, from an address of ours. Seal lcore.
 * @param mtu of ICMP_ERROR_TOO_BIG.
 */
void refuse(struct stage *stage, struct worker *worker, struct rte_mbuf *mbuf,
	enum wb_counter reason, enum icmp_error error, uint16_t mtu);

/**
 * A packet that does not fit the path when sealed: an IPv4 packet that may be is cut into pieces,
 * which come to the tunnel's seal stage again; others are refused. Seal lcore.
 * @param mtu bytes of an inner packet that fit.
 */
void refuse_too_big(
	struct stage *stage, struct worker *worker, struct rte_mbuf *mbuf, uint16_t mtu);

#endif
