/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "health/stats.h"

#define US     1000ULL
#define MS     (1000 * US)
#define SECOND (1000 * MS)
#define T0     (1000000 * SECOND)

static struct wb_health_stats stats;
static uint64_t random_state;

static int setup(void **state)
{
	(void)state;
	wb_health_stats_init(&stats);
	random_state = 1;
	return 0;
}

/* Knuth's MMIX generator; its upper bits are good enough. */
static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((random_state >> 32) * limit >> 32);
}

static void answered(uint64_t sent, uint64_t rtt)
{
	wb_health_stats_sent(&stats, sent);
	wb_health_stats_replied(&stats, sent, rtt);
}

static void lost(uint64_t sent)
{
	wb_health_stats_sent(&stats, sent);
	wb_health_stats_lost(&stats, sent);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void assert_near(uint64_t value, uint64_t wanted)
{
	uint64_t off = value > wanted ? value - wanted : wanted - value;

	/* Half a bucket. */
	if (off * 32 > wanted)
		fail_msg("%llu is more than 1/32 off %llu", (unsigned long long)value,
			(unsigned long long)wanted);
}

static void nothing_is_all_zero(void **state)
{
	struct wb_health_window w;

	(void)state;
	for (enum wb_health_span span = 0; span < WB_SPANS; span++) {
		wb_health_stats_window(&stats, span, T0, &w);
		assert_int_equal(w.sent + w.replied + w.lost + w.loss, 0);
		assert_true(w.rtt_min == 0 && w.rtt_avg == 0 && w.rtt_max == 0 && w.rtt_p99 == 0);
	}
}

/* An hour of RTTs from 20 us to 2 s, against the sorted samples themselves. */
static void percentiles_against_the_sorted_samples(void **state)
{
	enum { N = 30000 };
	uint64_t *rtts = calloc(N, sizeof(*rtts)), sum = 0;
	struct wb_health_window w;

	(void)state;
	assert_non_null(rtts);
	for (unsigned i = 0; i < N; i++) {
		rtts[i] = (20 * US << random_below(17)) * (1000 + random_below(1000)) / 1000;
		sum += rtts[i];
		answered(T0 + i * 100 * MS, rtts[i]);
	}
	wb_health_stats_window(&stats, WB_SPAN_HOUR, T0 + N * 100 * MS, &w);
	qsort(rtts, N, sizeof(*rtts), compare);
	assert_int_equal(w.replied, N);
	assert_true(w.rtt_min == rtts[0]);
	assert_true(w.rtt_max == rtts[N - 1]);
	assert_true(w.rtt_avg == sum / N);
	assert_near(w.rtt_p50, rtts[N / 2 - 1]);
	assert_near(w.rtt_p99, rtts[N / 100 * 99 - 1]);
	free(rtts);
}

static void histogram_is_exact_to_half_a_bucket_everywhere(void **state)
{
	struct wb_health_window w;

	for (uint64_t rtt = 10 * US; rtt < 10 * SECOND; rtt += rtt / 37) {
		setup(state);
		/* Two others keep the clamp to what was seen out of the way. */
		answered(T0, rtt / 2);
		answered(T0, rtt);
		answered(T0, rtt * 2);
		wb_health_stats_window(&stats, WB_SPAN_SECOND, T0, &w);
		assert_near(w.rtt_p50, rtt);
	}
}

static void out_of_the_histogram_s_range(void **state)
{
	struct wb_health_window w;

	(void)state;
	answered(T0, 1 * US);
	wb_health_stats_window(&stats, WB_SPAN_SECOND, T0, &w);
	assert_true(w.rtt_p50 == 1 * US && w.rtt_p99 == 1 * US);
	setup(state);
	answered(T0, 100 * SECOND);
	wb_health_stats_window(&stats, WB_SPAN_SECOND, T0, &w);
	assert_true(w.rtt_p50 == 100 * SECOND);
}

static void windows_forget(void **state)
{
	struct wb_health_window w;

	(void)state;
	answered(T0, 5 * MS);
	for (unsigned i = 0; i < 9; i++)
		lost(T0 + 1 * MS);
	wb_health_stats_window(&stats, WB_SPAN_SECOND, T0 + 900 * MS, &w);
	assert_int_equal(w.sent, 10);
	assert_int_equal(w.loss, 900);
	wb_health_stats_window(&stats, WB_SPAN_SECOND, T0 + 1000 * MS, &w);
	assert_int_equal(w.sent, 0);
	assert_true(w.rtt_p50 == 0);
	wb_health_stats_window(&stats, WB_SPAN_MINUTE, T0 + 59 * SECOND, &w);
	assert_int_equal(w.loss, 900);
	wb_health_stats_window(&stats, WB_SPAN_MINUTE, T0 + 60 * SECOND, &w);
	assert_int_equal(w.sent, 0);
	wb_health_stats_window(&stats, WB_SPAN_HOUR, T0 + 3500 * SECOND, &w);
	assert_int_equal(w.loss, 900);
	wb_health_stats_window(&stats, WB_SPAN_HOUR, T0 + 3600 * SECOND, &w);
	assert_int_equal(w.sent, 0);
	/* A slot that was used before starts empty. */
	answered(T0 + 3600 * SECOND, 7 * MS);
	wb_health_stats_window(&stats, WB_SPAN_HOUR, T0 + 3600 * SECOND, &w);
	assert_int_equal(w.sent, 1);
	assert_true(w.rtt_min == 7 * MS && w.rtt_max == 7 * MS);
}

static void late_and_withdrawn_probes(void **state)
{
	struct wb_health_window w;

	(void)state;
	lost(T0);
	wb_health_stats_found(&stats, T0);
	wb_health_stats_replied(&stats, T0, 2 * SECOND);
	wb_health_stats_sent(&stats, T0 + 1);
	wb_health_stats_unsent(&stats, T0 + 1);
	wb_health_stats_window(&stats, WB_SPAN_MINUTE, T0 + 2 * SECOND, &w);
	assert_int_equal(w.sent, 1);
	assert_int_equal(w.lost, 0);
	assert_int_equal(w.replied, 1);
	/* Its 100 ms are over, and their slot has another user. */
	wb_health_stats_sent(&stats, T0 + 5 * SECOND);
	wb_health_stats_lost(&stats, T0);
	wb_health_stats_window(&stats, WB_SPAN_SECOND, T0 + 5 * SECOND, &w);
	assert_int_equal(w.sent, 1);
	assert_int_equal(w.lost, 0);
}

static void loss_is_of_those_settled(void **state)
{
	struct wb_health_window w;

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		answered(T0, MS);
	lost(T0);
	lost(T0);
	wb_health_stats_sent(&stats, T0);
	wb_health_stats_window(&stats, WB_SPAN_SECOND, T0, &w);
	assert_int_equal(w.sent, 11);
	assert_int_equal(w.loss, 200);
}

static void jitter_is_the_mean_difference(void **state)
{
	struct wb_health_window w;

	(void)state;
	answered(T0, 10 * MS);
	answered(T0 + 1, 13 * MS);
	answered(T0 + 2, 8 * MS);
	wb_health_stats_window(&stats, WB_SPAN_SECOND, T0, &w);
	assert_true(w.jitter == 4 * MS);
	/* The answer to an older probe, overtaken, is compared with nothing. */
	answered(T0 + 1, 500 * MS);
	wb_health_stats_window(&stats, WB_SPAN_SECOND, T0, &w);
	assert_true(w.jitter == 4 * MS);
}

static void recent_leaves_out_what_was_before(void **state)
{
	struct wb_health_window w;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		lost(T0 + i * SECOND);
	for (unsigned i = 20; i < 40; i++)
		answered(T0 + i * SECOND, MS);
	wb_health_stats_recent(&stats, WB_SPAN_MINUTE, 60, 0, T0 + 39 * SECOND, &w);
	assert_int_equal(w.lost, 20);
	assert_int_equal(w.loss, 500);
	wb_health_stats_recent(&stats, WB_SPAN_MINUTE, 25, 0, T0 + 39 * SECOND, &w);
	assert_int_equal(w.lost, 5);
	assert_int_equal(w.replied, 20);
	wb_health_stats_recent(
		&stats, WB_SPAN_MINUTE, 60, T0 + 19 * SECOND + 5 * MS, T0 + 39 * SECOND, &w);
	assert_int_equal(w.lost, 0);
	assert_int_equal(w.replied, 20);
}

static void history_is_oldest_first(void **state)
{
	struct wb_health_point points[WB_HEALTH_POINTS];

	(void)state;
	answered(T0, 4 * MS);
	answered(T0, 6 * MS);
	lost(T0 + 30 * SECOND);
	answered(T0 + 59 * SECOND, 9 * MS);
	assert_int_equal(
		wb_health_stats_history(&stats, WB_SPAN_MINUTE, T0 + 59 * SECOND, points), 60);
	assert_int_equal(points[0].replied, 2);
	assert_true(points[0].rtt_avg == 5 * MS && points[0].rtt_max == 6 * MS);
	assert_int_equal(points[1].sent, 0);
	assert_int_equal(points[30].lost, 1);
	assert_true(points[59].rtt_avg == 9 * MS);
	assert_int_equal(
		wb_health_stats_history(&stats, WB_SPAN_HOUR, T0 + 59 * SECOND, points), 60);
	assert_int_equal(points[58].sent + points[59].sent, 4);
	assert_int_equal(
		wb_health_stats_history(&stats, WB_SPAN_SECOND, T0 + 59 * SECOND, points), 10);
	assert_true(points[9].rtt_max == 9 * MS);
}

static void the_clock_may_be_young(void **state)
{
	struct wb_health_point points[WB_HEALTH_POINTS];
	struct wb_health_window w;

	(void)state;
	answered(5 * MS, 1 * MS);
	wb_health_stats_window(&stats, WB_SPAN_HOUR, 10 * MS, &w);
	assert_int_equal(w.sent, 1);
	assert_int_equal(wb_health_stats_history(&stats, WB_SPAN_HOUR, 10 * MS, points), 60);
	assert_int_equal(points[59].sent, 1);
	assert_int_equal(points[0].sent, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_all_zero, setup),
		cmocka_unit_test_setup(percentiles_against_the_sorted_samples, setup),
		cmocka_unit_test_setup(histogram_is_exact_to_half_a_bucket_everywhere, setup),
		cmocka_unit_test_setup(out_of_the_histogram_s_range, setup),
		cmocka_unit_test_setup(windows_forget, setup),
		cmocka_unit_test_setup(late_and_withdrawn_probes, setup),
		cmocka_unit_test_setup(loss_is_of_those_settled, setup),
		cmocka_unit_test_setup(jitter_is_the_mean_difference, setup),
		cmocka_unit_test_setup(recent_leaves_out_what_was_before, setup),
		cmocka_unit_test_setup(history_is_oldest_first, setup),
		cmocka_unit_test_setup(the_clock_may_be_young, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
