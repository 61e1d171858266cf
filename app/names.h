/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Endpoints that are host names: asked for again, on a thread of their own, when handshakes with
 * the peer fail.
 */
#ifndef WB_APP_NAMES_H
#define WB_APP_NAMES_H

#include "control.h"

struct names;

/** Starts the thread; control->names is set. */
int names_start(struct control *control, struct wb_err *err);

/** Ends it, without waiting for the resolver. NULL is ignored. */
void names_stop(struct names *names);

/** Notes where a peer's endpoint came from: host may be NULL, or an address. Under the gateway's
 * lock. */
void names_note(struct control *control, struct wb_peer *peer, const char *host, uint16_t port);

/** Has a peer's host looked up again, if it has one; its endpoint follows. Never waits. Under the
 * gateway's lock. */
void names_ask(struct control *control, const struct wb_peer *peer);

#endif
