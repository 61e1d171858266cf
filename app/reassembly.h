/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Outer packets that came in fragments, put together again (RFC 791, RFC 8200 4.5; DPDK's
 * rte_ip_frag): a peer behind a narrow link fragments what it seals. Each rx stage has a table of
 * its own; memory is bounded, and what does not become whole within a second is dropped.
 */
#ifndef WB_APP_REASSEMBLY_H
#define WB_APP_REASSEMBLY_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_ip.h>
#include <rte_ip_frag.h>
#include <rte_mbuf.h>

struct reassembly;
struct worker;

/** Makes a table. Control only. NULL when memory is out. */
struct reassembly *reassembly_create(void);

/** Frees it; packets it holds go with their pool. NULL is ignored. */
void reassembly_destroy(struct reassembly *table);

/** Packets it holds. Any thread. */
unsigned reassembly_held(const struct reassembly *table);

/** The same as reassembly_wanted(), for an IPv6 packet whose first header is not UDP's. */
bool reassembly_wanted6(const uint8_t *l3, uint32_t len);

/** Whether an IP packet, proved by ip_check(), is a fragment of a UDP datagram. */
static inline bool reassembly_wanted(const uint8_t *l3, uint32_t len)
{
	const struct rte_ipv4_hdr *ip = (const void *)l3;

	if (likely(*l3 >> 4 == 4))
		return ip->next_proto_id == IPPROTO_UDP && rte_ipv4_frag_pkt_is_fragmented(ip);
	return ((const struct rte_ipv6_hdr *)l3)->proto != IPPROTO_UDP &&
		reassembly_wanted6(l3, len);
}

/**
 * Takes a fragment.
 * @param mbuf data at the IP header, the Ethernet header in front of it.
 * @return the whole packet, its lengths and checksum right, an Ethernet header in front of it, in
 * one segment if it fits into a buffer; NULL: not yet, or dropped and counted.
 */
struct rte_mbuf *reassembly_add(
	struct reassembly *table, struct worker *worker, struct rte_mbuf *mbuf);

/** Drops what has waited too long. Called from time to time. */
void reassembly_expire(struct reassembly *table, struct worker *worker);

#endif
