/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker.h"

#include <sys/prctl.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_pause.h>
#include <rte_ring_elem.h>

#include "gateway.h"
#include "plan.h"
#include "stages.h"

/* Idle steps: spin a little, since traffic comes in trains; then give the core away in sleeps that
 * grow. The longest keeps the bond (100 ms) and every protocol timer served with ease. */
#define IDLE_SPINS     32
#define IDLE_SLEEP_MIN (20 * NS_PER_US)
#define IDLE_SLEEP_MAX (250 * NS_PER_US)

void worker_flush_one(struct worker *worker, uint16_t stage_id)
{
	const struct stage *stage = &worker->gateway->plan.stages[stage_id];
	struct outbox *out = &worker->out[stage_id];
	unsigned sent = stage_put(stage, out->mbufs, out->n);

	if (unlikely(sent < out->n)) {
		wb_count(worker->count, stage->full, out->n - sent);
		rte_pktmbuf_free_bulk(&out->mbufs[sent], out->n - sent);
	}
	out->n = 0;
}

static void flush_all(struct worker *worker)
{
	for (unsigned i = 0; i < worker->n_touched; i++) {
		worker_flush_one(worker, worker->touched[i]);
		worker->out[worker->touched[i]].listed = false;
	}
	worker->n_touched = 0;
}

bool worker_tell(struct worker *worker, const struct event *event)
{
	if (likely(rte_ring_enqueue_elem(
			   worker->events, (void *)(uintptr_t)event, sizeof(*event)) == 0))
		return true;
	wb_count(worker->count, WB_EVENT_RING_FULL, 1);
	return false;
}

/* Notes what stages that did something took since `began`, the hand-over included: each by its
 * share of the packets. Returns the time. Those with nothing to do cost no reading of the clock:
 * they count to the next ones. */
static uint64_t account(struct worker *worker, unsigned handled, uint64_t began)
{
	uint64_t ended = rte_rdtsc();
	uint64_t each = worker->n_ran == 1 ? 0 : ((ended - began) << 8) / handled;

	for (unsigned i = 0; i < worker->n_ran; i++) {
		const struct stage_ran *ran = &worker->ran[i];
		struct stage_spent *spent = &worker->spent[ran->stage];

		spent->cycles += worker->n_ran == 1 ? ended - began : each * ran->packets >> 8;
		spent->packets += ran->packets;
		/* One that has come up twice has had one burst all the same. */
		spent->bursts += spent->loop != worker->loops + 1;
		spent->loop = worker->loops + 1;
	}
	return ended;
}

static void note_run(struct worker *worker, uint16_t stage_id, unsigned packets)
{
	struct stage_ran *ran = &worker->ran[worker->n_ran];

	if (worker->n_ran > 0 && ran[-1].stage == stage_id) {
		ran[-1].packets = (uint16_t)(ran[-1].packets + packets);
		return;
	}
	*ran = (struct stage_ran){.stage = stage_id, .packets = (uint16_t)packets};
	worker->n_ran++;
}

/* What the stages of a kind have been handed: the first of what they have taken. */
static unsigned note_handed(struct worker *worker, const struct taken *taken)
{
	for (unsigned i = 0; i < taken->n; i++)
		note_run(worker, taken->stages[i], 1);
	return taken->n;
}

/* Whether a stage that has run has nothing left to do. */
static bool is_idle(const struct stage *stage, const struct worker *worker)
{
	switch (stage->kind) {
	case STAGE_OPEN:
		return rte_ring_empty(stage->in);
	case STAGE_SEAL:
		return rte_ring_empty(stage->in) && rte_ring_empty(stage->control) &&
			STAILQ_EMPTY(&stage->own.seal.waiting);
	case STAGE_TAP:
	case STAGE_TUN:
		return rte_ring_empty(stage->in) && !stage->own.kernel.readable &&
			stage->own.kernel.watcher == worker->qsbr_id + 1;
	default:
		return false;
	}
}

/* Runs a stage; if something is left, it is called again. Returns how many packets it handled. */
static unsigned run_called(
	struct worker *worker, const struct stage_turn *turn, struct taken *taken)
{
	struct stage *stage = turn->stage;
	unsigned done;

	/* The rings are looked into after the exchange: who rings from now on is heard next time.
	 */
	__atomic_exchange_n(turn->bell, 0, __ATOMIC_SEQ_CST);
	done = stage->run(stage, worker);
	if (is_idle(stage, worker))
		return done;
	__atomic_store_n(turn->bell, 1, __ATOMIC_RELAXED);
	if (taken != NULL && !rte_ring_empty(stage->in))
		taken->held = true;
	return done;
}

static struct taken *taken_by(struct worker *worker, enum stage_kind kind)
{
	switch (kind) {
	case STAGE_OPEN:
		return worker->to_open;
	case STAGE_SEAL:
		return worker->to_seal;
	default:
		return NULL;
	}
}

unsigned worker_run_stages(struct worker *worker, const struct stage_turn *turns, unsigned n)
{
	struct taken *taken = taken_by(worker, turns[0].kind);
	unsigned handled = 0;

	/* "Sent after received" is told by time alone (lib/noise's timers): stages of different
	 * kinds must not share a moment. */
	worker->now++;
	worker->n_ran = 0;
	if (taken != NULL) {
		handled = note_handed(worker, taken);
		/* What they send to each other goes by the rings: they are at work on this. */
		taken->room = 0;
		taken->held = false;
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned done;

		if (!turns[i].polls && __atomic_load_n(turns[i].bell, __ATOMIC_RELAXED) == 0)
			continue;
		done = turns[i].polls ? turns[i].stage->run(turns[i].stage, worker)
				      : run_called(worker, &turns[i], taken);
		if (done > 0)
			note_run(worker, turns[i].stage->id, done);
		handled += done;
	}
	if (turns[0].stage->finish != NULL)
		turns[0].stage->finish(worker);
	flush_all(worker);
	if (taken != NULL && !taken->held)
		taken->room = TAKEN_MAX;
	return handled;
}

/* Stages that come from elsewhere bring packets along in their rings, and others' packets may have
 * gone by rings so far that are handed over from now on: none may overtake them. */
static void list_take(struct worker *worker, const struct stage_list *list)
{
	worker->list_serial = list->serial;
	worker->to_open->room = worker->to_seal->room = 0;
	for (unsigned i = 0; i < list->n; i++)
		__atomic_store_n(list->turns[i].bell, 1, __ATOMIC_RELAXED);
}

static unsigned run_stages(struct worker *worker, uint64_t began)
{
	const struct stage_list *list = atomic_load_explicit(&worker->stages, memory_order_acquire);
	unsigned handled = 0;

	worker->list = list;
	if (unlikely(list->serial != worker->list_serial))
		list_take(worker, list);
	/* Read after the list: a stage that has come from another worker finds no earlier time. */
	worker->now = clock_now();
	if (worker->now - worker->devices.asked >= worker->devices.pause)
		devices_poll(worker);
	for (unsigned i = 0, next; i < list->n; i = next) {
		unsigned n;

		for (next = i + 1; next < list->n && list->turns[next].kind == list->turns[i].kind;
			next++)
			;
		n = worker_run_stages(worker, &list->turns[i], next - i);
		if (n > 0)
			began = account(worker, n, began);
		handled += n;
	}
	return handled;
}

unsigned worker_round(struct worker *worker)
{
	uint64_t began = rte_rdtsc();
	unsigned handled;

	handled = run_stages(worker, began);
	rte_rcu_qsbr_quiescent(worker->gateway->qsbr, worker->qsbr_id);
	worker->loops++;
	if (handled > 0) {
		worker->busy_loops++;
		worker->busy_cycles += rte_rdtsc() - began;
		worker->packets += handled;
	}
	return handled;
}

/* Returns the ns it slept, as far as it wanted to. */
static uint64_t idle(struct worker *worker, unsigned *empty_loops, uint64_t *sleep_ns)
{
	struct timespec pause;
	uint64_t slept = *sleep_ns;

	if (worker->gateway->poll_always || ++*empty_loops < IDLE_SPINS) {
		rte_pause();
		return 0;
	}
	pause = (struct timespec){.tv_nsec = (long)slept};
	nanosleep(&pause, NULL);
	if (*sleep_ns < IDLE_SLEEP_MAX)
		*sleep_ns += *sleep_ns / 2;
	return slept;
}

void worker_note_pause(struct worker *worker, uint64_t cycles, uint64_t slept)
{
	struct worker_pauses *pauses = &worker->pauses;
	uint64_t took = clock_ns_of(cycles);

	took -= RTE_MIN(took, slept);
	if (took <= WORKER_PAUSE)
		return;
	pauses->times++;
	pauses->ns += took;
	pauses->longest = RTE_MAX(pauses->longest, took);
	pauses->last = clock_now();
}

int worker_main(void *arg)
{
	struct worker *worker = arg;
	struct gateway *gateway = worker->gateway;
	unsigned empty_loops = 0;
	uint64_t sleep_ns = IDLE_SLEEP_MIN;
	const uint64_t pause = rte_get_tsc_hz() / (NS_PER_SECOND / WORKER_PAUSE);
	uint64_t first = rte_rdtsc(), last = first;

	/* The default slack of 50 µs would double the short sleeps. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	rte_rcu_qsbr_thread_register(gateway->qsbr, worker->qsbr_id);
	rte_rcu_qsbr_thread_online(gateway->qsbr, worker->qsbr_id);

	while (likely(!atomic_load_explicit(&gateway->stopping, memory_order_relaxed))) {
		uint64_t slept = 0, ended;

		if (worker_round(worker) > 0) {
			empty_loops = 0;
			sleep_ns = IDLE_SLEEP_MIN;
		} else {
			slept = idle(worker, &empty_loops, &sleep_ns);
		}
		ended = rte_rdtsc();
		if (unlikely(ended - last > pause))
			worker_note_pause(worker, ended - last, slept);
		last = ended;
		worker->total_cycles = ended - first;
	}

	rte_rcu_qsbr_thread_offline(gateway->qsbr, worker->qsbr_id);
	rte_rcu_qsbr_thread_unregister(gateway->qsbr, worker->qsbr_id);
	return 0;
}
