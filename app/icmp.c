/* SPDX-License-Identifier: BSD-3-Clause */
#include "icmp.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#define HOP_LIMIT 64

/* As precedence of errors, RFC 1812, 4.3.2.5, and what Linux sends. */
#define ERROR_TOS 0xc0

/* The whole error: RFC 1812, 4.3.2.3, and IPv6's least MTU. */
#define ERROR4_MAX 576
#define ERROR6_MAX IP6_LEAST_MTU

#define ICMP_HEADER 8

#define ICMP4_UNREACHABLE      3
#define ICMP4_HOST_UNREACHABLE 1
#define ICMP4_FRAGMENTATION    4
#define ICMP6_UNREACHABLE      1
#define ICMP6_ADDRESS	       3
#define ICMP6_TOO_BIG	       2
#define ICMP6_INFORMATIONAL    128
#define ICMP6_REDIRECT	       137

/* Errors of ICMP: source quench and redirect are among them. */
static bool icmp4_is_error(uint8_t type)
{
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static bool deserved4(const uint8_t *l3, uint32_t len)
{
	const struct rte_ipv4_hdr *ip = (const void *)l3;
	uint32_t source = rte_be_to_cpu_32(ip->src_addr), header = rte_ipv4_hdr_len(ip);
	uint32_t destination = rte_be_to_cpu_32(ip->dst_addr);

	if ((rte_be_to_cpu_16(ip->fragment_offset) & RTE_IPV4_HDR_OFFSET_MASK) != 0)
		return false;
	if (source >> 24 == 0 || source >> 24 == 127 || source >> 28 >= 14 ||
		destination >> 28 >= 14)
		return false;
	return ip->next_proto_id != IPPROTO_ICMP || (len > header && !icmp4_is_error(l3[header]));
}

static bool deserved6(const uint8_t *l3, uint32_t len)
{
	static const uint8_t zeros[16];
	const struct rte_ipv6_hdr *ip = (const void *)l3;
	uint8_t next = ip->proto;
	uint32_t at = sizeof(*ip);

	if (ip->src_addr[0] == 0xff || ip->dst_addr[0] == 0xff ||
		memcmp(ip->src_addr, zeros, sizeof(zeros)) == 0)
		return false;
	if (next == IPPROTO_FRAGMENT) {
		/* The first one may be told of. */
		if (len < at + 8 || ((l3[at + 2] << 8 | l3[at + 3]) & 0xfff8) != 0)
			return false;
		next = l3[at];
		at += 8;
	}
	return next != IPPROTO_ICMPV6 ||
		(len > at && l3[at] >= ICMP6_INFORMATIONAL && l3[at] != ICMP6_REDIRECT);
}

bool icmp_deserved(const uint8_t *l3, uint32_t len)
{
	return *l3 >> 4 == 4 ? deserved4(l3, len) : deserved6(l3, len);
}

static void put16(uint8_t *bytes, uint16_t be)
{
	memcpy(bytes, &be, sizeof(be));
}

/* rte_pktmbuf_prepend() for who has proved that there is room. */
static uint8_t *push(struct rte_mbuf *mbuf, uint16_t bytes)
{
	mbuf->data_off = (uint16_t)(mbuf->data_off - bytes);
	mbuf->data_len = (uint16_t)(mbuf->data_len + bytes);
	mbuf->pkt_len += bytes;
	return rte_pktmbuf_mtod(mbuf, uint8_t *);
}

static void trim_to(struct rte_mbuf *mbuf, uint32_t most)
{
	uint32_t length = rte_pktmbuf_data_len(mbuf);

	if (length > most)
		rte_pktmbuf_trim(mbuf, (uint16_t)(length - most));
}

static void make4(
	struct rte_mbuf *mbuf, enum icmp_error error, const struct wb_addr *from, uint16_t mtu)
{
	uint32_t to = ((const struct rte_ipv4_hdr *)rte_pktmbuf_mtod(mbuf, void *))->src_addr;
	struct rte_ipv4_hdr *ip;
	uint8_t *icmp;

	trim_to(mbuf, ERROR4_MAX - sizeof(*ip) - ICMP_HEADER);
	icmp = push(mbuf, ICMP_HEADER);
	memset(icmp, 0, ICMP_HEADER);
	icmp[0] = ICMP4_UNREACHABLE;
	icmp[1] = error == ICMP_ERROR_TOO_BIG ? ICMP4_FRAGMENTATION : ICMP4_HOST_UNREACHABLE;
	if (error == ICMP_ERROR_TOO_BIG)
		put16(icmp + 6, rte_cpu_to_be_16(mtu));
	put16(icmp + 2, (uint16_t)~rte_raw_cksum(icmp, rte_pktmbuf_data_len(mbuf)));

	ip = (void *)push(mbuf, sizeof(*ip));
	memset(ip, 0, sizeof(*ip));
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->type_of_service = ERROR_TOS;
	ip->total_length = rte_cpu_to_be_16(rte_pktmbuf_data_len(mbuf));
	ip->time_to_live = HOP_LIMIT;
	ip->next_proto_id = IPPROTO_ICMP;
	ip->src_addr = from->v4;
	ip->dst_addr = to;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static void make6(
	struct rte_mbuf *mbuf, enum icmp_error error, const struct wb_addr *from, uint16_t mtu)
{
	struct rte_ipv6_hdr *ip;
	uint8_t to[16], *icmp;

	memcpy(to, rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, 8), sizeof(to));
	trim_to(mbuf, ERROR6_MAX - sizeof(*ip) - ICMP_HEADER);
	icmp = push(mbuf, ICMP_HEADER);
	memset(icmp, 0, ICMP_HEADER);
	icmp[0] = error == ICMP_ERROR_TOO_BIG ? ICMP6_TOO_BIG : ICMP6_UNREACHABLE;
	icmp[1] = error == ICMP_ERROR_TOO_BIG ? 0 : ICMP6_ADDRESS;
	if (error == ICMP_ERROR_TOO_BIG)
		put16(icmp + 6, rte_cpu_to_be_16(mtu));

	ip = (void *)push(mbuf, sizeof(*ip));
	ip->vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28);
	ip->payload_len = rte_cpu_to_be_16((uint16_t)(rte_pktmbuf_data_len(mbuf) - sizeof(*ip)));
	ip->proto = IPPROTO_ICMPV6;
	ip->hop_limits = HOP_LIMIT;
	memcpy(ip->src_addr, from->bytes, 16);
	memcpy(ip->dst_addr, to, 16);
	put16(icmp + 2, rte_ipv6_udptcp_cksum(ip, icmp));
}

void icmp_error_make(
	struct rte_mbuf *mbuf, enum icmp_error error, const struct wb_addr *from, uint16_t mtu)
{
	if (*rte_pktmbuf_mtod(mbuf, const uint8_t *) >> 4 == 4)
		make4(mbuf, error, from, mtu);
	else
		make6(mbuf, error, from, mtu);
}
