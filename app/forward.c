/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward.h"

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include "fib/flow_follow.h"
#include "gateway.h"

void forward_lookup(struct worker *worker, struct ip_burst *burst)
{
	uint32_t ip4[2 * BURST];
	uint8_t ip6[2 * BURST][16];
	uint64_t ids[2 * BURST];
	uint16_t slots4[2 * BURST], slots6[2 * BURST];
	unsigned n4 = 0, n6 = 0;

	for (unsigned i = 0; i < burst->n; i++) {
		const uint8_t *l3 = rte_pktmbuf_mtod(burst->mbufs[i], const uint8_t *);

		if (*l3 >> 4 == 4) {
			const struct rte_ipv4_hdr *ip = (const void *)l3;

			ip4[n4] = rte_be_to_cpu_32(ip->dst_addr);
			slots4[n4++] = (uint16_t)i;
		} else {
			const struct rte_ipv6_hdr *ip = (const void *)l3;

			memcpy(ip6[n6], ip->dst_addr, sizeof(ip6[n6]));
			slots6[n6++] = (uint16_t)i;
		}
	}
	if (n4 > 0) {
		wb_fib_lookup4_bulk(worker->gateway->fib, ip4, ids, n4);
		for (unsigned i = 0; i < n4; i++)
			burst->next_hops[slots4[i]] = ids[i];
	}
	if (n6 > 0) {
		wb_fib_lookup6_bulk(worker->gateway->fib, ip6, ids, n6);
		for (unsigned i = 0; i < n6; i++)
			burst->next_hops[slots6[i]] = ids[i];
	}
}

/* Gives the packet to the kernel as it came: its Ethernet header put back for a TAP. */
static void to_kernel(struct worker *worker, struct rte_mbuf *mbuf, uint16_t stage, uint16_t l2)
{
	if (l2 > 0)
		rte_pktmbuf_prepend(mbuf, l2);
	worker_send(worker, stage, mbuf);
}

static uint8_t ttl_of(const uint8_t *l3)
{
	return *l3 >> 4 == 4 ? ((const struct rte_ipv4_hdr *)l3)->time_to_live
			     : ((const struct rte_ipv6_hdr *)l3)->hop_limits;
}

static void ttl_decrement(uint8_t *l3)
{
	struct rte_ipv4_hdr *ip = (void *)l3;
	uint32_t sum;

	if (*l3 >> 4 == 6) {
		((struct rte_ipv6_hdr *)l3)->hop_limits--;
		return;
	}
	ip->time_to_live--;
	/* RFC 1141: the sum grows by what the TTL byte, the upper of its word, lost. */
	sum = (uint32_t)ip->hdr_checksum + rte_cpu_to_be_16(0x0100);
	ip->hdr_checksum = (uint16_t)(sum + (sum >= 0xffff));
}

/* The tunnel of a group that the packet's flow takes. */
static uint16_t pick(
	const struct worker *worker, struct wb_group *group, const struct rte_mbuf *mbuf)
{
	uint32_t hash = wb_flow_hash_packet(rte_pktmbuf_mtod(mbuf, const uint8_t *),
		rte_pktmbuf_data_len(mbuf), worker->gateway->flow_options);

	return wb_group_pick(group, hash, worker->now);
}

static void to_tunnel(struct worker *worker, struct rte_mbuf *mbuf, uint16_t tunnel,
	uint16_t kernel_stage, uint16_t l2)
{
	const struct gateway *gateway = worker->gateway;

	if (unlikely(rte_pktmbuf_data_len(mbuf) > gateway->wg->by_id[tunnel]->mtu)) {
		to_kernel(worker, mbuf, kernel_stage, l2);
		return;
	}
	ttl_decrement(rte_pktmbuf_mtod(mbuf, uint8_t *));
	packet_of(mbuf)->peer = NULL;
	worker_send(worker, gateway->plan.seal[tunnel], mbuf);
}

static void to_port(struct worker *worker, struct rte_mbuf *mbuf, const struct wb_nexthop *hop,
	uint16_t kernel_stage, uint16_t l2)
{
	const struct gateway *gateway = worker->gateway;
	uint8_t *l3 = rte_pktmbuf_mtod(mbuf, uint8_t *);
	struct rte_ether_hdr *ether;

	if (unlikely(rte_pktmbuf_data_len(mbuf) > gateway->ports[hop->port].mtu)) {
		to_kernel(worker, mbuf, kernel_stage, l2);
		return;
	}
	ttl_decrement(l3);
	ether = (void *)rte_pktmbuf_prepend(mbuf, sizeof(*ether));
	memcpy(&ether->dst_addr, hop->dst_mac, RTE_ETHER_ADDR_LEN);
	memcpy(&ether->src_addr, hop->src_mac, RTE_ETHER_ADDR_LEN);
	ether->ether_type = *l3 >> 4 == 4 ? rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)
					  : rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6);
	worker_send(worker, gateway->plan.tx[hop->port], mbuf);
}

void forward_one(struct worker *worker, struct rte_mbuf *mbuf, uint64_t next_hop,
	uint16_t kernel_stage, uint16_t l2)
{
	const struct wb_nexthop *hop = wb_fib_nexthop(worker->gateway->fib, next_hop);

	if (hop->type == WB_NH_DROP) {
		worker_drop(worker, mbuf, WB_DROP_BLACKHOLE_ROUTE);
		return;
	}
	if (hop->type == WB_NH_KERNEL || hop->type == WB_NH_LOCAL ||
		ttl_of(rte_pktmbuf_mtod(mbuf, uint8_t *)) <= 1) {
		to_kernel(worker, mbuf, kernel_stage, l2);
		return;
	}
	switch (hop->type) {
	case WB_NH_PORT:
		to_port(worker, mbuf, hop, kernel_stage, l2);
		break;
	case WB_NH_TUNNEL:
		to_tunnel(worker, mbuf, hop->tunnel, kernel_stage, l2);
		break;
	case WB_NH_GROUP:
		to_tunnel(worker, mbuf, pick(worker, hop->group, mbuf), kernel_stage, l2);
		break;
	default:
		to_kernel(worker, mbuf, kernel_stage, l2);
	}
}
