/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fib/group.h"

static struct wb_group *build(
	const struct wb_group *previous, const struct wb_group_path *paths, unsigned n)
{
	struct wb_group *group = NULL;
	struct wb_err err;

	assert_int_equal(wb_group_build(7, previous, paths, n, &group, &err), 0);
	assert_int_equal(group->id, 7);
	return group;
}

static unsigned count(const struct wb_group *group, uint16_t tunnel)
{
	unsigned n = 0;

	for (uint32_t b = 0; b <= group->mask; b++)
		n += group->bucket[b] == tunnel;
	return n;
}

/* Every path holds its exact share rounded down or up, and says so; nobody else holds any. */
static void check_shares(const struct wb_group *group)
{
	uint32_t size = group->mask + 1, sum = 0, total = 0;

	assert_int_equal(size & group->mask, 0);
	for (unsigned i = 0; i < group->n_paths; i++)
		total += group->paths[i].weight;
	for (unsigned i = 0; i < group->n_paths; i++) {
		unsigned got = count(group, group->paths[i].tunnel);
		uint32_t exact = size * group->paths[i].weight;

		assert_int_equal(got, group->buckets[i]);
		assert_true(got >= exact / total);
		assert_true(got <= (exact + total - 1) / total);
		assert_true(got >= 1);
		sum += got;
	}
	assert_int_equal(sum, size);
}

/* Buckets that moved, counted here, and the fewest that could: what left, and what each staying
 * path had above its new number. */
static void check_moves(const struct wb_group *before, const struct wb_group *after)
{
	uint32_t moved = 0, fewest = 0;

	for (uint32_t b = 0; b <= after->mask; b++)
		moved += after->bucket[b] != before->bucket[b & before->mask];
	assert_int_equal(moved, after->moved);
	for (unsigned o = 0; o < before->n_paths; o++) {
		uint16_t tunnel = before->paths[o].tunnel;
		uint32_t held = count(before, tunnel) * ((after->mask + 1) / (before->mask + 1));
		uint32_t now = count(after, tunnel);

		if (held > now)
			fewest += held - now;
	}
	assert_int_equal(moved, fewest);
}

static void test_equal_paths(void **state)
{
	struct wb_group_path paths[WB_GROUP_MAX_PATHS];

	(void)state;
	for (unsigned n = 1; n <= WB_GROUP_MAX_PATHS; n++) {
		struct wb_group *group;

		paths[n - 1] = (struct wb_group_path){.tunnel = (uint16_t)(n * 11), .weight = 1};
		group = build(NULL, paths, n);
		check_shares(group);
		assert_true(group->mask + 1 >= 16 * n);
		assert_int_equal(group->moved, 0);
		wb_group_free(group);
	}
}

static void test_weights(void **state)
{
	const struct wb_group_path two[] = {{1, 1}, {2, 255}};
	const struct wb_group_path three[] = {{1, 10}, {2, 20}, {3, 70}};
	struct wb_group_path many[WB_GROUP_MAX_PATHS];
	struct wb_group *group;

	(void)state;
	group = build(NULL, two, 2);
	check_shares(group);
	assert_true(group->buckets[0] >= 16);
	wb_group_free(group);
	group = build(NULL, three, 3);
	check_shares(group);
	wb_group_free(group);
	/* The most uneven group there is still gives its lightest path a bucket. */
	for (unsigned i = 0; i < WB_GROUP_MAX_PATHS; i++)
		many[i] = (struct wb_group_path){(uint16_t)i, i ? 255 : 1};
	group = build(NULL, many, WB_GROUP_MAX_PATHS);
	check_shares(group);
	assert_int_equal(group->mask + 1, WB_GROUP_MAX_BUCKETS);
	wb_group_free(group);
}

static void test_remove_and_return(void **state)
{
	const struct wb_group_path three[] = {{1, 1}, {2, 1}, {3, 1}};
	const struct wb_group_path without_two[] = {{1, 1}, {3, 1}};
	struct wb_group *all = build(NULL, three, 3), *less, *again;

	(void)state;
	less = build(all, without_two, 2);
	check_shares(less);
	check_moves(all, less);
	/* Nothing of a surviving path moved. */
	for (uint32_t b = 0; b <= less->mask; b++)
		if (all->bucket[b] != 2)
			assert_int_equal(less->bucket[b], all->bucket[b]);
	again = build(less, three, 3);
	check_shares(again);
	check_moves(less, again);
	/* What moved, moved to the path that came back. */
	for (uint32_t b = 0; b <= again->mask; b++)
		if (again->bucket[b] != less->bucket[b])
			assert_int_equal(again->bucket[b], 2);
	wb_group_free(all);
	wb_group_free(less);
	wb_group_free(again);
}

static void test_rebuilt_the_same(void **state)
{
	const struct wb_group_path paths[] = {{5, 3}, {6, 2}, {9, 2}};
	const struct wb_group_path other_order[] = {{9, 2}, {5, 3}, {6, 2}};
	const struct wb_group_path equal[] = {{1, 1}, {2, 1}, {3, 1}};
	const struct wb_group_path equal_turned[] = {{3, 1}, {2, 1}, {1, 1}};
	const struct wb_group_path scaled[] = {{5, 30}, {6, 20}, {9, 20}};
	struct wb_group *group = build(NULL, paths, 3), *next;

	(void)state;
	next = build(group, paths, 3);
	assert_int_equal(next->moved, 0);
	wb_group_free(next);
	next = build(group, other_order, 3);
	assert_int_equal(next->moved, 0);
	assert_memory_equal(next->bucket, group->bucket, (group->mask + 1) * sizeof(uint16_t));
	wb_group_free(next);
	next = build(group, scaled, 3);
	assert_int_equal(next->moved, 0);
	wb_group_free(next);
	wb_group_free(group);
	/* 256 buckets over three: whoever has the odd one keeps it. */
	group = build(NULL, equal, 3);
	next = build(group, equal_turned, 3);
	assert_int_equal(next->moved, 0);
	wb_group_free(next);
	wb_group_free(group);
}

static void test_table_grows_in_place(void **state)
{
	struct wb_group_path paths[WB_GROUP_MAX_PATHS];
	struct wb_group *small, *large, *back;

	(void)state;
	for (unsigned i = 0; i < WB_GROUP_MAX_PATHS; i++)
		paths[i] = (struct wb_group_path){(uint16_t)i, 1};
	small = build(NULL, paths, 3);
	large = build(small, paths, WB_GROUP_MAX_PATHS);
	assert_true(large->mask > small->mask);
	check_shares(large);
	check_moves(small, large);
	back = build(large, paths, 3);
	assert_int_equal(back->mask, large->mask);
	check_shares(back);
	check_moves(large, back);
	wb_group_free(small);
	wb_group_free(large);
	wb_group_free(back);
}

/* A long life of random changes: shares stay exact and moves minimal throughout. */
static void test_random_life(void **state)
{
	struct wb_group_path paths[16];
	struct wb_group *group = NULL;
	unsigned seed = 1;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct wb_group *next;
		unsigned n = 0;

		for (unsigned tunnel = 0; tunnel < 16; tunnel++)
			if (rand_r(&seed) % 2 || (tunnel == 15 && n == 0))
				paths[n++] = (struct wb_group_path){
					(uint16_t)tunnel, (uint8_t)(1 + rand_r(&seed) % 9)};
		next = build(group, paths, n);
		check_shares(next);
		if (group)
			check_moves(group, next);
		wb_group_free(group);
		group = next;
	}
	wb_group_free(group);
}

static void test_pick(void **state)
{
	const struct wb_group_path paths[] = {{4, 1}, {8, 1}};
	struct wb_group *group = build(NULL, paths, 2);

	(void)state;
	for (uint32_t b = 0; b <= group->mask; b++) {
		assert_int_equal(wb_group_pick(group, b), group->bucket[b]);
		assert_int_equal(wb_group_pick(group, b | 0xabcd0000), group->bucket[b]);
	}
	wb_group_free(group);
}

static void test_refused(void **state)
{
	const struct wb_group_path twice[] = {{1, 1}, {2, 1}, {1, 3}};
	const struct wb_group_path weightless[] = {{1, 1}, {2, 0}};
	static struct wb_group_path many[WB_GROUP_MAX_PATHS + 1];
	struct wb_group *group = NULL;
	struct wb_err err;

	(void)state;
	assert_int_equal(wb_group_build(1, NULL, twice, 3, &group, &err), -EINVAL);
	assert_non_null(strstr(err.text, "twice"));
	assert_int_equal(wb_group_build(1, NULL, weightless, 2, &group, &err), -EINVAL);
	assert_non_null(strstr(err.text, "weight 0"));
	assert_int_equal(wb_group_build(1, NULL, twice, 0, &group, &err), -EINVAL);
	assert_int_equal(
		wb_group_build(1, NULL, many, WB_GROUP_MAX_PATHS + 1, &group, NULL), -EINVAL);
	assert_null(group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_paths),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_remove_and_return),
		cmocka_unit_test(test_rebuilt_the_same),
		cmocka_unit_test(test_table_grows_in_place),
		cmocka_unit_test(test_random_life),
		cmocka_unit_test(test_pick),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
