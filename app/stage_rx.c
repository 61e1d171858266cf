/* SPDX-License-Identifier: BSD-3-Clause */
/* rx: polls a port, parses once, and tells apart what is for a tunnel, what is to be forwarded, and
 * what is the kernel's. */
#include "stages.h"

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_prefetch.h>

#include "forward.h"
#include "gateway.h"
#include "ip_check.h"
#include "local.h"
#include "reassembly.h"

#define ETHER_LEN RTE_ETHER_HDR_LEN

#define EXPIRE_EVERY (100 * NS_PER_MS)

/* True if the frame is an IP packet for us to look at; else it is dropped or on its way. */
static bool frame_classify(struct worker *worker, struct stage *stage, struct rte_mbuf *mbuf)
{
	const struct gateway_port *port = &worker->gateway->ports[stage->object];
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(mbuf, const struct rte_ether_hdr *);
	int reason;

	if (unlikely(mbuf->nb_segs != 1)) {
		worker_drop(worker, mbuf, WB_DROP_RX_MULTISEG);
		return false;
	}
	if (unlikely(rte_pktmbuf_data_len(mbuf) < ETHER_LEN)) {
		worker_drop(worker, mbuf, WB_DROP_RX_SHORT);
		return false;
	}
	if (memcmp(&ether->dst_addr, port->mac, RTE_ETHER_ADDR_LEN) != 0) {
		if (rte_is_multicast_ether_addr(&ether->dst_addr))
			worker_send(worker, worker->gateway->plan.tap[stage->object], mbuf);
		else
			worker_drop(worker, mbuf, WB_DROP_RX_NOT_OURS);
		return false;
	}
	if (ether->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) &&
		ether->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6)) {
		/* ARP, VLANs, LLDP: the kernel knows what to do. */
		worker_send(worker, worker->gateway->plan.tap[stage->object], mbuf);
		return false;
	}
	rte_pktmbuf_adj(mbuf, ETHER_LEN);
	reason = ip_check_received(mbuf, port->believed);
	if (unlikely(reason != 0)) {
		worker_drop(worker, mbuf, (enum wb_counter)reason);
		return false;
	}
	packet_of(mbuf)->port = stage->object;
	packet_of(mbuf)->via = 0;
	return true;
}

static void dispatch(struct worker *worker, struct stage *stage, struct rte_mbuf *mbuf,
	const struct wb_nexthop *hop)
{
	const struct gateway *gateway = worker->gateway;

	if (hop->type == WB_NH_LOCAL) {
		if (unlikely(reassembly_wanted(
			    rte_pktmbuf_mtod(mbuf, const uint8_t *), rte_pktmbuf_data_len(mbuf)))) {
			mbuf = reassembly_add(stage->own.rx.fragments, worker, mbuf);
			if (mbuf == NULL)
				return;
		}
		/* In segments it is longer than a buffer: the kernel's, whatever it says of its
		 * length. */
		if (likely(mbuf->nb_segs == 1) && local_take(worker, mbuf))
			return;
	}
	forward_one(worker, mbuf, hop, gateway->plan.tap[stage->object], ETHER_LEN);
}

unsigned stage_rx_run(struct stage *stage, struct worker *worker)
{
	struct gateway_port *port = &worker->gateway->ports[stage->object];
	struct rte_mbuf *frames[BURST];
	struct ip_burst ip;
	uint16_t received = rte_eth_rx_burst(port->port->port_id, stage->queue, frames, BURST);

	if (worker->now - stage->own.rx.expired > EXPIRE_EVERY) {
		stage->own.rx.expired = worker->now;
		reassembly_expire(stage->own.rx.fragments, worker);
	}
	if (received == 0)
		return 0;
	ip.n = 0; /* the rest is not worth clearing */
	wb_count(worker->count, WB_IN_PORT_RX, received);
	for (unsigned i = 0; i < received; i++) {
		/* To write, too: a new header or a hop less. */
		__builtin_prefetch(rte_pktmbuf_mtod(frames[i], void *), 1);
		rte_prefetch0(packet_of(frames[i]));
	}
	for (unsigned i = 0; i < received; i++)
		if (frame_classify(worker, stage, frames[i]))
			ip.mbufs[ip.n++] = frames[i];
	forward_lookup(worker, &ip);
	for (unsigned i = 0; i < ip.n; i++)
		dispatch(worker, stage, ip.mbufs[i], ip.hops[i]);
	return received;
}
