/* SPDX-License-Identifier: BSD-3-Clause */
/* rte_ipv4_fragment_copy_nonseg_packet() is "experimental" up to DPDK 23.03. */
#define ALLOW_EXPERIMENTAL_API

#include "refuse.h"

#include <rte_ip.h>
#include <rte_ip_frag.h>

#include "forward.h"
#include "gateway.h"

/* ICMP errors: a hundred at once, a thousand a second, for each worker. */
#define ERROR_EVERY NS_PER_MS
#define ERROR_BURST 100

static const struct wb_addr *source_for(
	const struct gateway *gateway, unsigned tunnel, const struct rte_mbuf *mbuf)
{
	const struct icmp_sources *sources =
		atomic_load_explicit(&gateway->tunnels[tunnel].icmp_sources, memory_order_acquire);
	const struct wb_addr *source;

	if (sources == NULL)
		return NULL;
	source = *rte_pktmbuf_mtod(mbuf, const uint8_t *) >> 4 == 4 ? &sources->v4 : &sources->v6;
	return source->family != 0 ? source : NULL;
}

void refuse(struct stage *stage, struct worker *worker, struct rte_mbuf *mbuf,
	enum wb_counter reason, enum icmp_error error, uint16_t mtu)
{
	const struct wb_addr *source = source_for(worker->gateway, stage->object, mbuf);
	struct ip_burst burst = {.n = 1};

	wb_count(worker->count, reason, 1);
	if (source == NULL || rte_pktmbuf_headroom(mbuf) < ICMP_HEADROOM ||
		!icmp_deserved(
			rte_pktmbuf_mtod(mbuf, const uint8_t *), rte_pktmbuf_data_len(mbuf)) ||
		!worker_may(worker, &worker->error_credit, ERROR_EVERY, ERROR_BURST)) {
		rte_pktmbuf_free(mbuf);
		return;
	}
	icmp_error_make(mbuf, error, source, mtu);
	wb_count(worker->count, WB_IN_ICMP_MADE, 1);
	burst.mbufs[0] = mbuf;
	forward_lookup(worker, &burst);
	forward_one(worker, mbuf, burst.hops[0], worker->gateway->plan.tun[stage->object], 0);
}

static unsigned cut_up(
	struct worker *worker, struct rte_mbuf *mbuf, uint16_t mtu, struct rte_mbuf **pieces)
{
	int n = rte_ipv4_fragment_copy_nonseg_packet(
		mbuf, pieces, REFUSE_PIECES_MAX, mtu, worker->gateway->pool);

	if (n <= 0)
		return 0;
	for (int i = 0; i < n; i++) {
		struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(pieces[i], struct rte_ipv4_hdr *);

		ip->hdr_checksum = 0;
		ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, rte_ipv4_hdr_len(ip));
	}
	wb_count(worker->count, WB_OUT_CUT_UP, 1);
	wb_count(worker->count, WB_IN_FRAGMENTS, (uint64_t)n);
	rte_pktmbuf_free(mbuf);
	return (unsigned)n;
}

unsigned refuse_too_big(struct stage *stage, struct worker *worker, struct rte_mbuf *mbuf,
	uint16_t mtu, struct rte_mbuf **pieces)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *);
	unsigned n;

	if (*(const uint8_t *)ip >> 4 == 4 &&
		(rte_be_to_cpu_16(ip->fragment_offset) & RTE_IPV4_HDR_DF_FLAG) == 0) {
		n = cut_up(worker, mbuf, mtu, pieces);
		/* Without memory for the pieces there is nothing its sender could do better. */
		if (n == 0)
			worker_drop(worker, mbuf, WB_DROP_OUTER_TOO_BIG);
		return n;
	}
	/* Nobody sends IPv6 packets shorter than what every link takes. */
	if (*(const uint8_t *)ip >> 4 == 6 && mtu < IP6_LEAST_MTU)
		mtu = IP6_LEAST_MTU;
	refuse(stage, worker, mbuf, WB_DROP_OUTER_TOO_BIG, ICMP_ERROR_TOO_BIG, mtu);
	return 0;
}
