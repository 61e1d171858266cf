/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * A client of DPDK's telemetry socket: one question, one answer, in one thread.
 */
#ifndef WB_APP_CLIENT_H
#define WB_APP_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

/** Where DPDK makes a directory for each program that runs as root. */
#define CLIENT_RUNTIME "/var/run/dpdk"

struct client;

/**
 * Connects to the gateway of this name; NULL: to the only one that runs. Other DPDK programs are
 * none, whatever their socket.
 * @param runtime the directory that holds one directory a program: CLIENT_RUNTIME.
 * @param err     names the gateways that do run, if that helps.
 * @return 0; -ENOENT: it does not run; -EINVAL: several run, and no name was given; -EACCES: they
 * answer root only; -EPROTO: the program of that name is no gateway; -EIO: it does not answer.
 */
int client_open(const char *runtime, const char *name, struct client **out, struct wb_err *err);
void client_close(struct client *client);

/** The gateway's name. */
const char *client_name(const struct client *client);

/** Asks one command, printf-style, and gives what it answers, to be released with json_decref();
 * NULL, and err, if it has no answer, or is lost. */
json_t *client_ask(struct client *client, struct wb_err *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** True once the gateway did not answer at all: it ended, or hangs. All that was asked since got
 * NULL and left err alone; what was gathered is not the whole. */
bool client_lost(const struct client *client);

/** Members of an object: 0 or "" if they are not there. */
json_int_t client_int(const json_t *object, const char *key);
const char *client_text(const json_t *object, const char *key);

#endif
