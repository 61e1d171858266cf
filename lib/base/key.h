/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * 32-byte keys and their base64 text, as wg(8) writes them.
 */
#ifndef WB_BASE_KEY_H
#define WB_BASE_KEY_H

#include <stdbool.h>
#include <stdint.h>

#define WB_KEY_LEN    32
#define WB_KEY_STRLEN 45 /**< 44 base64 characters and the final NUL */

/** A private, public or preshared key. Wipe secrets with wb_key_wipe(). */
struct wb_key {
	uint8_t bytes[WB_KEY_LEN];
};

/** Parses 44 characters of base64. Constant time in the key's value. Returns 0, or -EINVAL. */
int wb_key_parse(const char *text, struct wb_key *key);

/** Writes the 44 characters of base64; `out` holds WB_KEY_STRLEN bytes. Returns out. */
const char *wb_key_format(const struct wb_key *key, char *out);

/** Constant-time compare. */
bool wb_key_equal(const struct wb_key *a, const struct wb_key *b);

/** True if all bytes are zero: "no key". Constant time. */
bool wb_key_is_zero(const struct wb_key *key);

/** Overwrites with zeros in a way the compiler keeps. */
void wb_key_wipe(struct wb_key *key);

#endif
