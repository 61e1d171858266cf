/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The rest of WireGuard's primitives, for handshakes and cookies, by libsodium: X25519, the AEAD of
 * handshake fields, XChaCha20-Poly1305.
 */
#ifndef WB_CRYPTO_HANDSHAKE_CRYPTO_H
#define WB_CRYPTO_HANDSHAKE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/key.h"

/** A fresh private key, clamped (RFC 7748, section 5). */
void wb_dh_generate(struct wb_key *private_key);

/** Clears and sets the bits that RFC 7748 asks for. */
void wb_dh_clamp(struct wb_key *private_key);

/** The public key of a private one. */
void wb_dh_public(struct wb_key *public_key, const struct wb_key *private_key);

/** DH(private, public). False, and no secret, if the result is all zero: a low-order point. */
bool wb_dh(
	struct wb_key *secret, const struct wb_key *private_key, const struct wb_key *public_key);

/** AEAD(key, counter 0, text, ad) of handshake fields; `out` has len + 16 bytes. */
void wb_field_seal(void *out, const void *text, size_t len, const void *ad, size_t ad_len,
	const uint8_t key[WB_KEY_LEN]);

/** The reverse; `len` is the text's without the tag. False: not authentic. */
bool wb_field_open(void *out, const void *sealed, size_t len, const void *ad, size_t ad_len,
	const uint8_t key[WB_KEY_LEN]);

/** XAEAD(key, nonce, text, ad) of cookie replies; the nonce has 24 bytes. */
void wb_xfield_seal(void *out, const void *text, size_t len, const void *ad, size_t ad_len,
	const uint8_t nonce[24], const uint8_t key[WB_KEY_LEN]);
bool wb_xfield_open(void *out, const void *sealed, size_t len, const void *ad, size_t ad_len,
	const uint8_t nonce[24], const uint8_t key[WB_KEY_LEN]);

#endif
