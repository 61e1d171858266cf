/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * What LACP (IEEE 802.1AX, clause 6.4) says of a bond's members. Control only.
 */
#ifndef WB_PORT_LACP_H
#define WB_PORT_LACP_H

#include <stdbool.h>
#include <stdint.h>

#include "port/port.h"

/** Bits of actor and partner state (802.1AX, 6.4.2.3). */
#define WB_LACP_ACTIVE	     0x01
#define WB_LACP_SHORT	     0x02
#define WB_LACP_AGGREGATION  0x04
#define WB_LACP_SYNC	     0x08
#define WB_LACP_COLLECTING   0x10
#define WB_LACP_DISTRIBUTING 0x20
#define WB_LACP_DEFAULTED    0x40
#define WB_LACP_EXPIRED	     0x80

#define WB_LACP_STATE_STRLEN 48

struct wb_member_status {
	bool link;	     /**< carrier */
	uint32_t speed_mbps; /**< 0: not known */
	bool lacp;	     /**< the fields below hold; false while the bond is stopped */
	uint8_t actor;	     /**< WB_LACP_* */
	uint8_t partner;
	uint8_t partner_system[6];
	uint16_t partner_key;
	uint16_t partner_port;
	uint16_t aggregator; /**< DPDK port id of the aggregator's first port */
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, rx_errors, tx_errors;
};

/** Reads a member's state. Returns 0, or -EINVAL: no such member. */
int wb_member_status(const struct wb_port *port, unsigned member, struct wb_member_status *status);

/** The members frames leave by, in the order of the PMD's hash: indices into port->members.
 * Returns how many. */
unsigned wb_port_distributing(const struct wb_port *port, unsigned members[WB_MEMBERS_MAX]);

/** "ACTIVE,AGG,SYNC,COLL,DIST"; `out` holds WB_LACP_STATE_STRLEN bytes. Returns out. */
const char *wb_lacp_state_format(uint8_t state, char *out);

#endif
