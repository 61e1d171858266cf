/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Echo requests and replies (RFC 792; RFC 4443, 4) with which paths are probed. Pure functions; any
 * thread.
 */
#ifndef WB_APP_ECHO_H
#define WB_APP_ECHO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/** The longest request: IPv6 and ICMP headers, 16 bytes of ours. */
#define ECHO_LEN_MAX (40 + 8 + 16)

/** What a request carries, and its reply brings back. */
struct echo {
	uint64_t cookie;   /**< tells our replies from those the kernel waits for */
	uint16_t sequence; /**< host byte order */
	uint16_t tunnel;   /**< it was sent through */
};

/** Writes a request of ECHO_LEN_MAX bytes at the most. Returns how many. Both addresses are of one
 * family. */
uint16_t echo_request_make(
	uint8_t *l3, const struct wb_addr *from, const struct wb_addr *to, const struct echo *echo);

/** Reads a packet, proved by ip_check(). True if it is the reply to a request with this cookie. */
bool echo_reply_parse(const uint8_t *l3, uint32_t len, uint64_t cookie, struct echo *echo);

#endif
