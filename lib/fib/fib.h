/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The forwarding table: IPv4 and IPv6 longest-prefix match over DPDK's rte_fib (DIR24_8) and
 * rte_fib6 (TRIE), with next hops shared by routes. A resolved neighbour is nothing but a /32 or
 * /128 route with a WB_NH_PORT next hop.
 *
 * The control thread changes it while workers look up, without locks. A worker sees a route as it
 * was or as it is; while a prefix longer than 24 bits is being removed it may see "no route"
 * (KERNEL) for a moment, and the kernel then does what is right.
 */
#ifndef WB_FIB_FIB_H
#define WB_FIB_FIB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "fib/nexthop.h"

struct rte_fib;
struct rte_fib6;

struct wb_fib_config {
	const char *name;     /**< unique in the process, up to 16 characters */
	uint32_t max_routes4; /**< routes and neighbours of each family; 0: WB_FIB_ROUTES */
	uint32_t max_routes6;
	int socket; /**< NUMA socket of the tables, or SOCKET_ID_ANY (-1) */
	/** Frees after a grace period; NULL where no worker runs. */
	wb_retire_fn retire;
	/** Returns once every worker has been quiescent (rte_rcu_qsbr_synchronize); may be NULL
	 * where no worker runs. Called before a change that may reuse a part of the tables which an
	 * earlier one may have freed: rte_fib has no grace period of its own. Neighbours that
	 * come or go do not call it in a row. */
	void (*synchronize)(void *arg);
	void *arg; /**< of retire and synchronize */
};

/** Routes a family unless the configuration says otherwise. With it the tables of both families
 * take about 110 MB; wb_fib_memory() tells before anything is allocated. */
#define WB_FIB_ROUTES 16384

#define WB_FIB_MAX_ROUTES 4194304

/** A forwarding table. Its members are for lib/fib and the calls below. */
struct wb_fib {
	struct rte_fib *v4;
	struct rte_fib6 *v6;
	const struct wb_nh_table *nexthops;
	struct wb_nh_store *store;
	uint32_t routes4; /**< routes now */
	uint32_t routes6;
	uint32_t max_routes4;
	uint32_t max_routes6;
	bool stale4; /**< a second-level table may have been freed since the last grace period */
	bool stale6;
	bool odd6;	 /**< the IPv6 table has the second of its two names */
	uint32_t leaks6; /**< IPv6 routes removed since the table was made */
	int socket;
	char name[17];
	void (*synchronize)(void *arg);
	void *arg;
};

/** Bytes of DPDK memory that wb_fib_create() will ask for (an estimate, from above). */
uint64_t wb_fib_memory(const struct wb_fib_config *config);

/** Makes an empty table: everything reads as KERNEL. Control thread, after rte_eal_init().
 * @return 0; -EINVAL: limits out of range or name too long; -EEXIST: name in use; -ENOMEM. */
int wb_fib_create(const struct wb_fib_config *config, struct wb_fib **out, struct wb_err *err);

/** Frees it. Every worker has stopped reading. NULL is ignored. */
void wb_fib_destroy(struct wb_fib *fib);

/**
 * Adds a route, or changes where it leads. Bits behind the prefix length are ignored.
 * Control thread. On failure the route is as it was before.
 * @return 0; -EINVAL: no such prefix; -ENOENT: unknown group; -ENOSPC: table or next hops full.
 */
int wb_fib_route_set(struct wb_fib *fib, const struct wb_prefix *prefix,
		     const struct wb_nh_spec *spec, struct wb_err *err);

/** Removes a route. Control thread. Returns 0; -ENOENT; -EINVAL. */
int wb_fib_route_del(struct wb_fib *fib, const struct wb_prefix *prefix, struct wb_err *err);

/** The route of exactly this prefix, or NULL. Control thread. */
const struct wb_nexthop *wb_fib_route_get(const struct wb_fib *fib, const struct wb_prefix *prefix);

/** Sees one route; a value other than 0 ends the walk. It must not change the table. */
typedef int (*wb_fib_route_fn)(void *arg, const struct wb_prefix *prefix,
			       const struct wb_nexthop *nexthop);

/** Walks the routes, IPv4 first, then by address and length. Control thread. Returns 0, or what
 * `fn` ended it with. */
int wb_fib_foreach(const struct wb_fib *fib, wb_fib_route_fn fn, void *arg);

/** Groups of this table: see wb_nh_group_set(), wb_nh_group_del(), wb_nh_group_find(). */
static inline int wb_fib_group_set(struct wb_fib *fib, struct wb_group *group, struct wb_err *err)
{
	return wb_nh_group_set(fib->store, group, err);
}

static inline int wb_fib_group_del(struct wb_fib *fib, uint32_t group_id, struct wb_err *err)
{
	return wb_nh_group_del(fib->store, group_id, err);
}

static inline const struct wb_group *wb_fib_group_find(const struct wb_fib *fib, uint32_t group_id)
{
	return wb_nh_group_find(fib->store, group_id);
}

/**
 * Looks up a burst. Any thread, no locks; best with n a multiple of 16.
 * @param ips    host byte order.
 * @param nh_ids gets n next-hop ids for wb_fib_nexthop(); 0 (KERNEL) where no route is.
 */
void wb_fib_lookup4_bulk(const struct wb_fib *fib, const uint32_t *ips, uint64_t *nh_ids,
			 unsigned n);

/** The same for IPv6; addresses in network byte order. */
void wb_fib_lookup6_bulk(const struct wb_fib *fib, const uint8_t (*ips)[16], uint64_t *nh_ids,
			 unsigned n);

/** The next hop of an id from a lookup: never NULL, good until this thread's next quiescent
 * state. Look up and use it between two quiescent states. */
static inline const struct wb_nexthop *wb_fib_nexthop(const struct wb_fib *fib, uint64_t id)
{
	return wb_nh_get(fib->nexthops, id);
}

#endif
