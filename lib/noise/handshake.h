/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s as WireGuard does it (paper, section 5.4), both roles.
 * Bytes and the time go in, bytes come out. No call changes a peer before the message is proved
 * authentic; a refused message leaves a handshake in progress alive. One thread.
 */
#ifndef WB_NOISE_HANDSHAKE_H
#define WB_NOISE_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/key.h"
#include "crypto/hash.h"
#include "noise/cookie.h"
#include "noise/messages.h"

#define WB_TAI64N_LEN 12

/** Our static key and what is computed from it once. */
struct wb_noise_identity {
	struct wb_key private_key;
	struct wb_key public_key;
	struct wb_cookie_keys keys; /**< of our public key: checks mac1 of what we receive */
	bool present;		    /**< false: no key is set, and no handshake will do */
};

enum wb_noise_state {
	WB_NOISE_IDLE,
	WB_NOISE_INITIATION_SENT,
	WB_NOISE_INITIATION_CONSUMED,
};

/** A handshake in progress. */
struct wb_noise_handshake {
	enum wb_noise_state state;
	uint32_t local_index;
	uint32_t remote_index;
	struct wb_key ephemeral;	/**< our private one */
	struct wb_key remote_ephemeral; /**< their public one */
	uint8_t hash[WB_HASH_LEN];
	uint8_t chaining[WB_HASH_LEN];
};

/** What the handshake knows of a peer. */
struct wb_noise_peer {
	struct wb_key remote_static;
	struct wb_key psk;	     /**< zeros: none */
	struct wb_key static_static; /**< DH of both static keys */
	bool usable; /**< false: the remote key is ours, or of low order; no handshake will do */
	uint8_t latest_timestamp[WB_TAI64N_LEN];
	uint64_t last_initiation; /**< ns, the last one accepted; 0 none */
	struct wb_noise_handshake handshake;
	struct wb_cookie_peer cookie;
};

/** A derived session. Wipe it after use. */
struct wb_noise_session {
	struct wb_key send_key;
	struct wb_key receive_key;
	uint32_t local_index;
	uint32_t remote_index;
	bool initiator;
};

/** An initiation whose sender is known, but not yet accepted. Wipe it after use. */
struct wb_noise_initiation {
	struct wb_key remote_static;
	struct wb_key remote_ephemeral;
	uint32_t remote_index;
	uint8_t hash[WB_HASH_LEN];
	uint8_t chaining[WB_HASH_LEN];
	uint8_t sealed_timestamp[WB_TAI64N_LEN + 16];
};

/** Sets our key, clamped; zeros: none. */
void wb_noise_identity_set(struct wb_noise_identity *identity, const struct wb_key *private_key);

/** Sets up a peer; `psk` may be NULL. */
void wb_noise_peer_init(struct wb_noise_peer *peer, const struct wb_noise_identity *identity,
	const struct wb_key *remote_static, const struct wb_key *psk);

/** Our key is another one now: computes what depends on it, and forgets the handshake in progress.
 */
void wb_noise_peer_identity_changed(
	struct wb_noise_peer *peer, const struct wb_noise_identity *identity);

/** Sets the preshared key of handshakes to come; NULL: none. */
void wb_noise_peer_psk_set(struct wb_noise_peer *peer, const struct wb_key *psk);

/** Forgets the handshake in progress. */
void wb_noise_handshake_clear(struct wb_noise_peer *peer);

/**
 * Begins a handshake: writes an initiation with its MACs.
 * @param local_index our receiver index for it, not 0.
 * @param wall        the time of day, for the timestamp that guards against replay.
 * @param now         ns, monotonic, for the cookie's age.
 * @return 0; -EINVAL if the peer is not usable.
 */
int wb_noise_initiation_create(const struct wb_noise_identity *identity, struct wb_noise_peer *peer,
	uint32_t local_index, const struct timespec *wall, uint64_t now,
	struct wb_msg_initiation *out);

/** Learns who sent an initiation whose mac1 was right. Returns 0, or -EBADMSG. */
int wb_noise_initiation_open(const struct wb_noise_identity *identity,
	const struct wb_msg_initiation *message, struct wb_noise_initiation *out);

/**
 * Accepts an initiation of this peer: proves its timestamp and its rate.
 * @return 0; -EBADMSG: not authentic; -EALREADY: replayed; -EAGAIN: too soon after the last one.
 */
int wb_noise_initiation_accept(const struct wb_noise_identity *identity, struct wb_noise_peer *peer,
	const struct wb_noise_initiation *initiation, uint64_t now);

/** Answers the accepted initiation and derives the session. Returns 0; -EINVAL out of order or bad
 * points. */
int wb_noise_response_create(const struct wb_noise_identity *identity, struct wb_noise_peer *peer,
	uint32_t local_index, uint64_t now, struct wb_msg_response *out,
	struct wb_noise_session *session);

/** Takes the answer to our initiation and derives the session. Returns 0, or -EBADMSG. */
int wb_noise_response_consume(const struct wb_noise_identity *identity, struct wb_noise_peer *peer,
	const struct wb_msg_response *message, struct wb_noise_session *session);

/** For tests against vectors: the next ephemeral keys come from here instead of the random number
 * generator. NULL goes back to it. */
void wb_noise_ephemeral_source(void (*source)(struct wb_key *private_key));

#endif
