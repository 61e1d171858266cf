/* SPDX-License-Identifier: BSD-3-Clause */
/* Handshakes on the control thread: initiations, responses and cookie replies, in and out. */
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_udp.h>
#include <sodium.h>
#include <time.h>

#include "wg/transport.h"

#include "control.h"
#include "outer.h"

/* AF41, as the kernel marks handshakes: they are few, and everything waits for them. */
#define HANDSHAKE_TOS 0x88

/* Under load when the ring is an eighth full, and for a second after (the kernel's figures). */
#define UNDER_LOAD_SHARE 8
#define UNDER_LOAD_LAST	 NS_PER_SECOND

/** A message as it came in. */
struct received {
	const void *message;
	uint16_t length;
	uint16_t port;
	uint16_t via;
	struct wb_tunnel *tunnel;
	struct wb_endpoint remote;
	struct wb_addr local;
	uint16_t local_port; /**< it was sent to */
	const struct rte_ether_hdr *ether;
};

static void received_from(struct control *control, struct rte_mbuf *mbuf, struct received *in)
{
	const struct packet *packet = packet_of(mbuf);
	const uint8_t *message = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	const uint8_t *l3 = message - packet->outer;
	const struct rte_udp_hdr *udp = (const void *)(message - sizeof(*udp));

	memset(in, 0, sizeof(*in));
	in->message = message;
	in->length = rte_pktmbuf_data_len(mbuf);
	in->port = packet->port;
	in->via = packet->via;
	in->tunnel = control->gateway->wg->by_id[packet->tunnel];
	in->ether = (const void *)(l3 - sizeof(*in->ether));
	in->remote.port = rte_be_to_cpu_16(udp->src_port);
	in->local_port = rte_be_to_cpu_16(udp->dst_port);
	if (*l3 >> 4 == 4) {
		in->remote.addr = wb_addr_v4(((const struct rte_ipv4_hdr *)l3)->src_addr);
		in->local = wb_addr_v4(((const struct rte_ipv4_hdr *)l3)->dst_addr);
	} else {
		in->remote.addr = wb_addr_v6(((const struct rte_ipv6_hdr *)l3)->src_addr);
		in->local = wb_addr_v6(((const struct rte_ipv6_hdr *)l3)->dst_addr);
	}
}

/* The ring that takes a message on its way: a port's, or a tunnel's that leads there. */
static const struct stage *stage_towards(const struct gateway *gateway, unsigned via, unsigned port)
{
	const struct plan *plan = &gateway->plan;

	return &plan->stages[via != 0 ? plan->seal[via - 1] : plan->tx[port]];
}

static bool send_message(
	struct control *control, const struct wb_outer *outer, const void *message, uint16_t length)
{
	struct gateway *gateway = control->gateway;
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(gateway->control_pool);

	if (mbuf == NULL) {
		wb_count(gateway->control_count, WB_NO_MBUF, 1);
		return false;
	}
	memcpy(rte_pktmbuf_append(mbuf, length), message, length);
	outer_write(mbuf, outer, HANDSHAKE_TOS, (uint16_t)randombytes_random());
	packet_of(mbuf)->request = PACKET_SEAL;
	if (!stage_tell(stage_towards(gateway, outer->via, outer->port), mbuf)) {
		wb_count(gateway->control_count, WB_CONTROL_TX_RING_FULL, 1);
		rte_pktmbuf_free(mbuf);
		return false;
	}
	/* A seal stage counts what control asks of it. */
	wb_count(gateway->control_count, WB_IN_ORIGINATED, outer->via == 0);
	return true;
}

static bool send_to_peer(
	struct control *control, struct wb_peer *peer, const void *message, uint16_t length)
{
	const struct wb_outer *outer = atomic_load_explicit(&peer->outer, memory_order_relaxed);

	if (outer == NULL || !send_message(control, outer, message, length))
		return false;
	peer->control_tx_bytes += length;
	return true;
}

/* Whether there is room for answers to strangers: a flood of them must not push out handshakes with
 * peers, which come round every five seconds only. */
static bool room_for_strangers(const struct control *control, const struct received *in)
{
	const struct rte_ring *ring = stage_towards(control->gateway, in->via, in->port)->control;

	return rte_ring_count(ring) < rte_ring_get_capacity(ring) / 2;
}

/* Sends back where a message came from, by the MAC it came from: needs no route, which is what a
 * reply to strangers must not cost. */
static bool send_back(
	struct control *control, const struct received *in, const void *message, uint16_t length)
{
	struct outer_way way = {
		.via = in->via,
		.port = in->port,
		.local = in->local,
		.remote = in->remote,
		.local_port = in->local_port,
		.mtu = control->gateway->ports[in->port].mtu,
		.udp_checksums =
			in->via == 0 && control->gateway->ports[in->port].port->udp_checksums,
	};
	struct wb_outer *outer;
	bool sent;

	memcpy(way.source_mac, control->gateway->ports[in->port].mac, sizeof(way.source_mac));
	memcpy(way.next_hop_mac, &in->ether->src_addr, sizeof(way.next_hop_mac));
	outer = outer_make(&way);
	if (outer == NULL)
		return false;
	sent = send_message(control, outer, message, length);
	rte_free(outer);
	return sent;
}

void handshake_begin(struct control *control, struct wb_peer *peer, uint64_t now)
{
	struct peer_timer *timer = control->timers[peer->id];
	struct wb_msg_initiation message;
	struct timespec wall;
	uint32_t index;

	timer->initiation_pending = false;
	if (atomic_load_explicit(&peer->outer, memory_order_relaxed) == NULL &&
		!way_update(control, peer)) {
		/* Sent as soon as the kernel has resolved the next hop: see way_update(). */
		timer->initiation_pending = peer->endpoint.addr.family != 0;
		return;
	}
	index = wb_peer_handshake_index(peer, control->gateway->wg->indices);
	if (index == 0)
		return;
	clock_gettime(CLOCK_REALTIME, &wall);
	if (wb_noise_initiation_create(
		    &peer->tunnel->identity, &peer->noise, index, &wall, now, &message) < 0)
		return;
	send_to_peer(control, peer, &message, sizeof(message));
	wb_timers_initiation_sent(&peer->timers, now);
}

/* Under load as long as messages wait, and for a second after. */
static bool under_load(struct control *control, uint64_t now)
{
	const struct rte_ring *ring = control->gateway->handshakes;

	if (rte_ring_count(ring) >= rte_ring_get_capacity(ring) / UNDER_LOAD_SHARE)
		control->under_load_until = now + UNDER_LOAD_LAST;
	return now < control->under_load_until;
}

/* What a message has to show before it costs us a curve's multiplication: a right mac1, and under
 * load a cookie, and a source that does not send too many. */
static bool macs_pass(struct control *control, const struct received *in, uint64_t now)
{
	struct gateway *gateway = control->gateway;
	struct wb_msg_cookie_reply reply;
	enum wb_mac_verdict verdict;
	bool load = under_load(control, now);

	verdict = wb_cookie_check(&in->tunnel->cookies, in->message, in->length, &in->remote, now);
	if (verdict == WB_MAC_INVALID) {
		wb_count(gateway->control_count, WB_HANDSHAKE_BAD_MAC, 1);
		return false;
	}
	if (!load)
		return true;
	if (verdict == WB_MAC_VALID_WITH_COOKIE) {
		if (wb_ratelimit_allow(&control->sources, &in->remote.addr, now))
			return true;
		wb_count(gateway->control_count, WB_HANDSHAKE_RATE_LIMITED, 1);
		return false;
	}
	if (!room_for_strangers(control, in)) {
		wb_count(gateway->control_count, WB_CONTROL_TX_RING_FULL, 1);
		return false;
	}
	wb_count(gateway->control_count, WB_HANDSHAKE_COOKIE_SENT, 1);
	wb_cookie_reply_create(
		&in->tunnel->cookies, in->message, in->length, &in->remote, now, &reply);
	send_back(control, in, &reply, sizeof(reply));
	return false;
}

static void peer_heard(
	struct control *control, struct wb_peer *peer, const struct received *in, uint64_t now)
{
	peer->control_rx_bytes += in->length;
	wb_timers_received(&peer->timers, now);
	atomic_store_explicit(&peer->handshake_heard, now, memory_order_relaxed);
	peer_moved(control, peer, &in->remote, &in->local);
}

static void receive_initiation(struct control *control, const struct received *in, uint64_t now)
{
	struct gateway *gateway = control->gateway;
	struct wb_noise_initiation opened;
	struct wb_noise_session session;
	struct wb_msg_response response;
	struct wb_peer *peer;
	uint32_t index;

	if (wb_noise_initiation_open(&in->tunnel->identity, in->message, &opened) < 0) {
		wb_count(gateway->control_count, WB_HANDSHAKE_INVALID, 1);
		return;
	}
	peer = wb_tunnel_peer_find(in->tunnel, &opened.remote_static);
	if (peer == NULL) {
		wb_count(gateway->control_count, WB_HANDSHAKE_UNKNOWN_PEER, 1);
		return;
	}
	if (wb_noise_initiation_accept(&in->tunnel->identity, &peer->noise, &opened, now) < 0) {
		wb_count(gateway->control_count, WB_HANDSHAKE_REPLAYED, 1);
		return;
	}
	peer_heard(control, peer, in, now);
	index = wb_peer_handshake_index(peer, gateway->wg->indices);
	if (index == 0 ||
		wb_noise_response_create(
			&in->tunnel->identity, &peer->noise, index, now, &response, &session) < 0)
		return;
	if (wb_peer_session_begin(
		    peer, gateway->wg->indices, &session, now, &control->retire_handle) < 0)
		return;
	sodium_memzero(&session, sizeof(session));
	peer_session_begun(control, peer, now);
	if (!send_to_peer(control, peer, &response, sizeof(response)))
		send_back(control, in, &response, sizeof(response));
	wb_timers_response_sent(&peer->timers, now);
}

static struct wb_peer *handshake_peer(
	struct control *control, const struct received *in, uint32_t receiver)
{
	struct wb_index_entry *entry = wb_index_lookup(control->gateway->wg->indices, receiver);

	if (entry == NULL || entry->peer->tunnel != in->tunnel) {
		wb_count(control->gateway->control_count, WB_HANDSHAKE_INVALID, 1);
		return NULL;
	}
	return entry->peer;
}

static void receive_response(struct control *control, const struct received *in, uint64_t now)
{
	struct gateway *gateway = control->gateway;
	const struct wb_msg_response *message = in->message;
	struct wb_peer *peer = handshake_peer(control, in, rte_le_to_cpu_32(message->receiver));
	struct wb_noise_session session;

	if (peer == NULL)
		return;
	if (wb_noise_response_consume(&in->tunnel->identity, &peer->noise, message, &session) < 0) {
		wb_count(gateway->control_count, WB_HANDSHAKE_INVALID, 1);
		return;
	}
	peer_heard(control, peer, in, now);
	if (wb_peer_session_begin(
		    peer, gateway->wg->indices, &session, now, &control->retire_handle) < 0)
		return;
	sodium_memzero(&session, sizeof(session));
	peer_session_begun(control, peer, now);
	clock_gettime(CLOCK_REALTIME, &peer->handshaken);
	/* The responder may send only after it has heard from us under the new key. */
	handshake_keepalive(control, peer);
}

static void receive_cookie_reply(struct control *control, const struct received *in, uint64_t now)
{
	const struct wb_msg_cookie_reply *message = in->message;
	struct wb_peer *peer = handshake_peer(control, in, rte_le_to_cpu_32(message->receiver));

	if (peer == NULL)
		return;
	if (wb_cookie_reply_consume(&peer->noise.cookie, message, now) < 0)
		wb_count(control->gateway->control_count, WB_HANDSHAKE_INVALID, 1);
}

void handshake_receive(struct control *control, struct rte_mbuf *mbuf, uint64_t now)
{
	struct received in;

	received_from(control, mbuf, &in);
	if (in.tunnel == NULL) {
		/* Removed while the message waited. */
		rte_pktmbuf_free(mbuf);
		return;
	}
	switch (wb_message_type(in.message, in.length)) {
	case WB_MSG_INITIATION:
		if (macs_pass(control, &in, now))
			receive_initiation(control, &in, now);
		break;
	case WB_MSG_RESPONSE:
		if (macs_pass(control, &in, now))
			receive_response(control, &in, now);
		break;
	case WB_MSG_COOKIE_REPLY:
		receive_cookie_reply(control, &in, now);
		break;
	default:
		break;
	}
	rte_pktmbuf_free(mbuf);
}

void handshake_keepalive(struct control *control, struct wb_peer *peer)
{
	struct gateway *gateway = control->gateway;
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(gateway->control_pool);
	struct stage *seal = &gateway->plan.stages[gateway->plan.seal[peer->tunnel->id]];

	if (mbuf == NULL) {
		wb_count(gateway->control_count, WB_NO_MBUF, 1);
		return;
	}
	/* As read from a TUN: it may go through several tunnels. */
	mbuf->data_off = (uint16_t)(mbuf->data_off + PACKET_L2_ROOM);
	packet_of(mbuf)->peer = peer;
	packet_of(mbuf)->request = PACKET_KEEPALIVE;
	if (!stage_tell(seal, mbuf))
		rte_pktmbuf_free(mbuf);
}
