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

/** Pieces of a packet: 64 KiB cut up for a path of 576 bytes. */
#define REFUSE_PIECES_MAX 128

/**
 * A packet that does not fit the tunnel, or its path when sealed: an IPv4 packet that may be is cut
 * into pieces that do, others are refused. Seal lcore.
 * @param mtu     bytes of an inner packet that fit.
 * @param pieces  room for REFUSE_PIECES_MAX; the caller's from now on.
 * @return how many pieces; 0: none, and the packet is gone.
 */
unsigned refuse_too_big(struct stage *stage, struct worker *worker, struct rte_mbuf *mbuf,
	uint16_t mtu, struct rte_mbuf **pieces);

#endif
