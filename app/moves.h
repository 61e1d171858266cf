/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Stages move between workers that run, one at a time: the old worker's list loses the stage; once
 * that worker was quiescent, the new one's gets it. Packets wait in the stage's ring meanwhile, so
 * that none overtakes another. Control's, under the gateway's lock.
 */
#ifndef WB_APP_MOVES_H
#define WB_APP_MOVES_H

#include "control.h"

/** Moves that are remembered. */
#define MOVES_KEPT 16

#define MOVES_WHY_MAX 120

struct moves;

struct move {
	uint64_t at;   /**< ns, when it was done */
	uint64_t took; /**< ns without a worker */
	char what[PLACEMENT_NAME_MAX];
	int from, to; /**< CPUs */
	char why[MOVES_WHY_MAX];
};

struct moves *moves_create(void);
void moves_free(struct moves *moves);

/**
 * Begins to move a stage; a tunnel's TUN goes with its seal stage.
 * @param why for the log and `show lcores`.
 * @return 1: it is under way; 0: it is there already; -EBUSY: another one is under way; -ENOMEM.
 */
int move_begin(struct control *control, uint16_t stage, unsigned worker, const char *why,
	struct wb_err *err);

/** Whether one is under way. */
bool moves_under_way(const struct control *control);

/** Takes it further. Called every round, after retire_poll(). */
void moves_poll(struct control *control);

/** ns, when a stage was moved last; 0: never. */
uint64_t moves_stage_moved(const struct control *control, uint16_t stage);

/** Stages that were moved to a worker so far. */
uint64_t moves_to_worker(const struct control *control, unsigned worker);

/** The move `back` moves ago, 0 the last one; NULL: none is remembered. */
const struct move *moves_last(const struct control *control, unsigned back);

/* move_order.c: other threads than control, without the lock. */

/**
 * Moves what an order names ("wg0 seal 1": NAME [PART] CPU), one stage after the other, and waits
 * until it is there.
 */
int move_order(struct gateway *gateway, const char *order, struct wb_err *err);

/** Moves everything that a written place has elsewhere to that. Waits. */
int move_to_places(struct gateway *gateway, struct wb_err *err);

#endif
