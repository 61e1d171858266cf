/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/handshake_crypto.h"

#include <sodium.h>

#define TAG_LEN 16

static const uint8_t zero_nonce[12];

void wb_dh_clamp(struct wb_key *private_key)
{
	private_key->bytes[0] &= 248;
	private_key->bytes[31] = (uint8_t)((private_key->bytes[31] & 127) | 64);
}

void wb_dh_generate(struct wb_key *private_key)
{
	randombytes_buf(private_key->bytes, sizeof(private_key->bytes));
	wb_dh_clamp(private_key);
}

void wb_dh_public(struct wb_key *public_key, const struct wb_key *private_key)
{
	crypto_scalarmult_curve25519_base(public_key->bytes, private_key->bytes);
}

bool wb_dh(struct wb_key *secret, const struct wb_key *private_key, const struct wb_key *public_key)
{
	return crypto_scalarmult_curve25519(secret->bytes, private_key->bytes, public_key->bytes) ==
		0;
}

void wb_field_seal(void *out, const void *text, size_t len, const void *ad, size_t ad_len,
	const uint8_t key[WB_KEY_LEN])
{
	crypto_aead_chacha20poly1305_ietf_encrypt(
		out, NULL, text, len, ad, ad_len, NULL, zero_nonce, key);
}

bool wb_field_open(void *out, const void *sealed, size_t len, const void *ad, size_t ad_len,
	const uint8_t key[WB_KEY_LEN])
{
	return crypto_aead_chacha20poly1305_ietf_decrypt(
		       out, NULL, NULL, sealed, len + TAG_LEN, ad, ad_len, zero_nonce, key) == 0;
}

void wb_xfield_seal(void *out, const void *text, size_t len, const void *ad, size_t ad_len,
	const uint8_t nonce[24], const uint8_t key[WB_KEY_LEN])
{
	crypto_aead_xchacha20poly1305_ietf_encrypt(
		out, NULL, text, len, ad, ad_len, NULL, nonce, key);
}

bool wb_xfield_open(void *out, const void *sealed, size_t len, const void *ad, size_t ad_len,
	const uint8_t nonce[24], const uint8_t key[WB_KEY_LEN])
{
	return crypto_aead_xchacha20poly1305_ietf_decrypt(
		       out, NULL, NULL, sealed, len + TAG_LEN, ad, ad_len, nonce, key) == 0;
}
