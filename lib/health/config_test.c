/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "health/config.h"

static struct wb_health_config config;
static struct wb_err err;

static int setup(void **state)
{
	(void)state;
	wb_health_config_defaults(&config);
	err.text[0] = '\0';
	return 0;
}

static void defaults_are_valid(void **state)
{
	(void)state;
	assert_int_equal(wb_health_config_check(&config, &err), 0);
	assert_string_equal(err.text, "");
}

static void each_setting_has_its_range(void **state)
{
	const struct {
		uint32_t *setting, min, max;
	} ranges[] = {
		{&config.interval_ms, 20, 2000},
		{&config.missed, 3, 30},
		{&config.recover, 1, 600},
		{&config.slow_start_ms, 0, 600000},
		{&config.degraded_loss, 0, 500},
		{&config.degraded_rtt_ms, 0, 3000},
		{&config.handshake_age_s, 120, 3600},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		setup(state);
		*ranges[i].setting = ranges[i].max;
		assert_int_equal(wb_health_config_check(&config, &err), 0);
		*ranges[i].setting = ranges[i].max + 1;
		assert_int_equal(wb_health_config_check(&config, &err), -EINVAL);
		*ranges[i].setting = ranges[i].min;
		assert_int_equal(wb_health_config_check(&config, &err), 0);
		if (ranges[i].min == 0)
			continue;
		*ranges[i].setting = ranges[i].min - 1;
		assert_int_equal(wb_health_config_check(&config, &err), -EINVAL);
	}
}

static void error_says_what_was_expected(void **state)
{
	(void)state;
	config.interval_ms = 5;
	assert_int_equal(wb_health_config_check(&config, &err), -EINVAL);
	assert_string_equal(err.text, "probe-interval is 5 ms, expected 20 to 2000 ms");
	setup(state);
	config.missed = 99;
	assert_int_equal(wb_health_config_check(&config, &err), -EINVAL);
	assert_string_equal(err.text, "probe-missed is 99, expected 3 to 30");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(defaults_are_valid, setup),
		cmocka_unit_test_setup(each_setting_has_its_range, setup),
		cmocka_unit_test_setup(error_says_what_was_expected, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
