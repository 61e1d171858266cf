/* SPDX-License-Identifier: BSD-3-Clause */
#include "outer_icmp.h"

#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"

#define ICMP_HEADER 8
#define IP4_HEADER  20
#define IP6_HEADER  40
#define UDP_HEADER  8

/* Type, receiver: what of a transport message tells a session. */
#define MESSAGE_HEAD 8

static bool quoted_udp(const uint8_t *udp, uint32_t len, struct outer_icmp *out)
{
	const uint8_t *message = udp + UDP_HEADER;

	if (len < UDP_HEADER)
		return false;
	out->local_port = wb_load16(udp);
	out->remote.port = wb_load16(udp + 2);
	out->has_receiver = len >= UDP_HEADER + MESSAGE_HEAD && message[0] == 4;
	if (out->has_receiver)
		out->receiver = message[4] | (uint32_t)message[5] << 8 |
			(uint32_t)message[6] << 16 | (uint32_t)message[7] << 24;
	return true;
}

static bool parse4(const uint8_t *l3, uint32_t len, struct outer_icmp *out)
{
	uint32_t at = (l3[0] & 15u) * 4, header;
	const uint8_t *icmp = l3 + at, *quote = icmp + ICMP_HEADER;
	uint32_t be;

	if (l3[9] != IPPROTO_ICMP || (wb_load16(l3 + 6) & 0x1fff) != 0 ||
		len < at + ICMP_HEADER + IP4_HEADER || icmp[0] != 3 || icmp[1] != 4)
		return false;
	header = (quote[0] & 15u) * 4;
	if (quote[0] >> 4 != 4 || header < IP4_HEADER || quote[9] != IPPROTO_UDP ||
		len < at + ICMP_HEADER + header || memcmp(quote + 12, l3 + 16, 4) != 0 ||
		(wb_load16(quote + 6) & 0x1fff) != 0)
		return false;
	out->mtu = wb_load16(icmp + 6);
	memcpy(&be, quote + 16, sizeof(be));
	out->remote.addr = wb_addr_v4(be);
	return quoted_udp(quote + header, len - at - ICMP_HEADER - header, out);
}

static bool parse6(const uint8_t *l3, uint32_t len, struct outer_icmp *out)
{
	const uint8_t *icmp = l3 + IP6_HEADER, *quote = icmp + ICMP_HEADER;

	if (l3[6] != IPPROTO_ICMPV6 || len < IP6_HEADER + ICMP_HEADER + IP6_HEADER ||
		icmp[0] != 2 || quote[0] >> 4 != 6 || quote[6] != IPPROTO_UDP ||
		memcmp(quote + 8, l3 + 24, 16) != 0)
		return false;
	out->mtu = wb_load32(icmp + 4);
	out->remote.addr = wb_addr_v6(quote + 24);
	return quoted_udp(quote + IP6_HEADER, len - IP6_HEADER - ICMP_HEADER - IP6_HEADER, out);
}

bool outer_icmp_parse(const uint8_t *l3, uint32_t len, struct outer_icmp *out)
{
	memset(out, 0, sizeof(*out));
	return *l3 >> 4 == 4 ? parse4(l3, len, out) : parse6(l3, len, out);
}
