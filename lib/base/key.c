/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/key.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

int wb_key_parse(const char *text, struct wb_key *key)
{
	size_t length;

	if (strlen(text) != WB_KEY_STRLEN - 1 ||
		sodium_base642bin(key->bytes, sizeof(key->bytes), text, WB_KEY_STRLEN - 1, NULL,
			&length, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
		length != sizeof(key->bytes)) {
		wb_key_wipe(key);
		return -EINVAL;
	}
	return 0;
}

const char *wb_key_format(const struct wb_key *key, char *out)
{
	return sodium_bin2base64(
		out, WB_KEY_STRLEN, key->bytes, sizeof(key->bytes), sodium_base64_VARIANT_ORIGINAL);
}

bool wb_key_equal(const struct wb_key *a, const struct wb_key *b)
{
	return sodium_memcmp(a->bytes, b->bytes, WB_KEY_LEN) == 0;
}

bool wb_key_is_zero(const struct wb_key *key)
{
	return sodium_is_zero(key->bytes, WB_KEY_LEN) != 0;
}

void wb_key_wipe(struct wb_key *key)
{
	sodium_memzero(key->bytes, WB_KEY_LEN);
}
