/* SPDX-License-Identifier: BSD-3-Clause */
/* Which members belong together, and which of such aggregators carries the traffic. */
#include "lacp/testing.h"

/* Members 0 and 1 lead to one switch, 2 to 4 to another. */
static void two_switches(enum wb_lacp_select select, unsigned min_links)
{
	struct wb_lacp_config config = config_of(0);

	config.select = select;
	config.min_links = min_links;
	bond_begin(0, 5, config);
	bond_begin(1, 2, config_of(1));
	bond_begin(2, 3, config_of(2));
	cable(&bonds[0], 0, &bonds[1], 0);
	cable(&bonds[0], 1, &bonds[1], 1);
	for (unsigned i = 0; i < 3; i++)
		cable(&bonds[0], 2 + i, &bonds[2], i);
	for (unsigned i = 0; i < 5; i++)
		link_set(i, true);
	run_for(5 * SECOND);
}

static void test_two_switches(void **state)
{
	(void)state;
	two_switches(WB_LACP_COUNT, 0);
	assert_int_equal(bonds[0].active, 2);
	assert_int_equal(distributing(&bonds[0]), 3);
	assert_int_equal(distributing(&bonds[1]), 0);
	assert_int_equal(distributing(&bonds[2]), 3);
	assert_int_equal(bonds[0].members[0].standing, WB_LACP_OTHER_SYSTEM);
	assert_int_equal(bonds[0].members[0].aggregator, 0);
	assert_int_equal(bonds[0].members[4].aggregator, 2);
	/* One left there against two here; then equal: no reason to go back. */
	link_set(3, false);
	link_set(4, false);
	run_for(2 * SECOND);
	assert_int_equal(bonds[0].active, 0);
	assert_int_equal(distributing(&bonds[0]), 2);
	link_set(3, true);
	run_for(2 * SECOND);
	assert_int_equal(bonds[0].active, 0);
	link_set(4, true);
	run_for(2 * SECOND);
	assert_int_equal(bonds[0].active, 2);
}

/* Equal to another: the one in use goes on, though it is not the first. */
static void test_equal_aggregators(void **state)
{
	(void)state;
	two_switches(WB_LACP_COUNT, 0);
	assert_int_equal(bonds[0].active, 2);
	link_set(4, false);
	run_for(2 * SECOND);
	assert_int_equal(bonds[0].active, 2);
	assert_int_equal(distributing(&bonds[0]), 2);
}

static void test_stable_selection(void **state)
{
	(void)state;
	two_switches(WB_LACP_STABLE, 0);
	link_set(2, false);
	link_set(3, false);
	link_set(4, false);
	run_for(2 * SECOND);
	assert_int_equal(bonds[0].active, 0);
	assert_int_equal(distributing(&bonds[0]), 2);
	/* The better one is back, and is let wait. */
	link_set(2, true);
	link_set(3, true);
	link_set(4, true);
	run_for(2 * SECOND);
	assert_int_equal(bonds[0].active, 0);
	/* Its first member's going does not make it another aggregator. */
	link_set(0, false);
	run_for(2 * SECOND);
	assert_int_equal(bonds[0].active, 1);
	assert_int_equal(distributing(&bonds[0]), 1);
	link_set(1, false);
	run_for(2 * SECOND);
	assert_int_equal(bonds[0].active, 2);
	assert_int_equal(distributing(&bonds[0]), 3);
}

static void test_bandwidth_selection(void **state)
{
	(void)state;
	two_switches(WB_LACP_BANDWIDTH, 0);
	assert_int_equal(bonds[0].active, 2);
	/* Two of 10G are more than three of 1G. */
	for (unsigned i = 0; i < 2; i++) {
		wb_lacp_link(&bonds[0], i, true, 10000, now);
		wb_lacp_link(&bonds[1], i, true, 10000, now);
	}
	run_for(2 * SECOND);
	assert_int_equal(bonds[0].active, 0);
	assert_int_equal(distributing(&bonds[0]), 2);
	assert_int_equal(bonds[0].members[2].standing, WB_LACP_OTHER_SYSTEM);
}

static void test_min_links(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct wb_lacp_config config = config_of(i);

		/* One side's wish is enough: it goes out of sync. */
		config.min_links = i == 0 ? 2 : 0;
		bond_begin(i, 3, config);
	}
	for (unsigned i = 0; i < 3; i++) {
		cable(&bonds[0], i, &bonds[1], i);
		link_set(i, true);
	}
	run_for(3 * SECOND);
	assert_int_equal(distributing(&bonds[0]), 3);
	link_set(0, false);
	run_for(SECOND);
	assert_int_equal(distributing(&bonds[0]), 2);
	link_set(1, false);
	run_for(SECOND);
	assert_int_equal(distributing(&bonds[0]), 0);
	assert_int_equal(distributing(&bonds[1]), 0);
	assert_int_equal(bonds[0].members[2].standing, WB_LACP_TOO_FEW);
	link_set(1, true);
	run_for(2 * SECOND);
	assert_int_equal(distributing(&bonds[0]), 2);
	assert_int_equal(distributing(&bonds[1]), 2);
}

static void test_min_links_prefers_enough(void **state)
{
	(void)state;
	two_switches(WB_LACP_STABLE, 3);
	assert_int_equal(bonds[0].active, 2);
	assert_int_equal(distributing(&bonds[0]), 3);
	link_set(2, false);
	run_for(SECOND);
	assert_int_equal(distributing(&bonds[0]), 0);
}

static void test_wrong_key(void **state)
{
	(void)state;
	pair(3);
	run_for(3 * SECOND);
	/* One partner port is in another channel of the same switch. */
	bonds[1].members[2].actor.key ^= 0x40;
	bonds[1].members[2].need_to_transmit = true;
	run_for(2 * SECOND);
	assert_int_equal(distributing(&bonds[0]), 2);
	assert_int_equal(bonds[0].members[2].standing, WB_LACP_OTHER_KEY);
	assert_int_equal(bonds[0].members[2].aggregator, 2);
	bonds[1].members[2].actor.key ^= 0x40;
	bonds[1].members[2].need_to_transmit = true;
	run_for(3 * SECOND);
	assert_int_equal(distributing(&bonds[0]), 3);
}

static void test_unlike_speed(void **state)
{
	(void)state;
	pair(3);
	run_for(3 * SECOND);
	wb_lacp_link(&bonds[0], 0, true, 100, now);
	run_for(2 * SECOND);
	assert_int_equal(distributing(&bonds[0]), 2);
	assert_int_equal(bonds[0].members[0].standing, WB_LACP_OTHER_KEY);
	assert_true(wb_lacp_key(0, 100) != wb_lacp_key(0, 1000));
	assert_true(wb_lacp_key(0, 800000) != wb_lacp_key(0, 400000));
	assert_int_equal(wb_lacp_key(1023, 0) >> 6, 1023);
}

static void test_individual_partner(void **state)
{
	(void)state;
	pair(2);
	for (unsigned i = 0; i < 2; i++)
		bonds[1].members[i].actor.state &= (uint8_t)~WB_LACP_AGGREGATION;
	run_for(3 * SECOND);
	/* One may do, the other stands by. */
	assert_int_equal(distributing(&bonds[0]), 1);
	assert_int_equal(bonds[0].members[1].standing, WB_LACP_ALONE);
}

static void test_loopback(void **state)
{
	(void)state;
	bond_begin(0, 4, config_of(0));
	bond_begin(1, 1, config_of(1));
	/* A plug that returns what is sent, a cable between two of our ports, and a good one. */
	cable(&bonds[0], 0, &bonds[0], 0);
	cable(&bonds[0], 1, &bonds[0], 2);
	cable(&bonds[0], 3, &bonds[1], 0);
	for (unsigned i = 0; i < 3; i++)
		link_set(i, true);
	run_for(5 * SECOND);
	assert_int_equal(distributing(&bonds[0]), 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(bonds[0].members[i].standing, WB_LACP_LOOPBACK);
	assert_int_equal(bonds[0].members[3].standing, WB_LACP_IN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_two_switches, begin),
		cmocka_unit_test_setup(test_equal_aggregators, begin),
		cmocka_unit_test_setup(test_stable_selection, begin),
		cmocka_unit_test_setup(test_bandwidth_selection, begin),
		cmocka_unit_test_setup(test_min_links, begin),
		cmocka_unit_test_setup(test_min_links_prefers_enough, begin),
		cmocka_unit_test_setup(test_wrong_key, begin),
		cmocka_unit_test_setup(test_unlike_speed, begin),
		cmocka_unit_test_setup(test_individual_partner, begin),
		cmocka_unit_test_setup(test_loopback, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
