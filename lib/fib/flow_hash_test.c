/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fib/flow_hash.h"
#include "fib/group.h"

/* Parses a copy of exactly `len` bytes, so that the sanitizers see every byte read behind. */
static int parse(const uint8_t *bytes, uint32_t len, struct wb_flow *flow)
{
	uint8_t *copy = malloc(len ? len : 1);
	int ret;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	memset(flow, 0xa5, sizeof(*flow));
	ret = wb_flow_parse(copy, len, flow);
	free(copy);
	return ret;
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* An IPv4 packet of `header` + `payload` bytes; ports 1000 and 2000. */
static uint32_t make4(uint8_t *out, uint8_t proto, unsigned header, unsigned payload)
{
	memset(out, 0, header + payload);
	out[0] = (uint8_t)(0x40 | header / 4);
	out[1] = 0xb8;
	put16(out + 2, header + payload);
	out[8] = 63;
	out[9] = proto;
	memcpy(out + 12, (uint8_t[]){192, 0, 2, 1, 198, 51, 100, 7}, 8);
	if (payload >= 4) {
		put16(out + header, 1000);
		put16(out + header + 2, 2000);
	}
	return header + payload;
}

/* An IPv6 packet of 40 + `payload` bytes, all behind the fixed header zero. */
static uint32_t make6(uint8_t *out, uint8_t next, unsigned payload)
{
	memset(out, 0, 40 + payload);
	out[0] = 0x6b;
	out[1] = 0x80;
	put16(out + 4, payload);
	out[6] = next;
	out[7] = 62;
	for (unsigned i = 0; i < 32; i++)
		out[8 + i] = (uint8_t)(i + 1);
	return 40 + payload;
}

static void test_ipv4(void **state)
{
	static const uint8_t with_ports[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};
	struct wb_flow flow;
	uint8_t packet[200];
	uint32_t len;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		for (unsigned header = 20; header <= 60; header += 4) {
			len = make4(packet, with_ports[i], header, 40);
			/* Ethernet padding behind the packet does not count. */
			assert_int_equal(parse(packet, len + 6, &flow), 0);
			assert_int_equal(flow.family, 4);
			assert_int_equal(flow.proto, with_ports[i]);
			assert_int_equal(flow.flags, WB_FLOW_PORTS);
			assert_int_equal(ntohs(flow.sport), 1000);
			assert_int_equal(ntohs(flow.dport), 2000);
			assert_int_equal(ntohl(flow.src4), 0xc0000201);
			assert_int_equal(ntohl(flow.dst4), 0xc6336407);
			assert_int_equal(flow.ttl, 63);
			assert_int_equal(flow.tos, 0xb8);
			assert_int_equal(flow.l4_off, header);
			assert_int_equal(flow.l4_len, 40);
			assert_int_equal(flow.l3_len, header + 40);
		}
	len = make4(packet, IPPROTO_GRE, 20, 40);
	assert_int_equal(parse(packet, len, &flow), 0);
	assert_int_equal(flow.flags, 0);
	assert_int_equal(flow.sport | flow.dport, 0);
	/* Too short for ports, still a packet to forward. */
	len = make4(packet, IPPROTO_UDP, 20, 3);
	assert_int_equal(parse(packet, len, &flow), 0);
	assert_int_equal(flow.flags, 0);
	assert_int_equal(flow.sport | flow.dport, 0);
	len = make4(packet, IPPROTO_UDP, 20, 0);
	assert_int_equal(parse(packet, len, &flow), 0);
	assert_int_equal(flow.l4_len, 0);
}

static void test_ipv4_malformed(void **state)
{
	struct wb_flow flow;
	uint8_t packet[200];
	uint32_t len = make4(packet, IPPROTO_UDP, 24, 40);

	(void)state;
	for (uint32_t cut = 0; cut < len; cut++)
		assert_int_equal(parse(packet, cut, &flow), -EINVAL);
	packet[0] = 0x44; /* header shorter than a header */
	assert_int_equal(parse(packet, len, &flow), -EINVAL);
	packet[0] = 0x56;
	assert_int_equal(parse(packet, len, &flow), -EINVAL);
	packet[0] = 0x46;
	put16(packet + 2, 23); /* packet shorter than its header */
	assert_int_equal(parse(packet, len, &flow), -EINVAL);
	put16(packet + 2, len + 1); /* longer than what came */
	assert_int_equal(parse(packet, len, &flow), -EINVAL);
	put16(packet + 2, 24);
	assert_int_equal(parse(packet, len, &flow), 0);
	packet[0] = 0x66; /* each parser takes its own version only */
	assert_int_equal(wb_flow_parse4(packet, len, &flow), -EINVAL);
	packet[0] = 0x46;
	assert_int_equal(wb_flow_parse6(packet, len, &flow), -EINVAL);
}

static void test_ipv4_fragments(void **state)
{
	struct wb_flow first, next, whole;
	uint8_t packet[200];
	uint32_t len = make4(packet, IPPROTO_UDP, 20, 40);

	(void)state;
	put16(packet + 6, 0x4000); /* don't fragment: a whole packet */
	assert_int_equal(parse(packet, len, &whole), 0);
	assert_int_equal(whole.flags, WB_FLOW_PORTS);
	put16(packet + 6, 0x2000); /* the first, with ports in it */
	assert_int_equal(parse(packet, len, &first), 0);
	assert_int_equal(first.flags, WB_FLOW_FRAG);
	assert_int_equal(first.sport | first.dport, 0);
	put16(packet + 6, 0x0005); /* the last, with data in their place */
	put16(packet + 20, 0xdead);
	assert_int_equal(parse(packet, len, &next), 0);
	assert_int_equal(next.flags, WB_FLOW_FRAG);
	assert_int_equal(wb_flow_hash(&first), wb_flow_hash(&next));
	assert_int_not_equal(wb_flow_hash(&first), wb_flow_hash(&whole));
}

static void test_ipv6(void **state)
{
	struct wb_flow flow;
	uint8_t packet[200];
	uint32_t len = make6(packet, IPPROTO_TCP, 20);

	(void)state;
	put16(packet + 40, 1000);
	put16(packet + 42, 2000);
	assert_int_equal(parse(packet, len + 6, &flow), 0);
	assert_int_equal(flow.family, 6);
	assert_int_equal(flow.proto, IPPROTO_TCP);
	assert_int_equal(flow.flags, WB_FLOW_PORTS);
	assert_int_equal(ntohs(flow.sport), 1000);
	assert_int_equal(ntohs(flow.dport), 2000);
	assert_memory_equal(flow.src6, packet + 8, 16);
	assert_memory_equal(flow.dst6, packet + 24, 16);
	assert_int_equal(flow.ttl, 62);
	assert_int_equal(flow.tos, 0xb8);
	assert_int_equal(flow.l4_off, 40);
	assert_int_equal(flow.l4_len, 20);
	assert_int_equal(flow.l3_len, 60);
	for (uint32_t cut = 0; cut < len; cut++)
		assert_int_equal(parse(packet, cut, &flow), -EINVAL);
}

/* Hop-by-hop of 8, routing of 24, destination options of 16, an atomic fragment, then UDP. */
static uint32_t make_chain(uint8_t *out)
{
	uint32_t len = make6(out, IPPROTO_HOPOPTS, 8 + 24 + 16 + 8 + 8);

	out[40] = IPPROTO_ROUTING;
	out[48] = IPPROTO_DSTOPTS;
	out[49] = 2;
	out[72] = IPPROTO_FRAGMENT;
	out[73] = 1;
	out[88] = IPPROTO_UDP;
	put16(out + 96, 1000);
	put16(out + 98, 2000);
	return len;
}

static void test_ipv6_extensions(void **state)
{
	struct wb_flow flow, plain;
	uint8_t packet[400];
	uint32_t len = make_chain(packet);

	(void)state;
	assert_int_equal(parse(packet, len, &flow), 0);
	assert_int_equal(flow.proto, IPPROTO_UDP);
	assert_int_equal(flow.flags, WB_FLOW_PORTS);
	assert_int_equal(flow.l4_off, 96);
	assert_int_equal(flow.l4_len, 8);
	assert_int_equal(ntohs(flow.sport), 1000);
	assert_int_equal(ntohs(flow.dport), 2000);
	/* The headers between do not make it another flow. */
	len = make6(packet, IPPROTO_UDP, 8);
	put16(packet + 40, 1000);
	put16(packet + 42, 2000);
	assert_int_equal(parse(packet, len, &plain), 0);
	assert_int_equal(wb_flow_hash(&flow), wb_flow_hash(&plain));
	/* No next header: nothing more to see. */
	len = make6(packet, IPPROTO_NONE, 8);
	assert_int_equal(parse(packet, len, &flow), 0);
	assert_int_equal(flow.proto, IPPROTO_NONE);
	assert_int_equal(flow.flags, 0);
}

static void test_ipv6_extensions_malformed(void **state)
{
	struct wb_flow flow;
	uint8_t packet[400];

	(void)state;
	/* The packet says it ends within each of the headers. */
	for (unsigned payload = 0; payload < 56; payload++) {
		make_chain(packet);
		put16(packet + 4, payload);
		assert_int_equal(parse(packet, 40 + payload, &flow), -EINVAL);
		/* Bytes behind the packet's end do not help. */
		assert_int_equal(parse(packet, 104, &flow), -EINVAL);
	}
	/* An extension header that claims more than the packet has. */
	make_chain(packet);
	packet[73] = 255;
	assert_int_equal(parse(packet, 104, &flow), -EINVAL);
	/* A jumbogram: no payload length. */
	make_chain(packet);
	put16(packet + 4, 0);
	assert_int_equal(parse(packet, 104, &flow), -EINVAL);
}

static void test_ipv6_opaque(void **state)
{
	struct wb_flow flow;
	uint8_t packet[400];
	uint32_t len;

	(void)state;
	len = make6(packet, IPPROTO_AH, 60);
	assert_int_equal(parse(packet, len, &flow), 0);
	assert_int_equal(flow.flags, WB_FLOW_OPAQUE);
	assert_int_equal(flow.proto, IPPROTO_AH);
	assert_int_equal(flow.l4_off, 40);
	for (unsigned n = 1; n <= WB_FLOW_MAX_EXT + 1; n++) {
		len = make6(packet, IPPROTO_DSTOPTS, n * 8 + 8);
		for (unsigned i = 0; i < n; i++)
			packet[40 + i * 8] = i + 1 < n ? IPPROTO_DSTOPTS : IPPROTO_UDP;
		assert_int_equal(parse(packet, len, &flow), 0);
		if (n <= WB_FLOW_MAX_EXT) {
			assert_int_equal(flow.flags, WB_FLOW_PORTS);
			assert_int_equal(flow.l4_len, 8);
		} else {
			assert_int_equal(flow.flags, WB_FLOW_OPAQUE);
			assert_int_equal(flow.proto, IPPROTO_DSTOPTS);
			assert_int_equal(flow.l4_len, 16);
		}
	}
}

static void test_ipv6_fragments(void **state)
{
	struct wb_flow first, next;
	uint8_t packet[200];
	uint32_t len = make6(packet, IPPROTO_FRAGMENT, 8 + 32);

	(void)state;
	/* The first holds an extension header; the next, data that would be a broken one. */
	packet[40] = IPPROTO_DSTOPTS;
	put16(packet + 42, 0x0001);
	packet[48] = IPPROTO_UDP;
	assert_int_equal(parse(packet, len, &first), 0);
	put16(packet + 42, 0x0020);
	memset(packet + 48, 0xff, 32);
	assert_int_equal(parse(packet, len, &next), 0);
	assert_int_equal(first.flags, WB_FLOW_FRAG);
	assert_int_equal(next.flags, WB_FLOW_FRAG);
	assert_int_equal(first.proto, IPPROTO_DSTOPTS);
	assert_int_equal(first.l4_off, 48);
	assert_int_equal(wb_flow_hash(&first), wb_flow_hash(&next));
	/* The reserved bits alone do not make a fragment. */
	len = make6(packet, IPPROTO_FRAGMENT, 8 + 8);
	packet[40] = IPPROTO_UDP;
	put16(packet + 42, 0x0006);
	assert_int_equal(parse(packet, len, &next), 0);
	assert_int_equal(next.flags, WB_FLOW_PORTS);
}

static void test_echo(void **state)
{
	static const struct {
		uint8_t family, proto, type;
		unsigned len;
		bool counts;
	} cases[] = {
		{4, IPPROTO_ICMP, 8, 8, true},
		{4, IPPROTO_ICMP, 0, 8, true},
		{4, IPPROTO_ICMP, 3, 8, false},
		{4, IPPROTO_ICMP, 8, 7, false},
		{6, IPPROTO_ICMPV6, 128, 8, true},
		{6, IPPROTO_ICMPV6, 129, 8, true},
		{6, IPPROTO_ICMPV6, 135, 8, false},
		{6, IPPROTO_ICMPV6, 128, 5, false},
		{4, IPPROTO_ICMPV6, 128, 8, false},
		{6, IPPROTO_ICMP, 8, 8, false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned off = cases[i].family == 4 ? 20 : 40;
		uint8_t packet[100];
		struct wb_flow flow;
		uint32_t len;

		len = cases[i].family == 4 ? make4(packet, cases[i].proto, 20, cases[i].len)
					   : make6(packet, cases[i].proto, cases[i].len);
		packet[off] = cases[i].type;
		packet[off + 4] = 0x12;
		packet[off + 5] = 0x34;
		assert_int_equal(parse(packet, len, &flow), 0);
		assert_int_equal(flow.flags, cases[i].counts ? WB_FLOW_PORTS : 0);
		assert_int_equal(ntohs(flow.sport), cases[i].counts ? 0x1234 : 0);
		assert_int_equal(flow.dport, 0);
	}
}

/* Bytes at random, and good packets with some bytes spoilt: whatever comes out is within what
 * went in. The sanitizers watch the reads. */
static void test_hostile(void **state)
{
	unsigned seed = 3, good = 0;

	(void)state;
	for (unsigned round = 0; round < 200000; round++) {
		uint8_t packet[160];
		uint32_t len = (uint32_t)rand_r(&seed) % 150;
		struct wb_flow flow;

		if (round % 4 == 0)
			for (unsigned i = 0; i < sizeof(packet); i++)
				packet[i] = (uint8_t)(rand_r(&seed) >> 8);
		else if (round % 4 == 1)
			make4(packet, IPPROTO_TCP, 20 + round % 11 * 4, 40);
		else
			make_chain(packet);
		for (int spoilt = rand_r(&seed) % 4; spoilt > 0; spoilt--)
			packet[rand_r(&seed) % 104] = (uint8_t)(rand_r(&seed) >> 8);
		if (parse(packet, len, &flow) != 0)
			continue;
		good++;
		assert_true(flow.l3_len <= len);
		assert_int_equal(flow.l4_off + flow.l4_len, flow.l3_len);
		assert_true(flow.l4_off >= (flow.family == 4 ? 20 : 40));
		assert_int_equal(flow.zero, 0);
		if (!(flow.flags & WB_FLOW_PORTS))
			assert_int_equal(flow.sport | flow.dport, 0);
		if (flow.flags & WB_FLOW_FRAG)
			assert_false(flow.flags & WB_FLOW_PORTS);
	}
	assert_in_range(good, 10000, 190000);
}

/* --- spreading --- */

enum pattern { ANY, PORTS, EVEN_PORTS, HOSTS, BOTH_ENDS, PATTERNS };

/* Flow `i` of a pattern as sites have them. */
static struct wb_flow make_flow(unsigned family, enum pattern pattern, unsigned i)
{
	struct wb_flow flow = {.family = (uint8_t)family, .proto = IPPROTO_TCP};
	uint32_t src = 0x0a010005, dst = 0x0a020007;
	unsigned sport = 40000, dport = 5201, seed = i * 7919 + 1;

	switch (pattern) {
	case ANY:
		src = (uint32_t)rand_r(&seed);
		dst = (uint32_t)rand_r(&seed);
		sport = (unsigned)rand_r(&seed);
		dport = (unsigned)rand_r(&seed);
		break;
	case PORTS: /* iperf3 -P */
		sport += i;
		break;
	case EVEN_PORTS: /* what Linux gives connect() */
		sport += 2 * i;
		break;
	case HOSTS: /* everybody to one server from one port */
		src += i;
		break;
	default: /* tunnels in a tunnel: equal ports, equal host parts */
		src += i;
		dst += i;
		sport = dport = 51820 + i % 4;
		break;
	}
	flow.sport = htons((uint16_t)sport);
	flow.dport = htons((uint16_t)dport);
	if (family == 4) {
		flow.src4 = htonl(src);
		flow.dst4 = htonl(dst);
		/* What IPv4 does not use does not count. */
		flow.words[1] = i;
		flow.words[3] = ~(uint64_t)i;
	} else {
		flow.words[0] = flow.words[2] = htonl(0x20010db8);
		memcpy(flow.src6 + 12, &(uint32_t){htonl(src)}, 4);
		memcpy(flow.dst6 + 12, &(uint32_t){htonl(dst)}, 4);
	}
	return flow;
}

/* Chi-squared of n flows over the paths against their shares. The 1 - 1e-6 quantile for up to
 * 7 degrees of freedom is 40; the input is fixed, so this either holds or does not. */
static void check_spread(struct wb_group *group, unsigned family, enum pattern pattern, unsigned n)
{
	unsigned count[8] = {0};
	double chi2 = 0;

	for (unsigned i = 0; i < n; i++) {
		struct wb_flow flow = make_flow(family, pattern, i);

		count[wb_group_pick(group, wb_flow_hash(&flow), 0)]++;
	}
	for (unsigned p = 0; p < group->n_paths; p++) {
		double expected = (double)n * group->buckets[p] / (group->mask + 1);

		chi2 += (count[p] - expected) * (count[p] - expected) / expected;
	}
	if (chi2 > 40)
		fail_msg("%u flows of IPv%u, pattern %d, over %u paths: chi-squared %.1f", n,
			family, pattern, group->n_paths, chi2);
}

static void test_spread(void **state)
{
	static const unsigned n_paths[] = {2, 3, 5, 8};

	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		struct wb_group_path paths[8];
		struct wb_group *group;

		for (unsigned i = 0; i < 8; i++)
			paths[i] = (struct wb_group_path){(uint16_t)i, 1, WB_GROUP_FULL};
		assert_int_equal(wb_group_build(0, paths, n_paths[n], 0, &group, NULL), 0);
		for (enum pattern pattern = ANY; pattern < PATTERNS; pattern++)
			for (unsigned flows = 50; flows <= 12800; flows *= 4) {
				check_spread(group, 4, pattern, flows);
				check_spread(group, 6, pattern, flows);
			}
		wb_group_free(group);
	}
}

/* Each bit of the key changes half of the bits of the hash. */
static void test_every_bit_counts(void **state)
{
	(void)state;
	for (unsigned family = 4; family <= 6; family += 2) {
		unsigned bits = family == 4 ? 64 : 256;

		for (unsigned bit = 0; bit < bits + 40; bit++) {
			unsigned changed = 0;

			for (unsigned i = 0; i < 256; i++) {
				struct wb_flow flow = make_flow(family, ANY, i);
				uint32_t before = wb_flow_hash(&flow);

				if (bit < bits)
					flow.words[bit / 64] ^= 1ull << bit % 64;
				else
					flow.tail ^= 1ull << (bit - bits);
				changed +=
					(unsigned)__builtin_popcount(before ^ wb_flow_hash(&flow));
			}
			/* 256 x 16 expected, 45 the standard deviation; the family's own bits
			 * lead to another computation. */
			assert_in_range(changed, 4096 - 400, 4096 + 400);
		}
	}
}

/* A flow stays on its path while that lives, whatever happens to the others. */
static void test_stickiness(void **state)
{
	const struct wb_group_path all[] = {
		{0, 1, WB_GROUP_FULL}, {1, 1, WB_GROUP_FULL}, {2, 1, WB_GROUP_FULL}};
	const struct wb_group_path two[] = {{0, 1, WB_GROUP_FULL}, {2, 1, WB_GROUP_FULL}};
	uint16_t before[3000], less[3000];
	unsigned moved_back = 0;
	struct wb_group *group;
	uint32_t hash[3000];

	(void)state;
	assert_int_equal(wb_group_build(0, all, 3, 0, &group, NULL), 0);
	for (unsigned i = 0; i < 3000; i++) {
		struct wb_flow flow = make_flow(4, PORTS, i);

		hash[i] = wb_flow_hash(&flow);
		before[i] = wb_group_tunnel(group, hash[i]);
	}
	assert_int_equal(wb_group_change(group, two, 2, 0, &group, NULL), 0);
	for (unsigned i = 0; i < 3000; i++) {
		less[i] = wb_group_tunnel(group, hash[i]);
		assert_int_not_equal(less[i], 1);
		if (before[i] != 1)
			assert_int_equal(less[i], before[i]);
	}
	assert_int_equal(wb_group_change(group, all, 3, 0, &group, NULL), 0);
	for (unsigned i = 0; i < 3000; i++)
		assert_int_equal(wb_group_tunnel(group, hash[i]), less[i]);
	/* Nobody sends: all that are to move do. */
	wb_group_balance(group, 1ull << WB_GROUP_TICK_SHIFT, 0, 0);
	for (unsigned i = 0; i < 3000; i++)
		if (wb_group_tunnel(group, hash[i]) != less[i]) {
			assert_int_equal(wb_group_tunnel(group, hash[i]), 1);
			moved_back++;
		}
	/* A third of them, and no more. */
	assert_in_range(moved_back, 850, 1150);
	wb_group_free(group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv4_malformed),
		cmocka_unit_test(test_ipv4_fragments),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_ipv6_extensions),
		cmocka_unit_test(test_ipv6_extensions_malformed),
		cmocka_unit_test(test_ipv6_opaque),
		cmocka_unit_test(test_ipv6_fragments),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_stickiness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
