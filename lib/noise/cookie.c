/* SPDX-License-Identifier: BSD-3-Clause */
#include "noise/cookie.h"

#include <endian.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "crypto/handshake_crypto.h"

#define LABEL_LEN 8

void wb_cookie_keys_set(struct wb_cookie_keys *keys, const struct wb_key *public_key)
{
	wb_hash(keys->mac1, "mac1----", LABEL_LEN, public_key->bytes, WB_KEY_LEN);
	wb_hash(keys->cookie, "cookie--", LABEL_LEN, public_key->bytes, WB_KEY_LEN);
}

static struct wb_msg_macs *macs_of(const void *message, uint32_t len)
{
	return (struct wb_msg_macs *)((uintptr_t)message + len - sizeof(struct wb_msg_macs));
}

/* mac1 covers all before it; mac2 covers mac1 too. */
static void mac1_compute(uint8_t out[WB_MAC_LEN], const struct wb_cookie_keys *keys,
	const void *message, uint32_t len)
{
	wb_mac(out, keys->mac1, sizeof(keys->mac1), message, len - sizeof(struct wb_msg_macs));
}

static void mac2_compute(uint8_t out[WB_MAC_LEN], const uint8_t cookie[WB_MAC_LEN],
	const void *message, uint32_t len)
{
	wb_mac(out, cookie, WB_MAC_LEN, message, len - WB_MAC_LEN);
}

void wb_cookie_macs_add(struct wb_cookie_peer *peer, void *message, uint32_t len, uint64_t now)
{
	struct wb_msg_macs *macs = macs_of(message, len);

	mac1_compute(macs->mac1, &peer->keys, message, len);
	memcpy(peer->last_mac1, macs->mac1, sizeof(peer->last_mac1));
	peer->mac1_sent = true;
	/* The receiver's secret may be older than the cookie: stop a little early. */
	if (peer->have_cookie && now - peer->cookie_birth < WB_COOKIE_LIFETIME - WB_COOKIE_LATENCY)
		mac2_compute(macs->mac2, peer->cookie, message, len);
	else
		memset(macs->mac2, 0, sizeof(macs->mac2));
}

static void secret_renew(struct wb_cookie_checker *checker, uint64_t now)
{
	randombytes_buf(checker->secret, sizeof(checker->secret));
	checker->secret_birth = now;
}

void wb_cookie_checker_init(
	struct wb_cookie_checker *checker, const struct wb_cookie_keys *keys, uint64_t now)
{
	checker->keys = *keys;
	secret_renew(checker, now);
}

/* The cookie of a source: a MAC of its address and port under our secret. */
static void cookie_make(uint8_t out[WB_MAC_LEN], struct wb_cookie_checker *checker,
	const struct wb_endpoint *source)
{
	uint8_t bytes[16 + 2];
	size_t len = source->addr.family == AF_INET ? 4 : 16;

	memcpy(bytes, source->addr.bytes, len);
	bytes[len] = (uint8_t)(source->port >> 8);
	bytes[len + 1] = (uint8_t)source->port;
	wb_mac(out, checker->secret, sizeof(checker->secret), bytes, len + 2);
}

enum wb_mac_verdict wb_cookie_check(struct wb_cookie_checker *checker, const void *message,
	uint32_t len, const struct wb_endpoint *source, uint64_t now)
{
	const struct wb_msg_macs *macs = macs_of(message, len);
	uint8_t cookie[WB_MAC_LEN], mac[WB_MAC_LEN];

	mac1_compute(mac, &checker->keys, message, len);
	if (sodium_memcmp(mac, macs->mac1, sizeof(mac)) != 0)
		return WB_MAC_INVALID;
	if (now - checker->secret_birth >= WB_COOKIE_LIFETIME)
		return WB_MAC_VALID;
	cookie_make(cookie, checker, source);
	mac2_compute(mac, cookie, message, len);
	return sodium_memcmp(mac, macs->mac2, sizeof(mac)) == 0 ? WB_MAC_VALID_WITH_COOKIE
								: WB_MAC_VALID;
}

void wb_cookie_reply_create(struct wb_cookie_checker *checker, const void *message, uint32_t len,
	const struct wb_endpoint *source, uint64_t now, struct wb_msg_cookie_reply *out)
{
	const struct wb_msg_macs *macs = macs_of(message, len);
	uint8_t cookie[WB_MAC_LEN];
	uint32_t sender;

	if (now - checker->secret_birth >= WB_COOKIE_LIFETIME)
		secret_renew(checker, now);
	/* Both kinds of message have their sender's index behind the type. */
	memcpy(&sender, (const uint8_t *)message + 4, sizeof(sender));
	out->type = htole32(WB_MSG_COOKIE_REPLY);
	out->receiver = sender;
	randombytes_buf(out->nonce, sizeof(out->nonce));
	cookie_make(cookie, checker, source);
	wb_xfield_seal(out->sealed_cookie, cookie, sizeof(cookie), macs->mac1, sizeof(macs->mac1),
		out->nonce, checker->keys.cookie);
}

int wb_cookie_reply_consume(
	struct wb_cookie_peer *peer, const struct wb_msg_cookie_reply *reply, uint64_t now)
{
	uint8_t cookie[WB_MAC_LEN];

	if (!peer->mac1_sent ||
		!wb_xfield_open(cookie, reply->sealed_cookie, sizeof(cookie), peer->last_mac1,
			sizeof(peer->last_mac1), reply->nonce, peer->keys.cookie))
		return -EBADMSG;
	memcpy(peer->cookie, cookie, sizeof(peer->cookie));
	peer->have_cookie = true;
	peer->cookie_birth = now;
	peer->mac1_sent = false;
	return 0;
}
