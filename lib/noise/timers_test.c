/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "noise/timers.h"

#define T0     (1000 * WB_SECOND)
#define MS     (WB_SECOND / 1000)
#define JITTER (100 * MS)
#define RANDOM 100 /* of which the jitter is made */

static struct wb_timers timers;
static struct wb_activity quiet;

static unsigned run(const struct wb_activity *activity, uint64_t now)
{
	return wb_timers_run(&timers, activity, now, RANDOM);
}

static int setup(void **state)
{
	(void)state;
	wb_timers_init(&timers, 0);
	quiet = (struct wb_activity){0};
	return 0;
}

static void idle_peer_has_no_deadline(void **state)
{
	(void)state;
	assert_true(wb_timers_deadline(&timers, &quiet) == UINT64_MAX);
	assert_int_equal(run(&quiet, T0), 0);
}

static void wanted_handshake_is_retried_then_given_up(void **state)
{
	uint64_t now = T0;
	unsigned sent = 0;

	(void)state;
	wb_timers_handshake_wanted(&timers, now);
	for (;;) {
		unsigned actions;

		assert_true(wb_timers_deadline(&timers, &quiet) == now);
		assert_int_equal(run(&quiet, now - 1) & WB_TIMER_SEND_INITIATION, 0);
		actions = run(&quiet, now);
		if (actions & WB_TIMER_GIVE_UP)
			break;
		assert_true(actions & WB_TIMER_SEND_INITIATION);
		wb_timers_initiation_sent(&timers, now);
		sent++;
		now += WB_REKEY_TIMEOUT + JITTER;
	}
	assert_int_equal(sent, WB_HANDSHAKES_MAX + 1);
	assert_false(timers.handshaking);
	/* Keys are erased after a while; then all is quiet. */
	assert_true(wb_timers_deadline(&timers, &quiet) == now + 3 * WB_REJECT_AFTER_TIME);
	assert_int_equal(run(&quiet, now + 3 * WB_REJECT_AFTER_TIME), WB_TIMER_ERASE_KEYS);
	assert_true(wb_timers_deadline(&timers, &quiet) == UINT64_MAX);
}

static void never_two_initiations_within_rekey_timeout(void **state)
{
	(void)state;
	wb_timers_handshake_wanted(&timers, T0);
	assert_true(run(&quiet, T0) & WB_TIMER_SEND_INITIATION);
	wb_timers_initiation_sent(&timers, T0);
	wb_timers_handshake_complete(&timers, T0 + MS);
	wb_timers_handshake_wanted(&timers, T0 + 2 * MS);
	assert_int_equal(run(&quiet, T0 + 2 * MS), 0);
	assert_int_equal(run(&quiet, T0 + WB_REKEY_TIMEOUT - 1), 0);
	assert_true(run(&quiet, T0 + WB_REKEY_TIMEOUT) & WB_TIMER_SEND_INITIATION);
}

static void another_key_waits_for_nothing(void **state)
{
	(void)state;
	wb_timers_handshake_wanted(&timers, T0);
	run(&quiet, T0);
	wb_timers_initiation_sent(&timers, T0);
	wb_timers_identity_changed(&timers, T0 + MS);
	assert_true(run(&quiet, T0 + MS) & WB_TIMER_SEND_INITIATION);
	wb_timers_initiation_sent(&timers, T0 + MS);
	wb_timers_handshake_complete(&timers, T0 + 2 * MS);
	wb_timers_identity_changed(&timers, T0 + 3 * MS);
	assert_int_equal(run(&quiet, T0 + 3 * MS), 0);
	wb_timers_handshake_wanted(&timers, T0 + 4 * MS);
	assert_true(run(&quiet, T0 + 4 * MS) & WB_TIMER_SEND_INITIATION);
}

static void answer_ends_the_retries(void **state)
{
	(void)state;
	wb_timers_handshake_wanted(&timers, T0);
	run(&quiet, T0);
	wb_timers_initiation_sent(&timers, T0);
	wb_timers_received(&timers, T0 + MS);
	wb_timers_session_derived(&timers, T0 + MS);
	wb_timers_handshake_complete(&timers, T0 + MS);
	assert_int_equal(run(&quiet, T0 + 60 * WB_SECOND), 0);
	assert_true(wb_timers_deadline(&timers, &quiet) == T0 + MS + 3 * WB_REJECT_AFTER_TIME);
}

static void silence_after_data_asks_for_a_handshake(void **state)
{
	struct wb_activity a = {.tx_data = T0, .tx_any = T0, .tx_unanswered_since = T0};

	(void)state;
	assert_true(wb_timers_deadline(&timers, &a) == T0 + 15 * WB_SECOND);
	assert_int_equal(run(&a, T0 + 15 * WB_SECOND - 1), 0);
	assert_true(run(&a, T0 + 15 * WB_SECOND) & WB_TIMER_SEND_INITIATION);

	/* An answer in time: nothing to do. */
	setup(state);
	a.rx_any = T0 + MS;
	assert_true(wb_timers_deadline(&timers, &a) == UINT64_MAX);
	/* An authentic handshake message counts as one. */
	setup(state);
	a.rx_any = 0;
	wb_timers_received(&timers, T0 + MS);
	assert_true(wb_timers_deadline(&timers, &a) == UINT64_MAX);
}

static void silence_is_acted_on_again_only_with_new_data(void **state)
{
	struct wb_activity a = {.tx_data = T0, .tx_any = T0, .tx_unanswered_since = T0};
	uint64_t now = T0 + 15 * WB_SECOND;

	(void)state;
	for (run(&a, now); timers.handshaking; now += 6 * WB_SECOND)
		run(&a, now);
	timers.erase_at = 0;
	assert_true(wb_timers_deadline(&timers, &a) == UINT64_MAX);
	a.tx_data = now;
	assert_true(wb_timers_deadline(&timers, &a) < now);
	assert_true(run(&a, now) & WB_TIMER_SEND_INITIATION);
}

static void passive_keepalive_after_ten_seconds(void **state)
{
	struct wb_activity a = {
		.rx_data = T0, .rx_any = T0, .rx_unanswered_since = T0, .tx_any = T0 - 1};

	(void)state;
	assert_true(wb_timers_deadline(&timers, &a) == T0 + 10 * WB_SECOND);
	assert_int_equal(run(&a, T0 + 10 * WB_SECOND - 1), 0);
	assert_int_equal(run(&a, T0 + 10 * WB_SECOND), WB_TIMER_SEND_KEEPALIVE);
	/* Once, even if the worker has not sent it yet. */
	assert_int_equal(run(&a, T0 + 11 * WB_SECOND), 0);
	/* It was not sent at all: again, if more data has come in. */
	assert_int_equal(run(&a, T0 + 20 * WB_SECOND), 0);
	a.rx_data = a.rx_any = T0 + 12 * WB_SECOND;
	assert_true(wb_timers_deadline(&timers, &a) == T0 + 20 * WB_SECOND);
	assert_int_equal(run(&a, T0 + 20 * WB_SECOND), WB_TIMER_SEND_KEEPALIVE);
	assert_int_equal(run(&a, T0 + 40 * WB_SECOND), 0);
	/* Data that was sent in time makes it needless. */
	setup(state);
	a.tx_any = T0 + 1;
	assert_true(wb_timers_deadline(&timers, &a) == UINT64_MAX);
}

static void persistent_keepalive(void **state)
{
	struct wb_activity a = {0};

	(void)state;
	wb_timers_init(&timers, 25);
	/* At once, so that the peer learns where we are; then each interval without traffic. */
	assert_int_equal(run(&a, T0), WB_TIMER_SEND_KEEPALIVE);
	assert_true(wb_timers_deadline(&timers, &a) == T0 + 25 * WB_SECOND);
	a.rx_any = T0 + 20 * WB_SECOND;
	assert_true(wb_timers_deadline(&timers, &a) == T0 + 45 * WB_SECOND);
	assert_int_equal(run(&a, T0 + 45 * WB_SECOND), WB_TIMER_SEND_KEEPALIVE);
	assert_true(wb_timers_deadline(&timers, &a) == T0 + 70 * WB_SECOND);
}

static void rekey_rules(void **state)
{
	(void)state;
	assert_false(wb_session_wants_rekey_on_send(120 * WB_SECOND - 1, 7, true));
	assert_true(wb_session_wants_rekey_on_send(120 * WB_SECOND, 7, true));
	assert_false(wb_session_wants_rekey_on_send(170 * WB_SECOND, 7, false));
	assert_true(wb_session_wants_rekey_on_send(0, WB_REKEY_AFTER_MESSAGES + 1, false));
	assert_false(wb_session_wants_rekey_on_receive(165 * WB_SECOND - 1, true));
	assert_true(wb_session_wants_rekey_on_receive(165 * WB_SECOND, true));
	assert_false(wb_session_wants_rekey_on_receive(179 * WB_SECOND, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(idle_peer_has_no_deadline, setup),
		cmocka_unit_test_setup(wanted_handshake_is_retried_then_given_up, setup),
		cmocka_unit_test_setup(never_two_initiations_within_rekey_timeout, setup),
		cmocka_unit_test_setup(another_key_waits_for_nothing, setup),
		cmocka_unit_test_setup(answer_ends_the_retries, setup),
		cmocka_unit_test_setup(silence_after_data_asks_for_a_handshake, setup),
		cmocka_unit_test_setup(silence_is_acted_on_again_only_with_new_data, setup),
		cmocka_unit_test_setup(passive_keepalive_after_ten_seconds, setup),
		cmocka_unit_test_setup(persistent_keepalive, setup),
		cmocka_unit_test_setup(rekey_rules, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
