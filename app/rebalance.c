/* SPDX-License-Identifier: BSD-3-Clause */
#include "rebalance.h"

#include <stdio.h>
#include <stdlib.h>

#include "hotspot.h"
#include "moves.h"
#include "tunnels.h"

#define LOOK_EVERY NS_PER_SECOND

#define UNITS_MAX (2 * WB_TUNNELS_MAX)

struct rebalance {
	uint64_t looked;
	struct hotspot hotspot;
	/* As they were at the last look. */
	uint64_t busy[WORKERS_MAX], total[WORKERS_MAX];
	uint64_t spent[STAGES_MAX];
};

/* A look's units, and the stages that they are. */
struct units {
	struct hotspot_unit list[UNITS_MAX];
	uint16_t stages[UNITS_MAX];
	unsigned n;
};

struct rebalance *rebalance_create(void)
{
	return calloc(1, sizeof(struct rebalance));
}

void rebalance_free(struct rebalance *rebalance)
{
	free(rebalance);
}

/* How much a count has grown since the last look; a stage's begins anew with another tunnel. */
static uint64_t growth(uint64_t count, uint64_t *last)
{
	uint64_t grown = count >= *last ? count - *last : 0;

	*last = count;
	return grown;
}

/* What a stage has cost all the workers that ran it. */
static uint64_t spent(const struct plan *plan, unsigned stage)
{
	uint64_t cycles = 0;

	for (unsigned i = 0; i < plan->n_workers; i++)
		cycles += __atomic_load_n(&plan->workers[i]->spent[stage].cycles, __ATOMIC_RELAXED);
	return cycles;
}

static uint32_t per_mille(uint64_t part, uint64_t whole)
{
	if (whole == 0)
		return 0;
	return part >= whole ? 1000 : (uint32_t)(part * 1000 / whole);
}

static uint16_t rested(const struct control *control, uint16_t stage, uint64_t now)
{
	uint64_t moved = moves_stage_moved(control, stage);
	uint64_t looks = (now - moved) / LOOK_EVERY;

	return moved == 0 || looks >= UINT16_MAX ? UINT16_MAX : (uint16_t)looks;
}

static void unit_add(const struct control *control, struct units *units, uint16_t id,
	uint64_t cycles, const uint64_t *totals, uint64_t now)
{
	const struct gateway *gateway = control->gateway;
	const struct stage *stage = &gateway->plan.stages[id];
	const char *name = gateway->wg->by_id[stage->object]->name;
	enum placement_part part = stage->kind == STAGE_SEAL ? PLACEMENT_SEAL : PLACEMENT_OPEN;

	units->stages[units->n] = id;
	units->list[units->n++] = (struct hotspot_unit){
		.worker = stage->worker,
		.rested = rested(control, id, now),
		.share = per_mille(cycles, totals[stage->worker]),
		.fixed = placement_rule(&gateway->placement, name, part, 0) != NULL,
	};
}

static void units_gather(
	struct control *control, struct units *units, const uint64_t *totals, uint64_t now)
{
	struct rebalance *rebalance = control->rebalance;
	const struct plan *plan = &control->gateway->plan;
	uint64_t grown[STAGES_MAX];

	for (unsigned i = 0; i < plan->n_stages; i++)
		grown[i] = growth(spent(plan, i), &rebalance->spent[i]);
	for (unsigned id = 0; id < WB_TUNNELS_MAX; id++) {
		uint16_t seal = plan->seal[id], open = plan->open[id];

		if (!tunnel_is_open(control->gateway, id))
			continue;
		unit_add(control, units, seal, grown[seal] + grown[plan->tun[id]], totals, now);
		unit_add(control, units, open, grown[open], totals, now);
	}
}

static void begin(struct control *control, const struct hotspot_move *move, uint16_t stage)
{
	const struct placement *placement = &control->gateway->placement;
	char why[MOVES_WHY_MAX];

	snprintf(why, sizeof(why),
		"CPU %u was %u %% busy, CPU %u %u %%; expected are %u %% and %u %%",
		placement->workers[move->from].cpu, move->from_before / 10,
		placement->workers[move->to].cpu, move->to_before / 10, move->from_after / 10,
		move->to_after / 10);
	/* What does not succeed now is seen again. */
	move_begin(control, stage, move->to, why, NULL);
}

void rebalance_poll(struct control *control, uint64_t now)
{
	struct rebalance *rebalance = control->rebalance;
	const struct plan *plan = &control->gateway->plan;
	uint64_t totals[WORKERS_MAX];
	uint32_t busy[WORKERS_MAX];
	struct units units = {.n = 0};
	struct hotspot_move move;

	if (now - rebalance->looked < LOOK_EVERY)
		return;
	rebalance->looked = now;
	for (unsigned i = 0; i < plan->n_workers; i++) {
		const struct worker *worker = plan->workers[i];

		totals[i] = growth(__atomic_load_n(&worker->total_cycles, __ATOMIC_RELAXED),
			&rebalance->total[i]);
		busy[i] = per_mille(growth(__atomic_load_n(&worker->busy_cycles, __ATOMIC_RELAXED),
					    &rebalance->busy[i]),
			totals[i]);
	}
	units_gather(control, &units, totals, now);
	if (control->gateway->rebalance && !moves_under_way(control) &&
		hotspot_look(
			&rebalance->hotspot, busy, plan->n_workers, units.list, units.n, &move))
		begin(control, &move, units.stages[move.unit]);
}
