/* SPDX-License-Identifier: BSD-3-Clause */
#include "health/probe.h"

#include <string.h>

/* RFC 6298, rule 2.1: before the first answer. */
#define RTO_FIRST WB_HEALTH_SECOND
/* In place of rule 2.2's G: the caller and the packet thread have their delays. */
#define RTO_GRANULARITY (10 * WB_HEALTH_MS)

#define FALSE_VERDICTS_PER_HOUR 1e-3
#define NEEDED_MAX		32

/* Samples that the two averages of loss go back. The fast one is for a loss that has just begun,
 * the slow one is the better measure. */
#define LOSS_FAST 32
#define LOSS_SLOW 256

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* xorshift64: for jitter, nothing depends on its quality. */
static uint64_t random_below(struct wb_prober *prober, uint64_t limit)
{
	prober->random ^= prober->random << 13;
	prober->random ^= prober->random >> 7;
	prober->random ^= prober->random << 17;
	return prober->random % limit;
}

static struct wb_probe *probe_of(struct wb_prober *prober, uint64_t seq)
{
	return &prober->probes[seq % WB_PROBES_KEPT];
}

static const struct wb_probe *probe_get(const struct wb_prober *prober, uint64_t seq)
{
	return &prober->probes[seq % WB_PROBES_KEPT];
}

/* From when on the probe ages. */
static uint64_t starts(const struct wb_probe *probe)
{
	return probe->sent + probe->pardoned_us * 1000ULL;
}

void wb_prober_init(struct wb_prober *prober, const struct wb_health_config *config, uint64_t seed,
	uint64_t now)
{
	memset(prober, 0, sizeof(*prober));
	/* Its bits are spread, and it is never 0, of which nothing else would follow. */
	prober->random = seed * 0x9e3779b97f4a7c15ULL | 1;
	prober->regular_at = UINT64_MAX;
	prober->judged_at = now;
	wb_prober_configure(prober, config, now);
	prober->regular_at = now + random_below(prober, prober->interval);
}

void wb_prober_configure(
	struct wb_prober *prober, const struct wb_health_config *config, uint64_t now)
{
	prober->interval = config->interval_ms * WB_HEALTH_MS;
	prober->limit = config->missed;
	prober->regular_at = sooner(prober->regular_at, now + prober->interval);
}

void wb_prober_set_calm(struct wb_prober *prober, bool calm)
{
	prober->calm = calm;
	/* They were its end: they say nothing of the loss while it lives. */
	prober->loss_withheld = 0;
	prober->verdict = (struct wb_probe_verdict){.needed = prober->limit};
}

uint64_t wb_prober_rto(const struct wb_prober *prober)
{
	uint64_t rto = RTO_FIRST;

	if (prober->srtt != 0)
		rto = prober->srtt + later(RTO_GRANULARITY, 4 * prober->rttvar);
	return sooner(later(rto, WB_PROBE_RTO_MIN), WB_PROBE_RTO_MAX);
}

/* RFC 6298, rules 2.2 and 2.3. Each probe has its number, so that answers to late ones count. */
static void rtt_sample(struct wb_prober *prober, uint64_t rtt)
{
	uint64_t off = rtt > prober->srtt ? rtt - prober->srtt : prober->srtt - rtt;

	if (prober->srtt == 0) {
		prober->srtt = later(rtt, 1);
		prober->rttvar = rtt / 2;
		return;
	}
	prober->rttvar = (3 * prober->rttvar + off) / 4;
	prober->srtt = later((7 * prober->srtt + rtt) / 8, 1);
}

static double slow_weight(const struct wb_prober *prober)
{
	unsigned samples = prober->loss_samples;

	if (samples < LOSS_FAST)
		samples = LOSS_FAST;
	return 1.0 / (samples > LOSS_SLOW ? LOSS_SLOW : samples);
}

static void loss_sample(struct wb_prober *prober, bool lost)
{
	prober->loss_samples++;
	prober->loss_fast += ((lost ? 1 : 0) - prober->loss_fast) / LOSS_FAST;
	prober->loss_slow += ((lost ? 1 : 0) - prober->loss_slow) * slow_weight(prober);
}

/* A probe counted as missed is answered after all. */
static void loss_take_back(struct wb_prober *prober)
{
	if (prober->loss_withheld > 0) {
		prober->loss_withheld--;
		return;
	}
	prober->loss_fast -= 1.0 / LOSS_FAST;
	prober->loss_slow -= slow_weight(prober);
	if (prober->loss_fast < 0)
		prober->loss_fast = 0;
	if (prober->loss_slow < 0)
		prober->loss_slow = 0;
}

/* The path lives: what was missed was loss. */
static void loss_release(struct wb_prober *prober)
{
	for (; prober->loss_withheld > 0; prober->loss_withheld--)
		loss_sample(prober, true);
}

/* The number of a probe of which 16 bits came back; `next` if it cannot be one of those kept. */
static uint64_t seq_of(const struct wb_prober *prober, uint16_t seq)
{
	uint64_t back = (uint16_t)(prober->next - seq);

	return back > WB_PROBES_KEPT || back > prober->next ? prober->next : prober->next - back;
}

enum wb_probe_answer wb_prober_replied(
	struct wb_prober *prober, struct wb_health_stats *stats, uint16_t wire_seq, uint64_t at)
{
	uint64_t seq = seq_of(prober, wire_seq);
	struct wb_probe *probe = probe_of(prober, seq);
	uint64_t rtt = at > probe->sent ? at - probe->sent : 0;

	if (seq != prober->next && probe->fate == WB_PROBE_ANSWERED) {
		prober->totals.duplicate++;
		return WB_ANSWER_DUPLICATE;
	}
	if (seq == prober->next || probe->fate != WB_PROBE_UNDER_WAY || rtt > WB_PROBE_PATIENCE) {
		prober->totals.stray++;
		return WB_ANSWER_STRAY;
	}
	probe->fate = WB_PROBE_ANSWERED;
	prober->totals.answered++;
	if (probe->missed) {
		prober->totals.late++;
		if (!prober->calm)
			loss_take_back(prober);
		if (!probe->extra)
			wb_health_stats_found(stats, probe->sent);
	}
	if (!probe->extra)
		wb_health_stats_replied(stats, probe->sent, rtt);
	rtt_sample(prober, rtt);
	prober->last_answer = later(prober->last_answer, at);
	if (seq >= prober->answered) {
		prober->answered = seq + 1;
		loss_release(prober);
	}
	if (!prober->calm)
		loss_sample(prober, false);
	return probe->missed ? WB_ANSWER_LATE : WB_ANSWER_IN_TIME;
}

void wb_prober_unsent(struct wb_prober *prober, struct wb_health_stats *stats, uint16_t wire_seq)
{
	uint64_t seq = seq_of(prober, wire_seq);
	struct wb_probe *probe = probe_of(prober, seq);

	if (seq == prober->next || probe->fate != WB_PROBE_UNDER_WAY)
		return;
	probe->fate = WB_PROBE_NONE;
	prober->totals.sent--;
	prober->totals.extra -= probe->extra;
	prober->totals.unsent++;
	if (!probe->extra)
		wb_health_stats_unsent(stats, probe->sent);
}

/* Time that we did not look at the path is no time in which it was silent. */
static void pardon(struct wb_prober *prober, uint64_t now)
{
	uint64_t deadline = wb_prober_deadline(prober), slept_us;

	if (now <= deadline + WB_PROBE_SLACK)
		return;
	slept_us = (now - deadline) / 1000;
	for (uint64_t seq = prober->oldest; seq < prober->next; seq++) {
		struct wb_probe *probe = probe_of(prober, seq);

		if (probe->fate == WB_PROBE_UNDER_WAY)
			probe->pardoned_us =
				(uint32_t)sooner(UINT32_MAX, probe->pardoned_us + slept_us);
	}
}

static void miss(struct wb_prober *prober, struct wb_health_stats *stats, uint64_t seq,
	struct wb_probe *probe)
{
	probe->missed = true;
	if (!probe->extra)
		wb_health_stats_lost(stats, probe->sent);
	if (prober->calm)
		return;
	if (seq < prober->answered)
		loss_sample(prober, true);
	else
		prober->loss_withheld++;
}

/* Returns how many regular probes are newly missed. */
static unsigned age(struct wb_prober *prober, struct wb_health_stats *stats, uint64_t now)
{
	uint64_t rto = wb_prober_rto(prober);
	unsigned missed = 0;

	for (uint64_t seq = prober->oldest; seq < prober->next; seq++) {
		struct wb_probe *probe = probe_of(prober, seq);

		if (probe->fate != WB_PROBE_UNDER_WAY)
			continue;
		if (now < starts(probe) + rto)
			break;
		if (!probe->missed) {
			miss(prober, stats, seq, probe);
			missed += !probe->extra;
		}
		if (now >= starts(probe) + WB_PROBE_PATIENCE) {
			probe->fate = WB_PROBE_LOST;
			prober->totals.lost++;
		}
	}
	while (prober->oldest < prober->next &&
		probe_of(prober, prober->oldest)->fate != WB_PROBE_UNDER_WAY)
		prober->oldest++;
	return missed;
}

static uint64_t gap(const struct wb_prober *prober, unsigned needed)
{
	uint64_t wanted = prober->interval / (needed > prober->limit ? 20 : 10);

	return later(wanted, WB_PROBE_GAP_MIN);
}

/* So many misses in a row that chance makes fewer than FALSE_VERDICTS_PER_HOUR of them, wherever a
 * run of them may begin. The loss counts for a fifth more, since it is an estimate. */
static unsigned needed_by_loss(const struct wb_prober *prober)
{
	double loss = prober->loss_fast > prober->loss_slow ? prober->loss_fast : prober->loss_slow;
	double runs = 3600.0 * WB_HEALTH_SECOND / (double)gap(prober, NEEDED_MAX);
	unsigned needed = 0;

	while (runs > FALSE_VERDICTS_PER_HOUR && needed < NEEDED_MAX) {
		runs *= 1.2 * loss;
		needed++;
	}
	return needed > prober->limit ? needed : prober->limit;
}

static uint64_t patience(const struct wb_prober *prober, bool one_way)
{
	return one_way ? prober->interval * 3 / 2 : prober->interval * 4 / 5;
}

static void give_verdict(struct wb_prober *prober, uint64_t heard, uint64_t now)
{
	struct wb_probe_verdict verdict = {.needed = needed_by_loss(prober)};
	uint64_t rto = wb_prober_rto(prober);
	uint64_t seq = prober->answered;

	if (prober->next - seq > WB_PROBES_KEPT)
		seq = prober->next - WB_PROBES_KEPT;
	for (; seq < prober->next; seq++) {
		const struct wb_probe *probe = probe_get(prober, seq);

		if (probe->fate == WB_PROBE_NONE)
			continue;
		if (now < starts(probe) + rto)
			break;
		if (verdict.missed++ == 0) {
			verdict.first = starts(probe);
			verdict.one_way = heard >= verdict.first + rto;
		}
	}
	if (verdict.one_way && verdict.needed < prober->limit * 12 / 5)
		verdict.needed = prober->limit * 12 / 5;
	verdict.dead = verdict.missed >= verdict.needed &&
		now >= verdict.first + patience(prober, verdict.one_way);
	prober->verdict = verdict;
}

unsigned wb_prober_judge(
	struct wb_prober *prober, struct wb_health_stats *stats, uint64_t heard, uint64_t now)
{
	unsigned missed;

	pardon(prober, now);
	missed = age(prober, stats, now);
	if (!prober->calm)
		give_verdict(prober, heard, now);
	prober->judged_at = now;
	return missed;
}

static uint64_t send_at(const struct wb_prober *prober)
{
	if (prober->calm || prober->verdict.missed == 0)
		return prober->regular_at;
	return sooner(prober->regular_at, prober->last_sent + gap(prober, prober->verdict.needed));
}

bool wb_prober_send(
	struct wb_prober *prober, struct wb_health_stats *stats, uint64_t now, uint16_t *seq)
{
	struct wb_probe *probe = probe_of(prober, prober->next);
	bool extra = now < prober->regular_at;

	if (now < send_at(prober))
		return false;
	/* Only if the caller was asleep for long can it be that old and still be under way. */
	if (probe->fate == WB_PROBE_UNDER_WAY)
		prober->totals.lost++;
	*probe = (struct wb_probe){.sent = now, .fate = WB_PROBE_UNDER_WAY, .extra = extra};
	*seq = (uint16_t)prober->next++;
	if (prober->oldest + WB_PROBES_KEPT < prober->next)
		prober->oldest = prober->next - WB_PROBES_KEPT;
	prober->last_sent = now;
	prober->totals.sent++;
	prober->totals.extra += extra;
	if (extra)
		return true;
	wb_health_stats_sent(stats, now);
	prober->regular_at =
		now + prober->interval * 9 / 10 + random_below(prober, prober->interval / 5);
	return true;
}

/* When the next answer will be overdue. */
static uint64_t overdue_at(const struct wb_prober *prober)
{
	uint64_t rto = wb_prober_rto(prober);

	for (uint64_t seq = later(prober->oldest, prober->answered); seq < prober->next; seq++) {
		const struct wb_probe *probe = probe_get(prober, seq);

		if (probe->fate == WB_PROBE_UNDER_WAY && starts(probe) + rto > prober->judged_at)
			return starts(probe) + rto;
	}
	return UINT64_MAX;
}

uint64_t wb_prober_deadline(const struct wb_prober *prober)
{
	const struct wb_probe_verdict *verdict = &prober->verdict;
	uint64_t next = sooner(send_at(prober), overdue_at(prober));

	if (!verdict->dead && verdict->missed >= verdict->needed && verdict->missed > 0)
		next = sooner(next, verdict->first + patience(prober, verdict->one_way));
	return next;
}
