/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/hash.h"

#include <blake2.h>
#include <sodium.h>
#include <string.h>

#define BLOCK_LEN 64

void wb_hash(uint8_t out[WB_HASH_LEN], const void *a, size_t a_len, const void *b, size_t b_len)
{
	blake2s_state state;

	blake2s_init(&state, WB_HASH_LEN);
	blake2s_update(&state, a, a_len);
	if (b_len > 0)
		blake2s_update(&state, b, b_len);
	blake2s_final(&state, out, WB_HASH_LEN);
	sodium_memzero(&state, sizeof(state));
}

void wb_mac(uint8_t out[WB_MAC_LEN], const void *key, size_t key_len, const void *in, size_t in_len)
{
	blake2s(out, in, key, WB_MAC_LEN, in_len, key_len);
}

void wb_hmac(uint8_t out[WB_HASH_LEN], const void *key, size_t key_len, const void *a, size_t a_len,
	const void *b, size_t b_len)
{
	uint8_t inner[BLOCK_LEN] = {0}, outer[BLOCK_LEN];
	uint8_t digest[WB_HASH_LEN];
	blake2s_state state;

	if (key_len > BLOCK_LEN)
		wb_hash(inner, key, key_len, NULL, 0);
	else
		memcpy(inner, key, key_len);
	for (unsigned i = 0; i < BLOCK_LEN; i++) {
		outer[i] = inner[i] ^ 0x5c;
		inner[i] ^= 0x36;
	}
	blake2s_init(&state, WB_HASH_LEN);
	blake2s_update(&state, inner, sizeof(inner));
	blake2s_update(&state, a, a_len);
	if (b_len > 0)
		blake2s_update(&state, b, b_len);
	blake2s_final(&state, digest, sizeof(digest));
	wb_hash(out, outer, sizeof(outer), digest, sizeof(digest));
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(inner, sizeof(inner));
	sodium_memzero(outer, sizeof(outer));
	sodium_memzero(digest, sizeof(digest));
}

void wb_kdf(uint8_t *first, uint8_t *second, uint8_t *third, const uint8_t chaining[WB_HASH_LEN],
	const void *in, size_t in_len)
{
	uint8_t secret[WB_HASH_LEN], output[WB_HASH_LEN + 1];
	uint8_t *const outs[] = {first, second, third};

	wb_hmac(secret, chaining, WB_HASH_LEN, in, in_len, NULL, 0);
	for (uint8_t n = 1; n <= 3; n++) {
		/* T(n) = HMAC(secret, T(n-1) || n); T(0) is empty. */
		output[WB_HASH_LEN] = n;
		if (n == 1)
			wb_hmac(output, secret, sizeof(secret), &output[WB_HASH_LEN], 1, NULL, 0);
		else
			wb_hmac(output, secret, sizeof(secret), output, sizeof(output), NULL, 0);
		if (outs[n - 1] != NULL)
			memcpy(outs[n - 1], output, WB_HASH_LEN);
	}
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(output, sizeof(output));
}
