/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fib/group.h"

#define FULL WB_GROUP_FULL
#define MS   1000000ull
#define IDLE (100 * MS)

static struct wb_group *build(const struct wb_group_path *paths, unsigned n)
{
	struct wb_group *group = NULL;
	struct wb_err err;

	assert_int_equal(wb_group_build(7, paths, n, 0, &group, &err), 0);
	assert_int_equal(group->id, 7);
	return group;
}

/* Changes a group; gives what it is then, with the larger table in the place of the old one. */
static struct wb_group *change(
	struct wb_group *group, const struct wb_group_path *paths, unsigned n, uint64_t now)
{
	struct wb_group *changed = NULL;

	assert_int_equal(wb_group_change(group, paths, n, now, &changed, NULL), 0);
	assert_int_equal(changed->id, group->id);
	if (changed != group)
		wb_group_free(group);
	return changed;
}

/* The tunnels of all buckets; free() it. */
static uint16_t *tunnels_of(const struct wb_group *group)
{
	uint16_t *tunnels = malloc((group->mask + 1) * sizeof(*tunnels));

	assert_non_null(tunnels);
	for (uint32_t b = 0; b <= group->mask; b++)
		tunnels[b] = wb_group_tunnel(group, b);
	return tunnels;
}

static unsigned count(const struct wb_group *group, uint16_t tunnel)
{
	unsigned n = 0;

	for (uint32_t b = 0; b <= group->mask; b++)
		n += wb_group_tunnel(group, b) == tunnel;
	return n;
}

static void use_all(struct wb_group *group, uint64_t now)
{
	for (uint32_t b = 0; b <= group->mask; b++)
		wb_group_pick(group, b, now);
}

static uint32_t strength(const struct wb_group *group, unsigned i)
{
	uint32_t any = 0;

	for (unsigned j = 0; j < group->n_paths; j++)
		any |= group->paths[j].share;
	return group->paths[i].weight * (any != 0 ? group->paths[i].share : FULL);
}

/* What the group says it holds it does hold, and nobody else holds any; what it wants is each
 * path's exact share rounded down or up; no dead path holds any. */
static void check_books(const struct wb_group *group)
{
	uint32_t size = group->mask + 1, total = 0, held = 0, wanted = 0, waiting = 0;

	assert_int_equal(size & group->mask, 0);
	for (unsigned i = 0; i < group->n_paths; i++)
		total += strength(group, i);
	for (unsigned i = 0; i < group->n_paths; i++) {
		uint32_t exact = size * strength(group, i);

		assert_int_equal(count(group, group->paths[i].tunnel), group->buckets[i]);
		assert_true(group->wanted[i] >= exact / total);
		assert_true(group->wanted[i] <= (exact + total - 1) / total);
		if (strength(group, i) == 0)
			assert_int_equal(group->buckets[i], 0);
		held += group->buckets[i];
		wanted += group->wanted[i];
		if (group->buckets[i] > group->wanted[i])
			waiting += group->buckets[i] - group->wanted[i];
	}
	assert_int_equal(held, size);
	assert_int_equal(wanted, size);
	assert_int_equal(waiting, group->waiting);
}

static void check_balanced(const struct wb_group *group)
{
	check_books(group);
	assert_int_equal(group->waiting, 0);
}

static void test_equal_paths(void **state)
{
	struct wb_group_path paths[WB_GROUP_MAX_PATHS];

	(void)state;
	for (unsigned n = 1; n <= WB_GROUP_MAX_PATHS; n++) {
		struct wb_group *group;

		paths[n - 1] = (struct wb_group_path){(uint16_t)(n * 11), 1, FULL};
		group = build(paths, n);
		check_balanced(group);
		assert_true(group->mask + 1 >= 64 * n);
		assert_int_equal(group->moved, 0);
		wb_group_free(group);
	}
}

static void test_weights(void **state)
{
	const struct wb_group_path two[] = {{1, 1, FULL}, {2, 255, FULL}};
	const struct wb_group_path three[] = {{1, 10, FULL}, {2, 20, FULL}, {3, 70, FULL}};
	struct wb_group_path many[WB_GROUP_MAX_PATHS];
	struct wb_group *group;

	(void)state;
	group = build(two, 2);
	check_balanced(group);
	assert_true(group->buckets[0] >= 64);
	wb_group_free(group);
	group = build(three, 3);
	check_balanced(group);
	wb_group_free(group);
	/* The most uneven group there is still gives its lightest path a bucket. */
	for (unsigned i = 0; i < WB_GROUP_MAX_PATHS; i++)
		many[i] = (struct wb_group_path){(uint16_t)i, i ? 255 : 1, FULL};
	group = build(many, WB_GROUP_MAX_PATHS);
	check_balanced(group);
	assert_int_equal(group->mask + 1, WB_GROUP_MAX_BUCKETS);
	assert_true(group->buckets[0] >= 1);
	wb_group_free(group);
}

/* Half of a share is half of a weight: 2 x 128/256 and 1 x 1 come to the same. */
static void test_shares(void **state)
{
	const struct wb_group_path halved[] = {{1, 2, 128}, {2, 1, FULL}};
	const struct wb_group_path fine[] = {{1, 1, 255}, {2, 1, 1}};
	struct wb_group *group = build(halved, 2);

	(void)state;
	check_balanced(group);
	assert_int_equal(group->buckets[0], group->buckets[1]);
	wb_group_free(group);
	group = build(fine, 2);
	check_balanced(group);
	assert_int_equal(group->buckets[1], 4);
	wb_group_free(group);
}

/* A path leaves: its buckets move at once though all are in use, and no other one. */
static void test_leaves_at_once(void **state)
{
	const struct wb_group_path three[] = {{1, 1, FULL}, {2, 1, FULL}, {3, 1, FULL}};
	const struct wb_group_path two[] = {{1, 1, FULL}, {3, 1, FULL}};
	struct wb_group *group = build(three, 3);
	uint16_t *before = tunnels_of(group);
	unsigned gone = count(group, 2);

	(void)state;
	use_all(group, IDLE);
	assert_ptr_equal(change(group, two, 2, IDLE), group);
	check_balanced(group);
	assert_int_equal(group->moved, gone);
	for (uint32_t b = 0; b <= group->mask; b++)
		if (before[b] != 2)
			assert_int_equal(wb_group_tunnel(group, b), before[b]);
	free(before);
	wb_group_free(group);
}

/* A path dies, and the next one: exactly their buckets move, at once. With the last one dead all
 * count as full, and nothing moves in use. One that recovers then has all. */
static void test_dead_at_once(void **state)
{
	struct wb_group_path paths[] = {{1, 1, FULL}, {2, 1, FULL}, {3, 1, FULL}};
	struct wb_group *group = build(paths, 3);
	uint64_t moved = 0;

	(void)state;
	for (unsigned died = 0; died < 2; died++) {
		uint16_t *before = tunnels_of(group);

		use_all(group, IDLE);
		moved += group->buckets[died];
		paths[died].share = 0;
		assert_ptr_equal(change(group, paths, 3, IDLE), group);
		check_balanced(group);
		assert_int_equal(group->moved, moved);
		for (uint32_t b = 0; b <= group->mask; b++)
			if (before[b] != died + 1)
				assert_int_equal(wb_group_tunnel(group, b), before[b]);
		free(before);
	}
	assert_int_equal(count(group, 3), group->mask + 1);

	paths[2].share = 0;
	use_all(group, 2 * IDLE);
	change(group, paths, 3, 2 * IDLE);
	check_books(group);
	assert_int_equal(group->moved, moved);
	assert_int_equal(group->waiting, group->buckets[2] - group->wanted[2]);
	assert_int_equal(wb_group_balance(group, 2 * IDLE + 50 * MS, IDLE, 0), 0);
	assert_true(wb_group_balance(group, 3 * IDLE + 2 * MS, IDLE, 0) > 0);
	check_balanced(group);

	paths[1].share = 1;
	change(group, paths, 3, 4 * IDLE);
	assert_int_equal(count(group, 2), group->mask + 1);
	check_balanced(group);
	wb_group_free(group);
}

/* A path comes: nothing moves in use, whatever is idle does, and no more than it must. */
static void test_comes_when_idle(void **state)
{
	const struct wb_group_path paths[] = {{1, 1, FULL}, {2, 1, FULL}, {3, 1, FULL}};
	struct wb_group *group = build(paths, 2);
	uint16_t *before = tunnels_of(group);
	uint64_t now = 10 * IDLE;
	unsigned quiet = 0;

	(void)state;
	use_all(group, now);
	change(group, paths, 3, now);
	check_books(group);
	assert_int_equal(group->moved, 0);
	assert_int_equal(group->waiting, group->wanted[2]);
	assert_int_equal(wb_group_balance(group, now, IDLE, 0), 0);

	/* All but every eighth go on. */
	for (uint64_t end = now + IDLE + 2 * MS; now < end; now += MS)
		for (uint32_t b = 0; b <= group->mask; b++)
			if (b % 8 != 0)
				wb_group_pick(group, b, now);
	assert_int_equal(wb_group_balance(group, now, IDLE, 0), (group->mask + 1) / 8);
	check_books(group);
	for (uint32_t b = 0; b <= group->mask; b++) {
		assert_int_equal(wb_group_tunnel(group, b), b % 8 == 0 ? 3 : before[b]);
		quiet += b % 8 == 0;
	}
	assert_int_equal(group->moved, quiet);

	/* Then all pause: what is missing moves, once. */
	now += IDLE + 2 * MS;
	assert_int_equal(wb_group_balance(group, now, IDLE, 0), group->wanted[2] - quiet);
	assert_int_equal(wb_group_balance(group, now + IDLE, IDLE, 0), 0);
	check_balanced(group);
	assert_int_equal(group->moved, group->buckets[2]);
	free(before);
	wb_group_free(group);
}

/* Idle means the whole time: neither a tick less, nor by a worker whose clock is ahead. */
static void test_idle_to_the_tick(void **state)
{
	const struct wb_group_path paths[] = {{1, 1, FULL}, {2, 1, FULL}};
	struct wb_group *group = build(paths, 1);
	uint64_t tick = 1ull << WB_GROUP_TICK_SHIFT, used = 1000 * tick + tick / 2;

	(void)state;
	use_all(group, used);
	use_all(group, used - 5 * tick); /* another worker's clock is behind: no step back */
	change(group, paths, 2, used);
	assert_int_equal(wb_group_balance(group, used - 9 * tick, 10 * tick, 0), 0);
	assert_int_equal(wb_group_balance(group, used + 10 * tick, 10 * tick, 0), 0);
	assert_int_equal(wb_group_balance(group, 1011 * tick - 1, 10 * tick, 0), 0);
	assert_int_equal(wb_group_balance(group, 1011 * tick, 10 * tick, 0), 512);
	check_balanced(group);
	wb_group_free(group);
}

/* Without a pause buckets wait for ever, unless there is a time after which they must go. */
static void test_forced(void **state)
{
	const struct wb_group_path paths[] = {{1, 3, FULL}, {2, 1, FULL}};
	struct wb_group *group = build(paths, 1);
	uint64_t now = 10 * IDLE;

	(void)state;
	use_all(group, now);
	change(group, paths, 2, now);
	for (unsigned i = 0; i < 100; i++) {
		now += IDLE;
		use_all(group, now);
		assert_int_equal(wb_group_balance(group, now, IDLE, 0), 0);
		/* A change on the way does not begin the wait anew. */
		change(group, paths, 2, now);
	}
	assert_int_equal(wb_group_balance(group, now, IDLE, 100 * IDLE + 1), 0);
	assert_int_equal(wb_group_balance(group, now, IDLE, 100 * IDLE), 256);
	check_balanced(group);
	wb_group_free(group);
}

static void test_changed_to_the_same(void **state)
{
	const struct wb_group_path paths[] = {{5, 3, FULL}, {6, 2, FULL}, {9, 2, FULL}};
	const struct wb_group_path other_order[] = {{9, 2, FULL}, {5, 3, FULL}, {6, 2, FULL}};
	const struct wb_group_path scaled[] = {{5, 30, 64}, {6, 20, 64}, {9, 20, 64}};
	const struct wb_group_path equal[] = {{1, 1, FULL}, {2, 1, FULL}, {3, 1, FULL}};
	const struct wb_group_path equal_turned[] = {{3, 1, FULL}, {2, 1, FULL}, {1, 1, FULL}};
	struct wb_group *group = build(paths, 3);

	(void)state;
	change(group, paths, 3, IDLE);
	check_balanced(group);
	change(group, other_order, 3, IDLE);
	check_balanced(group);
	change(group, scaled, 3, IDLE);
	check_balanced(group);
	assert_int_equal(group->moved, 0);
	wb_group_free(group);
	/* 1024 buckets over three: whoever has the odd one keeps it. */
	group = build(equal, 3);
	change(group, equal_turned, 3, IDLE);
	check_balanced(group);
	assert_int_equal(group->moved, 0);
	wb_group_free(group);
}

static void test_table_grows(void **state)
{
	struct wb_group_path paths[WB_GROUP_MAX_PATHS];
	struct wb_group *small, *large;
	uint64_t now = 10 * IDLE;
	uint16_t *before;

	(void)state;
	for (unsigned i = 0; i < WB_GROUP_MAX_PATHS; i++)
		paths[i] = (struct wb_group_path){(uint16_t)i, 1, FULL};
	small = build(paths, 3);
	before = tunnels_of(small);
	assert_int_equal(wb_group_change(small, paths, WB_GROUP_MAX_PATHS, now, &large, NULL), 0);
	assert_true(large->mask > small->mask);
	assert_int_equal(small->n_paths, 3);
	check_balanced(small);
	/* Growing moves nothing, and nothing before it was idle in the larger table. */
	assert_int_equal(wb_group_balance(large, now + IDLE - MS, IDLE, 0), 0);
	for (uint32_t b = 0; b <= large->mask; b++)
		assert_int_equal(wb_group_tunnel(large, b), before[b & small->mask]);
	assert_true(wb_group_balance(large, now + IDLE + 2 * MS, IDLE, 0) > 0);
	check_balanced(large);
	/* It never becomes smaller. */
	assert_ptr_equal(change(large, paths, 3, now), large);
	check_balanced(large);
	free(before);
	wb_group_free(small);
	wb_group_free(large);
}

static void test_clone_and_merge(void **state)
{
	const struct wb_group_path three[] = {{1, 1, FULL}, {2, 1, FULL}, {3, 1, FULL}};
	const struct wb_group_path two[] = {{1, 1, FULL}, {3, 1, FULL}};
	struct wb_group_path weak[] = {{1, 1, FULL}, {2, 1, FULL}, {3, 1, 128}};
	struct wb_group *group = build(three, 3), *clone, *other;
	uint64_t now = 10 * IDLE;

	(void)state;
	assert_int_equal(wb_group_clone(group, 8, now, &clone, NULL), 0);
	assert_int_equal(clone->id, 8);
	check_balanced(clone);
	for (uint32_t b = 0; b <= group->mask; b++)
		assert_int_equal(wb_group_tunnel(clone, b), wb_group_tunnel(group, b));
	use_all(group, now);
	assert_true(wb_group_merge(group, clone, now, IDLE));
	/* Its buckets of a path that left lead elsewhere; they must. */
	change(clone, two, 2, now);
	assert_true(wb_group_merge(group, clone, now, IDLE));
	/* Not so for one that lives in both, unless idle. */
	change(clone, weak, 3, now);
	now += 2 * IDLE;
	wb_group_balance(clone, now, IDLE, 0);
	check_balanced(clone);
	use_all(group, now);
	assert_false(wb_group_merge(group, clone, now, IDLE));
	assert_true(wb_group_merge(group, clone, now + IDLE + 2 * MS, IDLE));
	/* What came over was used there: it is not idle here. */
	change(clone, three, 3, now);
	assert_int_equal(wb_group_balance(clone, now + 2 * IDLE, IDLE, 0), 0);
	wb_group_free(clone);

	/* A fresh group of the same paths, with other tunnels in its buckets. */
	other = build(two, 2);
	change(other, three, 3, now);
	wb_group_balance(other, now, IDLE, 0);
	check_balanced(other);
	use_all(group, now);
	assert_false(wb_group_merge(group, other, now, IDLE));
	/* But where the tunnels it differs in are dead. */
	weak[0].share = weak[1].share = 0;
	change(other, weak, 3, now);
	use_all(group, now);
	assert_true(wb_group_merge(group, other, now, IDLE));
	wb_group_free(other);
	wb_group_free(group);
}

/* The fewest buckets that could move in all, in a table of the same size: what each path had above
 * what it has now. */
static uint32_t fewest_moves(const uint16_t *tunnels, const struct wb_group *after)
{
	uint32_t held[WB_GROUP_MAX_TUNNELS] = {0}, fewest = 0;

	for (uint32_t b = 0; b <= after->mask; b++)
		held[tunnels[b]]++;
	for (unsigned tunnel = 0; tunnel < 16; tunnel++) {
		uint32_t now = count(after, (uint16_t)tunnel);

		if (held[tunnel] > now)
			fewest += held[tunnel] - now;
	}
	return fewest;
}

/* A long life of random changes, with packets and pauses between: the books are right throughout,
 * a living path loses no bucket in use, and once all pause no more move than must. */
static void test_random_life(void **state)
{
	const struct wb_group_path largest[] = {{0, 1, FULL}, {1, 255, FULL}};
	struct wb_group *group = build(largest, 2);
	uint64_t now = 10 * IDLE;
	unsigned seed = 1;

	(void)state;
	assert_int_equal(group->mask + 1, WB_GROUP_MAX_BUCKETS);
	for (unsigned round = 0; round < 400; round++) {
		uint16_t *before = tunnels_of(group);
		struct wb_group_path paths[16];
		uint64_t moved = group->moved;
		bool all_dead = true;
		unsigned n = 0;

		for (unsigned tunnel = 0; tunnel < 16; tunnel++)
			if (rand_r(&seed) % 2 || (tunnel == 15 && n == 0)) {
				uint16_t share =
					rand_r(&seed) % 3 ? FULL : (uint16_t)(rand_r(&seed) % 257);

				if (rand_r(&seed) % 5 == 0 || round % 16 == 0)
					share = 0;
				all_dead &= share == 0;
				paths[n++] = (struct wb_group_path){
					(uint16_t)tunnel, (uint8_t)(1 + rand_r(&seed) % 9), share};
			}
		use_all(group, now);
		assert_ptr_equal(change(group, paths, n, now), group);
		check_books(group);
		assert_int_equal(wb_group_balance(group, now + IDLE / 2, IDLE, 0), 0);
		for (uint32_t b = 0; b <= group->mask; b++) {
			bool lives = false;

			for (unsigned i = 0; i < n; i++)
				lives |= paths[i].tunnel == before[b] &&
					(all_dead || paths[i].share > 0);
			if (lives)
				assert_int_equal(wb_group_tunnel(group, b), before[b]);
		}
		if (rand_r(&seed) % 2) {
			now += 2 * IDLE;
			wb_group_balance(group, now, IDLE, 0);
			check_balanced(group);
			assert_int_equal(group->moved - moved, fewest_moves(before, group));
		}
		free(before);
		now += MS;
	}
	wb_group_free(group);
}

static void test_pick(void **state)
{
	const struct wb_group_path paths[] = {{4, 1, FULL}, {8, 1, FULL}};
	struct wb_group *group = build(paths, 2);

	(void)state;
	for (uint32_t b = 0; b <= group->mask; b++) {
		assert_int_equal(wb_group_pick(group, b, MS), wb_group_tunnel(group, b));
		assert_int_equal(
			wb_group_pick(group, b | 0xabcd0000, 5 * MS), wb_group_tunnel(group, b));
	}
	wb_group_free(group);
}

static void test_refused(void **state)
{
	const struct wb_group_path twice[] = {{1, 1, FULL}, {2, 1, FULL}, {1, 3, FULL}};
	const struct wb_group_path weightless[] = {{1, 1, FULL}, {2, 0, FULL}};
	const struct wb_group_path overfull[] = {{1, 1, FULL + 1}};
	const struct wb_group_path too_high[] = {{WB_GROUP_MAX_TUNNELS, 1, FULL}};
	static struct wb_group_path many[WB_GROUP_MAX_PATHS + 1];
	struct wb_group *group = NULL, *good = build(twice, 2), *changed = NULL;
	struct wb_err err;

	(void)state;
	assert_int_equal(wb_group_build(1, twice, 3, 0, &group, &err), -EINVAL);
	assert_non_null(strstr(err.text, "twice"));
	assert_int_equal(wb_group_build(1, weightless, 2, 0, &group, &err), -EINVAL);
	assert_non_null(strstr(err.text, "weight 0"));
	assert_int_equal(wb_group_build(1, overfull, 1, 0, &group, &err), -EINVAL);
	assert_non_null(strstr(err.text, "share 257"));
	assert_int_equal(wb_group_build(1, too_high, 1, 0, &group, &err), -EINVAL);
	assert_non_null(strstr(err.text, "tunnel 1024"));
	assert_int_equal(wb_group_build(1, twice, 0, 0, &group, &err), -EINVAL);
	assert_int_equal(wb_group_build(1, many, WB_GROUP_MAX_PATHS + 1, 0, &group, NULL), -EINVAL);
	assert_null(group);
	assert_int_equal(wb_group_change(good, weightless, 2, 0, &changed, &err), -EINVAL);
	assert_null(changed);
	check_balanced(good);
	assert_int_equal(good->moved, 0);
	wb_group_free(good);
}

/* --- a worker and control at once --- */

#define RACE_IDLE (2ull << WB_GROUP_TICK_SHIFT)

struct race {
	struct wb_group *group;
	uint64_t now; /* the worker's clock; control has none of its own */
	bool stop;
	uint64_t strays;
};

/* Bursts of two packets a bucket, with pauses in which every bucket becomes idle: control finds
 * many to move just when the next burst begins. The second packet must follow the first, since no
 * time passes within a burst. */
static void *bursting_worker(void *arg)
{
	struct race *race = arg;

	while (!__atomic_load_n(&race->stop, __ATOMIC_RELAXED)) {
		uint64_t now = race->now + 2 * RACE_IDLE;

		__atomic_store_n(&race->now, now, __ATOMIC_RELEASE);
		for (uint32_t b = 0; b <= race->group->mask; b++) {
			uint16_t first = wb_group_pick(race->group, b, now);

			race->strays += wb_group_pick(race->group, b, now) != first;
		}
	}
	return NULL;
}

static void test_race(void **state)
{
	struct wb_group_path paths[] = {{1, 1, FULL}, {2, 1, FULL}, {3, 1, FULL}};
	struct race race = {.group = build(paths, 3), .now = RACE_IDLE};
	pthread_t thread;
	unsigned seed = 9;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, bursting_worker, &race), 0);
	for (unsigned round = 0; round < 20000; round++) {
		for (unsigned i = 0; i < 3; i++)
			paths[i].weight = (uint8_t)(1 + rand_r(&seed) % 4);
		change(race.group, paths, 3, 0);
		for (unsigned i = 0; i < 4; i++)
			wb_group_balance(race.group, __atomic_load_n(&race.now, __ATOMIC_ACQUIRE),
				RACE_IDLE, 0);
		check_books(race.group);
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(race.strays, 0);
	/* Some did move meanwhile, or nothing was tried. */
	assert_true(race.group->moved > 1000);
	wb_group_free(race.group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_paths),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_leaves_at_once),
		cmocka_unit_test(test_dead_at_once),
		cmocka_unit_test(test_comes_when_idle),
		cmocka_unit_test(test_idle_to_the_tick),
		cmocka_unit_test(test_forced),
		cmocka_unit_test(test_changed_to_the_same),
		cmocka_unit_test(test_table_grows),
		cmocka_unit_test(test_clone_and_merge),
		cmocka_unit_test(test_random_life),
		cmocka_unit_test(test_pick),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
