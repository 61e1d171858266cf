/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * LACP of a bond (lib/lacp) on the bonding PMD: through the PMD's hooks for an external state
 * machine LACPDUs come and go, and members are told to collect and distribute. LACPDUs leave from
 * within the PMD's tx burst, which a worker calls; they come in by its rx burst. Control only.
 */
#ifndef WB_PORT_LACP_H
#define WB_PORT_LACP_H

#include <stdint.h>

#include <rte_mempool.h>

#include "lacp/lacp.h"
#include "port/port.h"

/** Takes LACP of a bond that has its members, but is not started, from the PMD. */
int wb_port_lacp_begin(
	struct wb_port *port, const struct wb_lacp_config *config, struct wb_err *err);

/** The reverse; the bond is stopped. A port that is no bond, or was not begun, is ignored. */
void wb_port_lacp_end(struct wb_port *port);

/**
 * Takes what came in, looks at the links, runs the machines, and sends what they say. Called every
 * few ms; what is not due costs little. A port that is no bond is ignored.
 * @param pool  where LACPDUs are made.
 * @param now   ns of a clock that does not jump.
 */
void wb_port_lacp_run(struct wb_port *port, struct rte_mempool *pool, uint64_t now);

/** Tells the partner that we leave. The bond's tx burst must still be called for a while, and
 * wb_port_lacp_run(), since the PMD takes one frame at a time. */
void wb_port_lacp_leave(struct wb_port *port, struct rte_mempool *pool, uint64_t now);

#endif
