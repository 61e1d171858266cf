/* SPDX-License-Identifier: BSD-3-Clause */
/* open: transport data of one tunnel is authenticated and decrypted in bursts, judged by replay
 * window and allowed IPs, and forwarded. Nothing changes state before the tag is proved. */
#include "stages.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>
#include <rte_udp.h>

#include "forward.h"
#include "gateway.h"
#include "ip_check.h"
#include "local.h"
#include "mss.h"
#include "session.h"
#include "wg/transport.h"

/** A burst on its way through the AEAD: of all tunnels whose open stages the worker runs. */
struct open_burst {
	struct rte_mbuf *mbufs[BURST];
	struct stage *stages[BURST];
	struct wb_keypair *keypairs[BURST];
	struct wb_aead_op ops[BURST];
	uint16_t n;
};

/* What is not needed for each packet, for when the AEAD is done: the seal lcore's part of the peer;
 * and, over IPv6, what tells where packets should come from. */
static void prefetch_rest(
	const struct worker *worker, const struct wb_peer *peer, const struct rte_mbuf *mbuf)
{
	const struct wb_outer *outer;

	if (session_looks(worker, peer->open.looked))
		rte_prefetch0(&peer->seal);
	if (likely(packet_of((struct rte_mbuf *)(uintptr_t)mbuf)->outer <
		    sizeof(struct rte_ipv6_hdr)))
		return;
	outer = atomic_load_explicit(&peer->outer, memory_order_acquire);
	if (outer == NULL)
		return;
	rte_prefetch0(outer);
	rte_prefetch0(outer->header6);
}

/* The word of the window that a message's counter is in. */
static void prefetch_replay(struct wb_index_entry *entry, const struct rte_mbuf *mbuf)
{
	struct wb_keypair *keypair = (struct wb_keypair *)entry;
	const struct wb_msg_transport *message = rte_pktmbuf_mtod(mbuf, const void *);

	if (likely(entry->kind == WB_INDEX_KEYPAIR))
		rte_prefetch0(wb_replay_word(&keypair->replay, rte_le_to_cpu_64(message->counter)));
}

/* Lays the text of a message out for the AEAD. */
static void take(struct stage *stage, struct worker *worker, struct open_burst *burst,
	struct wb_index_entry *entry, struct rte_mbuf *mbuf)
{
	const struct wb_msg_transport *message = rte_pktmbuf_mtod(mbuf, const void *);
	uint32_t length = rte_pktmbuf_data_len(mbuf);
	uint64_t counter = rte_le_to_cpu_64(message->counter);
	struct wb_keypair *keypair;

	if (unlikely(entry == NULL || entry->kind != WB_INDEX_KEYPAIR)) {
		worker_drop(worker, mbuf, WB_DROP_WG_UNKNOWN_INDEX);
		return;
	}
	keypair = (struct wb_keypair *)entry;
	if (unlikely(entry->tunnel != stage->object)) {
		worker_drop(worker, mbuf, WB_DROP_WG_WRONG_TUNNEL);
		return;
	}
	if (unlikely(wb_keypair_age(keypair->birth, worker->now) >= WB_REJECT_AFTER_TIME ||
		    counter >= WB_REJECT_AFTER_MESSAGES)) {
		worker_drop(worker, mbuf, WB_DROP_WG_EXPIRED_KEY);
		return;
	}
	burst->ops[burst->n] = (struct wb_aead_op){
		.data = rte_pktmbuf_mtod_offset(mbuf, uint8_t *, sizeof(*message)),
		.len = (uint32_t)(length - sizeof(*message) - WB_AEAD_TAG_LEN),
		.counter = counter,
		.key = &keypair->receive_key,
	};
	if (unlikely(burst->n == 0 || burst->keypairs[burst->n - 1] != keypair))
		prefetch_rest(worker, keypair->entry.peer, mbuf);
	burst->mbufs[burst->n] = mbuf;
	burst->stages[burst->n] = stage;
	burst->keypairs[burst->n] = keypair;
	burst->n++;
}

/* The addresses of the outer headers, which lie in front of the message. */
static void outer_addresses(
	const struct rte_mbuf *mbuf, struct wb_endpoint *remote, struct wb_addr *local)
{
	const uint8_t *message = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	const uint8_t *l3 = message - packet_of((struct rte_mbuf *)(uintptr_t)mbuf)->outer;
	const uint8_t *udp = message - 8;

	memset(remote, 0, sizeof(*remote));
	remote->port = (uint16_t)(udp[0] << 8 | udp[1]);
	if (*l3 >> 4 == 4) {
		remote->addr = wb_addr_v4(((const struct rte_ipv4_hdr *)l3)->src_addr);
		*local = wb_addr_v4(((const struct rte_ipv4_hdr *)l3)->dst_addr);
	} else {
		remote->addr = wb_addr_v6(((const struct rte_ipv6_hdr *)l3)->src_addr);
		*local = wb_addr_v6(((const struct rte_ipv6_hdr *)l3)->dst_addr);
	}
}

/* Whether a packet came the way ours go: from where they go to, to where they come from. */
static bool came_as_we_go(const struct wb_outer *outer, const struct rte_mbuf *mbuf)
{
	const uint8_t *message = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	const uint8_t *l3 = message - packet_of((struct rte_mbuf *)(uintptr_t)mbuf)->outer;
	const struct rte_udp_hdr *udp = (const void *)(message - sizeof(*udp));

	if (unlikely(outer->ipv6 != (*l3 >> 4 == 6) ||
		    udp->src_port != wb_outer_udp(outer)->dst_port))
		return false;
	if (likely(!outer->ipv6)) {
		const struct rte_ipv4_hdr *ip = (const void *)l3, *ours = wb_outer_ip4(outer);

		return ip->src_addr == ours->dst_addr && ip->dst_addr == ours->src_addr;
	} else {
		const struct rte_ipv6_hdr *ip = (const void *)l3, *ours = wb_outer_ip6(outer);

		return memcmp(ip->src_addr, ours->dst_addr, sizeof(ip->src_addr)) == 0 &&
			memcmp(ip->dst_addr, ours->src_addr, sizeof(ip->dst_addr)) == 0;
	}
}

static void report(struct worker *worker, struct wb_peer *peer, const struct rte_mbuf *mbuf,
	const struct wb_outer *outer)
{
	struct event event = {.kind = EVENT_ROAMED, .peer_id = peer->id, .serial = peer->serial};
	uint32_t way = outer != NULL ? outer->serial : 0;
	struct wb_endpoint remote;
	struct wb_addr local;

	outer_addresses(mbuf, &remote, &local);
	/* Told once, unless it was told somewhere else since. */
	if (way == peer->open.reported_way && wb_endpoint_equal(&peer->open.reported, &remote) &&
		wb_addr_equal(&peer->open.reported_local, &local))
		return;
	event.remote = remote.addr;
	event.port = remote.port;
	event.local = local;
	/* Before the packet is on its way: the answer is to go to the new place. */
	atomic_fetch_add(&peer->moving, 1);
	if (!worker_tell(worker, &event)) {
		atomic_fetch_sub(&peer->moving, 1);
		return;
	}
	peer->open.reported = remote;
	peer->open.reported_local = local;
	peer->open.reported_way = way;
	peer->open.settled_way = 0;
	peer->open.settled_port = 0;
}

/* Whether a packet came the way that is known to be ours, told without the headers: of one peer of
 * thousands, each line comes from memory. Never over IPv6. */
static bool came_as_settled(const struct wb_peer *peer, const struct rte_mbuf *mbuf)
{
	const struct wb_peer_open *open = &peer->open;
	const uint8_t *message = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	const struct rte_udp_hdr *udp = (const void *)(message - sizeof(*udp));
	const struct rte_ipv4_hdr *ip = (const void *)((const uint8_t *)udp - sizeof(*ip));

	return open->settled_way == atomic_load_explicit(&peer->way, memory_order_acquire) &&
		open->settled_port != 0 && open->settled_port == udp->src_port &&
		packet_of((struct rte_mbuf *)(uintptr_t)mbuf)->outer ==
		sizeof(*ip) + sizeof(*udp) &&
		open->settled_remote == ip->src_addr && open->settled_local == ip->dst_addr;
}

static void settle(struct wb_peer *peer, const struct wb_outer *outer)
{
	struct wb_peer_open *open = &peer->open;

	/* Forgets what was told: if it goes there after all, control is to hear of it again. */
	open->reported = (struct wb_endpoint){.port = 0};
	open->settled_way = outer->serial;
	open->settled_port = 0;
	if (outer->ipv6)
		return;
	open->settled_port = wb_outer_udp(outer)->dst_port;
	open->settled_remote = wb_outer_ip4(outer)->dst_addr;
	open->settled_local = wb_outer_ip4(outer)->src_addr;
}

/* An authenticated packet shows where the peer is (paper, section 2.1): control is told of a new
 * place, once. */
static void roam(struct worker *worker, struct wb_peer *peer, const struct rte_mbuf *mbuf)
{
	const struct wb_outer *outer;

	if (likely(came_as_settled(peer, mbuf)))
		return;
	outer = atomic_load_explicit(&peer->outer, memory_order_acquire);
	if (unlikely(outer == NULL || !came_as_we_go(outer, mbuf)))
		report(worker, peer, mbuf, outer);
	else if (peer->open.settled_way != outer->serial)
		settle(peer, outer);
}

/* The first data under a keypair: the peer has it. */
static void confirm(struct worker *worker, struct wb_keypair *keypair)
{
	const struct wb_peer *peer = keypair->entry.peer;
	const struct event event = {.kind = EVENT_CONFIRMED,
		.peer_id = peer->id,
		.serial = peer->serial,
		.index = keypair->entry.index};

	/* Before the packet is on its way: the answer is to be sealed under it. */
	atomic_store_explicit(&keypair->proven, true, memory_order_release);
	keypair->entry.confirmed = worker_tell(worker, &event);
}

/* Asks for the next keypair in time. */
static void renew(struct worker *worker, struct wb_keypair *keypair)
{
	if (keypair->renewal_asked ||
		!wb_session_wants_rekey_on_receive(
			wb_keypair_age(keypair->birth, worker->now), keypair->initiator))
		return;
	keypair->renewal_asked = true;
	session_want_handshake(worker, keypair->entry.peer);
}

/* The state an authenticated, fresh packet changes. */
static void account(
	struct worker *worker, struct wb_keypair *keypair, struct rte_mbuf *mbuf, bool data)
{
	struct wb_peer *peer = keypair->entry.peer;

	peer->open.bytes += rte_pktmbuf_data_len(mbuf);
	peer->open.packets += data;
	roam(worker, peer, mbuf);
	session_received(worker, peer, data);
	if (unlikely(!keypair->entry.confirmed))
		confirm(worker, keypair);
	if (unlikely(wb_keypair_age(keypair->birth, worker->now) >= WB_REKEY_ON_RECEIVE_AGE))
		renew(worker, keypair);
}

/* RFC 6040, 4.2, as the kernel does it: congestion marked on the way is passed on, unless the inner
 * packet cannot carry it. */
static bool ecn_decapsulate(struct rte_mbuf *mbuf, uint8_t outer_tos)
{
	uint8_t *l3 = rte_pktmbuf_mtod(mbuf, uint8_t *);
	struct rte_ipv4_hdr *ip = (void *)l3;
	uint8_t inner;

	if (likely((outer_tos & 3) != 3))
		return true;
	inner = *l3 >> 4 == 4 ? l3[1] & 3 : l3[1] >> 4 & 3;
	if (inner == 0)
		return false;
	if (*l3 >> 4 == 4) {
		ip->type_of_service |= 3;
		ip->hdr_checksum = 0;
		ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, rte_ipv4_hdr_len(ip));
	} else {
		l3[1] |= 3 << 4;
	}
	return true;
}

/* Asks whose the packet's source is. */
static void source_ask(struct worker *worker, const struct stage *stage,
	const struct rte_mbuf *mbuf, struct wb_allowedips_query *query)
{
	const struct wb_allowedips *allowed = atomic_load_explicit(
		&worker->gateway->wg->allowed[stage->object], memory_order_acquire);
	const uint8_t *l3 = rte_pktmbuf_mtod(mbuf, const uint8_t *);

	if (*l3 >> 4 == 4)
		wb_allowedips_query4(query, allowed, ((const struct rte_ipv4_hdr *)l3)->src_addr);
	else
		wb_allowedips_query6(query, allowed, ((const struct rte_ipv6_hdr *)l3)->src_addr);
}

/* What a connection's other side may send is to fit the way back to the peer. */
static void clamp(const struct wb_peer *peer, struct rte_mbuf *mbuf, uint16_t mtu)
{
	uint8_t *l3 = rte_pktmbuf_mtod(mbuf, uint8_t *);
	const struct wb_outer *outer;

	if (likely(!mss_may_matter(l3, rte_pktmbuf_data_len(mbuf))))
		return;
	outer = atomic_load_explicit(&peer->outer, memory_order_acquire);
	if (outer != NULL && outer->inner_mtu < mtu)
		mtu = outer->inner_mtu;
	mss_clamp_syn(l3, rte_pktmbuf_data_len(mbuf), mtu);
}

/* Judges one message whose AEAD is done. True: the mbuf's data is an inner packet. */
static bool judge(struct worker *worker, struct open_burst *burst, unsigned i)
{
	struct stage *stage = burst->stages[i];
	struct wb_keypair *keypair = burst->keypairs[i];
	struct wb_aead_op *op = &burst->ops[i];
	struct rte_mbuf *mbuf = burst->mbufs[i];
	int reason;

	if (unlikely(!op->ok)) {
		worker_drop(worker, mbuf, WB_DROP_WG_AUTH_FAILED);
		return false;
	}
	if (unlikely(!wb_replay_check_and_set(&keypair->replay, op->counter))) {
		worker_drop(worker, mbuf, WB_DROP_WG_REPLAYED);
		return false;
	}
	account(worker, keypair, mbuf, op->len > 0);
	stage->own.open.arrived[mbuf->port % RTE_MAX_ETHPORTS]++;
	if (op->len == 0) {
		wb_count(worker->count, WB_OUT_KEEPALIVE_RX, 1);
		rte_pktmbuf_free(mbuf);
		return false;
	}
	rte_pktmbuf_adj(mbuf, sizeof(struct wb_msg_transport));
	rte_pktmbuf_trim(mbuf, WB_AEAD_TAG_LEN);
	reason = ip_check(mbuf);
	if (unlikely(reason != 0)) {
		worker_drop(worker, mbuf, WB_DROP_WG_INNER_BAD);
		return false;
	}
	return true;
}

/* The rest of it, once it is known whose the source is: it must be the peer's that sealed the
 * packet (paper, section 2). */
static bool admit(struct worker *worker, struct open_burst *burst, unsigned i, uint32_t source)
{
	const struct wb_peer *peer = burst->keypairs[i]->entry.peer;
	struct rte_mbuf *mbuf = burst->mbufs[i];

	if (unlikely(source != peer->id)) {
		worker_drop(worker, mbuf, WB_DROP_WG_SOURCE_NOT_ALLOWED);
		return false;
	}
	if (unlikely(!ecn_decapsulate(mbuf, packet_of(mbuf)->tos))) {
		worker_drop(worker, mbuf, WB_DROP_WG_ECN_INVALID);
		return false;
	}
	if (worker->gateway->mss_clamp)
		clamp(peer, mbuf, worker->gateway->wg->mtu[burst->stages[i]->object]);
	return true;
}

/* From the message to the keypair, and from there to the peer, whose part comes when the AEAD is
 * done: each round waits for memory that the one before has asked for. */
static void lay_out(
	struct worker *worker, struct open_burst *burst, const struct taken *taken, unsigned from)
{
	const struct wb_index_table *indices = worker->gateway->wg->indices;
	unsigned n = RTE_MIN((unsigned)BURST, taken->n - from);
	struct wb_index_entry *entries[BURST], *last = NULL;
	uint32_t receivers[BURST], last_receiver = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct wb_msg_transport *message =
			rte_pktmbuf_mtod(taken->mbufs[from + i], const void *);

		receivers[i] = rte_le_to_cpu_32(message->receiver);
		if (likely(receivers[i] == last_receiver))
			continue;
		last_receiver = receivers[i];
		rte_prefetch0(&indices->slots[last_receiver & indices->mask]);
	}
	last_receiver = 0;
	for (unsigned i = 0; i < n; i++) {
		if (likely(receivers[i] == last_receiver))
			continue;
		last_receiver = receivers[i];
		rte_prefetch0(wb_index_slot(indices, last_receiver));
	}
	for (unsigned i = 0; i < n; i++) {
		entries[i] = wb_index_lookup(indices, receivers[i]);
		if (likely(entries[i] == last || entries[i] == NULL))
			continue;
		last = entries[i];
		prefetch_replay(last, taken->mbufs[from + i]);
		rte_prefetch0(last->peer);
		rte_prefetch0(&last->peer->open);
	}
	burst->n = 0;
	for (unsigned i = 0; i < n; i++)
		take(&worker->gateway->plan.stages[taken->stages[from + i]], worker, burst,
			entries[i], taken->mbufs[from + i]);
}

static void forward(struct worker *worker, struct ip_burst *ip)
{
	forward_lookup(worker, ip);
	for (unsigned i = 0; i < ip->n; i++) {
		unsigned tunnel = packet_of(ip->mbufs[i])->via - 1u;

		/* Another tunnel's packets may come through this one. */
		if (ip->hops[i]->type == WB_NH_LOCAL && local_take(worker, ip->mbufs[i]))
			continue;
		forward_one(
			worker, ip->mbufs[i], ip->hops[i], worker->gateway->plan.tun[tunnel], 0);
	}
}

struct open_burst *open_burst_create(void)
{
	return rte_zmalloc("open_burst", sizeof(struct open_burst), RTE_CACHE_LINE_SIZE);
}

/* Messages are only taken off the ring here: there may be more of them in other tunnels' rings. */
unsigned stage_open_run(struct stage *stage, struct worker *worker)
{
	/* Each tunnel is to get half a burst a round, whatever those before it had. */
	if (worker->to_open->n > BURST / 2)
		stage_open_finish(worker);
	return worker_take(worker->to_open, stage, BURST - worker->to_open->n);
}

/* What the AEAD is done with: judged, and sent on. */
static void send_burst(struct worker *worker, struct open_burst *burst)
{
	struct wb_allowedips_query queries[BURST];
	uint8_t good[BURST];
	unsigned n = 0;
	struct ip_burst ip;

	for (unsigned i = 0; i < burst->n; i++)
		if (judge(worker, burst, i)) {
			source_ask(worker, burst->stages[i], burst->mbufs[i], &queries[n]);
			good[n++] = (uint8_t)i;
		}
	wb_allowedips_lookup_bulk(queries, n);
	ip.n = 0;
	for (unsigned i = 0; i < n; i++)
		if (admit(worker, burst, good[i], queries[i].peer_id)) {
			struct rte_mbuf *mbuf = burst->mbufs[good[i]];

			packet_of(mbuf)->via = (uint16_t)(burst->stages[good[i]]->object + 1);
			ip.mbufs[ip.n++] = mbuf;
		}
	forward(worker, &ip);
}

void stage_open_finish(struct worker *worker)
{
	struct taken *taken = worker->to_open;
	struct open_burst *burst = worker->opening;

	for (unsigned from = 0; from < taken->n; from += BURST) {
		lay_out(worker, burst, taken, from);
		wb_aead_open_burst(worker->aead, burst->ops, burst->n);
		send_burst(worker, burst);
	}
	taken->n = 0;
}
