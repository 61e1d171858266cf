/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/spread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static struct wb_addr addr(const char *text)
{
	struct wb_addr out;

	assert_int_equal(wb_addr_parse(text, &out), 0);
	return out;
}

static struct wb_bond_packet packet(
	const char *from, uint16_t sport, const char *to, uint16_t dport)
{
	return (struct wb_bond_packet){
		.source = {.addr = addr(from), .port = sport},
		.destination = {.addr = addr(to), .port = dport},
	};
}

/* Linux' layer3+4 as its documentation has it, in numbers of the network's byte order taken by a
 * little-endian machine: bytes a.b.c.d are 0xddccbbaa, and the ports, in the order of the header,
 * one word. */
static uint32_t model34(const uint8_t ip[2][16], unsigned length, const uint16_t ports[2])
{
	uint32_t hash = (uint32_t)(ports[0] >> 8) | (uint32_t)(ports[0] & 255) << 8 |
		(uint32_t)(ports[1] >> 8) << 16 | (uint32_t)(ports[1] & 255) << 24;

	for (unsigned side = 0; side < 2; side++)
		for (unsigned i = 0; i < length; i++)
			hash ^= (uint32_t)ip[side][i] << 8 * (i % 4);
	hash = hash ^ (hash >> 16);
	hash = hash ^ (hash >> 8);
	return hash >> 1;
}

static void linux_layer34_is_as_documented(void **state)
{
	(void)state;
	srand(3);
	for (unsigned i = 0; i < 4000; i++) {
		bool six = i % 2 == 1;
		struct wb_bond_packet p = {{0}};
		uint8_t ip[2][16];
		uint16_t ports[2] = {(uint16_t)rand(), (uint16_t)rand()};

		for (unsigned j = 0; j < 32; j++)
			ip[j / 16][j % 16] = (uint8_t)rand();
		p.source.addr.family = p.destination.addr.family = six ? AF_INET6 : AF_INET;
		for (unsigned j = 0; j < (six ? 16 : 4); j++) {
			p.source.addr.bytes[j] = ip[0][j];
			p.destination.addr.bytes[j] = ip[1][j];
		}
		p.source.port = ports[0];
		p.destination.port = ports[1];
		assert_int_equal(wb_far_hash(WB_FAR_LINUX_LAYER34, &p),
			model34((const uint8_t(*)[16])ip, six ? 16 : 4, ports));
	}
}

/* By hand. 192.0.2.1:51820 to 192.0.2.2:51821: the ports are ca 6c and ca 6d, as a word 6dca6cca;
 * the addresses 010200c0 and 020200c0, their XOR 03000000. 6dca6cca ^ 03000000 = 6eca6cca; ^ 6eca
 * = 6eca0200; ^ 6eca02 = 6ea4c802; >> 1 = 37526401. */
static void linux_layer34_by_hand(void **state)
{
	struct wb_bond_packet p = packet("192.0.2.1", 51820, "192.0.2.2", 51821);

	(void)state;
	assert_int_equal(wb_far_hash(WB_FAR_LINUX_LAYER34, &p), 0x37526401);
	assert_int_equal(0x37526401 % 3, 1);
}

/* By hand. MACs end in 01 and 02, IPv4: 01 ^ 02 ^ 0800 = 0803; ^ 03000000 = 03000803; ^ 0300 =
 * 03000b03; ^ 03000b = 03030b08. */
static void linux_layer23_by_hand(void **state)
{
	struct wb_bond_packet p = packet("192.0.2.1", 51820, "192.0.2.2", 51821);

	(void)state;
	p.source_mac[5] = 1;
	p.destination_mac[5] = 2;
	assert_int_equal(wb_far_hash(WB_FAR_LINUX_LAYER23, &p), 0x03030b08);
	p.source.port = 1;
	assert_int_equal(wb_far_hash(WB_FAR_LINUX_LAYER23, &p), 0x03030b08);
}

/* Bit by bit, as RSS is described: for each 1 of the input, the 32 bits of the key from there. */
static uint32_t toeplitz_model(const uint8_t *input, unsigned length)
{
	uint32_t hash = 0;

	for (unsigned bit = 0; bit < length * 8; bit++) {
		if ((input[bit / 8] >> (7 - bit % 8) & 1) == 0)
			continue;
		for (unsigned k = 0; k < 32; k++) {
			unsigned at = bit + k;
			uint8_t byte = at / 8 % 2 == 0 ? 0x6d : 0x5a;

			hash ^= (uint32_t)(byte >> (7 - at % 8) & 1) << (31 - k);
		}
	}
	return hash;
}

static void toeplitz_is_symmetric(void **state)
{
	struct wb_bond_packet p = packet("192.0.2.1", 51820, "198.51.100.7", 4711);
	struct wb_bond_packet back = packet("198.51.100.7", 4711, "192.0.2.1", 51820);
	const uint8_t input[12] = {192, 0, 2, 1, 198, 51, 100, 7, 0xca, 0x6c, 0x12, 0x67};

	(void)state;
	assert_int_equal(wb_far_hash(WB_FAR_TOEPLITZ, &p), toeplitz_model(input, 12) & 127);
	assert_int_equal(wb_far_hash(WB_FAR_TOEPLITZ, &p), wb_far_hash(WB_FAR_TOEPLITZ, &back));
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void tunnels_make(struct wb_spread_tunnel *tunnels, unsigned n, bool six)
{
	for (unsigned i = 0; i < n; i++)
		tunnels[i] = (struct wb_spread_tunnel){
			.here = addr(six ? "2001:db8::1" : "192.0.2.1"),
			.there = addr(six ? "2001:db8:1::2" : "198.51.100.2"),
			.port_here = 51820,
			.port_there = 51820,
		};
}

/* Ports are one tunnel's each, on both sides. */
static void are_distinct(const struct wb_spread_tunnel *tunnels, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < i; j++) {
			assert_int_not_equal(tunnels[i].port_here, tunnels[j].port_here);
			assert_int_not_equal(tunnels[i].port_there, tunnels[j].port_there);
		}
}

/* 1 to 16 tunnels over 1 to 8 links on each side, for every hash that sees ports: even in both
 * directions, and with one link less. */
static void every_plan_is_even(void **state)
{
	static const enum wb_far_hash hashes[] = {
		WB_FAR_PMD_LAYER34, WB_FAR_LINUX_LAYER34, WB_FAR_TOEPLITZ};
	unsigned worst = 0, uneven = 0, plans = 0;
	uint64_t longest = 0;

	(void)state;
	for (unsigned h = 0; h < 3; h++)
		for (unsigned links = 1; links <= 8; links++)
			for (unsigned n = 1; n <= 16; n++)
				for (unsigned six = 0; six < 2; six++) {
					struct wb_spread_sides sides = {
						WB_BOND_LAYER34, links, hashes[h], links};
					struct wb_spread_tunnel tunnels[16];
					struct wb_spread_judgement j;
					uint64_t began = now_ms();

					tunnels_make(tunnels, n, six);
					wb_spread_choose(&sides, tunnels, n, 51820, NULL, NULL);
					longest = now_ms() - began > longest ? now_ms() - began
									     : longest;
					are_distinct(tunnels, n);
					j = wb_spread_judge(&sides, tunnels, n);
					assert_true(j.leaves <= 1 && j.returns <= 1);
					plans++;
					uneven += j.leaves_one_down > 1 || j.returns_one_down > 1;
					worst = j.leaves_one_down > worst ? j.leaves_one_down
									  : worst;
					worst = j.returns_one_down > worst ? j.returns_one_down
									   : worst;
				}
	print_message("%u plans, all even; with one link less %u are not, by %u at the most; "
		      "the longest took %u ms\n",
		plans, uneven, worst, (unsigned)longest);
	assert_true(worst <= 2);
	assert_true(longest < 2000);
}

/* Links of different numbers, as when one side has more ports. */
static void unlike_sides(void **state)
{
	(void)state;
	for (unsigned here = 1; here <= 8; here++)
		for (unsigned there = 1; there <= 8; there++) {
			struct wb_spread_sides sides = {
				WB_BOND_LAYER34, here, WB_FAR_LINUX_LAYER34, there};
			struct wb_spread_tunnel tunnels[8];
			struct wb_spread_judgement j;

			tunnels_make(tunnels, 8, false);
			wb_spread_choose(&sides, tunnels, 8, 51820, NULL, NULL);
			j = wb_spread_judge(&sides, tunnels, 8);
			assert_true(j.leaves <= 1 && j.returns <= 1);
		}
}

static bool even_ports_are_taken(void *arg, uint16_t port)
{
	(void)arg;
	return port % 2 == 0;
}

static void what_is_good_or_taken_stays(void **state)
{
	struct wb_spread_sides sides = {WB_BOND_LAYER34, 3, WB_FAR_PMD_LAYER34, 3};
	struct wb_spread_tunnel tunnels[6], again[6];

	(void)state;
	tunnels_make(tunnels, 6, false);
	wb_spread_choose(&sides, tunnels, 6, 51820, even_ports_are_taken, NULL);
	for (unsigned i = 1; i < 6; i++)
		assert_int_equal(tunnels[i].port_here % 2, 1);
	memcpy(again, tunnels, sizeof(again));
	wb_spread_choose(&sides, again, 6, 40000, NULL, NULL);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(again[i].port_here, tunnels[i].port_here);
		assert_int_equal(again[i].port_there, tunnels[i].port_there);
	}
}

static void a_blind_side_is_left_out(void **state)
{
	struct wb_spread_sides sides = {WB_BOND_LAYER34, 4, WB_FAR_LINUX_LAYER23, 4};
	struct wb_spread_tunnel tunnels[8];
	struct wb_spread_judgement j;

	(void)state;
	tunnels_make(tunnels, 8, false);
	wb_spread_choose(&sides, tunnels, 8, 51820, NULL, NULL);
	j = wb_spread_judge(&sides, tunnels, 8);
	assert_int_equal(j.leaves, 0);
	assert_int_equal(j.returns, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linux_layer34_is_as_documented),
		cmocka_unit_test(linux_layer34_by_hand),
		cmocka_unit_test(linux_layer23_by_hand),
		cmocka_unit_test(toeplitz_is_symmetric),
		cmocka_unit_test(every_plan_is_even),
		cmocka_unit_test(unlike_sides),
		cmocka_unit_test(what_is_good_or_taken_stays),
		cmocka_unit_test(a_blind_side_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
