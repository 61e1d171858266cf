/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * IP addresses, prefixes and UDP endpoints of either family, and their text forms.
 */
#ifndef WB_BASE_ADDR_H
#define WB_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/** An address: family AF_INET, AF_INET6 or 0 (none). Bytes in network order; unused ones are 0,
 * so that two addresses compare with memcmp. */
struct wb_addr {
	union {
		uint32_t v4;	   /**< network byte order */
		uint8_t bytes[16]; /**< network byte order; an IPv4 address fills the first four */
		uint64_t words[2];
	};
	uint16_t family;
	uint8_t pad[6];
};

/** An address and the number of leading bits that count. */
struct wb_prefix {
	struct wb_addr addr;
	uint8_t len; /**< bits, 0..32 or 0..128 */
	uint8_t pad[7];
};

/** A UDP endpoint. */
struct wb_endpoint {
	struct wb_addr addr;
	uint16_t port; /**< host byte order */
	uint8_t pad[6];
};

#define WB_ADDR_STRLEN	   INET6_ADDRSTRLEN
#define WB_PREFIX_STRLEN   (INET6_ADDRSTRLEN + 4)
#define WB_ENDPOINT_STRLEN (INET6_ADDRSTRLEN + 8)

static inline struct wb_addr wb_addr_v4(uint32_t be)
{
	struct wb_addr addr = {.family = AF_INET};

	addr.v4 = be;
	return addr;
}

static inline struct wb_addr wb_addr_v6(const void *bytes)
{
	struct wb_addr addr = {.family = AF_INET6};

	memcpy(addr.bytes, bytes, 16);
	return addr;
}

static inline bool wb_addr_equal(const struct wb_addr *a, const struct wb_addr *b)
{
	return a->family == b->family && a->words[0] == b->words[0] && a->words[1] == b->words[1];
}

static inline bool wb_endpoint_equal(const struct wb_endpoint *a, const struct wb_endpoint *b)
{
	return a->port == b->port && wb_addr_equal(&a->addr, &b->addr);
}

static inline unsigned wb_addr_bits(const struct wb_addr *addr)
{
	return addr->family == AF_INET ? 32 : 128;
}

static inline bool wb_prefix_equal(const struct wb_prefix *a, const struct wb_prefix *b)
{
	return a->len == b->len && wb_addr_equal(&a->addr, &b->addr);
}

/** True if the first `prefix->len` bits of both agree (and the family). */
bool wb_prefix_contains(const struct wb_prefix *prefix, const struct wb_addr *addr);

/** Clears the bits behind the prefix length: 10.1.2.3/16 becomes 10.1.0.0/16. */
void wb_prefix_mask(struct wb_prefix *prefix);

/** Order for sorting: family, length, address. */
int wb_prefix_compare(const struct wb_prefix *a, const struct wb_prefix *b);

/** Parses "192.0.2.1" or "2001:db8::1". Returns 0, or -EINVAL. */
int wb_addr_parse(const char *text, struct wb_addr *addr);

/** Parses "ADDR" (a host prefix) or "ADDR/LEN"; the host bits are kept. Returns 0, or -EINVAL. */
int wb_prefix_parse(const char *text, struct wb_prefix *prefix);

/** Parses "192.0.2.1:51820" or "[2001:db8::1]:51820"; port 1..65535. Returns 0, or -EINVAL.
 * Host names are not resolved here. */
int wb_endpoint_parse(const char *text, struct wb_endpoint *endpoint);

/** Text forms; `out` must hold WB_*_STRLEN bytes. Each returns out. Family 0 gives "(none)". */
const char *wb_addr_format(const struct wb_addr *addr, char *out);
const char *wb_prefix_format(const struct wb_prefix *prefix, char *out);
const char *wb_endpoint_format(const struct wb_endpoint *endpoint, char *out);

#endif
