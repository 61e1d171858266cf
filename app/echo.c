/* SPDX-License-Identifier: BSD-3-Clause */
#include "echo.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "base/bytes.h"

#define HOP_LIMIT 64

#define ICMP_HEADER 8
#define PAYLOAD	    16

#define ICMP4_REQUEST 8
#define ICMP4_REPLY   0
#define ICMP6_REQUEST 128
#define ICMP6_REPLY   129

/* An identifier like any other's: the cookie is what counts. */
#define IDENT 0x5742

static void message_make(uint8_t *icmp, uint8_t type, const struct echo *echo)
{
	memset(icmp, 0, ICMP_HEADER + PAYLOAD);
	icmp[0] = type;
	wb_store16(icmp + 4, IDENT);
	wb_store16(icmp + 6, echo->sequence);
	memcpy(icmp + ICMP_HEADER, &echo->cookie, sizeof(echo->cookie));
	wb_store16(icmp + ICMP_HEADER + sizeof(echo->cookie), echo->tunnel);
}

static uint16_t make4(
	uint8_t *l3, const struct wb_addr *from, const struct wb_addr *to, const struct echo *echo)
{
	struct rte_ipv4_hdr *ip = (void *)l3;
	uint8_t *icmp = l3 + sizeof(*ip);
	uint16_t sum;

	message_make(icmp, ICMP4_REQUEST, echo);
	sum = (uint16_t)~rte_raw_cksum(icmp, ICMP_HEADER + PAYLOAD);
	memcpy(icmp + 2, &sum, sizeof(sum));
	memset(ip, 0, sizeof(*ip));
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->total_length = rte_cpu_to_be_16(sizeof(*ip) + ICMP_HEADER + PAYLOAD);
	ip->fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG);
	ip->time_to_live = HOP_LIMIT;
	ip->next_proto_id = IPPROTO_ICMP;
	ip->src_addr = from->v4;
	ip->dst_addr = to->v4;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return sizeof(*ip) + ICMP_HEADER + PAYLOAD;
}

static uint16_t make6(
	uint8_t *l3, const struct wb_addr *from, const struct wb_addr *to, const struct echo *echo)
{
	struct rte_ipv6_hdr *ip = (void *)l3;
	uint8_t *icmp = l3 + sizeof(*ip);
	uint16_t sum;

	message_make(icmp, ICMP6_REQUEST, echo);
	ip->vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28);
	ip->payload_len = rte_cpu_to_be_16(ICMP_HEADER + PAYLOAD);
	ip->proto = IPPROTO_ICMPV6;
	ip->hop_limits = HOP_LIMIT;
	memcpy(ip->src_addr, from->bytes, 16);
	memcpy(ip->dst_addr, to->bytes, 16);
	sum = rte_ipv6_udptcp_cksum(ip, icmp);
	memcpy(icmp + 2, &sum, sizeof(sum));
	return sizeof(*ip) + ICMP_HEADER + PAYLOAD;
}

uint16_t echo_request_make(
	uint8_t *l3, const struct wb_addr *from, const struct wb_addr *to, const struct echo *echo)
{
	return to->family == AF_INET ? make4(l3, from, to, echo) : make6(l3, from, to, echo);
}

/* The ICMP message of a whole packet, if it is a reply; NULL otherwise. */
static const uint8_t *reply_of(const uint8_t *l3, uint32_t len)
{
	if (*l3 >> 4 == 4) {
		const struct rte_ipv4_hdr *ip = (const void *)l3;
		uint32_t header = rte_ipv4_hdr_len(ip);

		if (ip->next_proto_id != IPPROTO_ICMP || len < header + ICMP_HEADER + PAYLOAD ||
			(ip->fragment_offset &
				rte_cpu_to_be_16(
					RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) != 0)
			return NULL;
		return l3[header] == ICMP4_REPLY ? l3 + header : NULL;
	}
	if (((const struct rte_ipv6_hdr *)l3)->proto != IPPROTO_ICMPV6 ||
		len < sizeof(struct rte_ipv6_hdr) + ICMP_HEADER + PAYLOAD)
		return NULL;
	l3 += sizeof(struct rte_ipv6_hdr);
	return *l3 == ICMP6_REPLY ? l3 : NULL;
}

bool echo_reply_parse(const uint8_t *l3, uint32_t len, uint64_t cookie, struct echo *echo)
{
	const uint8_t *icmp = reply_of(l3, len);

	if (icmp == NULL || wb_load16(icmp + 4) != IDENT)
		return false;
	memcpy(&echo->cookie, icmp + ICMP_HEADER, sizeof(echo->cookie));
	echo->sequence = wb_load16(icmp + 6);
	echo->tunnel = wb_load16(icmp + ICMP_HEADER + sizeof(echo->cookie));
	return echo->cookie == cookie;
}
