/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>

#include "icmp.h"
#include "outer_icmp.h"

#define HEADROOM 128

static uint8_t buffer[HEADROOM + 2048];
static struct rte_mbuf mbuf;

static uint8_t *data(void)
{
	return rte_pktmbuf_mtod(&mbuf, uint8_t *);
}

/* An inner packet of `len` bytes with something recognizable in it. */
static void make(unsigned version, uint8_t protocol, uint16_t len)
{
	memset(&mbuf, 0, sizeof(mbuf));
	mbuf.buf_addr = buffer;
	mbuf.buf_len = sizeof(buffer);
	mbuf.data_off = HEADROOM;
	mbuf.data_len = len;
	mbuf.pkt_len = len;
	mbuf.nb_segs = 1;
	for (unsigned i = 0; i < len; i++)
		data()[i] = (uint8_t)(i * 7);
	if (version == 4) {
		struct rte_ipv4_hdr *ip = (void *)data();

		ip->version_ihl = RTE_IPV4_VHL_DEF;
		ip->fragment_offset = 0;
		ip->next_proto_id = protocol;
		ip->src_addr = rte_cpu_to_be_32(RTE_IPV4(10, 1, 0, 2));
		ip->dst_addr = rte_cpu_to_be_32(RTE_IPV4(10, 2, 0, 1));
	} else {
		struct rte_ipv6_hdr *ip = (void *)data();

		ip->vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28);
		ip->proto = protocol;
		ip->src_addr[0] = 0xfd;
		ip->dst_addr[0] = 0xfd;
	}
}

static void tells4(void **state)
{
	static const struct {
		enum icmp_error error;
		uint16_t len, quoted;
		uint8_t code;
		uint16_t mtu;
	} cases[] = {
		{ICMP_ERROR_UNREACHABLE, 60, 60, 1, 0},
		{ICMP_ERROR_UNREACHABLE, 61, 61, 1, 0},
		/* RFC 1812, 4.3.2.3: 576 bytes at the most. */
		{ICMP_ERROR_TOO_BIG, 1420, 576 - 28, 4, 1340},
	};
	const struct wb_addr from = wb_addr_v4(rte_cpu_to_be_32(RTE_IPV4(10, 9, 0, 1)));
	uint8_t original[2048];

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		const struct rte_ipv4_hdr *ip;
		const uint8_t *icmp;

		make(4, IPPROTO_UDP, cases[i].len);
		memcpy(original, data(), cases[i].len);
		icmp_error_make(&mbuf, cases[i].error, &from, cases[i].mtu);
		ip = (const void *)data();
		icmp = data() + 20;
		assert_int_equal(mbuf.data_len, 28 + cases[i].quoted);
		assert_int_equal(mbuf.pkt_len, mbuf.data_len);
		assert_int_equal(rte_be_to_cpu_16(ip->total_length), mbuf.data_len);
		assert_int_equal(rte_raw_cksum(ip, 20), 0xffff);
		assert_int_equal(ip->next_proto_id, IPPROTO_ICMP);
		assert_int_equal(ip->src_addr, from.v4);
		assert_int_equal(ip->dst_addr, rte_cpu_to_be_32(RTE_IPV4(10, 1, 0, 2)));
		assert_int_equal(rte_raw_cksum(icmp, mbuf.data_len - 20u), 0xffff);
		assert_int_equal(icmp[0], 3);
		assert_int_equal(icmp[1], cases[i].code);
		assert_int_equal(icmp[6] << 8 | icmp[7], cases[i].mtu);
		assert_memory_equal(icmp + 8, original, cases[i].quoted);
	}
}

static void tells6(void **state)
{
	static const struct {
		enum icmp_error error;
		uint16_t len, quoted;
		uint8_t type, code;
		uint16_t mtu;
	} cases[] = {
		{ICMP_ERROR_UNREACHABLE, 60, 60, 1, 3, 0},
		{ICMP_ERROR_UNREACHABLE, 61, 61, 1, 3, 0},
		/* RFC 4443, 2.4 (c): no more than the least MTU. */
		{ICMP_ERROR_TOO_BIG, 1420, 1280 - 48, 2, 0, 1320},
	};
	struct wb_addr from = {.family = AF_INET6};
	uint8_t original[2048];

	(void)state;
	from.bytes[0] = 0xfd;
	from.bytes[15] = 9;
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		const struct rte_ipv6_hdr *ip;
		const uint8_t *icmp;
		uint32_t sum;

		make(6, IPPROTO_UDP, cases[i].len);
		memcpy(original, data(), cases[i].len);
		icmp_error_make(&mbuf, cases[i].error, &from, cases[i].mtu);
		ip = (const void *)data();
		icmp = data() + 40;
		assert_int_equal(mbuf.data_len, 48 + cases[i].quoted);
		assert_int_equal(rte_be_to_cpu_16(ip->payload_len), mbuf.data_len - 40);
		assert_int_equal(ip->proto, IPPROTO_ICMPV6);
		assert_memory_equal(ip->src_addr, from.bytes, 16);
		assert_memory_equal(ip->dst_addr, original + 8, 16);
		sum = (uint32_t)rte_ipv6_phdr_cksum(ip, 0) +
			rte_raw_cksum(icmp, mbuf.data_len - 40u);
		assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
		assert_int_equal(icmp[0], cases[i].type);
		assert_int_equal(icmp[1], cases[i].code);
		assert_int_equal(icmp[6] << 8 | icmp[7], cases[i].mtu);
		assert_memory_equal(icmp + 8, original, cases[i].quoted);
	}
}

static bool deserved(void)
{
	return icmp_deserved(data(), mbuf.data_len);
}

static void knows_what_deserves_one4(void **state)
{
	static const struct {
		uint32_t source, destination;
		bool deserved;
	} cases[] = {
		{RTE_IPV4(10, 1, 0, 2), RTE_IPV4(10, 2, 0, 1), true},
		{RTE_IPV4(0, 0, 0, 0), RTE_IPV4(10, 2, 0, 1), false},
		{RTE_IPV4(127, 0, 0, 1), RTE_IPV4(10, 2, 0, 1), false},
		{RTE_IPV4(224, 0, 0, 1), RTE_IPV4(10, 2, 0, 1), false},
		{RTE_IPV4(255, 255, 255, 255), RTE_IPV4(10, 2, 0, 1), false},
		{RTE_IPV4(10, 1, 0, 2), RTE_IPV4(224, 0, 0, 251), false},
		{RTE_IPV4(10, 1, 0, 2), RTE_IPV4(255, 255, 255, 255), false},
	};
	struct rte_ipv4_hdr *ip;

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		make(4, IPPROTO_UDP, 60);
		ip = (void *)data();
		ip->src_addr = rte_cpu_to_be_32(cases[i].source);
		ip->dst_addr = rte_cpu_to_be_32(cases[i].destination);
		assert_int_equal(deserved(), cases[i].deserved);
	}
	make(4, IPPROTO_UDP, 60);
	ip = (void *)data();
	ip->fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG);
	assert_true(deserved());
	ip->fragment_offset = rte_cpu_to_be_16(1);
	assert_false(deserved());
	for (unsigned type = 0; type < 256; type++) {
		make(4, IPPROTO_ICMP, 60);
		data()[20] = (uint8_t)type;
		assert_int_equal(deserved(),
			type != 3 && type != 4 && type != 5 && type != 11 && type != 12);
	}
	/* Without its type, nobody can tell. */
	make(4, IPPROTO_ICMP, 20);
	assert_false(deserved());
}

static void knows_what_deserves_one6(void **state)
{
	(void)state;
	make(6, IPPROTO_UDP, 60);
	assert_true(deserved());
	data()[8] = 0xff;
	assert_false(deserved());
	make(6, IPPROTO_UDP, 60);
	data()[24] = 0xff;
	assert_false(deserved());
	make(6, IPPROTO_UDP, 60);
	memset(data() + 8, 0, 16);
	assert_false(deserved());
	for (unsigned type = 0; type < 256; type++) {
		make(6, IPPROTO_ICMPV6, 60);
		data()[40] = (uint8_t)type;
		assert_int_equal(deserved(), type >= 128 && type != 137);
		/* The same behind a fragment header. */
		make(6, IPPROTO_FRAGMENT, 60);
		data()[40] = IPPROTO_ICMPV6;
		data()[42] = 0;
		data()[43] = 1;
		data()[48] = (uint8_t)type;
		assert_int_equal(deserved(), type >= 128 && type != 137);
	}
	make(6, IPPROTO_FRAGMENT, 60);
	data()[42] = 0;
	data()[43] = 8;
	assert_false(deserved());
	make(6, IPPROTO_FRAGMENT, 47);
	assert_false(deserved());
	make(6, IPPROTO_ICMPV6, 40);
	assert_false(deserved());
}

/* A router's word about a packet from our 192.0.2.1:7000 to 198.51.100.1:7001, or the like of IPv6;
 * gives its length. */
static uint32_t routers_word(uint8_t *at, unsigned version)
{
	static const uint8_t message[] = {
		0x1b, 0x58, 0x1b, 0x59, 0, 48, 0, 0, 4, 0, 0, 0, 0x78, 0x56, 0x34, 0x12};
	uint32_t header = version == 4 ? 20 : 40, quote = header + 8;

	memset(at, 0, 2 * header + 8);
	if (version == 4) {
		at[0] = at[quote] = 0x45;
		at[9] = IPPROTO_ICMP;
		memcpy(at + 16, "\xc0\x00\x02\x01", 4);
		at[20] = 3;
		at[21] = 4;
		at[quote + 9] = IPPROTO_UDP;
		memcpy(at + quote + 12, at + 16, 4);
		memcpy(at + quote + 16, "\xc6\x33\x64\x01", 4);
	} else {
		at[0] = at[quote] = 0x60;
		at[6] = IPPROTO_ICMPV6;
		at[24] = 0x20;
		at[40] = 2;
		at[quote + 6] = IPPROTO_UDP;
		at[quote + 8] = 0x20;
		at[quote + 24] = 0x21;
	}
	at[header + 6] = 0x05;
	at[header + 7] = 0x78;
	memcpy(at + quote + header, message, sizeof(message));
	return quote + header + (uint32_t)sizeof(message);
}

static void hears_routers(void **state)
{
	struct outer_icmp news;
	uint8_t word[128];

	(void)state;
	for (unsigned version = 4; version <= 6; version += 2) {
		uint32_t len = routers_word(word, version);

		assert_true(outer_icmp_parse(word, len, &news));
		assert_int_equal(news.mtu, 1400);
		assert_int_equal(news.local_port, 7000);
		assert_int_equal(news.remote.port, 7001);
		assert_int_equal(news.remote.addr.bytes[0], version == 4 ? 198 : 0x21);
		assert_true(news.has_receiver);
		assert_int_equal(news.receiver, 0x12345678);
		/* Eight bytes behind the quoted header are all that RFC 792 asks for. */
		assert_true(outer_icmp_parse(word, len - 8, &news));
		assert_false(news.has_receiver);
		assert_false(outer_icmp_parse(word, len - 9, &news));
	}
}

static void hears_no_nonsense(void **state)
{
	struct outer_icmp news;
	uint8_t word[128];
	/* Bytes that must be what they are: code, quoted version, protocol, our address. */
	static const uint8_t vital4[] = {9, 20, 21, 28, 28 + 9, 28 + 12, 28 + 15};
	static const uint8_t vital6[] = {6, 40, 48, 48 + 6, 48 + 8, 48 + 23};

	(void)state;
	for (unsigned i = 0; i < sizeof(vital4); i++) {
		uint32_t len = routers_word(word, 4);

		word[vital4[i]] ^= 0x10;
		assert_false(outer_icmp_parse(word, len, &news));
	}
	for (unsigned i = 0; i < sizeof(vital6); i++) {
		uint32_t len = routers_word(word, 6);

		word[vital6[i]] ^= 0x10;
		assert_false(outer_icmp_parse(word, len, &news));
	}
}

/* Reads nothing beyond the packet, whatever is in it; the sanitizers watch. */
static void survives_noise(void **state)
{
	struct outer_icmp news;

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned version = i % 2 ? 4 : 6;
		uint8_t word[128];
		uint32_t whole = routers_word(word, version), header = version == 4 ? 20 : 40;
		uint32_t len = header + (uint32_t)rand() % (whole - header + 1);
		uint8_t *exact = malloc(len);

		memcpy(exact, word, len);
		for (unsigned n = (unsigned)rand() % 4; n > 0; n--) {
			uint32_t at = 1 + (uint32_t)rand() % (len - 1);

			/* What ip_check() has proved stays. */
			exact[at] = (uint8_t)rand();
		}
		outer_icmp_parse(exact, len, &news);
		icmp_deserved(exact, len);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells4),
		cmocka_unit_test(tells6),
		cmocka_unit_test(knows_what_deserves_one4),
		cmocka_unit_test(knows_what_deserves_one6),
		cmocka_unit_test(hears_routers),
		cmocka_unit_test(hears_no_nonsense),
		cmocka_unit_test(survives_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
