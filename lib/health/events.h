/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * What happened to a path: its last changes of state, and why. One thread.
 */
#ifndef WB_HEALTH_EVENTS_H
#define WB_HEALTH_EVENTS_H

#include <stdint.h>

#define WB_PATH_EVENTS	   64
#define WB_REASON_TEXT_MAX 96

enum wb_path_state {
	WB_PATH_UNKNOWN, /**< not heard of since the start; used as if up */
	WB_PATH_UP,
	WB_PATH_DEGRADED,
	WB_PATH_DOWN,
};

/** Why a state changed, and what `a` and `b` of the event are. */
enum wb_path_reason {
	WB_REASON_ANSWERED,	  /**< the first answer; a: RTT in us */
	WB_REASON_HEARD,	  /**< a packet of the peer or a handshake, without probes */
	WB_REASON_MISSED,	  /**< a: probes missed in a row, b: ms since the first was sent */
	WB_REASON_ONE_WAY,	  /**< the same, but the peer's packets still came */
	WB_REASON_NEVER_ANSWERED, /**< the same, but none was ever answered */
	WB_REASON_HANDSHAKE,	  /**< a: seconds that handshakes are not answered */
	WB_REASON_KEY_AGE,	  /**< a: seconds since the last handshake */
	WB_REASON_SILENCE,   /**< a: seconds that what we send is not answered, without probes */
	WB_REASON_LOSS,	     /**< a: per mille, b: over so many seconds */
	WB_REASON_RTT,	     /**< a: average in us, b: the limit in us */
	WB_REASON_CALM,	     /**< neither loss nor RTT; a: per mille, b: RTT in us */
	WB_REASON_RECOVERED, /**< a: answers, 0 without probes; b: ms that it was down */
};

struct wb_path_event {
	uint64_t at; /**< ns, the caller's monotonic clock */
	enum wb_path_state from, to;
	enum wb_path_reason reason;
	uint32_t a, b;
};

struct wb_path_events {
	struct wb_path_event ring[WB_PATH_EVENTS];
	uint64_t total; /**< ever; the last of them are kept */
};

void wb_path_events_add(struct wb_path_events *events, const struct wb_path_event *event);

/** The event `back` changes ago, 0 the last one; NULL: none, or not kept any more. */
const struct wb_path_event *wb_path_events_get(const struct wb_path_events *events, unsigned back);

/** "up", "degraded", "down", "unknown". */
const char *wb_path_state_name(enum wb_path_state state);

/** "14 probes in a row unanswered for 190 ms". Writes into `out` and returns it. */
const char *wb_path_reason_text(const struct wb_path_event *event, char out[WB_REASON_TEXT_MAX]);

#endif
