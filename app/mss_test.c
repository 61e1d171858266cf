/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "mss.h"

static uint8_t packet[128];

/* The Internet checksum over the TCP part, without the pseudo header, which does not change. */
static uint16_t sum(uint32_t at, uint32_t len)
{
	uint32_t total = 0;

	for (uint32_t i = at; i < len; i++)
		total += i % 2 == at % 2 ? (uint32_t)packet[i] << 8 : packet[i];
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)total;
}

/* A TCP segment with these options; gives its length. */
static uint32_t make(unsigned version, uint8_t flags, const uint8_t *options, uint32_t n)
{
	uint32_t at = version == 4 ? 20 : 40;

	memset(packet, 0, sizeof(packet));
	packet[0] = version == 4 ? 0x45 : 0x60;
	packet[version == 4 ? 9 : 6] = 6;
	packet[at] = 0x12;
	packet[at + 12] = (uint8_t)((20 + n) / 4 << 4);
	packet[at + 13] = flags;
	packet[at + 16] = 0xab;
	packet[at + 17] = 0xcd;
	memcpy(packet + at + 20, options, n);
	return at + 20 + n;
}

static unsigned mss_of(uint32_t place)
{
	return (unsigned)packet[place] << 8 | packet[place + 1];
}

static void lowers_and_mends(void **state)
{
	static const uint8_t even[] = {2, 4, 0x05, 0xb4}, odd[] = {1, 2, 4, 0x05, 0xb4, 1, 1, 0};
	static const struct {
		unsigned version;
		const uint8_t *options;
		uint32_t n, place, expected;
	} cases[] = {
		{4, even, 4, 20 + 20 + 2, 1420 - 40},
		{6, even, 4, 40 + 20 + 2, 1420 - 60},
		{4, odd, 8, 20 + 20 + 3, 1420 - 40},
		{6, odd, 8, 40 + 20 + 3, 1420 - 60},
	};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		uint32_t at = cases[i].version == 4 ? 20 : 40;
		uint32_t len = make(cases[i].version, 0x02, cases[i].options, cases[i].n);
		uint16_t before = sum(at, len);

		mss_clamp(packet, len, 1420);
		assert_int_equal(mss_of(cases[i].place), cases[i].expected);
		/* A word and the checksum that makes up for it: the sum stays what it was. */
		assert_int_equal(sum(at, len), before);
	}
}

static void leaves_alone(void **state)
{
	static const uint8_t small[] = {2, 4, 0x02, 0x18}, large[] = {2, 4, 0xff, 0xff};
	static const uint8_t none[] = {1, 1, 1, 1}, ended[] = {0, 2, 4, 0xff, 0xff, 0, 0, 0};
	uint8_t copy[sizeof(packet)];
	uint32_t len;

	(void)state;
#define UNCHANGED(length)                                                                          \
	do {                                                                                       \
		len = (length);                                                                    \
		memcpy(copy, packet, sizeof(packet));                                              \
		mss_clamp(packet, len, 1420);                                                      \
		assert_memory_equal(packet, copy, sizeof(packet));                                 \
	} while (0)
	UNCHANGED(make(4, 0x02, small, 4));
	UNCHANGED(make(4, 0x10, large, 4)); /* no SYN */
	UNCHANGED(make(4, 0x02, none, 4));
	UNCHANGED(make(4, 0x02, ended, 8));
	len = make(4, 0x02, large, 4);
	packet[7] = 1; /* a later fragment */
	UNCHANGED(len);
	len = make(4, 0x02, large, 4);
	UNCHANGED(len - 1); /* cut */
	packet[9] = 17;
	UNCHANGED(len);
}

/* Reads and writes within the packet, whatever is in it; the sanitizers watch. */
static void survives_noise(void **state)
{
	(void)state;
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t len = 40 + (uint32_t)rand() % 60;
		uint8_t *exact = malloc(len);

		for (uint32_t j = 0; j < len; j++)
			exact[j] = (uint8_t)rand();
		exact[0] = i % 2 ? 0x45 : 0x60;
		exact[6] = exact[9] = 6;
		exact[7] = 0;
		mss_clamp(exact, len, 1280);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lowers_and_mends),
		cmocka_unit_test(leaves_alone),
		cmocka_unit_test(survives_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
