/* SPDX-License-Identifier: BSD-3-Clause */
#include "fib/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Buckets the lightest path should have: its share is then as exact as that of the others, and the
 * flows of a bucket are few, so that it is idle at times. */
#define BUCKETS_A_PATH 64

#define NO_PATH 0xff

/* Stands in a bucket that no path has got yet. */
#define NO_TUNNEL WB_GROUP_MAX_TUNNELS

/* The place of each tunnel in a group's paths. */
struct places {
	uint8_t of[WB_GROUP_MAX_TUNNELS + 1];
};

static void places_of(const struct wb_group *group, struct places *places)
{
	memset(places, NO_PATH, sizeof(*places));
	for (unsigned i = 0; i < group->n_paths; i++)
		places->of[group->paths[i].tunnel] = (uint8_t)i;
}

static int check_paths(const struct wb_group_path *paths, unsigned n, struct wb_err *err)
{
	if (n == 0 || n > WB_GROUP_MAX_PATHS)
		return wb_err_set(err, EINVAL, "%u paths in a group, expected 1 to %d", n,
			WB_GROUP_MAX_PATHS);
	for (unsigned i = 0; i < n; i++) {
		if (paths[i].weight == 0)
			return wb_err_set(
				err, EINVAL, "path %u has weight 0, expected 1 to 255", i);
		if (paths[i].share > WB_GROUP_FULL)
			return wb_err_set(err, EINVAL, "path %u has share %u, expected 0 to %d", i,
				paths[i].share, WB_GROUP_FULL);
		if (paths[i].tunnel >= WB_GROUP_MAX_TUNNELS)
			return wb_err_set(err, EINVAL, "path %u is tunnel %u, expected 0 to %d", i,
				paths[i].tunnel, WB_GROUP_MAX_TUNNELS - 1);
		for (unsigned j = 0; j < i; j++)
			if (paths[i].tunnel == paths[j].tunnel)
				return wb_err_set(err, EINVAL, "tunnel %u is in the group twice",
					paths[i].tunnel);
	}
	return 0;
}

/* By the weights alone: a path whose share falls and rises again needs no other table. */
static uint32_t table_size(const struct wb_group_path *paths, unsigned n, uint32_t least)
{
	uint32_t size = least, lightest = 255, total = 0;

	for (unsigned i = 0; i < n; i++) {
		total += paths[i].weight;
		if (paths[i].weight < lightest)
			lightest = paths[i].weight;
	}
	while (size < WB_GROUP_MAX_BUCKETS && size * lightest < BUCKETS_A_PATH * total)
		size *= 2;
	return size;
}

static struct wb_group *table_alloc(uint32_t id, uint32_t size, struct wb_err *err)
{
	struct wb_group *group = calloc(1, sizeof(*group) + size * sizeof(group->bucket[0]));

	if (!group) {
		wb_err_set(err, ENOMEM, "no memory for a group of %u buckets", size);
		return NULL;
	}
	group->id = id;
	group->mask = size - 1;
	return group;
}

static void take_paths(struct wb_group *group, const struct wb_group_path *paths, unsigned n)
{
	struct places places;

	memcpy(group->paths, paths, n * sizeof(paths[0]));
	group->n_paths = (uint16_t)n;
	memset(group->buckets, 0, sizeof(group->buckets));
	places_of(group, &places);
	for (uint32_t b = 0; b <= group->mask; b++) {
		uint8_t path = places.of[wb_group_tunnel(group, b)];

		if (path != NO_PATH)
			group->buckets[path]++;
	}
}

/* What counts of each path; full weights if all are dead. Returns the sum. */
static uint32_t strengths(const struct wb_group *group, uint32_t *strength)
{
	uint32_t total = 0;

	for (unsigned i = 0; i < group->n_paths; i++)
		total += strength[i] = group->paths[i].weight * group->paths[i].share;
	if (total > 0)
		return total;
	for (unsigned i = 0; i < group->n_paths; i++)
		total += strength[i] = group->paths[i].weight * WB_GROUP_FULL;
	return total;
}

/* Exact shares rounded down; then the buckets left over go, one each, to paths whose share was
 * not whole: first to those that hold more than their share already (they then need not give one
 * up), among equals to the largest remainder. There are fewer left over than such paths. */
static void set_wanted(struct wb_group *group)
{
	uint32_t strength[WB_GROUP_MAX_PATHS], remainder[WB_GROUP_MAX_PATHS];
	uint32_t total = strengths(group, strength), left = group->mask + 1;

	for (unsigned i = 0; i < group->n_paths; i++) {
		/* At most 2^14 x 2^16. */
		uint32_t exact = (group->mask + 1) * strength[i];

		group->wanted[i] = (uint16_t)(exact / total);
		remainder[i] = exact % total;
		left -= group->wanted[i];
	}
	for (; left > 0; left--) {
		unsigned best = 0;
		uint64_t best_rank = 0;

		for (unsigned i = 0; i < group->n_paths; i++) {
			uint64_t rank = remainder[i];

			if (rank != 0 && group->buckets[i] > group->wanted[i])
				rank += UINT32_MAX;
			if (rank > best_rank) {
				best = i;
				best_rank = rank;
			}
		}
		group->wanted[best]++;
		remainder[best] = 0;
	}
}

/* A path nobody may be sent by while there are others. */
static bool is_dead(const struct wb_group *group, unsigned path)
{
	return group->paths[path].share == 0 && group->wanted[path] == 0;
}

/* The next path that lacks buckets, around the paths from the last one: there is one as long as
 * another holds too many, or a bucket is nobody's. */
static unsigned next_taker(const struct wb_group *group, unsigned turn)
{
	do
		turn = (turn + 1) % group->n_paths;
	while (group->buckets[turn] >= group->wanted[turn]);
	return turn;
}

/* Leads a bucket to another tunnel, whoever uses it. */
static void bucket_lead(uint64_t *bucket, uint16_t tunnel)
{
	uint64_t word = __atomic_load_n(bucket, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(bucket, &word, (word & ~UINT64_C(0xffff)) | tunnel,
		true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
	}
}

/* Takes the buckets from those that have left and from the dead. */
static void move_at_once(struct wb_group *group)
{
	struct places places;
	unsigned turn = group->n_paths - 1u;

	places_of(group, &places);
	for (unsigned i = 0; i < group->n_paths; i++)
		if (is_dead(group, i))
			places.of[group->paths[i].tunnel] = NO_PATH;
	for (uint32_t b = 0; b <= group->mask; b++) {
		if (places.of[wb_group_tunnel(group, b)] != NO_PATH)
			continue;
		turn = next_taker(group, turn);
		bucket_lead(&group->bucket[b], group->paths[turn].tunnel);
		group->buckets[turn]++;
		group->moved++;
	}
	for (unsigned i = 0; i < group->n_paths; i++)
		if (is_dead(group, i))
			group->buckets[i] = 0;
}

static void count_waiting(struct wb_group *group, uint64_t now)
{
	if (group->waiting == 0)
		group->unbalanced = now;
	group->waiting = 0;
	for (unsigned i = 0; i < group->n_paths; i++)
		if (group->buckets[i] > group->wanted[i])
			group->waiting += (uint32_t)(group->buckets[i] - group->wanted[i]);
}

static void settle(
	struct wb_group *group, const struct wb_group_path *paths, unsigned n, uint64_t now)
{
	take_paths(group, paths, n);
	set_wanted(group);
	move_at_once(group);
	count_waiting(group, now);
}

int wb_group_build(uint32_t id, const struct wb_group_path *paths, unsigned n, uint64_t used,
	struct wb_group **out, struct wb_err *err)
{
	uint64_t nobodys = used >> WB_GROUP_TICK_SHIFT << 16 | NO_TUNNEL;
	struct wb_group *group;
	int rc = check_paths(paths, n, err);

	if (rc < 0)
		return rc;
	group = table_alloc(id, table_size(paths, n, WB_GROUP_MIN_BUCKETS), err);
	if (!group)
		return -ENOMEM;
	for (uint32_t b = 0; b <= group->mask; b++)
		group->bucket[b] = nobodys;
	settle(group, paths, n, used);
	group->moved = 0;
	*out = group;
	return 0;
}

/* All that a group is, in a table of this size, not below its own. */
static struct wb_group *copy(
	const struct wb_group *group, uint32_t id, uint32_t size, uint64_t now, struct wb_err *err)
{
	struct wb_group *fresh = table_alloc(id, size, err);
	uint64_t tick = now >> WB_GROUP_TICK_SHIFT;

	if (!fresh)
		return NULL;
	for (uint32_t b = 0; b < size; b++)
		fresh->bucket[b] = tick << 16 | wb_group_tunnel(group, b);
	fresh->moved = group->moved;
	fresh->waiting = group->waiting;
	fresh->unbalanced = group->unbalanced;
	return fresh;
}

int wb_group_clone(const struct wb_group *group, uint32_t id, uint64_t now, struct wb_group **out,
	struct wb_err *err)
{
	struct wb_group *fresh = copy(group, id, group->mask + 1, now, err);

	if (!fresh)
		return -ENOMEM;
	settle(fresh, group->paths, group->n_paths, now);
	fresh->moved = 0;
	*out = fresh;
	return 0;
}

int wb_group_change(struct wb_group *group, const struct wb_group_path *paths, unsigned n,
	uint64_t now, struct wb_group **out, struct wb_err *err)
{
	struct wb_group *changed = group;
	int rc = check_paths(paths, n, err);
	uint32_t size;

	if (rc < 0)
		return rc;
	size = table_size(paths, n, group->mask + 1);
	if (size > group->mask + 1)
		changed = copy(group, group->id, size, now, err);
	if (!changed)
		return -ENOMEM;
	settle(changed, paths, n, now);
	*out = changed;
	return 0;
}

static bool is_idle(uint64_t word, uint64_t now, uint64_t idle)
{
	/* The use was somewhere within its tick: count from the end of that. */
	return (((word >> 16) + 1) << WB_GROUP_TICK_SHIFT) + idle <= now;
}

uint32_t wb_group_balance(struct wb_group *group, uint64_t now, uint64_t idle, uint64_t force)
{
	bool forced = force != 0 && group->unbalanced + force <= now;
	unsigned turn = group->n_paths - 1u;
	struct places places;
	uint32_t moved = 0;

	if (group->waiting == 0)
		return 0;
	places_of(group, &places);
	for (uint32_t b = 0; b <= group->mask && group->waiting > 0; b++) {
		uint64_t *bucket = &group->bucket[b];
		uint64_t word = __atomic_load_n(bucket, __ATOMIC_RELAXED);
		uint8_t from = places.of[(uint16_t)word];

		if (group->buckets[from] <= group->wanted[from] ||
			(!forced && !is_idle(word, now, idle)))
			continue;
		turn = next_taker(group, turn);
		if (forced)
			bucket_lead(bucket, group->paths[turn].tunnel);
		else if (!__atomic_compare_exchange_n(bucket, &word,
				 (word & ~UINT64_C(0xffff)) | group->paths[turn].tunnel, false,
				 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			continue; /* a packet came just now */
		group->buckets[from]--;
		group->buckets[turn]++;
		group->waiting--;
		moved++;
	}
	group->moved += moved;
	return moved;
}

bool wb_group_merge(const struct wb_group *from, struct wb_group *to, uint64_t now, uint64_t idle)
{
	uint32_t size = (from->mask > to->mask ? from->mask : to->mask) + 1;
	struct places places;

	places_of(to, &places);
	for (uint32_t b = 0; b < size; b++) {
		uint64_t word = __atomic_load_n(&from->bucket[b & from->mask], __ATOMIC_RELAXED);
		uint8_t path = places.of[(uint16_t)word];

		if ((uint16_t)word != wb_group_tunnel(to, b) && path != NO_PATH &&
			!is_dead(to, path) && !is_idle(word, now, idle))
			return false;
	}
	for (uint32_t b = 0; b <= to->mask; b++)
		wb_group_pick(to, b, now);
	return true;
}

void wb_group_free(void *group)
{
	free(group);
}
