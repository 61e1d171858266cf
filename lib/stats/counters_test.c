/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "stats/counters.h"

static void names_are_unique_and_fit_telemetry(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WB_COUNTERS_N; i++) {
		const struct wb_counter_info *info = wb_counter_info((enum wb_counter)i);

		assert_in_range(strlen(info->name), 1, 22);
		/* "NAME  VALUE  HELP" in 80 columns. */
		assert_in_range(strlen(info->help), 1, 44);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(
				info->name, wb_counter_info((enum wb_counter)j)->name);
	}
}

static void sums_over_writers_and_kinds(void **state)
{
	struct wb_counters *sets = wb_counters_create(3);

	(void)state;
	assert_non_null(sets);
	wb_count(wb_counters_of(sets, 0), WB_IN_PORT_RX, 5);
	wb_count(wb_counters_of(sets, 2), WB_IN_PORT_RX, 7);
	wb_count(wb_counters_of(sets, 1), WB_IN_TUN_RX, 1);
	wb_count(wb_counters_of(sets, 1), WB_DROP_NO_PEER, 2);
	assert_int_equal(wb_counters_sum(sets, 3, WB_IN_PORT_RX), 12);
	assert_int_equal(wb_counters_kind_sum(sets, 3, WB_KIND_IN), 13);
	assert_int_equal(wb_counters_kind_sum(sets, 3, WB_KIND_DROP), 2);
	assert_int_equal(wb_counters_kind_sum(sets, 3, WB_KIND_OUT), 0);
	assert_int_equal((uintptr_t)wb_counters_of(sets, 1) % 64, 0);
	free(sets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_unique_and_fit_telemetry),
		cmocka_unit_test(sums_over_writers_and_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
