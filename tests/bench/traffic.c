/* SPDX-License-Identifier: BSD-3-Clause */
#include "traffic.h"

#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "wg/transport.h"

static uint16_t size_of(const struct traffic *traffic, unsigned i)
{
	static const uint16_t imix[12] = {64, 576, 64, 64, 576, 64, 1420, 64, 576, 64, 576, 64};

	return (uint16_t)(traffic->size == SIZE_IMIX ? imix[i % 12] : traffic->size);
}

static void udp_write(struct rte_udp_hdr *udp, uint16_t source, uint16_t length)
{
	udp->src_port = rte_cpu_to_be_16(source);
	udp->dst_port = rte_cpu_to_be_16(5001);
	udp->dgram_len = rte_cpu_to_be_16(length);
	udp->dgram_cksum = 0;
}

static void ip4_write(uint8_t *at, uint16_t length)
{
	struct rte_ipv4_hdr *ip = (void *)at;

	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->type_of_service = 0;
	ip->total_length = rte_cpu_to_be_16(length);
	ip->packet_id = 0;
	ip->fragment_offset = 0;
	ip->time_to_live = 64;
	ip->next_proto_id = IPPROTO_UDP;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static void ip6_write(uint8_t *at, uint16_t length)
{
	struct rte_ipv6_hdr *ip = (void *)at;

	ip->vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28);
	ip->payload_len = rte_cpu_to_be_16((uint16_t)(length - sizeof(*ip)));
	ip->proto = IPPROTO_UDP;
	ip->hop_limits = 64;
}

/* The inner packet of a flow, in place. All of it is written, as a port would: what comes next
 * finds it as far away in the caches as that leaves it. */
static void inner_write(
	const struct world *world, uint8_t *at, uint16_t length, uint32_t flow, bool out)
{
	uint32_t far = world_place(world, flow), near = world_place(world, ~flow);
	uint16_t headers;

	memset(at, (int)flow, length);
	if (world->options.inner == 4) {
		struct rte_ipv4_hdr *ip = (void *)at;

		world_address(world, out, out ? far : near, (uint8_t *)&ip->dst_addr);
		world_address(world, !out, out ? near : far, (uint8_t *)&ip->src_addr);
		ip4_write(at, length);
		headers = sizeof(*ip);
	} else {
		struct rte_ipv6_hdr *ip = (void *)at;

		world_address(world, out, out ? far : near, ip->dst_addr);
		world_address(world, !out, out ? near : far, ip->src_addr);
		ip6_write(at, length);
		headers = sizeof(*ip);
	}
	udp_write((void *)(at + headers), (uint16_t)(1024 + flow % 60000),
		(uint16_t)(length - headers));
}

static void ether_write(
	const struct world *world, struct rte_mbuf *mbuf, unsigned side, unsigned version)
{
	struct rte_ether_hdr *ether = (void *)rte_pktmbuf_prepend(mbuf, sizeof(*ether));

	memset(&ether->src_addr, 2, sizeof(ether->src_addr));
	memcpy(&ether->dst_addr, world->gateway.ports[side].mac, sizeof(ether->dst_addr));
	ether->ether_type =
		rte_cpu_to_be_16(version == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
}

/* The outer headers as they come from the other side: ours, turned round. */
static void outer_write_in(const struct world *world, struct rte_mbuf *mbuf, struct far *far)
{
	const struct wb_outer *outer = atomic_load(&far->peer->outer);
	uint16_t payload = rte_pktmbuf_data_len(mbuf),
		 length = (uint16_t)(payload + sizeof(struct rte_udp_hdr));
	struct rte_udp_hdr *udp = (void *)rte_pktmbuf_prepend(mbuf, sizeof(*udp));

	udp_write(udp, outer->remote.port, length);
	udp->dst_port = rte_cpu_to_be_16(outer->local_port);
	if (world->options.outer == 4) {
		struct rte_ipv4_hdr *ip = (void *)rte_pktmbuf_prepend(mbuf, sizeof(*ip));

		ip->src_addr = outer->remote.addr.v4;
		ip->dst_addr = outer->local.v4;
		ip4_write((uint8_t *)ip, (uint16_t)(length + sizeof(*ip)));
	} else {
		struct rte_ipv6_hdr *ip = (void *)rte_pktmbuf_prepend(mbuf, sizeof(*ip));

		memcpy(ip->src_addr, outer->remote.addr.bytes, 16);
		memcpy(ip->dst_addr, outer->local.bytes, 16);
		ip6_write((uint8_t *)ip, (uint16_t)(length + sizeof(*ip)));
	}
}

static void message_write(struct rte_mbuf *mbuf, struct far *far, struct wb_aead_op *op)
{
	uint16_t padded = (uint16_t)wb_transport_padded(rte_pktmbuf_data_len(mbuf), 0);
	uint8_t *text = rte_pktmbuf_mtod(mbuf, uint8_t *);
	struct wb_msg_transport *message;

	rte_pktmbuf_append(mbuf, (uint16_t)(padded - rte_pktmbuf_data_len(mbuf) + WB_AEAD_TAG_LEN));
	message = (void *)rte_pktmbuf_prepend(mbuf, sizeof(*message));
	message->type = rte_cpu_to_le_32(WB_MSG_TRANSPORT);
	message->receiver = rte_cpu_to_le_32(far->index);
	message->counter = rte_cpu_to_le_64(far->counter);
	*op = (struct wb_aead_op){
		.data = text, .len = padded, .counter = far->counter++, .key = &far->key};
}

static struct far *far_of(struct world *world, const struct traffic *traffic, uint32_t flow)
{
	/* Where both ways take turns, so do tunnels on each. */
	unsigned tunnel = (traffic->path == PATH_BOTH ? flow / 2 : flow) % world->options.tunnels;

	return &world->far[tunnel * world->options.peers +
		world_peer_of(world, world_place(world, flow))];
}

static void prepare_in(struct world *world, struct traffic *traffic, unsigned i)
{
	uint32_t flow = traffic_flow(world, traffic, i);
	struct far *far = far_of(world, traffic, flow);
	struct rte_mbuf *mbuf = traffic->mbufs[i];
	struct packet *packet = packet_of(mbuf);
	struct wb_aead_op op;
	struct worker *worker = world->gateway.plan.workers[0];

	inner_write(world, rte_pktmbuf_mtod(mbuf, uint8_t *), traffic->sizes[i], flow, false);
	message_write(mbuf, far, &op);
	wb_aead_seal_burst(worker->aead, &op, 1);
	outer_write_in(world, mbuf, far);
	if (traffic->path != PATH_OPEN) {
		ether_write(world, mbuf, WAN, world->options.outer);
		return;
	}
	packet->tunnel = far->peer->tunnel->id;
	packet->outer = (uint16_t)(sizeof(struct rte_udp_hdr) +
		(world->options.outer == 4 ? sizeof(struct rte_ipv4_hdr)
					   : sizeof(struct rte_ipv6_hdr)));
	packet->tos = 0;
	rte_pktmbuf_adj(mbuf, packet->outer);
}

void traffic_make(struct world *world, struct traffic *traffic)
{
	traffic->n = world->options.store;
	check(rte_pktmbuf_alloc_bulk(world->gateway.pool, traffic->mbufs, traffic->n) == 0,
		"no buffers for the packets");
}

void traffic_advance(const struct world *world, struct traffic *traffic)
{
	traffic->first = traffic_flow(world, traffic, traffic->n);
}

/* Between Ethernet and the inner packet. */
static unsigned sealed_headers(const struct world *world)
{
	return (unsigned)((world->options.outer == 4 ? sizeof(struct rte_ipv4_hdr)
						     : sizeof(struct rte_ipv6_hdr)) +
		sizeof(struct rte_udp_hdr) + sizeof(struct wb_msg_transport));
}

void traffic_prepare(struct world *world, struct traffic *traffic)
{
	for (unsigned i = 0; i < traffic->n; i++) {
		struct rte_mbuf *mbuf = traffic->mbufs[i];

		rte_pktmbuf_reset(mbuf);
		mbuf->ol_flags = 0;
		mbuf->port = 0;
		/* As a port would place it: Ethernet begins behind the headroom. */
		mbuf->data_off = (uint16_t)(mbuf->data_off + RTE_ETHER_HDR_LEN);
		traffic->sizes[i] = size_of(traffic, i);
		if (!traffic_is_out(traffic, i))
			mbuf->data_off = (uint16_t)(mbuf->data_off + sealed_headers(world));
		mbuf->data_len = traffic->sizes[i];
		mbuf->pkt_len = traffic->sizes[i];
		if (!traffic_is_out(traffic, i)) {
			prepare_in(world, traffic, i);
			continue;
		}
		inner_write(world, rte_pktmbuf_mtod(mbuf, uint8_t *), traffic->sizes[i],
			traffic_flow(world, traffic, i), true);
		packet_of(mbuf)->peer = NULL;
		packet_of(mbuf)->via = 0;
		if (traffic->path != PATH_SEAL)
			ether_write(world, mbuf, LAN, world->options.inner);
	}
}
