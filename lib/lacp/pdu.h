/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * LACPDUs (IEEE 802.1AX-2014, 6.4.2) between bytes and fields. Pure functions; any thread.
 */
#ifndef WB_LACP_PDU_H
#define WB_LACP_PDU_H

#include <stdint.h>

/** Bits of a side's state (6.4.2.3). */
#define WB_LACP_ACTIVE	     0x01
#define WB_LACP_SHORT	     0x02
#define WB_LACP_AGGREGATION  0x04
#define WB_LACP_SYNC	     0x08
#define WB_LACP_COLLECTING   0x10
#define WB_LACP_DISTRIBUTING 0x20
#define WB_LACP_DEFAULTED    0x40
#define WB_LACP_EXPIRED	     0x80

/** "ACTIVE,SHORT,AGG,SYNC,COLL,DIST,DEF,EXP" and its end. */
#define WB_LACP_STATE_STRLEN 48

/** A LACPDU's frame, without the check sequence. */
#define WB_LACPDU_LEN 124

/** One side of a link: which system, which port, in which state. Host byte order. */
struct wb_lacp_info {
	uint16_t system_priority;
	uint8_t system[6];
	uint16_t key;
	uint16_t port_priority;
	uint16_t port;
	uint8_t state; /**< WB_LACP_* */
};

struct wb_lacpdu {
	struct wb_lacp_info actor;   /**< the sender */
	struct wb_lacp_info partner; /**< what it believes of the receiver */
};

/** Reads a frame. Of its TLVs, type and length are proved; the version is not (6.4.2.3, note):
 * later ones begin alike.
 * @return 0, or -EINVAL: no LACPDU. */
int wb_lacpdu_parse(const uint8_t *frame, uint32_t length, struct wb_lacpdu *pdu);

/** Writes a frame of WB_LACPDU_LEN bytes, version 1, from a member's own MAC. */
void wb_lacpdu_build(const struct wb_lacpdu *pdu, const uint8_t source[6], uint8_t *frame);

/** "ACTIVE,AGG,SYNC,COLL,DIST"; `out` holds WB_LACP_STATE_STRLEN bytes. Returns out. */
const char *wb_lacp_state_format(uint8_t state, char *out);

#endif
