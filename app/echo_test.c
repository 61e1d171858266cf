/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <rte_ip.h>

#include "echo.h"

#define COOKIE UINT64_C(0x0123456789abcdef)

static const struct echo probe = {.cookie = COOKIE, .sequence = 0xfffe, .tunnel = 63};

static struct wb_addr addr(const char *text)
{
	struct wb_addr out;

	assert_int_equal(wb_addr_parse(text, &out), 0);
	return out;
}

static void request4(void **state)
{
	struct wb_addr from = addr("10.99.0.1"), to = addr("10.99.0.2");
	uint8_t l3[ECHO_LEN_MAX];
	uint16_t length = echo_request_make(l3, &from, &to, &probe);
	struct rte_ipv4_hdr *ip = (void *)l3;
	struct echo echo;

	(void)state;
	assert_int_equal(length, 44);
	assert_int_equal(rte_be_to_cpu_16(ip->total_length), 44);
	assert_int_equal(rte_raw_cksum(l3, 20), 0xffff);
	assert_int_equal(rte_raw_cksum(l3 + 20, 24), 0xffff);
	assert_int_equal(ip->dst_addr, to.v4);
	assert_int_equal(l3[20], 8);
	/* A request is no reply; the same bytes as one are. */
	assert_false(echo_reply_parse(l3, length, COOKIE, &echo));
	l3[20] = 0;
	assert_true(echo_reply_parse(l3, length, COOKIE, &echo));
	assert_int_equal(echo.sequence, 0xfffe);
	assert_int_equal(echo.tunnel, 63);
	assert_false(echo_reply_parse(l3, length, COOKIE + 1, &echo));
	for (uint32_t shorter = 20; shorter < length; shorter++)
		assert_false(echo_reply_parse(l3, shorter, COOKIE, &echo));
	/* A fragment begins with anything. */
	ip->fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG);
	assert_false(echo_reply_parse(l3, length, COOKIE, &echo));
	ip->fragment_offset = 0;
	l3[24] ^= 1;
	assert_false(echo_reply_parse(l3, length, COOKIE, &echo));
}

static void reply_behind_options(void **state)
{
	struct wb_addr from = addr("10.99.0.1"), to = addr("10.99.0.2");
	uint8_t l3[ECHO_LEN_MAX + 8] = {0};
	uint16_t length = echo_request_make(l3, &from, &to, &probe);
	struct echo echo;

	(void)state;
	memmove(l3 + 28, l3 + 20, length - 20u);
	l3[0] = 0x47;
	l3[28] = 0;
	assert_true(echo_reply_parse(l3, length + 8u, COOKIE, &echo));
	assert_int_equal(echo.tunnel, 63);
	assert_false(echo_reply_parse(l3, length + 7u, COOKIE, &echo));
}

static void request6(void **state)
{
	struct wb_addr from = addr("fd99::1"), to = addr("fd99::2");
	uint8_t l3[ECHO_LEN_MAX];
	uint16_t length = echo_request_make(l3, &from, &to, &probe);
	struct echo echo;

	(void)state;
	assert_int_equal(length, ECHO_LEN_MAX);
	/* Nothing is left over a message with its checksum in place (RFC 1071). */
	assert_int_equal(rte_ipv6_udptcp_cksum((void *)l3, l3 + 40), 0);
	assert_memory_equal(l3 + 24, to.bytes, 16);
	assert_false(echo_reply_parse(l3, length, COOKIE, &echo));
	l3[40] = 129;
	assert_true(echo_reply_parse(l3, length, COOKIE, &echo));
	assert_int_equal(echo.sequence, 0xfffe);
	for (uint32_t shorter = 40; shorter < length; shorter++)
		assert_false(echo_reply_parse(l3, shorter, COOKIE, &echo));
	l3[6] = IPPROTO_UDP;
	assert_false(echo_reply_parse(l3, length, COOKIE, &echo));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request4),
		cmocka_unit_test(reply_behind_options),
		cmocka_unit_test(request6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
