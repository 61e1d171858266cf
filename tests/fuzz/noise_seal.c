/* SPDX-License-Identifier: BSD-3-Clause */
#include "noise_seal.h"

#include <endian.h>
#include <string.h>

#include "crypto/handshake_crypto.h"
#include "fuzz.h"

struct state {
	uint8_t chaining[WB_HASH_LEN], hash[WB_HASH_LEN], key[WB_HASH_LEN];
};

static void hash_in(struct state *s, const void *bytes, size_t length)
{
	wb_hash(s->hash, s->hash, sizeof(s->hash), bytes, length);
}

static void chain(struct state *s, const uint8_t bytes[WB_KEY_LEN])
{
	wb_kdf(s->chaining, s->key, NULL, s->chaining, bytes, WB_KEY_LEN);
}

static bool chain_dh(struct state *s, const struct wb_key *ours, const struct wb_key *theirs)
{
	struct wb_key secret;

	if (!wb_dh(&secret, ours, theirs))
		return false;
	chain(s, secret.bytes);
	return true;
}

static void put_sealed(struct state *s, uint8_t *out, const void *text, size_t length)
{
	wb_field_seal(out, text, length, s->hash, sizeof(s->hash), s->key);
	hash_in(s, out, length + 16);
}

static void put_ephemeral(struct state *s, uint8_t *out, const struct wb_key *private_key)
{
	struct wb_key public_key;

	wb_dh_public(&public_key, private_key);
	memcpy(out, public_key.bytes, WB_KEY_LEN);
	hash_in(s, out, WB_KEY_LEN);
	chain(s, out);
}

void seal_mac1(const struct wb_key *receiver, void *message, uint32_t length)
{
	struct wb_cookie_peer peer = {.have_cookie = false};

	wb_cookie_keys_set(&peer.keys, receiver);
	wb_cookie_macs_add(&peer, message, length, 0);
}

bool seal_initiation(const struct seal_initiation *contents, const struct wb_key *responder,
	struct wb_msg_initiation *out)
{
	static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
	static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";
	struct state s;

	memset(out, 0, sizeof(*out));
	out->type = htole32(WB_MSG_INITIATION);
	out->sender = htole32(contents->sender);
	wb_hash(s.chaining, construction, strlen(construction), NULL, 0);
	wb_hash(s.hash, s.chaining, sizeof(s.chaining), identifier, strlen(identifier));
	hash_in(&s, responder->bytes, WB_KEY_LEN);
	put_ephemeral(&s, out->ephemeral, &contents->ephemeral);
	if (!chain_dh(&s, &contents->ephemeral, responder))
		return false;
	put_sealed(&s, out->sealed_static, contents->static_public.bytes, WB_KEY_LEN);
	if (!chain_dh(&s, &contents->static_private, responder))
		return false;
	put_sealed(&s, out->sealed_timestamp, contents->timestamp, sizeof(contents->timestamp));
	seal_mac1(responder, out, sizeof(*out));
	return true;
}

bool seal_response(const struct seal_response *contents, const struct wb_noise_handshake *accepted,
	const struct wb_key *initiator, struct wb_msg_response *out)
{
	uint8_t tau[WB_HASH_LEN];
	struct state s;

	memset(out, 0, sizeof(*out));
	out->type = htole32(WB_MSG_RESPONSE);
	out->sender = htole32(contents->sender);
	out->receiver = htole32(contents->receiver);
	memcpy(s.chaining, accepted->chaining, sizeof(s.chaining));
	memcpy(s.hash, accepted->hash, sizeof(s.hash));
	put_ephemeral(&s, out->ephemeral, &contents->ephemeral);
	if (!chain_dh(&s, &contents->ephemeral, &accepted->remote_ephemeral) ||
		!chain_dh(&s, &contents->ephemeral, initiator))
		return false;
	wb_kdf(s.chaining, tau, s.key, s.chaining, contents->psk.bytes, WB_KEY_LEN);
	hash_in(&s, tau, sizeof(tau));
	put_sealed(&s, out->sealed_nothing, NULL, 0);
	seal_mac1(initiator, out, sizeof(*out));
	return true;
}

void seal_sides_make(struct seal_sides *sides)
{
	struct wb_key ours, theirs, psk;

	memset(ours.bytes, 0x11, sizeof(ours.bytes));
	memset(theirs.bytes, 0x22, sizeof(theirs.bytes));
	memset(psk.bytes, 0x33, sizeof(psk.bytes));
	wb_noise_identity_set(&sides->us, &ours);
	wb_noise_identity_set(&sides->them, &theirs);
	wb_noise_peer_init(&sides->peer, &sides->us, &sides->them.public_key, &psk);
	wb_noise_peer_init(&sides->their, &sides->them, &sides->us.public_key, &psk);
	FUZZ_CHECK(sides->peer.usable && sides->their.usable);
}
