/* SPDX-License-Identifier: BSD-3-Clause */
#include "kernel/mirror.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* Bytes of news the kernel may keep for us: a full table of a routing daemon comes in one go. */
#define NEWS_BUFFER (8 << 20)
#define READ_LEN    (64 << 10)

/* How often in a row a part is asked for that changes while it is read. */
#define DUMP_TRIES 5

#define GROUP(name) (1U << (RTNLGRP_##name - 1))

enum stale {
	STALE_ROUTES4 = 1 << 0,
	STALE_ROUTES6 = 1 << 1,
	STALE_NEIGHBOURS = 1 << 2,
	STALE_LINKS = 1 << 3,
	STALE_ALL = STALE_ROUTES4 | STALE_ROUTES6 | STALE_NEIGHBOURS | STALE_LINKS,
};

/* Links reported, so that those of which the end was lost can be told gone. */
struct known_link {
	LIST_ENTRY(known_link) entry;
	struct wb_link link;
	bool seen;
};

struct wb_mirror {
	struct mnl_socket *news;
	struct mnl_socket *questions; /**< NULL after a failure: opened anew */
	LIST_HEAD(, known_link) links;
	const struct wb_mirror_ops *ops;
	void *arg;
	unsigned stale; /**< parts to be asked for again */
	uint32_t sequence;
	uint8_t buffer[READ_LEN];
};

/* What the forwarding cannot look up by destination alone, or the kernel only remembers: routes of
 * one source or type of service, and paths learned to one destination (their MTU, a redirect). */
static bool selective(const struct nlmsghdr *message)
{
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);

	return (body->rtm_flags & RTM_F_CLONED) != 0 || body->rtm_src_len != 0 ||
		body->rtm_tos != 0;
}

static void report_route(struct wb_mirror *mirror, const struct nlmsghdr *message, bool dump)
{
	struct wb_route route;

	if (wb_parse_route(message, &route) < 0 || selective(message))
		return;
	if (!dump && route.prefix.addr.family == AF_INET6)
		mirror->stale |= STALE_ROUTES6;
	else
		mirror->ops->route(
			mirror->arg, &route, message->nlmsg_type == RTM_DELROUTE || route.dead);
}

static void report_neighbour(struct wb_mirror *mirror, const struct nlmsghdr *message)
{
	struct wb_neighbour neighbour;

	if (wb_parse_neighbour(message, &neighbour) == 0)
		mirror->ops->neighbour(mirror->arg, &neighbour,
			message->nlmsg_type == RTM_DELNEIGH || !neighbour.usable);
}

static void link_forget(struct known_link *known)
{
	LIST_REMOVE(known, entry);
	free(known);
}

/* Without memory a link is reported all the same; only its loss could go untold. */
static void link_note(struct wb_mirror *mirror, const struct wb_link *link, bool gone)
{
	struct known_link *known;

	LIST_FOREACH (known, &mirror->links, entry)
		if (known->link.ifindex == link->ifindex)
			break;
	if (gone) {
		if (known != NULL)
			link_forget(known);
		return;
	}
	if (known == NULL) {
		known = malloc(sizeof(*known));
		if (known == NULL)
			return;
		LIST_INSERT_HEAD(&mirror->links, known, entry);
	}
	known->link = *link;
	known->seen = true;
}

static void report_link(struct wb_mirror *mirror, const struct nlmsghdr *message, bool dump)
{
	bool gone = message->nlmsg_type == RTM_DELLINK;
	struct wb_link link;

	if (wb_parse_link(message, &link) < 0)
		return;
	link_note(mirror, &link, gone);
	mirror->ops->link(mirror->arg, &link, gone);
	if (!dump)
		mirror->stale |= STALE_ROUTES4 | STALE_ROUTES6;
}

/* Reports one message. In a dump nothing is stale: it is what is being made good. */
static void report(struct wb_mirror *mirror, const struct nlmsghdr *message, bool dump)
{
	switch (message->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		report_route(mirror, message, dump);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		report_neighbour(mirror, message);
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		report_link(mirror, message, dump);
		break;
	case RTM_DELADDR:
		/* Routes from an address, or of a link that has lost its last one, go silently. */
		mirror->stale |= STALE_ROUTES4;
		break;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		mirror->stale |= STALE_ROUTES4 | STALE_ROUTES6;
		break;
	}
}

static int report_news(const struct nlmsghdr *message, void *arg)
{
	report(arg, message, false);
	return MNL_CB_OK;
}

/* Reports what one read of a dump has brought. Not by mnl_cb_run(): that drops all behind a mark of
 * interruption, the end of the dump too. Returns 1: more is to come; 0: that was the end. */
static int dump_take(struct wb_mirror *mirror, size_t length, bool *interrupted)
{
	const struct nlmsghdr *message = (const void *)mirror->buffer;
	int left = (int)wb_parse_whole(message, length);

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_seq != mirror->sequence)
			continue;
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			*interrupted = true;
		/* Both kinds of end begin with an errno. */
		if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) {
			const int *error = mnl_nlmsg_get_payload(message);

			if (mnl_nlmsg_get_payload_len(message) >= sizeof(*error) && *error < 0)
				return *error;
			return 0;
		}
		report(mirror, message, true);
	}
	return 1;
}

/* Asks for one part. Returns 0, -EAGAIN if it changed meanwhile so that something may be missing,
 * or another negative errno. */
static int dump(struct wb_mirror *mirror, uint16_t type, int family)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(mirror->buffer);
	bool interrupted = false;
	struct rtmsg *body;
	ssize_t length;
	int rc = 1;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = ++mirror->sequence;
	/* The other kinds' bodies are no longer, and begin with the family too. */
	body = mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	body->rtm_family = (uint8_t)family;
	if (mnl_socket_sendto(mirror->questions, message, message->nlmsg_len) < 0)
		return -errno;
	while (rc > 0) {
		length = mnl_socket_recvfrom(
			mirror->questions, mirror->buffer, sizeof(mirror->buffer));
		if (length >= 0)
			rc = dump_take(mirror, (size_t)length, &interrupted);
		else if (errno != EINTR)
			rc = -errno;
	}
	return rc == 0 && interrupted ? -EAGAIN : rc;
}

static int dump_routes(struct wb_mirror *mirror, int family)
{
	int rc;

	mirror->ops->routes_begin(mirror->arg, family);
	rc = dump(mirror, RTM_GETROUTE, family);
	if (rc == 0)
		mirror->ops->routes_end(mirror->arg, family);
	return rc;
}

static int dump_neighbours(struct wb_mirror *mirror)
{
	int rc;

	mirror->ops->neighbours_begin(mirror->arg);
	rc = dump(mirror, RTM_GETNEIGH, AF_UNSPEC);
	if (rc == 0)
		mirror->ops->neighbours_end(mirror->arg);
	return rc;
}

static int dump_links(struct wb_mirror *mirror)
{
	struct known_link *known, *next;
	int rc;

	LIST_FOREACH (known, &mirror->links, entry)
		known->seen = false;
	rc = dump(mirror, RTM_GETLINK, AF_UNSPEC);
	if (rc < 0)
		return rc;
	for (known = LIST_FIRST(&mirror->links); known != NULL; known = next) {
		next = LIST_NEXT(known, entry);
		if (known->seen)
			continue;
		mirror->ops->link(mirror->arg, &known->link, true);
		link_forget(known);
	}
	return 0;
}

static int dump_part(struct wb_mirror *mirror, enum stale part)
{
	switch (part) {
	case STALE_LINKS:
		return dump_links(mirror);
	case STALE_NEIGHBOURS:
		return dump_neighbours(mirror);
	case STALE_ROUTES4:
		return dump_routes(mirror, AF_INET);
	default:
		return dump_routes(mirror, AF_INET6);
	}
}

static struct mnl_socket *open_socket(int flags, unsigned groups)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);

	if (socket != NULL && mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(socket);
		return NULL;
	}
	return socket;
}

/* Asks again for what is stale. A part that fails stays stale, and so does one that changes each
 * time it is read: what there is of it has been reported, but nothing is forgotten. */
static int refresh(struct wb_mirror *mirror)
{
	static const enum stale parts[] = {
		STALE_LINKS, STALE_NEIGHBOURS, STALE_ROUTES4, STALE_ROUTES6};
	int rc;

	if (mirror->questions == NULL)
		mirror->questions = open_socket(0, 0);
	if (mirror->questions == NULL)
		return -errno;
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!(mirror->stale & parts[i]))
			continue;
		rc = -EAGAIN;
		for (unsigned try = 0; try < DUMP_TRIES && rc == -EAGAIN; try++)
			rc = dump_part(mirror, parts[i]);
		if (rc == 0)
			mirror->stale &= ~(unsigned)parts[i];
		if (rc == 0 || rc == -EAGAIN)
			continue;
		/* The rest of the answer may still be on its way there. */
		mnl_socket_close(mirror->questions);
		mirror->questions = NULL;
		return rc;
	}
	return 0;
}

int wb_mirror_open(
	const struct wb_mirror_ops *ops, void *arg, struct wb_mirror **out, struct wb_err *err)
{
	struct wb_mirror *mirror = calloc(1, sizeof(*mirror));
	int size = NEWS_BUFFER, rc;

	if (mirror == NULL)
		return wb_err_set(err, ENOMEM, "no memory for the mirror of the kernel's routes");
	mirror->ops = ops;
	mirror->arg = arg;
	mirror->stale = STALE_ALL;
	LIST_INIT(&mirror->links);
	mirror->news = open_socket(SOCK_NONBLOCK,
		GROUP(LINK) | GROUP(NEIGH) | GROUP(IPV4_ROUTE) | GROUP(IPV6_ROUTE) |
			GROUP(IPV4_IFADDR) | GROUP(NEXTHOP));
	if (mirror->news == NULL) {
		rc = wb_err_set(err, errno, "netlink: %s", strerror(errno));
		wb_mirror_close(mirror);
		return rc;
	}
	setsockopt(
		mnl_socket_get_fd(mirror->news), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	rc = refresh(mirror);
	if (rc < 0) {
		wb_err_set(err, -rc, "the kernel does not tell its routes: %s", strerror(-rc));
		wb_mirror_close(mirror);
		return rc;
	}
	*out = mirror;
	return 0;
}

void wb_mirror_close(struct wb_mirror *mirror)
{
	if (mirror == NULL)
		return;
	if (mirror->news != NULL)
		mnl_socket_close(mirror->news);
	if (mirror->questions != NULL)
		mnl_socket_close(mirror->questions);
	while (!LIST_EMPTY(&mirror->links))
		link_forget(LIST_FIRST(&mirror->links));
	free(mirror);
}

int wb_mirror_fd(const struct wb_mirror *mirror)
{
	return mnl_socket_get_fd(mirror->news);
}

int wb_mirror_process(struct wb_mirror *mirror)
{
	ssize_t length;

	for (;;) {
		length = mnl_socket_recvfrom(mirror->news, mirror->buffer, sizeof(mirror->buffer));
		if (length >= 0) {
			mnl_cb_run(mirror->buffer, wb_parse_whole(mirror->buffer, (size_t)length),
				0, 0, report_news, mirror);
			continue;
		}
		if (errno == ENOBUFS)
			mirror->stale = STALE_ALL;
		else if (errno != EINTR)
			break;
	}
	return mirror->stale != 0 ? refresh(mirror) : 0;
}
