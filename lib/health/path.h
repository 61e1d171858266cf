/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * One path (a tunnel between two sites) and how well it is: answers to probes, what is known of its
 * handshakes, and the time go in; probes to send, its state, its share of the traffic and the next
 * deadline come out.
 *
 *     unknown --first answer--> up --loss, RTT--> degraded --calm for 10 s--> up
 *     any --misses in a row, no handshake--> down --answers--> up, slowly
 *
 * The caller's loop, for each path:
 *
 *     wb_path_replied()   for each reply reported by the packet thread
 *     wb_path_run()       at the deadline or sooner; sends a probe if it says so, and if that
 *                         cannot be done says wb_path_unsent()
 *     wb_path_deadline()  when to come back
 *
 * Its share is 0 when down. When up again it is 1/4, 1/2, 3/4 and all of WB_PATH_SHARE_FULL, a
 * third of slow_start_ms each. When degraded by loss, 1 - 5 * loss of it; by RTT half; by silence
 * WB_PATH_SHARE_MIN, which is the least of all. Keeping at least one path of a group when all are
 * down is the caller's.
 *
 * Loss degrades a path when over a minute it is above the limit, or over 10 s above twice the
 * limit, with at least 3 lost; and no longer when both were below half the limit for 10 s. Only
 * regular probes count here, and none from before the path was last up again. RTT does when its
 * average over a second is above the limit, and no longer when it was below 80 % of it for 10 s.
 *
 * A path that goes down again within a minute of being up needs twice as many answers; each minute
 * up halves that.
 *
 * All times are ns of one monotonic clock; 0 means never. One thread; another may read a copy.
 */
#ifndef WB_HEALTH_PATH_H
#define WB_HEALTH_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "health/config.h"
#include "health/events.h"
#include "health/probe.h"
#include "health/stats.h"

#define WB_PATH_SHARE_FULL 256
#define WB_PATH_SHARE_MIN  32 /**< of a path that is not down */
#define WB_PATH_SHARE_STEP 32 /**< moving a share moves flows: not for less, while degraded */

#define WB_PATH_LOST_MIN     5			     /**< fewer lost probes say nothing of a path */
#define WB_PATH_CALM	     (10 * WB_HEALTH_SECOND) /**< before it is no longer degraded */
#define WB_PATH_FLAP_TIME    (60 * WB_HEALTH_SECOND) /**< up for so long: a flap forgiven */
#define WB_PATH_RECOVER_TIME (60 * WB_HEALTH_SECOND) /**< worth of answers at the most */
#define WB_PATH_SILENCE	     (15 * WB_HEALTH_SECOND) /**< KEEPALIVE_TIMEOUT + REKEY_TIMEOUT */
#define WB_PATH_HANDSHAKE    (10 * WB_HEALTH_SECOND) /**< two attempts without an answer */

/** What else the caller knows of the tunnel, whether it is probed or not. */
struct wb_path_facts {
	uint64_t heard; /**< last authenticated transport packet of the peer, probes' replies too */
	uint64_t handshake;	   /**< last completed handshake */
	uint64_t handshake_wanted; /**< first initiation of those not answered yet; 0: none */
	uint64_t unanswered_since; /**< first data sent since the peer was heard; 0: none */
};

/** What wb_path_run() asks for or tells; a set of bits. */
enum wb_path_action {
	WB_PATH_SEND = 1 << 0,	  /**< send the probe `seq` now */
	WB_PATH_CHANGED = 1 << 1, /**< the state, or the share, since the last call */
};

/** A measure that is bad above a limit, and good again only when well below it for long. */
struct wb_path_latch {
	bool bad;
	uint64_t calm_since; /**< 0: not calm */
};

struct wb_path {
	struct wb_health_config config;
	struct wb_prober prober;
	struct wb_health_stats stats;
	struct wb_path_events events;
	enum wb_path_state state;
	uint64_t since;	  /**< when it took this state */
	unsigned share;	  /**< 0..WB_PATH_SHARE_FULL, of the path's weight */
	uint64_t down_at; /**< last verdict; 0: never down */
	uint64_t up_at;	  /**< last recovery; what was sent before it degrades the path no more */
	unsigned answers; /**< while down: towards `needed`; a miss takes three back */
	unsigned needed;  /**< while down: answers to be up again */
	unsigned flaps;	  /**< each doubles what is needed */
	struct wb_path_latch loss, rtt;
	bool silent;
	uint32_t loss_now;   /**< per mille: the worse of the last 10 s and the last minute */
	unsigned loss_share; /**< what loss leaves of the share, while degraded by it */
	uint64_t ran_at;
};

/** `config` is copied. `seed`: any number, another for each path. */
void wb_path_init(
	struct wb_path *path, const struct wb_health_config *config, uint64_t seed, uint64_t now);

/** Takes another configuration; state and history are kept. */
void wb_path_configure(struct wb_path *path, const struct wb_health_config *config, uint64_t now);

/** A reply to a probe came in, at `at` by the clock of whoever took it off the wire. */
enum wb_probe_answer wb_path_replied(struct wb_path *path, uint16_t seq, uint64_t at);

/** The probe asked for could not be sent (no key, no endpoint, no buffer). */
void wb_path_unsent(struct wb_path *path, uint16_t seq);

/**
 * Judges the path and sends what is due: at most one probe a call.
 * @param seq  the number of the probe to send, if WB_PATH_SEND is returned.
 * @return     bits of enum wb_path_action.
 */
unsigned wb_path_run(
	struct wb_path *path, const struct wb_path_facts *facts, uint64_t now, uint16_t *seq);

/** When wb_path_run() must be called next, at the latest. */
uint64_t wb_path_deadline(const struct wb_path *path);

#endif
