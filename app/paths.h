/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Paths: tunnels that share routes with others, or that the configuration names. Each is probed
 * through the tunnel and judged (lib/health), and groups follow the verdicts. Control's, under the
 * gateway's lock.
 */
#ifndef WB_APP_PATHS_H
#define WB_APP_PATHS_H

#include "health/path.h"

#include "control.h"

struct paths;

/** A path as others see it. */
struct path_view {
	const struct wb_path *path;
	const struct wb_peer *peer; /**< NULL: there is none to ask */
	struct wb_addr target;	    /**< family 0: not known; it is judged without probes */
	struct wb_addr source;	    /**< of probes */
};

/** NULL when memory is out. */
struct paths *paths_create(void);
void paths_free(struct paths *paths);

/** Takes [paths] and [path NAME] of the configuration, at start or while it runs. */
void paths_configure(struct control *control, const struct wb_config *config);

/** Sends probes that are due and judges. Called every round. */
void paths_poll(struct control *control, uint64_t now);

/** A worker saw the reply to a probe: EVENT_ECHO. */
void paths_replied(struct control *control, const struct event *event);

/** A peer is on its way out: nothing asks it any more. */
void paths_peer_gone(struct control *control, const struct wb_peer *peer);

/** The path of a tunnel. False: it is none. */
bool paths_view(const struct control *control, unsigned tunnel, struct path_view *view);

/* path_target.c */

/** The peer that tells how a tunnel's path is, and the address of it that answers echo requests, as
 * far as they are known.
 * @param wanted  the configuration's target; family 0: to be found.
 * @param routes  whether to look through all routes, if need be. */
void path_target_find(struct control *control, unsigned tunnel, const struct wb_addr *wanted,
	bool routes, struct path_view *view);

#endif
