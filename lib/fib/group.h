/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Next-hop groups: a table of buckets, each holding a tunnel, so that flows spread over tunnels
 * by weight and stay where they are when the set of tunnels changes. Immutable once built.
 */
#ifndef WB_FIB_GROUP_H
#define WB_FIB_GROUP_H

#include <stdint.h>

#include "base/err.h"

#define WB_GROUP_MAX_PATHS   64
#define WB_GROUP_MIN_BUCKETS 256
/** Above 64 paths x weight 255, so that the lightest path of any group has a bucket. */
#define WB_GROUP_MAX_BUCKETS 16384

/** One path of a group. */
struct wb_group_path {
	uint16_t tunnel; /**< tunnel id, once a group */
	uint8_t weight;	 /**< 1..255, relative to the other paths */
};

/** A built group. */
struct wb_group {
	uint32_t id;   /**< chosen by control; stays the same through rebuilds */
	uint32_t mask; /**< number of buckets (a power of two) - 1 */
	uint16_t n_paths;
	uint16_t pad;
	uint32_t moved; /**< buckets that changed tunnel against the table before this one */
	struct wb_group_path paths[WB_GROUP_MAX_PATHS]; /**< as given to wb_group_build() */
	uint16_t buckets[WB_GROUP_MAX_PATHS];		/**< buckets that path holds */
	uint16_t bucket[];				/**< mask + 1 tunnel ids */
};

/**
 * Builds the table of a group. Each path holds its exact share of the buckets rounded up or down.
 * Against `previous` a bucket changes tunnel only if its tunnel left or must shrink, and the
 * rounding is chosen so that as few as possible do. The table never becomes smaller than the
 * previous one; a larger one repeats it, so growing moves nothing by itself.
 *
 * Control thread; uses malloc. Free with wb_group_free() after a grace period.
 * @param previous the group's table now, or NULL.
 * @param n        1..WB_GROUP_MAX_PATHS.
 * @return 0; -EINVAL: no path or too many, weight 0, a tunnel twice; -ENOMEM.
 */
int wb_group_build(uint32_t id, const struct wb_group *previous, const struct wb_group_path *paths,
	unsigned n, struct wb_group **out, struct wb_err *err);

/** Frees a table that no worker reads any more; takes void * to be a retire callback. */
void wb_group_free(void *group);

/** The tunnel of a flow: any thread, no division. `hash` is wb_flow_hash()'s. */
static inline uint16_t wb_group_pick(const struct wb_group *group, uint32_t hash)
{
	return group->bucket[hash & group->mask];
}

#endif
