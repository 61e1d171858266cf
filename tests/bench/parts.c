/* SPDX-License-Identifier: BSD-3-Clause */
#include "parts.h"

#include <stdatomic.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_pause.h>

#include "fib/flow_follow.h"
#include "forward.h"
#include "ip_check.h"
#include "outer.h"

/* Packets that go through the ring between two lcores. */
#define HOPS (1u << 20)

/* Packets a hop has under way, at the most: a stage's ring never fills in that time. */
#define HOP_WINDOW 256

const char *const part_names[PARTS_N] = {
	[PART_CHECK] = "check",
	[PART_ROUTE] = "route",
	[PART_HASH] = "hash",
	[PART_QUEUE] = "queue",
	[PART_HOP] = "hop",
	[PART_HEADER] = "header",
	[PART_TX] = "tx",
};

struct job {
	struct world *world;
	struct traffic *traffic;
	double *cycles;
	struct rte_ring *ring;
};

static atomic_bool hopping;

static void port_of(const struct world *world, unsigned side, uint16_t *id)
{
	*id = world->gateway.ports[side].port->port_id;
}

/* One burst through all steps, each timed by itself. */
static void burst_measure(struct job *job, struct rte_mbuf **mbufs, uint64_t spent[PARTS_N])
{
	struct worker *worker = job->world->gateway.plan.workers[0];
	const struct wb_outer *outer = atomic_load(&job->world->far[0].peer->outer);
	struct ip_burst ip = {.n = BURST};
	uint64_t at[PARTS_N + 1];
	volatile uint32_t hash;
	uint16_t wan;

	port_of(job->world, WAN, &wan);
	for (unsigned i = 0; i < BURST; i++) {
		rte_pktmbuf_adj(mbufs[i], RTE_ETHER_HDR_LEN);
		ip.mbufs[i] = mbufs[i];
	}
	at[PART_CHECK] = rte_rdtsc_precise();
	for (unsigned i = 0; i < BURST; i++)
		check(ip_check(mbufs[i]) == 0, "a packet of the bench's is no IP packet");
	at[PART_ROUTE] = rte_rdtsc_precise();
	forward_lookup(worker, &ip);
	at[PART_HASH] = rte_rdtsc_precise();
	for (unsigned i = 0; i < BURST; i++)
		hash = wb_flow_hash_packet(rte_pktmbuf_mtod(mbufs[i], const uint8_t *),
			rte_pktmbuf_data_len(mbufs[i]), 0);
	(void)hash;
	at[PART_QUEUE] = rte_rdtsc_precise();
	rte_ring_enqueue_burst(job->ring, (void **)mbufs, BURST, NULL);
	rte_ring_dequeue_burst(job->ring, (void **)mbufs, BURST, NULL);
	at[PART_HEADER] = rte_rdtsc_precise();
	for (unsigned i = 0; i < BURST; i++)
		outer_write(mbufs[i], outer, 0, (uint16_t)i);
	at[PART_TX] = rte_rdtsc_precise();
	rte_eth_tx_burst(wan, 0, mbufs, BURST);
	at[PARTS_N] = rte_rdtsc_precise();
	rte_ring_dequeue_burst(job->world->tx[WAN], (void **)mbufs, BURST, NULL);
	at[PART_HOP] = at[PART_HEADER];
	for (unsigned i = 0; i < PARTS_N; i++)
		spent[i] += at[i + 1] - at[i];
}

static int parts_main(void *arg)
{
	struct job *job = arg;
	uint64_t spent[PARTS_N] = {0};

	for (unsigned i = 0; i < job->traffic->n; i += BURST)
		burst_measure(job, &job->traffic->mbufs[i], spent);
	for (unsigned i = 0; i < PARTS_N; i++)
		job->cycles[i] = (double)spent[i] / job->traffic->n;
	return 0;
}

/* The far end of the hop: touches each packet, as a stage would. */
static int taker_main(void *arg)
{
	struct job *job = arg;
	struct rte_mbuf *mbufs[BURST];
	volatile uint32_t sum = 0;

	while (atomic_load_explicit(&hopping, memory_order_relaxed)) {
		unsigned n = rte_ring_dequeue_burst(job->ring, (void **)mbufs, BURST, NULL);

		for (unsigned i = 0; i < n; i++)
			sum += mbufs[i]->data_len;
	}
	return 0;
}

static int giver_main(void *arg)
{
	struct job *job = arg;
	uint64_t began = rte_rdtsc_precise();

	for (unsigned sent = 0; sent < HOPS;)
		if (rte_ring_count(job->ring) < HOP_WINDOW)
			sent += rte_ring_enqueue_burst(job->ring,
				(void **)&job->traffic->mbufs[sent % job->traffic->n], BURST, NULL);
	while (rte_ring_count(job->ring) > 0)
		rte_pause();
	job->cycles[PART_HOP] = (double)(rte_rdtsc_precise() - began) / HOPS;
	atomic_store(&hopping, false);
	return 0;
}

void parts_measure(struct world *world, struct traffic *traffic, double cycles[PARTS_N])
{
	struct plan *plan = &world->gateway.plan;
	struct job job = {.world = world, .traffic = traffic, .cycles = cycles};

	/* Of a stage's kind and size: between workers there may be several producers. */
	job.ring = rte_ring_create("parts", RING_DATA, SOCKET_ID_ANY,
		RING_F_SC_DEQ | (plan->n_workers == 1 ? RING_F_SP_ENQ : 0));
	check(job.ring != NULL, "no memory for a ring");
	traffic->path = PATH_FORWARD_OUT;
	traffic_prepare(world, traffic);
	rte_eal_remote_launch(parts_main, &job, plan->workers[0]->lcore);
	wait_for_lcores();
	cycles[PART_HOP] = 0;
	if (plan->n_workers > 1) {
		atomic_store(&hopping, true);
		rte_eal_remote_launch(taker_main, &job, plan->workers[1]->lcore);
		rte_eal_remote_launch(giver_main, &job, plan->workers[0]->lcore);
		wait_for_lcores();
	}
	rte_ring_free(job.ring);
}
