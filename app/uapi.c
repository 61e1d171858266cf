/* SPDX-License-Identifier: BSD-3-Clause */
#include "uapi.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <bsd/string.h>

#include "uapi_request.h"

#define CLIENTS_MAX 32

/* 130,561 allowed IPs are 4 MiB. */
#define REQUEST_MAX (64u << 20)

struct listener {
	char name[IFNAMSIZ]; /* "": free */
	int fd;
};

/* A connection: reads a request, answers it, reads the next. Writes come before reads. */
struct client {
	int fd; /* -1: free */
	char name[IFNAMSIZ];
	char *in;
	size_t in_length, in_room;
	struct wb_uapi_text out;
	size_t written;
};

struct uapi {
	struct gateway *gateway;
	pthread_t thread;
	int wake;
	atomic_bool stopping;
	struct client clients[CLIENTS_MAX]; /* the thread's own */

	pthread_mutex_t lock; /* of the listeners; taken last */
	struct listener listeners[WB_TUNNELS_MAX];
};

static void client_close(struct client *client)
{
	close(client->fd);
	client->fd = -1;
	if (client->in != NULL)
		sodium_memzero(client->in, client->in_length);
	free(client->in);
	client->in = NULL;
	client->in_length = client->in_room = 0;
	wb_uapi_text_free(&client->out);
	client->written = 0;
}

/* The bytes up to the empty line that ends a request; 0: it is not complete. */
static size_t request_length(const struct client *client, size_t from)
{
	const char *end;

	/* The end may have begun in what was read before. */
	from = from > 0 ? from - 1 : 0;
	end = memmem(client->in + from, client->in_length - from, "\n\n", 2);
	return end == NULL ? 0 : (size_t)(end - client->in) + 1;
}

static bool client_flush(struct client *client)
{
	while (client->written < client->out.length) {
		ssize_t n = send(client->fd, client->out.bytes + client->written,
			client->out.length - client->written, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		client->written += (size_t)n;
	}
	wb_uapi_text_free(&client->out);
	client->written = 0;
	return true;
}

/* Answers what is complete, one after the other. */
static bool client_answer(struct uapi *uapi, struct client *client, size_t from)
{
	size_t length;

	while (client->out.length == 0 && (length = request_length(client, from)) > 0) {
		size_t taken = length + 1;

		uapi_request(uapi->gateway, client->name, client->in, length, &client->out);
		sodium_memzero(client->in, taken);
		memmove(client->in, client->in + taken, client->in_length - taken);
		sodium_memzero(client->in + client->in_length - taken, taken);
		client->in_length -= taken;
		if (client->out.failed || !client_flush(client))
			return false;
		from = 0;
	}
	return true;
}

static bool client_room(struct client *client)
{
	size_t room = client->in_room * 2 + 4096;
	char *larger;

	/* One more for the NUL that the parser puts at the end. */
	if (client->in_length + 1 < client->in_room)
		return true;
	if (room > REQUEST_MAX || (larger = malloc(room)) == NULL)
		return false;
	if (client->in != NULL) {
		memcpy(larger, client->in, client->in_length);
		sodium_memzero(client->in, client->in_length);
	}
	free(client->in);
	client->in = larger;
	client->in_room = room;
	return true;
}

static bool client_read(struct uapi *uapi, struct client *client)
{
	size_t from = client->in_length;
	ssize_t n;

	if (!client_room(client))
		return false;
	n = recv(client->fd, client->in + from, client->in_room - from - 1, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	client->in_length += (size_t)n;
	return client_answer(uapi, client, from);
}

static void client_serve(struct uapi *uapi, struct client *client, short events)
{
	bool good = (events & (POLLERR | POLLNVAL)) == 0;

	if (good && client->out.length > 0) {
		/* The next request may wait already. */
		good = client_flush(client) &&
			(client->out.length > 0 || client_answer(uapi, client, 0));
	} else if (good) {
		good = client_read(uapi, client);
	}
	if (!good)
		client_close(client);
}

static void client_accept(struct uapi *uapi, const struct listener *listener)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (uapi->clients[i].fd < 0) {
			uapi->clients[i].fd = fd;
			strlcpy(uapi->clients[i].name, listener->name,
				sizeof(uapi->clients[i].name));
			return;
		}
	close(fd);
}

/* Listeners first, then clients, then the wake-up. Returns how many. */
static unsigned poll_set(struct uapi *uapi, struct pollfd *fds, unsigned *listeners)
{
	unsigned n = 0;

	pthread_mutex_lock(&uapi->lock);
	for (unsigned i = 0; i < WB_TUNNELS_MAX; i++)
		if (uapi->listeners[i].name[0] != '\0')
			fds[n++] = (struct pollfd){.fd = uapi->listeners[i].fd, .events = POLLIN};
	pthread_mutex_unlock(&uapi->lock);
	*listeners = n;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		fds[n++] = (struct pollfd){.fd = uapi->clients[i].fd,
			.events = uapi->clients[i].out.length > 0 ? POLLOUT : POLLIN};
	fds[n++] = (struct pollfd){.fd = uapi->wake, .events = POLLIN};
	return n;
}

/* Looks the listener up again: it may have gone while we waited. */
static void accept_on(struct uapi *uapi, int fd)
{
	pthread_mutex_lock(&uapi->lock);
	for (unsigned i = 0; i < WB_TUNNELS_MAX; i++)
		if (uapi->listeners[i].name[0] != '\0' && uapi->listeners[i].fd == fd)
			client_accept(uapi, &uapi->listeners[i]);
	pthread_mutex_unlock(&uapi->lock);
}

static void *serve(void *arg)
{
	struct pollfd fds[WB_TUNNELS_MAX + CLIENTS_MAX + 1];
	struct uapi *uapi = arg;
	unsigned listeners;
	uint64_t woken;

	while (!atomic_load(&uapi->stopping)) {
		unsigned n = poll_set(uapi, fds, &listeners);

		if (poll(fds, n, -1) < 0)
			continue;
		for (unsigned i = 0; i < CLIENTS_MAX; i++)
			if (fds[listeners + i].fd >= 0 && fds[listeners + i].revents != 0)
				client_serve(uapi, &uapi->clients[i], fds[listeners + i].revents);
		for (unsigned i = 0; i < listeners; i++)
			if (fds[i].revents != 0)
				accept_on(uapi, fds[i].fd);
		if (fds[n - 1].revents != 0 &&
			read(uapi->wake, &woken, sizeof(woken)) != sizeof(woken))
			continue;
	}
	return NULL;
}

static void wake(struct uapi *uapi)
{
	const uint64_t one = 1;

	if (write(uapi->wake, &one, sizeof(one)) != sizeof(one))
		return; /* its counter is full: it is awake */
}

int uapi_start(struct gateway *gateway, struct uapi **out, struct wb_err *err)
{
	struct uapi *uapi = calloc(1, sizeof(*uapi));
	int rc;

	if (uapi == NULL)
		return wb_err_set(err, ENOMEM, "no memory for wg(8)'s sockets");
	uapi->gateway = gateway;
	pthread_mutex_init(&uapi->lock, NULL);
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		uapi->clients[i].fd = -1;
	uapi->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = uapi->wake < 0 ? errno : pthread_create(&uapi->thread, NULL, serve, uapi);
	if (rc != 0) {
		free(uapi);
		return wb_err_set(err, rc, "wg(8)'s sockets: %s", strerror(rc));
	}
	*out = uapi;
	return 0;
}

static void path_of(const char *name, struct sockaddr_un *address)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	strlcpy(address->sun_path, UAPI_DIRECTORY "/", sizeof(address->sun_path));
	strlcat(address->sun_path, name, sizeof(address->sun_path));
	strlcat(address->sun_path, ".sock", sizeof(address->sun_path));
}

/* A socket that a process left behind when it died answers nobody. */
static bool is_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool stale = fd >= 0 &&
		connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
		errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return stale;
}

/* Binds with a mode that lets nobody in, from the first moment. */
static int listen_at(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc = 0;

	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0600) < 0 ||
		bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
		listen(fd, CLIENTS_MAX) < 0)
		rc = -errno;
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

int uapi_serve(struct uapi *uapi, const char *name, struct wb_err *err)
{
	struct sockaddr_un address;
	int fd;

	path_of(name, &address);
	mkdir(UAPI_DIRECTORY, 0755);
	fd = listen_at(&address);
	if (fd == -EADDRINUSE && is_stale(&address)) {
		unlink(address.sun_path);
		fd = listen_at(&address);
	}
	if (fd == -EADDRINUSE)
		return wb_err_set(err, EADDRINUSE,
			"%s is another process's: wg(8) reaches that, "
			"not this tunnel",
			address.sun_path);
	if (fd < 0)
		return wb_err_set(err, -fd, "%s: %s", address.sun_path, strerror(-fd));
	pthread_mutex_lock(&uapi->lock);
	for (unsigned i = 0; i < WB_TUNNELS_MAX; i++)
		if (uapi->listeners[i].name[0] == '\0') {
			strlcpy(uapi->listeners[i].name, name, sizeof(uapi->listeners[i].name));
			uapi->listeners[i].fd = fd;
			break;
		}
	pthread_mutex_unlock(&uapi->lock);
	wake(uapi);
	return 0;
}

static void listener_close(struct listener *listener)
{
	struct sockaddr_un address;

	path_of(listener->name, &address);
	unlink(address.sun_path);
	close(listener->fd);
	listener->name[0] = '\0';
}

void uapi_unserve(struct uapi *uapi, const char *name)
{
	pthread_mutex_lock(&uapi->lock);
	for (unsigned i = 0; i < WB_TUNNELS_MAX; i++)
		if (strcmp(uapi->listeners[i].name, name) == 0)
			listener_close(&uapi->listeners[i]);
	pthread_mutex_unlock(&uapi->lock);
	wake(uapi);
}

void uapi_stop(struct uapi *uapi)
{
	if (uapi == NULL)
		return;
	atomic_store(&uapi->stopping, true);
	wake(uapi);
	pthread_join(uapi->thread, NULL);
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (uapi->clients[i].fd >= 0)
			client_close(&uapi->clients[i]);
	for (unsigned i = 0; i < WB_TUNNELS_MAX; i++)
		if (uapi->listeners[i].name[0] != '\0')
			listener_close(&uapi->listeners[i]);
	close(uapi->wake);
	free(uapi);
}
