/* SPDX-License-Identifier: BSD-3-Clause */
/* Before runs: sessions, and the first packets, which the gateway's kernel asks for MACs for; and
 * how long a gateway takes from its start to these. */
#include "memif_load.h"

#include <errno.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ip.h>

#include "wg/transport.h"

#define OUTER	     (RTE_ETHER_HDR_LEN + 20 + 8)
#define SESSION_AGE  60.0
#define WARM_SECONDS 5
#define PATIENCE     1	  /**< seconds without a packet, until sessions are renewed */
#define SETTLE	     0.01 /**< seconds in which packets on their way arrive */

/** The stamp of a packet that passes from port to port without a tunnel; of others, the tunnel. */
#define STAMP_PLAIN UINT64_C(1000)

static struct rte_mbuf *plain_make(
	struct load *load, const struct load_order *order, unsigned tunnel)
{
	unsigned size = load_size_of(order, 0);
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(load->pool);
	uint8_t *frame;
	struct load_mark *mark;

	if (mbuf == NULL)
		return NULL;
	frame = (uint8_t *)rte_pktmbuf_append(mbuf, (uint16_t)(RTE_ETHER_HDR_LEN + size));
	load_ether_write(&load->ports[LOAD_LAN], frame,
		order->family == 6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	load_inner_write(load, order, frame + RTE_ETHER_HDR_LEN, size, tunnel, tunnel);
	mark = (void *)(frame + RTE_ETHER_HDR_LEN + size - sizeof(*mark));
	*mark = (struct load_mark){
		.stamp = order->plain ? STAMP_PLAIN : tunnel, .magic = LOAD_MAGIC};
	return mbuf;
}

static void send_sealed(struct load *load, const struct load_order *order, unsigned number)
{
	struct load_tunnel *tunnel = &load->tunnels[number];
	struct load_session *session = &tunnel->sessions[tunnel->latest];
	unsigned size = load_size_of(order, 0), padded = wb_transport_padded(size, LOAD_MTU);
	unsigned length = (unsigned)sizeof(struct wb_msg_transport) + padded + WB_AEAD_TAG_LEN;
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(load->pool);
	struct wb_msg_transport header = {
		.type = rte_cpu_to_le_32(WB_MSG_TRANSPORT),
		.receiver = rte_cpu_to_le_32(session->remote_index),
		.counter = rte_cpu_to_le_64(session->counter),
	};
	struct wb_aead_op op = {
		.len = padded, .counter = session->counter, .key = &session->send_key};
	struct load_mark *mark;
	uint8_t *at;

	if (mbuf == NULL)
		return;
	session->counter++;
	at = (uint8_t *)rte_pktmbuf_append(mbuf, (uint16_t)(OUTER + length));
	at = load_outer_write(load, tunnel, at, length);
	memcpy(at, &header, sizeof(header));
	op.data = at + sizeof(header);
	memset(op.data, 0, padded);
	load_inner_write(load, order, op.data, size, number, number);
	mark = (void *)(op.data + size - sizeof(*mark));
	*mark = (struct load_mark){.stamp = number, .magic = LOAD_MAGIC};
	wb_aead_seal_burst(load->aead, &op, 1);
	load_send(load, LOAD_WAN, mbuf);
}

/* Opens transport data; NULL if it is none, or a keepalive. The text is in the mbuf. */
static struct load_mark *open_at_wan(
	struct load *load, struct rte_mbuf *mbuf, struct load_tunnel **tunnel)
{
	struct wb_msg_transport *message =
		rte_pktmbuf_mtod_offset(mbuf, struct wb_msg_transport *, OUTER);
	struct load_session *session;
	struct wb_aead_op op;

	if (rte_pktmbuf_data_len(mbuf) <= OUTER + sizeof(*message) + WB_AEAD_TAG_LEN ||
		message->type != rte_cpu_to_le_32(WB_MSG_TRANSPORT))
		return NULL;
	session = load_session_find(load, rte_le_to_cpu_32(message->receiver), tunnel);
	if (session == NULL)
		return NULL;
	op = (struct wb_aead_op){
		.data = (uint8_t *)(message + 1),
		.len = rte_pktmbuf_data_len(mbuf) - OUTER - (uint32_t)sizeof(*message) -
			WB_AEAD_TAG_LEN,
		.counter = rte_le_to_cpu_64(message->counter),
		.key = &session->receive_key,
	};
	if (wb_aead_open_burst(load->aead, &op, 1) != 1)
		return NULL;
	return load_mark_find(op.data, op.len);
}

/* Receives on a port and notes which tunnels packets came through; true: one came without. */
static bool look(struct load *load, enum load_side side)
{
	struct rte_mbuf *mbufs[LOAD_BURST];
	uint16_t n = rte_eth_rx_burst(load->ports[side].id, 0, mbufs, LOAD_BURST);
	bool plain = false;

	for (unsigned i = 0; i < n; i++) {
		struct load_tunnel *tunnel = NULL;
		struct load_mark *mark = NULL;
		uint32_t length = rte_pktmbuf_data_len(mbufs[i]);

		if (length > RTE_ETHER_HDR_LEN)
			mark = load_mark_find(
				rte_pktmbuf_mtod_offset(mbufs[i], uint8_t *, RTE_ETHER_HDR_LEN),
				length - RTE_ETHER_HDR_LEN);
		if (mark != NULL && mark->stamp == STAMP_PLAIN)
			plain = true;
		if (mark == NULL && side == LOAD_WAN)
			mark = open_at_wan(load, mbufs[i], &tunnel);
		if (mark != NULL && mark->run == 0 && mark->stamp < load->n_tunnels)
			load->tunnels[mark->stamp].came_through++;
		if (mark != NULL)
			rte_pktmbuf_free(mbufs[i]);
		else
			load_slow_path(load, side, mbufs[i]);
	}
	return plain;
}

static void settle(struct load *load)
{
	uint64_t until = rte_rdtsc() + (uint64_t)(SETTLE * (double)load->hz);

	while (rte_rdtsc() < until) {
		look(load, LOAD_LAN);
		look(load, LOAD_WAN);
	}
}

/* Ports, and sessions unless there is no use for them. */
static bool wait_for_gateway(struct load *load, const struct load_order *order, uint64_t until)
{
	while (!load->ports[LOAD_LAN].up || !load->ports[LOAD_WAN].up ||
		(!order->plain && load_sessions_renew(load, SESSION_AGE) > 0)) {
		if (rte_rdtsc() > until)
			return false;
		look(load, LOAD_LAN);
		look(load, LOAD_WAN);
		load_serve(load);
	}
	return true;
}

static void knock(struct load *load, const struct load_order *order, unsigned tunnel)
{
	struct rte_mbuf *mbuf;

	if (order->in) {
		send_sealed(load, order, tunnel);
		return;
	}
	mbuf = plain_make(load, order, tunnel);
	if (mbuf != NULL)
		load_send(load, LOAD_LAN, mbuf);
}

/* Until a packet passes without a tunnel. */
static int warm_up_plain(
	struct load *load, const struct load_order *order, uint64_t until, struct wb_err *err)
{
	uint64_t next = 0;
	bool passed = false;

	while (!passed) {
		uint64_t now = rte_rdtsc();

		if (now > until)
			return wb_err_set(err, ETIMEDOUT, "no packet was forwarded within %u s",
				WARM_SECONDS);
		if (now > next) {
			knock(load, order, 0);
			next = now + load->hz / 1000;
		}
		look(load, LOAD_LAN);
		passed = look(load, LOAD_WAN);
		load_serve(load);
	}
	settle(load);
	return 0;
}

int load_warm_up(struct load *load, const struct load_order *order, struct wb_err *err)
{
	uint64_t began = rte_rdtsc(), until = began + WARM_SECONDS * load->hz, next = 0;
	unsigned missing = 1;

	if (!wait_for_gateway(load, order, until))
		return wb_err_set(err, ETIMEDOUT, "no %s within %u s",
			!load->ports[LOAD_LAN].up	    ? "gateway at the lan port"
				: !load->ports[LOAD_WAN].up ? "gateway at the wan port"
							    : "handshake with every tunnel",
			WARM_SECONDS);
	if (order->plain)
		return warm_up_plain(load, order, until, err);
	for (unsigned i = 0; i < load->n_tunnels; i++)
		load->tunnels[i].came_through = 0;
	while (missing > 0) {
		uint64_t now = rte_rdtsc();

		if (now > until)
			return wb_err_set(err, ETIMEDOUT,
				"no packet came through %u of %u tunnels within %u s", missing,
				load->n_tunnels, WARM_SECONDS);
		/* A gateway that has begun two sessions since does not know ours any more. */
		if (now - began > PATIENCE * load->hz)
			load_sessions_renew(load, PATIENCE);
		missing = 0;
		for (unsigned i = 0; i < load->n_tunnels; i++) {
			if (load->tunnels[i].came_through > 0)
				continue;
			missing++;
			if (now > next)
				knock(load, order, i);
		}
		if (now > next)
			next = now + load->hz / 1000;
		look(load, LOAD_LAN);
		look(load, LOAD_WAN);
		load_serve(load);
	}
	settle(load);
	return 0;
}

int load_cold_start(struct load *load, double seconds, struct load_cold *cold, struct wb_err *err)
{
	const struct load_order sealed = {.size = 64, .flows = 1, .family = 4},
				plain = {.size = 64, .flows = 1, .family = 4, .plain = true};
	uint64_t until = rte_rdtsc() + (uint64_t)(seconds * (double)load->hz), next = 0;
	const struct load_port *lan = &load->ports[LOAD_LAN], *wan = &load->ports[LOAD_WAN];

	memset(cold, 0, sizeof(*cold));
	load->tunnels[0].came_through = 0;
	while (cold->plain == 0 || cold->sealed == 0) {
		uint64_t now = rte_rdtsc();

		if (now > until)
			return wb_err_set(err, ETIMEDOUT, "%s within %.0f s",
				cold->links == 0	   ? "no gateway connected"
					: cold->macs == 0  ? "no answer to ARP"
					: cold->plain == 0 ? "no packet was forwarded"
							   : "no packet was sealed",
				seconds);
		if (now > next) {
			next = now + load->hz / 1000;
			load_serve(load);
			if (cold->links == 0 && lan->connected && wan->connected)
				cold->links = load_nanoseconds();
			if (cold->macs == 0 && lan->up && wan->up)
				cold->macs = load_nanoseconds();
			if (lan->up && cold->plain == 0)
				knock(load, &plain, 0);
			if (lan->up && cold->sealed == 0)
				knock(load, &sealed, 0);
		}
		look(load, LOAD_LAN);
		if (look(load, LOAD_WAN) && cold->plain == 0)
			cold->plain = load_nanoseconds();
		if (load->tunnels[0].came_through > 0 && cold->sealed == 0)
			cold->sealed = load_nanoseconds();
	}
	settle(load);
	return 0;
}
