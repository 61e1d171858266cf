/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * BLAKE2s (RFC 7693) by libb2, as WireGuard uses it: hash, keyed MAC, HMAC and the Noise key
 * derivation (paper, section 5.4). libb2 was chosen over libcrypto by the price of a mac1 check.
 */
#ifndef WB_CRYPTO_HASH_H
#define WB_CRYPTO_HASH_H

#include <stddef.h>
#include <stdint.h>

#define WB_HASH_LEN 32
#define WB_MAC_LEN  16

/** HASH(a || b). `b` may be NULL with b_len 0. */
void wb_hash(uint8_t out[WB_HASH_LEN], const void *a, size_t a_len, const void *b, size_t b_len);

/** MAC(key, input): keyed BLAKE2s with 16 bytes of output. key_len ≤ 32. */
void wb_mac(
	uint8_t out[WB_MAC_LEN], const void *key, size_t key_len, const void *in, size_t in_len);

/** HMAC(key, a || b) with BLAKE2s-256 (RFC 2104). */
void wb_hmac(uint8_t out[WB_HASH_LEN], const void *key, size_t key_len, const void *a, size_t a_len,
	const void *b, size_t b_len);

/** KDF_n(chaining key, input): n = 1, 2 or 3 outputs; those not wanted are NULL. Outputs may be the
 * chaining key itself. */
void wb_kdf(uint8_t *first, uint8_t *second, uint8_t *third, const uint8_t chaining[WB_HASH_LEN],
	const void *in, size_t in_len);

#endif
