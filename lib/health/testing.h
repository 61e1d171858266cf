/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * For this room's tests: a path between two sites in virtual time, and a caller that comes when it
 * is told to, if a little late.
 */
#ifndef WB_HEALTH_TESTING_H
#define WB_HEALTH_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "health/path.h"

#define MS	WB_HEALTH_MS
#define SECOND	WB_HEALTH_SECOND
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)
#define SIM_T0	(1000 * SECOND)
#define FOREVER UINT64_MAX

#define SIM_REPLIES 4096

struct sim_reply {
	uint64_t at;
	uint64_t reported; /**< when the caller hears of it */
	uint16_t seq;
};

struct sim {
	struct wb_path path;
	struct wb_health_config config;
	struct wb_path_facts facts;
	uint64_t now;
	uint64_t random;

	/* The link. */
	uint64_t delay, jitter;	      /**< ns there and back; jitter: up to so much more */
	uint32_t loss_out, loss_back; /**< per mille */
	uint64_t cut_out, cut_back;   /**< from when on this direction is dead */
	unsigned copies;	      /**< of each reply */
	bool traffic;		      /**< the peer's packets come all the time */
	bool no_key;		      /**< probes cannot be sent */

	/* The caller. */
	uint64_t lateness;     /**< up to so long after the deadline */
	uint64_t report_delay; /**< up to so long after a reply came */
	uint64_t asleep_until;

	/* What came of it. */
	struct sim_reply replies[SIM_REPLIES]; /**< under way */
	unsigned n_replies;
	uint64_t sent;
	unsigned changes, downs;
	uint64_t down_at;
};

static inline uint32_t sim_random(struct sim *sim, uint64_t limit)
{
	sim->random = sim->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((sim->random >> 32) * limit >> 32);
}

static inline uint64_t sim_up_to(struct sim *sim, uint64_t limit)
{
	return sim_random(sim, limit / 1000 + 1) * 1000ULL;
}

/** A path with this RTT in ms; nothing has happened yet. Set the rest before sim_start(). */
static inline void sim_init(struct sim *sim, uint64_t rtt_ms, uint64_t seed)
{
	memset(sim, 0, sizeof(*sim));
	wb_health_config_defaults(&sim->config);
	sim->now = SIM_T0;
	sim->random = seed * 0x9e3779b97f4a7c15ULL;
	sim->delay = rtt_ms * MS;
	sim->jitter = rtt_ms * MS / 20;
	sim->cut_out = sim->cut_back = FOREVER;
	sim->copies = 1;
	sim->lateness = 1 * MS;
	sim->report_delay = 3 * MS;
}

static inline void sim_start(struct sim *sim)
{
	wb_path_init(&sim->path, &sim->config, sim->random, sim->now);
}

static inline void sim_reply_add(struct sim *sim, uint16_t seq, uint64_t at)
{
	assert_true(sim->n_replies < SIM_REPLIES);
	sim->replies[sim->n_replies++] = (struct sim_reply){
		.seq = seq,
		.at = at,
		.reported = at + sim_up_to(sim, sim->report_delay),
	};
}

/* The peer turns it round half way. */
static inline void sim_send(struct sim *sim, uint16_t seq)
{
	uint64_t there = sim->now + sim->delay / 2;

	sim->sent++;
	if (sim->no_key) {
		wb_path_unsent(&sim->path, seq);
		return;
	}
	if (there >= sim->cut_out || sim_random(sim, 1000) < sim->loss_out)
		return;
	for (unsigned i = 0; i < sim->copies; i++) {
		uint64_t at = there + sim->delay / 2 + sim_up_to(sim, sim->jitter);

		if (at < sim->cut_back && sim_random(sim, 1000) >= sim->loss_back)
			sim_reply_add(sim, seq, at);
	}
}

static inline uint64_t sim_next_report(const struct sim *sim)
{
	uint64_t next = FOREVER;

	for (unsigned i = 0; i < sim->n_replies; i++)
		if (sim->replies[i].reported < next)
			next = sim->replies[i].reported;
	return next;
}

static inline void sim_report(struct sim *sim)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < sim->n_replies; i++) {
		struct sim_reply reply = sim->replies[i];

		if (reply.reported > sim->now) {
			sim->replies[kept++] = reply;
			continue;
		}
		if (reply.at > sim->facts.heard)
			sim->facts.heard = reply.at;
		wb_path_replied(&sim->path, reply.seq, reply.at);
	}
	sim->n_replies = kept;
}

static inline void sim_step(struct sim *sim)
{
	enum wb_path_state before = sim->path.state;
	unsigned actions;
	uint16_t seq;

	sim_report(sim);
	if (sim->traffic)
		sim->facts.heard = sim->now < sim->cut_back ? sim->now : sim->cut_back;
	actions = wb_path_run(&sim->path, &sim->facts, sim->now, &seq);
	if (actions & WB_PATH_SEND)
		sim_send(sim, seq);
	if (actions & WB_PATH_CHANGED)
		sim->changes++;
	if (before != WB_PATH_DOWN && sim->path.state == WB_PATH_DOWN) {
		sim->downs++;
		sim->down_at = sim->now;
	}
}

/** Lets time pass up to a moment. */
static inline void sim_until(struct sim *sim, uint64_t end)
{
	for (;;) {
		uint64_t wake = wb_path_deadline(&sim->path), report = sim_next_report(sim);

		assert_true(wake != FOREVER);
		if (wake < sim->now)
			wake = sim->now;
		wake += sim_up_to(sim, sim->lateness);
		if (report < wake)
			wake = report;
		if (wake < sim->asleep_until)
			wake = sim->asleep_until;
		if (wake > end)
			break;
		/* At least a us passes, or a caller with nothing to do would never get on. */
		sim->now = wake > sim->now ? wake : sim->now + 1000;
		sim_step(sim);
	}
	sim->now = end;
}

static inline void sim_for(struct sim *sim, uint64_t time)
{
	sim_until(sim, sim->now + time);
}

static inline void sim_cut(struct sim *sim)
{
	sim->cut_out = sim->cut_back = sim->now;
}

static inline void sim_mend(struct sim *sim)
{
	sim->cut_out = sim->cut_back = FOREVER;
}

#endif
