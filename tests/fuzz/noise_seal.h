/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Handshake messages as a peer would make them who knows all keys but keeps to no rule: every field
 * may be chosen. After the paper, section 5.4, and apart from lib/noise.
 */
#ifndef WB_FUZZ_NOISE_SEAL_H
#define WB_FUZZ_NOISE_SEAL_H

#include "noise/handshake.h"

/** What is in an initiation. */
struct seal_initiation {
	struct wb_key static_private;
	struct wb_key static_public; /**< as sealed; need not be that of the private one */
	struct wb_key ephemeral;     /**< private */
	uint8_t timestamp[WB_TAI64N_LEN];
	uint32_t sender;
};

/** What is in a response. */
struct seal_response {
	struct wb_key ephemeral; /**< private */
	struct wb_key psk;
	uint32_t sender, receiver;
};

/** Seals an initiation to a responder, with its mac1. False: a key of low order. */
bool seal_initiation(const struct seal_initiation *contents, const struct wb_key *responder,
	struct wb_msg_initiation *out);

/** Seals a response to an initiation that the responder has accepted, with its mac1. */
bool seal_response(const struct seal_response *contents, const struct wb_noise_handshake *accepted,
	const struct wb_key *initiator, struct wb_msg_response *out);

/** Two fixed sides that know each other. */
struct seal_sides {
	struct wb_noise_identity us, them;
	struct wb_noise_peer peer;  /**< them, as we know them */
	struct wb_noise_peer their; /**< us, as they know us */
};

void seal_sides_make(struct seal_sides *sides);

/** Puts the right mac1 into bytes that are as long as a handshake message. */
void seal_mac1(const struct wb_key *receiver, void *message, uint32_t length);

#endif
