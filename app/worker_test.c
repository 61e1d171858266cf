/* SPDX-License-Identifier: BSD-3-Clause */
/* What a worker promises its stages: none is run without need, none is forgotten, and a flow keeps
 * its order whether its packets go by a ring or are handed over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway.h"
#include "stages.h"

#define PACKETS 200000
#define RING	1024

enum { SOURCE, SINK };

static struct gateway gateway;
static struct worker worker;
static struct stage_list *lists[2]; /* without the sink, and with it */
static struct rte_mbuf *mbufs;

static unsigned to_send;  /* packets that the source sends in its next run */
static unsigned sent;	  /* by the source, or by another thread */
static unsigned received; /* by the sink, in order */
static unsigned sink_takes, sink_runs;
static unsigned sink_answers; /* packets that the sink is to send to itself */

static unsigned source_run(struct stage *stage, struct worker *of)
{
	unsigned n = to_send;

	(void)stage;
	for (; to_send > 0; to_send--)
		worker_hand(of, of->to_seal, SINK, &mbufs[sent++]);
	return n;
}

static void sink_finish(struct worker *of);

static unsigned sink_run(struct stage *stage, struct worker *of)
{
	sink_runs++;
	if (of->to_seal->n > 0)
		sink_finish(of);
	return worker_take(of->to_seal, stage, sink_takes);
}

static void sink_finish(struct worker *of)
{
	unsigned n = of->to_seal->n;

	for (unsigned i = 0; i < n; i++) {
		assert_ptr_equal(of->to_seal->mbufs[i], &mbufs[received]);
		assert_int_equal(of->to_seal->stages[i], SINK);
		received++;
		if (sink_answers > 0) {
			sink_answers--;
			worker_hand(of, of->to_seal, SINK, &mbufs[sent++]);
		}
	}
	of->to_seal->n = 0;
}

static void *zeroed(size_t size)
{
	void *memory = aligned_alloc(64, RTE_ALIGN(size, 64));

	assert_non_null(memory);
	return memset(memory, 0, size);
}

static void stage_make(uint16_t id, enum stage_kind kind,
	unsigned (*run)(struct stage *stage, struct worker *of), void (*finish)(struct worker *of))
{
	gateway.plan.stages[id] = (struct stage){.run = run,
		.finish = finish,
		.gateway = &gateway,
		.kind = kind,
		.id = id,
		.bell = &gateway.plan.bells[kind][id],
		.full = WB_DROP_SEAL_RING_FULL};
}

static struct rte_ring *ring_make(void)
{
	struct rte_ring *ring = zeroed((size_t)rte_ring_get_memsize(RING));

	assert_int_equal(rte_ring_init(ring, "ring", RING, RING_F_SC_DEQ), 0);
	return ring;
}

static struct stage_list *list_make(unsigned n)
{
	struct stage_list *list = zeroed(sizeof(*list) + n * sizeof(list->turns[0]));

	list->serial = n;
	list->n = (uint16_t)n;
	for (unsigned i = 0; i < n; i++) {
		list->own[i] = true;
		list->turns[i] = (struct stage_turn){.stage = &gateway.plan.stages[i],
			.bell = gateway.plan.stages[i].bell,
			.kind = gateway.plan.stages[i].kind,
			.polls = i == SOURCE};
	}
	return list;
}

static int setup(void **state)
{
	struct stage *sink = &gateway.plan.stages[SINK];

	(void)state;
	memset(&gateway, 0, sizeof(gateway));
	memset(&worker, 0, sizeof(worker));
	gateway.qsbr = zeroed(rte_rcu_qsbr_get_memsize(1));
	rte_rcu_qsbr_init(gateway.qsbr, 1);
	rte_rcu_qsbr_thread_register(gateway.qsbr, 0);
	rte_rcu_qsbr_thread_online(gateway.qsbr, 0);
	stage_make(SOURCE, STAGE_RX, source_run, NULL);
	stage_make(SINK, STAGE_SEAL, sink_run, sink_finish);
	sink->in = ring_make();
	sink->control = ring_make();
	STAILQ_INIT(&sink->own.seal.waiting);
	worker.gateway = &gateway;
	worker.devices.pause = UINT64_MAX; /* there are none */
	worker.to_open = zeroed(sizeof(*worker.to_open));
	worker.to_seal = zeroed(sizeof(*worker.to_seal));
	worker.spent = zeroed(STAGES_MAX * sizeof(*worker.spent));
	worker.ran = zeroed((STAGES_MAX + TAKEN_MAX) * sizeof(*worker.ran));
	worker.out = zeroed(STAGES_MAX * sizeof(*worker.out));
	lists[0] = list_make(1);
	lists[1] = list_make(2);
	mbufs = zeroed(PACKETS * sizeof(*mbufs));
	to_send = sent = received = sink_runs = sink_answers = 0;
	sink_takes = BURST;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(gateway.qsbr);
	free(gateway.plan.stages[SINK].in);
	free(gateway.plan.stages[SINK].control);
	free(worker.to_open);
	free(worker.to_seal);
	free(worker.spent);
	free(worker.ran);
	free(worker.out);
	free(lists[0]);
	free(lists[1]);
	free(mbufs);
	return 0;
}

static void list_give(unsigned which)
{
	atomic_store(&worker.stages, lists[which]);
}

static void round_of(unsigned packets)
{
	to_send = packets;
	worker_round(&worker);
}

static void own_stages_need_no_ring(void **state)
{
	(void)state;
	list_give(1);
	round_of(1); /* by the ring: the list is new */
	assert_int_equal(received, 1);
	assert_int_equal(sink_runs, 1);
	for (unsigned i = 0; i < 10; i++)
		round_of(20);
	assert_int_equal(received, 201);
	assert_int_equal(sink_runs, 1);
}

/* The sink comes from another worker with packets in its ring, more than it takes at a time. */
static void none_overtakes_a_ring(void **state)
{
	(void)state;
	list_give(0);
	round_of(50);
	round_of(50);
	assert_int_equal(rte_ring_count(gateway.plan.stages[SINK].in), 100);
	list_give(1);
	sink_takes = 30;
	for (unsigned i = 0; i < 20; i++)
		round_of(10);
	assert_int_equal(received, 300);
	sink_runs = 0;
	round_of(10);
	assert_int_equal(received, 310);
	assert_int_equal(sink_runs, 0);
	/* And goes again. */
	list_give(0);
	round_of(10);
	assert_int_equal(received, 310);
	assert_int_equal(rte_ring_count(gateway.plan.stages[SINK].in), 10);
}

/* The allocator gives out again what was freed: a new list may lie where the old one did. */
static void a_list_is_known_by_no_address(void **state)
{
	struct stage_list *list = lists[1];

	(void)state;
	list_give(1);
	round_of(1);
	round_of(5);
	assert_int_equal(received, 6);
	list->n = 1; /* the sink goes */
	list->own[SINK] = false;
	list->serial = 3;
	round_of(10);
	assert_int_equal(received, 6);
	list->n = 2; /* and comes back */
	list->own[SINK] = true;
	list->serial = 4;
	sink_takes = 4;
	for (unsigned i = 0; i < 20; i++)
		round_of(1);
	assert_int_equal(received, 36);
}

/* As an ICMP error that goes back into the tunnel whose packet it tells of. */
static void what_stages_send_to_themselves(void **state)
{
	(void)state;
	list_give(1);
	round_of(1);
	round_of(1);
	for (unsigned i = 0; i < 20; i++) {
		sink_answers = 5;
		round_of(10);
		round_of(0);
		assert_int_equal(received, sent);
	}
	assert_int_equal(sent, 2 + 20 * 15);
}

static void more_than_there_is_room_for(void **state)
{
	(void)state;
	list_give(1);
	round_of(1);
	for (unsigned i = 0; i < 10; i++) {
		round_of(TAKEN_MAX + 100);
		for (unsigned j = 0; j < 10; j++)
			round_of(1);
	}
	assert_int_equal(received, sent);
	assert_int_equal(sent, 1 + 10 * (TAKEN_MAX + 110));
}

static void each_stage_has_its_account(void **state)
{
	uint64_t cycles;

	(void)state;
	list_give(1);
	for (unsigned i = 0; i < 5; i++)
		round_of(7);
	cycles = worker.spent[SOURCE].cycles + worker.spent[SINK].cycles;
	assert_int_equal(worker.spent[SOURCE].packets, 35);
	assert_int_equal(worker.spent[SINK].packets, 35);
	assert_int_equal(worker.spent[SOURCE].bursts, 5);
	assert_int_equal(worker.spent[SINK].bursts, 5);
	assert_true(cycles > 0 && cycles <= worker.busy_cycles);
	round_of(0);
	assert_int_equal(worker.spent[SINK].bursts, 5);
}

/* What a worker meant to sleep is none of its pauses, and what is no longer than work is none. */
static void pauses_are_noted(void **state)
{
	const struct worker_pauses *pauses = &worker.pauses;

	(void)state;
	clock_ns_per_cycle_q32 = UINT64_C(1) << 31; /* 2 GHz */
	worker_note_pause(&worker, 2 * WORKER_PAUSE, 0);
	worker_note_pause(&worker, 2 * (WORKER_PAUSE + 250 * NS_PER_US), 250 * NS_PER_US);
	worker_note_pause(&worker, 2 * 10 * NS_PER_US, 250 * NS_PER_US);
	assert_int_equal(pauses->times, 0);
	worker_note_pause(&worker, 2 * 3 * NS_PER_MS, 0);
	worker_note_pause(&worker, 2 * 900 * NS_PER_US, 250 * NS_PER_US);
	assert_int_equal(pauses->times, 2);
	assert_int_equal(pauses->ns, 3650 * NS_PER_US);
	assert_int_equal(pauses->longest, 3 * NS_PER_MS);
	assert_true(pauses->last > 0 && pauses->last <= clock_now());
}

/* Another thread fills the ring: whatever it has rung for arrives, though the worker looks into no
 * ring without being called. */
static void *produce(void *arg)
{
	const struct stage *sink = arg;
	unsigned done = 0;

	while (done < PACKETS) {
		struct rte_mbuf *some[4];
		unsigned n = RTE_MIN(1 + done % 4, PACKETS - done);

		for (unsigned i = 0; i < n; i++)
			some[i] = &mbufs[done + i];
		done += stage_put(sink, some, n);
	}
	return NULL;
}

static void no_call_is_missed(void **state)
{
	time_t began = time(NULL);
	pthread_t thread;

	(void)state;
	list_give(1);
	round_of(0);
	assert_int_equal(pthread_create(&thread, NULL, produce, &gateway.plan.stages[SINK]), 0);
	while (received < PACKETS && time(NULL) - began < 60)
		round_of(0);
	pthread_join(thread, NULL);
	assert_int_equal(received, PACKETS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(own_stages_need_no_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(none_overtakes_a_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(a_list_is_known_by_no_address, setup, teardown),
		cmocka_unit_test_setup_teardown(what_stages_send_to_themselves, setup, teardown),
		cmocka_unit_test_setup_teardown(more_than_there_is_room_for, setup, teardown),
		cmocka_unit_test_setup_teardown(each_stage_has_its_account, setup, teardown),
		cmocka_unit_test_setup_teardown(pauses_are_noted, setup, teardown),
		cmocka_unit_test_setup_teardown(no_call_is_missed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
