/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * What can be said of a message by its first bytes and its length, and the padding of transport
 * data (paper, section 5.4.6). Pure functions.
 */
#ifndef WB_WG_TRANSPORT_H
#define WB_WG_TRANSPORT_H

#include <stdint.h>
#include <string.h>

#include "noise/messages.h"

/**
 * The type of a message whose length is right for it, or WB_MSG_INVALID. The type is the whole
 * little-endian word: its three reserved bytes must be zero.
 */
static inline enum wb_msg_type wb_message_type(const void *message, uint32_t length)
{
	const uint8_t *byte = message;

	if (length < sizeof(uint32_t) || (byte[1] | byte[2] | byte[3]) != 0)
		return WB_MSG_INVALID;
	switch (byte[0]) {
	case WB_MSG_TRANSPORT:
		/* The smallest one is a keepalive: a header and a tag. */
		return length >= sizeof(struct wb_msg_transport) + 16 ? WB_MSG_TRANSPORT
								      : WB_MSG_INVALID;
	case WB_MSG_INITIATION:
		return length == sizeof(struct wb_msg_initiation) ? WB_MSG_INITIATION
								  : WB_MSG_INVALID;
	case WB_MSG_RESPONSE:
		return length == sizeof(struct wb_msg_response) ? WB_MSG_RESPONSE : WB_MSG_INVALID;
	case WB_MSG_COOKIE_REPLY:
		return length == sizeof(struct wb_msg_cookie_reply) ? WB_MSG_COOKIE_REPLY
								    : WB_MSG_INVALID;
	default:
		return WB_MSG_INVALID;
	}
}

/**
 * Bytes of an inner packet with its padding: up to a multiple of 16, but not beyond the MTU. A
 * packet longer than the MTU (the kernel may hand one over when the MTU shrinks) is padded as if it
 * came in MTU-size pieces, of which the last one counts.
 */
static inline uint32_t wb_transport_padded(uint32_t length, uint32_t mtu)
{
	uint32_t last = length, padded;

	if (mtu == 0)
		return (length + 15) & ~UINT32_C(15);
	if (last > mtu)
		last %= mtu;
	padded = (last + 15) & ~UINT32_C(15);
	if (padded > mtu)
		padded = mtu;
	return length + (padded - last);
}

#endif
