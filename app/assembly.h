/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The gateway put together: buffers, control, tunnels' set, forwarding table, ports with their
 * TAPs, lcore plan.
 */
#ifndef WB_APP_ASSEMBLY_H
#define WB_APP_ASSEMBLY_H

#include "base/err.h"

#include "config.h"
#include "gateway.h"

/**
 * Makes what the configuration describes, tunnels aside. EAL runs, workers do not yet; the lock and
 * the settings that workers read are in place. Control thread.
 * @return 0, or a negative errno: dismantle() what there is.
 */
int assemble(struct gateway *gateway, const struct wb_config *config, struct wb_err *err);

/** Frees everything, the gateway itself aside. No worker runs any more. */
void dismantle(struct gateway *gateway);

#endif
