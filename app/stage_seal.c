/* SPDX-License-Identifier: BSD-3-Clause */
/* seal: the packets that are to leave by one tunnel get a peer, a counter, the AEAD and the outer
 * headers. Since one lcore at a time runs this stage, they leave in the order of their counters. */
#include "stages.h"

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>

#include "gateway.h"
#include "mss.h"
#include "outer.h"
#include "refuse.h"
#include "seal_peers.h"
#include "session.h"
#include "split.h"
#include "staged.h"
#include "wg/transport.h"

/* How long packets wait for the way to the peer: as long as the kernel asks for a neighbour. */
#define WAY_PATIENCE (3 * NS_PER_SECOND)

#define PADDING_MAX 15

/* Packets that go through the AEAD together. Of many peers, few: while they do, the next ones'
 * peers come out of memory, and there is a limit to how many lines can be on their way. */
#define CHUNK_FEW_PEERS	 32
#define CHUNK_MANY_PEERS 8

/* Peers that wait which one run looks after. */
#define WAITING_A_RUN 8

/** What packets of a peer are sealed with. */
struct sender {
	struct wb_peer *peer; /**< NULL: nobody */
	struct wb_keypair *keypair;
	const struct wb_outer *outer; /**< NULL: there is no way */
	uint16_t mtu;		      /**< bytes of an inner packet, the way's and the tunnel's */
};

/** A burst on its way through the AEAD: of all tunnels whose seal stages the worker runs, so that
 * many tunnels with a packet each cost little more than one with many. */
struct seal_burst {
	struct seal_peers peers_found;
	unsigned chunk; /**< how many packets go through the AEAD together */

	/** The last packet's, if it goes for the next one of its peer too. Looked up after the
	 * packets were taken off the ring, it is as fresh for all of them. */
	struct sender sender;
	struct rte_mbuf *mbufs[BURST];
	struct wb_peer *peers[BURST];
	const struct wb_outer *outers[BURST];
	struct wb_aead_op ops[BURST];
	uint8_t ecn[BURST];
	uint16_t n;
};

static bool keypair_usable(const struct wb_keypair *keypair, uint64_t now)
{
	return keypair != NULL && wb_keypair_age(keypair->seal.birth, now) < WB_REJECT_AFTER_TIME &&
		keypair->seal.counter < WB_REJECT_AFTER_MESSAGES;
}

/* The ECN bits the kernel gives the outer header (RFC 6040, 4.1, compatibility aside): the inner
 * ones, but never "congestion experienced", which routers on the way are to set. */
static uint8_t outer_ecn(const struct rte_mbuf *mbuf)
{
	const uint8_t *l3 = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	uint8_t ecn;

	if (rte_pktmbuf_data_len(mbuf) == 0)
		return 0;
	ecn = *l3 >> 4 == 4 ? l3[1] & 3 : l3[1] >> 4 & 3;
	return ecn == 3 ? 2 : ecn;
}

/* Takes a counter of the keypair and lays the packet out as a transport message whose text the AEAD
 * will seal in place. */
static void add_to_burst(
	struct seal_burst *burst, uint16_t mtu, const struct sender *sender, struct rte_mbuf *mbuf)
{
	uint16_t inner = rte_pktmbuf_data_len(mbuf);
	uint16_t padded = (uint16_t)wb_transport_padded(inner, mtu);
	uint8_t *text = rte_pktmbuf_mtod(mbuf, uint8_t *);
	struct wb_msg_transport *message = (void *)(text - sizeof(*message));
	struct wb_keypair *keypair = sender->keypair;
	uint8_t ecn = outer_ecn(mbuf);

	/* More than there is of padding: the tag comes over what is too much. */
	memset(text + inner, 0, WB_AEAD_TAG_LEN);
	mbuf->data_off = (uint16_t)(mbuf->data_off - sizeof(*message));
	mbuf->data_len = (uint16_t)(sizeof(*message) + padded + WB_AEAD_TAG_LEN);
	mbuf->pkt_len = mbuf->data_len;
	message->type = rte_cpu_to_le_32(WB_MSG_TRANSPORT);
	message->receiver = rte_cpu_to_le_32(keypair->seal.remote_index);
	message->counter = rte_cpu_to_le_64(keypair->seal.counter);

	burst->ops[burst->n] = (struct wb_aead_op){
		.data = text,
		.len = padded,
		.counter = keypair->seal.counter++,
		.key = &keypair->seal.key,
	};
	burst->mbufs[burst->n] = mbuf;
	burst->peers[burst->n] = sender->peer;
	burst->outers[burst->n] = sender->outer;
	burst->ecn[burst->n] = ecn;
	burst->n++;
}

static bool has_room(const struct rte_mbuf *mbuf)
{
	return rte_pktmbuf_headroom(mbuf) >= WB_OUTER_MAX + sizeof(struct wb_msg_transport) &&
		rte_pktmbuf_tailroom(mbuf) >= PADDING_MAX + WB_AEAD_TAG_LEN;
}

/* The way to the peer; or that its packets are to wait for it, while the kernel asks for the next
 * hop's MAC. Without patience left, NULL is the answer. */
static bool way_ready(struct worker *worker, struct wb_peer *peer, const struct wb_outer **outer)
{
	struct wb_peer_seal *seal = &peer->seal;

	*outer = atomic_load_explicit(&peer->outer, memory_order_acquire);
	if (likely(*outer != NULL)) {
		if (unlikely(seal->unresolved_since != 0))
			seal->unresolved_since = 0;
		return true;
	}
	session_tell_unresolved(worker, peer);
	if (seal->unresolved_since == 0)
		seal->unresolved_since = worker->now;
	return worker->now - seal->unresolved_since >= WAY_PATIENCE;
}

/* True: a packet of the peer can be sealed now, or has no hope. False: it has to wait. */
static bool ready(
	struct stage *stage, struct worker *worker, struct wb_peer *peer, struct sender *sender)
{
	struct wb_keypair *keypair;

	*sender = (struct sender){.peer = peer};
	/* It was heard at a new place, and control looks for the way there. */
	if (unlikely(atomic_load_explicit(&peer->moving, memory_order_acquire) > 0))
		return false;
	if (unlikely(!atomic_load_explicit(&peer->located, memory_order_relaxed)))
		return true;
	sender->keypair = keypair = wb_peer_sending_key(peer);
	if (unlikely(!keypair_usable(keypair, worker->now))) {
		session_want_handshake(worker, peer);
		return false;
	}
	if (unlikely(!way_ready(worker, peer, &sender->outer)))
		return false;
	if (unlikely(sender->outer == NULL))
		return true;
	sender->mtu = RTE_MIN(worker->gateway->wg->mtu[stage->object], sender->outer->inner_mtu);
	if (unlikely(
		    wb_session_wants_rekey_on_send(wb_keypair_age(keypair->seal.birth, worker->now),
			    keypair->seal.counter, keypair->seal.initiator)))
		session_want_handshake(worker, peer);
	return true;
}

/* Whether a sender that was ready for the last packet is for the next one of the peer. */
static bool still_ready(const struct sender *sender, const struct wb_peer *peer)
{
	return sender->peer == peer && sender->outer != NULL &&
		sender->keypair->seal.counter < WB_REJECT_AFTER_MESSAGES;
}

/* A packet of a peer that has no endpoint, or none that can be reached. */
static void no_way(
	struct stage *stage, struct worker *worker, struct wb_peer *peer, struct rte_mbuf *mbuf)
{
	if (atomic_load_explicit(&peer->located, memory_order_relaxed) ||
		rte_pktmbuf_data_len(mbuf) == 0)
		worker_drop(worker, mbuf, WB_DROP_ENDPOINT_UNRESOLVED);
	else
		refuse(stage, worker, mbuf, WB_DROP_NO_ENDPOINT, ICMP_ERROR_UNREACHABLE, 0);
	/* Its host's name may be known by now. */
	session_tell_unresolved(worker, peer);
}

static void seal_and_send(struct worker *worker, struct seal_burst *burst);
static void seal_one(struct stage *stage, struct worker *worker, struct seal_burst *burst,
	const struct sender *sender, struct rte_mbuf *mbuf);

/* The pieces of a packet that does not fit go where it would have gone, before what comes behind.
 */
static void seal_pieces(struct stage *stage, struct worker *worker, struct seal_burst *burst,
	const struct sender *sender, struct rte_mbuf *mbuf)
{
	struct rte_mbuf *pieces[REFUSE_PIECES_MAX];
	unsigned n = refuse_too_big(stage, worker, mbuf, sender->mtu, pieces);

	for (unsigned i = 0; i < n; i++)
		seal_one(stage, worker, burst, sender, pieces[i]);
}

/* Takes a packet of a peer into the burst, or drops it. */
static void seal_one(struct stage *stage, struct worker *worker, struct seal_burst *burst,
	const struct sender *sender, struct rte_mbuf *mbuf)
{
	uint16_t mtu = sender->mtu;

	if (unlikely(sender->outer == NULL)) {
		no_way(stage, worker, sender->peer, mbuf);
		return;
	}
	if (unlikely(rte_pktmbuf_data_len(mbuf) > mtu && !split_allowed(mbuf))) {
		seal_pieces(stage, worker, burst, sender, mbuf);
		return;
	}
	if (unlikely(!has_room(mbuf))) {
		worker_drop(worker, mbuf, WB_DROP_HEADROOM);
		return;
	}
	if (worker->gateway->mss_clamp && rte_pktmbuf_data_len(mbuf) > 0)
		mss_clamp(rte_pktmbuf_mtod(mbuf, uint8_t *), rte_pktmbuf_data_len(mbuf), mtu);
	if (unlikely(rte_pktmbuf_data_len(mbuf) > mtu))
		mtu = worker->gateway->wg->mtu[stage->object];
	if (unlikely(burst->n == BURST))
		seal_and_send(worker, burst);
	add_to_burst(burst, mtu, sender, mbuf);
}

/* Takes a packet of a peer, or stages it. */
static void take(struct stage *stage, struct worker *worker, struct seal_burst *burst,
	struct wb_peer *peer, struct rte_mbuf *mbuf)
{
	if (likely(still_ready(&burst->sender, peer) ||
		    ready(stage, worker, peer, &burst->sender))) {
		seal_one(stage, worker, burst, &burst->sender, mbuf);
		return;
	}
	burst->sender.peer = NULL;
	staged_add(stage, worker, peer, mbuf);
}

/* Sends what a peer has staged, in order, if it has a key and a way by now. */
static unsigned flush_one(
	struct stage *stage, struct worker *worker, struct seal_burst *burst, struct wb_peer *peer)
{
	struct wb_peer_seal *seal = &peer->seal;
	struct sender sender;
	unsigned handled = 0;

	if (unlikely(atomic_exchange(&peer->gave_up, false)))
		handled = staged_drop(worker, peer, WB_DROP_NO_SESSION);
	for (; seal->staged > 0 && burst->n < BURST && ready(stage, worker, peer, &sender);
		handled++)
		seal_one(stage, worker, burst, &sender, staged_take(seal));
	return handled;
}

/* Goes round the peers with staged packets, a few each time. */
static unsigned flush_waiting(struct stage *stage, struct worker *worker, struct seal_burst *burst)
{
	struct wb_peer_list *waiting = &stage->own.seal.waiting;
	struct wb_peer *peer;
	unsigned handled = 0;

	for (unsigned i = 0; i < WAITING_A_RUN && (peer = STAILQ_FIRST(waiting)) != NULL; i++) {
		STAILQ_REMOVE_HEAD(waiting, seal.waiting);
		handled += flush_one(stage, worker, burst, peer);
		peer->seal.listed = peer->seal.staged > 0;
		if (peer->seal.listed)
			STAILQ_INSERT_TAIL(waiting, peer, seal.waiting);
	}
	return handled;
}

/* A keepalive: needless if data waits to be sent, impossible without a key. */
static void take_keepalive(struct stage *stage, struct worker *worker, struct seal_burst *burst,
	struct wb_peer *peer, struct rte_mbuf *mbuf)
{
	if (peer->seal.staged > 0 || !keypair_usable(wb_peer_sending_key(peer), worker->now)) {
		rte_pktmbuf_free(mbuf);
		return;
	}
	wb_count(worker->count, WB_IN_ORIGINATED, 1);
	take(stage, worker, burst, peer, mbuf);
}

/* A packet of a peer, NULL: its destination is nobody's. */
static void take_one(struct stage *stage, struct worker *worker, struct seal_burst *burst,
	struct wb_peer *peer, struct rte_mbuf *mbuf)
{
	if (unlikely(peer == NULL))
		refuse(stage, worker, mbuf, WB_DROP_NO_PEER, ICMP_ERROR_UNREACHABLE, 0);
	else if (unlikely(peer->seal.staged > 0))
		staged_add(stage, worker, peer, mbuf); /* behind the others */
	else
		take(stage, worker, burst, peer, mbuf);
}

static unsigned take_control(struct stage *stage, struct worker *worker, struct seal_burst *burst)
{
	struct rte_mbuf *mbufs[BURST];
	unsigned count =
		rte_ring_dequeue_burst(stage->control, (void **)mbufs, BURST - burst->n, NULL);

	for (unsigned i = 0; i < count; i++) {
		struct packet *packet = packet_of(mbufs[i]);

		switch (packet->request) {
		case PACKET_PURGE:
			staged_forget(stage, worker, packet->peer);
			rte_pktmbuf_free(mbufs[i]);
			break;
		case PACKET_SEAL:
			wb_count(worker->count, WB_IN_ORIGINATED, 1);
			take_one(stage, worker, burst,
				seal_peer_for(worker, stage->object, mbufs[i]), mbufs[i]);
			break;
		default:
			take_keepalive(stage, worker, burst, packet->peer, mbufs[i]);
		}
	}
	return count;
}

/* By a port, or into another tunnel. */
static void send_one(struct worker *worker, const struct wb_outer *outer, struct rte_mbuf *mbuf)
{
	const struct plan *plan = &worker->gateway->plan;

	if (likely(outer->via == 0)) {
		worker_send(worker, plan->tx[outer->port], mbuf);
		return;
	}
	worker_send(worker, plan->seal[outer->via - 1], mbuf);
}

static void send_split(struct worker *worker, const struct wb_outer *outer, struct rte_mbuf *mbuf)
{
	struct rte_mbuf *pieces[SPLIT_PIECES_MAX];
	unsigned n = split(worker, mbuf, outer, pieces);

	for (unsigned i = 0; i < n; i++)
		send_one(worker, outer, pieces[i]);
}

static void send_burst(struct worker *worker, struct seal_burst *burst)
{
	for (unsigned i = 0; i < burst->n; i++) {
		struct wb_peer *peer = burst->peers[i];
		struct rte_mbuf *mbuf = burst->mbufs[i];
		bool data = burst->ops[i].len > 0;

		peer->seal.bytes += rte_pktmbuf_data_len(mbuf);
		peer->seal.packets += data;
		session_sent(worker, peer, data);
		outer_write(mbuf, burst->outers[i], burst->ecn[i], (uint16_t)burst->ops[i].counter);
		if (unlikely(split_needed(mbuf, burst->outers[i])))
			send_split(worker, burst->outers[i], mbuf);
		else
			send_one(worker, burst->outers[i], mbuf);
	}
}

struct seal_burst *seal_burst_create(void)
{
	struct seal_burst *burst = rte_zmalloc("seal_burst", sizeof(*burst), RTE_CACHE_LINE_SIZE);

	if (burst != NULL)
		burst->chunk = CHUNK_FEW_PEERS;
	return burst;
}

unsigned stage_seal_run(struct stage *stage, struct worker *worker)
{
	struct seal_burst *burst = worker->sealing;
	unsigned handled = 0;

	/* Each tunnel is to get half a burst a round, whatever those before it had. */
	if (burst->n + worker->to_seal->n > BURST / 2)
		stage_seal_finish(worker);
	if (unlikely(!STAILQ_EMPTY(&stage->own.seal.waiting)))
		handled += flush_waiting(stage, worker, burst);
	if (unlikely(!rte_ring_empty(stage->control)))
		handled += take_control(stage, worker, burst);
	/* Data is only taken off the ring here: there may be more of it in other tunnels' rings. */
	return handled + worker_take(worker->to_seal, stage, BURST - worker->to_seal->n);
}

/* Asks for what send_burst() needs beside the rest: it comes while the AEAD works. */
static void prefetch_sent(const struct worker *worker, const struct seal_burst *burst)
{
	const struct wb_peer *last = NULL;

	for (unsigned i = 0; i < burst->n; i++) {
		if (burst->peers[i] == last)
			continue;
		last = burst->peers[i];
		if (session_looks(worker, last->seal.looked))
			rte_prefetch0(&last->open);
		if (burst->outers[i]->ipv6)
			rte_prefetch0(burst->outers[i]->header6);
	}
}

/* Seals what is laid out, and sends it. */
static void seal_and_send(struct worker *worker, struct seal_burst *burst)
{
	if (burst->n > 0) {
		prefetch_sent(worker, burst);
		wb_aead_seal_burst(worker->aead, burst->ops, burst->n);
		send_burst(worker, burst);
	}
	burst->n = 0;
}

/* Lays out some of the packets that were taken and found peers. */
static void lay_out(struct worker *worker, struct seal_burst *burst, unsigned at, unsigned end)
{
	const struct seal_peers *peers = &burst->peers_found;
	struct plan *plan = &worker->gateway->plan;

	for (unsigned i = at; i < end; i++) {
		unsigned place = peers->from + i;

		take_one(&plan->stages[peers->taken->stages[place]], worker, burst, peers->peers[i],
			peers->taken->mbufs[place]);
	}
}

/* Up to BURST of the packets that were taken. While the AEAD has some, the next ones' peers come
 * out of memory. */
static void seal_taken(struct worker *worker, struct seal_burst *burst, unsigned n)
{
	struct seal_peers *peers = &burst->peers_found;
	unsigned chunk = burst->chunk;
#define END(at) RTE_MIN((at) + chunk, n)

	peers->changes = 0;
	peers->last = NULL;
	for (unsigned at = 0; at < n + 3 * chunk; at += chunk) {
		if (at < n)
			seal_peers_ask(peers, worker, at, END(at));
		if (at >= chunk && at - chunk < n)
			seal_peers_find(peers, worker, at - chunk, END(at - chunk));
		if (at >= 2 * chunk && at - 2 * chunk < n)
			seal_peers_prefetch(peers, at - 2 * chunk, END(at - 2 * chunk));
		if (at >= 3 * chunk) {
			lay_out(worker, burst, at - 3 * chunk, END(at - 3 * chunk));
			seal_and_send(worker, burst);
		}
	}
#undef END
	/* The next burst will be much like this one; of a few packets, nothing can be said. */
	if (n >= CHUNK_MANY_PEERS)
		burst->chunk = peers->changes * 4 > n ? CHUNK_MANY_PEERS : CHUNK_FEW_PEERS;
}

void stage_seal_finish(struct worker *worker)
{
	struct seal_burst *burst = worker->sealing;
	struct seal_peers *peers = &burst->peers_found;

	/* What control's packets found is older than the data. */
	burst->sender.peer = NULL;
	peers->taken = worker->to_seal;
	for (peers->from = 0; peers->from < worker->to_seal->n; peers->from += BURST)
		seal_taken(
			worker, burst, RTE_MIN((unsigned)BURST, worker->to_seal->n - peers->from));
	seal_and_send(worker, burst);
	worker->to_seal->n = 0;
	burst->sender.peer = NULL;
}
