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

#include "fib/flow_follow.h"

#define ICMP_ERROR_LEN 8

static const uint8_t a4[4] = {10, 1, 0, 5}, b4[4] = {10, 2, 0, 7};
static const uint8_t outer_a4[4] = {192, 0, 2, 1}, outer_b4[4] = {198, 51, 100, 9};
static const uint8_t a6[16] = {0xfd, 1, [15] = 5}, b6[16] = {0xfd, 2, [15] = 7};
static const uint8_t outer_a6[16] = {0xfd, 9, [15] = 1}, outer_b6[16] = {0xfd, 8, [15] = 2};
static const uint8_t router4[4] = {172, 16, 0, 1}, router6[16] = {0xfd, 3, [15] = 1};

/* A packet that is built from the inside out. */
struct packet {
	uint8_t bytes[400];
	uint32_t len;
};

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* Makes room in front of what there is. */
static uint8_t *push(struct packet *packet, uint32_t len)
{
	memmove(packet->bytes + len, packet->bytes, packet->len);
	memset(packet->bytes, 0, len);
	packet->len += len;
	assert_true(packet->len <= sizeof(packet->bytes));
	return packet->bytes;
}

static void push_ip(struct packet *packet, unsigned family, uint8_t proto, const uint8_t *src,
	const uint8_t *dst)
{
	uint32_t behind = packet->len;
	uint8_t *ip = push(packet, family == 4 ? 20 : 40);

	if (family == 4) {
		ip[0] = 0x45;
		put16(ip + 2, 20 + behind);
		ip[8] = 64;
		ip[9] = proto;
		memcpy(ip + 12, src, 4);
		memcpy(ip + 16, dst, 4);
	} else {
		ip[0] = 0x60;
		put16(ip + 4, behind);
		ip[6] = proto;
		ip[7] = 64;
		memcpy(ip + 8, src, 16);
		memcpy(ip + 24, dst, 16);
	}
}

/* From A to B, or back, with its ports. */
static struct packet flow_packet(unsigned family, uint8_t proto, bool back)
{
	const uint8_t *a = family == 4 ? a4 : a6, *b = family == 4 ? b4 : b6;
	struct packet packet = {.len = 40};

	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) {
		packet.bytes[0] = family == 4 ? (back ? 0 : 8) : (back ? 129 : 128);
		put16(packet.bytes + 4, 777);
	} else {
		put16(packet.bytes, back ? 443 : 40000);
		put16(packet.bytes + 2, back ? 40000 : 443);
	}
	push_ip(&packet, family, proto, back ? b : a, back ? a : b);
	return packet;
}

/* The error about a packet, by a router, to whoever sent it; `quoted` bytes of that are in it. */
static struct packet error_about(const struct packet *about, uint8_t type, uint32_t quoted)
{
	unsigned family = about->bytes[0] >> 4;
	struct packet packet = {.len = quoted < about->len ? quoted : about->len};
	const uint8_t *sender = about->bytes + (family == 4 ? 12 : 8);

	memcpy(packet.bytes, about->bytes, packet.len);
	push(&packet, ICMP_ERROR_LEN)[0] = type;
	push_ip(&packet, family, family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
		family == 4 ? router4 : router6, sender);
	return packet;
}

/* Of a copy of exactly its length, so that the sanitizers see every byte read behind. */
static uint32_t hash_of(const struct packet *packet, unsigned options)
{
	uint8_t *copy = malloc(packet->len);
	uint32_t hash;

	assert_non_null(copy);
	memcpy(copy, packet->bytes, packet->len);
	hash = wb_flow_hash_packet(copy, packet->len, options);
	free(copy);
	return hash;
}

/* The hash of the packet's own header, whatever it carries. */
static uint32_t own_hash(const struct packet *packet)
{
	struct wb_flow flow;

	assert_int_equal(wb_flow_parse(packet->bytes, packet->len, &flow), 0);
	return wb_flow_hash(&flow);
}

static const struct {
	unsigned family;
	uint8_t proto;
} flows[] = {{4, IPPROTO_TCP}, {4, IPPROTO_UDP}, {4, IPPROTO_ICMP}, {6, IPPROTO_TCP},
	{6, IPPROTO_UDP}, {6, IPPROTO_ICMPV6}};

#define FLOWS (sizeof(flows) / sizeof(flows[0]))

static void test_plain(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FLOWS; i++) {
		struct packet there = flow_packet(flows[i].family, flows[i].proto, false);
		struct packet back = flow_packet(flows[i].family, flows[i].proto, true);

		assert_int_equal(hash_of(&there, 0), own_hash(&there));
		assert_int_equal(hash_of(&there, WB_FLOW_INNER), own_hash(&there));
		assert_int_not_equal(hash_of(&there, 0), hash_of(&back, 0));
		assert_int_equal(
			hash_of(&there, WB_FLOW_SYMMETRIC), hash_of(&back, WB_FLOW_SYMMETRIC));
	}
}

/* Ports that are turned round at the same ends are another flow. */
static void test_symmetric_keeps_flows_apart(void **state)
{
	struct packet one = flow_packet(4, IPPROTO_TCP, false), other = one, same_host;
	uint32_t hash;

	(void)state;
	put16(other.bytes + 20, 443);
	put16(other.bytes + 22, 40000);
	assert_int_not_equal(hash_of(&one, WB_FLOW_SYMMETRIC), hash_of(&other, WB_FLOW_SYMMETRIC));
	/* A host that talks to itself: the ports alone tell the directions apart. */
	same_host = one;
	memcpy(same_host.bytes + 12, b4, 4);
	hash = hash_of(&same_host, WB_FLOW_SYMMETRIC);
	put16(same_host.bytes + 20, 443);
	put16(same_host.bytes + 22, 40000);
	assert_int_equal(hash_of(&same_host, WB_FLOW_SYMMETRIC), hash);
}

/* An error about a packet from A goes where B's answers go. */
static void test_errors_go_with_the_answers(void **state)
{
	static const uint8_t types4[] = {3, 4, 5, 11, 12}, types6[] = {1, 2, 3, 4};

	(void)state;
	for (unsigned i = 0; i < FLOWS; i++) {
		bool v4 = flows[i].family == 4;
		struct packet there = flow_packet(flows[i].family, flows[i].proto, false);
		struct packet back = flow_packet(flows[i].family, flows[i].proto, true);

		for (unsigned t = 0; t < (v4 ? sizeof(types4) : sizeof(types6)); t++)
			/* All of it, and the least that RFC 792 has routers quote. */
			for (uint32_t quoted = 400; quoted > 0; quoted = quoted == 400 ? 48 : 0) {
				uint32_t enough = v4 ? quoted - 20 : quoted;
				struct packet error =
					error_about(&there, v4 ? types4[t] : types6[t], enough);

				assert_int_equal(hash_of(&error, 0), hash_of(&back, 0));
				assert_int_equal(hash_of(&error, WB_FLOW_SYMMETRIC),
					hash_of(&there, WB_FLOW_SYMMETRIC));
			}
	}
}

/* An answer of a neighbour, an echo, or an error that quotes too little goes by its own addresses.
 */
static void test_not_an_error(void **state)
{
	struct packet there = flow_packet(4, IPPROTO_UDP, false), packet;

	(void)state;
	packet = error_about(&there, 8, 400);
	assert_int_equal(hash_of(&packet, 0), own_hash(&packet));
	packet = error_about(&there, 13, 400);
	assert_int_equal(hash_of(&packet, 0), own_hash(&packet));
	for (uint32_t quoted = 0; quoted < 20; quoted++) {
		packet = error_about(&there, 3, quoted);
		assert_int_equal(hash_of(&packet, 0), own_hash(&packet));
	}
	/* No ports, but addresses. */
	packet = error_about(&there, 3, 23);
	assert_int_not_equal(hash_of(&packet, 0), own_hash(&packet));
	/* A quote that is no IP packet. */
	packet = error_about(&there, 3, 400);
	packet.bytes[28] = 0x55;
	assert_int_equal(hash_of(&packet, 0), own_hash(&packet));
	packet.bytes[28] = 0x41;
	assert_int_equal(hash_of(&packet, 0), own_hash(&packet));
	there = flow_packet(6, IPPROTO_UDP, false);
	packet = error_about(&there, 135, 400);
	assert_int_equal(hash_of(&packet, 0), own_hash(&packet));
	/* ICMP of the other family is no ICMP. */
	packet = error_about(&there, 1, 400);
	packet.bytes[6] = IPPROTO_ICMP;
	assert_int_equal(hash_of(&packet, 0), own_hash(&packet));
	/* A piece of an error has no ICMP header to rely on. */
	there = flow_packet(4, IPPROTO_UDP, false);
	packet = error_about(&there, 3, 400);
	put16(packet.bytes + 6, 0x2000);
	assert_int_equal(hash_of(&packet, 0), own_hash(&packet));
}

/* An error about a fragment goes with the fragments. */
static void test_error_about_a_fragment(void **state)
{
	struct packet there = flow_packet(4, IPPROTO_UDP, false), error;

	(void)state;
	put16(there.bytes + 6, 0x2000);
	error = error_about(&there, 11, 28);
	put16(there.bytes + 6, 0x0010);
	assert_int_equal(hash_of(&error, WB_FLOW_SYMMETRIC), hash_of(&there, WB_FLOW_SYMMETRIC));
}

enum tunnel {
	VXLAN,
	VXLAN_VLAN,
	VXLAN_QINQ,
	GENEVE_ETHER,
	GENEVE_IP,
	GRE_IP,
	GRE_ETHER,
	GRE_ALL,
	IP_IN_IP,
	TUNNELS
};

static void push_ethernet(struct packet *packet, unsigned tags)
{
	unsigned family = packet->bytes[0] >> 4;
	uint8_t *frame = push(packet, 14 + 4 * tags);

	for (unsigned i = 0; i < tags; i++)
		put16(frame + 12 + 4 * i, i + 1 < tags ? 0x88a8 : 0x8100);
	put16(frame + 12 + 4 * tags, family == 4 ? 0x0800 : 0x86dd);
}

static void push_udp(struct packet *packet, uint16_t port, uint16_t sport)
{
	uint8_t *udp = push(packet, 8);

	put16(udp, sport);
	put16(udp + 2, port);
}

static void push_geneve(struct packet *packet, uint16_t protocol, uint8_t words)
{
	uint8_t *header = push(packet, 8 + 4u * words);

	header[0] = words;
	put16(header + 2, protocol);
}

/* `words` behind the header, for what the flags say is there. */
static void push_gre(struct packet *packet, uint16_t protocol, uint16_t flags, unsigned words)
{
	uint8_t *header = push(packet, 4 + 4 * words);

	put16(header, flags);
	put16(header + 2, protocol);
}

/* Puts a packet into a tunnel; gives the protocol its outer header has to name. */
static uint8_t push_tunnel(struct packet *packet, enum tunnel tunnel)
{
	uint16_t protocol = packet->bytes[0] >> 4 == 4 ? 0x0800 : 0x86dd;

	switch (tunnel) {
	case VXLAN:
	case VXLAN_VLAN:
	case VXLAN_QINQ:
		push_ethernet(packet, (unsigned)(tunnel - VXLAN));
		push(packet, 8)[0] = 0x08;
		push_udp(packet, 4789, 50000);
		return IPPROTO_UDP;
	case GENEVE_ETHER:
		push_ethernet(packet, 0);
		push_geneve(packet, 0x6558, 3);
		push_udp(packet, 6081, 50000);
		return IPPROTO_UDP;
	case GENEVE_IP:
		push_geneve(packet, protocol, 0);
		push_udp(packet, 6081, 50000);
		return IPPROTO_UDP;
	case GRE_IP:
		push_gre(packet, protocol, 0, 0);
		return IPPROTO_GRE;
	case GRE_ETHER:
		push_ethernet(packet, 1);
		push_gre(packet, 0x6558, 0x2000, 1);
		return IPPROTO_GRE;
	case GRE_ALL:
		push_gre(packet, protocol, 0xb000, 3);
		return IPPROTO_GRE;
	default:
		return protocol == 0x0800 ? IPPROTO_IPIP : IPPROTO_IPV6;
	}
}

static struct packet in_tunnel(struct packet packet, enum tunnel tunnel, unsigned outer, bool back)
{
	const uint8_t *a = outer == 4 ? outer_a4 : outer_a6, *b = outer == 4 ? outer_b4 : outer_b6;
	uint8_t proto = push_tunnel(&packet, tunnel);

	push_ip(&packet, outer, proto, back ? b : a, back ? a : b);
	return packet;
}

static void test_inner(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FLOWS; i++)
		for (unsigned tunnel = 0; tunnel < TUNNELS; tunnel++)
			for (unsigned outer = 4; outer <= 6; outer += 2) {
				struct packet there =
					flow_packet(flows[i].family, flows[i].proto, false);
				struct packet back =
					flow_packet(flows[i].family, flows[i].proto, true);
				struct packet out = in_tunnel(there, tunnel, outer, false);
				struct packet in = in_tunnel(back, tunnel, outer, true);
				unsigned both = WB_FLOW_INNER | WB_FLOW_SYMMETRIC;

				assert_int_equal(hash_of(&out, 0), own_hash(&out));
				assert_int_equal(hash_of(&out, WB_FLOW_INNER), hash_of(&there, 0));
				assert_int_equal(hash_of(&in, WB_FLOW_INNER), hash_of(&back, 0));
				assert_int_equal(hash_of(&out, both), hash_of(&in, both));
			}
}

/* An error about a tunnel's packet goes with the flow inside, if so much is quoted; an error inside
 * of a tunnel too. */
static void test_inner_errors(void **state)
{
	(void)state;
	for (unsigned tunnel = 0; tunnel < TUNNELS; tunnel++) {
		struct packet there = flow_packet(4, IPPROTO_TCP, false);
		struct packet back = flow_packet(4, IPPROTO_TCP, true);
		struct packet out = in_tunnel(there, tunnel, 4, false), error;
		struct wb_flow flow;

		error = error_about(&out, 3, out.len - 30);
		assert_int_equal(hash_of(&error, WB_FLOW_INNER), hash_of(&back, 0));
		error = error_about(&out, 3, 28);
		assert_int_equal(wb_flow_parse(out.bytes, out.len, &flow), 0);
		wb_flow_turn(&flow);
		if (tunnel != IP_IN_IP)
			assert_int_equal(hash_of(&error, WB_FLOW_INNER), wb_flow_hash(&flow));
		error = in_tunnel(error_about(&there, 3, 28), tunnel, 4, true);
		assert_int_equal(hash_of(&error, WB_FLOW_INNER), hash_of(&back, 0));
	}
}

/* What is no tunnel after all goes by its own header. */
static void test_not_a_tunnel(void **state)
{
	struct packet inner = flow_packet(4, IPPROTO_TCP, false), packet;
	static const struct {
		enum tunnel tunnel;
		uint32_t at;
		uint8_t value;
	} spoilt[] = {
		{VXLAN, 20 + 8, 0},		  /* no VNI */
		{VXLAN, 20 + 16 + 12, 0x07},	  /* no ethertype of ours */
		{VXLAN, 20 + 16 + 14, 0x55},	  /* not IP */
		{VXLAN_QINQ, 20 + 16 + 20, 0x81}, /* a third tag */
		{VXLAN, 20 + 3, 0x11},		  /* another port */
		{GENEVE_IP, 20 + 8, 0x40},	  /* another version */
		{GENEVE_IP, 20 + 8, 0x3f},	  /* options longer than the packet */
		{GENEVE_IP, 20 + 10, 0x07},	  /* another protocol */
		{GRE_IP, 20, 0x40},		  /* routing */
		{GRE_IP, 21, 0x01},		  /* PPTP's version */
		{GRE_IP, 22, 0x07},		  /* another protocol */
		{IP_IN_IP, 20, 0x55},		  /* not IP */
		{IP_IN_IP, 22, 0xff},		  /* longer than there is */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
		packet = in_tunnel(inner, spoilt[i].tunnel, 4, false);
		assert_int_not_equal(hash_of(&packet, WB_FLOW_INNER), own_hash(&packet));
		packet.bytes[spoilt[i].at] = spoilt[i].value;
		assert_int_equal(hash_of(&packet, WB_FLOW_INNER), own_hash(&packet));
	}
	/* Three VLAN tags. */
	packet = inner;
	push_ethernet(&packet, 3);
	push_gre(&packet, 0x6558, 0, 0);
	push_ip(&packet, 4, IPPROTO_GRE, outer_a4, outer_b4);
	assert_int_equal(hash_of(&packet, WB_FLOW_INNER), own_hash(&packet));
	/* A piece of a tunnel's packet. */
	packet = in_tunnel(inner, VXLAN, 4, false);
	put16(packet.bytes + 6, 0x2000);
	assert_int_equal(hash_of(&packet, WB_FLOW_INNER), own_hash(&packet));
}

/* Each tunnel's packet cut anywhere, with outer lengths that fit: never a byte read behind. */
static void test_cut_anywhere(void **state)
{
	(void)state;
	for (unsigned tunnel = 0; tunnel < TUNNELS; tunnel++) {
		struct packet whole =
			in_tunnel(flow_packet(6, IPPROTO_TCP, false), tunnel, 4, false);

		for (uint32_t len = 20; len < whole.len; len++) {
			struct packet cut = whole, error;

			cut.len = len;
			put16(cut.bytes + 2, len);
			assert_int_equal(hash_of(&cut, WB_FLOW_INNER), own_hash(&cut));
			/* Bytes behind the packet's end do not help. */
			cut.len = whole.len;
			assert_int_equal(hash_of(&cut, WB_FLOW_INNER), own_hash(&cut));
			error = error_about(&whole, 3, len);
			assert_int_not_equal(hash_of(&error, WB_FLOW_INNER), own_hash(&error));
		}
	}
}

/* Tunnels in tunnels in tunnels: looked into as far as WB_FLOW_MAX_DEPTH goes, and then no more. */
static void test_depth(void **state)
{
	struct packet packet = flow_packet(4, IPPROTO_TCP, false);
	uint32_t inner = own_hash(&packet);

	(void)state;
	for (unsigned depth = 1; depth < WB_FLOW_MAX_DEPTH; depth++) {
		packet = in_tunnel(packet, IP_IN_IP, 4, false);
		assert_int_equal(hash_of(&packet, WB_FLOW_INNER), inner);
	}
	packet = in_tunnel(packet, IP_IN_IP, 4, false);
	assert_int_not_equal(hash_of(&packet, WB_FLOW_INNER), inner);
}

static void test_malformed(void **state)
{
	struct packet packet = flow_packet(4, IPPROTO_TCP, false);
	struct wb_flow flow;

	(void)state;
	packet.bytes[0] = 0x44;
	assert_int_equal(wb_flow_follow(packet.bytes, packet.len, 0, &flow), -EINVAL);
	assert_int_equal(hash_of(&packet, 0), 0);
}

/* The short way to a plain packet's key is no other one: packets with a few bytes changed, cut and
 * whole, count to the same flow. */
static void test_short_way(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP};
	unsigned plain = 0;

	(void)state;
	srandom(1);
	for (unsigned i = 0; i < 200000; i++) {
		struct packet packet = {.len = 8 + (uint32_t)(random() % 16)};
		bool v4 = random() % 2 == 0;
		struct wb_flow flow;
		uint32_t len;

		for (unsigned at = 0; at < packet.len; at++)
			packet.bytes[at] = (uint8_t)random();
		push_ip(&packet, v4 ? 4 : 6, protocols[random() % 3], v4 ? a4 : a6, v4 ? b4 : b6);
		for (unsigned n = (unsigned)random() % 3; n > 0; n--)
			packet.bytes[random() % 44] ^= (uint8_t)(1 << random() % 8);
		len = random() % 4 == 0 ? (uint32_t)(random() % (packet.len + 1)) : packet.len;
		plain += len == packet.len;
		assert_int_equal(wb_flow_hash_packet(packet.bytes, len, 0),
			wb_flow_follow(packet.bytes, len, 0, &flow) == 0 ? wb_flow_hash(&flow) : 0);
	}
	assert_true(plain > 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_symmetric_keeps_flows_apart),
		cmocka_unit_test(test_errors_go_with_the_answers),
		cmocka_unit_test(test_not_an_error),
		cmocka_unit_test(test_error_about_a_fragment),
		cmocka_unit_test(test_inner),
		cmocka_unit_test(test_inner_errors),
		cmocka_unit_test(test_not_a_tunnel),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_short_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
