/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Next-hop groups: a table of buckets, each holding a tunnel, so that flows spread over tunnels by
 * weight, and move only when they must.
 *
 * Workers read a bucket and write into it when it was last used; control moves buckets in place.
 * Both are in one word and change by compare-and-swap, so that a bucket taken for idle does not
 * move under a packet that is just being sent by it: either the packet's stamp comes first, and
 * the bucket stays, or the move does, and the packet goes the new way.
 *
 * What a worker reads is right whenever it reads: a bucket leads where it led before a change or
 * where it leads after it. Once every worker was quiescent, none uses what control took out of the
 * table before. A table that must become larger is another one, which takes the place of the old
 * by wb_nh_group_set() and a grace period; that is the only time a group's table is replaced.
 */
#ifndef WB_FIB_GROUP_H
#define WB_FIB_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define WB_GROUP_MAX_PATHS   64
#define WB_GROUP_MAX_TUNNELS 1024 /**< tunnel ids are below */
#define WB_GROUP_MIN_BUCKETS 1024
/** Above 64 paths x weight 255, so that the lightest path of any group has a bucket. */
#define WB_GROUP_MAX_BUCKETS 16384
/** The share of a path that is as good as it can be. */
#define WB_GROUP_FULL 256

/** Stamps count periods of 2^20 ns, about a millisecond. */
#define WB_GROUP_TICK_SHIFT 20

/** One path of a group. It gets flows by weight x share. */
struct wb_group_path {
	uint16_t tunnel; /**< tunnel id, once a group */
	uint8_t weight;	 /**< 1..255, relative to the other paths */
	uint16_t share;	 /**< 0..WB_GROUP_FULL, how much of its weight counts; 0: it is dead */
};

/** A group. Its members are control's, but for the buckets. */
struct wb_group {
	uint32_t id;   /**< chosen by control; stays the same for the group's life */
	uint32_t mask; /**< number of buckets (a power of two) - 1 */
	uint16_t n_paths;
	uint32_t waiting;    /**< buckets that are to move once they are idle */
	uint64_t unbalanced; /**< ns, since when some are */
	uint64_t moved;	     /**< buckets that have changed tunnel, since the group was made */
	struct wb_group_path paths[WB_GROUP_MAX_PATHS];
	uint16_t buckets[WB_GROUP_MAX_PATHS]; /**< buckets that each path holds */
	uint16_t wanted[WB_GROUP_MAX_PATHS];  /**< buckets it is to hold */
	/** mask + 1 buckets: the tunnel in the low 16 bits, and above the tick of its last use. */
	uint64_t bucket[];
};

/**
 * Makes a group. Each path holds its exact share of the buckets, rounded up or down.
 *
 * Control thread, as all calls that change a group; uses malloc. Free with wb_group_free().
 * @param n    1..WB_GROUP_MAX_PATHS.
 * @param used ns, when its flows were last seen: 0 if there were none yet.
 * @return 0; -EINVAL: no path or too many, weight 0, a share above WB_GROUP_FULL, a tunnel twice
 *   or with too high an id; -ENOMEM.
 */
int wb_group_build(uint32_t id, const struct wb_group_path *paths, unsigned n, uint64_t used,
	struct wb_group **out, struct wb_err *err);

/** Makes another group of the same paths and buckets. They count as used at `now` (ns): flows come
 * over from the group, whose stamps workers go on writing meanwhile. Returns 0 or -ENOMEM. */
int wb_group_clone(const struct wb_group *group, uint32_t id, uint64_t now, struct wb_group **out,
	struct wb_err *err);

/**
 * Gives a group other paths, weights or shares. Buckets of paths that left or are dead move at
 * once, to paths that lack some; all others stay until wb_group_balance() moves those that must.
 * The rounding is chosen so that as few as possible must. If every path is dead, all count as
 * full: somebody has to carry the flows, and nobody knows better.
 *
 * The table never becomes smaller; a larger one repeats it, so that growing moves nothing.
 * @param now ns.
 * @param out gets `group`, changed in place, or a larger table that is to take its place by
 *   wb_nh_group_set(); `group` itself is then as it was.
 * @return 0; -EINVAL and -ENOMEM as wb_group_build(): the group is as it was.
 */
int wb_group_change(struct wb_group *group, const struct wb_group_path *paths, unsigned n,
	uint64_t now, struct wb_group **out, struct wb_err *err);

/**
 * Moves buckets that wait and have been idle, from paths that hold too many to such that lack some.
 * @param now   ns, of the workers' clock.
 * @param idle  ns without a packet after which a bucket may move: longer than the difference
 *   between the delays of two paths, or its next packet overtakes the last one.
 * @param force ns after which those still waiting move though in use; 0: never.
 * @return buckets moved.
 */
uint32_t wb_group_balance(struct wb_group *group, uint64_t now, uint64_t idle, uint64_t force);

/**
 * Whether the flows of one group can go over to another without disturbing any: each bucket leads
 * to the same tunnel in both, or to one that has left or is dead in the other, or is idle. If so,
 * the buckets of `to` count as used at `now`.
 */
bool wb_group_merge(const struct wb_group *from, struct wb_group *to, uint64_t now, uint64_t idle);

/** Frees a group that no worker reads any more; takes void * to be a retire callback. */
void wb_group_free(void *group);

/** The tunnel of a bucket, without using it. */
static inline uint16_t wb_group_tunnel(const struct wb_group *group, uint32_t bucket)
{
	return (uint16_t)__atomic_load_n(&group->bucket[bucket & group->mask], __ATOMIC_RELAXED);
}

/** Asks for what wb_group_pick() needs. */
static inline void wb_group_prefetch(const struct wb_group *group, uint32_t hash)
{
	__builtin_prefetch(&group->bucket[hash & group->mask], 1);
}

/** The tunnel of a flow, which is stamped as used: any thread, no division. One store a bucket and
 * tick at the most: workers do not fight for the line while a flow is busy.
 * @param hash wb_flow_hash()'s.
 * @param now  ns, the worker's. */
static inline uint16_t wb_group_pick(struct wb_group *group, uint32_t hash, uint64_t now)
{
	uint64_t *bucket = &group->bucket[hash & group->mask];
	uint64_t word = __atomic_load_n(bucket, __ATOMIC_RELAXED);
	uint64_t tick = now >> WB_GROUP_TICK_SHIFT;

	/* A failed exchange reads the word anew: control may have moved the bucket. Never
	 * backwards: another worker's clock may be read later. */
	while (__builtin_expect(word >> 16 < tick, 0) &&
		!__atomic_compare_exchange_n(bucket, &word, tick << 16 | (uint16_t)word, true,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
	}
	return (uint16_t)word;
}

#endif
