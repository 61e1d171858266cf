/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * What there is to know of a port's members: links, LACP, counters, rates. Control only.
 */
#ifndef WB_PORT_MEMBER_H
#define WB_PORT_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "lacp/lacp.h"
#include "port/port.h"

struct wb_member_status {
	bool link;			   /**< carrier */
	uint32_t speed_mbps;		   /**< 0: not known */
	bool distributing;		   /**< frames leave by it */
	const struct wb_lacp_member *lacp; /**< NULL: the port is no bond */
	bool lacp_active;		   /**< its aggregator is the one in use */
	struct wb_port_counters counters;
	struct wb_port_rates rates;
};

/** Reads a member's state. Returns 0, or -EINVAL: no such member. */
int wb_member_status(const struct wb_port *port, unsigned member, struct wb_member_status *status);

/** The members frames leave by, in the order of the PMD's hash: indices into port->members.
 * Returns how many. */
unsigned wb_port_distributing(const struct wb_port *port, unsigned members[WB_MEMBERS_MAX]);

/** The member with a DPDK port id; -1: none. */
int wb_member_by_id(const struct wb_port *port, uint16_t port_id);

/** Whether a member's link is up, as driver and kernel say. @param speed Mbit/s; 0: not known. */
bool wb_member_link(const struct wb_member *member, uint32_t *speed);

/** Reads the counters of a port or member from its driver. */
void wb_port_counters_read(uint16_t port_id, struct wb_port_counters *counters);

/** Measures the rates of a port and its members: of the time since the last call, if that was at
 * least a second. */
void wb_port_rates_sample(struct wb_port *port, uint64_t now);

#endif
