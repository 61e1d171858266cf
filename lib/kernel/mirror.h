/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The kernel's links, routes and neighbours, as they are and as they change. Control only.
 *
 * After wb_mirror_open() everything is reported once; then what changes. When the kernel lost news
 * for us (ENOBUFS), or changes routes without a word (a link that goes down or an address that is
 * deleted takes its IPv4 routes along, a nexthop object all that use it; IPv6 routes change hop by
 * hop), the part concerned is reported anew between its begin and end calls: what was not reported
 * in between is gone. A part that changed while the kernel told it begins again: begin may be
 * called more than once before an end. Links have no begin and end: each that is lost is told gone.
 *
 * Only what decides by destination is reported: no routes of one source (IPv6 "from") or type of
 * service, no paths the kernel has learned to one destination (MTU, redirect).
 */
#ifndef WB_KERNEL_MIRROR_H
#define WB_KERNEL_MIRROR_H

#include <stdbool.h>

#include "kernel/parse.h"

struct wb_mirror;

/** Each is called with `arg`; all must be set. */
struct wb_mirror_ops {
	void (*route)(void *arg, const struct wb_route *route, bool gone);
	void (*routes_begin)(void *arg, int family);
	void (*routes_end)(void *arg, int family);
	void (*neighbour)(void *arg, const struct wb_neighbour *neighbour, bool gone);
	void (*neighbours_begin)(void *arg);
	void (*neighbours_end)(void *arg);
	void (*link)(void *arg, const struct wb_link *link, bool gone);
};

/** Subscribes, and reports what there is now. */
int wb_mirror_open(
	const struct wb_mirror_ops *ops, void *arg, struct wb_mirror **out, struct wb_err *err);
void wb_mirror_close(struct wb_mirror *mirror);

/** For epoll: readable when there is news. */
int wb_mirror_fd(const struct wb_mirror *mirror);

/** Takes all news there is; does not wait for more. Returns 0, or a negative errno if the kernel
 * could not be asked again; the next call tries anew. */
int wb_mirror_process(struct wb_mirror *mirror);

#endif
