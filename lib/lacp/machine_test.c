/* SPDX-License-Identifier: BSD-3-Clause */
/* The machines of members, and LACPDUs. */
#include "lacp/testing.h"

#include <errno.h>

static void test_comes_up(void **state)
{
	char text[WB_LACP_STATE_STRLEN];
	uint64_t before;
	int took;

	(void)state;
	pair(3);
	took = await(&bonds[0], 3, 3000);
	print_message("three members distribute after %d ms\n", took);
	/* Within the three LACPDUs of the first second. */
	assert_in_range(took, 1, 200);
	run_for(5 * SECOND);
	assert_int_equal(distributing(&bonds[1]), 3);
	assert_int_equal(wasted, 0);
	for (unsigned i = 0; i < 3; i++) {
		const struct wb_lacp_member *member = &bonds[0].members[i];

		assert_string_equal(wb_lacp_state_format(member->actor.state, text),
			"ACTIVE,SHORT,AGG,SYNC,COLL,DIST");
		assert_string_equal(wb_lacp_state_format(member->partner.state, text),
			"ACTIVE,SHORT,AGG,SYNC,COLL,DIST");
		assert_int_equal(member->partner.port, i + 1);
		assert_int_equal(member->partner.system[5], 2);
		assert_int_equal(member->standing, WB_LACP_IN);
		assert_int_equal(member->aggregator, 0);
	}
	before = bonds[0].members[1].pdus_sent;
	run_for(60 * SECOND);
	assert_in_range(bonds[0].members[1].pdus_sent - before, 59, 61);
}

static void test_no_more_than_three_a_second(void **state)
{
	uint64_t at[1000];
	unsigned n = 0;

	(void)state;
	pair(2);
	/* A partner that has always got a wrong idea of us. */
	for (uint64_t end = now + 5 * SECOND; now < end; now += MS) {
		struct wb_lacpdu pdu = {.actor = {.system = {4}, .state = WB_LACP_ACTIVE}};

		wb_lacp_receive(&bonds[0], 0, &pdu, now);
		wb_lacp_run(&bonds[0], now);
		if (wb_lacp_pending(&bonds[0], 0, now, &pdu)) {
			wb_lacp_sent(&bonds[0], 0, now);
			at[n++] = now;
		}
	}
	assert_in_range(n, 14, 16);
	for (unsigned i = 3; i < n; i++)
		assert_true(at[i] - at[i - 3] >= SECOND);
}

static void test_link_down_and_up(void **state)
{
	int took;

	(void)state;
	pair(3);
	run_for(5 * SECOND);
	link_set(1, false);
	run_for(MS);
	assert_int_equal(distributing(&bonds[0]), 2);
	assert_int_equal(distributing(&bonds[1]), 2);
	assert_int_equal(bonds[0].members[1].standing, WB_LACP_NO_LINK);
	run_for(10 * SECOND);
	assert_int_equal(distributing(&bonds[0]), 2);
	link_set(1, true);
	took = await(&bonds[0], 3, 3000);
	print_message("back %d ms after its link came\n", took);
	assert_in_range(took, 1, 1100);
	run_for(2 * SECOND);
	assert_int_equal(distributing(&bonds[1]), 3);
	assert_int_equal(wasted, 0);
	assert_true(now - bonds[0].members[1].changed < 4 * SECOND);
}

/* Short flaps, link by link: never a frame to someone who does not collect. */
static void test_flaps_waste_nothing(void **state)
{
	(void)state;
	pair(3);
	run_for(3 * SECOND);
	for (unsigned i = 0; i < 300; i++) {
		link_set(i % 3, false);
		run_for((1 + chance()) * MS);
		link_set(i % 3, true);
		run_for((1 + chance() * 10) * MS);
	}
	assert_int_equal(wasted, 0);
	assert_true(await(&bonds[0], 3, 3000) >= 0);
}

static void test_silent_partner(void **state)
{
	int took;

	(void)state;
	pair(3);
	for (unsigned phase = 0; phase < 20; phase++) {
		run_for(3 * SECOND + phase * 50 * MS);
		links[2].mute[1] = true;
		took = await(&bonds[0], 2, 10000);
		assert_in_range(took, 1900, 3050);
		/* The other side still hears us, and learns that we do not hear it. */
		assert_true(await(&bonds[1], 2, 50) >= 0);
		links[2].mute[1] = false;
		took = await(&bonds[0], 3, 10000);
		assert_in_range(took, 1, 2100);
	}
	run_for(5 * SECOND);
	links[2].mute[0] = links[2].mute[1] = true;
	run_for(8 * SECOND);
	assert_int_equal(bonds[0].members[2].standing, WB_LACP_NO_PARTNER);
	assert_true((bonds[0].members[2].actor.state & WB_LACP_DEFAULTED) != 0);
	links[2].mute[0] = links[2].mute[1] = false;
	assert_in_range(await(&bonds[0], 3, 10000), 1, 3000);
}

static void test_slow_rate(void **state)
{
	uint64_t before;
	int took;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct wb_lacp_config config = config_of(i);

		config.slow = true;
		bond_begin(i, 1, config);
	}
	cable(&bonds[0], 0, &bonds[1], 0);
	link_set(0, true);
	run_for(100 * SECOND);
	assert_int_equal(distributing(&bonds[0]), 1);
	before = bonds[0].members[0].pdus_sent;
	run_for(300 * SECOND);
	assert_in_range(bonds[0].members[0].pdus_sent - before, 9, 11);
	links[0].mute[1] = true;
	took = await(&bonds[0], 0, 100000);
	assert_in_range(took, 59000, 90100);
}

/* What Linux and most switches do: once in sync they collect and distribute, in one step. */
static void test_coupled_partner(void **state)
{
	struct wb_lacpdu ours,
		theirs = {.actor = {.system_priority = 1,
				  .system = {6},
				  .key = 7,
				  .port_priority = 128,
				  .port = 1,
				  .state = WB_LACP_ACTIVE | WB_LACP_AGGREGATION}};

	(void)state;
	bond_begin(0, 1, config_of(0));
	wb_lacp_link(&bonds[0], 0, true, 10000, now);
	wb_lacp_run(&bonds[0], now);
	assert_true(wb_lacp_pending(&bonds[0], 0, now, &ours));
	wb_lacp_sent(&bonds[0], 0, now);
	assert_true((ours.actor.state & WB_LACP_EXPIRED) != 0);
	theirs.partner = ours.actor;
	theirs.actor.state |= WB_LACP_SYNC;
	wb_lacp_receive(&bonds[0], 0, &theirs, now);
	for (unsigned ms = 0; ms < 60; ms++, now += MS)
		wb_lacp_run(&bonds[0], now);
	assert_true(wb_lacp_pending(&bonds[0], 0, now, &ours));
	wb_lacp_sent(&bonds[0], 0, now);
	/* It is in sync, and we are: we collect, and wait until it does. */
	assert_int_equal(bonds[0].members[0].mux, WB_LACP_MUX_COLLECTING);
	assert_true((ours.actor.state & WB_LACP_SYNC) != 0);
	theirs.partner = ours.actor;
	theirs.actor.state |= WB_LACP_COLLECTING | WB_LACP_DISTRIBUTING;
	wb_lacp_receive(&bonds[0], 0, &theirs, now);
	wb_lacp_run(&bonds[0], now);
	assert_int_equal(distributing(&bonds[0]), 1);
	/* Another idea of us than we have: out of sync. */
	theirs.partner.key ^= 1;
	wb_lacp_receive(&bonds[0], 0, &theirs, now);
	wb_lacp_run(&bonds[0], now);
	assert_int_equal(distributing(&bonds[0]), 0);
}

/* Another port of the same partner: the member leaves before it comes back. */
static void test_partner_port_changes(void **state)
{
	bool left = false;

	(void)state;
	pair(2);
	run_for(3 * SECOND);
	bonds[1].members[1].actor.port = 9;
	bonds[1].members[1].need_to_transmit = true;
	for (unsigned ms = 0; ms < 1500; ms++) {
		run_for(MS);
		left = left || (bonds[0].members[1].actor.state & WB_LACP_SYNC) == 0;
	}
	assert_true(left);
	run_for(2 * SECOND);
	assert_int_equal(distributing(&bonds[0]), 2);
	assert_int_equal(bonds[0].members[1].partner.port, 9);
}

/* A link that was gone and back before anybody looked begins anew all the same. */
static void test_flap_between_looks(void **state)
{
	(void)state;
	pair(1);
	run_for(3 * SECOND);
	assert_int_equal(distributing(&bonds[0]), 1);
	wb_lacp_link(&bonds[0], 0, false, 1000, now);
	wb_lacp_link(&bonds[0], 0, true, 1000, now);
	wb_lacp_run(&bonds[0], now);
	assert_int_equal(distributing(&bonds[0]), 0);
	assert_true((bonds[0].members[0].actor.state & WB_LACP_SYNC) == 0);
	assert_true((bonds[0].members[0].actor.state & WB_LACP_EXPIRED) != 0);
	run_for(3 * SECOND);
	assert_int_equal(distributing(&bonds[0]), 1);
}

/* A partner that asks for a LACPDU a second, and not each thirty, gets the first at once. */
static void test_partner_wants_them_sooner(void **state)
{
	struct wb_lacpdu theirs = {
		.actor = {.system = {6}, .port = 1, .state = WB_LACP_ACTIVE | WB_LACP_AGGREGATION}};
	struct wb_lacpdu ours;

	(void)state;
	bond_begin(0, 1, config_of(0));
	wb_lacp_link(&bonds[0], 0, true, 1000, now);
	for (unsigned ms = 0; ms < 10000; ms++, now += MS) {
		theirs.partner = bonds[0].members[0].actor;
		if (ms % 1000 == 0)
			wb_lacp_receive(&bonds[0], 0, &theirs, now);
		wb_lacp_run(&bonds[0], now);
		if (wb_lacp_pending(&bonds[0], 0, now, &ours))
			wb_lacp_sent(&bonds[0], 0, now);
	}
	/* Nothing is due for a while. */
	assert_true(now - bonds[0].members[0].sent[2] > 5 * SECOND);
	theirs.actor.state |= WB_LACP_SHORT;
	wb_lacp_receive(&bonds[0], 0, &theirs, now);
	wb_lacp_run(&bonds[0], now);
	assert_true(wb_lacp_pending(&bonds[0], 0, now, &ours));
}

static void test_leave(void **state)
{
	(void)state;
	pair(3);
	run_for(3 * SECOND);
	wb_lacp_leave(&bonds[0], now);
	assert_int_equal(distributing(&bonds[0]), 0);
	run_for(5 * MS);
	assert_int_equal(distributing(&bonds[1]), 0);
	assert_true(wasted <= 6);
	/* As another process with the same MAC it is back. */
	bond_begin(0, 3, config_of(0));
	for (unsigned i = 0; i < 3; i++)
		wb_lacp_link(&bonds[0], i, true, 1000, now);
	assert_in_range(await(&bonds[0], 3, 3000), 1, 1500);
}

/* The other gateway was killed and is started again: its first words end what was. */
static void test_partner_restarts(void **state)
{
	(void)state;
	pair(3);
	run_for(3 * SECOND);
	bond_begin(1, 3, config_of(1));
	for (unsigned i = 0; i < 3; i++)
		wb_lacp_link(&bonds[1], i, true, 1000, now);
	run_for(10 * MS);
	assert_int_equal(distributing(&bonds[0]), 0);
	assert_in_range(await(&bonds[0], 3, 3000), 1, 1500);
}

static void test_churn(void **state)
{
	(void)state;
	pair(1);
	run_for(3 * SECOND);
	assert_int_equal(bonds[0].members[0].partner_churn.count, 0);
	links[0].mute[1] = true;
	run_for(70 * SECOND);
	assert_true(bonds[0].members[0].partner_churn.churning);
	assert_true(bonds[0].members[0].actor_churn.churning);
	assert_int_equal(bonds[0].members[0].partner_churn.count, 1);
	links[0].mute[1] = false;
	run_for(5 * SECOND);
	assert_false(bonds[0].members[0].partner_churn.churning);
	assert_false(bonds[0].members[0].actor_churn.churning);
	assert_int_equal(bonds[0].members[0].actor_churn.count, 1);
	link_set(0, false);
	run_for(70 * SECOND);
	assert_int_equal(bonds[0].members[0].actor_churn.count, 1);
}

/* Links that flap and lose LACPDUs at random: watch() asserts at every step; then all is well. */
static void test_storm(void **state)
{
	(void)state;
	pair(4);
	for (unsigned i = 0; i < 4; i++)
		links[i].losing = 30;
	for (unsigned i = 0; i < 2000; i++) {
		unsigned link = chance() % 4;

		if (chance() < 20)
			link_set(link, !links[link].up);
		if (chance() < 5)
			links[link].mute[chance() % 2] ^= true;
		run_for(chance() * 3 * MS);
	}
	for (unsigned i = 0; i < 4; i++) {
		links[i].losing = 0;
		links[i].mute[0] = links[i].mute[1] = false;
		link_set(i, true);
	}
	run_for(5 * SECOND);
	assert_int_equal(distributing(&bonds[0]), 4);
	assert_int_equal(distributing(&bonds[1]), 4);
}

/* run() says when it must be called again: doing only that changes nothing. */
static void test_deadlines(void **state)
{
	struct wb_lacpdu pdu = {.actor = {.system = {4},
					.port = 1,
					.state = WB_LACP_ACTIVE | WB_LACP_AGGREGATION |
						WB_LACP_SHORT | WB_LACP_SYNC | WB_LACP_COLLECTING}};
	unsigned calls = 0;

	(void)state;
	bond_begin(0, 1, config_of(0));
	wb_lacp_link(&bonds[0], 0, true, 1000, now);
	wb_lacp_run(&bonds[0], now);
	pdu.partner = bonds[0].members[0].actor;
	pdu.partner.state |= WB_LACP_SYNC;
	wb_lacp_receive(&bonds[0], 0, &pdu, now);
	while (now < BEGINNING + 10 * SECOND) {
		struct wb_lacpdu out;
		uint64_t next = wb_lacp_run(&bonds[0], now);

		if (now == BEGINNING + 50 * MS)
			assert_int_equal(distributing(&bonds[0]), 1);
		if (wb_lacp_pending(&bonds[0], 0, now, &out)) {
			wb_lacp_sent(&bonds[0], 0, now);
			continue;
		}
		assert_true(next > now);
		now = next;
		assert_true(++calls < 40);
	}
	assert_int_equal(bonds[0].members[0].receive, WB_LACP_RX_DEFAULTED);
}

static void test_pdu_bytes(void **state)
{
	/* Put together by hand from figure 6-7. */
	static const uint8_t expected[62] = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x02, 2, 0, 0, 0, 0, 7,
		0x88, 0x09, 0x01, 0x01, 0x01, 0x14, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x00, 0x09, 0x00,
		0xff, 0x00, 0x01, 0x3f, 0, 0, 0, 0x02, 0x14, 0x80, 0x00, 2, 0, 0, 0, 0, 2, 0x12,
		0x34, 0x00, 0x80, 0x01, 0x02, 0x3d, 0, 0, 0, 0x03, 0x10, 0x00, 0x00, 0, 0};
	const struct wb_lacpdu pdu = {
		.actor = {0xffff, {2, 0, 0, 0, 0, 1}, 9, 0xff, 1, 0x3f},
		.partner = {0x8000, {2, 0, 0, 0, 0, 2}, 0x1234, 0x80, 0x102, 0x3d},
	};
	const uint8_t mac[6] = {2, 0, 0, 0, 0, 7};
	uint8_t frame[WB_LACPDU_LEN];
	struct wb_lacpdu back;

	(void)state;
	wb_lacpdu_build(&pdu, mac, frame);
	assert_memory_equal(frame, expected, sizeof(expected));
	assert_int_equal(wb_lacpdu_parse(frame, sizeof(frame), &back), 0);
	assert_int_equal(back.actor.key, 9);
	assert_int_equal(back.partner.port, 0x102);
	assert_int_equal(back.partner.system_priority, 0x8000);
	assert_memory_equal(back.partner.system, pdu.partner.system, 6);
	for (uint32_t length = 0; length < 56; length++)
		assert_int_equal(wb_lacpdu_parse(frame, length, &back), -EINVAL);
	for (unsigned at = 12; at < 38; at++) {
		/* Types, subtype and lengths matter; the version and the fields do not. */
		bool matters = at == 12 || at == 13 || at == 14 || at == 16 || at == 17 ||
			at == 36 || at == 37;

		frame[at] ^= 0x40;
		assert_int_equal(
			wb_lacpdu_parse(frame, sizeof(frame), &back), matters ? -EINVAL : 0);
		frame[at] ^= 0x40;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_comes_up, begin),
		cmocka_unit_test_setup(test_no_more_than_three_a_second, begin),
		cmocka_unit_test_setup(test_link_down_and_up, begin),
		cmocka_unit_test_setup(test_flaps_waste_nothing, begin),
		cmocka_unit_test_setup(test_silent_partner, begin),
		cmocka_unit_test_setup(test_slow_rate, begin),
		cmocka_unit_test_setup(test_coupled_partner, begin),
		cmocka_unit_test_setup(test_partner_port_changes, begin),
		cmocka_unit_test_setup(test_flap_between_looks, begin),
		cmocka_unit_test_setup(test_partner_wants_them_sooner, begin),
		cmocka_unit_test_setup(test_leave, begin),
		cmocka_unit_test_setup(test_partner_restarts, begin),
		cmocka_unit_test_setup(test_churn, begin),
		cmocka_unit_test_setup(test_storm, begin),
		cmocka_unit_test_setup(test_deadlines, begin),
		cmocka_unit_test(test_pdu_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
