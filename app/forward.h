/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Routing of IP packets, for what came in by a port and for what came out of a tunnel.
 */
#ifndef WB_APP_FORWARD_H
#define WB_APP_FORWARD_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "fib/nexthop.h"

#include "worker.h"

/** What forward_one() needs to know of each packet: proved by ip_check(). */
struct ip_burst {
	struct rte_mbuf *mbufs[2 * BURST];	  /**< data at the IP header */
	const struct wb_nexthop *hops[2 * BURST]; /**< by forward_lookup() */
	uint16_t n;
};

/** Looks up the destinations of a burst in the FIB, both families, and hashes what groups get. */
void forward_lookup(struct worker *worker, struct ip_burst *burst);

/**
 * Sends one routed packet on: to a tunnel's seal stage or to a port. What only the kernel can do
 * (no usable next hop, TTL expired, longer than the MTU of the way out) goes to `kernel_stage`.
 * @param l2  bytes of Ethernet header in front of the data that the TAP wants back, 0 for a TUN.
 */
void forward_one(struct worker *worker, struct rte_mbuf *mbuf, const struct wb_nexthop *hop,
	uint16_t kernel_stage, uint16_t l2);

#endif
