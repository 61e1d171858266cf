/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "wg/index.h"

struct entry {
	uint32_t index;
	uint32_t check; /* ~index while it is in the table */
};

static void finds_what_was_inserted(void **state)
{
	struct wb_index_table *table = wb_index_create(8);
	struct entry entries[180];

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 180; i++)
		assert_int_not_equal(wb_index_insert(table, &entries[i], (uint32_t)rand()), 0);
	for (unsigned i = 0; i < 180; i++) {
		assert_ptr_equal(wb_index_lookup(table, entries[i].index), &entries[i]);
		/* The same slot under other upper bits is nobody's. */
		assert_null(wb_index_lookup(table, entries[i].index ^ 0x80000000u));
	}
	for (unsigned i = 0; i < 180; i++) {
		wb_index_remove(table, entries[i].index);
		assert_null(wb_index_lookup(table, entries[i].index));
	}
	assert_int_equal(table->used, 0);
	wb_index_free(table);
}

static void is_full_at_three_quarters(void **state)
{
	struct wb_index_table *table = wb_index_create(4);
	struct entry entries[16];
	unsigned n = 0;

	(void)state;
	while (n < 16 && wb_index_insert(table, &entries[n], 0xabcd0000) != 0)
		n++;
	assert_int_equal(n, 12);
	wb_index_remove(table, entries[3].index);
	assert_int_not_equal(wb_index_insert(table, &entries[3], 0), 0);
	wb_index_free(table);
}

static void never_hands_out_zero(void **state)
{
	struct wb_index_table *table = wb_index_create(4);
	struct entry entry;

	(void)state;
	assert_int_not_equal(wb_index_insert(table, &entry, 0), 0);
	assert_null(wb_index_lookup(table, 0));
	wb_index_free(table);
}

static void replaces_in_place(void **state)
{
	struct wb_index_table *table = wb_index_create(4);
	struct entry handshake, keypair;

	(void)state;
	keypair.index = wb_index_insert(table, &handshake, 0x12345678);
	wb_index_replace(table, keypair.index, &keypair);
	assert_ptr_equal(wb_index_lookup(table, keypair.index), &keypair);
	assert_int_equal(table->used, 1);
	wb_index_remove(table, keypair.index + 16); /* another one's index: nothing happens */
	assert_ptr_equal(wb_index_lookup(table, keypair.index), &keypair);
	wb_index_free(table);
}

/* A reader never gets an entry that is not of the index it asked for. */
#define ROUNDS 300000

static struct wb_index_table *shared;
static atomic_uint wanted;
static atomic_bool done;

static void *reader(void *arg)
{
	unsigned *wrong = arg;

	while (!atomic_load(&done)) {
		uint32_t index = atomic_load(&wanted);
		struct entry *entry = wb_index_lookup(shared, index);

		if (entry != NULL && entry->check != ~index)
			++*wrong;
	}
	return NULL;
}

static void torture(void **state)
{
	struct entry *pool = calloc(ROUNDS, sizeof(*pool));
	unsigned wrong = 0;
	pthread_t thread;

	(void)state;
	shared = wb_index_create(4);
	assert_int_equal(pthread_create(&thread, NULL, reader, &wrong), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		/* No entry comes back: that is what the grace period is for. */
		struct entry *entry = &pool[i];
		uint32_t random = (uint32_t)rand() << 4 | 5, index = random;

		entry->check = ~index;
		assert_int_equal(wb_index_insert(shared, entry, random), index);
		atomic_store(&wanted, index);
		wb_index_remove(shared, index);
	}
	atomic_store(&done, true);
	pthread_join(thread, NULL);
	assert_int_equal(wrong, 0);
	wb_index_free(shared);
	free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_inserted),
		cmocka_unit_test(is_full_at_three_quarters),
		cmocka_unit_test(never_hands_out_zero),
		cmocka_unit_test(replaces_in_place),
		cmocka_unit_test(torture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
