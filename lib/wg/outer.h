/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The headers of a peer's sealed packets, ready but for lengths, the IPv4 identification and
 * checksums; and what else is to be known of the way to the peer.
 */
#ifndef WB_WG_OUTER_H
#define WB_WG_OUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "base/addr.h"

/** Ethernet, IPv4 and UDP headers; the transport header is not among them. */
#define WB_OUTER4_MAX (14 + 20 + 8)
/** The same with IPv6: the longest. */
#define WB_OUTER_MAX (14 + 40 + 8)

/**
 * Immutable once published. Over IPv4 all that packets need, both ways, is on the first cache line,
 * and over IPv6 on two: with many peers each line comes from memory.
 */
struct wb_outer {
	uint32_t serial; /**< counts the peer's, from 1 */
	uint32_t ip_sum; /**< IPv4: checksum of the header without length, id and TOS, unfolded */
	uint16_t
		via; /**< id of the tunnel its packets go into, plus one; 0: they leave by a port */
	uint16_t port;	    /**< index of the port it leaves by */
	uint16_t mtu;	    /**< of the path: bytes of an outer packet */
	uint16_t inner_mtu; /**< bytes of an inner packet that fit it when sealed */
	uint8_t length;	    /**< bytes of headers that are in use: the array's last ones */
	uint8_t l2;	    /**< of these, Ethernet's; 0 into a tunnel */
	bool ipv6;
	bool offload;			/**< the port makes UDP checksums */
	uint16_t pseudo_sum;		/**< checksum of addresses and protocol */
	uint8_t header4[WB_OUTER4_MAX]; /**< Ethernet, IPv4, UDP */

	uint8_t reserved6[2];
	uint8_t header6[WB_OUTER_MAX]; /**< Ethernet, IPv6, UDP */

	/* Control's. */
	struct wb_endpoint remote;
	struct wb_addr local;
	uint16_t local_port; /**< host byte order */
} __rte_cache_aligned;

_Static_assert(offsetof(struct wb_outer, reserved6) == RTE_CACHE_LINE_SIZE,
	"IPv4's headers are on the first cache line");
_Static_assert(offsetof(struct wb_outer, remote) == 2 * RTE_CACHE_LINE_SIZE,
	"IPv6's headers are on the second cache line");

/** Where the headers end. */
static inline const uint8_t *wb_outer_end(const struct wb_outer *outer)
{
	return outer->ipv6 ? outer->header6 + WB_OUTER_MAX : outer->header4 + WB_OUTER4_MAX;
}

/** The first byte of the headers. */
static inline const uint8_t *wb_outer_start(const struct wb_outer *outer)
{
	return wb_outer_end(outer) - outer->length;
}

/** The UDP header. */
static inline const struct rte_udp_hdr *wb_outer_udp(const struct wb_outer *outer)
{
	return (const struct rte_udp_hdr *)(const void *)wb_outer_end(outer) - 1;
}

/** The IP header of one that is IPv4. */
static inline const struct rte_ipv4_hdr *wb_outer_ip4(const struct wb_outer *outer)
{
	return (const struct rte_ipv4_hdr *)(const void *)wb_outer_udp(outer) - 1;
}

/** The IP header of one that is IPv6. */
static inline const struct rte_ipv6_hdr *wb_outer_ip6(const struct wb_outer *outer)
{
	return (const struct rte_ipv6_hdr *)(const void *)wb_outer_udp(outer) - 1;
}

#endif
