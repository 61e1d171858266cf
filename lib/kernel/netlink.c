/* SPDX-License-Identifier: BSD-3-Clause */
#include "kernel/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "kernel/parse.h"

#define BUFFER_LEN 8192

struct wb_netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
	uint8_t buffer[BUFFER_LEN];
};

int wb_netlink_open(struct wb_netlink **out, struct wb_err *err)
{
	struct wb_netlink *netlink = calloc(1, sizeof(*netlink));

	if (netlink == NULL)
		return wb_err_set(err, ENOMEM, "no memory for netlink");
	netlink->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (netlink->socket == NULL ||
		mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int rc = wb_err_set(err, errno, "netlink: %s", strerror(errno));

		wb_netlink_close(netlink);
		return rc;
	}
	*out = netlink;
	return 0;
}

void wb_netlink_close(struct wb_netlink *netlink)
{
	if (netlink == NULL)
		return;
	if (netlink->socket != NULL)
		mnl_socket_close(netlink->socket);
	free(netlink);
}

static struct nlmsghdr *begin(struct wb_netlink *netlink, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(netlink->buffer);

	message->nlmsg_type = type;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	message->nlmsg_seq = ++netlink->sequence;
	return message;
}

static void put_addr(struct nlmsghdr *message, uint16_t type, const struct wb_addr *addr)
{
	mnl_attr_put(message, type, wb_addr_bits(addr) / 8, addr->bytes);
}

/* Sends, and hands the answer to `callback`; NULL where only success counts. */
static int talk(struct wb_netlink *netlink, struct nlmsghdr *message, mnl_cb_t callback, void *arg)
{
	uint8_t answer[BUFFER_LEN];
	ssize_t length;

	if (mnl_socket_sendto(netlink->socket, message, message->nlmsg_len) < 0)
		return -errno;
	do {
		length = mnl_socket_recvfrom(netlink->socket, answer, sizeof(answer));
		if (length < 0)
			return -errno;
		/* An answer to an earlier, broken-off question is passed over. */
		errno = 0;
	} while (((struct nlmsghdr *)answer)->nlmsg_seq != netlink->sequence);
	if (mnl_cb_run(answer, wb_parse_whole(answer, (size_t)length), netlink->sequence,
		    mnl_socket_get_portid(netlink->socket), callback, arg) < 0)
		return errno != 0 ? -errno : -EIO;
	return 0;
}

static int address(struct wb_netlink *netlink, uint16_t type, uint16_t flags, int ifindex,
	const struct wb_prefix *prefix)
{
	struct nlmsghdr *message = begin(netlink, type, (uint16_t)(NLM_F_ACK | flags));
	struct ifaddrmsg *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));

	body->ifa_family = (uint8_t)prefix->addr.family;
	body->ifa_prefixlen = prefix->len;
	body->ifa_index = (uint32_t)ifindex;
	if (prefix->addr.family == AF_INET6)
		body->ifa_flags = IFA_F_NODAD;
	put_addr(message, IFA_LOCAL, &prefix->addr);
	put_addr(message, IFA_ADDRESS, &prefix->addr);
	return talk(netlink, message, NULL, NULL);
}

int wb_netlink_address_add(
	struct wb_netlink *netlink, int ifindex, const struct wb_prefix *prefix, struct wb_err *err)
{
	int rc = address(netlink, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, ifindex, prefix);
	char text[WB_PREFIX_STRLEN];

	if (rc < 0 && rc != -EEXIST)
		return wb_err_set(
			err, -rc, "address %s: %s", wb_prefix_format(prefix, text), strerror(-rc));
	return 0;
}

void wb_netlink_address_del(struct wb_netlink *netlink, int ifindex, const struct wb_prefix *prefix)
{
	address(netlink, RTM_DELADDR, 0, ifindex, prefix);
}

int wb_netlink_mtu_set(struct wb_netlink *netlink, int ifindex, unsigned mtu, struct wb_err *err)
{
	struct nlmsghdr *message = begin(netlink, RTM_NEWLINK, NLM_F_ACK);
	struct ifinfomsg *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));
	int rc;

	body->ifi_index = ifindex;
	mnl_attr_put_u32(message, IFLA_MTU, mtu);
	rc = talk(netlink, message, NULL, NULL);
	return rc == 0 ? 0 : wb_err_set(err, -rc, "MTU %u: %s", mtu, strerror(-rc));
}

/* The kernel takes no IPv6 route over several devices without gateways. On a TUN, which resolves no
 * neighbours, any link-local one will do. */
static const struct wb_addr any_neighbour = {
	.bytes = {0xfe, 0x80, [15] = 1},
	.family = AF_INET6,
};

/* The kernel counts weights from 0. */
static uint8_t weight_byte(unsigned weight)
{
	return (uint8_t)(weight == 0 ? 0 : weight > 256 ? 255 : weight - 1);
}

static void put_hops(struct nlmsghdr *message, int family, const struct wb_hop *hops, unsigned n)
{
	struct nlattr *nest;

	if (n == 1) {
		mnl_attr_put_u32(message, RTA_OIF, (uint32_t)hops->ifindex);
		if (hops->gateway.family != 0)
			put_addr(message, RTA_GATEWAY, &hops->gateway);
		return;
	}
	nest = mnl_attr_nest_start(message, RTA_MULTIPATH);
	for (unsigned i = 0; i < n; i++) {
		struct rtnexthop *hop = mnl_nlmsg_get_payload_tail(message);

		memset(hop, 0, sizeof(*hop));
		hop->rtnh_ifindex = hops[i].ifindex;
		hop->rtnh_hops = weight_byte(hops[i].weight);
		message->nlmsg_len += sizeof(*hop);
		if (hops[i].gateway.family != 0)
			put_addr(message, RTA_GATEWAY, &hops[i].gateway);
		else if (family == AF_INET6)
			put_addr(message, RTA_GATEWAY, &any_neighbour);
		hop->rtnh_len =
			(uint16_t)((uint8_t *)mnl_nlmsg_get_payload_tail(message) - (uint8_t *)hop);
	}
	mnl_attr_nest_end(message, nest);
}

int wb_netlink_route_set(struct wb_netlink *netlink, uint32_t table, const struct wb_prefix *prefix,
	const struct wb_hop *hops, unsigned n, struct wb_err *err)
{
	struct nlmsghdr *message =
		begin(netlink, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
	struct rtmsg *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));
	struct wb_prefix network = *prefix;
	char text[WB_PREFIX_STRLEN];
	int rc;

	if (n == 0 || n > WB_HOPS_MAX)
		return wb_err_set(err, EINVAL, "route %s: %u hops, expected 1 to %d",
			wb_prefix_format(prefix, text), n, WB_HOPS_MAX);
	wb_prefix_mask(&network);
	body->rtm_family = (uint8_t)prefix->addr.family;
	body->rtm_dst_len = prefix->len;
	body->rtm_protocol = WB_ROUTE_PROTOCOL;
	body->rtm_scope = hops[0].gateway.family != 0 || prefix->addr.family == AF_INET6
		? RT_SCOPE_UNIVERSE
		: RT_SCOPE_LINK;
	body->rtm_type = RTN_UNICAST;
	body->rtm_table = RT_TABLE_UNSPEC;
	mnl_attr_put_u32(message, RTA_TABLE, table);
	put_addr(message, RTA_DST, &network.addr);
	put_hops(message, prefix->addr.family, hops, n);
	rc = talk(netlink, message, NULL, NULL);
	if (rc < 0)
		return wb_err_set(
			err, -rc, "route %s: %s", wb_prefix_format(&network, text), strerror(-rc));
	return 0;
}

void wb_netlink_route_del(
	struct wb_netlink *netlink, uint32_t table, const struct wb_prefix *prefix)
{
	struct nlmsghdr *message = begin(netlink, RTM_DELROUTE, NLM_F_ACK);
	struct rtmsg *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));

	body->rtm_family = (uint8_t)prefix->addr.family;
	body->rtm_dst_len = prefix->len;
	body->rtm_protocol = WB_ROUTE_PROTOCOL;
	body->rtm_scope = RT_SCOPE_NOWHERE;
	body->rtm_table = RT_TABLE_UNSPEC;
	mnl_attr_put_u32(message, RTA_TABLE, table);
	put_addr(message, RTA_DST, &prefix->addr);
	talk(netlink, message, NULL, NULL);
}

/* "not from all fwmark MARK lookup TABLE", and "lookup main suppress_prefixlength 0" before it: of
 * two rules without a priority the kernel puts the later one first. */
static int rule(struct wb_netlink *netlink, uint16_t type, uint16_t flags, int family,
	uint32_t mark, uint32_t table)
{
	struct nlmsghdr *message = begin(netlink, type, (uint16_t)(NLM_F_ACK | flags));
	struct fib_rule_hdr *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));

	body->family = (uint8_t)family;
	body->action = FR_ACT_TO_TBL;
	if (mark != 0) {
		body->flags = FIB_RULE_INVERT;
		mnl_attr_put_u32(message, FRA_FWMARK, mark);
	} else {
		mnl_attr_put_u32(message, FRA_SUPPRESS_PREFIXLEN, 0);
	}
	mnl_attr_put_u32(message, FRA_TABLE, table);
	return talk(netlink, message, NULL, NULL);
}

int wb_netlink_default_rules_add(
	struct wb_netlink *netlink, int family, uint32_t mark, uint32_t table, struct wb_err *err)
{
	int rc = rule(netlink, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, family, mark, table);

	if (rc == 0 || rc == -EEXIST)
		rc = rule(
			netlink, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, family, 0, WB_TABLE_MAIN);
	if (rc < 0 && rc != -EEXIST)
		return wb_err_set(err, -rc, "routing rules for table %u: %s", table, strerror(-rc));
	return 0;
}

void wb_netlink_default_rules_del(
	struct wb_netlink *netlink, int family, uint32_t mark, uint32_t table)
{
	rule(netlink, RTM_DELRULE, 0, family, mark, table);
	rule(netlink, RTM_DELRULE, 0, family, 0, WB_TABLE_MAIN);
}

struct way_answer {
	struct wb_way way;
	int rc;
};

static int way_parse(const struct nlmsghdr *message, void *arg)
{
	struct way_answer *answer = arg;
	struct wb_route route;

	answer->rc = wb_parse_route(message, &route);
	if (answer->rc == 0 && (route.type != RTN_UNICAST || route.n_hops == 0))
		answer->rc = -ENETUNREACH;
	if (answer->rc == 0) {
		answer->way.ifindex = route.hops[0].ifindex;
		answer->way.gateway = route.hops[0].gateway;
		answer->way.source = route.source;
		answer->way.mtu = route.mtu;
	}
	return MNL_CB_STOP;
}

int wb_netlink_way(struct wb_netlink *netlink, const struct wb_wayfinding *ask, struct wb_way *way,
	struct wb_err *err)
{
	struct nlmsghdr *message = begin(netlink, RTM_GETROUTE, 0);
	struct rtmsg *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));
	struct way_answer answer = {.rc = -ENETUNREACH};
	char text[WB_ADDR_STRLEN];
	int rc;

	body->rtm_family = (uint8_t)ask->dst.family;
	body->rtm_dst_len = (uint8_t)wb_addr_bits(&ask->dst);
	put_addr(message, RTA_DST, &ask->dst);
	if (ask->src.family == ask->dst.family) {
		body->rtm_src_len = (uint8_t)wb_addr_bits(&ask->src);
		put_addr(message, RTA_SRC, &ask->src);
	}
	if (ask->mark != 0)
		mnl_attr_put_u32(message, RTA_MARK, ask->mark);
	rc = talk(netlink, message, way_parse, &answer);
	if (rc == 0)
		rc = answer.rc;
	if (rc < 0)
		return wb_err_set(err, -rc, "no way to %s: %s", wb_addr_format(&ask->dst, text),
			strerror(-rc));
	*way = answer.way;
	if (ask->src.family == ask->dst.family)
		way->source = ask->src;
	return 0;
}

int wb_netlink_neighbour_use(struct wb_netlink *netlink, int ifindex, const struct wb_addr *addr)
{
	struct nlmsghdr *message =
		begin(netlink, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
	struct ndmsg *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));

	body->ndm_family = (uint8_t)addr->family;
	body->ndm_ifindex = ifindex;
	body->ndm_state = NUD_NONE;
	body->ndm_flags = NTF_USE;
	put_addr(message, NDA_DST, addr);
	return talk(netlink, message, NULL, NULL);
}
