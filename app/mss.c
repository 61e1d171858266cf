/* SPDX-License-Identifier: BSD-3-Clause */
#include "mss.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

#define TCP_HEADER   20
#define TCP_FLAGS    13
#define TCP_SYN	     0x02
#define TCP_CHECKSUM 16

#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2

static uint16_t swapped(uint16_t value)
{
	return (uint16_t)(value << 8 | value >> 8);
}

/* RFC 1624, equation 3. Behind an odd number of bytes a word counts with its bytes swapped. */
static void checksum_mend(uint8_t *checksum, uint16_t before, uint16_t after, bool odd)
{
	uint32_t sum = (uint16_t)~wb_load16(checksum);

	sum += (uint16_t) ~(odd ? swapped(before) : before);
	sum += odd ? swapped(after) : after;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	wb_store16(checksum, (uint16_t)~sum);
}

/* Where the TCP header begins; 0: there is none in this packet. */
static uint32_t tcp_at(const uint8_t *l3, uint32_t len)
{
	uint32_t at = *l3 >> 4 == 4 ? (l3[0] & 15u) * 4 : 40;

	if (*l3 >> 4 == 4 && (wb_load16(l3 + 6) & 0x1fff) != 0)
		return 0;
	return len >= at + TCP_HEADER ? at : 0;
}

/* The place of the MSS behind the TCP header's beginning; 0: it is not there. */
static uint32_t mss_at(const uint8_t *tcp, uint32_t len)
{
	uint32_t end = (tcp[12] >> 4) * 4u, at = TCP_HEADER;

	if (end > len)
		return 0;
	while (at < end && tcp[at] != OPTION_END) {
		if (tcp[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (at + 2 > end || tcp[at + 1] < 2 || at + tcp[at + 1] > end)
			return 0;
		if (tcp[at] == OPTION_MSS)
			return tcp[at + 1] == 4 ? at + 2 : 0;
		at += tcp[at + 1];
	}
	return 0;
}

void mss_clamp_syn(uint8_t *l3, uint32_t len, uint32_t mtu)
{
	uint32_t headers = (*l3 >> 4 == 4 ? 20 : 40) + TCP_HEADER, offset = tcp_at(l3, len), at;
	uint8_t *tcp = l3 + offset;
	uint16_t before, after = (uint16_t)(mtu - headers);

	if (offset == 0 || (tcp[TCP_FLAGS] & TCP_SYN) == 0 || mtu <= headers)
		return;
	at = mss_at(tcp, len - offset);
	if (at == 0)
		return;
	before = wb_load16(tcp + at);
	if (before <= after)
		return;
	wb_store16(tcp + at, after);
	checksum_mend(tcp + TCP_CHECKSUM, before, after, at % 2 != 0);
}
