/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Requests to the kernel over rtnetlink (libmnl), each answered before the call returns. Control
 * only: they block for as long as the kernel takes.
 */
#ifndef WB_KERNEL_NETLINK_H
#define WB_KERNEL_NETLINK_H

#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

/** "Who made this route": ours, so that they can be told from the user's (RTPROT_* below 192 and
 * above 4 is free for routing daemons; `ip route` prints the number). */
#define WB_ROUTE_PROTOCOL 87

#define WB_TABLE_MAIN  254
#define WB_TABLE_LOCAL 255

struct wb_netlink;

/** One way of a route. */
struct wb_hop {
	int ifindex;
	struct wb_addr gateway; /**< family 0: the destination is on the link */
	uint16_t weight;	/**< 1..256; 0 counts as 1, more as 256 */
};

/** What wb_netlink_way() is asked: where would a packet to `dst` go? */
struct wb_wayfinding {
	struct wb_addr dst;
	struct wb_addr src; /**< from this address; family 0: the kernel chooses */
	uint32_t mark;
};

/** What it answers. */
struct wb_way {
	int ifindex;
	struct wb_addr gateway; /**< family 0: on the link */
	struct wb_addr source;
	uint32_t mtu; /**< the route's own; 0: the link's */
};

int wb_netlink_open(struct wb_netlink **out, struct wb_err *err);
void wb_netlink_close(struct wb_netlink *netlink);

/** Adds an address to an interface; one that is there already is no error. IPv6 without duplicate
 * address detection. */
int wb_netlink_address_add(struct wb_netlink *netlink, int ifindex, const struct wb_prefix *prefix,
	struct wb_err *err);

/** Takes one away; one that is not there is no error. */
void wb_netlink_address_del(
	struct wb_netlink *netlink, int ifindex, const struct wb_prefix *prefix);

/** Sets the MTU of an interface. */
int wb_netlink_mtu_set(struct wb_netlink *netlink, int ifindex, unsigned mtu, struct wb_err *err);

/** Adds or replaces the route of a prefix in a table: 1 to 64 hops. */
int wb_netlink_route_set(struct wb_netlink *netlink, uint32_t table, const struct wb_prefix *prefix,
	const struct wb_hop *hops, unsigned n, struct wb_err *err);

/** Deletes a route of ours; one that is not there is no error. */
void wb_netlink_route_del(
	struct wb_netlink *netlink, uint32_t table, const struct wb_prefix *prefix);

/** What wg-quick does for a tunnel with a default route: what is not marked looks into `table`,
 * after all of the main table but its default route. */
int wb_netlink_default_rules_add(
	struct wb_netlink *netlink, int family, uint32_t mark, uint32_t table, struct wb_err *err);
void wb_netlink_default_rules_del(
	struct wb_netlink *netlink, int family, uint32_t mark, uint32_t table);

/** The kernel's route to an address. Returns 0, or what the kernel says (-ENETUNREACH). */
int wb_netlink_way(struct wb_netlink *netlink, const struct wb_wayfinding *ask, struct wb_way *way,
	struct wb_err *err);

/** Has the kernel resolve a neighbour, or prove one that has become stale. */
int wb_netlink_neighbour_use(struct wb_netlink *netlink, int ifindex, const struct wb_addr *addr);

#endif
