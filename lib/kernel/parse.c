/* SPDX-License-Identifier: BSD-3-Clause */
#include "kernel/parse.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <bsd/string.h>

size_t wb_parse_whole(const void *bytes, size_t length)
{
	size_t at = 0, step;

	while (length - at >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *message = (const void *)((const uint8_t *)bytes + at);

		if (message->nlmsg_len < sizeof(*message) || message->nlmsg_len > length - at)
			break;
		/* The last one may come without its padding. */
		step = MNL_ALIGN((size_t)message->nlmsg_len);
		if (step >= length - at)
			return length;
		at += step;
	}
	return at;
}

/* Attributes of one message by type; those we do not know, or that are too short, stay NULL. */
struct attributes {
	const struct nlattr **table;
	unsigned max;
};

static int attribute(const struct nlattr *attr, void *arg)
{
	const struct attributes *attributes = arg;
	unsigned type = mnl_attr_get_type(attr);

	if (type <= attributes->max)
		attributes->table[type] = attr;
	return MNL_CB_OK;
}

static int attributes_of(
	const struct nlmsghdr *message, size_t body, const struct nlattr **table, unsigned max)
{
	struct attributes attributes = {.table = table, .max = max};

	if (mnl_nlmsg_get_payload_len(message) < body)
		return -EINVAL;
	return mnl_attr_parse(message, (unsigned)body, attribute, &attributes) < 0 ? -EINVAL : 0;
}

static bool get_u32(const struct nlattr *attr, uint32_t *value)
{
	if (attr == NULL || mnl_attr_get_payload_len(attr) < sizeof(*value))
		return false;
	*value = mnl_attr_get_u32(attr);
	return true;
}

static bool get_addr(const struct nlattr *attr, int family, struct wb_addr *addr)
{
	size_t length = family == AF_INET ? 4 : 16;

	if (attr == NULL || mnl_attr_get_payload_len(attr) < length)
		return false;
	memset(addr, 0, sizeof(*addr));
	addr->family = (uint16_t)family;
	memcpy(addr->bytes, mnl_attr_get_payload(attr), length);
	return true;
}

/* RTA_VIA: a gateway of the other family. */
static void get_via(const struct nlattr *attr, struct wb_addr *addr)
{
	const struct rtvia *via;
	size_t length;

	if (attr == NULL || mnl_attr_get_payload_len(attr) < sizeof(*via))
		return;
	via = mnl_attr_get_payload(attr);
	length = via->rtvia_family == AF_INET ? 4 : 16;
	if ((via->rtvia_family != AF_INET && via->rtvia_family != AF_INET6) ||
		mnl_attr_get_payload_len(attr) < sizeof(*via) + length)
		return;
	memset(addr, 0, sizeof(*addr));
	addr->family = via->rtvia_family;
	memcpy(addr->bytes, via->rtvia_addr, length);
}

static void parse_hop(const struct rtnexthop *next, int family, struct wb_hop *hop)
{
	const struct nlattr *attr = (const void *)(next + 1);
	const uint8_t *end = (const uint8_t *)next + next->rtnh_len;

	memset(hop, 0, sizeof(*hop));
	hop->ifindex = next->rtnh_ifindex;
	hop->weight = (uint16_t)(next->rtnh_hops + 1);
	for (; mnl_attr_ok(attr, (int)(end - (const uint8_t *)attr)); attr = mnl_attr_next(attr)) {
		if (mnl_attr_get_type(attr) == RTA_GATEWAY)
			get_addr(attr, family, &hop->gateway);
		else if (mnl_attr_get_type(attr) == RTA_VIA)
			get_via(attr, &hop->gateway);
	}
}

static int parse_multipath(const struct nlattr *nest, int family, struct wb_route *route)
{
	const uint8_t *at = mnl_attr_get_payload(nest);
	size_t left = mnl_attr_get_payload_len(nest);
	bool dead = false;

	while (left >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *next = (const void *)at;
		size_t length = next->rtnh_len, step = RTNH_ALIGN(length);

		if (length < sizeof(*next) || length > left)
			return -EINVAL;
		if (next->rtnh_flags & RTNH_F_DEAD) {
			dead = true;
		} else if (route->n_hops == WB_HOPS_MAX) {
			route->n_hops = 0;
			return 0;
		} else {
			parse_hop(next, family, &route->hops[route->n_hops++]);
		}
		if (step >= left)
			break;
		at += step;
		left -= step;
	}
	route->dead = dead && route->n_hops == 0;
	return 0;
}

static void parse_metrics(const struct nlattr *nest, struct wb_route *route)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest) if (mnl_attr_get_type(attr) == RTAX_MTU)
		get_u32(attr, &route->mtu);
}

int wb_parse_route(const struct nlmsghdr *message, struct wb_route *route)
{
	const struct nlattr *table[RTA_MAX + 1] = {NULL};
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);
	uint32_t value;
	int rc;

	memset(route, 0, sizeof(*route));
	rc = attributes_of(message, sizeof(*body), table, RTA_MAX);
	if (rc < 0)
		return rc;
	if (body->rtm_family != AF_INET && body->rtm_family != AF_INET6)
		return -ENOTSUP;
	route->prefix.addr.family = body->rtm_family;
	route->prefix.len = body->rtm_dst_len;
	route->type = body->rtm_type;
	route->protocol = body->rtm_protocol;
	route->table = body->rtm_table;
	if (route->prefix.len > wb_addr_bits(&route->prefix.addr))
		return -EINVAL;
	if (table[RTA_DST] == NULL
			? route->prefix.len != 0
			: !get_addr(table[RTA_DST], body->rtm_family, &route->prefix.addr))
		return -EINVAL;
	get_u32(table[RTA_TABLE], &route->table);
	get_u32(table[RTA_PRIORITY], &route->metric);
	get_addr(table[RTA_PREFSRC], body->rtm_family, &route->source);
	if (table[RTA_METRICS] != NULL)
		parse_metrics(table[RTA_METRICS], route);
	if (table[RTA_MULTIPATH] != NULL)
		return parse_multipath(table[RTA_MULTIPATH], body->rtm_family, route);
	route->dead = (body->rtm_flags & RTNH_F_DEAD) != 0;
	if (!route->dead && get_u32(table[RTA_OIF], &value)) {
		route->n_hops = 1;
		route->hops[0].ifindex = (int)value;
		route->hops[0].weight = 1;
		get_addr(table[RTA_GATEWAY], body->rtm_family, &route->hops[0].gateway);
		get_via(table[RTA_VIA], &route->hops[0].gateway);
	}
	return 0;
}

int wb_parse_neighbour(const struct nlmsghdr *message, struct wb_neighbour *neighbour)
{
	const struct nlattr *table[NDA_MAX + 1] = {NULL};
	const struct ndmsg *body = mnl_nlmsg_get_payload(message);
	int rc = attributes_of(message, sizeof(*body), table, NDA_MAX);

	memset(neighbour, 0, sizeof(*neighbour));
	if (rc < 0)
		return rc;
	if ((body->ndm_family != AF_INET && body->ndm_family != AF_INET6) ||
		!get_addr(table[NDA_DST], body->ndm_family, &neighbour->addr))
		return -ENOTSUP;
	neighbour->ifindex = body->ndm_ifindex;
	if (table[NDA_LLADDR] != NULL && mnl_attr_get_payload_len(table[NDA_LLADDR]) >= 6) {
		memcpy(neighbour->mac, mnl_attr_get_payload(table[NDA_LLADDR]), 6);
		neighbour->usable = (body->ndm_state &
					    (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE |
						    NUD_PERMANENT)) != 0;
	}
	return 0;
}

int wb_parse_link(const struct nlmsghdr *message, struct wb_link *link)
{
	const struct nlattr *table[IFLA_MAX + 1] = {NULL};
	const struct ifinfomsg *body = mnl_nlmsg_get_payload(message);
	int rc = attributes_of(message, sizeof(*body), table, IFLA_MAX);

	memset(link, 0, sizeof(*link));
	if (rc < 0)
		return rc;
	/* A port that leaves its bridge is a "deleted link" of that family. */
	if (body->ifi_family != AF_UNSPEC)
		return -ENOTSUP;
	link->ifindex = body->ifi_index;
	link->up = (body->ifi_flags & IFF_UP) != 0;
	link->carrier = (body->ifi_flags & IFF_LOWER_UP) != 0;
	get_u32(table[IFLA_MTU], &link->mtu);
	if (table[IFLA_IFNAME] != NULL &&
		mnl_attr_validate(table[IFLA_IFNAME], MNL_TYPE_NUL_STRING) == 0)
		strlcpy(link->name, mnl_attr_get_str(table[IFLA_IFNAME]), sizeof(link->name));
	return 0;
}

int wb_parse_address(const struct nlmsghdr *message, struct wb_address *address)
{
	const struct nlattr *table[IFA_MAX + 1] = {NULL};
	const struct ifaddrmsg *body = mnl_nlmsg_get_payload(message);
	int rc = attributes_of(message, sizeof(*body), table, IFA_MAX);

	memset(address, 0, sizeof(*address));
	if (rc < 0)
		return rc;
	if ((body->ifa_family != AF_INET && body->ifa_family != AF_INET6) ||
		(!get_addr(table[IFA_LOCAL], body->ifa_family, &address->prefix.addr) &&
			!get_addr(table[IFA_ADDRESS], body->ifa_family, &address->prefix.addr)))
		return -ENOTSUP;
	if (body->ifa_prefixlen > wb_addr_bits(&address->prefix.addr))
		return -EINVAL;
	address->prefix.len = body->ifa_prefixlen;
	address->ifindex = (int)body->ifa_index;
	return 0;
}
