/* SPDX-License-Identifier: BSD-3-Clause */
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_ring_elem.h>

#include "control.h"
#include "reassembly.h"
#include "stages.h"

#define EVENT_RING 1024

/* What each kind of stage is made of. */
static const struct {
	const char *name;
	unsigned (*run)(struct stage *stage, struct worker *worker);
	void (*finish)(struct worker *worker);
	unsigned ring; /**< slots of the ring it takes packets from; 0 none */
	bool control;  /**< control sends it packets too */
	enum wb_counter full;
} kinds[] = {
	[STAGE_RX] = {"rx", stage_rx_run, NULL, 0, false, 0},
	[STAGE_OPEN] = {"open", stage_open_run, stage_open_finish, RING_DATA, false,
		WB_DROP_OPEN_RING_FULL},
	[STAGE_SEAL] = {"seal", stage_seal_run, stage_seal_finish, RING_DATA, true,
		WB_DROP_SEAL_RING_FULL},
	[STAGE_TX] = {"tx", stage_tx_run, NULL, RING_DATA, true, WB_DROP_TX_RING_FULL},
	[STAGE_TAP] = {"tap", stage_tap_run, NULL, RING_KERNEL, false, WB_DROP_TAP_RING_FULL},
	[STAGE_TUN] = {"tun", stage_tun_run, NULL, RING_KERNEL, false, WB_DROP_TUN_RING_FULL},
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

static void stage_free(struct gateway *gateway, uint16_t id);

_Static_assert(
	WB_TUNNELS_MAX <= STAGE_OBJECTS_MAX && PORTS_MAX <= STAGE_OBJECTS_MAX, "each has its bell");

/* A place for a stage; NULL: there is none. */
static struct stage *stage_place(struct plan *plan)
{
	uint16_t id = 0;

	while (id < STAGES_MAX && plan->stages[id].run != NULL)
		id++;
	if (id == STAGES_MAX)
		return NULL;
	memset(&plan->stages[id], 0, sizeof(plan->stages[id]));
	plan->stages[id].id = id;
	/* No worker has it on its list. */
	for (unsigned i = 0; i < plan->n_workers; i++)
		plan->workers[i]->spent[id] = (struct stage_spent){.cycles = 0};
	if (id == plan->n_stages)
		plan->n_stages++;
	return &plan->stages[id];
}

/* Makes a stage that no worker runs yet. */
static int queue_add(struct gateway *gateway, enum stage_kind kind, unsigned object, unsigned queue,
	unsigned worker_index, uint16_t *id, struct wb_err *err)
{
	struct plan *plan = &gateway->plan;
	struct stage *stage = stage_place(plan);
	/* One worker alone is the only producer of every ring. */
	unsigned producers = plan->n_workers == 1 ? RING_F_SP_ENQ : 0;

	if (stage == NULL)
		return wb_err_set(err, ENOSPC, "more than %u stages", STAGES_MAX);
	stage->run = kinds[kind].run;
	stage->finish = kinds[kind].finish;
	stage->full = kinds[kind].full;
	stage->gateway = gateway;
	stage->kind = kind;
	stage->object = (uint16_t)object;
	stage->bell = &plan->bells[kind][object];
	stage->queue = (uint16_t)queue;
	stage->lcore = (uint16_t)plan->workers[worker_index]->lcore;
	stage->worker = (uint16_t)worker_index;
	placement_stage_name(kinds[kind].name,
		kind == STAGE_RX || kind == STAGE_TX || kind == STAGE_TAP
			? gateway->ports[object].port->name
			: gateway->wg->by_id[object]->name,
		kind == STAGE_RX && gateway->placement.ports[object].queues > 1 ? (int)queue : -1,
		stage->name);
	if (kind == STAGE_SEAL)
		STAILQ_INIT(&stage->own.seal.waiting);
	if (kinds[kind].ring > 0)
		stage->in = ring_make(stage, "", kinds[kind].ring, producers, err);
	if (kinds[kind].control)
		stage->control = ring_make(stage, ":c", RING_CONTROL, RING_F_SP_ENQ, err);
	if (kind == STAGE_RX) {
		stage->own.rx.fragments = reassembly_create();
		if (stage->own.rx.fragments == NULL)
			return wb_err_set(err, ENOMEM, "no memory for fragments");
	}
	if ((kinds[kind].ring > 0 && stage->in == NULL) ||
		(kinds[kind].control && stage->control == NULL)) {
		stage_free(gateway, stage->id);
		return -ENOMEM;
	}
	if (id != NULL)
		*id = stage->id;
	return 0;
}

static int stage_add(struct gateway *gateway, enum stage_kind kind, unsigned object,
	unsigned worker_index, uint16_t *id, struct wb_err *err)
{
	return queue_add(gateway, kind, object, 0, worker_index, id, err);
}

/* The list of the stages that are a worker's own by now, in the order of a packet's way. */
static struct stage_list *list_make(struct plan *plan, unsigned worker_index, struct wb_err *err)
{
	struct stage_list *list = rte_zmalloc("stage_list",
		sizeof(*list) + plan->n_stages * sizeof(list->turns[0]), RTE_CACHE_LINE_SIZE);

	if (list == NULL) {
		wb_err_set(err, ENOMEM, "no memory for the stages of a worker");
		return NULL;
	}
	list->serial = ++plan->lists;
	for (unsigned kind = 0; kind < RTE_DIM(kinds); kind++)
		for (unsigned i = 0; i < plan->n_stages; i++) {
			struct stage *stage = &plan->stages[i];

			if (stage->run == NULL || stage->stopped || stage->resting ||
				stage->kind != kind || stage->worker != worker_index)
				continue;
			list->own[i] = true;
			list->turns[list->n++] = (struct stage_turn){.stage = stage,
				.bell = stage->bell,
				.kind = kind,
				.polls = kind == STAGE_RX || kind == STAGE_TX};
		}
	return list;
}

static void list_give(struct gateway *gateway, unsigned worker_index, struct stage_list *list)
{
	struct worker *worker = gateway->plan.workers[worker_index];

	wb_retire(
		&gateway->control->retire_handle, atomic_exchange(&worker->stages, list), rte_free);
}

static int list_publish(struct gateway *gateway, unsigned worker_index, struct wb_err *err)
{
	struct stage_list *list = list_make(&gateway->plan, worker_index, err);

	if (list == NULL)
		return -ENOMEM;
	list_give(gateway, worker_index, list);
	return 0;
}

/* All workers get their lists, or none does. */
static int lists_publish(struct gateway *gateway, struct wb_err *err)
{
	struct stage_list *lists[WORKERS_MAX];
	unsigned made = 0;

	while (made < gateway->plan.n_workers &&
		(lists[made] = list_make(&gateway->plan, made, err)) != NULL)
		made++;
	if (made < gateway->plan.n_workers) {
		while (made > 0)
			rte_free(lists[--made]);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < made; i++)
		list_give(gateway, i, lists[i]);
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
	/* What EAL calls an lcore's CPU is that of the same number, wherever the lcore was put. */
	worker->cpu = gateway->placement.workers[index].cpu;
	worker->qsbr_id = index;
	worker->devices.fd = devices_open();
	if (worker->devices.fd < 0) {
		wb_err_set(err, errno, "epoll: %s", strerror(errno));
		return NULL;
	}
	worker->count = wb_counters_of(gateway->counters, index);
	worker->aead = wb_aead_create(err);
	if (worker->aead == NULL)
		return NULL;
	worker->to_open = rte_zmalloc("to_open", sizeof(struct taken), RTE_CACHE_LINE_SIZE);
	worker->to_seal = rte_zmalloc("to_seal", sizeof(struct taken), RTE_CACHE_LINE_SIZE);
	worker->spent =
		rte_zmalloc("spent", sizeof(struct stage_spent) * STAGES_MAX, RTE_CACHE_LINE_SIZE);
	worker->ran = rte_malloc(
		"ran", sizeof(struct stage_ran) * (STAGES_MAX + TAKEN_MAX), RTE_CACHE_LINE_SIZE);
	worker->opening = open_burst_create();
	worker->sealing = seal_burst_create();
	snprintf(name, sizeof(name), "events:%u", index);
	worker->events = rte_ring_create_elem(name, sizeof(struct event), EVENT_RING, SOCKET_ID_ANY,
		RING_F_SP_ENQ | RING_F_SC_DEQ);
	worker->out =
		rte_zmalloc("outboxes", sizeof(struct outbox) * STAGES_MAX, RTE_CACHE_LINE_SIZE);
	if (worker->to_open == NULL || worker->to_seal == NULL || worker->spent == NULL ||
		worker->ran == NULL || worker->opening == NULL || worker->sealing == NULL ||
		worker->events == NULL || worker->out == NULL) {
		wb_err_set(err, ENOMEM, "no memory for the rings of the worker on lcore %u", lcore);
		return NULL;
	}
	return worker;
}

static int port_add(struct gateway *gateway, unsigned port, const struct placement_of_ports *where,
	struct wb_err *err)
{
	struct plan *plan = &gateway->plan;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < gateway->placement.ports[port].queues; i++)
		rc = queue_add(gateway, STAGE_RX, port, i, where->rx[port][i], NULL, err);
	if (rc == 0)
		rc = stage_add(gateway, STAGE_TAP, port, where->tap[port], &plan->tap[port], err);
	if (rc == 0)
		rc = stage_add(gateway, STAGE_TX, port, where->tx[port], &plan->tx[port], err);
	return rc;
}

int plan_make(struct gateway *gateway, struct wb_err *err)
{
	struct placement_of_ports where;
	unsigned lcore, index = 0;
	int rc = 0;

	RTE_LCORE_FOREACH_WORKER (lcore)
		if (index < WORKERS_MAX && worker_make(gateway, lcore, index++, err) == NULL)
			return -ENOMEM;
	if (index == 0 || index != gateway->placement.n_workers)
		return wb_err_set(err, EINVAL, "%u worker lcores, %u were planned for", index,
			gateway->placement.n_workers);
	placement_of_ports(&gateway->placement, &where);
	for (unsigned i = 0; rc == 0 && i < gateway->n_ports; i++)
		rc = port_add(gateway, i, &where, err);
	return rc == 0 ? lists_publish(gateway, err) : rc;
}

/* What each worker has by now. */
static void load_count(const struct plan *plan, struct placement_load load[WORKERS_MAX])
{
	memset(load, 0, sizeof(load[0]) * WORKERS_MAX);
	for (unsigned i = 0; i < plan->n_stages; i++) {
		const struct stage *stage = &plan->stages[i];

		if (stage->run == NULL || stage->stopped)
			continue;
		load[stage->worker].rx += stage->kind == STAGE_RX;
		load[stage->worker].seals += stage->kind == STAGE_SEAL;
		load[stage->worker].opens += stage->kind == STAGE_OPEN;
	}
}

int plan_tunnel_add(struct gateway *gateway, unsigned tunnel, struct wb_err *err)
{
	struct plan *plan = &gateway->plan;
	struct placement_load load[WORKERS_MAX];
	unsigned seal, open;
	int rc;

	load_count(plan, load);
	placement_of_tunnel(
		&gateway->placement, gateway->wg->by_id[tunnel]->name, load, &seal, &open);
	rc = stage_add(gateway, STAGE_OPEN, tunnel, open, &plan->open[tunnel], err);
	if (rc < 0)
		return rc;
	rc = stage_add(gateway, STAGE_TUN, tunnel, seal, &plan->tun[tunnel], err);
	if (rc < 0) {
		stage_free(gateway, plan->open[tunnel]);
		return rc;
	}
	rc = stage_add(gateway, STAGE_SEAL, tunnel, seal, &plan->seal[tunnel], err);
	if (rc < 0) {
		stage_free(gateway, plan->open[tunnel]);
		stage_free(gateway, plan->tun[tunnel]);
		return rc;
	}
	rc = lists_publish(gateway, err);
	if (rc < 0)
		plan_tunnel_free(gateway, tunnel);
	return rc;
}

int plan_take(struct gateway *gateway, const uint16_t *ids, unsigned n, struct wb_err *err)
{
	struct plan *plan = &gateway->plan;
	int rc;

	for (unsigned i = 0; i < n; i++)
		plan->stages[ids[i]].resting = true;
	rc = list_publish(gateway, plan->stages[ids[0]].worker, err);
	for (unsigned i = 0; rc < 0 && i < n; i++)
		plan->stages[ids[i]].resting = false;
	return rc;
}

int plan_give(struct gateway *gateway, const uint16_t *ids, unsigned n, unsigned worker,
	struct wb_err *err)
{
	struct plan *plan = &gateway->plan;
	uint16_t given[STAGES_MAX];
	unsigned count = 0;
	int rc;

	for (unsigned i = 0; i < n; i++) {
		struct stage *stage = &plan->stages[ids[i]];

		/* Its tunnel may have gone meanwhile, and another stage have its place. */
		if (stage->run == NULL || !stage->resting)
			continue;
		stage->resting = false;
		stage->worker = (uint16_t)worker;
		stage->lcore = (uint16_t)plan->workers[worker]->lcore;
		given[count++] = ids[i];
	}
	if (count == 0)
		return 0;
	rc = list_publish(gateway, worker, err);
	for (unsigned i = 0; rc < 0 && i < count; i++)
		plan->stages[given[i]].resting = true;
	return rc < 0 ? rc : (int)count;
}

int plan_tunnel_stop(struct gateway *gateway, unsigned tunnel, struct wb_err *err)
{
	struct plan *plan = &gateway->plan;

	plan->stages[plan->open[tunnel]].stopped = true;
	plan->stages[plan->tun[tunnel]].stopped = true;
	plan->stages[plan->seal[tunnel]].stopped = true;
	for (unsigned i = 0; i < plan->n_workers; i++)
		device_forget(plan->workers[i], gateway->tunnels[tunnel].tun);
	return lists_publish(gateway, err);
}

void plan_tunnel_free(struct gateway *gateway, unsigned tunnel)
{
	struct plan *plan = &gateway->plan;

	stage_free(gateway, plan->open[tunnel]);
	stage_free(gateway, plan->tun[tunnel]);
	stage_free(gateway, plan->seal[tunnel]);
}

/* Returns how many packets were still in it. */
static unsigned ring_free(struct rte_ring *ring)
{
	unsigned left = 0;
	void *mbuf;

	if (ring == NULL)
		return 0;
	for (; rte_ring_dequeue(ring, &mbuf) == 0; left++)
		rte_pktmbuf_free(mbuf);
	rte_ring_free(ring);
	return left;
}

static void stage_free(struct gateway *gateway, uint16_t id)
{
	struct plan *plan = &gateway->plan;
	struct stage *stage = &plan->stages[id];
	unsigned left = ring_free(stage->in);

	/* What waits in control's ring was not counted yet: it has requests, no packets. */
	ring_free(stage->control);
	wb_count(gateway->control_count, WB_DROP_TUNNEL_REMOVED, left);
	if (stage->kind == STAGE_RX)
		reassembly_destroy(stage->own.rx.fragments);
	stage->in = stage->control = NULL;
	stage->run = NULL;
	while (plan->n_stages > 0 && plan->stages[plan->n_stages - 1].run == NULL)
		plan->n_stages--;
}

void plan_free(struct gateway *gateway)
{
	struct plan *plan = &gateway->plan;

	while (plan->n_stages > 0)
		stage_free(gateway, (uint16_t)(plan->n_stages - 1));
	for (unsigned i = 0; i < plan->n_workers; i++) {
		struct worker *worker = plan->workers[i];

		close(worker->devices.fd);
		wb_aead_destroy(worker->aead);
		rte_ring_free(worker->events);
		rte_free(worker->out);
		rte_free(worker->to_open);
		rte_free(worker->to_seal);
		rte_free(worker->spent);
		rte_free(worker->ran);
		rte_free(worker->opening);
		rte_free(worker->sealing);
		rte_free(atomic_load(&worker->stages));
		rte_free(worker);
	}
	plan->n_workers = 0;
}
