/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The groups of tunnels that routes are spread over: which routes share one, how one follows its
 * routes' tunnels, and when its buckets move. Control's, under the gateway's lock.
 *
 * A route that gets another set of tunnels keeps its flows where they are, but for those that must
 * move: a group that it alone uses changes in place, one it shares is cloned first. Routes with the
 * same tunnels and weights share a group as far as no flow in use moves by that.
 */
#ifndef WB_APP_GROUPS_H
#define WB_APP_GROUPS_H

#include <stdint.h>

#include "base/addr.h"
#include "fib/group.h"

#include "config.h"

struct control;
struct gateway;
struct groups;

/** What there are before the first route. NULL when memory is out. */
struct groups *groups_create(void);
void groups_free(struct groups *groups);

/** Takes [ecmp] of the configuration, at start or while it runs. Workers follow with their next
 * packet: another hash or `inner` moves flows, in use or not. */
void groups_configure(struct gateway *gateway, const struct config_ecmp *ecmp);

/**
 * The group for a route: the caller makes the route lead there.
 * @param prefix the route's; where it leads now tells which flows to keep.
 * @param paths  2 or more, with tunnel and weight; the share is set here.
 * @return 0 and the group's id; -EINVAL, -ENOMEM.
 */
int groups_for_route(struct control *control, const struct wb_prefix *prefix,
	struct wb_group_path *paths, unsigned n, uint32_t *id);

/** A tunnel's path is as good as `share` says, 0 (dead) to WB_GROUP_FULL: all groups with it
 * follow. A dead one's flows are on the others when this returns. */
void groups_path_share(struct control *control, uint16_t tunnel, uint16_t share);

/** Whether routes are spread over this tunnel and others. */
bool groups_have(const struct control *control, uint16_t tunnel);

/** Moves buckets that wait and are idle; forgets groups without a route. Called every round. */
void groups_poll(struct control *control, uint64_t now);

#endif
