/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The gateway's files put into effect, as wg-quick(8) does: tunnels up and down, their addresses,
 * routes, DNS and commands, and the difference when files change. One thread; it takes the
 * gateway's lock for moments, and waits for names and commands without it.
 */
#ifndef WB_APP_SITE_H
#define WB_APP_SITE_H

#include "base/err.h"
#include "kernel/netlink.h"

#include "gateway.h"
#include "uapi.h"

struct site {
	struct gateway *gateway;
	struct uapi *uapi;
	struct wb_netlink *netlink;
	struct wb_config *config;		  /**< what is to be; owns the tunnels' files */
	struct wb_wgquick *files[WB_TUNNELS_MAX]; /**< by tunnel id, of `config`; NULL: none */
	struct config_route *routes;		  /**< those in the kernel, sorted */
	unsigned n_routes;
	unsigned default_rules; /**< bit 0: the IPv4 rules are there, bit 1: IPv6 */
	int log;		/**< file descriptor that commands and notices write to */
};

/** Prepares; no tunnel is up. `config` is the site's from now on. */
int site_create(struct gateway *gateway, struct uapi *uapi, struct wb_config *config,
	struct site **out, struct wb_err *err);

/** Frees it. NULL is ignored. */
void site_destroy(struct site *site);

/** Brings all tunnels of the configuration up. On failure some are. */
int site_start(struct site *site, struct wb_err *err);

/** Brings all down, whatever their commands say. */
void site_stop(struct site *site);

/**
 * Brings one tunnel up (`wirebraid up`).
 * @param file its file; the configuration's from now on, if that succeeds.
 * @return 0; on failure nothing is left of it.
 */
int site_up(struct site *site, struct wb_wgquick *file, struct wb_err *err);

/** Takes one down (`wirebraid down`), and out of the configuration. */
int site_down(struct site *site, const char *name, struct wb_err *err);

/** Reads all files again and applies what is different. On failure all is as it was. */
int site_reload(struct site *site, struct wb_err *err);

/* site_tunnel.c: one tunnel, the configuration aside. */

int site_tunnel_up(struct site *site, struct wb_wgquick *file, struct wb_err *err);

/** @param force go on when a command fails. */
int site_tunnel_down(struct site *site, unsigned id, bool force, struct wb_err *err);

/** Makes a live tunnel what another file says. */
int site_tunnel_change(struct site *site, unsigned id, struct wb_wgquick *file, struct wb_err *err);

/* site_ports.c */

/** Gives an interface the addresses it has in one list and not in another, and takes those away
 * that are the other way round. */
int site_addresses_change(struct site *site, int ifindex, const struct wb_prefix *before,
	unsigned n_before, const struct wb_prefix *after, unsigned n_after, struct wb_err *err);

/** Gives ports the addresses and default routers of another configuration of the same ports. */
int site_ports_change(struct site *site, const struct wb_config *before,
	const struct wb_config *after, struct wb_err *err);

/* site_routes.c */

/** Sets the routes and rules that the files of the tunnels that are up ask for, and takes away
 * those they no longer do. */
int site_routes_sync(struct site *site, struct wb_err *err);

#endif
