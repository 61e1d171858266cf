/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The probes of one path: when the next one goes out, which ones are answered, missed and lost, and
 * whether the path must be dead.
 *
 * A probe is *missed* when its answer is overdue: later than srtt + 4 * rttvar (RFC 6298, section
 * 2, but for its minimum: 20 ms here). An answer may still come for WB_PROBE_PATIENCE; the miss is
 * taken back then. A miss that no answer to a later probe has made harmless brings probes out
 * faster, `interval / 10` apart, until an answer comes or the verdict falls.
 *
 * The verdict, dead, needs so many misses in a row that chance alone gives them less than once in a
 * thousand hours at the loss seen so far; `missed` of the configuration at the least. If the peer's
 * packets still come (only our direction is dead, or the target is busy) it needs 12 for 5. With
 * more than `missed` needed probes come twice as fast, so that the verdict is hardly later.
 *
 * It does not count against the path when the caller was itself asleep: probes under way get the
 * time by which the caller missed the deadline, if that was more than WB_PROBE_SLACK.
 *
 * All times are ns of one monotonic clock; 0 means never. One thread.
 */
#ifndef WB_HEALTH_PROBE_H
#define WB_HEALTH_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "health/config.h"
#include "health/stats.h"

#define WB_PROBES_KEPT	  1024 /**< a power of two; probes that may be under way */
#define WB_PROBE_PATIENCE (3 * WB_HEALTH_SECOND)
#define WB_PROBE_SLACK	  (20 * WB_HEALTH_MS)
#define WB_PROBE_RTO_MIN  (20 * WB_HEALTH_MS)

/** What a reply was to us. */
enum wb_probe_answer {
	WB_ANSWER_IN_TIME,
	WB_ANSWER_LATE, /**< its probe was missed already */
	WB_ANSWER_DUPLICATE,
	WB_ANSWER_STRAY, /**< to a probe that is lost, withdrawn, or was never sent */
};

enum wb_probe_fate {
	WB_PROBE_GONE, /**< lost for good, withdrawn, or never sent */
	WB_PROBE_UNDER_WAY,
	WB_PROBE_ANSWERED,
};

struct wb_probe {
	uint64_t sent;
	uint32_t pardoned_us; /**< the caller was asleep for so long meanwhile */
	uint8_t fate;	      /**< enum wb_probe_fate */
	bool extra;	      /**< sent between the regular ones: not in the statistics of loss */
	bool missed;
};

struct wb_prober {
	struct wb_probe probes[WB_PROBES_KEPT]; /**< by sequence number */
	uint64_t next;				/**< sequence number; 16 bits of it on the wire */
	uint64_t oldest;			/**< none below it is under way */
	uint64_t answered;			/**< above the newest probe that was answered */
	uint64_t regular_at;			/**< when the next regular probe is due */
	uint64_t last_sent;
	uint64_t last_answer; /**< when it came */
	uint64_t interval;
	uint64_t random;
	uint64_t srtt, rttvar; /**< ns; srtt 0: never answered */
	double loss_fast;      /**< of all probes; over the last 32 or so */
	double loss_slow;      /**< over the last 256 or so */
	uint64_t loss_samples;
	unsigned loss_withheld; /**< misses not in these, since they may be the path's end */
	unsigned limit;		/**< `missed` of the configuration */
	bool calm;		/**< known to be dead: probes come at the interval */
	/** Since the start. */
	uint64_t total_sent, total_extra, total_answered, total_late, total_lost, total_duplicate,
		total_stray, total_unsent;
};

/** What the misses in a row say. */
struct wb_probe_verdict {
	unsigned missed;      /**< in a row */
	unsigned needed;      /**< to say dead */
	uint64_t first_sent;  /**< the first of them; 0: none */
	uint64_t first_since; /**< the same, later by what was pardoned */
	bool one_way;	      /**< the peer's packets still came after it was overdue */
	bool dead;
};

/** `seed` spreads the probes of paths and gateways. The first probe is due within an interval. */
void wb_prober_init(struct wb_prober *prober, const struct wb_health_config *config, uint64_t seed,
	uint64_t now);

/** Takes another interval and number of misses; what was learnt is kept. */
void wb_prober_configure(
	struct wb_prober *prober, const struct wb_health_config *config, uint64_t now);

/** A reply came in at `at`, which may be some ms ago. Replies are told before wb_prober_run() at
 * the same moment. */
enum wb_probe_answer wb_prober_replied(
	struct wb_prober *prober, struct wb_health_stats *stats, uint16_t seq, uint64_t at);

/** A probe asked for could not be sent: it never was. */
void wb_prober_unsent(struct wb_prober *prober, struct wb_health_stats *stats, uint16_t seq);

/** Counts what is overdue. Returns how many regular probes are newly missed. */
unsigned wb_prober_age(struct wb_prober *prober, struct wb_health_stats *stats, uint64_t now);

/** Judges. `heard`: when the last authenticated packet of the peer came in. */
struct wb_probe_verdict wb_prober_verdict(
	const struct wb_prober *prober, uint64_t heard, uint64_t now);

/** True if a probe is to be sent now: then its number is in `seq`. */
bool wb_prober_send(
	struct wb_prober *prober, struct wb_health_stats *stats, uint64_t now, uint16_t *seq);

/** When the answer to a probe is overdue, ns after it was sent. */
uint64_t wb_prober_rto(const struct wb_prober *prober);

/** When the caller must come back: to send, or because an answer is overdue. */
uint64_t wb_prober_deadline(const struct wb_prober *prober);

#endif
