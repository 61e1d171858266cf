/* SPDX-License-Identifier: BSD-3-Clause */
#include "client.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define RUNTIME	  "/var/run/dpdk"
#define SOCKET	  "dpdk_telemetry.v2"
#define REPLY_MAX (64 << 10)

struct client {
	int fd;
	char reply[REPLY_MAX];
};

static int connect_to(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = 5};
	int fd;

	if ((size_t)snprintf(address.sun_path, sizeof(address.sun_path), RUNTIME "/%s/" SOCKET,
		    name) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

/* Connects to one that answers under our commands; counts and names them. */
static int find_running(char *names, size_t size, unsigned *n)
{
	DIR *directory = opendir(RUNTIME);
	const struct dirent *entry;
	int found = -ENOENT;

	*n = 0;
	names[0] = '\0';
	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		int fd = entry->d_name[0] == '.' ? -1 : connect_to(entry->d_name);

		if (fd == -EACCES)
			found = -EACCES;
		if (fd < 0)
			continue;
		if (++*n == 1)
			found = fd;
		else
			close(fd);
		snprintf(names + strlen(names), size - strlen(names), "%s%s", *n > 1 ? ", " : "",
			entry->d_name);
	}
	if (directory != NULL)
		closedir(directory);
	return found;
}

static int open_socket(const char *name, struct wb_err *err)
{
	char names[256];
	unsigned n;
	int fd;

	if (name != NULL) {
		fd = connect_to(name);
		if (fd >= 0)
			return fd;
		if (fd == -EACCES)
			return wb_err_set(err, EACCES, "gateway %s answers root only", name);
		close(find_running(names, sizeof(names), &n));
		return wb_err_set(err, ENOENT, "no gateway %s is running; running: %s", name,
			n > 0 ? names : "none");
	}
	fd = find_running(names, sizeof(names), &n);
	if (fd >= 0 && n == 1)
		return fd;
	if (fd >= 0) {
		close(fd);
		return wb_err_set(err, EINVAL,
			"several gateways are running, choose one by --name: %s", names);
	}
	if (fd == -EACCES)
		return wb_err_set(err, EACCES, "the gateway answers root only");
	return wb_err_set(err, ENOENT, "no gateway is running");
}

int client_open(const char *name, struct client **out, struct wb_err *err)
{
	struct client *client;
	int fd = open_socket(name, err);

	if (fd < 0)
		return fd;
	client = calloc(1, sizeof(*client));
	if (client == NULL) {
		close(fd);
		return wb_err_set(err, ENOMEM, "no memory");
	}
	client->fd = fd;
	/* It greets first. */
	if (recv(fd, client->reply, sizeof(client->reply), 0) <= 0) {
		client_close(client);
		return wb_err_set(err, EIO, "the gateway does not answer");
	}
	*out = client;
	return 0;
}

void client_close(struct client *client)
{
	if (client == NULL)
		return;
	close(client->fd);
	free(client);
}

json_t *client_ask(struct client *client, struct wb_err *err, const char *format, ...)
{
	char command[256];
	ssize_t length;
	json_error_t wrong;
	json_t *reply, *answer = NULL;
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (send(client->fd, command, strlen(command), MSG_NOSIGNAL) < 0 ||
		(length = recv(client->fd, client->reply, sizeof(client->reply), 0)) <= 0) {
		wb_err_set(err, EIO, "the gateway does not answer to %s", command);
		return NULL;
	}
	reply = json_loadb(client->reply, (size_t)length, JSON_DISABLE_EOF_CHECK, &wrong);
	if (reply != NULL)
		/* One member, named for the command. */
		answer = json_object_iter_value(json_object_iter(reply));
	if (answer == NULL || json_is_null(answer))
		wb_err_set(err, EPROTO, "the gateway has no answer to %s", command);
	json_incref(answer);
	json_decref(reply);
	if (json_is_null(answer))
		return NULL;
	return answer;
}

json_int_t client_int(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

const char *client_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}
