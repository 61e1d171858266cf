/* SPDX-License-Identifier: BSD-3-Clause */
#include "fib/group.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Buckets the lightest path should have, so that its share is as exact as that of the others. */
#define BUCKETS_A_PATH 16

#define NO_PATH 0xff

/* Work in progress: per path, the buckets it may hold, and those it holds in the table before. */
struct plan {
	const struct wb_group_path *paths;
	unsigned n;
	uint32_t total_weight;
	uint32_t size;
	uint32_t held[WB_GROUP_MAX_PATHS];
	uint32_t target[WB_GROUP_MAX_PATHS];
};

static int check_paths(const struct wb_group_path *paths, unsigned n, struct wb_err *err)
{
	if (n == 0 || n > WB_GROUP_MAX_PATHS)
		return wb_err_set(err, EINVAL, "%u paths in a group, expected 1 to %d", n,
			WB_GROUP_MAX_PATHS);
	for (unsigned i = 0; i < n; i++) {
		if (paths[i].weight == 0)
			return wb_err_set(
				err, EINVAL, "path %u has weight 0, expected 1 to 255", i);
		for (unsigned j = 0; j < i; j++)
			if (paths[i].tunnel == paths[j].tunnel)
				return wb_err_set(err, EINVAL, "tunnel %u is in the group twice",
					paths[i].tunnel);
	}
	return 0;
}

static uint32_t table_size(const struct plan *plan, const struct wb_group *previous)
{
	uint32_t size = previous ? previous->mask + 1 : WB_GROUP_MIN_BUCKETS;
	uint32_t lightest = 255;

	for (unsigned i = 0; i < plan->n; i++)
		if (plan->paths[i].weight < lightest)
			lightest = plan->paths[i].weight;
	while (size < WB_GROUP_MAX_BUCKETS && size * lightest < BUCKETS_A_PATH * plan->total_weight)
		size *= 2;
	return size;
}

/* The path, by its place in plan->paths, of each bucket of the table before. */
static void map_previous(struct plan *plan, const struct wb_group *previous, uint8_t *path_of)
{
	uint8_t by_old_path[WB_GROUP_MAX_PATHS];

	memset(path_of, NO_PATH, plan->size);
	if (!previous)
		return;
	for (unsigned o = 0; o < previous->n_paths; o++) {
		by_old_path[o] = NO_PATH;
		for (unsigned i = 0; i < plan->n; i++)
			if (plan->paths[i].tunnel == previous->paths[o].tunnel)
				by_old_path[o] = (uint8_t)i;
	}
	for (uint32_t b = 0; b < plan->size; b++) {
		uint16_t tunnel = previous->bucket[b & previous->mask];

		for (unsigned o = 0; o < previous->n_paths; o++)
			if (previous->paths[o].tunnel == tunnel)
				path_of[b] = by_old_path[o];
		if (path_of[b] != NO_PATH)
			plan->held[path_of[b]]++;
	}
}

/* Exact shares rounded down; then the buckets left over go, one each, to paths whose share was
 * not whole: first to those that hold more than their share already (they then need not give one
 * up), among equals to the largest remainder. There are fewer left over than such paths. */
static void set_targets(struct plan *plan)
{
	uint32_t remainder[WB_GROUP_MAX_PATHS];
	uint32_t left = plan->size;

	for (unsigned i = 0; i < plan->n; i++) {
		uint32_t exact = plan->size * plan->paths[i].weight;

		plan->target[i] = exact / plan->total_weight;
		remainder[i] = exact % plan->total_weight;
		left -= plan->target[i];
	}
	for (; left > 0; left--) {
		unsigned best = 0;
		uint64_t best_rank = 0;

		for (unsigned i = 0; i < plan->n; i++) {
			uint64_t rank = remainder[i];

			if (rank != 0 && plan->held[i] > plan->target[i])
				rank += UINT32_MAX;
			if (rank > best_rank) {
				best = i;
				best_rank = rank;
			}
		}
		plan->target[best]++;
		remainder[best] = 0;
	}
}

/* Keeps what may stay, then deals the free buckets round the paths that want more. */
static void assign(const struct plan *plan, const struct wb_group *previous, uint8_t *path_of,
	struct wb_group *group)
{
	uint32_t count[WB_GROUP_MAX_PATHS] = {0};
	unsigned turn = 0;

	for (uint32_t b = 0; b < plan->size; b++) {
		uint8_t path = path_of[b];

		if (path == NO_PATH)
			continue;
		if (count[path] < plan->target[path])
			count[path]++;
		else
			path_of[b] = NO_PATH;
	}
	for (uint32_t b = 0; b < plan->size; b++) {
		if (path_of[b] == NO_PATH) {
			while (count[turn] == plan->target[turn])
				turn = (turn + 1) % plan->n;
			path_of[b] = (uint8_t)turn;
			count[turn]++;
			turn = (turn + 1) % plan->n;
		}
		group->bucket[b] = plan->paths[path_of[b]].tunnel;
		if (previous && group->bucket[b] != previous->bucket[b & previous->mask])
			group->moved++;
	}
	for (unsigned i = 0; i < plan->n; i++)
		group->buckets[i] = (uint16_t)count[i];
}

int wb_group_build(uint32_t id, const struct wb_group *previous, const struct wb_group_path *paths,
	unsigned n, struct wb_group **out, struct wb_err *err)
{
	struct plan plan = {.paths = paths, .n = n};
	struct wb_group *group;
	uint8_t *path_of;
	int ret;

	ret = check_paths(paths, n, err);
	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < n; i++)
		plan.total_weight += paths[i].weight;
	plan.size = table_size(&plan, previous);

	path_of = malloc(plan.size);
	group = calloc(1, sizeof(*group) + plan.size * sizeof(group->bucket[0]));
	if (!path_of || !group) {
		free(path_of);
		free(group);
		return wb_err_set(err, ENOMEM, "no memory for a group of %u buckets", plan.size);
	}
	group->id = id;
	group->mask = plan.size - 1;
	group->n_paths = (uint16_t)n;
	memcpy(group->paths, paths, n * sizeof(paths[0]));

	map_previous(&plan, previous, path_of);
	set_targets(&plan);
	assign(&plan, previous, path_of, group);

	free(path_of);
	*out = group;
	return 0;
}

void wb_group_free(void *group)
{
	free(group);
}
