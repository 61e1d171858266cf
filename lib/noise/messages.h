/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * WireGuard's messages on the wire (paper, section 5.4) and the protocol's constants (section 6.1).
 * All integers are little-endian; the fourth bytes of the paper's type fields are reserved zeros.
 */
#ifndef WB_NOISE_MESSAGES_H
#define WB_NOISE_MESSAGES_H

#include <assert.h>
#include <stdint.h>

#define WB_SECOND UINT64_C(1000000000) /**< ns */

#define WB_REKEY_AFTER_MESSAGES	 (UINT64_C(1) << 60)
#define WB_REJECT_AFTER_MESSAGES (UINT64_MAX - (UINT64_C(1) << 13))
#define WB_REKEY_AFTER_TIME	 (120 * WB_SECOND)
#define WB_REJECT_AFTER_TIME	 (180 * WB_SECOND)
#define WB_REKEY_ATTEMPT_TIME	 (90 * WB_SECOND)
#define WB_REKEY_TIMEOUT	 (5 * WB_SECOND)
#define WB_KEEPALIVE_TIMEOUT	 (10 * WB_SECOND)
#define WB_COOKIE_LIFETIME	 (120 * WB_SECOND)
#define WB_COOKIE_LATENCY	 (5 * WB_SECOND)
/** Initiations of one peer are answered this often at the most (kernel:
 * INITIATIONS_PER_SECOND). */
#define WB_INITIATIONS_PER_SECOND 50
/** Initiations are repeated with up to this much delay added. */
#define WB_REKEY_JITTER_MS 334
/** Tries within REKEY_ATTEMPT_TIME. */
#define WB_HANDSHAKES_MAX (WB_REKEY_ATTEMPT_TIME / WB_REKEY_TIMEOUT)

enum wb_msg_type {
	WB_MSG_INVALID = 0,
	WB_MSG_INITIATION = 1,
	WB_MSG_RESPONSE = 2,
	WB_MSG_COOKIE_REPLY = 3,
	WB_MSG_TRANSPORT = 4,
};

/** The MACs at the end of initiations and responses. */
struct wb_msg_macs {
	uint8_t mac1[16];
	uint8_t mac2[16];
};

struct wb_msg_initiation {
	uint32_t type;
	uint32_t sender;
	uint8_t ephemeral[32];
	uint8_t sealed_static[32 + 16];
	uint8_t sealed_timestamp[12 + 16];
	struct wb_msg_macs macs;
};

struct wb_msg_response {
	uint32_t type;
	uint32_t sender;
	uint32_t receiver;
	uint8_t ephemeral[32];
	uint8_t sealed_nothing[16];
	struct wb_msg_macs macs;
};

struct wb_msg_cookie_reply {
	uint32_t type;
	uint32_t receiver;
	uint8_t nonce[24];
	uint8_t sealed_cookie[16 + 16];
};

/** Transport data: the sealed text and its tag follow. In a frame it lies on no boundary. */
struct wb_msg_transport {
	uint32_t type;
	uint32_t receiver;
	uint64_t counter;
} __attribute__((packed));

static_assert(sizeof(struct wb_msg_initiation) == 148, "initiation");
static_assert(sizeof(struct wb_msg_response) == 92, "response");
static_assert(sizeof(struct wb_msg_cookie_reply) == 64, "cookie reply");
static_assert(sizeof(struct wb_msg_transport) == 16, "transport data header");

#endif
