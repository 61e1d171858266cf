/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * How a path is probed and judged. One for all paths, or one for each.
 */
#ifndef WB_HEALTH_CONFIG_H
#define WB_HEALTH_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define WB_HEALTH_MS	 1000000ULL /**< ns */
#define WB_HEALTH_SECOND (1000 * WB_HEALTH_MS)

#define WB_HEALTH_INTERVAL_MS_MIN     20
#define WB_HEALTH_INTERVAL_MS_MAX     2000
#define WB_HEALTH_MISSED_MIN	      3
#define WB_HEALTH_MISSED_MAX	      30
#define WB_HEALTH_RECOVER_MIN	      1
#define WB_HEALTH_RECOVER_MAX	      600
#define WB_HEALTH_SLOW_START_MS_MAX   600000
#define WB_HEALTH_DEGRADED_LOSS_MAX   500
#define WB_HEALTH_DEGRADED_RTT_MS_MAX 3000
#define WB_HEALTH_HANDSHAKE_AGE_S_MIN 120
#define WB_HEALTH_HANDSHAKE_AGE_S_MAX 3600

struct wb_health_config {
	bool probes;		  /**< false: no target is known, judge by handshakes and silence */
	uint32_t interval_ms;	  /**< between probes; each differs from it by up to a tenth */
	uint32_t missed;	  /**< so many unanswered in a row and the path is down */
	uint32_t recover;	  /**< so many answers and a path that was down is up again */
	uint32_t slow_start_ms;	  /**< from then until it has its full share; 0: at once */
	uint32_t degraded_loss;	  /**< per mille of round trips; 0: loss degrades no path */
	uint32_t degraded_rtt_ms; /**< average over a second; 0: RTT degrades no path */
	uint32_t handshake_age_s; /**< no new key for so long and no answer either: down */
};

/** 100 ms, 5 missed, 10 to recover, 4 s of slow start, 2 % loss, any RTT, 180 s (paper, section
 * 6.2: REJECT_AFTER_TIME). */
void wb_health_config_defaults(struct wb_health_config *config);

/** Checks the ranges above. Returns 0, or -EINVAL with what is wrong and what was expected, each
 * setting called by its name in the gateway's file: probe-interval, probe-missed, probe-recover,
 * slow-start, degraded-loss, degraded-rtt, handshake-age. */
int wb_health_config_check(const struct wb_health_config *config, struct wb_err *err);

#endif
