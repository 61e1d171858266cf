/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * A worker lcore: the stages it runs in turn, and what they share.
 */
#ifndef WB_APP_WORKER_H
#define WB_APP_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>

#include "crypto/aead.h"
#include "stats/counters.h"
#include "wg/peer.h"

#include "clock.h"
#include "packet.h"

struct gateway;
struct worker;

/** Packets a stage takes at a time. */
#define BURST 64

/** Ports × (2 + queues) + tunnels × 3, at the most. */
#define STAGES_MAX 512

/** In the order of a packet's way, so that one worker carries it through in one loop. */
enum stage_kind {
	STAGE_RX,
	STAGE_OPEN,
	STAGE_TAP,
	STAGE_TUN,
	STAGE_SEAL,
	STAGE_TX,
	STAGE_KINDS,
};

/** Ports or tunnels that stages of a kind are for. */
#define STAGE_OBJECTS_MAX 64

/** What a stage has cost, by the account of a worker that ran it. */
struct stage_spent {
	uint64_t cycles; /**< TSC, of runs that handled packets */
	uint64_t packets;
	uint64_t bursts; /**< such runs */
	uint64_t loop;	 /**< of the worker, in which the last was */
};

/** One box of the picture in the architecture: takes a burst, hands on bursts. */
struct stage {
	/** Does one burst of work; returns how many packets it handled. NULL: no stage is here. */
	unsigned (*run)(struct stage *stage, struct worker *worker);
	/** Does the rest of the work for all stages of the kind, once they have run. NULL: none is
	 * left. */
	void (*finish)(struct worker *worker);
	struct rte_ring *in; /**< from stages; NULL for rx */
	struct rte_ring
		*control; /**< from control (single producer); NULL where it sends nothing */
	uint8_t *bell;	  /**< whoever puts something into one of the rings rings it */
	struct gateway *gateway;
	enum stage_kind kind;
	uint16_t id;	      /**< index in the plan, and in every worker's outboxes */
	uint16_t object;      /**< index of the port or tunnel */
	uint16_t queue;	      /**< rx: of the port */
	uint16_t lcore;	      /**< which runs it */
	uint16_t worker;      /**< index of that lcore's worker */
	bool stopped;	      /**< control's: on its way out */
	bool resting;	      /**< control's: on its way to another worker; nobody runs it */
	enum wb_counter full; /**< the reason counted when `in` is full */
	char name[24];

	/* Owned by the lcore that runs the stage. */
	union {
		struct {
			struct reassembly *fragments;
			uint64_t expired; /**< ns, when fragments were last looked at */
		} rx;
		struct {
			uint64_t arrived[RTE_MAX_ETHPORTS]; /**< packets, by DPDK port id */
		} open;
		struct {
			struct wb_peer_list waiting; /**< peers with staged packets */
		} seal;
		struct {
			uint64_t last;	  /**< ns, last call of the PMD's tx burst */
			uint64_t refused; /**< frames the PMD did not take */
		} tx;
		struct {
			unsigned watcher; /**< qsbr_id of the worker that asks after the
					       device, plus one; 0: none does */
			bool readable;	  /**< there may be something to read */
		} kernel;
	} own __rte_cache_aligned;
} __rte_cache_aligned;

/** A stage and its bell, side by side: with many tunnels most stages have nothing to do, and to see
 * so is to cost little. */
struct stage_turn {
	struct stage *stage;
	uint8_t *bell;
	enum stage_kind kind;
	bool polls; /**< runs each time: it asks a port */
};

/** The stages of a worker, those of a kind together. Immutable once published. */
struct stage_list {
	uint64_t serial;      /**< no other list has it, which cannot be said of its address */
	bool own[STAGES_MAX]; /**< by stage id: it is one of them */
	uint16_t n;
	struct stage_turn turns[];
};

/** Room for the packets of all ports' bursts, of few ports. */
#define TAKEN_MAX 256

/** Packets whose stages are to run: taken off their rings; or handed over without, where the same
 * worker runs both stages. */
struct taken {
	uint16_t n;
	uint16_t room; /**< up to which packets are handed over: 0 while older ones may be in rings,
			* or stages of the kind run */
	bool held;     /**< there are such when they have run */
	struct rte_mbuf *mbufs[TAKEN_MAX];
	uint16_t stages[TAKEN_MAX]; /**< their ids */
};

/** How many packets a stage had in the run of its kind under way. */
struct stage_ran {
	uint16_t stage, packets;
};

/** Packets on their way to one stage, handed over together. */
struct outbox {
	uint16_t n;
	bool listed;
	struct rte_mbuf *mbufs[BURST];
};

/** What a worker tells control. One element of the event ring. */
enum event_kind {
	EVENT_WANT_HANDSHAKE, /**< no usable key, or the key is old */
	EVENT_CONFIRMED,      /**< first data under `index` */
	EVENT_ROAMED,	      /**< authenticated packet from `endpoint`, to `local` */
	EVENT_ARM,	      /**< data for a peer that control sleeps on */
	EVENT_UNRESOLVED,     /**< a packet had no next hop for the peer's endpoint */
	EVENT_PATH_MTU,	      /**< a router says `index` bytes fit on the way to `remote` */
	EVENT_ECHO, /**< the reply to probe `index` of `tunnel` came in `at` then; no peer_id */
};

struct event {
	uint32_t kind;
	uint32_t peer_id;
	uint32_t serial; /**< the peer's: the id may be another's when control reads this */
	uint32_t index;
	uint16_t port;	   /**< of `endpoint`, host byte order */
	uint16_t tunnel;   /**< EVENT_PATH_MTU: whose packet was too long; there is no peer_id */
	uint32_t receiver; /**< EVENT_PATH_MTU: the index in that packet; `quoted`: it is there */
	uint32_t quoted;
	struct wb_addr remote;
	struct wb_addr local;
	uint64_t at; /**< EVENT_ECHO: ns */
};

/** A round that takes longer, ns, was not all the worker's: two bursts of 8900-byte packets take
 * less. A receive ring of 2048 packets is full by then at 4 Mpps. */
#define WORKER_PAUSE (500 * NS_PER_US)

/** Such rounds: the CPU did something else, for an interrupt, another program, another guest of the
 * host; or a port that belongs to the kernel took its time. */
struct worker_pauses {
	uint64_t times;
	uint64_t ns; /**< in all, the rounds' own work included */
	uint64_t longest;
	uint64_t last; /**< ns, when the last one ended */
};

struct worker {
	struct gateway *gateway;
	uint64_t now; /**< ns, read once a loop, one more for each kind of stage: no two kinds have
		       * the same time
		       */
	struct wb_counters *count;
	struct wb_aead_ctx *aead;
	struct taken *to_open; /**< what its open stages have taken */
	struct taken *to_seal;
	struct open_burst *opening; /**< what of it is on its way through the AEAD */
	struct seal_burst *sealing;
	struct rte_ring *events; /**< of struct event, to control */
	_Atomic(struct stage_list *) stages;
	const struct stage_list *list; /**< of the round under way */
	uint64_t list_serial;	       /**< of the list that the worker has prepared for; 0: none */
	struct stage_spent *spent;     /**< by stage id; read by telemetry */
	struct stage_ran *ran;
	uint16_t n_ran;
	uint16_t n_touched;
	uint16_t touched[STAGES_MAX]; /**< outboxes with packets in them */
	struct outbox *out;	      /**< one for each stage of the plan */
	uint64_t error_credit;	      /**< ns, the moment up to which ICMP errors are paid for */
	uint64_t news_credit;	      /**< the same of news from routers */
	struct {
		int fd;		/**< of epoll: TAPs and TUNs of the worker's stages */
		uint64_t asked; /**< ns, when it last asked which of them can be read */
		uint64_t pause; /**< ns, until it asks again */
	} devices;
	unsigned lcore;
	unsigned qsbr_id;
	int cpu;

	/* Read by telemetry. */
	uint64_t loops __rte_cache_aligned;
	uint64_t busy_loops;
	uint64_t busy_cycles;
	uint64_t total_cycles;
	uint64_t packets;
	struct worker_pauses pauses;
} __rte_cache_aligned;

/** Notes that a round took `cycles` (TSC), `slept` ns of them on purpose, if that makes it a pause.
 * The worker's own thread. */
void worker_note_pause(struct worker *worker, uint64_t cycles, uint64_t slept);

/** Hands everything in the outbox to its stage's ring; what does not fit is dropped and counted
 * under the reason of that stage. */
void worker_flush_one(struct worker *worker, uint16_t stage_id);

/** Puts a packet into the outbox of a stage. It leaves at the next flush. */
static inline void worker_send(struct worker *worker, uint16_t stage_id, struct rte_mbuf *mbuf)
{
	struct outbox *out = &worker->out[stage_id];

	if (unlikely(out->n == BURST))
		worker_flush_one(worker, stage_id);
	out->mbufs[out->n++] = mbuf;
	if (!out->listed) {
		out->listed = true;
		worker->touched[worker->n_touched++] = stage_id;
	}
}

/** Gives a packet to an open or seal stage that runs later in this round: at once if it is the
 * worker's own, else as worker_send(). A flow's packets all come this way, or all by worker_send().
 * @param taken  what the worker's stages of the kind have taken. */
static inline void worker_hand(
	struct worker *worker, struct taken *taken, uint16_t stage_id, struct rte_mbuf *mbuf)
{
	if (unlikely(taken->n >= taken->room || !worker->list->own[stage_id])) {
		worker_send(worker, stage_id, mbuf);
		return;
	}
	taken->mbufs[taken->n] = mbuf;
	taken->stages[taken->n++] = stage_id;
}

/** Takes up to `most` packets off a stage's ring, as far as there is room. Returns how many. */
static inline unsigned worker_take(struct taken *taken, const struct stage *stage, unsigned most)
{
	struct rte_mbuf **mbufs = &taken->mbufs[taken->n];
	unsigned count = rte_ring_dequeue_burst(
		stage->in, (void **)mbufs, RTE_MIN(most, (unsigned)TAKEN_MAX - taken->n), NULL);

	for (unsigned i = 0; i < count; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
		taken->stages[taken->n + i] = stage->id;
	}
	taken->n = (uint16_t)(taken->n + count);
	return count;
}

/** Frees a packet and counts why. */
static inline void worker_drop(struct worker *worker, struct rte_mbuf *mbuf, enum wb_counter reason)
{
	wb_count(worker->count, reason, 1);
	rte_pktmbuf_free(mbuf);
}

/** A token bucket of `burst` that gets one token every `interval` ns, kept as the moment up to
 * which tokens were taken (GCRA): no division. True: take one. */
static inline bool worker_may(
	const struct worker *worker, uint64_t *credit, uint64_t interval, unsigned burst)
{
	uint64_t paid = *credit > worker->now ? *credit : worker->now;

	if (paid - worker->now > interval * burst)
		return false;
	*credit = paid + interval;
	return true;
}

/** Tells control; an event that finds no room is counted and, being repeated by the next packet
 * that needs it, not kept. Returns false if there was no room. */
bool worker_tell(struct worker *worker, const struct event *event);

/** Puts packets into a stage's ring. Returns how many found room. Workers. */
static inline unsigned stage_put(
	const struct stage *stage, struct rte_mbuf *const *mbufs, unsigned n)
{
	unsigned sent = rte_ring_enqueue_burst(stage->in, (void *const *)mbufs, n, NULL);

	__atomic_store_n(stage->bell, 1, __ATOMIC_RELEASE);
	return sent;
}

/** Puts a packet into the ring that a stage has for control's. False: it is full. Control. */
static inline bool stage_tell(const struct stage *stage, struct rte_mbuf *mbuf)
{
	bool sent = rte_ring_enqueue(stage->control, mbuf) == 0;

	__atomic_store_n(stage->bell, 1, __ATOMIC_RELEASE);
	return sent;
}

/** Runs stages of one kind once and hands on what they have sent. Returns how many packets were
 * handled. */
unsigned worker_run_stages(struct worker *worker, const struct stage_turn *turns, unsigned n);

/** Runs each stage once, and says that the worker holds on to nothing control may free. Returns how
 * many packets were handled. */
unsigned worker_round(struct worker *worker);

/** The lcore's main function: runs stages until the gateway stops. */
int worker_main(void *worker);

#endif
