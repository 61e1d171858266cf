/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "moves.h"
#include "telemetry_commands.h"

int telemetry_lcores(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	(void)params;
	rte_tel_data_start_array(data, RTE_TEL_INT_VAL);
	for (unsigned i = 0; i < gateway->plan.n_workers; i++)
		rte_tel_data_add_array_int(data, (int)i);
	return 0;
}

/* A stage's share of its lcore, as an array's element cannot tell it: a dict of its own. */
int telemetry_stage(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	char name[24];
	unsigned index, place;
	const struct stage_list *list;
	const struct stage *stage;
	const struct stage_spent *spent;

	telemetry_split(params, name, sizeof(name), &place, &index);
	index = (unsigned)strtoul(name, NULL, 10);
	if (index >= gateway->plan.n_workers)
		return -ENOENT;
	list = atomic_load_explicit(&gateway->plan.workers[index]->stages, memory_order_relaxed);
	if (place >= list->n)
		return -ENOENT;
	stage = list->turns[place].stage;
	spent = &gateway->plan.workers[index]->spent[stage->id];
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_string(data, "name", stage->name);
	rte_tel_data_add_dict_u64(
		data, "cycles", __atomic_load_n(&spent->cycles, __ATOMIC_RELAXED));
	rte_tel_data_add_dict_u64(
		data, "packets", __atomic_load_n(&spent->packets, __ATOMIC_RELAXED));
	rte_tel_data_add_dict_u64(
		data, "bursts", __atomic_load_n(&spent->bursts, __ATOMIC_RELAXED));
	return 0;
}

static void pauses_add(struct rte_tel_data *data, const struct worker_pauses *pauses)
{
	uint64_t times = __atomic_load_n(&pauses->times, __ATOMIC_RELAXED);
	uint64_t last = __atomic_load_n(&pauses->last, __ATOMIC_RELAXED);
	uint64_t now = clock_now();

	rte_tel_data_add_dict_u64(data, "pauses", times);
	rte_tel_data_add_dict_u64(
		data, "paused_us", __atomic_load_n(&pauses->ns, __ATOMIC_RELAXED) / NS_PER_US);
	rte_tel_data_add_dict_u64(data, "longest_pause_us",
		__atomic_load_n(&pauses->longest, __ATOMIC_RELAXED) / NS_PER_US);
	if (times > 0)
		rte_tel_data_add_dict_u64(
			data, "last_pause_ms_ago", now > last ? (now - last) / NS_PER_MS : 0);
}

int telemetry_lcore(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	unsigned index = (unsigned)strtoul(params, NULL, 10);
	const struct worker *worker;
	const struct stage_list *list;
	struct rte_tel_data *stages;

	if (index >= gateway->plan.n_workers)
		return -ENOENT;
	worker = gateway->plan.workers[index];
	list = atomic_load_explicit(&worker->stages, memory_order_relaxed);
	stages = rte_tel_data_alloc();
	if (stages == NULL)
		return -ENOMEM;
	rte_tel_data_start_array(stages, RTE_TEL_STRING_VAL);
	for (unsigned i = 0; i < list->n; i++)
		rte_tel_data_add_array_string(stages, list->turns[i].stage->name);
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_int(data, "lcore", (int)worker->lcore);
	rte_tel_data_add_dict_int(data, "cpu", worker->cpu);
	rte_tel_data_add_dict_u64(data, "loops", worker->loops);
	rte_tel_data_add_dict_u64(data, "busy_loops", worker->busy_loops);
	rte_tel_data_add_dict_u64(data, "busy_cycles", worker->busy_cycles);
	rte_tel_data_add_dict_u64(data, "total_cycles", worker->total_cycles);
	rte_tel_data_add_dict_u64(data, "packets", worker->packets);
	pauses_add(data, &worker->pauses);
	rte_tel_data_add_dict_u64(data, "tsc_hz", rte_get_tsc_hz());
	rte_tel_data_add_dict_u64(data, "moves", moves_to_worker(gateway->control, index));
	rte_tel_data_add_dict_container(data, "stages", stages, 0);
	return 0;
}

int telemetry_stage_move(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	const struct move *move = moves_last(gateway->control, (unsigned)strtoul(params, NULL, 10));

	if (move == NULL)
		return -ENOENT;
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_u64(data, "ms_ago", (clock_now() - move->at) / NS_PER_MS);
	rte_tel_data_add_dict_u64(data, "took_us", move->took / NS_PER_US);
	rte_tel_data_add_dict_string(data, "what", move->what);
	rte_tel_data_add_dict_int(data, "from", move->from);
	rte_tel_data_add_dict_int(data, "to", move->to);
	rte_tel_data_add_dict_string(data, "why", move->why);
	return 0;
}
