/* SPDX-License-Identifier: BSD-3-Clause */
/* wirebraid up | down | move | reload: an order to a running gateway. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin.h"
#include "client.h"
#include "commands.h"

#define WORDS_MAX 3

/* Sends the order along with our standard error, which the tunnel's commands write to. */
static int send_order(int fd, const char *order)
{
	char space[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec text = {.iov_base = (void *)(uintptr_t)order, .iov_len = strlen(order)};
	struct msghdr message = {.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	const int log = STDERR_FILENO;

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(log));
	memcpy(CMSG_DATA(header), &log, sizeof(log));
	return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int order_give(const char *gateway, const char *order, struct wb_err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char answer[ADMIN_MESSAGE_MAX];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ssize_t length = -1;

	snprintf(address.sun_path, sizeof(address.sun_path), CLIENT_RUNTIME "/%.40s/" ADMIN_SOCKET,
		gateway);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
		send_order(fd, order) == 0)
		length = recv(fd, answer, sizeof(answer) - 1, 0);
	if (length <= 0)
		wb_err_set(err, EIO, "gateway %s takes no orders: %s", gateway,
			length == 0 ? "it ended" : strerror(errno));
	if (fd >= 0)
		close(fd);
	if (length <= 0)
		return -EIO;
	answer[length] = '\0';
	return strcmp(answer, "ok") == 0 ? 0 : wb_err_set(err, ECANCELED, "%.500s", answer);
}

/* What stands behind the command: so many words. */
static const struct command {
	const char *name;
	const char *words;
	unsigned least, most;
} commands[] = {
	{"up", "TUNNEL|FILE ", 1, 1},
	{"down", "TUNNEL ", 1, 1},
	{"move", "TUNNEL|PORT [seal|open|rx|tap|tx] CPU ", 2, WORDS_MAX},
	{"reload", "", 0, 0},
};

static const struct command *command_find(const char *name)
{
	unsigned i = 0;

	while (strcmp(commands[i].name, name) != 0)
		i++;
	return &commands[i];
}

static int usage(FILE *to, const struct command *command)
{
	fprintf(to, "usage: wirebraid %s %s[--name GATEWAY]\n", command->name, command->words);
	return to == stdout ? 0 : 2;
}

/* The gateway meant: the one named, or the only one that runs. */
static int gateway_find(const char *name, char *out, size_t size, struct wb_err *err)
{
	struct client *client;
	int rc = client_open(CLIENT_RUNTIME, name, &client, err);

	if (rc < 0)
		return rc;
	snprintf(out, size, "%s", client_name(client));
	client_close(client);
	return 0;
}

/* A file is named by a path that the gateway finds, wherever it was started. */
static void order_write(
	char *order, size_t size, const char *command, char *const *words, unsigned n)
{
	size_t used = (size_t)snprintf(order, size, "%s", command);

	for (unsigned i = 0; i < n && used < size; i++) {
		char *path = strchr(words[i], '/') != NULL ? realpath(words[i], NULL) : NULL;

		used += (size_t)snprintf(
			order + used, size - used, " %s", path != NULL ? path : words[i]);
		free(path);
	}
}

int wb_cmd_order(int argc, char **argv)
{
	const struct command *command = command_find(argv[0]);
	char order[ADMIN_MESSAGE_MAX - 1], gateway[64], *words[WORDS_MAX];
	const char *name = NULL;
	unsigned n = 0;
	struct wb_err err;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0)
			return usage(stdout, command);
		if (strcmp(argv[i], "--name") == 0 && i + 1 < argc)
			name = argv[++i];
		else if (n < command->most && argv[i][0] != '-')
			words[n++] = argv[i];
		else
			return usage(stderr, command);
	}
	if (n < command->least)
		return usage(stderr, command);
	order_write(order, sizeof(order), argv[0], words, n);
	if (gateway_find(name, gateway, sizeof(gateway), &err) == 0 &&
		order_give(gateway, order, &err) == 0)
		return 0;
	fprintf(stderr, "wirebraid: %s\n", err.text);
	return 1;
}
