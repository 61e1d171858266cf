/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "hotspot.h"

#define NEVER UINT16_MAX
#define N(a)  (sizeof(a) / sizeof((a)[0]))

static struct hotspot hotspot;
static struct hotspot_move move;

/* Looks as long as nothing comes of it; gives the look that did, 0 for none of ten. */
static unsigned looks(const uint32_t *busy, unsigned n_workers, const struct hotspot_unit *units,
	unsigned n_units)
{
	for (unsigned i = 1; i <= 10; i++)
		if (hotspot_look(&hotspot, busy, n_workers, units, n_units, &move))
			return i;
	return 0;
}

static int begin(void **state)
{
	(void)state;
	memset(&hotspot, 0, sizeof(hotspot));
	return 0;
}

static void the_best_one_moves(void **state)
{
	const uint32_t busy[] = {1000, 100};
	const struct hotspot_unit units[] = {{0, NEVER, 150, false}, {0, NEVER, 400, false},
		{0, NEVER, 700, false}, {1, NEVER, 100, false}};

	(void)state;
	assert_int_equal(looks(busy, 2, units, N(units)), HOTSPOT_LOOKS);
	assert_int_equal(move.unit, 1);
	assert_int_equal(move.from, 0);
	assert_int_equal(move.to, 1);
	assert_int_equal(move.from_after, 600);
	assert_int_equal(move.to_after, 500);
	/* The next one takes as many looks again. */
	assert_int_equal(looks(busy, 2, units, N(units)), HOTSPOT_LOOKS);
}

static void a_moment_is_no_reason(void **state)
{
	const uint32_t hot[] = {1000, 100}, calm[] = {900, 100};
	const struct hotspot_unit units[] = {{0, NEVER, 400, false}};

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		assert_false(hotspot_look(&hotspot, hot, 2, units, 1, &move));
		assert_false(hotspot_look(&hotspot, hot, 2, units, 1, &move));
		assert_false(hotspot_look(&hotspot, calm, 2, units, 1, &move));
	}
}

static void the_hot_spot_itself_does_not_move(void **state)
{
	const uint32_t busy[] = {1000, 0};
	/* All that the worker does, and what would leave the other one as full. */
	const struct hotspot_unit all[] = {{0, NEVER, 980, false}};
	const struct hotspot_unit most[] = {{0, NEVER, 910, false}};
	/* What is hardly worth it. */
	const struct hotspot_unit little[] = {{0, NEVER, HOTSPOT_GAIN - 1, false}};

	(void)state;
	assert_int_equal(looks(busy, 2, all, N(all)), 0);
	assert_int_equal(looks(busy, 2, most, N(most)), 0);
	assert_int_equal(looks(busy, 2, little, N(little)), 0);
}

static void no_room_no_move(void **state)
{
	const uint32_t busy[] = {1000, 600}, all_hot[] = {1000, 950};
	const struct hotspot_unit units[] = {{0, NEVER, 200, false}, {1, NEVER, 200, false}};

	(void)state;
	assert_int_equal(looks(busy, 2, units, N(units)), 0);
	assert_int_equal(looks(all_hot, 2, units, N(units)), 0);
	assert_int_equal(looks(busy, 1, units, 1), 0);
}

static void written_and_fresh_ones_stay(void **state)
{
	const uint32_t busy[] = {1000, 0};
	struct hotspot_unit units[] = {{0, NEVER, 500, true}, {0, HOTSPOT_STAY - 1, 400, false}};

	(void)state;
	assert_int_equal(looks(busy, 2, units, N(units)), 0);
	units[1].rested = HOTSPOT_STAY;
	assert_int_equal(looks(busy, 2, units, N(units)), 1);
	assert_int_equal(move.unit, 1);
}

static void the_coolest_takes_it(void **state)
{
	const uint32_t busy[] = {590, 1000, 200, 950};
	const struct hotspot_unit units[] = {{3, NEVER, 300, false}};

	(void)state;
	/* The first hot one has nothing that could move: the second one is helped. */
	assert_int_equal(looks(busy, 4, units, N(units)), HOTSPOT_LOOKS);
	assert_int_equal(move.from, 3);
	assert_int_equal(move.to, 2);
}

/* A load that no placement makes fit comes to rest. */
static void it_comes_to_rest(void **state)
{
	struct hotspot_unit units[6];
	unsigned moves = 0;

	(void)state;
	for (unsigned i = 0; i < N(units); i++)
		units[i] = (struct hotspot_unit){0, NEVER, 0, false};
	for (unsigned second = 0; second < 200; second++) {
		uint32_t want[3] = {0}, busy[3];

		/* 450 each: 2700 for three workers. */
		for (unsigned i = 0; i < N(units); i++)
			want[units[i].worker] += 450;
		for (unsigned w = 0; w < 3; w++)
			busy[w] = want[w] > 1000 ? 1000 : want[w];
		for (unsigned i = 0; i < N(units); i++) {
			units[i].share = 450 * busy[units[i].worker] / want[units[i].worker];
			units[i].rested += units[i].rested < NEVER;
		}
		if (hotspot_look(&hotspot, busy, 3, units, N(units), &move)) {
			units[move.unit].worker = (uint16_t)move.to;
			units[move.unit].rested = 0;
			moves++;
		}
	}
	assert_in_range(moves, 2, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_best_one_moves, begin),
		cmocka_unit_test_setup(a_moment_is_no_reason, begin),
		cmocka_unit_test_setup(the_hot_spot_itself_does_not_move, begin),
		cmocka_unit_test_setup(no_room_no_move, begin),
		cmocka_unit_test_setup(written_and_fresh_ones_stay, begin),
		cmocka_unit_test_setup(the_coolest_takes_it, begin),
		cmocka_unit_test_setup(it_comes_to_rest, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
