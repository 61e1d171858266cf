/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "health/chart.h"

#define MS 1000000ULL

static struct wb_health_point answered(uint64_t rtt)
{
	return (struct wb_health_point){.sent = 10, .replied = 10, .rtt_avg = rtt, .rtt_max = rtt};
}

static void bars_are_in_proportion(void **state)
{
	struct wb_health_point points[8];
	char text[WB_CHART_SIZE(8)];

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		points[i] = answered((i + 1) * MS);
	assert_true(wb_chart(points, 8, 8, text, sizeof(text)) == 8 * MS);
	assert_string_equal(text, "▁▂▃▄▅▆▇█");
	/* More columns than points are of no use. */
	wb_chart(points, 8, 60, text, sizeof(text));
	assert_string_equal(text, "▁▂▃▄▅▆▇█");
}

static void loss_and_gaps_are_marked(void **state)
{
	struct wb_health_point points[6] = {answered(8 * MS), answered(8 * MS), {.sent = 10},
		{.sent = 10, .lost = 10}, answered(1 * MS), answered(0)};
	char text[WB_CHART_SIZE(6)];

	(void)state;
	points[1].lost = 2;
	points[1].rtt_avg = 80 * MS;
	points[4].lost = 1;
	/* 1 of 11 is less than a tenth, 2 of 12 more; those under way are neither. */
	assert_true(wb_chart(points, 6, 6, text, sizeof(text)) == 8 * MS);
	assert_string_equal(text, "█x x▁▁");
}

static void neighbours_share_a_column(void **state)
{
	struct wb_health_point points[60];
	char text[WB_CHART_SIZE(4)];

	(void)state;
	for (unsigned i = 0; i < 60; i++)
		points[i] = answered(i < 15 ? 2 * MS : 4 * MS);
	for (unsigned i = 30; i < 45; i++)
		points[i].lost = i < 40 ? 0 : 10;
	/* Few answers weigh little: the average is above 7/8 of the others' 4 ms. */
	for (unsigned i = 45; i < 53; i++) {
		points[i].rtt_avg = 1 * MS;
		points[i].replied = 1;
	}
	assert_true(wb_chart(points, 60, 4, text, sizeof(text)) == 4 * MS);
	assert_string_equal(text, "▄█x█");
}

static void columns_are_not_cut_in_two(void **state)
{
	struct wb_health_point points[3] = {answered(MS), answered(MS), answered(MS)};
	char text[] = "????????";

	(void)state;
	wb_chart(points, 3, 3, text, 9);
	assert_string_equal(text, "██");
	text[0] = '?';
	wb_chart(points, 3, 3, text, 0);
	assert_int_equal(text[0], '?');
	wb_chart(points, 3, 3, text, 1);
	assert_string_equal(text, "");
	wb_chart(points, 0, 3, text, sizeof(text));
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bars_are_in_proportion),
		cmocka_unit_test(loss_and_gaps_are_marked),
		cmocka_unit_test(neighbours_share_a_column),
		cmocka_unit_test(columns_are_not_cut_in_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
