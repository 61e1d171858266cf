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
	unsigned sent = rte_ring_enqueue_burst(stage->in, (void **)out->mbufs, out->n, NULL);

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
static uint64_t account(struct stage *const *stages, unsigned n, unsigned handled, uint64_t began)
{
	uint64_t ended = rte_rdtsc(), each = n == 1 ? 0 : ((ended - began) << 8) / handled;

	for (unsigned i = 0; i < n; i++) {
		struct stage_spent *spent = &stages[i]->spent;

		if (spent->last == 0)
			continue;
		spent->cycles += n == 1 ? ended - began : each * spent->last >> 8;
		spent->packets += spent->last;
		spent->bursts++;
	}
	return ended;
}

/* Whether a stage has nothing to do: with many tunnels most have not, and to see so from here is
 * cheaper than to call them. */
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

unsigned worker_run_stages(struct worker *worker, struct stage *const *stages, unsigned n)
{
	unsigned handled = 0;

	/* "Sent after received" is told by time alone (lib/noise's timers): stages of different
	 * kinds must not share a moment. */
	worker->now++;
	for (unsigned i = 0; i < n; i++) {
		unsigned done = is_idle(stages[i], worker) ? 0 : stages[i]->run(stages[i], worker);

		if (done != stages[i]->spent.last)
			stages[i]->spent.last = done;
		handled += done;
	}
	if (stages[0]->finish != NULL)
		stages[0]->finish(worker);
	flush_all(worker);
	return handled;
}

static unsigned run_stages(struct worker *worker, uint64_t began)
{
	const struct stage_list *list = atomic_load_explicit(&worker->stages, memory_order_acquire);
	unsigned handled = 0;

	/* Read after the list: a stage that has come from another worker finds no earlier time. */
	worker->now = clock_now();
	if (worker->now - worker->devices.asked >= worker->devices.pause)
		devices_poll(worker);
	for (unsigned i = 0, next; i < list->n; i = next) {
		struct stage *const *stages = &list->stages[i];
		unsigned n;

		for (next = i + 1; next < list->n && list->stages[next]->kind == stages[0]->kind;
			next++)
			;
		n = worker_run_stages(worker, stages, next - i);
		if (n > 0)
			began = account(stages, next - i, n, began);
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

static void idle(struct worker *worker, unsigned *empty_loops, uint64_t *sleep_ns)
{
	struct timespec pause;

	if (worker->gateway->poll_always || ++*empty_loops < IDLE_SPINS) {
		rte_pause();
		return;
	}
	pause = (struct timespec){.tv_nsec = (long)*sleep_ns};
	nanosleep(&pause, NULL);
	if (*sleep_ns < IDLE_SLEEP_MAX)
		*sleep_ns += *sleep_ns / 2;
}

int worker_main(void *arg)
{
	struct worker *worker = arg;
	struct gateway *gateway = worker->gateway;
	unsigned empty_loops = 0;
	uint64_t sleep_ns = IDLE_SLEEP_MIN;
	uint64_t first = rte_rdtsc();

	/* The default slack of 50 µs would double the short sleeps. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	rte_rcu_qsbr_thread_register(gateway->qsbr, worker->qsbr_id);
	rte_rcu_qsbr_thread_online(gateway->qsbr, worker->qsbr_id);

	while (likely(!atomic_load_explicit(&gateway->stopping, memory_order_relaxed))) {
		if (worker_round(worker) > 0) {
			empty_loops = 0;
			sleep_ns = IDLE_SLEEP_MIN;
		} else {
			idle(worker, &empty_loops, &sleep_ns);
		}
		worker->total_cycles = rte_rdtsc() - first;
	}

	rte_rcu_qsbr_thread_offline(gateway->qsbr, worker->qsbr_id);
	rte_rcu_qsbr_thread_unregister(gateway->qsbr, worker->qsbr_id);
	return 0;
}
