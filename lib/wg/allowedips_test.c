/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "wg/allowedips.h"

static struct wb_allowedips_table *table;
static struct wb_allowedips *allowed;

static int setup(void **state)
{
	(void)state;
	table = wb_allowedips_table_create();
	allowed = NULL;
	return table == NULL;
}

static int teardown(void **state)
{
	(void)state;
	wb_allowedips_table_free(table);
	wb_allowedips_free(allowed);
	return 0;
}

static void set(const char *text, uint32_t peer_id)
{
	struct wb_prefix prefix;

	assert_int_equal(wb_prefix_parse(text, &prefix), 0);
	assert_int_equal(wb_allowedips_table_set(table, &prefix, peer_id), 0);
}

static void build(void)
{
	wb_allowedips_free(allowed);
	allowed = wb_allowedips_table_build(table, NULL);
	assert_non_null(allowed);
}

static uint32_t who_addr(const struct wb_addr *addr)
{
	return addr->family == AF_INET ? wb_allowedips_lookup4(allowed, addr->v4)
				       : wb_allowedips_lookup6(allowed, addr->bytes);
}

static uint32_t who(const char *text)
{
	struct wb_addr addr;

	assert_int_equal(wb_addr_parse(text, &addr), 0);
	return who_addr(&addr);
}

static void empty_is_nobodys(void **state)
{
	(void)state;
	build();
	assert_int_equal(who("0.0.0.0"), 0);
	assert_int_equal(who("255.255.255.255"), 0);
	assert_int_equal(who("2001:db8::1"), 0);
}

static void longest_prefix_wins(void **state)
{
	(void)state;
	set("0.0.0.0/0", 1);
	set("10.0.0.0/8", 2);
	set("10.1.0.0/16", 3);
	set("10.1.2.0/24", 4);
	set("10.1.2.3/32", 5);
	set("10.1.2.4/31", 6);
	set("::/0", 7);
	set("2001:db8::/32", 8);
	set("2001:db8:0:1::/64", 9);
	set("2001:db8:0:1::1/128", 10);
	set("2001:db8:0:1::2/127", 11);
	build();
	assert_int_equal(who("9.255.255.255"), 1);
	assert_int_equal(who("11.0.0.0"), 1);
	assert_int_equal(who("10.0.0.0"), 2);
	assert_int_equal(who("10.255.255.255"), 2);
	assert_int_equal(who("10.1.255.1"), 3);
	assert_int_equal(who("10.1.2.2"), 4);
	assert_int_equal(who("10.1.2.3"), 5);
	assert_int_equal(who("10.1.2.4"), 6);
	assert_int_equal(who("10.1.2.5"), 6);
	assert_int_equal(who("10.1.2.6"), 4);
	assert_int_equal(who("2001:db7::"), 7);
	assert_int_equal(who("2001:db8:1::"), 8);
	assert_int_equal(who("2001:db8:0:1::"), 9);
	assert_int_equal(who("2001:db8:0:1::1"), 10);
	assert_int_equal(who("2001:db8:0:1::3"), 11);
	assert_int_equal(who("2001:db8:0:1::4"), 9);
}

static void last_writer_wins_and_gives_back(void **state)
{
	(void)state;
	set("10.0.0.0/8", 1);
	set("10.9.9.9/8", 2); /* host bits do not count: the same prefix */
	set("10.1.0.0/16", 1);
	build();
	assert_int_equal(who("10.2.0.0"), 2);
	assert_int_equal(who("10.1.0.0"), 1);
	wb_allowedips_table_remove(table, 1);
	build();
	assert_int_equal(who("10.1.0.0"), 2);
	wb_allowedips_table_remove(table, 2);
	build();
	assert_int_equal(who("10.1.0.0"), 0);
}

#define RANDOM_PREFIXES 3000

/* Some of them side by side, as many as there is room for, or fewer. */
static void bulk_check(const struct wb_addr *addrs, const uint32_t *expected, unsigned n)
{
	struct wb_allowedips_query queries[WB_ALLOWEDIPS_BULK];

	for (unsigned i = 0; i < n; i++)
		if (addrs[i].family == AF_INET)
			wb_allowedips_query4(&queries[i], allowed, addrs[i].v4);
		else
			wb_allowedips_query6(&queries[i], allowed, addrs[i].bytes);
	wb_allowedips_lookup_bulk(queries, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(queries[i].peer_id, expected[i]);
}

/* Packets of several tunnels are looked up together. */
static void same_address_in_two_tables(void **state)
{
	struct wb_allowedips_table *other = wb_allowedips_table_create();
	struct wb_allowedips_query queries[4];
	struct wb_allowedips *theirs;
	uint32_t address = htobe32(0x0a000001);

	(void)state;
	set("10.0.0.0/8", 1);
	build();
	theirs = wb_allowedips_table_build(other, NULL);
	for (unsigned i = 0; i < 4; i++)
		wb_allowedips_query4(&queries[i], i % 3 == 0 ? allowed : theirs, address);
	wb_allowedips_lookup_bulk(queries, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(queries[i].peer_id, i % 3 == 0 ? 1 : 0);
	wb_allowedips_free(theirs);
	wb_allowedips_table_free(other);
}

static void random_against_a_list(void **state)
{
	static struct wb_prefix prefixes[RANDOM_PREFIXES];
	static struct wb_addr asked[WB_ALLOWEDIPS_BULK];
	static uint32_t answers[WB_ALLOWEDIPS_BULK];
	bool ipv6 = *(bool *)*state;
	unsigned waiting = 0;

	setup(NULL);
	srand(3);
	for (unsigned i = 0; i < RANDOM_PREFIXES; i++) {
		struct wb_addr addr = {.family = ipv6 ? AF_INET6 : AF_INET};

		/* Near each other, so that they nest. */
		for (unsigned j = 0; j < (ipv6 ? 16 : 4); j++)
			addr.bytes[j] = (uint8_t)(rand() % 3 == 0 ? rand() : rand() % 2);
		prefixes[i].addr = addr;
		prefixes[i].len = (uint8_t)(rand() % (ipv6 ? 129 : 33));
		wb_prefix_mask(&prefixes[i]);
		assert_int_equal(wb_allowedips_table_set(table, &prefixes[i], i + 1), 0);
	}
	build();
	for (unsigned n = 0; n < 20000; n++) {
		struct wb_addr addr = prefixes[rand() % RANDOM_PREFIXES].addr;
		int best = -1;
		uint32_t expected = 0;

		addr.bytes[rand() % (ipv6 ? 16 : 4)] ^= (uint8_t)(1 << rand() % 8);
		for (unsigned i = 0; i < RANDOM_PREFIXES; i++)
			if (prefixes[i].len >= best && wb_prefix_contains(&prefixes[i], &addr)) {
				best = prefixes[i].len;
				expected = i + 1;
			}
		assert_int_equal(who_addr(&addr), expected);
		/* In trains, as packets of a flow come. */
		for (int train = 1 + rand() % 3; train > 0; train--) {
			asked[waiting] = addr;
			answers[waiting++] = expected;
			if (waiting == 1 + n % WB_ALLOWEDIPS_BULK) {
				bulk_check(asked, answers, waiting);
				waiting = 0;
			} else if (waiting == WB_ALLOWEDIPS_BULK) {
				waiting = 0;
			}
		}
	}
	teardown(NULL);
}

int main(void)
{
	static bool no = false, yes = true;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(empty_is_nobodys, setup, teardown),
		cmocka_unit_test_setup_teardown(longest_prefix_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(last_writer_wins_and_gives_back, setup, teardown),
		cmocka_unit_test_setup_teardown(same_address_in_two_tables, setup, teardown),
		cmocka_unit_test_prestate(random_against_a_list, &no),
		cmocka_unit_test_prestate(random_against_a_list, &yes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
