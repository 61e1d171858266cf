/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward.h"

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include "fib/flow_follow.h"
#include "gateway.h"

/* The burst's packets of one IP version, by their places in it. */
struct places {
	uint16_t place[2 * BURST];
	uint16_t n;
};

static void lookup4(const struct wb_fib *fib, struct ip_burst *burst, const struct places *places)
{
	uint32_t addresses[2 * BURST];
	uint64_t ids[2 * BURST];

	for (unsigned i = 0; i < places->n; i++)
		addresses[i] = rte_be_to_cpu_32(rte_pktmbuf_mtod(
			burst->mbufs[places->place[i]], const struct rte_ipv4_hdr *)
							->dst_addr);
	wb_fib_lookup4_bulk(fib, addresses, ids, places->n);
	for (unsigned i = 0; i < places->n; i++)
		burst->hops[places->place[i]] = wb_fib_nexthop(fib, ids[i]);
}

static void lookup6(const struct wb_fib *fib, struct ip_burst *burst, const struct places *places)
{
	uint8_t addresses[2 * BURST][16];
	uint64_t ids[2 * BURST];

	for (unsigned i = 0; i < places->n; i++)
		memcpy(addresses[i],
			rte_pktmbuf_mtod(
				burst->mbufs[places->place[i]], const struct rte_ipv6_hdr *)
				->dst_addr,
			sizeof(addresses[i]));
	wb_fib_lookup6_bulk(fib, addresses, ids, places->n);
	for (unsigned i = 0; i < places->n; i++)
		burst->hops[places->place[i]] = wb_fib_nexthop(fib, ids[i]);
}

/* The hashes of flows that groups spread over tunnels, and their buckets, soon. */
static void hash_flows(struct worker *worker, struct ip_burst *burst)
{
	for (unsigned i = 0; i < burst->n; i++) {
		struct rte_mbuf *mbuf = burst->mbufs[i];
		uint32_t hash;

		if (burst->hops[i]->type != WB_NH_GROUP)
			continue;
		hash = wb_flow_hash_packet(rte_pktmbuf_mtod(mbuf, const uint8_t *),
			rte_pktmbuf_data_len(mbuf), worker->gateway->flow_options);
		packet_of(mbuf)->hash = hash;
		wb_group_prefetch(burst->hops[i]->group, hash);
	}
}

void forward_lookup(struct worker *worker, struct ip_burst *burst)
{
	const struct wb_fib *fib = worker->gateway->fib;
	struct places v4, v6;

	v4.n = v6.n = 0;
	for (unsigned i = 0; i < burst->n; i++)
		if (*rte_pktmbuf_mtod(burst->mbufs[i], const uint8_t *) >> 4 == 4)
			v4.place[v4.n++] = (uint16_t)i;
		else
			v6.place[v6.n++] = (uint16_t)i;
	if (v4.n > 0)
		lookup4(fib, burst, &v4);
	if (v6.n > 0)
		lookup6(fib, burst, &v6);
	hash_flows(worker, burst);
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

/* What does not fit is cut up or refused there: by way of the kernel, what follows it would be
 * first. */
static void to_tunnel(struct worker *worker, struct rte_mbuf *mbuf, uint16_t tunnel)
{
	ttl_decrement(rte_pktmbuf_mtod(mbuf, uint8_t *));
	worker_hand(worker, worker->to_seal, worker->gateway->plan.seal[tunnel], mbuf);
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

void forward_one(struct worker *worker, struct rte_mbuf *mbuf, const struct wb_nexthop *hop,
	uint16_t kernel_stage, uint16_t l2)
{
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
		to_tunnel(worker, mbuf, hop->tunnel);
		break;
	case WB_NH_GROUP:
		to_tunnel(worker, mbuf,
			wb_group_pick(hop->group, packet_of(mbuf)->hash, worker->now));
		break;
	default:
		to_kernel(worker, mbuf, kernel_stage, l2);
	}
}
