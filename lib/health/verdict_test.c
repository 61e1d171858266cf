/* SPDX-License-Identifier: BSD-3-Clause */
/* When the verdict "down" falls, and that it does not fall on a path that lives: simulated. */
#include "health/testing.h"

static struct sim sim;

/* What a time to the verdict is, over many phases of the probes. */
struct times {
	uint64_t min, max, sum;
};

/* Kills a path at `phases` moments, each with a path of its own. */
static struct times time_deaths(
	uint64_t rtt_ms, unsigned phases, bool traffic, bool one_way, uint32_t loss)
{
	struct times times = {.min = FOREVER};

	for (unsigned i = 0; i < phases; i++) {
		uint64_t died, took;

		sim_init(&sim, rtt_ms, i + 1);
		sim.traffic = traffic;
		sim.loss_out = sim.loss_back = loss;
		sim_start(&sim);
		sim_for(&sim, 5 * SECOND + i * 113 * MS / phases);
		assert_int_not_equal(sim.path.state, WB_PATH_DOWN);
		sim_cut(&sim);
		if (one_way)
			sim.cut_back = FOREVER;
		died = sim.now;
		sim_for(&sim, SECOND);
		assert_int_equal(sim.downs, 1);
		took = sim.down_at - died;
		times.sum += took;
		times.min = took < times.min ? took : times.min;
		times.max = took > times.max ? took : times.max;
	}
	print_message("RTT %2u ms%s%s%s: down after %u to %u ms, %u on average\n", (unsigned)rtt_ms,
		traffic ? ", traffic" : "", one_way ? ", one way only" : "",
		loss != 0 ? ", loss 9.8 % each way" : "", (unsigned)(times.min / MS),
		(unsigned)(times.max / MS), (unsigned)(times.sum / phases / MS));
	return times;
}

static void dead_path_is_known_before_tcp_s_timeout(void **state)
{
	(void)state;
	assert_true(time_deaths(1, 1000, false, false, 0).max < 200 * MS);
	assert_true(time_deaths(10, 1000, false, false, 0).max < 200 * MS);
	assert_true(time_deaths(10, 1000, true, false, 0).max < 200 * MS);
}

static void dead_path_is_known_within_three_intervals(void **state)
{
	(void)state;
	assert_true(time_deaths(30, 1000, false, false, 0).max < 300 * MS);
	assert_true(time_deaths(30, 1000, true, false, 0).max < 300 * MS);
	assert_true(time_deaths(10, 300, true, false, 98).max < 300 * MS);
	/* What is under way must be waited for. */
	assert_true(time_deaths(80, 1000, false, false, 0).max < 350 * MS);
}

static void one_way_failure_is_known_too(void **state)
{
	static const uint64_t rtts[] = {1, 10, 30};

	(void)state;
	for (unsigned i = 0; i < sizeof(rtts) / sizeof(rtts[0]); i++) {
		struct times times = time_deaths(rtts[i], 1000, true, true, 0);

		/* More patience than with a path that is silent. */
		assert_true(times.min > 130 * MS);
		assert_true(times.max < 300 * MS);
	}
	assert_int_equal(wb_path_events_get(&sim.path.events, 0)->reason, WB_REASON_ONE_WAY);
}

static void verdict_scales_with_the_interval(void **state)
{
	static const uint32_t intervals[] = {20, 50, 200, 1000, 2000};

	(void)state;
	for (unsigned i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
		uint64_t died;

		sim_init(&sim, 2, i + 1);
		sim.config.interval_ms = intervals[i];
		sim_start(&sim);
		sim_for(&sim, 30 * SECOND);
		sim_cut(&sim);
		died = sim.now;
		sim_for(&sim, 10 * SECOND);
		assert_int_equal(sim.downs, 1);
		print_message("interval %u ms: down after %u ms\n", intervals[i],
			(unsigned)((sim.down_at - died) / MS));
		assert_true(sim.down_at - died < 2 * intervals[i] * MS + 60 * MS);
	}
}

static void lossy_hours(uint64_t rtt_ms, uint32_t loss, unsigned hours)
{
	unsigned downs = 0;

	for (unsigned i = 0; i < hours; i++) {
		sim_init(&sim, rtt_ms, 1000 * loss + i + 1);
		sim.loss_out = sim.loss_back = loss;
		sim_start(&sim);
		sim_for(&sim, HOUR);
		downs += sim.downs;
	}
	print_message("RTT %u ms, loss %u per mille each way, %u hours: down %u times, %u misses "
		      "needed, %llu probes in the last hour, %llu of them extra\n",
		(unsigned)rtt_ms, loss, hours, downs, sim.path.prober.verdict.needed,
		(unsigned long long)sim.path.prober.totals.sent,
		(unsigned long long)sim.path.prober.totals.extra);
	assert_int_equal(downs, 0);
}

static void loss_gives_no_verdict(void **state)
{
	(void)state;
	lossy_hours(1, 11, 3);
	lossy_hours(10, 98, 6);
	lossy_hours(80, 98, 3);
	lossy_hours(30, 290, 2);
}

/* Loss that begins from one moment to the next, before anything is known of it. */
static void sudden_loss_gives_no_verdict(void **state)
{
	unsigned downs = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		sim_init(&sim, 10, i + 1);
		sim_start(&sim);
		sim_for(&sim, 20 * SECOND);
		sim.loss_out = sim.loss_back = 98;
		sim_for(&sim, 20 * SECOND);
		downs += sim.downs;
	}
	print_message("sudden loss of 9.8 %% each way, 200 times: down %u times\n", downs);
	assert_true(downs <= 1);
}

static void rtt_may_step_and_jitter(void **state)
{
	static const struct {
		uint64_t rtt, jitter; /* ms */
	} weather[] = {{5, 0}, {60, 0}, {5, 0}, {20, 40}, {70, 30}, {5, 60}, {120, 10}, {5, 0}};

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		sim_init(&sim, 5, i + 1);
		sim_start(&sim);
		for (unsigned j = 0; j < sizeof(weather) / sizeof(weather[0]); j++) {
			sim.delay = weather[j].rtt * MS;
			sim.jitter = weather[j].jitter * MS;
			sim_for(&sim, 10 * SECOND);
		}
		assert_int_equal(sim.downs, 0);
		assert_int_equal(sim.path.state, WB_PATH_UP);
	}
}

/* A queue fills: the RTT climbs to a second within two. */
static void rtt_may_climb(void **state)
{
	(void)state;
	sim_init(&sim, 10, 1);
	sim_start(&sim);
	sim_for(&sim, 10 * SECOND);
	for (unsigned i = 0; i < 100; i++) {
		sim.delay += 10 * MS;
		sim_for(&sim, 20 * MS);
	}
	sim_for(&sim, 10 * SECOND);
	assert_int_equal(sim.downs, 0);
}

/* A peer that stands still for a while sends what it has when it goes on. */
static void peer_may_stand_still(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		uint64_t resumes;

		sim_init(&sim, 2, i + 1);
		sim_start(&sim);
		sim_for(&sim, 5 * SECOND + i * MS);
		resumes = sim.now + 75 * MS;
		while (sim.now < resumes) {
			sim.delay = resumes - sim.now;
			sim_for(&sim, MS);
		}
		sim.delay = 2 * MS;
		sim_for(&sim, 5 * SECOND);
		assert_int_equal(sim.downs, 0);
	}
}

static void caller_may_sleep(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		sim_init(&sim, 10, i + 1);
		sim_start(&sim);
		sim_for(&sim, 5 * SECOND + i * MS);
		sim.asleep_until = sim.now + 300 * MS;
		sim_for(&sim, 5 * SECOND);
		assert_int_equal(sim.downs, 0);
		assert_int_equal(sim.path.prober.totals.late, 0);
	}
}

/* It is told of the replies that came while it slept only after it was told the time. */
static void caller_may_wake_before_its_reports(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		sim_init(&sim, 150, i + 1);
		sim.config.interval_ms = 20;
		sim_start(&sim);
		sim_for(&sim, 5 * SECOND + i * MS);
		/* More are under way than are needed for a verdict. */
		assert_true(sim.n_replies > 5);
		sim.asleep_until = sim.now + 300 * MS;
		for (unsigned j = 0; j < sim.n_replies; j++)
			sim.replies[j].reported = sim.asleep_until + 8 * MS;
		sim_for(&sim, 5 * SECOND);
		assert_int_equal(sim.downs, 0);
	}
}

/* Asleep again and again, it still finds a path dead. */
static void sleepy_caller_sees_death(void **state)
{
	uint64_t died;

	(void)state;
	sim_init(&sim, 10, 1);
	sim.lateness = 60 * MS;
	sim_start(&sim);
	sim_for(&sim, 5 * SECOND);
	sim_cut(&sim);
	died = sim.now;
	sim_for(&sim, 5 * SECOND);
	assert_int_equal(sim.downs, 1);
	assert_true(sim.down_at - died < SECOND);
}

static void an_hour_is_quiet(void **state)
{
	(void)state;
	sim_init(&sim, 20, 1);
	/* More than 65536 probes. */
	sim.config.interval_ms = 50;
	sim.copies = 2;
	sim_start(&sim);
	sim_for(&sim, HOUR);
	assert_true(sim.sent > 70000);
	assert_int_equal(sim.downs, 0);
	/* Unknown to up, and nothing else. */
	assert_int_equal(sim.changes, 1);
	assert_int_equal(sim.path.prober.totals.extra, 0);
	assert_int_equal(sim.path.prober.totals.stray, 0);
	assert_int_equal(sim.path.prober.totals.lost, 0);
	assert_true(sim.path.prober.totals.duplicate + 3 >= sim.path.prober.totals.answered);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dead_path_is_known_before_tcp_s_timeout),
		cmocka_unit_test(dead_path_is_known_within_three_intervals),
		cmocka_unit_test(one_way_failure_is_known_too),
		cmocka_unit_test(verdict_scales_with_the_interval),
		cmocka_unit_test(loss_gives_no_verdict),
		cmocka_unit_test(sudden_loss_gives_no_verdict),
		cmocka_unit_test(rtt_may_step_and_jitter),
		cmocka_unit_test(rtt_may_climb),
		cmocka_unit_test(peer_may_stand_still),
		cmocka_unit_test(caller_may_sleep),
		cmocka_unit_test(caller_may_wake_before_its_reports),
		cmocka_unit_test(sleepy_caller_sees_death),
		cmocka_unit_test(an_hour_is_quiet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
