/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"

#define SERVERS 3

/* A program with DPDK's telemetry socket, as far as the client sees. */
struct server {
	char *directory;
	struct sockaddr_un address;
	bool gateway; /* has /wirebraid/ports */
	bool mute;    /* closes without greeting */
	int fd;
	pthread_t thread;
};

struct scene {
	char runtime[32];
	unsigned n;
	struct server servers[SERVERS];
};

/* false: the server goes away without an answer. */
static bool answer(const struct server *server, const char *command, char *out, size_t size)
{
	const char *value = "null";

	if (strcmp(command, "/wirebraid/die") == 0)
		return false;
	if (server->gateway && strcmp(command, "/wirebraid/ports") == 0)
		value = "[\"bond0\",\"lan0\"]";
	if (strcmp(command, "/wirebraid/port,bond0") == 0)
		value = "{\"name\":\"bond0\",\"rx_bytes\":1300000000}";
	if (strcmp(command, "/wirebraid/garbage") == 0)
		value = "[1,";
	snprintf(out, size, "{\"%s\":%s}", command, value);
	return true;
}

static void serve(const struct server *server, int fd)
{
	static const char greeting[] =
		"{\"version\":\"DPDK 22.11.0\",\"pid\":1,\"max_output_len\":16384}";
	char command[256], out[512];
	ssize_t length;

	if (server->mute || send(fd, greeting, strlen(greeting), MSG_NOSIGNAL) < 0)
		return;
	while ((length = recv(fd, command, sizeof(command) - 1, 0)) > 0) {
		command[length] = '\0';
		if (!answer(server, command, out, sizeof(out)) ||
			send(fd, out, strlen(out), MSG_NOSIGNAL) < 0)
			return;
	}
}

static void *server_run(void *arg)
{
	/* A test that fails does not close its client: do not wait for it for ever. */
	const struct timeval patience = {.tv_sec = 5};
	struct server *server = arg;
	int fd;

	/* shutdown() of the listening socket ends it. */
	while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		serve(server, fd);
		close(fd);
	}
	return NULL;
}

static struct server *server_add(struct scene *scene, const char *name, bool gateway)
{
	struct server *server = &scene->servers[scene->n];
	struct sockaddr_un *address = &server->address;

	assert_true(scene->n < SERVERS);
	server->gateway = gateway;
	assert_true(asprintf(&server->directory, "%s/%s", scene->runtime, name) > 0);
	address->sun_family = AF_UNIX;
	assert_in_range(snprintf(address->sun_path, sizeof(address->sun_path),
				"%s/dpdk_telemetry.v2", server->directory),
		1, sizeof(address->sun_path) - 1);
	assert_int_equal(mkdir(server->directory, 0700), 0);
	server->fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_true(server->fd >= 0);
	assert_int_equal(bind(server->fd, (struct sockaddr *)address, sizeof(*address)), 0);
	assert_int_equal(listen(server->fd, 4), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
	scene->n++;
	return server;
}

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	strcpy(scene->runtime, "/tmp/client-test-XXXXXX");
	assert_non_null(mkdtemp(scene->runtime));
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	for (unsigned i = 0; i < scene->n; i++) {
		struct server *server = &scene->servers[i];

		shutdown(server->fd, SHUT_RDWR);
		pthread_join(server->thread, NULL);
		close(server->fd);
		unlink(server->address.sun_path);
		rmdir(server->directory);
		free(server->directory);
	}
	rmdir(scene->runtime);
	free(scene);
	return 0;
}

static void the_only_gateway_is_found_among_others(void **state)
{
	struct scene *scene = *state;
	struct client *client = NULL;
	struct wb_err err = {.text = ""};

	server_add(scene, "testpmd", false);
	server_add(scene, "site-a", true);
	assert_int_equal(client_open(scene->runtime, NULL, &client, &err), 0);
	client_close(client);
	assert_int_equal(client_open(scene->runtime, "site-a", &client, &err), 0);
	client_close(client);
}

static void other_programs_are_no_gateways(void **state)
{
	struct scene *scene = *state;
	struct client *client = NULL;
	struct wb_err err = {.text = ""};

	server_add(scene, "testpmd", false);
	assert_int_equal(client_open(scene->runtime, NULL, &client, &err), -ENOENT);
	assert_string_equal(err.text, "no gateway is running");
	assert_int_equal(client_open(scene->runtime, "testpmd", &client, &err), -EPROTO);
	assert_string_equal(err.text,
		"testpmd is a DPDK program, but no gateway, or one that has not started yet");
	assert_null(client);
}

static void names_those_that_run(void **state)
{
	struct scene *scene = *state;
	struct client *client = NULL;
	struct wb_err err = {.text = ""};

	assert_int_equal(client_open(scene->runtime, "site-c", &client, &err), -ENOENT);
	assert_string_equal(err.text, "no gateway site-c is running; running: none");
	server_add(scene, "site-a", true);
	assert_int_equal(client_open(scene->runtime, "site-c", &client, &err), -ENOENT);
	assert_string_equal(err.text, "no gateway site-c is running; running: site-a");
	server_add(scene, "site-b", true);
	assert_int_equal(client_open(scene->runtime, NULL, &client, &err), -EINVAL);
	assert_non_null(strstr(err.text, "choose one by --name"));
	assert_non_null(strstr(err.text, "site-a"));
	assert_non_null(strstr(err.text, "site-b"));
	assert_null(client);
}

static void sockets_left_behind_are_not_running(void **state)
{
	struct scene *scene = *state;
	struct server *server = server_add(scene, "site-a", true);
	struct client *client = NULL;
	struct wb_err err = {.text = ""};

	/* It was killed: the socket's file stays, nobody listens. */
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
	assert_int_equal(client_open(scene->runtime, NULL, &client, &err), -ENOENT);
	assert_int_equal(client_open(scene->runtime, "site-a", &client, &err), -ENOENT);
	unlink(server->address.sun_path);
	rmdir(server->directory);
	free(server->directory);
	scene->n--;
}

static void does_not_answer(void **state)
{
	struct scene *scene = *state;
	struct client *client = NULL;
	struct wb_err err = {.text = ""};

	server_add(scene, "site-a", true)->mute = true;
	assert_int_equal(client_open(scene->runtime, "site-a", &client, &err), -EIO);
	assert_string_equal(err.text, "gateway site-a does not answer");
	assert_null(client);
}

static void lacks_rights(void **state)
{
	struct scene *scene = *state;
	struct client *client = NULL;
	struct wb_err err = {.text = ""};

	server_add(scene, "site-a", true);
	/* Root may look anywhere: be nobody for this. */
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	else
		assert_int_equal(chmod(scene->runtime, 0), 0);
	assert_int_equal(client_open(scene->runtime, NULL, &client, &err), -EACCES);
	assert_string_equal(err.text, "gateways answer root only");
	assert_int_equal(client_open(scene->runtime, "site-a", &client, &err), -EACCES);
	assert_string_equal(err.text, "gateway site-a answers root only");
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(scene->runtime, 0700), 0);
}

static void names_too_long_are_not_running(void **state)
{
	struct scene *scene = *state;
	struct client *client = NULL;
	struct wb_err err = {.text = ""};
	char name[200];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(client_open(scene->runtime, name, &client, &err), -ENOENT);
}

static void asks_and_reads(void **state)
{
	struct scene *scene = *state;
	struct client *client = NULL;
	struct wb_err err = {.text = ""};
	json_t *port;

	server_add(scene, "site-a", true);
	assert_int_equal(client_open(scene->runtime, NULL, &client, &err), 0);
	port = client_ask(client, &err, "/wirebraid/port,%s", "bond0");
	assert_non_null(port);
	assert_string_equal(client_text(port, "name"), "bond0");
	assert_int_equal(client_int(port, "rx_bytes"), 1300000000);
	assert_string_equal(client_text(port, "none"), "");
	assert_int_equal(client_int(port, "none"), 0);
	json_decref(port);
	/* What has no answer leaves the rest as it was. */
	assert_null(client_ask(client, &err, "/wirebraid/port,lan7"));
	assert_string_equal(err.text, "the gateway has no answer to /wirebraid/port,lan7");
	assert_null(client_ask(client, &err, "/wirebraid/garbage"));
	assert_false(client_lost(client));
	port = client_ask(client, &err, "/wirebraid/port,bond0");
	assert_non_null(port);
	json_decref(port);
	client_close(client);
}

static void lost_for_good(void **state)
{
	struct scene *scene = *state;
	struct client *client = NULL;
	struct wb_err err = {.text = ""};

	server_add(scene, "site-a", true);
	assert_int_equal(client_open(scene->runtime, NULL, &client, &err), 0);
	assert_false(client_lost(client));
	assert_null(client_ask(client, &err, "/wirebraid/die"));
	assert_true(client_lost(client));
	/* The first question tells what happened. */
	assert_null(client_ask(client, &err, "/wirebraid/ports"));
	assert_string_equal(err.text, "the gateway does not answer to /wirebraid/die");
	client_close(client);
}

int main(void)
{
#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		IN_SCENE(the_only_gateway_is_found_among_others),
		IN_SCENE(other_programs_are_no_gateways),
		IN_SCENE(names_those_that_run),
		IN_SCENE(sockets_left_behind_are_not_running),
		IN_SCENE(does_not_answer),
		IN_SCENE(lacks_rights),
		IN_SCENE(names_too_long_are_not_running),
		IN_SCENE(asks_and_reads),
		IN_SCENE(lost_for_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
