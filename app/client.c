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

#define SOCKET	     "dpdk_telemetry.v2"
#define REPLY_MAX    (64 << 10)
#define PATIENCE_SEC 5

struct client {
	int fd;
	bool lost;
	char name[64];
	char reply[REPLY_MAX];
};

static int connect_to(const char *runtime, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = PATIENCE_SEC};
	int fd;

	if ((size_t)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s/" SOCKET, runtime,
		    name) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

/* Connects, hears the greeting, and asks what only a gateway answers. */
static int dial(const char *runtime, const char *name, struct client **out)
{
	int fd = connect_to(runtime, name), rc = 0;
	struct client *client;
	json_t *ports;

	if (fd < 0)
		return fd;
	client = calloc(1, sizeof(*client));
	if (client == NULL) {
		close(fd);
		return -ENOMEM;
	}
	client->fd = fd;
	snprintf(client->name, sizeof(client->name), "%s", name);
	client->lost = recv(fd, client->reply, sizeof(client->reply), 0) <= 0;
	ports = client_ask(client, NULL, "/wirebraid/ports");
	if (ports == NULL)
		rc = client->lost ? -EIO : -EPROTO;
	json_decref(ports);
	if (rc < 0)
		client_close(client);
	else
		*out = client;
	return rc;
}

/* Those that run, and the first of them. */
struct running {
	struct client *first;
	unsigned n;
	bool hidden; /* some may run that do not answer this user */
	char names[256];
};

static void find_running(const char *runtime, struct running *running)
{
	DIR *directory = opendir(runtime);
	const struct dirent *entry;

	memset(running, 0, sizeof(*running));
	/* DPDK lets nobody but its user look inside. */
	running->hidden = directory == NULL && errno == EACCES;
	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		size_t used = strlen(running->names);
		struct client *client;
		int rc = entry->d_name[0] == '.' ? -ENOENT : dial(runtime, entry->d_name, &client);

		running->hidden |= rc == -EACCES;
		if (rc < 0)
			continue;
		if (running->n++ == 0)
			running->first = client;
		else
			client_close(client);
		snprintf(running->names + used, sizeof(running->names) - used, "%s%s",
			used > 0 ? ", " : "", entry->d_name);
	}
	if (directory != NULL)
		closedir(directory);
}

static int open_named(
	const char *runtime, const char *name, struct client **out, struct wb_err *err)
{
	struct running running;
	int rc = dial(runtime, name, out);

	if (rc == 0)
		return 0;
	if (rc == -EACCES)
		return wb_err_set(err, EACCES, "gateway %s answers root only", name);
	if (rc == -EPROTO)
		return wb_err_set(err, EPROTO,
			"%s is a DPDK program, but no gateway, or one that has not started yet",
			name);
	if (rc == -EIO)
		return wb_err_set(err, EIO, "gateway %s does not answer", name);
	if (rc == -ENOMEM)
		return wb_err_set(err, ENOMEM, "no memory");
	find_running(runtime, &running);
	client_close(running.first);
	return wb_err_set(err, ENOENT, "no gateway %s is running; running: %s", name,
		running.n > 0 ? running.names : "none");
}

int client_open(const char *runtime, const char *name, struct client **out, struct wb_err *err)
{
	struct running running;

	if (name != NULL)
		return open_named(runtime, name, out, err);
	find_running(runtime, &running);
	if (running.n == 1) {
		*out = running.first;
		return 0;
	}
	client_close(running.first);
	if (running.n > 1)
		return wb_err_set(err, EINVAL,
			"several gateways are running, choose one by --name: %s", running.names);
	if (running.hidden)
		return wb_err_set(err, EACCES, "gateways answer root only");
	return wb_err_set(err, ENOENT, "no gateway is running");
}

void client_close(struct client *client)
{
	if (client == NULL)
		return;
	close(client->fd);
	free(client);
}

const char *client_name(const struct client *client)
{
	return client->name;
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
	if (client->lost)
		return NULL;
	if (send(client->fd, command, strlen(command), MSG_NOSIGNAL) < 0 ||
		(length = recv(client->fd, client->reply, sizeof(client->reply), 0)) <= 0) {
		/* An answer that comes later would be taken for the next one's. */
		client->lost = true;
		wb_err_set(err, EIO, "the gateway does not answer to %s", command);
		return NULL;
	}
	reply = json_loadb(client->reply, (size_t)length, JSON_DISABLE_EOF_CHECK, &wrong);
	if (reply != NULL)
		/* One member, named for the command. */
		answer = json_object_iter_value(json_object_iter(reply));
	if (json_is_null(answer))
		answer = NULL;
	if (answer == NULL)
		wb_err_set(err, EPROTO, "the gateway has no answer to %s", command);
	json_incref(answer);
	json_decref(reply);
	return answer;
}

bool client_lost(const struct client *client)
{
	return client->lost;
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
