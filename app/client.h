/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * A client of DPDK's telemetry socket.
 */
#ifndef WB_APP_CLIENT_H
#define WB_APP_CLIENT_H

#include <jansson.h>

#include "base/err.h"

struct client;

/** Connects to the gateway of this name; NULL: to the only one that runs. On failure err names
 * those that do. */
int client_open(const char *name, struct client **out, struct wb_err *err);
void client_close(struct client *client);

/** Asks one command, printf-style, and gives what it answers, to be released with json_decref();
 * NULL, and err, if it answers nothing. */
json_t *client_ask(struct client *client, struct wb_err *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** Members of an object: 0 or "" if they are not there. */
json_int_t client_int(const json_t *object, const char *key);
const char *client_text(const json_t *object, const char *key);

#endif
