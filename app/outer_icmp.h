/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * What routers say of sealed packets that are too long for their next link (RFC 1191, RFC 8201).
 */
#ifndef WB_APP_OUTER_ICMP_H
#define WB_APP_OUTER_ICMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/** The news, and what the router quotes of our packet. */
struct outer_icmp {
	uint32_t mtu;	     /**< bytes of an IP packet that fit; 0: an old router tells none */
	uint16_t local_port; /**< UDP ports, host byte order */
	struct wb_endpoint remote; /**< where the packet was to go */
	bool has_receiver;
	uint32_t receiver; /**< the index in the transport message, if it was quoted that far */
};

/**
 * Reads an ICMP "fragmentation needed" or ICMPv6 "packet too big" about a UDP packet.
 * @param l3  an IP packet whose header was proved by ip_check().
 * @param len its bytes.
 * @return false: it is something else, or the quoted packet was not sent by the address the error
 * is for.
 */
bool outer_icmp_parse(const uint8_t *l3, uint32_t len, struct outer_icmp *out);

#endif
