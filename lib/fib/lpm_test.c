/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fib/lpm.h"

static void *held[64];
static void (*held_free)(void *);
static unsigned n_held;

static void hold(void *arg, void *ptr, void (*free_fn)(void *))
{
	assert_null(arg);
	assert_true(n_held < 64);
	held[n_held++] = ptr;
	held_free = free_fn;
}

static void end_grace(void)
{
	while (n_held > 0)
		held_free(held[--n_held]);
}

static struct wb_prefix prefix(const char *text)
{
	struct wb_prefix out;

	assert_int_equal(wb_prefix_parse(text, &out), 0);
	return out;
}

static uint32_t lookup4(const struct wb_lpm_table *table, uint32_t ip)
{
	uint64_t found;

	wb_lpm_lookup4_bulk(table, &ip, &found, 1);
	return (uint32_t)found;
}

/* A worker that loaded the pointer to a block before it went finds its entries as they were when
 * it went, whatever is added since, until the grace period has passed. */
static void test_block_rests_for_a_grace_period(void **state)
{
	struct wb_prefix old = prefix("10.0.0.1"), new = prefix("11.0.0.1");
	const struct wb_lpm_table *table;
	uint32_t stale_block;
	struct wb_lpm *lpm;

	(void)state;
	assert_int_equal(wb_lpm_create(AF_INET, 8, hold, NULL, &lpm), 0);
	table = (const struct wb_lpm_table *)lpm;
	assert_int_equal(wb_lpm_set(lpm, &old, 5), 0);
	assert_int_equal(lookup4(table, 0x0a000001), 5);
	assert_int_equal(wb_lpm_blocks(lpm), 2);
	stale_block = wb_lpm_load(table, 0x0a00) & ~WB_LPM_CHILD;
	stale_block = wb_lpm_load(table, stale_block) & ~WB_LPM_CHILD;

	wb_lpm_del(lpm, &old, 0, 0);
	assert_int_equal(n_held, 2);
	assert_int_equal(wb_lpm_set(lpm, &new, 6), 0);
	assert_int_equal(lookup4(table, 0x0a000001), 0);
	assert_int_equal(lookup4(table, 0x0b000001), 6);
	assert_int_equal(wb_lpm_load(table, stale_block + 1), 0);
	assert_int_equal(wb_lpm_blocks(lpm), 4);

	end_grace();
	assert_int_equal(wb_lpm_blocks(lpm), 2);
	assert_int_equal(wb_lpm_set(lpm, &old, 7), 0);
	assert_int_equal(wb_lpm_blocks(lpm), 4);
	assert_int_equal(lookup4(table, 0x0a000001), 7);
	assert_int_equal(lookup4(table, 0x0b000001), 6);
	wb_lpm_destroy(lpm);
}

/* Where no grace period ends, blocks run out: that is said, and nothing is changed. */
static void test_blocks_run_out(void **state)
{
	struct wb_prefix p = prefix("2001:db8::1");
	const struct wb_lpm_table *table;
	struct wb_lpm *lpm;
	unsigned fitted = 0;

	(void)state;
	assert_int_equal(wb_lpm_create(AF_INET6, 1, NULL, NULL, &lpm), 0);
	table = (const struct wb_lpm_table *)lpm;
	for (; fitted < 10000; fitted++) {
		p.addr.bytes[0] = (uint8_t)(fitted >> 8);
		p.addr.bytes[1] = (uint8_t)fitted;
		if (wb_lpm_set(lpm, &p, 9) != 0)
			break;
	}
	assert_in_range(fitted, 1024 / 14, 9999);
	assert_int_equal(wb_lpm_lookup6(table, p.addr.bytes), 0);
	assert_int_equal(wb_lpm_blocks(lpm), fitted * 14);
	p.addr.bytes[1]--;
	assert_int_equal(wb_lpm_lookup6(table, p.addr.bytes), 9);
	wb_lpm_del(lpm, &p, 0, 0);
	p.addr.bytes[1]++;
	assert_int_equal(wb_lpm_set(lpm, &p, 9), 0);
	wb_lpm_destroy(lpm);
}

/* The trie may go before its last grace period ends: the sanitizers watch this one. */
static void test_destroyed_before_release(void **state)
{
	struct wb_prefix p = prefix("2001:db8::1");
	struct wb_lpm *lpm;

	(void)state;
	assert_int_equal(wb_lpm_create(AF_INET6, 1, hold, NULL, &lpm), 0);
	assert_int_equal(wb_lpm_set(lpm, &p, 9), 0);
	wb_lpm_del(lpm, &p, 0, 0);
	assert_int_equal(n_held, 14);
	wb_lpm_destroy(lpm);
	end_grace();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_block_rests_for_a_grace_period),
		cmocka_unit_test(test_blocks_run_out),
		cmocka_unit_test(test_destroyed_before_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
