/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Next hops: what a route says to do with a packet. A worker reads them by the id the lookup
 * gave; the control thread makes them from specifications, shares equal ones between routes, and
 * replaces or retires them without ever changing one in place (the buckets of groups apart: see
 * fib/group.h).
 */
#ifndef WB_FIB_NEXTHOP_H
#define WB_FIB_NEXTHOP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "fib/group.h"

/** Ids are 15 bits, as the two-byte entries of the lookup tables hold them. */
#define WB_NH_MAX 32768

/** The first three types are next hops of their own with the id of the same number. */
enum wb_nh_type {
	WB_NH_KERNEL = 0, /**< hand to the kernel; also what "no route" reads as */
	WB_NH_LOCAL = 1,  /**< an address of ours */
	WB_NH_DROP = 2,	  /**< blackhole */
	WB_NH_PORT = 3,	  /**< a resolved neighbour behind a port */
	WB_NH_GROUP = 4,  /**< flows spread over the tunnels of a group */
	WB_NH_TUNNEL = 5, /**< one tunnel */
};

/** A published next hop. Immutable; valid for a worker until its next quiescent state. */
struct wb_nexthop {
	uint8_t type;	 /**< enum wb_nh_type */
	uint8_t pad;	 /**< 0 */
	uint16_t id;	 /**< its place in the table, 0..WB_NH_MAX-1 */
	uint16_t port;	 /**< WB_NH_PORT: port index */
	uint16_t tunnel; /**< WB_NH_TUNNEL: tunnel id */
	/** WB_NH_PORT: the first 12 bytes of the Ethernet frame: destination, then source. */
	uint8_t dst_mac[6];
	uint8_t src_mac[6];
	struct wb_group *group; /**< WB_NH_GROUP: the bucket table, which workers stamp */
};

/** What control asks for. Fields that the type does not use are ignored. */
struct wb_nh_spec {
	enum wb_nh_type type;
	uint16_t port;	    /**< WB_NH_PORT */
	uint8_t dst_mac[6]; /**< WB_NH_PORT */
	uint8_t src_mac[6]; /**< WB_NH_PORT */
	uint16_t tunnel;    /**< WB_NH_TUNNEL */
	uint32_t group_id;  /**< WB_NH_GROUP: id of a group known to the table */
};

static inline struct wb_nh_spec wb_nh_kernel(void)
{
	return (struct wb_nh_spec){.type = WB_NH_KERNEL};
}

static inline struct wb_nh_spec wb_nh_local(void)
{
	return (struct wb_nh_spec){.type = WB_NH_LOCAL};
}

static inline struct wb_nh_spec wb_nh_drop(void)
{
	return (struct wb_nh_spec){.type = WB_NH_DROP};
}

static inline struct wb_nh_spec wb_nh_port(
	uint16_t port, const uint8_t dst_mac[6], const uint8_t src_mac[6])
{
	struct wb_nh_spec spec = {.type = WB_NH_PORT, .port = port};

	memcpy(spec.dst_mac, dst_mac, 6);
	memcpy(spec.src_mac, src_mac, 6);
	return spec;
}

static inline struct wb_nh_spec wb_nh_tunnel(uint16_t tunnel)
{
	return (struct wb_nh_spec){.type = WB_NH_TUNNEL, .tunnel = tunnel};
}

static inline struct wb_nh_spec wb_nh_group(uint32_t group_id)
{
	return (struct wb_nh_spec){.type = WB_NH_GROUP, .group_id = group_id};
}

/** How memory leaves that a worker may still read: `free_fn(ptr)` must be called on the control
 * thread once every worker has been quiescent (rte_rcu_qsbr), not before. */
typedef void (*wb_retire_fn)(void *arg, void *ptr, void (*free_fn)(void *ptr));

/** The table a worker reads: one pointer an id, never NULL (a free id reads as KERNEL). */
struct wb_nh_table {
	const struct wb_nexthop *slot[WB_NH_MAX];
};

/**
 * The next hop of an id that a lookup gave in this burst.
 * Any thread; the pointer is good until the thread's next quiescent state.
 */
static inline const struct wb_nexthop *wb_nh_get(const struct wb_nh_table *table, uint64_t id)
{
	return __atomic_load_n(&table->slot[id & (WB_NH_MAX - 1)], __ATOMIC_ACQUIRE);
}

/** The control thread's side of the table: ids, reference counts, groups. All calls below are
 * for the control thread only. */
struct wb_nh_store;

/** Makes a store with the three fixed next hops. `retire` may be NULL where no worker runs:
 * memory is freed at once. Returns 0 or -ENOMEM. */
int wb_nh_store_create(wb_retire_fn retire, void *retire_arg, struct wb_nh_store **out);

/** Lets go of the store. Every worker must have stopped reading. Memory still on its way through
 * `retire` is freed when that is done, in whichever order. NULL is ignored. */
void wb_nh_store_destroy(struct wb_nh_store *store);

/** What workers read. Lives as long as the store. */
const struct wb_nh_table *wb_nh_store_table(const struct wb_nh_store *store);

/** Finds or makes the next hop of a specification and takes a reference.
 * @return 0 and the id; -ENOENT: unknown group; -EINVAL: unknown type; -ENOSPC: no id is free;
 *   -ENOMEM. */
int wb_nh_ref(
	struct wb_nh_store *store, const struct wb_nh_spec *spec, uint16_t *id, struct wb_err *err);

/** Gives a reference back. With the last one the next hop retires: its slot stays readable, and
 * its id stays unused, until the grace period has passed. The caller has taken the id out of
 * every lookup table before. */
void wb_nh_unref(struct wb_nh_store *store, uint16_t id);

/** Adds a group, or puts a new table in the place of the one with the same id, for every route
 * that leads to it at once. The store owns `group` from here and frees it by wb_group_free().
 * On failure the caller keeps it. Returns 0, -ENOSPC or -ENOMEM. */
int wb_nh_group_set(struct wb_nh_store *store, struct wb_group *group, struct wb_err *err);

/** Removes all groups that no route leads to. Returns how many. */
unsigned wb_nh_groups_sweep(struct wb_nh_store *store);

/** The group's table now, or NULL. */
struct wb_group *wb_nh_group_find(const struct wb_nh_store *store, uint32_t group_id);

/** Routes that lead to a group; 0 if there is no such group. */
uint32_t wb_nh_group_refs(const struct wb_nh_store *store, uint32_t group_id);

/** Sees one group; true ends the walk. It may put another table in the place of this one. */
typedef bool (*wb_nh_group_fn)(void *arg, struct wb_group *group);

/** Walks the groups by their ids. Returns the one that ended the walk, or NULL. */
struct wb_group *wb_nh_groups_walk(const struct wb_nh_store *store, wb_nh_group_fn fn, void *arg);

/** Ids that are taken, those waiting for their grace period too. */
unsigned wb_nh_count(const struct wb_nh_store *store);

#endif
