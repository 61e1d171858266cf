/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The proof of an IP header, before anything else is read from a packet: twice for each packet of
 * a tunnel, and so inline.
 */
#ifndef WB_APP_IP_CHECK_H
#define WB_APP_IP_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "stats/counters.h"

/* RFC 1812, 5.2.2: the sum over a header with its checksum in place is all ones (RFC 1071: by words
 * of any size). */
static inline bool ip4_sum_is_right(const struct rte_ipv4_hdr *ip, uint32_t header)
{
	uint32_t words[5];
	uint64_t sum = 0;

	if (unlikely(header != sizeof(words)))
		return rte_raw_cksum(ip, header) == 0xffff;
	memcpy(words, ip, sizeof(words));
	for (unsigned i = 0; i < 5; i++)
		sum += words[i];
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/** What a driver says of a frame's IPv4 checksum. Of a tunnelled packet's two headers some drivers
 * mean the inner one, and tell of the outer one if it is wrong. */
#define IP_CHECK_TOLD (RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_OUTER_IP_CKSUM_BAD)

/* Right beyond doubt. Whatever else is said, we add it up ourselves: what is wrong is rare. */
static inline bool ip4_sum_was_right(const struct rte_mbuf *mbuf, uint64_t believed)
{
	return (mbuf->ol_flags & believed) == RTE_MBUF_F_RX_IP_CKSUM_GOOD &&
		(mbuf->packet_type & RTE_PTYPE_TUNNEL_MASK) == 0;
}

static inline int ip4_check(struct rte_mbuf *mbuf, uint64_t believed)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *);
	uint32_t held = rte_pktmbuf_data_len(mbuf), header, total;

	if (held < sizeof(*ip))
		return WB_DROP_BAD_IP_HEADER;
	header = rte_ipv4_hdr_len(ip);
	total = rte_be_to_cpu_16(ip->total_length);
	if (header < sizeof(*ip) || total < header || total > held)
		return WB_DROP_BAD_IP_HEADER;
	if (!ip4_sum_was_right(mbuf, believed) && !ip4_sum_is_right(ip, header))
		return WB_DROP_BAD_CHECKSUM;
	rte_pktmbuf_trim(mbuf, (uint16_t)(held - total));
	return 0;
}

static inline int ip6_check(struct rte_mbuf *mbuf)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv6_hdr *);
	uint32_t held = rte_pktmbuf_data_len(mbuf), total;

	if (held < sizeof(*ip))
		return WB_DROP_BAD_IP_HEADER;
	total = sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
	if (total > held)
		return WB_DROP_BAD_IP_HEADER;
	rte_pktmbuf_trim(mbuf, (uint16_t)(held - total));
	return 0;
}

/**
 * Proves the header of an IP packet that a port has received: version, lengths, IPv4 checksum;
 * trims what lies behind the packet's own length (Ethernet padding, WireGuard padding).
 * @param mbuf      data at the IP header, one segment.
 * @param believed  IP_CHECK_TOLD if the port's driver looks at checksums, else 0.
 * @return 0, or the reason to drop it.
 */
static inline int ip_check_received(struct rte_mbuf *mbuf, uint64_t believed)
{
	if (rte_pktmbuf_data_len(mbuf) == 0)
		return WB_DROP_BAD_IP_HEADER;
	switch (*rte_pktmbuf_mtod(mbuf, uint8_t *) >> 4) {
	case 4:
		return ip4_check(mbuf, believed);
	case 6:
		return ip6_check(mbuf);
	default:
		return WB_DROP_BAD_IP_HEADER;
	}
}

/** The same of a packet from elsewhere, of which no driver has seen the header. */
static inline int ip_check(struct rte_mbuf *mbuf)
{
	return ip_check_received(mbuf, 0);
}

#endif
