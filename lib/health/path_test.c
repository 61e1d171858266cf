/* SPDX-License-Identifier: BSD-3-Clause */
/* States, shares and what leads from one to the other: simulated. */
#include "health/testing.h"

static struct sim sim;

static int setup(void **state)
{
	(void)state;
	sim_init(&sim, 10, 1);
	return 0;
}

static const struct wb_path_event *event(unsigned back)
{
	const struct wb_path_event *last = wb_path_events_get(&sim.path.events, back);

	assert_non_null(last);
	return last;
}

/* Until it is up again; returns how long that took. */
static uint64_t wait_up(uint64_t longest)
{
	uint64_t began = sim.now;

	while (sim.path.state == WB_PATH_DOWN && sim.now < began + longest)
		sim_for(&sim, 10 * MS);
	assert_int_not_equal(sim.path.state, WB_PATH_DOWN);
	return sim.now - began;
}

static void unknown_until_the_first_answer(void **state)
{
	(void)state;
	sim.no_key = true;
	sim_start(&sim);
	assert_int_equal(sim.path.state, WB_PATH_UNKNOWN);
	sim_for(&sim, 5 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_UNKNOWN);
	assert_int_equal(sim.path.share, WB_PATH_SHARE_FULL);
	sim.no_key = false;
	sim_for(&sim, 200 * MS);
	assert_int_equal(sim.path.state, WB_PATH_UP);
	assert_int_equal(event(0)->reason, WB_REASON_ANSWERED);
	assert_in_range(event(0)->a, 10000, 10600);
	/* It was never down: no slow start. */
	assert_int_equal(sim.path.share, WB_PATH_SHARE_FULL);
}

/* Handshakes pass and data does not, from the beginning. */
static void never_answered(void **state)
{
	(void)state;
	sim_start(&sim);
	sim.facts.handshake = sim.now;
	sim_cut(&sim);
	do {
		assert_int_equal(sim.path.state, WB_PATH_UNKNOWN);
		assert_int_equal(sim.path.share, WB_PATH_SHARE_FULL);
		sim_for(&sim, 2 * MS);
	} while (sim.downs == 0);
	assert_in_range((sim.down_at - SIM_T0) / MS, 1000, 2000);
	assert_int_equal(sim.path.state, WB_PATH_DOWN);
	assert_int_equal(sim.path.share, 0);
	assert_int_equal(event(0)->reason, WB_REASON_NEVER_ANSWERED);
}

static void down_and_up_again_slowly(void **state)
{
	uint64_t up_at, took;

	(void)state;
	sim_start(&sim);
	sim_for(&sim, 10 * SECOND);
	sim_cut(&sim);
	sim_for(&sim, 30 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_DOWN);
	assert_int_equal(sim.path.share, 0);
	assert_int_equal(sim.downs, 1);
	assert_int_equal(event(0)->reason, WB_REASON_MISSED);
	assert_int_equal(event(0)->from, WB_PATH_UP);
	assert_true(event(0)->at == sim.down_at && sim.path.since == sim.down_at);
	sim_mend(&sim);
	took = wait_up(10 * SECOND);
	/* Ten answers. */
	assert_true(took > 850 * MS && took < 1200 * MS);
	assert_int_equal(sim.path.state, WB_PATH_UP);
	assert_int_equal(event(0)->reason, WB_REASON_RECOVERED);
	assert_int_equal(event(0)->a, 10);
	up_at = sim.path.since;
	for (unsigned quarter = 1; quarter <= 3; quarter++) {
		sim_until(&sim, up_at + (quarter - 1) * 4 * SECOND / 3 + 20 * MS);
		assert_int_equal(sim.path.share, quarter * 64);
		sim_until(&sim, up_at + quarter * 4 * SECOND / 3 - 1);
		assert_int_equal(sim.path.share, quarter * 64);
	}
	sim_until(&sim, up_at + 4 * SECOND + 20 * MS);
	assert_int_equal(sim.path.share, WB_PATH_SHARE_FULL);
	/* What was lost while it was down does not degrade it. */
	sim_for(&sim, 2 * MINUTE);
	assert_int_equal(sim.path.state, WB_PATH_UP);
	assert_int_equal(sim.path.events.total, 3);
}

static void slow_start_may_be_off(void **state)
{
	(void)state;
	sim.config.slow_start_ms = 0;
	sim_start(&sim);
	sim_for(&sim, 10 * SECOND);
	sim_cut(&sim);
	sim_for(&sim, SECOND);
	sim_mend(&sim);
	wait_up(10 * SECOND);
	assert_int_equal(sim.path.share, WB_PATH_SHARE_FULL);
}

static void flapping_path_must_prove_itself(void **state)
{
	static const unsigned answers[] = {10, 20, 40, 80, 160, 320, 600, 600};

	(void)state;
	sim_start(&sim);
	sim_for(&sim, 10 * SECOND);
	for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		sim_cut(&sim);
		sim_for(&sim, 2 * SECOND);
		assert_int_equal(sim.downs, i + 1);
		assert_int_equal(sim.path.needed, answers[i]);
		sim_mend(&sim);
		assert_true(wait_up(70 * SECOND) > answers[i] * 95 * MS);
		sim_for(&sim, 5 * SECOND);
	}
	for (unsigned i = 0; i < 70; i++) {
		sim_cut(&sim);
		sim_for(&sim, 2 * SECOND);
		assert_int_equal(sim.path.needed, 600);
		sim_mend(&sim);
		wait_up(70 * SECOND);
	}
	/* Each minute up takes half of it back. */
	sim_for(&sim, 3 * MINUTE);
	sim_cut(&sim);
	sim_for(&sim, 2 * SECOND);
	assert_int_equal(sim.path.needed, 80);
	sim_mend(&sim);
	wait_up(70 * SECOND);
	sim_for(&sim, 20 * MINUTE);
	sim_cut(&sim);
	sim_for(&sim, 2 * SECOND);
	assert_int_equal(sim.path.needed, 10);
}

/* A path that loses 9.8 % each way comes back, even after it flapped. */
static void lossy_path_comes_back(void **state)
{
	uint64_t took;

	(void)state;
	sim.loss_out = sim.loss_back = 98;
	sim_start(&sim);
	sim_for(&sim, 30 * SECOND);
	sim_cut(&sim);
	sim_for(&sim, 2 * SECOND);
	sim.loss_out = sim.loss_back = 98;
	sim_mend(&sim);
	took = wait_up(30 * SECOND);
	print_message("9.8 %% each way: up after %u ms\n", (unsigned)(took / MS));
	for (unsigned i = 0; i < 7; i++) {
		sim_cut(&sim);
		sim_for(&sim, 2 * SECOND);
		sim_mend(&sim);
		took = wait_up(10 * MINUTE);
	}
	assert_int_equal(event(0)->a, 600);
	print_message("the same after seven flaps: %u s\n", (unsigned)(took / SECOND));
	/* One that loses half of all does not. */
	sim_for(&sim, 10 * MINUTE);
	sim_cut(&sim);
	sim_for(&sim, 2 * SECOND);
	sim_mend(&sim);
	sim.loss_out = 500;
	sim_for(&sim, 20 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_DOWN);
}

static void loss_degrades(void **state)
{
	uint64_t bad_at;

	(void)state;
	sim_start(&sim);
	sim_for(&sim, 2 * MINUTE);
	assert_int_equal(sim.path.state, WB_PATH_UP);
	sim.loss_out = sim.loss_back = 98;
	bad_at = sim.now;
	sim_for(&sim, 10 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_DEGRADED);
	assert_int_equal(event(0)->reason, WB_REASON_LOSS);
	assert_true(event(0)->at - bad_at < 5 * SECOND);
	sim_for(&sim, 10 * MINUTE);
	assert_int_equal(sim.path.state, WB_PATH_DEGRADED);
	assert_int_equal(sim.path.events.total, 2);
	/* 18.6 % of the round trips: 256 * (1 - 5 * 0.186) = 18, which is below the least. */
	assert_true(sim.path.share >= WB_PATH_SHARE_MIN && sim.path.share <= 64);
	/* It stays so for a while after the loss is gone, and not for ever. */
	sim.loss_out = sim.loss_back = 0;
	sim_for(&sim, 20 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_DEGRADED);
	sim_for(&sim, 60 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_UP);
	assert_int_equal(event(0)->reason, WB_REASON_CALM);
	assert_int_equal(sim.path.share, WB_PATH_SHARE_FULL);
}

/* 1.1 % each way are 2.2 % of the round trips: just above the limit. */
static void little_loss_degrades_a_little(void **state)
{
	(void)state;
	sim.loss_out = sim.loss_back = 11;
	sim_start(&sim);
	sim_for(&sim, 20 * MINUTE);
	assert_int_equal(sim.path.state, WB_PATH_DEGRADED);
	assert_int_equal(sim.downs, 0);
	print_message("1.1 %% each way: share %u, %u changes in 20 minutes\n", sim.path.share,
		sim.changes);
	assert_in_range(sim.path.share, 160, 240);
	/* Neither its state nor its share moves all the time. */
	assert_true(sim.path.events.total <= 4);
	assert_true(sim.changes <= 40);
}

static void loss_below_the_limit_does_not(void **state)
{
	(void)state;
	sim.config.degraded_loss = 50;
	sim.loss_out = sim.loss_back = 11;
	sim_start(&sim);
	sim_for(&sim, HOUR);
	assert_int_equal(sim.path.events.total, 1);
	/* Nor does any, if it is switched off. */
	setup(state);
	sim.config.degraded_loss = 0;
	sim.loss_out = sim.loss_back = 98;
	sim_start(&sim);
	sim_for(&sim, 10 * MINUTE);
	assert_int_equal(sim.path.events.total, 1);
	assert_int_equal(sim.path.share, WB_PATH_SHARE_FULL);
}

/* 60 ms of an outage cost hurried probes too; they are not the measure. */
static void one_short_outage_does_not(void **state)
{
	(void)state;
	sim_start(&sim);
	sim_for(&sim, 2 * MINUTE);
	for (unsigned i = 0; i < 20; i++) {
		sim_cut(&sim);
		sim_for(&sim, 60 * MS);
		sim_mend(&sim);
		sim_for(&sim, MINUTE);
	}
	assert_int_equal(sim.path.events.total, 1);
	assert_true(sim.path.prober.totals.extra > 20);
}

static void rtt_degrades(void **state)
{
	(void)state;
	sim.config.degraded_rtt_ms = 50;
	sim_start(&sim);
	sim_for(&sim, 30 * SECOND);
	sim.delay = 60 * MS;
	sim_for(&sim, 3 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_DEGRADED);
	assert_int_equal(event(0)->reason, WB_REASON_RTT);
	assert_in_range(event(0)->a, 50000, 61000);
	assert_int_equal(event(0)->b, 50000);
	assert_int_equal(sim.path.share, WB_PATH_SHARE_FULL / 2);
	/* Between 80 % and the limit it stays. */
	sim.delay = 45 * MS;
	sim_for(&sim, MINUTE);
	assert_int_equal(sim.path.state, WB_PATH_DEGRADED);
	sim.delay = 30 * MS;
	sim_for(&sim, 10 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_DEGRADED);
	sim_for(&sim, 2 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_UP);
	assert_int_equal(sim.path.share, WB_PATH_SHARE_FULL);
	/* Without a limit it may be anything. */
	setup(state);
	sim.delay = 700 * MS;
	sim_start(&sim);
	sim_for(&sim, MINUTE);
	assert_int_equal(sim.path.state, WB_PATH_UP);
}

static void degraded_path_goes_down(void **state)
{
	(void)state;
	sim.loss_out = sim.loss_back = 98;
	sim_start(&sim);
	sim_for(&sim, MINUTE);
	assert_int_equal(sim.path.state, WB_PATH_DEGRADED);
	sim_cut(&sim);
	sim_for(&sim, 300 * MS);
	assert_int_equal(sim.path.state, WB_PATH_DOWN);
	assert_int_equal(event(0)->from, WB_PATH_DEGRADED);
	assert_int_equal(sim.path.share, 0);
	sim.loss_out = sim.loss_back = 0;
	sim_mend(&sim);
	wait_up(10 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_UP);
	assert_int_equal(sim.path.share, 64);
}

/* Without a key no probe leaves: only the handshakes tell. */
static void unanswered_handshakes_are_death(void **state)
{
	(void)state;
	sim_start(&sim);
	sim.facts.handshake = sim.now;
	sim_for(&sim, 10 * SECOND);
	sim.no_key = true;
	sim.facts.handshake_wanted = sim.now;
	sim_for(&sim, 9900 * MS);
	assert_int_equal(sim.path.state, WB_PATH_UP);
	sim_for(&sim, 300 * MS);
	assert_int_equal(sim.path.state, WB_PATH_DOWN);
	assert_int_equal(event(0)->reason, WB_REASON_HANDSHAKE);
	assert_int_equal(event(0)->a, 10);
	sim.no_key = false;
	sim.facts.handshake_wanted = 0;
	wait_up(3 * SECOND);
}

/* A rekeying that takes long while the old key is still answered. */
static void slow_rekeying_is_not(void **state)
{
	(void)state;
	sim_start(&sim);
	sim.facts.handshake = sim.now;
	sim_for(&sim, 2 * MINUTE);
	sim.facts.handshake_wanted = sim.now;
	sim_for(&sim, 50 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_UP);
}

static void key_outlived(void **state)
{
	(void)state;
	sim_start(&sim);
	sim.facts.handshake = sim.now;
	sim_for(&sim, 200 * SECOND);
	/* Answered all the same. */
	assert_int_equal(sim.path.state, WB_PATH_UP);
	sim.no_key = true;
	sim_for(&sim, 500 * MS);
	assert_int_equal(sim.path.state, WB_PATH_UP);
	sim_for(&sim, SECOND);
	assert_int_equal(sim.path.state, WB_PATH_DOWN);
	assert_int_equal(event(0)->reason, WB_REASON_KEY_AGE);
	assert_in_range(event(0)->a, 200, 202);
}

static void without_probes_facts_decide(void **state)
{
	(void)state;
	sim.config.probes = false;
	sim_start(&sim);
	sim_for(&sim, MINUTE);
	assert_int_equal(sim.sent, 0);
	assert_int_equal(sim.path.state, WB_PATH_UNKNOWN);
	sim.facts.handshake = sim.now;
	sim_for(&sim, 2 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_UP);
	assert_int_equal(event(0)->reason, WB_REASON_HEARD);

	/* A path nobody uses ages in peace. */
	sim_for(&sim, 10 * MINUTE);
	assert_int_equal(sim.path.state, WB_PATH_UP);

	sim.facts.unanswered_since = sim.now;
	sim_for(&sim, 14 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_UP);
	sim_for(&sim, 3 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_DEGRADED);
	assert_int_equal(event(0)->reason, WB_REASON_SILENCE);
	assert_int_equal(sim.path.share, WB_PATH_SHARE_MIN);
	sim.facts.handshake_wanted = sim.now;
	sim_for(&sim, 12 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_DOWN);
	assert_int_equal(sim.path.share, 0);
	/* It takes the peer to bring it back. */
	sim.facts.handshake_wanted = sim.facts.unanswered_since = 0;
	sim_for(&sim, 2 * MINUTE);
	assert_int_equal(sim.path.state, WB_PATH_DOWN);
	sim.facts.heard = sim.now;
	sim_for(&sim, 1500 * MS);
	assert_int_equal(sim.path.state, WB_PATH_UP);
	assert_true(sim.path.share < WB_PATH_SHARE_FULL);
	sim.facts.handshake_wanted = sim.now;
	sim_for(&sim, 12 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_DOWN);
	sim.facts.handshake_wanted = 0;
	sim.facts.handshake = sim.now;
	sim_for(&sim, 1500 * MS);
	assert_int_equal(sim.path.state, WB_PATH_UP);

	/* A rekeying that takes long while the old key still works. */
	sim.facts.handshake_wanted = sim.now;
	sim_for(&sim, 5 * SECOND);
	sim.facts.heard = sim.now;
	sim_for(&sim, 20 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_UP);
	sim.facts.handshake_wanted = 0;
	sim.facts.handshake = sim.now;

	/* Silence that ends is no matter. */
	sim.facts.unanswered_since = sim.now;
	sim_for(&sim, 20 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_DEGRADED);
	sim.facts.heard = sim.now;
	sim_for(&sim, 1500 * MS);
	assert_int_equal(sim.path.state, WB_PATH_UP);
	assert_int_equal(sim.path.share, WB_PATH_SHARE_FULL);
}

static void probes_may_be_switched_off_and_on(void **state)
{
	uint64_t sent;

	(void)state;
	sim_start(&sim);
	sim_for(&sim, 10 * SECOND);
	sim.config.probes = false;
	wb_path_configure(&sim.path, &sim.config, sim.now);
	sent = sim.sent;
	sim_for(&sim, 3 * HOUR);
	assert_true(sim.sent == sent);
	assert_int_equal(sim.path.state, WB_PATH_UP);
	sim.config.probes = true;
	wb_path_configure(&sim.path, &sim.config, sim.now);
	sim_for(&sim, 10 * SECOND);
	assert_int_equal(sim.path.state, WB_PATH_UP);
	assert_in_range(sim.sent - sent, 95, 106);
	assert_int_equal(sim.path.events.total, 1);
}

static void all_is_said_once(void **state)
{
	struct wb_health_window w;
	unsigned before;

	(void)state;
	sim_start(&sim);
	sim_for(&sim, 10 * SECOND);
	before = sim.changes;
	sim_cut(&sim);
	sim_for(&sim, 10 * SECOND);
	assert_int_equal(sim.changes, before + 1);
	wb_health_stats_window(&sim.path.stats, WB_SPAN_SECOND, sim.now, &w);
	assert_int_equal(w.loss, 1000);
	sim_mend(&sim);
	/* Up, and three more steps of the share. */
	sim_for(&sim, 10 * SECOND);
	assert_int_equal(sim.changes, before + 5);
	wb_health_stats_window(&sim.path.stats, WB_SPAN_SECOND, sim.now, &w);
	assert_int_equal(w.loss, 0);
	assert_true(w.rtt_p50 >= 9900000 && w.rtt_p50 <= 10600000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(unknown_until_the_first_answer, setup),
		cmocka_unit_test_setup(never_answered, setup),
		cmocka_unit_test_setup(down_and_up_again_slowly, setup),
		cmocka_unit_test_setup(slow_start_may_be_off, setup),
		cmocka_unit_test_setup(flapping_path_must_prove_itself, setup),
		cmocka_unit_test_setup(lossy_path_comes_back, setup),
		cmocka_unit_test_setup(loss_degrades, setup),
		cmocka_unit_test_setup(little_loss_degrades_a_little, setup),
		cmocka_unit_test_setup(loss_below_the_limit_does_not, setup),
		cmocka_unit_test_setup(one_short_outage_does_not, setup),
		cmocka_unit_test_setup(rtt_degrades, setup),
		cmocka_unit_test_setup(degraded_path_goes_down, setup),
		cmocka_unit_test_setup(unanswered_handshakes_are_death, setup),
		cmocka_unit_test_setup(slow_rekeying_is_not, setup),
		cmocka_unit_test_setup(key_outlived, setup),
		cmocka_unit_test_setup(without_probes_facts_decide, setup),
		cmocka_unit_test_setup(probes_may_be_switched_off_and_on, setup),
		cmocka_unit_test_setup(all_is_said_once, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
