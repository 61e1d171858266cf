/* SPDX-License-Identifier: BSD-3-Clause */
#include "noise/handshake.h"

#include <endian.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "crypto/handshake_crypto.h"

/* TAI64N's label of the Unix epoch (10 leap seconds), and how finely a timestamp tells the time: as
 * the kernel, no finer than the initiations it limits. */
#define TAI64_EPOCH	UINT64_C(0x400000000000000a)
#define TIMESTAMP_GRAIN (WB_SECOND / WB_INITIATIONS_PER_SECOND)

static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

static void (*ephemeral_source)(struct wb_key *private_key) = wb_dh_generate;

void wb_noise_ephemeral_source(void (*source)(struct wb_key *private_key))
{
	ephemeral_source = source != NULL ? source : wb_dh_generate;
}

/* The running state of the pattern: chaining key, hash, and the key of the next sealed field. */
struct symmetric {
	uint8_t chaining[WB_HASH_LEN];
	uint8_t hash[WB_HASH_LEN];
	uint8_t key[WB_HASH_LEN];
};

static void mix_hash(struct symmetric *s, const void *data, size_t len)
{
	wb_hash(s->hash, s->hash, sizeof(s->hash), data, len);
}

static void mix_key(struct symmetric *s, const struct wb_key *secret)
{
	wb_kdf(s->chaining, s->key, NULL, s->chaining, secret->bytes, sizeof(secret->bytes));
}

static bool mix_dh(
	struct symmetric *s, const struct wb_key *private_key, const struct wb_key *public_key)
{
	struct wb_key secret;
	bool good = wb_dh(&secret, private_key, public_key);

	if (good)
		mix_key(s, &secret);
	wb_key_wipe(&secret);
	return good;
}

/* An ephemeral goes into the hash and into the chaining key. */
static void mix_ephemeral(struct symmetric *s, const uint8_t public_key[WB_KEY_LEN])
{
	mix_hash(s, public_key, WB_KEY_LEN);
	wb_kdf(s->chaining, NULL, NULL, s->chaining, public_key, WB_KEY_LEN);
}

static void mix_psk(struct symmetric *s, const struct wb_key *psk)
{
	uint8_t tau[WB_HASH_LEN];

	wb_kdf(s->chaining, tau, s->key, s->chaining, psk->bytes, sizeof(psk->bytes));
	mix_hash(s, tau, sizeof(tau));
	sodium_memzero(tau, sizeof(tau));
}

static void seal_field(struct symmetric *s, uint8_t *out, const void *text, size_t len)
{
	wb_field_seal(out, text, len, s->hash, sizeof(s->hash), s->key);
	mix_hash(s, out, len + 16);
}

static bool open_field(struct symmetric *s, void *out, const uint8_t *sealed, size_t len)
{
	if (!wb_field_open(out, sealed, len, s->hash, sizeof(s->hash), s->key))
		return false;
	mix_hash(s, sealed, len + 16);
	return true;
}

/* The state both sides begin with, once the responder's static key is known. */
static void symmetric_begin(struct symmetric *s, const struct wb_key *responder)
{
	wb_hash(s->chaining, construction, sizeof(construction) - 1, NULL, 0);
	wb_hash(s->hash, s->chaining, sizeof(s->chaining), identifier, sizeof(identifier) - 1);
	mix_hash(s, responder->bytes, sizeof(responder->bytes));
}

static void symmetric_save(const struct symmetric *s, struct wb_noise_handshake *handshake)
{
	memcpy(handshake->chaining, s->chaining, sizeof(handshake->chaining));
	memcpy(handshake->hash, s->hash, sizeof(handshake->hash));
}

static void symmetric_load(struct symmetric *s, const struct wb_noise_handshake *handshake)
{
	memcpy(s->chaining, handshake->chaining, sizeof(s->chaining));
	memcpy(s->hash, handshake->hash, sizeof(s->hash));
}

void wb_noise_identity_set(struct wb_noise_identity *identity, const struct wb_key *private_key)
{
	memset(identity, 0, sizeof(*identity));
	identity->present = !wb_key_is_zero(private_key);
	if (identity->present) {
		identity->private_key = *private_key;
		wb_dh_clamp(&identity->private_key);
		wb_dh_public(&identity->public_key, &identity->private_key);
	}
	wb_cookie_keys_set(&identity->keys, &identity->public_key);
}

static void static_static_compute(
	struct wb_noise_peer *peer, const struct wb_noise_identity *identity)
{
	peer->usable = identity->present &&
		!wb_key_equal(&peer->remote_static, &identity->public_key) &&
		wb_dh(&peer->static_static, &identity->private_key, &peer->remote_static);
}

void wb_noise_peer_init(struct wb_noise_peer *peer, const struct wb_noise_identity *identity,
	const struct wb_key *remote_static, const struct wb_key *psk)
{
	memset(peer, 0, sizeof(*peer));
	peer->remote_static = *remote_static;
	wb_noise_peer_psk_set(peer, psk);
	static_static_compute(peer, identity);
	wb_cookie_keys_set(&peer->cookie.keys, remote_static);
}

void wb_noise_peer_identity_changed(
	struct wb_noise_peer *peer, const struct wb_noise_identity *identity)
{
	wb_key_wipe(&peer->static_static);
	static_static_compute(peer, identity);
	wb_noise_handshake_clear(peer);
}

void wb_noise_peer_psk_set(struct wb_noise_peer *peer, const struct wb_key *psk)
{
	wb_key_wipe(&peer->psk);
	if (psk != NULL)
		peer->psk = *psk;
}

void wb_noise_handshake_clear(struct wb_noise_peer *peer)
{
	sodium_memzero(&peer->handshake, sizeof(peer->handshake));
}

/* TAI64N (paper, section 5.1): big-endian seconds and nanoseconds, coarse, so that it says little
 * about our clock. */
static void timestamp_write(uint8_t out[WB_TAI64N_LEN], const struct timespec *wall)
{
	uint64_t seconds = htobe64(TAI64_EPOCH + (uint64_t)wall->tv_sec);
	uint64_t nanoseconds = (uint64_t)wall->tv_nsec;
	uint32_t coarse = htobe32((uint32_t)(nanoseconds - nanoseconds % TIMESTAMP_GRAIN));

	memcpy(out, &seconds, sizeof(seconds));
	memcpy(out + 8, &coarse, sizeof(coarse));
}

int wb_noise_initiation_create(const struct wb_noise_identity *identity, struct wb_noise_peer *peer,
	uint32_t local_index, const struct timespec *wall, uint64_t now,
	struct wb_msg_initiation *out)
{
	struct wb_noise_handshake *handshake = &peer->handshake;
	uint8_t timestamp[WB_TAI64N_LEN];
	struct wb_key public_ephemeral;
	struct symmetric s;
	int rc = -EINVAL;

	if (!peer->usable)
		return rc;
	memset(out, 0, sizeof(*out));
	symmetric_begin(&s, &peer->remote_static);
	wb_noise_handshake_clear(peer);
	ephemeral_source(&handshake->ephemeral);
	wb_dh_public(&public_ephemeral, &handshake->ephemeral);
	memcpy(out->ephemeral, public_ephemeral.bytes, sizeof(out->ephemeral));
	mix_ephemeral(&s, out->ephemeral);
	if (!mix_dh(&s, &handshake->ephemeral, &peer->remote_static))
		goto out;
	seal_field(&s, out->sealed_static, identity->public_key.bytes, WB_KEY_LEN);
	mix_key(&s, &peer->static_static);
	timestamp_write(timestamp, wall);
	seal_field(&s, out->sealed_timestamp, timestamp, sizeof(timestamp));

	out->type = htole32(WB_MSG_INITIATION);
	out->sender = htole32(local_index);
	symmetric_save(&s, handshake);
	handshake->local_index = local_index;
	handshake->state = WB_NOISE_INITIATION_SENT;
	wb_cookie_macs_add(&peer->cookie, out, sizeof(*out), now);
	rc = 0;
out:
	sodium_memzero(&s, sizeof(s));
	return rc;
}

int wb_noise_initiation_open(const struct wb_noise_identity *identity,
	const struct wb_msg_initiation *message, struct wb_noise_initiation *out)
{
	struct symmetric s;
	int rc = -EBADMSG;

	if (!identity->present)
		return rc;
	memcpy(out->remote_ephemeral.bytes, message->ephemeral, WB_KEY_LEN);
	symmetric_begin(&s, &identity->public_key);
	mix_ephemeral(&s, message->ephemeral);
	if (!mix_dh(&s, &identity->private_key, &out->remote_ephemeral) ||
		!open_field(&s, out->remote_static.bytes, message->sealed_static, WB_KEY_LEN))
		goto out;
	memcpy(out->chaining, s.chaining, sizeof(out->chaining));
	memcpy(out->hash, s.hash, sizeof(out->hash));
	memcpy(out->sealed_timestamp, message->sealed_timestamp, sizeof(out->sealed_timestamp));
	out->remote_index = le32toh(message->sender);
	rc = 0;
out:
	sodium_memzero(&s, sizeof(s));
	return rc;
}

int wb_noise_initiation_accept(const struct wb_noise_identity *identity, struct wb_noise_peer *peer,
	const struct wb_noise_initiation *initiation, uint64_t now)
{
	struct wb_noise_handshake *handshake = &peer->handshake;
	uint8_t timestamp[WB_TAI64N_LEN];
	struct symmetric s;
	int rc = -EBADMSG;

	(void)identity;
	memcpy(s.chaining, initiation->chaining, sizeof(s.chaining));
	memcpy(s.hash, initiation->hash, sizeof(s.hash));
	if (!peer->usable)
		goto out;
	mix_key(&s, &peer->static_static);
	if (!open_field(&s, timestamp, initiation->sealed_timestamp, sizeof(timestamp)))
		goto out;
	rc = -EALREADY;
	if (memcmp(timestamp, peer->latest_timestamp, sizeof(timestamp)) <= 0)
		goto out;
	rc = -EAGAIN;
	if (peer->last_initiation != 0 &&
		now - peer->last_initiation < WB_SECOND / WB_INITIATIONS_PER_SECOND)
		goto out;

	wb_noise_handshake_clear(peer);
	memcpy(peer->latest_timestamp, timestamp, sizeof(timestamp));
	peer->last_initiation = now;
	handshake->remote_ephemeral = initiation->remote_ephemeral;
	handshake->remote_index = initiation->remote_index;
	symmetric_save(&s, handshake);
	handshake->state = WB_NOISE_INITIATION_CONSUMED;
	rc = 0;
out:
	sodium_memzero(&s, sizeof(s));
	return rc;
}

/* Both sides hold the same two keys, in opposite order. */
static void session_derive(struct wb_noise_peer *peer, struct symmetric *s, bool initiator,
	struct wb_noise_session *session)
{
	uint8_t *initiators = initiator ? session->send_key.bytes : session->receive_key.bytes;
	uint8_t *responders = initiator ? session->receive_key.bytes : session->send_key.bytes;

	wb_kdf(initiators, responders, NULL, s->chaining, NULL, 0);
	session->local_index = peer->handshake.local_index;
	session->remote_index = peer->handshake.remote_index;
	session->initiator = initiator;
	wb_noise_handshake_clear(peer);
}

int wb_noise_response_create(const struct wb_noise_identity *identity, struct wb_noise_peer *peer,
	uint32_t local_index, uint64_t now, struct wb_msg_response *out,
	struct wb_noise_session *session)
{
	struct wb_noise_handshake *handshake = &peer->handshake;
	struct wb_key public_ephemeral;
	struct symmetric s;
	int rc = -EINVAL;

	(void)identity;
	if (handshake->state != WB_NOISE_INITIATION_CONSUMED)
		return rc;
	memset(out, 0, sizeof(*out));
	symmetric_load(&s, handshake);
	ephemeral_source(&handshake->ephemeral);
	wb_dh_public(&public_ephemeral, &handshake->ephemeral);
	memcpy(out->ephemeral, public_ephemeral.bytes, sizeof(out->ephemeral));
	mix_ephemeral(&s, out->ephemeral);
	if (!mix_dh(&s, &handshake->ephemeral, &handshake->remote_ephemeral) ||
		!mix_dh(&s, &handshake->ephemeral, &peer->remote_static))
		goto out;
	mix_psk(&s, &peer->psk);
	seal_field(&s, out->sealed_nothing, NULL, 0);

	out->type = htole32(WB_MSG_RESPONSE);
	out->sender = htole32(local_index);
	out->receiver = htole32(handshake->remote_index);
	handshake->local_index = local_index;
	session_derive(peer, &s, false, session);
	wb_cookie_macs_add(&peer->cookie, out, sizeof(*out), now);
	rc = 0;
out:
	sodium_memzero(&s, sizeof(s));
	return rc;
}

int wb_noise_response_consume(const struct wb_noise_identity *identity, struct wb_noise_peer *peer,
	const struct wb_msg_response *message, struct wb_noise_session *session)
{
	struct wb_noise_handshake *handshake = &peer->handshake;
	struct wb_key remote_ephemeral;
	struct symmetric s;
	int rc = -EBADMSG;

	if (handshake->state != WB_NOISE_INITIATION_SENT ||
		le32toh(message->receiver) != handshake->local_index)
		return rc;
	symmetric_load(&s, handshake);
	memcpy(remote_ephemeral.bytes, message->ephemeral, WB_KEY_LEN);
	mix_ephemeral(&s, message->ephemeral);
	if (!mix_dh(&s, &handshake->ephemeral, &remote_ephemeral) ||
		!mix_dh(&s, &identity->private_key, &remote_ephemeral))
		goto out;
	mix_psk(&s, &peer->psk);
	if (!open_field(&s, NULL, message->sealed_nothing, 0))
		goto out;
	handshake->remote_index = le32toh(message->sender);
	session_derive(peer, &s, true, session);
	rc = 0;
out:
	sodium_memzero(&s, sizeof(s));
	return rc;
}
