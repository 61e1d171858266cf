/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The probes of one path: when the next one goes out, which ones are answered, missed and lost, and
 * whether the path must be dead.
 *
 * A probe is *missed* when its answer is overdue: later than srtt + 4 * rttvar (RFC 6298, section
 * 2, but for its limits: 20 ms to 2 s here). An answer may still come for WB_PROBE_PATIENCE; the
 * miss is taken back then. A miss that no answer to a later probe has made harmless brings probes
 * out faster, `interval / 10` apart, until an answer comes or the verdict falls.
 *
 * The verdict, dead, needs so many misses in a row that chance alone gives them less than once in a
 * thousand hours at the loss seen so far; `missed` of the configuration at the least. If the peer's
 * packets still come (only our direction is dead, or the target is busy) it needs 12 for 5. With
 * more than `missed` needed probes come twice as fast, so that the verdict is hardly later. It
 * falls no sooner than 0.8 intervals (1.5 if the peer's packets still come) after the first of them
 * was sent, so that a peer or a queue may stand still for as long.
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
#define WB_PROBE_RTO_MAX  (2 * WB_HEALTH_SECOND)
#define WB_PROBE_GAP_MIN  (5 * WB_HEALTH_MS) /**< between hurried probes */

/** What a reply was to us. */
enum wb_probe_answer {
	WB_ANSWER_IN_TIME,
	WB_ANSWER_LATE, /**< its probe was missed already */
	WB_ANSWER_DUPLICATE,
	WB_ANSWER_STRAY, /**< to a probe that is lost, withdrawn, or was never sent */
};

enum wb_probe_fate {
	WB_PROBE_NONE, /**< never sent, or withdrawn */
	WB_PROBE_UNDER_WAY,
	WB_PROBE_ANSWERED,
	WB_PROBE_LOST,
};

struct wb_probe {
	uint64_t sent;
	uint32_t pardoned_us; /**< the caller was asleep for so long meanwhile */
	uint8_t fate;	      /**< enum wb_probe_fate */
	bool extra;	      /**< sent between the regular ones: not in the statistics */
	bool missed;
};

/** What the misses in a row say. */
struct wb_probe_verdict {
	unsigned missed; /**< in a row, none sent after them answered */
	unsigned needed; /**< to say dead */
	uint64_t first;	 /**< when the first of them was sent, later by what was pardoned */
	bool one_way;	 /**< the peer's packets still came when its answer was overdue */
	bool dead;
};

/** Since the start. */
struct wb_probe_totals {
	uint64_t sent, extra;	 /**< extra: those of `sent` that were not regular */
	uint64_t answered, late; /**< late: those of `answered` that were missed before */
	uint64_t lost, duplicate, stray, unsent;
};

struct wb_prober {
	struct wb_probe probes[WB_PROBES_KEPT]; /**< by sequence number */
	struct wb_probe_verdict verdict;	/**< as of the last wb_prober_judge() */
	struct wb_probe_totals totals;
	uint64_t next;	     /**< sequence number; its lower 16 bits are on the wire */
	uint64_t oldest;     /**< none below it is under way */
	uint64_t answered;   /**< 1 above the newest that was answered */
	uint64_t regular_at; /**< when the next regular probe is due */
	uint64_t last_sent, last_answer;
	uint64_t judged_at;
	uint64_t interval;
	uint64_t random;
	uint64_t srtt, rttvar; /**< ns; srtt 0: never answered */
	double loss_fast;      /**< of all probes, the extra ones too; over the last 32 or so */
	double loss_slow;      /**< over the last 256 or so */
	unsigned loss_samples;
	unsigned loss_withheld; /**< misses not in these, since they may be the path's end */
	unsigned limit;		/**< `missed` of the configuration */
	bool calm;
};

/** `seed` spreads the probes of paths and gateways. The first probe is due within an interval. */
void wb_prober_init(struct wb_prober *prober, const struct wb_health_config *config, uint64_t seed,
	uint64_t now);

/** Takes another interval and number of misses; what was learnt is kept. */
void wb_prober_configure(
	struct wb_prober *prober, const struct wb_health_config *config, uint64_t now);

/** Calm: the path is known to be dead, so no probe is hurried and no verdict given. */
void wb_prober_set_calm(struct wb_prober *prober, bool calm);

/** A reply came in at `at`, which may be some ms ago. Replies are told before wb_prober_judge() of
 * the same moment. */
enum wb_probe_answer wb_prober_replied(
	struct wb_prober *prober, struct wb_health_stats *stats, uint16_t seq, uint64_t at);

/** A probe asked for could not be sent: it never was. */
void wb_prober_unsent(struct wb_prober *prober, struct wb_health_stats *stats, uint16_t seq);

/** Finds out what is overdue and gives the verdict. `heard`: when the peer's last authenticated
 * packet came in. Returns how many regular probes are newly missed. */
unsigned wb_prober_judge(
	struct wb_prober *prober, struct wb_health_stats *stats, uint64_t heard, uint64_t now);

/** After wb_prober_judge(): true if a probe is to be sent now; its number is in `seq` then. */
bool wb_prober_send(
	struct wb_prober *prober, struct wb_health_stats *stats, uint64_t now, uint16_t *seq);

/** How long after a probe was sent its answer is overdue, ns. */
uint64_t wb_prober_rto(const struct wb_prober *prober);

/** When the caller must come back: to send, or because an answer is overdue. */
uint64_t wb_prober_deadline(const struct wb_prober *prober);

#endif
