/* SPDX-License-Identifier: BSD-3-Clause */
#include "kernel/mirror.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of news the kernel may keep for us: a full table of a routing daemon comes in one go. */
#define NEWS_BUFFER (8 << 20)
#define READ_LEN    (64 << 10)

enum stale {
	STALE_ROUTES4 = 1 << 0,
	STALE_ROUTES6 = 1 << 1,
	STALE_NEIGHBOURS = 1 << 2,
	STALE_LINKS = 1 << 3,
	STALE_ALL = STALE_ROUTES4 | STALE_ROUTES6 | STALE_NEIGHBOURS | STALE_LINKS,
};

struct wb_mirror {
	struct mnl_socket *news;
	struct mnl_socket *questions;
	const struct wb_mirror_ops *ops;
	void *arg;
	unsigned stale; /**< parts to be asked for again */
	uint32_t sequence;
	uint8_t buffer[READ_LEN];
};

/* Reports one message. In a dump nothing is stale: it is what is being made good. */
static int report(const struct nlmsghdr *message, struct wb_mirror *mirror, bool dump)
{
	struct wb_route route;
	struct wb_neighbour neighbour;
	struct wb_link link;

	switch (message->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (wb_parse_route(message, &route) < 0)
			break;
		if (!dump && route.prefix.addr.family == AF_INET6)
			mirror->stale |= STALE_ROUTES6;
		else
			mirror->ops->route(
				mirror->arg, &route, message->nlmsg_type == RTM_DELROUTE);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (wb_parse_neighbour(message, &neighbour) == 0)
			mirror->ops->neighbour(mirror->arg, &neighbour,
				message->nlmsg_type == RTM_DELNEIGH || !neighbour.usable);
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (wb_parse_link(message, &link) == 0) {
			mirror->ops->link(mirror->arg, &link, message->nlmsg_type == RTM_DELLINK);
			if (!dump)
				mirror->stale |= STALE_ROUTES4 | STALE_ROUTES6;
		}
		break;
	}
	return MNL_CB_OK;
}

static int report_news(const struct nlmsghdr *message, void *arg)
{
	return report(message, arg, false);
}

static int report_dump(const struct nlmsghdr *message, void *arg)
{
	return report(message, arg, true);
}

static int dump(struct wb_mirror *mirror, uint16_t type, int family)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(mirror->buffer);
	struct rtmsg *body;
	ssize_t length;
	int rc;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = ++mirror->sequence;
	/* The other kinds' bodies are no longer, and begin with the family too. */
	body = mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	body->rtm_family = (uint8_t)family;
	if (mnl_socket_sendto(mirror->questions, message, message->nlmsg_len) < 0)
		return -errno;
	do {
		length = mnl_socket_recvfrom(
			mirror->questions, mirror->buffer, sizeof(mirror->buffer));
		if (length < 0)
			return -errno;
		errno = 0;
		rc = mnl_cb_run(mirror->buffer, (size_t)length, mirror->sequence,
			mnl_socket_get_portid(mirror->questions), report_dump, mirror);
		/* EINTR: it changed while it was read; the news tell how. */
	} while (rc > 0 || (rc < 0 && errno == EINTR));
	return rc < 0 ? -errno : 0;
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

/* Asks again for what is stale. A part that fails stays stale. */
static int refresh(struct wb_mirror *mirror)
{
	unsigned stale = mirror->stale;
	int rc = 0;

	mirror->stale = 0;
	if (stale & STALE_LINKS)
		rc = dump(mirror, RTM_GETLINK, AF_UNSPEC);
	if (rc == 0 && (stale & STALE_NEIGHBOURS))
		rc = dump_neighbours(mirror);
	if (rc == 0 && (stale & STALE_ROUTES4))
		rc = dump_routes(mirror, AF_INET);
	if (rc == 0 && (stale & STALE_ROUTES6))
		rc = dump_routes(mirror, AF_INET6);
	if (rc < 0)
		mirror->stale |= stale;
	return rc;
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
	mirror->news = open_socket(
		SOCK_NONBLOCK, RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);
	mirror->questions = open_socket(0, 0);
	if (mirror->news == NULL || mirror->questions == NULL) {
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
			mnl_cb_run(mirror->buffer, (size_t)length, 0, 0, report_news, mirror);
			continue;
		}
		if (errno == ENOBUFS)
			mirror->stale = STALE_ALL;
		else if (errno != EINTR)
			break;
	}
	return mirror->stale != 0 ? refresh(mirror) : 0;
}
