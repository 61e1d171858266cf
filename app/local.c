/* SPDX-License-Identifier: BSD-3-Clause */
#include "local.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "echo.h"
#include "gateway.h"
#include "outer_icmp.h"
#include "wg/transport.h"

/* News of path MTUs that control is told: some at once, a hundred a second. */
#define NEWS_EVERY (10 * NS_PER_MS)
#define NEWS_BURST 32

static bool is_fragment(const struct rte_ipv4_hdr *ip)
{
	return (ip->fragment_offset &
		       rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) != 0;
}

/* The UDP header of a packet that is whole, or NULL. */
static const struct rte_udp_hdr *udp_of(const struct rte_mbuf *mbuf, uint16_t *l3_len)
{
	const uint8_t *l3 = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	const struct rte_udp_hdr *udp;

	if (*l3 >> 4 == 4) {
		const struct rte_ipv4_hdr *ip = (const void *)l3;

		if (ip->next_proto_id != IPPROTO_UDP || is_fragment(ip))
			return NULL;
		*l3_len = rte_ipv4_hdr_len(ip);
	} else {
		const struct rte_ipv6_hdr *ip = (const void *)l3;

		/* WireGuard's packets carry no extension headers; others are the kernel's. */
		if (ip->proto != IPPROTO_UDP)
			return NULL;
		*l3_len = sizeof(*ip);
	}
	if (rte_pktmbuf_data_len(mbuf) < *l3_len + sizeof(*udp))
		return NULL;
	udp = (const void *)(l3 + *l3_len);
	if (rte_be_to_cpu_16(udp->dgram_len) < sizeof(*udp) ||
		rte_be_to_cpu_16(udp->dgram_len) > rte_pktmbuf_data_len(mbuf) - *l3_len)
		return NULL;
	return udp;
}

/* A UDP datagram to a tunnel's port: transport data to the open stage, handshakes to control. */
static void to_open(struct worker *worker, struct rte_mbuf *mbuf, uint16_t tunnel, uint16_t l3_len,
	uint16_t datagram)
{
	struct packet *packet = packet_of(mbuf);
	const uint8_t *l3 = rte_pktmbuf_mtod(mbuf, const uint8_t *);

	packet->tunnel = tunnel;
	packet->outer = (uint16_t)(l3_len + sizeof(struct rte_udp_hdr));
	packet->tos = *l3 >> 4 == 4 ? l3[1] : (uint8_t)(l3[0] << 4 | l3[1] >> 4);
	rte_pktmbuf_trim(mbuf, (uint16_t)(rte_pktmbuf_data_len(mbuf) - l3_len - datagram));
	rte_pktmbuf_adj(mbuf, packet->outer);

	switch (wb_message_type(
		rte_pktmbuf_mtod(mbuf, const uint8_t *), rte_pktmbuf_data_len(mbuf))) {
	case WB_MSG_TRANSPORT:
		/* One that came through another tunnel: that was just opened, with this worker's.
		 */
		if (likely(packet->via == 0))
			worker_hand(
				worker, worker->to_open, worker->gateway->plan.open[tunnel], mbuf);
		else
			worker_send(worker, worker->gateway->plan.open[tunnel], mbuf);
		break;
	case WB_MSG_INITIATION:
	case WB_MSG_RESPONSE:
	case WB_MSG_COOKIE_REPLY:
		if (likely(rte_ring_enqueue(worker->gateway->handshakes, mbuf) == 0))
			wb_count(worker->count, WB_OUT_TO_CONTROL, 1);
		else
			worker_drop(worker, mbuf, WB_DROP_HANDSHAKE_RING_FULL);
		break;
	default:
		worker_drop(worker, mbuf, WB_DROP_WG_BAD_MESSAGE);
	}
}

/* A router that finds sealed packets too long is heard by control; the kernel gets its message all
 * the same. */
static void hear_router(struct worker *worker, struct rte_mbuf *mbuf)
{
	struct event event = {.kind = EVENT_PATH_MTU};
	struct outer_icmp news;
	unsigned tunnel;

	if (!outer_icmp_parse(
		    rte_pktmbuf_mtod(mbuf, const uint8_t *), rte_pktmbuf_data_len(mbuf), &news))
		return;
	tunnel = worker->gateway->wg->by_udp_port[news.local_port];
	if (tunnel == 0 || !worker_may(worker, &worker->news_credit, NEWS_EVERY, NEWS_BURST))
		return;
	event.index = news.mtu;
	event.remote = news.remote.addr;
	event.port = news.remote.port;
	event.tunnel = (uint16_t)(tunnel - 1);
	event.receiver = news.receiver;
	event.quoted = news.has_receiver;
	worker_tell(worker, &event);
}

/* The reply to a probe of ours, by the tunnel that was probed. */
static bool take_echo(struct worker *worker, struct rte_mbuf *mbuf)
{
	struct event event = {.kind = EVENT_ECHO, .at = worker->now};
	struct echo echo;

	if (!echo_reply_parse(rte_pktmbuf_mtod(mbuf, const uint8_t *), rte_pktmbuf_data_len(mbuf),
		    worker->gateway->probe_cookie, &echo) ||
		echo.tunnel + 1u != packet_of(mbuf)->via)
		return false;
	event.tunnel = echo.tunnel;
	event.index = echo.sequence;
	worker_tell(worker, &event);
	wb_count(worker->count, WB_OUT_PROBE_RX, 1);
	rte_pktmbuf_free(mbuf);
	return true;
}

static bool is_icmp(const struct rte_mbuf *mbuf)
{
	const uint8_t *l3 = rte_pktmbuf_mtod(mbuf, const uint8_t *);

	return *l3 >> 4 == 4 ? l3[9] == IPPROTO_ICMP : l3[6] == IPPROTO_ICMPV6;
}

bool local_take(struct worker *worker, struct rte_mbuf *mbuf)
{
	const struct rte_udp_hdr *udp;
	uint16_t l3_len = 0;
	unsigned tunnel;

	udp = udp_of(mbuf, &l3_len);
	if (unlikely(udp == NULL)) {
		if (!is_icmp(mbuf))
			return false;
		if (packet_of(mbuf)->via != 0 && take_echo(worker, mbuf))
			return true;
		hear_router(worker, mbuf);
		return false;
	}
	tunnel = worker->gateway->wg->by_udp_port[rte_be_to_cpu_16(udp->dst_port)];
	if (unlikely(tunnel == 0))
		return false;
	to_open(worker, mbuf, (uint16_t)(tunnel - 1), l3_len, rte_be_to_cpu_16(udp->dgram_len));
	return true;
}
