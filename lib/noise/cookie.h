/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * mac1, mac2 and cookies (paper, sections 5.3 and 5.4.4 to 5.4.7). One thread.
 */
#ifndef WB_NOISE_COOKIE_H
#define WB_NOISE_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/key.h"
#include "crypto/hash.h"
#include "noise/messages.h"

/** Keys computed once from the public key that a message is sent to. */
struct wb_cookie_keys {
	uint8_t mac1[WB_HASH_LEN];
	uint8_t cookie[WB_HASH_LEN];
};

/** The sender's side: what we need to send to a peer. */
struct wb_cookie_peer {
	struct wb_cookie_keys keys; /**< of the peer's public key */
	uint8_t last_mac1[WB_MAC_LEN];
	bool mac1_sent;
	bool have_cookie;
	uint64_t cookie_birth; /**< ns */
	uint8_t cookie[WB_MAC_LEN];
};

/** The receiver's side: a secret that changes every two minutes. */
struct wb_cookie_checker {
	struct wb_cookie_keys keys; /**< of our public key */
	uint8_t secret[WB_HASH_LEN];
	uint64_t secret_birth; /**< ns */
};

enum wb_mac_verdict {
	WB_MAC_INVALID,		  /**< mac1 is wrong: not for us, or noise */
	WB_MAC_VALID,		  /**< mac1 is right, mac2 is none of our cookies */
	WB_MAC_VALID_WITH_COOKIE, /**< the sender owns its source address */
};

void wb_cookie_keys_set(struct wb_cookie_keys *keys, const struct wb_key *public_key);

/** Writes mac1, and mac2 if a cookie not yet stale is there, at the end of an initiation or
 * response of `len` bytes. */
void wb_cookie_macs_add(struct wb_cookie_peer *peer, void *message, uint32_t len, uint64_t now);

void wb_cookie_checker_init(
	struct wb_cookie_checker *checker, const struct wb_cookie_keys *keys, uint64_t now);

/** Judges the MACs of a message whose length was proved. `now` in ns. */
enum wb_mac_verdict wb_cookie_check(struct wb_cookie_checker *checker, const void *message,
	uint32_t len, const struct wb_endpoint *source, uint64_t now);

/** Answers an initiation or response with a cookie for its source. */
void wb_cookie_reply_create(struct wb_cookie_checker *checker, const void *message, uint32_t len,
	const struct wb_endpoint *source, uint64_t now, struct wb_msg_cookie_reply *out);

/** Takes a cookie for what was sent last. Returns 0; -EBADMSG: not authentic, or not asked for. */
int wb_cookie_reply_consume(
	struct wb_cookie_peer *peer, const struct wb_msg_cookie_reply *reply, uint64_t now);

#endif
