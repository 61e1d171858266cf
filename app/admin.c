/* SPDX-License-Identifier: BSD-3-Clause */
#include "admin.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_eal.h>

#include "control.h"
#include "hooks.h"
#include "moves.h"

struct admin {
	struct control *control;
	struct site *site;
	pthread_t thread;
	int listener;
	int wake;
	atomic_uint ends; /* times that the end was asked for */
	atomic_bool hung_up;
	int rc; /* of the start */
	struct wb_err err;
};

static int up(struct site *site, const char *path, struct wb_err *err)
{
	struct wb_notices notices = {.n = 0};
	struct wb_wgquick *file;
	int rc = wb_wgquick_load(path, &file, &notices, err);

	for (unsigned i = 0; rc == 0 && i < notices.n; i++)
		dprintf(site->log, "wirebraid: notice: %s\n", notices.texts[i]);
	wb_notices_free(&notices);
	if (rc < 0)
		return rc;
	rc = site_up(site, file, err);
	if (rc < 0)
		wb_wgquick_free(file);
	return rc;
}

/* `up NAME` means the file that the gateway's own one names, or one beside it, or wg-quick's. */
static int up_by_name(struct site *site, const char *name, struct wb_err *err)
{
	const char *slash = strrchr(site->config->path, '/');
	int directory = slash != NULL ? (int)(slash - site->config->path) : 0;
	char path[2][512];

	if (strchr(name, '/') != NULL)
		return up(site, name, err);
	snprintf(path[0], sizeof(path[0]), "%.*s%.15s.conf", directory + (slash != NULL),
		site->config->path, name);
	snprintf(path[1], sizeof(path[1]), "/etc/wireguard/%.15s.conf", name);
	for (unsigned i = 0; i < 2; i++)
		if (access(path[i], F_OK) == 0)
			return up(site, path[i], err);
	return wb_err_set(
		err, ENOENT, "no file for %s: neither %s nor %s is there", name, path[0], path[1]);
}

static int obey(struct admin *admin, const char *order, struct wb_err *err)
{
	if (strncmp(order, "up ", 3) == 0)
		return up_by_name(admin->site, order + 3, err);
	if (strncmp(order, "down ", 5) == 0)
		return site_down(admin->site, order + 5, err);
	if (strncmp(order, "move ", 5) == 0)
		return move_order(admin->control->gateway, order + 5, err);
	if (strcmp(order, "reload") == 0)
		return site_reload(admin->site, err);
	return wb_err_set(
		err, EINVAL, "'%.20s' is no order, expected up, down, move or reload", order);
}

/* The descriptor that came with a message; -1: none. */
static int descriptor_of(struct msghdr *message)
{
	const struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fd;

	if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
		header->cmsg_len < CMSG_LEN(sizeof(fd)))
		return -1;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static void order_take(struct admin *admin, int client)
{
	char order[ADMIN_MESSAGE_MAX], space[CMSG_SPACE(sizeof(int))];
	struct iovec text = {.iov_base = order, .iov_len = sizeof(order) - 1};
	struct msghdr message = {.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space)};
	struct wb_err err = {.text = "ok"};
	ssize_t length = recvmsg(client, &message, MSG_CMSG_CLOEXEC);
	int log = length > 0 ? descriptor_of(&message) : -1;

	if (length <= 0)
		return;
	order[length] = '\0';
	admin->site->log = log >= 0 ? log : STDERR_FILENO;
	if (obey(admin, order, &err) == 0)
		snprintf(err.text, sizeof(err.text), "ok");
	admin->site->log = STDERR_FILENO;
	fprintf(stderr, "wirebraid: %s: %s\n", order, err.text);
	send(client, err.text, strlen(err.text), MSG_NOSIGNAL);
	if (log >= 0)
		close(log);
}

static void reload(struct admin *admin)
{
	struct wb_err err = {.text = "ok"};

	site_reload(admin->site, &err);
	fprintf(stderr, "wirebraid: reload: %s\n", err.text);
}

static void serve(struct admin *admin)
{
	struct pollfd fds[2] = {
		{.fd = admin->listener, .events = POLLIN}, {.fd = admin->wake, .events = POLLIN}};
	const struct timeval patience = {.tv_sec = 2};
	uint64_t woken;

	while (atomic_load(&admin->ends) == 0) {
		int client;

		if (atomic_exchange(&admin->hung_up, false))
			reload(admin);
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents != 0 && read(admin->wake, &woken, sizeof(woken)) < 0)
			continue;
		if (fds[0].revents == 0)
			continue;
		client = accept4(admin->listener, NULL, NULL, SOCK_CLOEXEC);
		if (client < 0)
			continue;
		/* Who connects and says nothing holds up the others for a moment only. */
		setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		order_take(admin, client);
		close(client);
	}
}

static void *work(void *arg)
{
	struct admin *admin = arg;
	const struct gateway *gateway = admin->control->gateway;

	admin->rc = site_start(admin->site, &admin->err);
	if (admin->rc == 0 && atomic_load(&admin->ends) == 0) {
		fprintf(stderr, "wirebraid: ready: %u ports, %u tunnels, %u workers\n",
			gateway->n_ports, gateway->wg->n, gateway->plan.n_workers);
		serve(admin);
	}
	site_stop(admin->site);
	atomic_store(&admin->control->ended, true);
	return NULL;
}

static int socket_open(struct admin *admin, struct wb_err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if ((size_t)snprintf(address.sun_path, sizeof(address.sun_path), "%s/" ADMIN_SOCKET,
		    rte_eal_get_runtime_dir()) >= sizeof(address.sun_path))
		return wb_err_set(err, ENAMETOOLONG, "%s: too long for a socket's name",
			rte_eal_get_runtime_dir());
	unlink(address.sun_path);
	admin->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (admin->listener < 0 || fchmod(admin->listener, 0600) < 0 ||
		bind(admin->listener, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(admin->listener, 8) < 0)
		return wb_err_set(err, errno, "%s: %s", address.sun_path, strerror(errno));
	return 0;
}

int admin_start(struct control *control, struct site *site, struct admin **out, struct wb_err *err)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	int rc;

	if (admin == NULL)
		return wb_err_set(err, ENOMEM, "no memory for orders");
	admin->control = control;
	admin->site = site;
	admin->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = socket_open(admin, err);
	control->on_signal = admin_signal;
	control->on_signal_arg = admin;
	if (rc == 0) {
		rc = -pthread_create(&admin->thread, NULL, work, admin);
		if (rc < 0)
			wb_err_set(err, -rc, "orders: %s", strerror(-rc));
	}
	if (rc < 0) {
		free(admin);
		return rc;
	}
	*out = admin;
	return 0;
}

void admin_signal(void *arg, int signal)
{
	struct admin *admin = arg;
	const uint64_t one = 1;

	if (signal == SIGHUP)
		atomic_store(&admin->hung_up, true);
	else if (atomic_fetch_add(&admin->ends, 1) > 0)
		hooks_abandon();
	if (write(admin->wake, &one, sizeof(one)) != sizeof(one))
		return; /* awake already */
}

int admin_join(struct admin *admin, struct wb_err *err)
{
	int rc;

	if (admin == NULL)
		return 0;
	pthread_join(admin->thread, NULL);
	rc = admin->rc;
	if (rc < 0)
		*err = admin->err;
	close(admin->listener);
	close(admin->wake);
	free(admin);
	return rc;
}
