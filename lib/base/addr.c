/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

bool wb_prefix_contains(const struct wb_prefix *prefix, const struct wb_addr *addr)
{
	struct wb_prefix other = {.addr = *addr, .len = prefix->len};
	struct wb_prefix own = *prefix;

	if (prefix->addr.family != addr->family)
		return false;
	wb_prefix_mask(&other);
	wb_prefix_mask(&own);
	return wb_addr_equal(&own.addr, &other.addr);
}

void wb_prefix_mask(struct wb_prefix *prefix)
{
	unsigned bits = prefix->len;

	for (unsigned i = 0; i < 16; i++) {
		if (bits >= 8) {
			bits -= 8;
			continue;
		}
		prefix->addr.bytes[i] &= (uint8_t)(0xff00u >> bits);
		bits = 0;
	}
}

int wb_prefix_compare(const struct wb_prefix *a, const struct wb_prefix *b)
{
	if (a->addr.family != b->addr.family)
		return a->addr.family < b->addr.family ? -1 : 1;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->addr.bytes, b->addr.bytes, 16);
}

int wb_addr_parse(const char *text, struct wb_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, text, addr->bytes) == 1) {
		addr->family = AF_INET;
		return 0;
	}
	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET6, text, addr->bytes) == 1) {
		addr->family = AF_INET6;
		return 0;
	}
	memset(addr, 0, sizeof(*addr));
	return -EINVAL;
}

/* A decimal number without sign, spaces or leading '+'. */
static int parse_decimal(const char *text, unsigned max, unsigned *value)
{
	unsigned sum = 0;

	if (*text == '\0' || strlen(text) > 5)
		return -EINVAL;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		sum = sum * 10 + (unsigned)(*text - '0');
	}
	if (sum > max)
		return -EINVAL;
	*value = sum;
	return 0;
}

int wb_prefix_parse(const char *text, struct wb_prefix *prefix)
{
	const char *slash = strchr(text, '/');
	size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char addr[WB_ADDR_STRLEN];
	unsigned bits;

	memset(prefix, 0, sizeof(*prefix));
	if (length >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, length);
	addr[length] = '\0';
	if (wb_addr_parse(addr, &prefix->addr) < 0)
		return -EINVAL;
	bits = wb_addr_bits(&prefix->addr);
	if (slash != NULL && parse_decimal(slash + 1, bits, &bits) < 0)
		return -EINVAL;
	prefix->len = (uint8_t)bits;
	return 0;
}

int wb_endpoint_parse(const char *text, struct wb_endpoint *endpoint)
{
	const char *colon = strrchr(text, ':');
	char addr[WB_ADDR_STRLEN];
	size_t length;
	unsigned port;
	bool bracketed = text[0] == '[';

	memset(endpoint, 0, sizeof(*endpoint));
	if (colon == NULL || parse_decimal(colon + 1, 65535, &port) < 0 || port == 0)
		return -EINVAL;
	length = (size_t)(colon - text);
	if (bracketed) {
		if (length < 2 || text[length - 1] != ']')
			return -EINVAL;
		text++;
		length -= 2;
	}
	if (length >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, length);
	addr[length] = '\0';
	if (wb_addr_parse(addr, &endpoint->addr) < 0 ||
		bracketed != (endpoint->addr.family == AF_INET6)) {
		memset(endpoint, 0, sizeof(*endpoint));
		return -EINVAL;
	}
	endpoint->port = (uint16_t)port;
	return 0;
}

const char *wb_addr_format(const struct wb_addr *addr, char *out)
{
	if (addr->family == 0 || inet_ntop(addr->family, addr->bytes, out, WB_ADDR_STRLEN) == NULL)
		snprintf(out, WB_ADDR_STRLEN, "(none)");
	return out;
}

const char *wb_prefix_format(const struct wb_prefix *prefix, char *out)
{
	char addr[WB_ADDR_STRLEN];

	snprintf(out, WB_PREFIX_STRLEN, "%s/%u", wb_addr_format(&prefix->addr, addr), prefix->len);
	return out;
}

const char *wb_endpoint_format(const struct wb_endpoint *endpoint, char *out)
{
	char addr[WB_ADDR_STRLEN];

	wb_addr_format(&endpoint->addr, addr);
	if (endpoint->addr.family == 0)
		snprintf(out, WB_ENDPOINT_STRLEN, "%s", addr);
	else
		snprintf(out, WB_ENDPOINT_STRLEN,
			endpoint->addr.family == AF_INET6 ? "[%s]:%u" : "%s:%u", addr,
			endpoint->port);
	return out;
}
