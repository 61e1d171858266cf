/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The routes of the kernel, and which of a prefix's the forwarding is to use: of this host's own
 * addresses before all others; then of the main table by metric; for the default route, the one of
 * wg-quick's table before the main table's, as its rules have it. One thread.
 */
#ifndef WB_KERNEL_RIB_H
#define WB_KERNEL_RIB_H

#include "kernel/parse.h"

struct wb_rib;

/** Called when the best route of a prefix may have changed. */
typedef void (*wb_rib_changed)(void *arg, const struct wb_prefix *prefix);

/** `default_table`: where wg-quick's default routes are; 0 none. NULL when memory is out. */
struct wb_rib *wb_rib_create(uint32_t default_table, wb_rib_changed changed, void *arg);
void wb_rib_free(struct wb_rib *rib);

/** Notes a route, in the place of one of the same prefix, table and metric. */
int wb_rib_set(struct wb_rib *rib, const struct wb_route *route);
void wb_rib_del(struct wb_rib *rib, const struct wb_route *route);

/** Between the two, all routes of a family are set anew; the end forgets those that were not. */
void wb_rib_mark(struct wb_rib *rib, int family);
void wb_rib_sweep(struct wb_rib *rib, int family);

/** The best route, or NULL. Good until the next change. */
const struct wb_route *wb_rib_best(const struct wb_rib *rib, const struct wb_prefix *prefix);

/** Calls fn for every prefix. It must not change the RIB. */
void wb_rib_foreach(
	const struct wb_rib *rib, void (*fn)(void *arg, const struct wb_prefix *prefix), void *arg);

#endif
