/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "wg/replay.h"

#define W WB_REPLAY_WINDOW

static struct wb_replay replay;

static int setup(void **state)
{
	(void)state;
	memset(&replay, 0, sizeof(replay));
	return 0;
}

#define SEES(n)	   assert_true(wb_replay_check_and_set(&replay, (n)))
#define REFUSES(n) assert_false(wb_replay_check_and_set(&replay, (n)))

static void window_is_wide_enough(void **state)
{
	(void)state;
	assert_true(W >= 8128);
}

static void in_order_and_twice(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 3 * W; i++)
		SEES(i);
	for (uint64_t i = 0; i < 3 * W; i++)
		REFUSES(i);
}

static void backwards(void **state)
{
	(void)state;
	for (uint64_t i = W; i-- > 0;)
		SEES(i);
	for (uint64_t i = 0; i < W; i++)
		REFUSES(i);
	SEES(W);
}

static void edges_of_the_window(void **state)
{
	(void)state;
	SEES(0);
	SEES(W);
	REFUSES(0);
	SEES(1);
	SEES(2 * W);
	REFUSES(W);
	SEES(W + 1);
	SEES(10 * W);
	REFUSES(9 * W);
	SEES(9 * W + 1);
	REFUSES(9 * W + 1);
}

static void jumps_forget_all(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		SEES(i);
	SEES(UINT64_C(1) << 40);
	for (uint64_t i = 0; i < 100; i++)
		REFUSES(i);
	for (uint64_t i = 1; i < W; i++)
		SEES((UINT64_C(1) << 40) - i);
	SEES((UINT64_C(1) << 40) + 2 * WB_REPLAY_BITS);
	SEES((UINT64_C(1) << 40) + WB_REPLAY_BITS + 65);
}

static void last_counters(void **state)
{
	(void)state;
	SEES(WB_REJECT_AFTER_MESSAGES - 1);
	REFUSES(WB_REJECT_AFTER_MESSAGES - 1);
	REFUSES(WB_REJECT_AFTER_MESSAGES);
	REFUSES(UINT64_MAX);
	SEES(WB_REJECT_AFTER_MESSAGES - 2);
}

/* Against a plain list of everything seen. */
static void random_against_a_list(void **state)
{
	enum { TOP = 60000 };
	static bool seen[TOP + 12000];
	uint64_t greatest = 0;
	bool any = false;

	(void)state;
	srand(7);
	for (unsigned i = 0; i < 400000; i++) {
		uint64_t base = (uint64_t)i * TOP / 400000;
		uint64_t n = base + (uint64_t)(rand() % 12000);
		bool expected;

		n = n < 6000 ? n : n - 6000;
		expected = !seen[n] && (!any || n > greatest || greatest - n < W);
		assert_int_equal(wb_replay_check_and_set(&replay, n), expected);
		if (expected) {
			seen[n] = true;
			greatest = any && greatest > n ? greatest : n;
			any = true;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(window_is_wide_enough),
		cmocka_unit_test_setup(in_order_and_twice, setup),
		cmocka_unit_test_setup(backwards, setup),
		cmocka_unit_test_setup(edges_of_the_window, setup),
		cmocka_unit_test_setup(jumps_forget_all, setup),
		cmocka_unit_test_setup(last_counters, setup),
		cmocka_unit_test_setup(random_against_a_list, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
