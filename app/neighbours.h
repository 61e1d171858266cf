/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The kernel's resolved neighbours behind our ports. Control only.
 */
#ifndef WB_APP_NEIGHBOURS_H
#define WB_APP_NEIGHBOURS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/addr.h"

struct neighbour {
	struct wb_addr addr;
	uint16_t port;
	uint8_t mac[6];
	bool seen; /**< in the dump under way */
};

struct neighbours;

/** Makes an empty table. NULL when memory is out. */
struct neighbours *neighbours_create(void);
void neighbours_free(struct neighbours *neighbours);

/** Notes a neighbour's MAC. Returns true if that is news. */
bool neighbours_set(struct neighbours *neighbours, unsigned port, const struct wb_addr *addr,
	const uint8_t mac[6]);

/** Forgets a neighbour. Returns true if it was known. */
bool neighbours_del(struct neighbours *neighbours, unsigned port, const struct wb_addr *addr);

/** The neighbour, or NULL. */
const struct neighbour *neighbours_find(
	const struct neighbours *neighbours, unsigned port, const struct wb_addr *addr);

/** The neighbour of this address behind any port, or NULL. */
const struct neighbour *neighbours_find_any(
	const struct neighbours *neighbours, const struct wb_addr *addr);

/** Calls fn for each; fn may forget the one it is given. */
void neighbours_foreach(struct neighbours *neighbours,
	void (*fn)(void *arg, struct neighbour *neighbour), void *arg);

#endif
