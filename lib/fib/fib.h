/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The forwarding table: IPv4 and IPv6 longest-prefix match, with next hops shared by routes. A
 * resolved neighbour is nothing but a /32 or /128 route with a WB_NH_PORT next hop.
 *
 * The control thread changes it while workers look up, without locks. A worker sees each address
 * lead where it led before a change or where it leads after it, never anywhere else: whatever a
 * change takes out of use goes through the grace period of the `retire` callback.
 */
#ifndef WB_FIB_FIB_H
#define WB_FIB_FIB_H

#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "fib/nexthop.h"

/** Routes a family: twice the Internet's. Address space is reserved for the worst kind of them, as
 * far as the trie reaches; memory is taken as they come. */
#define WB_FIB_ROUTES	  2097152
#define WB_FIB_MAX_ROUTES WB_FIB_ROUTES
/** Where even address space is scarce, a table for some of them will do, but not for fewer. */
#define WB_FIB_LEAST_ROUTES 16384

struct wb_fib_config {
	uint32_t max_routes4; /**< routes and neighbours of each family; 0: WB_FIB_ROUTES */
	uint32_t max_routes6;
	/** Frees after a grace period; NULL where no worker runs. */
	wb_retire_fn retire;
	void *arg; /**< of retire */
};

struct wb_fib_control;
struct wb_lpm_table;

/** A forwarding table. Its members are for lib/fib and the calls below. */
struct wb_fib {
	const struct wb_lpm_table *v4;
	const struct wb_lpm_table *v6;
	const struct wb_nh_table *nexthops;
	struct wb_nh_store *store;
	struct wb_fib_control *control;
};

/** Makes an empty table: everything reads as KERNEL. Control thread; needs no EAL.
 * @return 0; -EINVAL: limits out of range; -ENOMEM. */
int wb_fib_create(const struct wb_fib_config *config, struct wb_fib **out, struct wb_err *err);

/** Frees it. Every worker has stopped reading; what is still on its way through `retire` may be
 * freed before or after. NULL is ignored. */
void wb_fib_destroy(struct wb_fib *fib);

/**
 * Adds a route, or changes where it leads. Bits behind the prefix length are ignored.
 * Control thread. On failure the route is as it was before.
 * @return 0; -EINVAL: no such prefix; -ENOENT: unknown group; -ENOSPC: table or next hops full;
 *   -ENOMEM.
 */
int wb_fib_route_set(struct wb_fib *fib, const struct wb_prefix *prefix,
	const struct wb_nh_spec *spec, struct wb_err *err);

/** Removes a route. Control thread. Returns 0; -ENOENT; -EINVAL. */
int wb_fib_route_del(struct wb_fib *fib, const struct wb_prefix *prefix, struct wb_err *err);

/** The route of exactly this prefix, or NULL. Control thread. */
const struct wb_nexthop *wb_fib_route_get(const struct wb_fib *fib, const struct wb_prefix *prefix);

/** Routes of a family (AF_INET, AF_INET6) now. Control thread. */
uint32_t wb_fib_routes(const struct wb_fib *fib, uint16_t family);

/** Sees one route; a value other than 0 ends the walk. It must not change the table. */
typedef int (*wb_fib_route_fn)(
	void *arg, const struct wb_prefix *prefix, const struct wb_nexthop *nexthop);

/** Walks the routes, IPv4 first, then by length and address. Control thread. Returns 0, what `fn`
 * ended it with, or -ENOMEM. */
int wb_fib_foreach(const struct wb_fib *fib, wb_fib_route_fn fn, void *arg);

/** Groups of this table: see wb_nh_group_set(), wb_nh_groups_sweep(), wb_nh_group_find(),
 * wb_nh_group_refs(), wb_nh_groups_walk(). */
static inline int wb_fib_group_set(struct wb_fib *fib, struct wb_group *group, struct wb_err *err)
{
	return wb_nh_group_set(fib->store, group, err);
}

static inline unsigned wb_fib_groups_sweep(struct wb_fib *fib)
{
	return wb_nh_groups_sweep(fib->store);
}

static inline struct wb_group *wb_fib_group_find(const struct wb_fib *fib, uint32_t group_id)
{
	return wb_nh_group_find(fib->store, group_id);
}

static inline uint32_t wb_fib_group_refs(const struct wb_fib *fib, uint32_t group_id)
{
	return wb_nh_group_refs(fib->store, group_id);
}

static inline struct wb_group *wb_fib_groups_walk(
	const struct wb_fib *fib, wb_nh_group_fn fn, void *arg)
{
	return wb_nh_groups_walk(fib->store, fn, arg);
}

/**
 * Looks up a burst. Any thread, no locks, any n.
 * @param ips    host byte order.
 * @param nh_ids gets n next-hop ids for wb_fib_nexthop(); 0 (KERNEL) where no route is.
 */
void wb_fib_lookup4_bulk(
	const struct wb_fib *fib, const uint32_t *ips, uint64_t *nh_ids, unsigned n);

/** The same for IPv6; addresses in network byte order. */
void wb_fib_lookup6_bulk(
	const struct wb_fib *fib, const uint8_t (*ips)[16], uint64_t *nh_ids, unsigned n);

/** The next hop of an id from a lookup: never NULL, good until this thread's next quiescent
 * state. Look up and use it between two quiescent states. */
static inline const struct wb_nexthop *wb_fib_nexthop(const struct wb_fib *fib, uint64_t id)
{
	return wb_nh_get(fib->nexthops, id);
}

#endif
