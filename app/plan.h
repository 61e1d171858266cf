/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The lcore plan: which lcore runs which stages, and the rings between them.
 */
#ifndef WB_APP_PLAN_H
#define WB_APP_PLAN_H

#include <stdint.h>

#include "base/err.h"
#include "wg/tunnel.h"

#include "placement.h"
#include "worker.h"

#define PORTS_MAX   PLACEMENT_PORTS_MAX
#define WORKERS_MAX PLACEMENT_WORKERS_MAX

/** Ring sizes, powers of two. At a gigabit 512 full-size packets are 6 ms. */
#define RING_DATA    512
#define RING_KERNEL  256
#define RING_CONTROL 256

struct plan {
	struct stage stages[STAGES_MAX];
	/** Of stages, by kind and object: those that one worker looks at together are not next to
	 * those that others ring all the time. */
	uint8_t bells[STAGE_KINDS][STAGE_OBJECTS_MAX] __rte_cache_aligned;
	uint16_t n_stages; /**< one more than the greatest id in use */
	uint64_t lists;	   /**< that workers were given */
	/* Stage ids by object. */
	uint16_t tx[PORTS_MAX];
	uint16_t tap[PORTS_MAX];
	uint16_t open[WB_TUNNELS_MAX];
	uint16_t seal[WB_TUNNELS_MAX];
	uint16_t tun[WB_TUNNELS_MAX];
	struct worker *workers[WORKERS_MAX];
	uint16_t n_workers;
};

struct gateway;

/**
 * Makes the workers and the stages of the gateway's ports, where gateway->placement has them.
 * Control only, before the workers are launched.
 */
int plan_make(struct gateway *gateway, struct wb_err *err);

/**
 * Makes a tunnel's stages and hands them to the workers that gateway->placement says, which may
 * run. Control only.
 * @return 0; -ENOMEM: nothing was added.
 */
int plan_tunnel_add(struct gateway *gateway, unsigned tunnel, struct wb_err *err);

/** Takes stages of one worker from it. They rest: packets wait in their rings, in order. Once all
 * workers were quiescent, what the worker had taken is on its way, and plan_give() may follow.
 * Control only.
 * @return 0; -ENOMEM: the worker runs them as before. */
int plan_take(struct gateway *gateway, const uint16_t *ids, unsigned n, struct wb_err *err);

/** Gives resting stages to a worker. Those whose tunnel has gone meanwhile are left out. Control
 * only.
 * @return how many were given; -ENOMEM: they rest on; try again. */
int plan_give(struct gateway *gateway, const uint16_t *ids, unsigned n, unsigned worker,
	struct wb_err *err);

/** Takes a tunnel's stages from the workers. They may run them until they were quiescent: then
 * plan_tunnel_free(). Nothing may be on its way to them. Control only. */
int plan_tunnel_stop(struct gateway *gateway, unsigned tunnel, struct wb_err *err);

/** Frees a stopped tunnel's stages; packets still in their rings are counted as dropped by
 * control. */
void plan_tunnel_free(struct gateway *gateway, unsigned tunnel);

/** Frees rings, what is still in them, and workers. No worker may run. */
void plan_free(struct gateway *gateway);

#endif
