/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "health/events.h"

static struct wb_path_events events;

static void the_last_ones_are_kept(void **state)
{
	(void)state;
	assert_null(wb_path_events_get(&events, 0));
	for (unsigned i = 0; i < 100; i++) {
		const struct wb_path_event event = {.at = i};

		wb_path_events_add(&events, &event);
		assert_true(wb_path_events_get(&events, 0)->at == i);
	}
	assert_true(wb_path_events_get(&events, 63)->at == 36);
	assert_null(wb_path_events_get(&events, 64));
	assert_true(events.total == 100);
	memset(&events, 0, sizeof(events));
	wb_path_events_add(&events, &(const struct wb_path_event){.at = 7});
	assert_null(wb_path_events_get(&events, 1));
}

static void reasons_read_well(void **state)
{
	static const struct {
		enum wb_path_reason reason;
		uint32_t a, b;
		const char *text;
	} reasons[] = {
		{WB_REASON_ANSWERED, 10045, 0, "first answer, RTT 10.045 ms"},
		{WB_REASON_HEARD, 0, 0, "first heard of"},
		{WB_REASON_MISSED, 5, 81, "5 probes in a row unanswered, for 81 ms"},
		{WB_REASON_ONE_WAY, 12, 150,
			"12 probes in a row unanswered, for 150 ms, but the peer's packets come"},
		{WB_REASON_NEVER_ANSWERED, 10, 1000,
			"no probe ever answered, 10 in a row, for 1000 ms"},
		{WB_REASON_HANDSHAKE, 10, 0, "handshakes unanswered for 10 s"},
		{WB_REASON_KEY_AGE, 181, 0, "last handshake 181 s ago and no answer"},
		{WB_REASON_SILENCE, 15, 0, "nothing heard for 15 s though data was sent"},
		{WB_REASON_LOSS, 186, 10, "loss 18.6 % over 10 s"},
		{WB_REASON_RTT, 85104, 80000, "RTT 85.104 ms, limit 80.000 ms"},
		{WB_REASON_CALM, 3, 10007, "loss 0.3 %, RTT 10.007 ms"},
		{WB_REASON_RECOVERED, 10, 31270, "10 answers, after 31.2 s down"},
		{WB_REASON_RECOVERED, 0, 31270, "heard of again, after 31.2 s down"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		const struct wb_path_event event = {
			.reason = reasons[i].reason, .a = reasons[i].a, .b = reasons[i].b};
		char text[WB_REASON_TEXT_MAX];

		assert_string_equal(wb_path_reason_text(&event, text), reasons[i].text);
	}
}

/* The longest one, cut by nothing. */
static void the_longest_fits(void **state)
{
	const struct wb_path_event event = {
		.reason = WB_REASON_ONE_WAY, .a = UINT32_MAX, .b = UINT32_MAX};
	char text[WB_REASON_TEXT_MAX];

	(void)state;
	assert_non_null(strstr(wb_path_reason_text(&event, text), "packets come"));
}

static void states_have_names(void **state)
{
	(void)state;
	assert_string_equal(wb_path_state_name(WB_PATH_UNKNOWN), "unknown");
	assert_string_equal(wb_path_state_name(WB_PATH_UP), "up");
	assert_string_equal(wb_path_state_name(WB_PATH_DEGRADED), "degraded");
	assert_string_equal(wb_path_state_name(WB_PATH_DOWN), "down");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_ones_are_kept),
		cmocka_unit_test(reasons_read_well),
		cmocka_unit_test(the_longest_fits),
		cmocka_unit_test(states_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
