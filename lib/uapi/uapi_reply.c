/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uapi/uapi.h"

/* Longer than any line. */
#define LINE_MAX_BYTES 160

void wb_uapi_text_free(struct wb_uapi_text *text)
{
	if (text->bytes != NULL)
		sodium_memzero(text->bytes, text->length);
	free(text->bytes);
	memset(text, 0, sizeof(*text));
}

/* Makes room for a line. Not with realloc(): it would leave keys behind. */
static bool room_for_line(struct wb_uapi_text *text)
{
	size_t capacity = text->capacity * 2 + 4096;
	char *larger;

	if (text->failed || text->capacity - text->length >= LINE_MAX_BYTES)
		return !text->failed;
	larger = malloc(capacity);
	if (larger == NULL) {
		text->failed = true;
		return false;
	}
	if (text->bytes != NULL) {
		memcpy(larger, text->bytes, text->length);
		sodium_memzero(text->bytes, text->length);
		free(text->bytes);
	}
	text->bytes = larger;
	text->capacity = capacity;
	return true;
}

static void __attribute__((format(printf, 2, 3)))
put(struct wb_uapi_text *text, const char *format, ...)
{
	va_list args;

	if (!room_for_line(text))
		return;
	va_start(args, format);
	text->length += (size_t)vsnprintf(
		text->bytes + text->length, text->capacity - text->length, format, args);
	va_end(args);
}

static void put_key(struct wb_uapi_text *text, const char *name, const struct wb_key *key)
{
	char hex[2 * WB_KEY_LEN + 1];

	sodium_bin2hex(hex, sizeof(hex), key->bytes, WB_KEY_LEN);
	put(text, "%s=%s\n", name, hex);
	sodium_memzero(hex, sizeof(hex));
}

void wb_uapi_put_device(struct wb_uapi_text *text, const struct wb_key *private_key,
	uint16_t listen_port, uint32_t fwmark)
{
	if (private_key != NULL)
		put_key(text, "private_key", private_key);
	if (listen_port != 0)
		put(text, "listen_port=%u\n", listen_port);
	if (fwmark != 0)
		put(text, "fwmark=%" PRIu32 "\n", fwmark);
}

void wb_uapi_put_peer(struct wb_uapi_text *text, const struct wb_uapi_peer_state *peer)
{
	char endpoint[WB_ENDPOINT_STRLEN];

	put_key(text, "public_key", peer->public_key);
	put_key(text, "preshared_key", peer->psk);
	put(text, "protocol_version=1\n");
	if (peer->endpoint.addr.family != 0)
		put(text, "endpoint=%s\n", wb_endpoint_format(&peer->endpoint, endpoint));
	put(text, "last_handshake_time_sec=%" PRIu64 "\n", peer->handshake_s);
	put(text, "last_handshake_time_nsec=%" PRIu32 "\n", peer->handshake_ns);
	put(text, "tx_bytes=%" PRIu64 "\n", peer->tx_bytes);
	put(text, "rx_bytes=%" PRIu64 "\n", peer->rx_bytes);
	put(text, "persistent_keepalive_interval=%u\n", peer->keepalive);
}

void wb_uapi_put_allowed(struct wb_uapi_text *text, const struct wb_prefix *prefix)
{
	char name[WB_PREFIX_STRLEN];

	put(text, "allowed_ip=%s\n", wb_prefix_format(prefix, name));
}

void wb_uapi_put_errno(struct wb_uapi_text *text, int rc)
{
	put(text, "errno=%d\n\n", rc);
}
