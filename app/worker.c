/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker.h"

#include <sys/prctl.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_pause.h>
#include <rte_ring_elem.h>

#include "gateway.h"
#include "plan.h"

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

/* Notes what a run that did something took since `began`, the hand-over included; returns the time.
 * A stage with nothing to do costs no reading of the clock: it counts to the next one. */
static uint64_t account(struct stage *stage, unsigned handled, uint64_t began)
{
	uint64_t ended = rte_rdtsc();

	stage->spent.cycles += ended - began;
	stage->spent.packets += handled;
	stage->spent.bursts++;
	return ended;
}

static unsigned run_stages(struct worker *worker, uint64_t began)
{
	const struct stage_list *list = atomic_load_explicit(&worker->stages, memory_order_acquire);
	unsigned handled = 0;

	/* Read after the list: a stage that has come from another worker finds no earlier time. */
	worker->now = clock_now();
	for (unsigned i = 0; i < list->n; i++) {
		struct stage *stage = list->stages[i];
		unsigned n;

		/* "Sent after received" is told by time alone (lib/noise's timers): stages of one
		 * loop must not share a moment. */
		worker->now++;
		n = stage->run(stage, worker);
		flush_all(worker);
		if (n > 0)
			began = account(stage, n, began);
		handled += n;
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
	uint64_t first = rte_rdtsc(), began, ended;

	/* The default slack of 50 µs would double the short sleeps. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	rte_rcu_qsbr_thread_register(gateway->qsbr, worker->qsbr_id);
	rte_rcu_qsbr_thread_online(gateway->qsbr, worker->qsbr_id);

	while (likely(!atomic_load_explicit(&gateway->stopping, memory_order_relaxed))) {
		unsigned handled;

		began = rte_rdtsc();
		handled = run_stages(worker, began);
		rte_rcu_qsbr_quiescent(gateway->qsbr, worker->qsbr_id);
		ended = rte_rdtsc();
		worker->loops++;
		worker->total_cycles = ended - first;
		if (handled > 0) {
			worker->busy_loops++;
			worker->busy_cycles += ended - began;
			worker->packets += handled;
			empty_loops = 0;
			sleep_ns = IDLE_SLEEP_MIN;
		}
		if (handled == 0)
			idle(worker, &empty_loops, &sleep_ns);
	}

	rte_rcu_qsbr_thread_offline(gateway->qsbr, worker->qsbr_id);
	rte_rcu_qsbr_thread_unregister(gateway->qsbr, worker->qsbr_id);
	return 0;
}
