/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * ChaCha20-Poly1305 (RFC 8439) in bursts, in place, by the fastest of intel-ipsec-mb's
 * interfaces that there is: bursts of jobs, or all texts of a key in one call. The nonce is
 * WireGuard's: 32 zero bits and the counter, little-endian (paper, section 5.4.6). There is no
 * additional data.
 *
 * Knows nothing of packets. A context belongs to one thread at a time.
 */
#ifndef WB_CRYPTO_AEAD_H
#define WB_CRYPTO_AEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/key.h"

#define WB_AEAD_TAG_LEN	  16
#define WB_AEAD_BURST_MAX 64

/** A key as the library wants it. Wipe with wb_aead_key_wipe(). */
struct wb_aead_key {
	uint8_t bytes[WB_KEY_LEN] __attribute__((aligned(16)));
};

/** One text to seal or open. */
struct wb_aead_op {
	uint8_t *data; /**< text, replaced in place; the tag's 16 bytes lie right behind it */
	uint32_t len;  /**< bytes of text without the tag; 0 is valid */
	bool ok;       /**< open: the tag was right; the text is worthless if not */
	uint64_t counter;
	const struct wb_aead_key *key;
};

struct wb_aead_ctx;

/** Makes a context for the processor it runs on. NULL, and err says why, if the library finds none
 * of the instructions it needs, or memory is out. */
struct wb_aead_ctx *wb_aead_create(struct wb_err *err);

void wb_aead_destroy(struct wb_aead_ctx *ctx);

/** The instruction set the library chose: "AVX512", "AVX2", "AVX", "SSE". */
const char *wb_aead_arch(const struct wb_aead_ctx *ctx);

void wb_aead_key_set(struct wb_aead_key *key, const struct wb_key *bytes);
void wb_aead_key_wipe(struct wb_aead_key *key);

/** Seals n texts, n ≤ WB_AEAD_BURST_MAX, and writes their tags. */
void wb_aead_seal_burst(struct wb_aead_ctx *ctx, struct wb_aead_op *ops, unsigned n);

/** Opens n texts and sets `ok` of each; tags are compared in constant time.
 * @return how many are ok. */
unsigned wb_aead_open_burst(struct wb_aead_ctx *ctx, struct wb_aead_op *ops, unsigned n);

#endif
