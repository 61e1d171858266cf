/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The sockets of wg(8), /var/run/wireguard/NAME.sock: a thread of their own, so that a slow client
 * holds up nobody; it takes the gateway's lock for as long as a request takes.
 */
#ifndef WB_APP_UAPI_H
#define WB_APP_UAPI_H

#include "base/err.h"

#include "gateway.h"

/** Where wg(8) looks for sockets. */
#define UAPI_DIRECTORY "/var/run/wireguard"

struct uapi;

/** Starts the thread. */
int uapi_start(struct gateway *gateway, struct uapi **out, struct wb_err *err);

/** Ends it, and takes the sockets away. NULL is ignored. */
void uapi_stop(struct uapi *uapi);

/**
 * Serves a tunnel. Any thread.
 * @return 0; -EADDRINUSE: another process serves one of this name.
 */
int uapi_serve(struct uapi *uapi, const char *name, struct wb_err *err);

/** Serves it no longer. Any thread. */
void uapi_unserve(struct uapi *uapi, const char *name);

#endif
