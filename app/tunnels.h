/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Tunnels come and go while the gateway runs: a WireGuard tunnel, its TUN, its stages. Addresses,
 * routes and what else wg-quick does are site.h's. All calls are made under the gateway's lock.
 */
#ifndef WB_APP_TUNNELS_H
#define WB_APP_TUNNELS_H

#include "base/err.h"

#include "control.h"

/**
 * Makes a tunnel without key, port and peers, with its TUN, and has workers run its stages.
 * @return its id, or a negative errno: nothing was made.
 */
int tunnel_open(struct control *control, const char *name, uint16_t mtu, struct wb_err *err);

/** Begins to take a tunnel away: no packet finds it any more. tunnels_poll() does the rest; until
 * then its id and its TUN's name are taken. */
int tunnel_close(struct control *control, unsigned id, struct wb_err *err);

/** Whether a tunnel is there and not on its way out. */
bool tunnel_is_open(const struct gateway *gateway, unsigned id);

/** Whether a netdev is the TUN of a tunnel on its way out. */
bool tunnel_is_closing(const struct gateway *gateway, int ifindex);

/** The id of the open tunnel of this name, or -1. */
int tunnel_id(const struct gateway *gateway, const char *name);

/** Whether a tunnel of this name still exists, open or on its way out. */
bool tunnel_lingers(const struct gateway *gateway, const char *name);

/** Takes closing tunnels further. Called every round. */
void tunnels_poll(struct control *control);

/** Frees what is left of all tunnels; no worker may run. */
void tunnels_finish(struct gateway *gateway);

#endif
