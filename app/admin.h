/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The thread that brings tunnels up and down: all at start and at the end, and those that
 * `wirebraid up`, `down` and `reload` ask for by a socket beside DPDK's telemetry, as does `move`.
 * One order at a time. An order is one message, "up FILE", "down NAME", "move NAME [PART] CPU" or
 * "reload", with the descriptor that commands and notices are to be written to; the answer is "ok",
 * or what went wrong.
 */
#ifndef WB_APP_ADMIN_H
#define WB_APP_ADMIN_H

#include "base/err.h"

#include "site.h"

/** In the directory that DPDK makes for each gateway. */
#define ADMIN_SOCKET "wirebraid.sock"

#define ADMIN_MESSAGE_MAX 4096

struct admin;

/**
 * Starts the thread, which brings all tunnels up. It ends, all tunnels being down, when
 * a signal said so or the start failed, and then sets control->ended.
 */
int admin_start(struct control *control, struct site *site, struct admin **out, struct wb_err *err);

/** SIGHUP: reload. Other signals: end; the second one does not wait for commands of tunnels. Any
 * thread. */
void admin_signal(void *admin, int signal);

/** Waits for the thread, and frees. NULL is ignored.
 * @return 0, or why the start failed: err. */
int admin_join(struct admin *admin, struct wb_err *err);

#endif
