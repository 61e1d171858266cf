/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Loss and round-trip times of one path over the last second, minute and hour, and their history
 * for a chart. No sample is kept: each slot of a ring holds sums and a histogram, so memory is
 * fixed (about 100 KiB) whatever the interval.
 *
 * A probe belongs to the slot it was sent in, whenever its answer comes. Times are ns of one
 * monotonic clock. One thread; another one may read a copy.
 */
#ifndef WB_HEALTH_STATS_H
#define WB_HEALTH_STATS_H

#include <stdint.h>

/** Buckets 1/16 of an octave wide (6 %), from 10 us on. The first holds all below, the last all
 * above: 10.5 s. */
#define WB_HEALTH_BUCKETS 320

#define WB_HEALTH_TENTHS  10
#define WB_HEALTH_SECONDS 60
#define WB_HEALTH_MINUTES 60

/** Points of a history. */
#define WB_HEALTH_POINTS 60

enum wb_health_span {
	WB_SPAN_SECOND, /**< 10 slots of 100 ms */
	WB_SPAN_MINUTE, /**< 60 slots of a second */
	WB_SPAN_HOUR,	/**< 60 slots of a minute */
	WB_SPANS,
};

struct wb_health_slot {
	uint64_t number; /**< its time divided by its width, plus 1; 0: never used */
	uint32_t sent;
	uint32_t replied;
	uint32_t lost; /**< missed, until an answer comes after all */
	uint32_t differences;
	uint64_t rtt_sum, rtt_min, rtt_max;
	uint64_t difference_sum;
	uint16_t histogram[WB_HEALTH_BUCKETS];
};

struct wb_health_stats {
	struct wb_health_slot tenths[WB_HEALTH_TENTHS];
	struct wb_health_slot seconds[WB_HEALTH_SECONDS];
	struct wb_health_slot minutes[WB_HEALTH_MINUTES];
	uint64_t last_rtt, last_sent; /**< of the newest probe answered */
};

/** A window in numbers. RTTs in ns, 0 without replies. */
struct wb_health_window {
	uint32_t sent;
	uint32_t replied;
	uint32_t lost;
	uint32_t loss; /**< per mille of those replied to or lost: not of those under way */
	uint64_t rtt_min, rtt_avg, rtt_max;
	uint64_t rtt_p50, rtt_p99; /**< to 3 %: the middle of a bucket; nearest rank */
	/** Mean of |difference| between the RTTs of one probe and the one before that was answered
	 * (RFC 3550, section 6.4.1, has the smoothed form of it). */
	uint64_t jitter;
};

/** One second or minute of the past. */
struct wb_health_point {
	uint32_t sent;
	uint32_t replied;
	uint32_t lost;
	uint64_t rtt_avg, rtt_max; /**< ns, 0 without replies */
};

void wb_health_stats_init(struct wb_health_stats *stats);

void wb_health_stats_sent(struct wb_health_stats *stats, uint64_t sent);
void wb_health_stats_unsent(struct wb_health_stats *stats, uint64_t sent);
void wb_health_stats_lost(struct wb_health_stats *stats, uint64_t sent);
/** The answer to one that was counted as lost came: followed by wb_health_stats_replied(). */
void wb_health_stats_found(struct wb_health_stats *stats, uint64_t sent);
void wb_health_stats_replied(struct wb_health_stats *stats, uint64_t sent, uint64_t rtt);

/** A window that ends now; its youngest slot is not full yet. */
void wb_health_stats_window(const struct wb_health_stats *stats, enum wb_health_span span,
	uint64_t now, struct wb_health_window *window);

/** The last `slots` slots of a ring, without percentiles: cheap enough for each probe. What was
 * sent before `since`, or in its slot, is left out. */
void wb_health_stats_recent(const struct wb_health_stats *stats, enum wb_health_span span,
	unsigned slots, uint64_t since, uint64_t now, struct wb_health_window *window);

/** The last minute by second or the last hour by minute, oldest first; the last point is the one
 * under way. WB_SPAN_SECOND gives tenths of a second: WB_HEALTH_TENTHS points. Returns how many. */
unsigned wb_health_stats_history(const struct wb_health_stats *stats, enum wb_health_span span,
	uint64_t now, struct wb_health_point points[WB_HEALTH_POINTS]);

#endif
