/* SPDX-License-Identifier: BSD-3-Clause */
#include "plan.h"

#include <stdio.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_ring_elem.h>

#include "gateway.h"
#include "stages.h"

#define EVENT_RING 1024

/* What each kind of stage is made of. */
static const struct {
	const char *name;
	unsigned (*run)(struct stage *stage, struct worker *worker);
	unsigned ring; /**< slots of the ring it takes packets from; 0 none */
	bool control;  /**< control sends it packets too */
	enum wb_counter full;
} kinds[] = {
	[STAGE_RX] = {"rx", stage_rx_run, 0, false, 0},
	[STAGE_OPEN] = {"open", stage_open_run, RING_DATA, false, WB_DROP_OPEN_RING_FULL},
	[STAGE_SEAL] = {"seal", stage_seal_run, RING_DATA, true, WB_DROP_SEAL_RING_FULL},
	[STAGE_TX] = {"tx", stage_tx_run, RING_DATA, true, WB_DROP_TX_RING_FULL},
	[STAGE_TAP] = {"tap", stage_tap_run, RING_KERNEL, false, WB_DROP_TAP_RING_FULL},
	[STAGE_TUN] = {"tun", stage_tun_run, RING_KERNEL, false, WB_DROP_TUN_RING_FULL},
};

static struct rte_ring *ring_make(const struct stage *stage, const char *suffix, unsigned slots,
	unsigned flags, struct wb_err *err)
{
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *ring;

	snprintf(name, sizeof(name), "%s%s", stage->name, suffix);
	ring = rte_ring_create(name, slots, SOCKET_ID_ANY, flags | RING_F_SC_DEQ);
	if (ring == NULL)
		wb_err_set(err, rte_errno, "no memory for ring %s of %u packets: %s", name, slots,
			rte_strerror(rte_errno));
	return ring;
}

/* Adds a stage to the plan and gives it to a worker, which runs its stages in the order in which
 * they are added. */
static int stage_add(struct gateway *gateway, enum stage_kind kind, unsigned object,
	unsigned worker_index, uint16_t *id, struct wb_err *err)
{
	struct plan *plan = &gateway->plan;
	struct worker *worker = plan->workers[worker_index];
	struct stage *stage = &plan->stages[plan->n_stages];
	/* One worker alone is the only producer of every ring. */
	unsigned producers = plan->n_workers == 1 ? RING_F_SP_ENQ : 0;

	if (plan->n_stages == STAGES_MAX)
		return wb_err_set(err, ENOSPC, "more than %u stages", STAGES_MAX);
	stage->run = kinds[kind].run;
	stage->full = kinds[kind].full;
	stage->gateway = gateway;
	stage->kind = kind;
	stage->object = (uint16_t)object;
	stage->id = plan->n_stages;
	stage->lcore = (uint16_t)worker->lcore;
	snprintf(stage->name, sizeof(stage->name), "%s:%s", kinds[kind].name,
		kind == STAGE_RX || kind == STAGE_TX || kind == STAGE_TAP
			? gateway->ports[object].port->name
			: gateway->wg->by_id[object]->name);
	if (kind == STAGE_SEAL)
		STAILQ_INIT(&stage->own.seal.waiting);
	if (kinds[kind].ring > 0) {
		stage->in = ring_make(stage, "", kinds[kind].ring, producers, err);
		if (stage->in == NULL)
			return -ENOMEM;
	}
	plan->n_stages++;
	if (kinds[kind].control) {
		stage->control = ring_make(stage, ":c", RING_CONTROL, RING_F_SP_ENQ, err);
		if (stage->control == NULL)
			return -ENOMEM;
	}
	worker->stages[worker->n_stages++] = stage;
	if (id != NULL)
		*id = stage->id;
	return 0;
}

static struct worker *worker_make(
	struct gateway *gateway, unsigned lcore, unsigned index, struct wb_err *err)
{
	struct worker *worker = rte_zmalloc("worker", sizeof(*worker), RTE_CACHE_LINE_SIZE);
	char name[RTE_RING_NAMESIZE];

	if (worker == NULL) {
		wb_err_set(err, ENOMEM, "no memory for the worker on lcore %u", lcore);
		return NULL;
	}
	gateway->plan.workers[gateway->plan.n_workers++] = worker;
	worker->gateway = gateway;
	worker->lcore = lcore;
	worker->cpu = (int)rte_lcore_to_cpu_id((int)lcore);
	worker->qsbr_id = index;
	worker->count = wb_counters_of(gateway->counters, index);
	worker->aead = wb_aead_create(err);
	if (worker->aead == NULL)
		return NULL;
	snprintf(name, sizeof(name), "events:%u", index);
	worker->events = rte_ring_create_elem(name, sizeof(struct event), EVENT_RING, SOCKET_ID_ANY,
		RING_F_SP_ENQ | RING_F_SC_DEQ);
	worker->out =
		rte_zmalloc("outboxes", sizeof(struct outbox) * STAGES_MAX, RTE_CACHE_LINE_SIZE);
	if (worker->events == NULL || worker->out == NULL) {
		wb_err_set(err, ENOMEM, "no memory for the rings of the worker on lcore %u", lcore);
		return NULL;
	}
	return worker;
}

/* Which worker has a tunnel's stages: the first one is left to the ports when there are three. */
static unsigned tunnel_worker(const struct plan *plan, unsigned number)
{
	if (plan->n_workers < 3)
		return number % plan->n_workers;
	return 1 + number % (plan->n_workers - 1u);
}

/* Stages are added in the order of a packet's way, so that one worker carries a packet through in
 * one loop: rx, open, the kernel's devices, seal, tx. */
static int lay_out(struct gateway *gateway, struct wb_err *err)
{
	struct plan *plan = &gateway->plan;
	unsigned workers = plan->n_workers;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < gateway->n_ports; i++)
		rc = stage_add(gateway, STAGE_RX, i, i % workers, NULL, err);
	for (unsigned i = 0; rc == 0 && i < gateway->wg->n; i++)
		rc = stage_add(
			gateway, STAGE_OPEN, i, tunnel_worker(plan, i + 1), &plan->open[i], err);
	for (unsigned i = 0; rc == 0 && i < gateway->n_ports; i++)
		rc = stage_add(gateway, STAGE_TAP, i, i % workers, &plan->tap[i], err);
	for (unsigned i = 0; rc == 0 && i < gateway->wg->n; i++)
		rc = stage_add(gateway, STAGE_TUN, i, tunnel_worker(plan, i), &plan->tun[i], err);
	for (unsigned i = 0; rc == 0 && i < gateway->wg->n; i++)
		rc = stage_add(gateway, STAGE_SEAL, i, tunnel_worker(plan, i), &plan->seal[i], err);
	for (unsigned i = 0; rc == 0 && i < gateway->n_ports; i++)
		rc = stage_add(gateway, STAGE_TX, i, i % workers, &plan->tx[i], err);
	return rc;
}

int plan_make(struct gateway *gateway, struct wb_err *err)
{
	unsigned lcore, index = 0;

	RTE_LCORE_FOREACH_WORKER (lcore)
		if (index < WORKERS_MAX && worker_make(gateway, lcore, index++, err) == NULL)
			return -ENOMEM;
	if (index == 0)
		return wb_err_set(err, EINVAL, "no worker lcore");
	return lay_out(gateway, err);
}

static void ring_free(struct rte_ring *ring)
{
	void *mbuf;

	if (ring == NULL)
		return;
	while (rte_ring_dequeue(ring, &mbuf) == 0)
		rte_pktmbuf_free(mbuf);
	rte_ring_free(ring);
}

void plan_free(struct gateway *gateway)
{
	struct plan *plan = &gateway->plan;

	for (unsigned i = 0; i < plan->n_stages; i++) {
		ring_free(plan->stages[i].in);
		ring_free(plan->stages[i].control);
	}
	plan->n_stages = 0;
	for (unsigned i = 0; i < plan->n_workers; i++) {
		struct worker *worker = plan->workers[i];

		wb_aead_destroy(worker->aead);
		rte_ring_free(worker->events);
		rte_free(worker->out);
		rte_free(worker);
	}
	plan->n_workers = 0;
}
