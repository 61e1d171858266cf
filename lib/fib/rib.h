/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Inside lib/fib: the prefix trees that rte_fib and rte_fib6 keep beside their lookup tables,
 * read through one interface. Control thread.
 */
#ifndef WB_FIB_RIB_H
#define WB_FIB_RIB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "fib/fib.h"

/** A route as the tree has it. Zero it before the first wb_rib_next(). */
struct wb_rib_node {
	struct wb_prefix prefix;
	uint64_t id; /**< its next hop */
	void *at;    /**< where the walk is */
};

/** The route of exactly this (masked) prefix. */
bool wb_rib_find(const struct wb_fib *fib, const struct wb_prefix *prefix,
		 struct wb_rib_node *node);

/** The next route below `block`, itself excluded; false when there is none left. The tree must
 * not change during a walk. */
bool wb_rib_next(const struct wb_fib *fib, const struct wb_prefix *block, struct wb_rib_node *node);

#endif
