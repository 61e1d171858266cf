/* SPDX-License-Identifier: BSD-3-Clause */
#include "health/path.h"

#include <string.h>

/* Shares of a recovered path: 1/4, 2/4, 3/4, 4/4. */
#define SLOW_START_STEPS 4

/* So many answers a miss takes back while the path is down: with a quarter lost it never comes
 * back, with the 19 % that are left of 9.8 % each way it does. A strict row of answers would keep a
 * path that flaps and loses away for hours. */
#define MISS_TAKES_BACK 3

/* Answers from which an average RTT is one. */
#define RTT_SAMPLES_MIN 3

/* The verdict of a minute that has hardly begun is left to the 10 s. */
#define MINUTE_SETTLED_MIN (30 * WB_HEALTH_SECOND)

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t interval_of(const struct wb_path *path)
{
	return path->config.interval_ms * WB_HEALTH_MS;
}

void wb_path_init(
	struct wb_path *path, const struct wb_health_config *config, uint64_t seed, uint64_t now)
{
	memset(path, 0, sizeof(*path));
	path->config = *config;
	wb_prober_init(&path->prober, config, seed, now);
	wb_health_stats_init(&path->stats);
	path->state = WB_PATH_UNKNOWN;
	path->since = now;
	path->share = WB_PATH_SHARE_FULL;
	path->ran_at = now;
}

void wb_path_configure(struct wb_path *path, const struct wb_health_config *config, uint64_t now)
{
	path->config = *config;
	wb_prober_configure(&path->prober, config, now);
}

static void enter(struct wb_path *path, enum wb_path_state state, enum wb_path_reason reason,
	uint64_t a, uint64_t b, uint64_t now)
{
	const struct wb_path_event event = {
		.at = now,
		.from = path->state,
		.to = state,
		.reason = reason,
		.a = (uint32_t)sooner(a, UINT32_MAX),
		.b = (uint32_t)sooner(b, UINT32_MAX),
	};

	wb_path_events_add(&path->events, &event);
	path->state = state;
	path->since = now;
}

enum wb_probe_answer wb_path_replied(struct wb_path *path, uint16_t seq, uint64_t at)
{
	enum wb_probe_answer answer = wb_prober_replied(&path->prober, &path->stats, seq, at);

	if (answer == WB_ANSWER_IN_TIME || answer == WB_ANSWER_LATE)
		path->answers++;
	return answer;
}

void wb_path_unsent(struct wb_path *path, uint16_t seq)
{
	wb_prober_unsent(&path->prober, &path->stats, seq);
}

static uint64_t answers_most(const struct wb_path *path)
{
	uint64_t most = WB_PATH_RECOVER_TIME / interval_of(path);

	return most > path->config.recover ? most : path->config.recover;
}

static uint64_t answers_needed(const struct wb_path *path)
{
	return sooner((uint64_t)path->config.recover << path->flaps, answers_most(path));
}

/* Down again soon after it was up: it must prove itself for longer. */
static void count_flap(struct wb_path *path, uint64_t now)
{
	uint64_t forgiven = (now - path->up_at) / WB_PATH_FLAP_TIME;

	if (path->up_at == 0)
		return;
	if (forgiven == 0)
		path->flaps += answers_needed(path) < answers_most(path);
	else
		path->flaps -= (unsigned)sooner(path->flaps, forgiven);
}

static void go_down(
	struct wb_path *path, enum wb_path_reason reason, uint64_t a, uint64_t b, uint64_t now)
{
	enter(path, WB_PATH_DOWN, reason, a, b, now);
	count_flap(path, now);
	path->down_at = now;
	path->answers = 0;
	path->needed = (unsigned)answers_needed(path);
	wb_prober_set_calm(&path->prober, true);
}

static void come_back(struct wb_path *path, uint64_t now)
{
	enter(path, WB_PATH_UP, WB_REASON_RECOVERED, path->answers,
		(now - path->down_at) / WB_HEALTH_MS, now);
	path->up_at = now;
	path->loss = path->rtt = (struct wb_path_latch){0};
	path->silent = false;
	wb_prober_set_calm(&path->prober, false);
}

/* Two attempts at a handshake went unanswered, and nothing came under an old key (answers to probes
 * are heard too). */
static bool handshake_failed(const struct wb_path_facts *facts, uint64_t now)
{
	uint64_t wanted = facts->handshake_wanted;

	return wanted != 0 && now >= wanted + WB_PATH_HANDSHAKE && facts->heard < wanted;
}

/* The keys are too old to be used, and nothing is answered. */
static bool key_outlived(
	const struct wb_path *path, const struct wb_path_facts *facts, uint64_t now)
{
	uint64_t age = path->config.handshake_age_s * WB_HEALTH_SECOND;
	uint64_t quiet = 5 * interval_of(path);

	if (quiet < WB_HEALTH_SECOND)
		quiet = WB_HEALTH_SECOND;
	return path->config.probes && facts->handshake != 0 && now > facts->handshake + age &&
		now > path->prober.last_answer + quiet;
}

static bool check_dead(struct wb_path *path, const struct wb_path_facts *facts, uint64_t now)
{
	const struct wb_probe_verdict *verdict = &path->prober.verdict;
	enum wb_path_reason reason = WB_REASON_MISSED;

	if (path->config.probes && verdict->dead) {
		if (path->prober.last_answer == 0)
			reason = WB_REASON_NEVER_ANSWERED;
		else if (verdict->one_way)
			reason = WB_REASON_ONE_WAY;
		go_down(path, reason, verdict->missed, (now - verdict->first) / WB_HEALTH_MS, now);
	} else if (handshake_failed(facts, now)) {
		go_down(path, WB_REASON_HANDSHAKE,
			(now - facts->handshake_wanted) / WB_HEALTH_SECOND, 0, now);
	} else if (key_outlived(path, facts, now)) {
		go_down(path, WB_REASON_KEY_AGE, (now - facts->handshake) / WB_HEALTH_SECOND, 0,
			now);
	}
	return path->state == WB_PATH_DOWN;
}

static void check_back(
	struct wb_path *path, const struct wb_path_facts *facts, unsigned missed, uint64_t now)
{
	if (path->config.probes) {
		path->answers -= (unsigned)sooner(path->answers, MISS_TAKES_BACK * missed);
		if (path->answers >= path->needed)
			come_back(path, now);
	} else if (facts->heard > path->down_at || facts->handshake > path->down_at) {
		come_back(path, now);
	}
}

static void check_first(struct wb_path *path, const struct wb_path_facts *facts, uint64_t now)
{
	if (path->state != WB_PATH_UNKNOWN)
		return;
	if (path->config.probes && path->prober.last_answer != 0)
		enter(path, WB_PATH_UP, WB_REASON_ANSWERED, path->prober.srtt / 1000, 0, now);
	else if (!path->config.probes && (facts->heard != 0 || facts->handshake != 0))
		enter(path, WB_PATH_UP, WB_REASON_HEARD, 0, 0, now);
}

static void latch(struct wb_path_latch *latch, bool bad, bool calm, uint64_t now)
{
	if (bad)
		latch->bad = true;
	if (bad || !calm)
		latch->calm_since = 0;
	else if (latch->calm_since == 0)
		latch->calm_since = now;
	else if (now >= latch->calm_since + WB_PATH_CALM)
		latch->bad = false;
}

static uint32_t loss_of(const struct wb_health_window *window)
{
	return window->lost < WB_PATH_LOST_MIN ? 0 : window->loss;
}

/* Returns the seconds over which the loss is the worse one. */
static unsigned measure_loss(struct wb_path *path, uint64_t now)
{
	uint32_t limit = path->config.degraded_loss;
	struct wb_health_window tens, minute;
	bool bad;

	wb_health_stats_recent(&path->stats, WB_SPAN_MINUTE, 10, path->up_at, now, &tens);
	wb_health_stats_recent(&path->stats, WB_SPAN_MINUTE, 60, path->up_at, now, &minute);
	bad = loss_of(&tens) >= 2 * limit ||
		(loss_of(&minute) >= limit &&
			(minute.replied + minute.lost) * interval_of(path) >= MINUTE_SETTLED_MIN);
	latch(&path->loss, limit != 0 && bad,
		limit == 0 || (2 * tens.loss < limit && 2 * minute.loss < limit), now);
	path->loss_now = loss_of(&minute);
	if (loss_of(&tens) <= path->loss_now)
		return 60;
	path->loss_now = loss_of(&tens);
	return 10;
}

/* Returns the average RTT of the last second, or of 10 s if probes are rare. */
static uint64_t measure_rtt(struct wb_path *path, uint64_t now)
{
	bool often = path->config.interval_ms <= 200;
	uint64_t limit = path->config.degraded_rtt_ms * WB_HEALTH_MS;
	struct wb_health_window window;
	bool known;

	wb_health_stats_recent(&path->stats, often ? WB_SPAN_SECOND : WB_SPAN_MINUTE, 10,
		path->up_at, now, &window);
	known = limit != 0 && window.replied >= RTT_SAMPLES_MIN;
	latch(&path->rtt, known && window.rtt_avg > limit,
		limit == 0 || (known && window.rtt_avg < limit * 8 / 10), now);
	return window.rtt_avg;
}

static void measure_silence(struct wb_path *path, const struct wb_path_facts *facts, uint64_t now)
{
	uint64_t since = facts->unanswered_since;

	path->silent = !path->config.probes && since != 0 && facts->heard < since &&
		now >= since + WB_PATH_SILENCE;
}

static void check_degraded(struct wb_path *path, const struct wb_path_facts *facts, uint64_t now)
{
	unsigned seconds;
	uint64_t rtt;
	bool bad;

	if (path->state == WB_PATH_UNKNOWN)
		return;
	seconds = measure_loss(path, now);
	rtt = measure_rtt(path, now);
	measure_silence(path, facts, now);
	bad = path->loss.bad || path->rtt.bad || path->silent;
	if (path->state == WB_PATH_DEGRADED && !bad)
		enter(path, WB_PATH_UP, WB_REASON_CALM, path->loss_now, rtt / 1000, now);
	if (path->state != WB_PATH_UP || !bad)
		return;
	if (path->loss.bad)
		enter(path, WB_PATH_DEGRADED, WB_REASON_LOSS, path->loss_now, seconds, now);
	else if (path->rtt.bad)
		enter(path, WB_PATH_DEGRADED, WB_REASON_RTT, rtt / 1000,
			path->config.degraded_rtt_ms * 1000, now);
	else
		enter(path, WB_PATH_DEGRADED, WB_REASON_SILENCE,
			(now - facts->unanswered_since) / WB_HEALTH_SECOND, 0, now);
}

/* Steps of the slow start that are over; all of them if there is none. */
static unsigned slow_start_step(const struct wb_path *path, uint64_t now)
{
	uint64_t length = path->config.slow_start_ms * WB_HEALTH_MS;

	if (path->up_at == 0 || now >= path->up_at + length)
		return SLOW_START_STEPS - 1;
	return (unsigned)((now - path->up_at) * (SLOW_START_STEPS - 1) / length);
}

static uint64_t slow_start_deadline(const struct wb_path *path)
{
	uint64_t length = path->config.slow_start_ms * WB_HEALTH_MS;
	unsigned step = slow_start_step(path, path->ran_at);

	if (path->state == WB_PATH_DOWN || step == SLOW_START_STEPS - 1)
		return UINT64_MAX;
	return path->up_at + ((step + 1) * length + SLOW_START_STEPS - 2) / (SLOW_START_STEPS - 1);
}

static unsigned share_by_loss(struct wb_path *path)
{
	unsigned off = path->loss_now * WB_PATH_SHARE_FULL * 5 / 1000, share = WB_PATH_SHARE_MIN;

	if (!path->loss.bad) {
		path->loss_share = WB_PATH_SHARE_FULL;
		return WB_PATH_SHARE_FULL;
	}
	if (off < WB_PATH_SHARE_FULL - WB_PATH_SHARE_MIN)
		share = WB_PATH_SHARE_FULL - off;
	if (share + WB_PATH_SHARE_STEP <= path->loss_share ||
		share >= path->loss_share + WB_PATH_SHARE_STEP)
		path->loss_share = share;
	return path->loss_share;
}

static unsigned share_of(struct wb_path *path, uint64_t now)
{
	uint64_t share = share_by_loss(path);

	if (path->state == WB_PATH_DOWN)
		return 0;
	share = sooner(
		share, WB_PATH_SHARE_FULL / SLOW_START_STEPS * (slow_start_step(path, now) + 1));
	if (path->rtt.bad)
		share = sooner(share, WB_PATH_SHARE_FULL / 2);
	if (path->silent)
		share = WB_PATH_SHARE_MIN;
	return (unsigned)share;
}

unsigned wb_path_run(
	struct wb_path *path, const struct wb_path_facts *facts, uint64_t now, uint16_t *seq)
{
	enum wb_path_state state = path->state;
	unsigned share = path->share, missed = 0, actions = 0;

	if (path->config.probes)
		missed = wb_prober_judge(&path->prober, &path->stats, facts->heard, now);
	if (path->state == WB_PATH_DOWN) {
		check_back(path, facts, missed, now);
	} else if (!check_dead(path, facts, now)) {
		check_first(path, facts, now);
		check_degraded(path, facts, now);
	}
	path->share = share_of(path, now);
	path->ran_at = now;
	if (path->config.probes && wb_prober_send(&path->prober, &path->stats, now, seq))
		actions |= WB_PATH_SEND;
	if (path->state != state || path->share != share)
		actions |= WB_PATH_CHANGED;
	return actions;
}

uint64_t wb_path_deadline(const struct wb_path *path)
{
	/* What is known of handshakes and silence is looked at each second. */
	uint64_t next = sooner(path->ran_at + WB_HEALTH_SECOND, slow_start_deadline(path));

	return path->config.probes ? sooner(next, wb_prober_deadline(&path->prober)) : next;
}
