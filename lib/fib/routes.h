/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Inside lib/fib: the list of routes, by prefix. Control thread.
 */
#ifndef WB_FIB_ROUTES_H
#define WB_FIB_ROUTES_H

#include <stdint.h>

#include "base/addr.h"

struct wb_route {
	struct wb_route *next; /**< in the hash chain */
	struct wb_prefix prefix;
	uint16_t nh_id;
};

/** Both families. Zeroed is not valid: see wb_routes_init(). */
struct wb_routes {
	struct wb_route **bucket;
	uint32_t mask;
	uint32_t n4;	     /**< IPv4 routes */
	uint32_t n6;	     /**< IPv6 routes */
	uint32_t n_len4[33]; /**< routes of each length: few lengths are in use */
	uint32_t n_len6[129];
};

/** Returns 0 or -ENOMEM. */
int wb_routes_init(struct wb_routes *routes);

/** Frees every route. */
void wb_routes_fini(struct wb_routes *routes);

/** The route of exactly this masked prefix, or NULL. */
struct wb_route *wb_routes_find(const struct wb_routes *routes, const struct wb_prefix *prefix);

/** The longest route shorter than `prefix` that contains it, or NULL. */
struct wb_route *wb_routes_parent(const struct wb_routes *routes, const struct wb_prefix *prefix);

/** Adds a prefix that is not there yet. NULL: no memory. */
struct wb_route *wb_routes_add(
	struct wb_routes *routes, const struct wb_prefix *prefix, uint16_t nh_id);

/** Removes and frees. */
void wb_routes_remove(struct wb_routes *routes, struct wb_route *route);

/** All routes sorted by wb_prefix_compare(), n4 + n6 of them; free() the array. NULL: no memory
 * or no routes. */
struct wb_route **wb_routes_sorted(const struct wb_routes *routes);

#endif
