/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "noise/messages.h"
#include "noise/ratelimit.h"

#define NOW	 (5 * WB_SECOND)
#define INTERVAL (WB_SECOND / WB_RATELIMIT_PER_SECOND)

static struct wb_ratelimit *limit;

static int setup(void **state)
{
	(void)state;
	limit = malloc(sizeof(*limit));
	wb_ratelimit_init(limit);
	return limit == NULL;
}

static int teardown(void **state)
{
	(void)state;
	free(limit);
	return 0;
}

static struct wb_addr at(const char *text)
{
	struct wb_addr addr;

	assert_int_equal(wb_addr_parse(text, &addr), 0);
	return addr;
}

/* How many of n messages pass at one moment. */
static unsigned pass(const char *source, unsigned n, uint64_t now)
{
	struct wb_addr addr = at(source);
	unsigned passed = 0;

	for (unsigned i = 0; i < n; i++)
		passed += wb_ratelimit_allow(limit, &addr, now);
	return passed;
}

static void a_burst_then_a_rate(void **state)
{
	(void)state;
	assert_int_equal(pass("192.0.2.1", 100, NOW), WB_RATELIMIT_BURST);
	assert_int_equal(pass("192.0.2.1", 10, NOW + INTERVAL - 1), 0);
	assert_int_equal(pass("192.0.2.1", 10, NOW + INTERVAL), 1);
	assert_int_equal(pass("192.0.2.1", 10, NOW + 4 * INTERVAL), 3);
	/* After a rest the bucket is full, not more than full. */
	assert_int_equal(pass("192.0.2.1", 100, NOW + 60 * WB_SECOND), WB_RATELIMIT_BURST);
}

static void a_second_is_worth_its_rate(void **state)
{
	unsigned passed = 0;

	(void)state;
	pass("192.0.2.1", 100, NOW);
	for (uint64_t t = 1; t <= 1000; t++)
		passed += pass("192.0.2.1", 3, NOW + t * (WB_SECOND / 1000));
	assert_int_equal(passed, WB_RATELIMIT_PER_SECOND);
}

static void sources_do_not_share(void **state)
{
	(void)state;
	assert_int_equal(pass("192.0.2.1", 100, NOW), WB_RATELIMIT_BURST);
	assert_int_equal(pass("192.0.2.2", 100, NOW), WB_RATELIMIT_BURST);
	assert_int_equal(pass("2001:db8:0:1::1", 100, NOW), WB_RATELIMIT_BURST);
	assert_int_equal(pass("2001:db8:0:2::1", 100, NOW), WB_RATELIMIT_BURST);
	/* The same first bytes in both families are two sources. */
	assert_int_equal(pass("c000:201::", 100, NOW), WB_RATELIMIT_BURST);
}

static void a_64_is_one_source(void **state)
{
	(void)state;
	assert_int_equal(pass("2001:db8::1", 3, NOW), 3);
	assert_int_equal(pass("2001:db8::2", 100, NOW), WB_RATELIMIT_BURST - 3);
	assert_int_equal(pass("2001:db8::ffff:0:0:3", 100, NOW), 0);
}

/* Many sources fill all places: who is limited stays limited, new ones are refused, and all is
 * forgotten in a moment. */
static void a_full_table_refuses(void **state)
{
	struct wb_addr addr = at("10.0.0.0");
	unsigned refused = 0;

	(void)state;
	assert_int_equal(pass("192.0.2.1", 100, NOW), WB_RATELIMIT_BURST);
	for (uint32_t i = 0; i < 4 * WB_RATELIMIT_PLACES; i++) {
		memcpy(addr.bytes + 1, &i, 3);
		refused += !wb_ratelimit_allow(limit, &addr, NOW);
	}
	assert_true(refused >= 3 * WB_RATELIMIT_PLACES);
	assert_int_equal(pass("192.0.2.1", 100, NOW), 0);
	assert_int_equal(pass("198.51.100.77", 5, NOW + 6 * INTERVAL), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_burst_then_a_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(a_second_is_worth_its_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(sources_do_not_share, setup, teardown),
		cmocka_unit_test_setup_teardown(a_64_is_one_source, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_table_refuses, setup, teardown),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
