/* SPDX-License-Identifier: BSD-3-Clause */
#include "outer.h"

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_udp.h>

#define HOP_LIMIT 64

static void write_ether(struct rte_ether_hdr *ether, const struct outer_way *way, uint16_t type)
{
	memcpy(&ether->dst_addr, way->next_hop_mac, RTE_ETHER_ADDR_LEN);
	memcpy(&ether->src_addr, way->source_mac, RTE_ETHER_ADDR_LEN);
	ether->ether_type = rte_cpu_to_be_16(type);
}

static void write_udp(struct rte_udp_hdr *udp, const struct outer_way *way)
{
	udp->src_port = rte_cpu_to_be_16(way->local_port);
	udp->dst_port = rte_cpu_to_be_16(way->remote.port);
}

static void write4(struct wb_outer *outer, const struct outer_way *way)
{
	struct rte_ether_hdr *ether = (void *)outer->header4;
	struct rte_ipv4_hdr *ip = (void *)(ether + 1);

	if (way->via == 0)
		write_ether(ether, way, RTE_ETHER_TYPE_IPV4);
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->time_to_live = HOP_LIMIT;
	ip->next_proto_id = IPPROTO_UDP;
	ip->src_addr = way->local.v4;
	ip->dst_addr = way->remote.addr.v4;
	write_udp((void *)(ip + 1), way);
	outer->ip_sum = rte_raw_cksum(ip, sizeof(*ip));
	outer->length = (uint8_t)(outer->l2 + sizeof(*ip) + sizeof(struct rte_udp_hdr));
}

static void write6(struct wb_outer *outer, const struct outer_way *way)
{
	struct rte_ether_hdr *ether = (void *)outer->header6;
	struct rte_ipv6_hdr *ip = (void *)(ether + 1);

	if (way->via == 0)
		write_ether(ether, way, RTE_ETHER_TYPE_IPV6);
	ip->vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28);
	ip->proto = IPPROTO_UDP;
	ip->hop_limits = HOP_LIMIT;
	memcpy(ip->src_addr, way->local.bytes, 16);
	memcpy(ip->dst_addr, way->remote.addr.bytes, 16);
	write_udp((void *)(ip + 1), way);
	outer->length = (uint8_t)(outer->l2 + sizeof(*ip) + sizeof(struct rte_udp_hdr));
}

/* IPv4 and IPv6 differ in where the fields lie, not in their sum. */
static uint16_t pseudo_sum(const struct outer_way *way)
{
	size_t length = way->local.family == AF_INET6 ? 16 : 4;

	return outer_fold((uint32_t)rte_raw_cksum(way->local.bytes, length) +
		rte_raw_cksum(way->remote.addr.bytes, length) + rte_cpu_to_be_16(IPPROTO_UDP));
}

struct wb_outer *outer_make(const struct outer_way *way)
{
	struct wb_outer *outer = rte_zmalloc("wb_outer", sizeof(*outer), RTE_CACHE_LINE_SIZE);

	if (outer == NULL)
		return NULL;
	outer->via = way->via;
	outer->ipv6 = way->remote.addr.family == AF_INET6;
	outer->l2 = way->via == 0 ? RTE_ETHER_HDR_LEN : 0;
	if (outer->ipv6)
		write6(outer, way);
	else
		write4(outer, way);
	outer->pseudo_sum = pseudo_sum(way);
	outer->offload = way->udp_checksums;
	outer->port = way->port;
	outer->mtu = way->mtu;
	outer->inner_mtu = (uint16_t)(way->mtu - (outer->length - outer->l2) -
		sizeof(struct wb_msg_transport) - WB_AEAD_TAG_LEN);
	outer->remote = way->remote;
	outer->local = way->local;
	outer->local_port = way->local_port;
	return outer;
}

/* What drivers want to know of a packet whose UDP checksum they make. It has an Ethernet header: a
 * port takes no others. */
static void leave_to_port(struct rte_mbuf *mbuf, bool ipv6)
{
	if (ipv6) {
		mbuf->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV6;
		mbuf->tx_offload = rte_mbuf_tx_offload(RTE_ETHER_HDR_LEN,
			sizeof(struct rte_ipv6_hdr), sizeof(struct rte_udp_hdr), 0, 0, 0, 0);
	} else {
		mbuf->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4;
		mbuf->tx_offload = rte_mbuf_tx_offload(RTE_ETHER_HDR_LEN,
			sizeof(struct rte_ipv4_hdr), sizeof(struct rte_udp_hdr), 0, 0, 0, 0);
	}
}

void outer_sum_udp(struct rte_mbuf *mbuf, struct rte_udp_hdr *udp, const struct wb_outer *outer)
{
	uint16_t sum;

	if (outer->offload) {
		leave_to_port(mbuf, outer->ipv6);
		/* The pseudo header's sum: the port adds the rest. */
		udp->dgram_cksum = outer_fold((uint32_t)outer->pseudo_sum + udp->dgram_len);
		return;
	}
	sum = outer_fold((uint32_t)outer->pseudo_sum + udp->dgram_len +
		rte_raw_cksum(udp, rte_be_to_cpu_16(udp->dgram_len)));
	sum = (uint16_t)~sum;
	udp->dgram_cksum = sum == 0 ? 0xffff : sum;
}
