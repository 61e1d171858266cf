/* SPDX-License-Identifier: BSD-3-Clause */
#include "measure.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include "wg/transport.h"

/* Packets between the ports at a time where lcores run side by side: less than a stage's ring. */
#define UNDER_WAY 384

/* Stages' rings hold 512. */
#define CHUNK 256

/* A packet that is not out by then (2 s) was lost. */
#define PATIENCE_S 2

/* What one lcore does for a round. */
struct lane {
	struct world *world;
	struct traffic *traffic;
	struct worker *worker;
	struct round *round;
	unsigned side_fed[SIDES]; /* whether this lcore feeds that port */
	unsigned from, to;	  /* its share of the packets, for the AEAD */
	uint64_t aead;		  /* cycles that it took */
};

static atomic_uint lanes_ready;
static atomic_bool lost;

/* Lcores that measure together begin together. */
static void lanes_meet(const struct world *world)
{
	atomic_fetch_add(&lanes_ready, 1);
	while (atomic_load(&lanes_ready) < world->gateway.plan.n_workers)
		rte_pause();
}

/* Dies, naming the drops, unless all packets came out. */
static void check_none_lost(const struct world *world, bool good)
{
	const struct gateway *gateway = &world->gateway;
	unsigned sets = gateway->plan.n_workers + 1;

	for (unsigned id = 0; !good && id < WB_COUNTERS_N; id++) {
		uint64_t sum = wb_counters_sum(gateway->counters, sets, (enum wb_counter)id);

		if (sum > 0)
			fprintf(stderr, "%s: %" PRIu64 "\n",
				wb_counter_info((enum wb_counter)id)->name, sum);
	}
	check(good, "packets were lost in the gateway");
}

/* --- the AEAD alone --- */

static void op_of(
	struct world *world, const struct traffic *traffic, unsigned i, struct wb_aead_op *op)
{
	uint8_t *data = rte_pktmbuf_mtod(traffic->mbufs[i], uint8_t *);
	const struct wb_msg_transport *message;
	unsigned skip =
		traffic->path == PATH_OPEN || traffic->path == PATH_SEAL ? 0 : RTE_ETHER_HDR_LEN;

	if (traffic_is_out(traffic, i)) {
		*op = (struct wb_aead_op){.data = data + skip,
			.len = (uint32_t)wb_transport_padded(
				traffic->sizes[i], world->options.mtu - 80),
			.counter = i,
			.key = &world->far[i % world->options.tunnels].key};
		return;
	}
	if (skip > 0)
		skip += (world->options.outer == 4 ? 20 : 40) + 8;
	message = (const void *)(data + skip);
	*op = (struct wb_aead_op){.data = data + skip + sizeof(*message),
		.len = (uint32_t)wb_transport_padded(traffic->sizes[i], 0),
		.counter = rte_le_to_cpu_64(message->counter),
		.key = &((struct wb_keypair *)wb_index_lookup(
				 world->gateway.wg->indices, rte_le_to_cpu_32(message->receiver)))
				->receive_key};
}

/* In the gateway's bursts; only the library's calls are timed. */
static uint64_t aead_alone(struct world *world, struct traffic *traffic, struct worker *worker,
	unsigned from, unsigned to)
{
	struct wb_aead_op out[BURST], in[BURST];
	uint64_t cycles = 0;

	for (unsigned i = from; i < to; i += BURST) {
		unsigned n_out = 0, n_in = 0, good = 0;
		uint64_t began;

		for (unsigned j = i; j < i + BURST; j++)
			op_of(world, traffic, j,
				traffic_is_out(traffic, j) ? &out[n_out++] : &in[n_in++]);
		began = rte_rdtsc_precise();
		if (n_out > 0)
			wb_aead_seal_burst(worker->aead, out, n_out);
		if (n_in > 0)
			good = wb_aead_open_burst(worker->aead, in, n_in);
		cycles += rte_rdtsc_precise() - began;
		check(good == n_in, "the AEAD refused packets that were sealed for it");
	}
	return cycles;
}

/* --- a stage alone --- */

/* A stage of one lcore with nothing before or behind it but its rings. */
static uint64_t stage_alone(struct world *world, struct traffic *traffic, struct worker *worker)
{
	struct plan *plan = &world->gateway.plan;
	const uint16_t *ids = traffic->path == PATH_SEAL ? plan->seal : plan->open;
	struct rte_ring *out = plan->stages[plan->tx[traffic->path == PATH_SEAL ? WAN : LAN]].in;
	struct stage_turn turns[WB_TUNNELS_MAX];
	uint64_t cycles = 0;
	unsigned back = 0;

	for (unsigned t = 0; t < world->options.tunnels; t++)
		turns[t] = (struct stage_turn){.stage = &plan->stages[ids[t]],
			.bell = plan->stages[ids[t]].bell,
			.kind = plan->stages[ids[t]].kind};

	for (unsigned i = 0; i < traffic->n; i += CHUNK) {
		uint64_t began;

		for (unsigned j = i; j < i + CHUNK; j++)
			stage_put(&plan->stages[ids[traffic_flow(world, traffic, j) %
					  world->options.tunnels]],
				&traffic->mbufs[j], 1);
		began = rte_rdtsc_precise();
		worker->now = clock_now();
		while (worker_run_stages(worker, turns, world->options.tunnels) > 0)
			;
		cycles += rte_rdtsc_precise() - began;
		back += rte_ring_dequeue_burst(
			out, (void **)&traffic->mbufs[back], traffic->n - back, NULL);
	}
	check_none_lost(world, back == traffic->n);
	return cycles;
}

/* --- from port to port --- */

static unsigned count_out(const struct world *world)
{
	return rte_ring_count(world->tx[LAN]) + rte_ring_count(world->tx[WAN]);
}

/* The packets of one port, in order. */
static unsigned select_for(const struct traffic *traffic, unsigned side, struct rte_mbuf **list)
{
	unsigned n = 0;

	for (unsigned i = 0; i < traffic->n; i++)
		if (traffic_is_out(traffic, i) == (side == LAN))
			list[n++] = traffic->mbufs[i];
	return n;
}

/* Feeds the ports whose rx this lcore has, and works, until everything is out. */
static uint64_t lane_run(struct lane *lane)
{
	static struct rte_mbuf *lists[SIDES][STORE];
	struct world *world = lane->world;
	unsigned n[SIDES] = {0}, fed[SIDES] = {0}, all = lane->traffic->n;
	uint64_t began;

	for (unsigned side = 0; side < SIDES; side++)
		if (lane->side_fed[side])
			n[side] = select_for(lane->traffic, side, lists[side]);
	lanes_meet(world);
	began = rte_rdtsc_precise();
	while (count_out(world) < all && !atomic_load_explicit(&lost, memory_order_relaxed)) {
		for (unsigned side = 0; side < SIDES; side++)
			if (fed[side] < n[side] &&
				fed[side] - rte_ring_count(world->tx[!side]) < UNDER_WAY)
				fed[side] += rte_ring_enqueue_burst(world->rx[side],
					(void **)&lists[side][fed[side]],
					RTE_MIN((unsigned)BURST, n[side] - fed[side]), NULL);
		worker_round(lane->worker);
		if (rte_rdtsc() - began > PATIENCE_S * rte_get_tsc_hz())
			atomic_store(&lost, true);
	}
	return rte_rdtsc_precise() - began;
}

/* --- rounds --- */

static void stages_reset(struct world *world)
{
	for (unsigned i = 0; i < world->gateway.plan.n_workers; i++)
		memset(world->gateway.plan.workers[i]->spent, 0,
			sizeof(struct stage_spent) * STAGES_MAX);
}

static void stages_read(struct world *world, unsigned n, struct round *round)
{
	const struct plan *plan = &world->gateway.plan;

	memset(round->stages, 0, sizeof(round->stages));
	for (unsigned i = 0; i < plan->n_stages; i++)
		for (unsigned w = 0; w < plan->n_workers; w++)
			round->stages[plan->stages[i].kind] +=
				(double)plan->workers[w]->spent[i].cycles / n;
}

static int lane_main(void *arg)
{
	struct lane *lane = arg;
	struct rte_rcu_qsbr *qsbr = lane->world->gateway.qsbr;
	uint64_t cycles;

	rte_rcu_qsbr_thread_register(qsbr, lane->worker->qsbr_id);
	rte_rcu_qsbr_thread_online(qsbr, lane->worker->qsbr_id);
	if (lane->traffic->path == PATH_SEAL || lane->traffic->path == PATH_OPEN)
		cycles = stage_alone(lane->world, lane->traffic, lane->worker);
	else
		cycles = lane_run(lane);
	rte_rcu_qsbr_thread_offline(qsbr, lane->worker->qsbr_id);
	rte_rcu_qsbr_thread_unregister(qsbr, lane->worker->qsbr_id);
	if (lane->worker->qsbr_id == 0)
		lane->round->gateway = (double)cycles / lane->traffic->n;
	return 0;
}

static int aead_main(void *arg)
{
	struct lane *lane = arg;

	lane->round->aead =
		(double)aead_alone(lane->world, lane->traffic, lane->worker, 0, lane->traffic->n) /
		lane->traffic->n;
	return 0;
}

static int aead_share_main(void *arg)
{
	struct lane *lane = arg;

	lanes_meet(lane->world);
	lane->aead = aead_alone(lane->world, lane->traffic, lane->worker, lane->from, lane->to);
	return 0;
}

/* What the machine's lcores can do at once: no gateway on them can do more. */
static void aead_together(struct world *world, struct traffic *traffic, struct lane *lanes)
{
	struct plan *plan = &world->gateway.plan;
	uint64_t longest = 0;

	traffic_prepare(world, traffic);
	atomic_store(&lanes_ready, 0);
	for (unsigned i = 0; i < plan->n_workers; i++) {
		lanes[i].from = i * (traffic->n / BURST) / plan->n_workers * BURST;
		lanes[i].to = (i + 1) * (traffic->n / BURST) / plan->n_workers * BURST;
		rte_eal_remote_launch(aead_share_main, &lanes[i], plan->workers[i]->lcore);
	}
	wait_for_lcores();
	for (unsigned i = 0; i < plan->n_workers; i++)
		longest = RTE_MAX(longest, lanes[i].aead);
	lanes[0].round->aead_together = (double)longest / traffic->n;
}

static void take_back(struct world *world, struct traffic *traffic)
{
	unsigned n = 0;

	for (unsigned side = 0; side < SIDES; side++)
		n += rte_ring_dequeue_burst(
			world->tx[side], (void **)&traffic->mbufs[n], traffic->n - n, NULL);
	check_none_lost(world, n == traffic->n);
}

void measure_round(struct world *world, struct traffic *traffic, struct round *round)
{
	struct plan *plan = &world->gateway.plan;
	struct lane lanes[WORKERS_MAX];
	bool ports = traffic->path != PATH_SEAL && traffic->path != PATH_OPEN;

	for (unsigned i = 0; i < plan->n_workers; i++)
		lanes[i] = (struct lane){.world = world,
			.traffic = traffic,
			.worker = plan->workers[i],
			.round = round};
	for (unsigned i = 0; i < plan->n_stages; i++)
		if (plan->stages[i].kind == STAGE_RX)
			lanes[plan->stages[i].worker].side_fed[plan->stages[i].object] = 1;

	world_refresh(world);
	traffic_advance(world, traffic);
	traffic_prepare(world, traffic);
	rte_eal_remote_launch(aead_main, &lanes[0], plan->workers[0]->lcore);
	wait_for_lcores();
	if (plan->n_workers > 1)
		aead_together(world, traffic, lanes);
	traffic_prepare(world, traffic);
	stages_reset(world);
	atomic_store(&lanes_ready, 0);
	for (unsigned i = 0; i < (ports ? plan->n_workers : 1); i++)
		rte_eal_remote_launch(lane_main, &lanes[i], plan->workers[i]->lcore);
	wait_for_lcores();
	check_none_lost(world, !atomic_load(&lost));
	if (ports)
		take_back(world, traffic);
	stages_read(world, traffic->n, round);
}
