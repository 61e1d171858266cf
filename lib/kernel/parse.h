/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * rtnetlink messages, checked and taken apart. Pure functions; the bytes may be hostile.
 */
#ifndef WB_KERNEL_PARSE_H
#define WB_KERNEL_PARSE_H

#include <linux/netlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel/netlink.h"

#define WB_HOPS_MAX 64

struct wb_route {
	struct wb_prefix prefix;
	uint32_t table;
	uint32_t metric;
	uint8_t type; /**< RTN_* */
	uint8_t protocol;
	bool dead;	       /**< has hops, but the kernel uses none: their links are down */
	struct wb_addr source; /**< RTA_PREFSRC */
	uint32_t mtu;	       /**< RTAX_MTU; 0: none */
	/** Hops in use. 0 for a unicast route that only the kernel can follow: more than
	 * WB_HOPS_MAX, or nexthop objects it does not expand (nexthop_compat_mode 0). */
	unsigned n_hops;
	struct wb_hop hops[WB_HOPS_MAX];
};

struct wb_neighbour {
	int ifindex;
	struct wb_addr addr;
	uint8_t mac[6];
	bool usable; /**< resolved, and not known to have failed */
};

struct wb_link {
	int ifindex;
	char name[IFNAMSIZ];
	uint32_t mtu;
	bool up;
	bool carrier;
};

struct wb_address {
	int ifindex;
	struct wb_prefix prefix;
};

/** How many bytes of a read from a netlink socket, from its beginning, are whole messages. To be
 * asked first: libmnl 1.0.4 takes a message's length for a negative number from 2^31 on, which fits
 * everywhere. */
size_t wb_parse_whole(const void *bytes, size_t length);

/** Each returns 0; -EINVAL: malformed; -ENOTSUP: well formed, but nothing for us (another family;
 * of links, what a bridge says of its ports). */
int wb_parse_route(const struct nlmsghdr *message, struct wb_route *route);
int wb_parse_neighbour(const struct nlmsghdr *message, struct wb_neighbour *neighbour);
int wb_parse_link(const struct nlmsghdr *message, struct wb_link *link);
int wb_parse_address(const struct nlmsghdr *message, struct wb_address *address);

#endif
