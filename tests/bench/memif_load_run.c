/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs: packets sent at an even rate into one side of the gateway, counted and timed at the other.
 *
 * How latency is told. Every inner packet carries a mark. Towards the tunnel it holds the TSC of
 * its sending, and the far end opens some of the sealed packets, chosen by their counter, and reads
 * it there: a lost packet cannot shift whose time is whose. From the tunnel packets were sealed
 * before they are sent, and the mark is the packet's place in a table of the times they were sent
 * at. */
#include "memif_load.h"

#include <errno.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "wg/transport.h"

#define OUTER (RTE_ETHER_HDR_LEN + 20 + 8)

/* A sender that was kept from its CPU does not make up for more than this: the burst would be its
 * own, not the load asked for. Seconds. */
#define CATCH_UP 200e-6

/* Packets may be on their way this long after the last one was sent or came: a gateway that waits
 * for its CPU has not lost them. */
#define LINGER_SECONDS 0.5

/* Times are taken of so many packets a second at the most, since opening costs. */
#define SAMPLES_A_SECOND 60000

/* Frames that are ready to send towards the tunnel: flows go round in them. */
#define FRAMES_MAX 3072

struct run {
	struct load *load;
	const struct load_order *order;
	struct load_result *result;
	enum load_side near, far;
	/* Mbufs that are never freed: the driver copies what it sends before it returns. */
	struct rte_mbuf *frames[FRAMES_MAX];
	unsigned n_frames;
	uint64_t wanted, last_came;
	unsigned sample_every;
	uint64_t highest[LOAD_TUNNELS_MAX]; /**< of the marks received by tunnel */
	struct rte_mbuf *to_open[LOAD_BURST];
	struct wb_aead_op ops[LOAD_BURST];
	unsigned tunnels[LOAD_BURST]; /**< that they came by */
	unsigned n_to_open;
};

/* A number that shares no rhythm with bursts, whose first packets wait less than their last. */
static unsigned sample_every(double rate)
{
	static const unsigned primes[] = {1, 3, 7, 13, 23, 37, 61, 97, 151, 251};
	unsigned i = 0;

	while (i + 1 < RTE_DIM(primes) && rate / primes[i] > SAMPLES_A_SECOND)
		i++;
	return primes[i];
}

/* Sends what may go, and keeps our hold of the mbufs. */
static unsigned send_held(struct run *run, struct rte_mbuf **mbufs, unsigned n)
{
	/* The driver's free gives back one of the two. */
	for (unsigned i = 0; i < n; i++)
		rte_mbuf_refcnt_set(mbufs[i], 2);
	return rte_eth_tx_burst(run->load->ports[run->near].id, 0, mbufs, (uint16_t)n);
}

static void send_plain(struct run *run, unsigned n)
{
	struct load_result *result = run->result;
	struct rte_mbuf *mbufs[LOAD_BURST];
	uint64_t now = rte_rdtsc();

	for (unsigned i = 0; i < n; i++) {
		struct load_mark *mark;

		mbufs[i] = run->frames[(result->offered + i) % run->n_frames];
		mark = rte_pktmbuf_mtod_offset(mbufs[i], struct load_mark *,
			rte_pktmbuf_data_len(mbufs[i]) - sizeof(*mark));
		/* Each later than the one before, to tell their order by. */
		mark->stamp = now + i;
	}
	result->offered += n;
	result->refused += n - send_held(run, mbufs, n);
}

static void send_stock(struct run *run, unsigned n)
{
	struct load_result *result = run->result;
	struct load_stock_entry *entry = &run->load->stock->entries[result->offered];
	struct rte_mbuf *mbufs[LOAD_BURST];
	uint64_t now = rte_rdtsc();

	for (unsigned i = 0; i < n; i++) {
		mbufs[i] = run->frames[i];
		mbufs[i]->buf_addr = entry[i].frame;
		rte_pktmbuf_data_len(mbufs[i]) = (uint16_t)entry[i].length;
		rte_pktmbuf_pkt_len(mbufs[i]) = entry[i].length;
		entry[i].sent = now;
	}
	result->offered += n;
	result->refused += n - send_held(run, mbufs, n);
}

/* What a tunnel's packets are numbered by rises, or they have changed places. */
static void order_look(struct run *run, unsigned tunnel, uint64_t number)
{
	if (number < run->highest[tunnel])
		run->result->reordered++;
	else
		run->highest[tunnel] = number + 1;
}

/* Opens the sealed packets chosen, and reads their marks. */
static void open_chosen(struct run *run, uint64_t now)
{
	wb_aead_open_burst(run->load->aead, run->ops, run->n_to_open);
	for (unsigned i = 0; i < run->n_to_open; i++) {
		struct load_mark *mark =
			run->ops[i].ok ? load_mark_find(run->ops[i].data, run->ops[i].len) : NULL;

		if (mark != NULL && mark->run == run->load->run) {
			load_histogram_add(&run->result->latency, now - mark->stamp);
			/* Sealed in order, they may have been put out of it before. */
			order_look(run, run->tunnels[i], mark->stamp);
		} else {
			run->result->opened_bad++;
		}
		rte_pktmbuf_free(run->to_open[i]);
	}
	run->result->sampled += run->n_to_open;
	run->n_to_open = 0;
}

static const struct wb_msg_transport *transport_of(const struct rte_mbuf *mbuf)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(mbuf, const void *);
	const struct rte_ipv4_hdr *ip = (const void *)(ether + 1);
	const struct wb_msg_transport *message = (const void *)((const uint8_t *)ether + OUTER);

	if (rte_pktmbuf_data_len(mbuf) < OUTER + sizeof(*message) + WB_AEAD_TAG_LEN ||
		ether->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) ||
		ip->version_ihl != RTE_IPV4_VHL_DEF || ip->next_proto_id != IPPROTO_UDP ||
		message->type != rte_cpu_to_le_32(WB_MSG_TRANSPORT))
		return NULL;
	return message;
}

/* A frame at the far end of the tunnel. */
static void receive_sealed(struct run *run, struct rte_mbuf *mbuf)
{
	const struct wb_msg_transport *message = transport_of(mbuf);
	struct load_result *result = run->result;
	struct load_tunnel *tunnel;
	struct load_session *session;
	uint64_t counter;
	unsigned text;

	session = message != NULL
		? load_session_find(run->load, rte_le_to_cpu_32(message->receiver), &tunnel)
		: NULL;
	if (session == NULL) {
		load_slow_path(run->load, run->far, mbuf);
		return;
	}
	counter = rte_le_to_cpu_64(message->counter);
	text = rte_pktmbuf_data_len(mbuf) - OUTER - (unsigned)sizeof(*message) - WB_AEAD_TAG_LEN;
	if (counter < session->highest)
		result->reordered++;
	else
		session->highest = counter + 1;
	if (text == 0) {
		rte_pktmbuf_free(mbuf);
		return;
	}
	result->received++;
	if (counter % run->sample_every != 0) {
		rte_pktmbuf_free(mbuf);
		return;
	}
	run->ops[run->n_to_open] = (struct wb_aead_op){
		.data = rte_pktmbuf_mtod_offset(mbuf, uint8_t *, OUTER + sizeof(*message)),
		.len = text,
		.counter = counter,
		.key = &session->receive_key,
	};
	run->tunnels[run->n_to_open] = tunnel->number;
	run->to_open[run->n_to_open++] = mbuf;
}

/* A frame at the far end that is not sealed: what was sealed before is known by its place. */
static void receive_plain(struct run *run, struct rte_mbuf *mbuf, uint64_t now)
{
	struct load_stock *stock = run->order->in ? run->load->stock : NULL;
	struct load_mark *mark = NULL;
	unsigned tunnel = 0;
	uint64_t stamp;

	if (rte_pktmbuf_data_len(mbuf) > RTE_ETHER_HDR_LEN)
		mark = load_mark_find(rte_pktmbuf_mtod_offset(mbuf, uint8_t *, RTE_ETHER_HDR_LEN),
			rte_pktmbuf_data_len(mbuf) - RTE_ETHER_HDR_LEN);
	if (mark == NULL || mark->run != run->load->run ||
		(stock != NULL && mark->stamp >= stock->n)) {
		load_slow_path(run->load, run->far, mbuf);
		return;
	}
	stamp = mark->stamp;
	if (stock != NULL)
		tunnel = (unsigned)(stamp % run->order->flows) % run->load->n_tunnels;
	order_look(run, tunnel, stamp);
	if (run->result->received++ % run->sample_every == 0) {
		load_histogram_add(&run->result->latency,
			now - (stock != NULL ? stock->entries[stamp].sent : stamp));
		run->result->sampled++;
	}
	rte_pktmbuf_free(mbuf);
}

static void receive(struct run *run)
{
	struct rte_mbuf *mbufs[LOAD_BURST];
	uint16_t n = rte_eth_rx_burst(run->load->ports[run->far].id, 0, mbufs, LOAD_BURST);
	uint64_t now, before = run->result->received;

	if (n == 0)
		return;
	now = rte_rdtsc();
	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	for (unsigned i = 0; i < n; i++) {
		if (run->far == LOAD_WAN && !run->order->plain)
			receive_sealed(run, mbufs[i]);
		else
			receive_plain(run, mbufs[i], now);
	}
	if (run->n_to_open > 0)
		open_chosen(run, now);
	if (run->result->received != before)
		run->last_came = now;
}

static unsigned common_multiple(unsigned a, unsigned b)
{
	unsigned x = a, y = b;

	while (y != 0) {
		unsigned rest = x % y;

		x = y;
		y = rest;
	}
	return a / x * b;
}

/* Takes the mbufs that go round: for plain packets one for each flow and size. */
static int frames_make(struct run *run, struct wb_err *err)
{
	const struct load_order *order = run->order;
	struct load *load = run->load;

	run->n_frames = order->in
		? LOAD_BURST
		/* More than a burst: a mbuf must not be twice in one. */
		: common_multiple(common_multiple(order->flows, order->size == 0 ? 12 : 1), 64);
	if (run->n_frames > FRAMES_MAX ||
		rte_pktmbuf_alloc_bulk(load->pool, run->frames, run->n_frames) != 0) {
		run->n_frames = 0;
		return wb_err_set(err, EINVAL, "%u flows are too many of this size, expected 64",
			order->flows);
	}
	for (unsigned i = 0; i < run->n_frames && !order->in; i++) {
		unsigned flow = i % order->flows, size = load_size_of(order, i);
		uint8_t *frame = (uint8_t *)rte_pktmbuf_append(
			run->frames[i], (uint16_t)(RTE_ETHER_HDR_LEN + size));
		struct load_mark *mark;

		load_ether_write(&load->ports[LOAD_LAN], frame,
			order->family == 6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
		load_inner_write(
			load, order, frame + RTE_ETHER_HDR_LEN, size, flow, flow % load->n_tunnels);
		mark = (void *)(frame + RTE_ETHER_HDR_LEN + size - sizeof(*mark));
		*mark = (struct load_mark){.run = load->run, .magic = LOAD_MAGIC};
	}
	/* The stock's frames are shown to the driver in place of the mbufs' own buffers. */
	for (unsigned i = 0; i < run->n_frames && order->in; i++)
		run->frames[i]->data_off = 0;
	return 0;
}

static void frames_free(struct run *run)
{
	for (unsigned i = 0; i < run->n_frames; i++) {
		struct rte_mbuf *mbuf = run->frames[i];

		mbuf->buf_addr =
			RTE_PTR_ADD(mbuf, sizeof(*mbuf) + rte_pktmbuf_priv_size(mbuf->pool));
		rte_mbuf_refcnt_set(mbuf, 1);
		rte_pktmbuf_free(mbuf);
	}
}

/* What has to be looked at now and then: the other end of the near port, connections, keepalives.
 */
static void aside(struct run *run)
{
	load_poll(run->load, run->near);
	load_serve(run->load);
}

static void send_and_receive(struct run *run)
{
	struct load_result *result = run->result;
	double per_cycle = run->order->rate / (double)run->load->hz;
	uint64_t catch_up = (uint64_t)(CATCH_UP * run->order->rate) + LOAD_BURST;
	uint64_t began = rte_rdtsc(), start = began, ended = began, linger, loops = 0;

	while (result->offered < run->wanted) {
		uint64_t now = rte_rdtsc(), due = (uint64_t)((double)(now - start) * per_cycle) + 1;
		uint64_t behind = due > result->offered ? due - result->offered : 0;

		if (behind > catch_up) {
			uint64_t slip = (uint64_t)((double)(behind - catch_up) / per_cycle);

			start += slip;
			result->slipped += (double)slip / (double)run->load->hz;
			behind = catch_up;
		}
		behind = RTE_MIN(behind, run->wanted - result->offered);
		behind = RTE_MIN(behind, (uint64_t)LOAD_BURST);
		if (behind > 0) {
			if (run->order->in)
				send_stock(run, (unsigned)behind);
			else
				send_plain(run, (unsigned)behind);
			ended = now;
		}
		receive(run);
		if (++loops % 512 == 0)
			aside(run);
	}
	result->seconds = (double)(ended - began) / (double)run->load->hz;
	run->last_came = rte_rdtsc();
	linger = (uint64_t)(LINGER_SECONDS * (double)run->load->hz);
	while (result->received < result->offered - result->refused &&
		rte_rdtsc() - run->last_came < linger) {
		receive(run);
		if (++loops % 512 == 0)
			aside(run);
	}
	result->received_in = (double)(run->last_came - began) / (double)run->load->hz;
}

int load_run(struct load *load, const struct load_order *order, struct load_result *result,
	struct wb_err *err)
{
	static struct run run;
	int rc;

	memset(result, 0, sizeof(*result));
	run = (struct run){
		.load = load,
		.order = order,
		.result = result,
		.near = order->in ? LOAD_WAN : LOAD_LAN,
		.far = order->in ? LOAD_LAN : LOAD_WAN,
		.wanted = (uint64_t)(order->rate * order->seconds),
		.sample_every = order->open_all ? 1 : sample_every(order->rate),
	};
	if (order->in) {
		rc = load_stock_fill(load, order, run.wanted, err);
		if (rc < 0)
			return rc;
		run.wanted = RTE_MIN(run.wanted, load->stock->n);
	}
	rc = frames_make(&run, err);
	if (rc < 0)
		return rc;
	load->sealed_ahead = order->in;
	send_and_receive(&run);
	load->sealed_ahead = false;
	frames_free(&run);
	if (!load->ports[LOAD_LAN].up || !load->ports[LOAD_WAN].up)
		return wb_err_set(err, EPIPE, "the gateway went away");
	/* Stragglers are this run's, not the next one's. */
	for (unsigned i = 0; i < 64; i++) {
		load_poll(load, LOAD_LAN);
		load_poll(load, LOAD_WAN);
	}
	return 0;
}
