/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "health/probe.h"

#define MS     WB_HEALTH_MS
#define SECOND WB_HEALTH_SECOND
#define T0     (1000 * SECOND)
#define RTT    (10 * MS)

static struct wb_prober prober;
static struct wb_health_stats stats;
static uint64_t now;

static void start(uint32_t interval_ms)
{
	struct wb_health_config config;

	wb_health_config_defaults(&config);
	config.interval_ms = interval_ms;
	wb_health_stats_init(&stats);
	wb_prober_init(&prober, &config, 42, T0);
	now = T0;
}

static int setup(void **state)
{
	(void)state;
	start(100);
	return 0;
}

/* Comes at each deadline until a probe is sent; `now` is then. */
static uint16_t next_probe(void)
{
	uint16_t seq;

	for (;;) {
		now = wb_prober_deadline(&prober);
		wb_prober_judge(&prober, &stats, 0, now);
		if (wb_prober_send(&prober, &stats, now, &seq))
			return seq;
	}
}

static enum wb_probe_answer reply(uint16_t seq, uint64_t at)
{
	return wb_prober_replied(&prober, &stats, seq, at);
}

static void answer_some(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint16_t seq = next_probe();

		assert_int_equal(reply(seq, now + RTT), WB_ANSWER_IN_TIME);
	}
}

/* Lets the path be silent until a moment. */
static void silence_until(uint64_t end)
{
	uint16_t seq;

	while (wb_prober_deadline(&prober) <= end) {
		now = wb_prober_deadline(&prober);
		wb_prober_judge(&prober, &stats, 0, now);
		wb_prober_send(&prober, &stats, now, &seq);
	}
	now = end;
}

static void probes_come_at_the_interval_with_jitter(void **state)
{
	uint64_t last, first, shortest = UINT64_MAX, longest = 0;

	(void)state;
	assert_true(wb_prober_deadline(&prober) < T0 + 100 * MS);
	answer_some(1);
	last = first = now;
	for (unsigned i = 0; i < 1000; i++, last = now) {
		answer_some(1);
		shortest = now - last < shortest ? now - last : shortest;
		longest = now - last > longest ? now - last : longest;
	}
	assert_true(shortest >= 90 * MS && shortest < 91 * MS);
	assert_true(longest <= 110 * MS && longest > 109 * MS);
	assert_true(now - first > 99 * SECOND && now - first < 101 * SECOND);
	assert_int_equal(prober.totals.extra, 0);
}

static void other_seeds_give_other_moments(void **state)
{
	struct wb_health_config config;
	uint64_t first = wb_prober_deadline(&prober);

	(void)state;
	wb_health_config_defaults(&config);
	wb_prober_init(&prober, &config, 43, T0);
	assert_true(wb_prober_deadline(&prober) != first);
	/* No seed stops it. */
	wb_prober_init(&prober, &config, 0, T0);
	answer_some(1);
	first = now;
	answer_some(1);
	assert_true(now > first + 90 * MS);
}

/* RFC 6298: 1 s before the first answer, 3 R after it, near R when it does not vary. */
static void rto_follows_the_rtt(void **state)
{
	uint16_t seq;

	(void)state;
	assert_true(wb_prober_rto(&prober) == SECOND);
	seq = next_probe();
	reply(seq, now + 60 * MS);
	assert_true(prober.srtt == 60 * MS && prober.rttvar == 30 * MS);
	assert_true(wb_prober_rto(&prober) == 180 * MS);
	seq = next_probe();
	reply(seq, now + 68 * MS);
	assert_true(prober.srtt == 61 * MS);
	assert_true(prober.rttvar == (3 * 30 * MS + 8 * MS) / 4);
	for (unsigned i = 0; i < 100; i++) {
		seq = next_probe();
		reply(seq, now + 60 * MS);
	}
	assert_true(wb_prober_rto(&prober) >= 70 * MS && wb_prober_rto(&prober) < 71 * MS);
	for (unsigned i = 0; i < 100; i++) {
		seq = next_probe();
		reply(seq, now + 1 * MS);
	}
	assert_true(wb_prober_rto(&prober) == WB_PROBE_RTO_MIN);
}

static void a_miss_hurries_probes(void **state)
{
	struct wb_health_window w;
	uint64_t first;

	(void)state;
	answer_some(50);
	next_probe();
	first = now;
	/* The next one leaves when the first is overdue. */
	next_probe();
	assert_true(now == first + WB_PROBE_RTO_MIN);
	next_probe();
	assert_true(now == first + WB_PROBE_RTO_MIN + 10 * MS);
	assert_int_equal(prober.totals.extra, 2);
	/* An answer ends the hurry. */
	assert_int_equal(reply((uint16_t)(prober.next - 1), now + RTT), WB_ANSWER_IN_TIME);
	next_probe();
	assert_true(now >= first + 90 * MS);
	assert_int_equal(prober.totals.extra, 2);
	/* Statistics are of the regular ones. */
	wb_health_stats_window(&stats, WB_SPAN_MINUTE, now, &w);
	assert_int_equal(w.sent, 52);
	assert_int_equal(w.replied, 50);
	assert_int_equal(w.lost, 1);
}

static void five_misses_are_a_verdict(void **state)
{
	uint64_t first;

	(void)state;
	answer_some(50);
	next_probe();
	first = now;
	silence_until(first + 80 * MS - 1);
	assert_int_equal(prober.verdict.missed, 5);
	assert_int_equal(prober.verdict.needed, 5);
	assert_false(prober.verdict.dead);
	silence_until(first + 80 * MS);
	assert_true(prober.verdict.dead);
	assert_true(prober.verdict.first == first);
	/* Known to be dead, it is probed as before. */
	wb_prober_set_calm(&prober, true);
	next_probe();
	first = now;
	next_probe();
	assert_true(now >= first + 90 * MS);
}

static void a_late_answer_takes_the_misses_back(void **state)
{
	struct wb_health_window w;
	uint64_t first;
	uint16_t seq;

	(void)state;
	answer_some(50);
	seq = next_probe();
	first = now;
	silence_until(first + 75 * MS);
	assert_int_equal(prober.verdict.missed, 5);
	assert_int_equal(reply(seq, first + 70 * MS), WB_ANSWER_LATE);
	wb_prober_judge(&prober, &stats, 0, now);
	/* RTO is above the age of the others now. */
	assert_int_equal(prober.verdict.missed, 0);
	wb_health_stats_window(&stats, WB_SPAN_MINUTE, now, &w);
	assert_int_equal(w.lost, 0);
	assert_true(w.rtt_max == 70 * MS);
	assert_int_equal(prober.totals.late, 1);
	/* None of them was loss. */
	for (unsigned i = 1; i < 5; i++)
		assert_int_equal(reply((uint16_t)(seq + i), now), WB_ANSWER_LATE);
	answer_some(1);
	wb_prober_judge(&prober, &stats, 0, now);
	assert_int_equal(prober.verdict.needed, 5);
	assert_true(prober.loss_fast < 0.001 && prober.loss_slow < 0.001);
}

static void an_answer_after_patience_is_a_stray(void **state)
{
	uint64_t first;
	uint16_t seq;

	(void)state;
	answer_some(50);
	seq = next_probe();
	first = now;
	silence_until(first + WB_PROBE_PATIENCE);
	wb_prober_judge(&prober, &stats, 0, now);
	assert_int_equal(prober.totals.lost, 1);
	assert_int_equal(reply(seq, first + WB_PROBE_PATIENCE), WB_ANSWER_STRAY);
	/* Told at once, but it was under way for too long. */
	assert_int_equal(
		reply((uint16_t)(seq + 1), first + 2 * WB_PROBE_PATIENCE), WB_ANSWER_STRAY);
	assert_int_equal(prober.totals.answered, 50);
}

static void duplicates_and_strangers_count_for_nothing(void **state)
{
	struct wb_health_window w;
	uint16_t seq;

	(void)state;
	seq = next_probe();
	assert_int_equal(reply(seq, now + RTT), WB_ANSWER_IN_TIME);
	assert_int_equal(reply(seq, now + 2 * RTT), WB_ANSWER_DUPLICATE);
	assert_int_equal(reply((uint16_t)(seq + 1), now + RTT), WB_ANSWER_STRAY);
	assert_int_equal(reply((uint16_t)(seq - 1), now + RTT), WB_ANSWER_STRAY);
	assert_int_equal(reply((uint16_t)(seq + 30000), now + RTT), WB_ANSWER_STRAY);
	wb_health_stats_window(&stats, WB_SPAN_MINUTE, now, &w);
	assert_int_equal(w.replied, 1);
	assert_true(prober.srtt == RTT);
	assert_int_equal(prober.totals.duplicate, 1);
	assert_int_equal(prober.totals.stray, 3);
}

/* The answer to a later probe shows that the path lives, whichever comes first. */
static void reordered_answers(void **state)
{
	uint64_t first, second;
	uint16_t one, two;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		one = next_probe();
		reply(one, now + 150 * MS);
	}
	one = next_probe();
	first = now;
	two = next_probe();
	second = now;
	assert_int_equal(prober.totals.extra, 0);
	assert_int_equal(reply(two, second + 150 * MS), WB_ANSWER_IN_TIME);
	/* Missed, but that says nothing of the path any more. */
	wb_prober_judge(&prober, &stats, 0, first + 180 * MS);
	assert_int_equal(prober.verdict.missed, 0);
	assert_int_equal(reply(one, first + 180 * MS), WB_ANSWER_LATE);
	assert_int_equal(prober.totals.answered, 52);
}

static void unsent_probes_never_were(void **state)
{
	struct wb_health_window w;

	(void)state;
	answer_some(20);
	for (unsigned i = 0; i < 50; i++)
		wb_prober_unsent(&prober, &stats, next_probe());
	wb_prober_judge(&prober, &stats, 0, now + 50 * MS);
	assert_int_equal(prober.verdict.missed, 0);
	assert_int_equal(prober.totals.sent, 20);
	assert_int_equal(prober.totals.unsent, 50);
	wb_health_stats_window(&stats, WB_SPAN_MINUTE, now, &w);
	assert_int_equal(w.sent, 20);
	/* Twice, or of one that was answered: nothing. */
	wb_prober_unsent(&prober, &stats, (uint16_t)(prober.next - 1));
	assert_int_equal(prober.totals.unsent, 50);
	/* However many they are, misses among them are counted once. */
	for (unsigned i = 0; i < 2000; i++)
		wb_prober_unsent(&prober, &stats, next_probe());
	for (unsigned i = 0; i < 3; i++)
		next_probe();
	silence_until(now + wb_prober_rto(&prober));
	assert_int_equal(prober.verdict.missed, 3);
}

static void numbers_wrap_around(void **state)
{
	(void)state;
	start(20);
	answer_some(70000);
	assert_int_equal(prober.totals.answered, 70000);
	assert_int_equal(prober.next & 0xffff, 70000 - 65536);
	assert_int_equal(prober.totals.stray, 0);
	/* A number of the last round is none of this one. */
	assert_int_equal(reply((uint16_t)(prober.next + 5), now), WB_ANSWER_STRAY);
}

static void sleep_is_pardoned(void **state)
{
	uint16_t seq;
	uint64_t sent;

	(void)state;
	answer_some(50);
	seq = next_probe();
	sent = now;
	/* Due at the RTO; it comes 300 ms later. */
	now = sent + WB_PROBE_RTO_MIN + 300 * MS;
	assert_true(wb_prober_deadline(&prober) == sent + WB_PROBE_RTO_MIN);
	wb_prober_judge(&prober, &stats, 0, now);
	assert_int_equal(prober.totals.late, 0);
	/* Its 20 ms are just over. */
	assert_int_equal(prober.verdict.missed, 1);
	assert_true(prober.verdict.first == sent + 300 * MS);
	/* Only its age is forgiven: its RTT is what it was. */
	assert_int_equal(reply(seq, sent + 12 * MS), WB_ANSWER_LATE);
	wb_prober_judge(&prober, &stats, 0, now);
	assert_int_equal(prober.verdict.missed, 0);
	assert_true(prober.srtt < 12 * MS);
	/* What is within the slack is not. */
	assert_true(wb_prober_send(&prober, &stats, now, &seq));
	now = wb_prober_deadline(&prober) + WB_PROBE_SLACK;
	wb_prober_judge(&prober, &stats, 0, now);
	assert_int_equal(prober.verdict.missed, 1);
	assert_true(prober.verdict.first == now - WB_PROBE_SLACK - wb_prober_rto(&prober));
}

static void loss_raises_what_is_needed(void **state)
{
	(void)state;
	answer_some(300);
	wb_prober_judge(&prober, &stats, 0, now);
	assert_int_equal(prober.verdict.needed, 5);
	/* One probe in five lost, each miss followed by an answer. */
	for (unsigned i = 0; i < 300; i++) {
		if (i % 5 == 0)
			next_probe();
		answer_some(1);
	}
	wb_prober_judge(&prober, &stats, 0, now + MS);
	assert_in_range(prober.verdict.needed, 12, 15);
	/* And its end lowers it. */
	answer_some(2000);
	wb_prober_judge(&prober, &stats, 0, now);
	assert_int_equal(prober.verdict.needed, 5);
}

/* The misses of a path's end are not the loss of its life. */
static void death_is_not_loss(void **state)
{
	(void)state;
	answer_some(300);
	silence_until(now + SECOND);
	assert_true(prober.verdict.dead);
	assert_int_equal(prober.verdict.needed, 5);
	wb_prober_set_calm(&prober, true);
	silence_until(now + 10 * SECOND);
	/* Nor is what it loses until it is well again. */
	for (unsigned i = 0; i < 50; i++) {
		next_probe();
		answer_some(1);
	}
	wb_prober_set_calm(&prober, false);
	answer_some(1);
	wb_prober_judge(&prober, &stats, 0, now);
	assert_int_equal(prober.verdict.needed, 5);
}

/* Nor is a lossy path thought better of for what it answers meanwhile: its misses do not count. */
static void loss_is_remembered_while_down(void **state)
{
	unsigned needed;

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		if (i % 5 == 0)
			next_probe();
		answer_some(1);
	}
	wb_prober_judge(&prober, &stats, 0, now);
	needed = prober.verdict.needed;
	assert_true(needed > 10);
	wb_prober_set_calm(&prober, true);
	answer_some(1000);
	wb_prober_set_calm(&prober, false);
	wb_prober_judge(&prober, &stats, 0, now);
	assert_int_equal(prober.verdict.needed, needed);
}

/* Pardoned again and again, probes hardly grow older; no more are kept than there are places. */
static void always_asleep_keeps_no_more_than_places(void **state)
{
	uint64_t died, under_way;
	uint16_t seq;

	(void)state;
	answer_some(50);
	died = now;
	for (unsigned i = 0; i < 20000; i++) {
		now = wb_prober_deadline(&prober) + 30 * MS + i % 7 * MS / 3;
		wb_prober_judge(&prober, &stats, 0, now);
		wb_prober_send(&prober, &stats, now, &seq);
		under_way = prober.next - prober.oldest;
		assert_true(under_way <= WB_PROBES_KEPT);
		/* It finds the path dead all the same. */
		assert_true(prober.verdict.dead || now < died + 600 * MS);
	}
	assert_true(under_way == WB_PROBES_KEPT);
	assert_true(prober.totals.lost + under_way == prober.totals.sent - 50);
}

static void packets_heard_make_it_one_way(void **state)
{
	uint64_t first;

	(void)state;
	answer_some(50);
	next_probe();
	first = now;
	silence_until(first + 30 * MS);
	/* Before the answer was overdue it says nothing: it may have been under way itself. */
	wb_prober_judge(&prober, &stats, first + WB_PROBE_RTO_MIN - 1, now);
	assert_false(prober.verdict.one_way);
	assert_int_equal(prober.verdict.needed, 5);
	wb_prober_judge(&prober, &stats, first + WB_PROBE_RTO_MIN, now);
	assert_true(prober.verdict.one_way);
	assert_int_equal(prober.verdict.needed, 12);
}

static void another_interval(void **state)
{
	struct wb_health_config config;
	uint64_t first;

	(void)state;
	wb_health_config_defaults(&config);
	answer_some(10);
	config.interval_ms = 20;
	wb_prober_configure(&prober, &config, now);
	first = now;
	answer_some(1);
	assert_true(now <= first + 20 * MS);
	assert_int_equal(prober.totals.answered, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(probes_come_at_the_interval_with_jitter, setup),
		cmocka_unit_test_setup(other_seeds_give_other_moments, setup),
		cmocka_unit_test_setup(rto_follows_the_rtt, setup),
		cmocka_unit_test_setup(a_miss_hurries_probes, setup),
		cmocka_unit_test_setup(five_misses_are_a_verdict, setup),
		cmocka_unit_test_setup(a_late_answer_takes_the_misses_back, setup),
		cmocka_unit_test_setup(an_answer_after_patience_is_a_stray, setup),
		cmocka_unit_test_setup(duplicates_and_strangers_count_for_nothing, setup),
		cmocka_unit_test_setup(reordered_answers, setup),
		cmocka_unit_test_setup(unsent_probes_never_were, setup),
		cmocka_unit_test_setup(numbers_wrap_around, setup),
		cmocka_unit_test_setup(sleep_is_pardoned, setup),
		cmocka_unit_test_setup(loss_raises_what_is_needed, setup),
		cmocka_unit_test_setup(death_is_not_loss, setup),
		cmocka_unit_test_setup(loss_is_remembered_while_down, setup),
		cmocka_unit_test_setup(always_asleep_keeps_no_more_than_places, setup),
		cmocka_unit_test_setup(packets_heard_make_it_one_way, setup),
		cmocka_unit_test_setup(another_interval, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
