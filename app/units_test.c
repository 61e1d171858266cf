/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "units.h"

static char out[UNITS_STRLEN];

static void bytes(void **state)
{
	(void)state;
	assert_string_equal(units_bytes(0, out), "0 B");
	assert_string_equal(units_bytes(1023, out), "1023 B");
	assert_string_equal(units_bytes(1024, out), "1.00 KiB");
	assert_string_equal(units_bytes(UINT64_C(1300000000), out), "1.21 GiB");
	assert_string_equal(units_bytes(UINT64_MAX, out), "16384.00 PiB");
}

static void counts(void **state)
{
	(void)state;
	assert_string_equal(units_count(999, out), "999");
	assert_string_equal(units_count(12345, out), "12.35 k");
	assert_string_equal(units_count(UINT64_C(5000000000), out), "5.00 G");
}

static void rates(void **state)
{
	(void)state;
	assert_string_equal(units_rate(0, out), "0 bit/s");
	assert_string_equal(units_rate(999, out), "999 bit/s");
	assert_string_equal(units_rate(940000000, out), "940.00 Mbit/s");
}

static void times(void **state)
{
	(void)state;
	assert_string_equal(units_ago(0, out), "Now");
	assert_string_equal(units_ago(1, out), "1 second ago");
	assert_string_equal(units_ago(3723, out), "1 hour, 2 minutes, 3 seconds ago");
	/* The longest there is does not run over. */
	units_ago(UINT64_MAX, out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes),
		cmocka_unit_test(counts),
		cmocka_unit_test(rates),
		cmocka_unit_test(times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
