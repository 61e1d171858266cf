/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The last touch of frames before a port sends them. Called by the worker that sends.
 */
#ifndef WB_PORT_PREPARE_H
#define WB_PORT_PREPARE_H

#include <rte_mbuf.h>

#include "port/port.h"

/** wb_port_prepare(), where a driver is left something to do. */
unsigned wb_port_prepare_offloads(
	const struct wb_port *port, struct rte_mbuf **frames, unsigned count);

/**
 * Has the driver make ready what it is to do while it sends: some want other bytes in the place of
 * a checksum. A bond's driver asks its members itself.
 * @param frames  those the driver refuses are taken out and freed.
 * @return how many are left.
 */
static inline unsigned wb_port_prepare(
	const struct wb_port *port, struct rte_mbuf **frames, unsigned count)
{
	return port->udp_checksums ? wb_port_prepare_offloads(port, frames, count) : count;
}

#endif
