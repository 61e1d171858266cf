/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The gateway's commands on DPDK's telemetry socket, under /wirebraid/. They run on threads of
 * rte_telemetry's own, and read under the gateway's lock.
 */
#ifndef WB_APP_TELEMETRY_H
#define WB_APP_TELEMETRY_H

#include "base/err.h"
#include "gateway.h"

/** Registers the commands. Control only, before the workers run. */
int telemetry_start(struct gateway *gateway, struct wb_err *err);

/** From now on they answer with nothing: the gateway is going. */
void telemetry_stop(void);

#endif
