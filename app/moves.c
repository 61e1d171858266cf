/* SPDX-License-Identifier: BSD-3-Clause */
#include "moves.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>
#include <rte_log.h>

/* The one under way. */
struct under_way {
	uint16_t ids[2];
	unsigned n; /* stages; 0: none is under way */
	unsigned from, to;
	uint64_t began;
	bool rested; /* no worker runs them any more */
	char what[PLACEMENT_NAME_MAX];
	char why[MOVES_WHY_MAX];
};

struct moves {
	struct under_way now;
	uint64_t moved[STAGES_MAX];
	uint64_t to_worker[WORKERS_MAX];
	struct move last[MOVES_KEPT];
	uint64_t n;
};

struct moves *moves_create(void)
{
	return calloc(1, sizeof(struct moves));
}

void moves_free(struct moves *moves)
{
	free(moves);
}

static void is_rested(void *arg)
{
	((struct moves *)arg)->now.rested = true;
}

int move_begin(struct control *control, uint16_t stage, unsigned worker, const char *why,
	struct wb_err *err)
{
	struct plan *plan = &control->gateway->plan;
	struct moves *moves = control->moves;
	struct under_way *now = &moves->now;
	const struct stage *first = &plan->stages[stage];
	int rc;

	if (now->n > 0)
		return wb_err_set(err, EBUSY, "%s is on its way to another worker", now->what);
	if (first->worker == worker || first->stopped)
		return 0;
	*now = (struct under_way){
		.ids = {stage}, .n = 1, .from = first->worker, .to = worker, .began = clock_now()};
	if (first->kind == STAGE_SEAL)
		now->ids[now->n++] = plan->tun[first->object];
	strlcpy(now->what, first->name, sizeof(now->what));
	strlcpy(now->why, why, sizeof(now->why));
	rc = plan_take(control->gateway, now->ids, now->n, err);
	if (rc < 0) {
		now->n = 0;
		return rc;
	}
	wb_retire(&control->retire_handle, moves, is_rested);
	return 1;
}

bool moves_under_way(const struct control *control)
{
	return control->moves->now.n > 0;
}

static void note(struct control *control, const struct under_way *done)
{
	struct moves *moves = control->moves;
	struct move *entry = &moves->last[moves->n++ % MOVES_KEPT];
	const struct plan *plan = &control->gateway->plan;

	*entry = (struct move){
		.at = clock_now(),
		.from = plan->workers[done->from]->cpu,
		.to = plan->workers[done->to]->cpu,
	};
	entry->took = entry->at - done->began;
	strlcpy(entry->what, done->what, sizeof(entry->what));
	strlcpy(entry->why, done->why, sizeof(entry->why));
	for (unsigned i = 0; i < done->n; i++)
		moves->moved[done->ids[i]] = entry->at;
	moves->to_worker[done->to]++;
	RTE_LOG(NOTICE, USER1, "wirebraid: lcores: %s moved from CPU %d to CPU %d: %s\n",
		entry->what, entry->from, entry->to, entry->why);
}

void moves_poll(struct control *control)
{
	struct under_way *now = &control->moves->now;
	int given;

	if (now->n == 0 || !now->rested)
		return;
	given = plan_give(control->gateway, now->ids, now->n, now->to, NULL);
	if (given < 0)
		return;
	/* None: the tunnel is gone. */
	if (given > 0)
		note(control, now);
	now->n = 0;
}

uint64_t moves_stage_moved(const struct control *control, uint16_t stage)
{
	return control->moves->moved[stage];
}

uint64_t moves_to_worker(const struct control *control, unsigned worker)
{
	return control->moves->to_worker[worker];
}

const struct move *moves_last(const struct control *control, unsigned back)
{
	const struct moves *moves = control->moves;

	if (back >= MOVES_KEPT || back >= moves->n)
		return NULL;
	return &moves->last[(moves->n - 1 - back) % MOVES_KEPT];
}
