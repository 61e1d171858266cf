/* SPDX-License-Identifier: BSD-3-Clause */
#include "wg/index.h"

#include <stdlib.h>

struct wb_index_table *wb_index_create(unsigned log2_slots)
{
	size_t slots = (size_t)1 << log2_slots;
	struct wb_index_table *table;

	if (log2_slots > 24)
		return NULL;
	table = calloc(1, sizeof(*table) + slots * sizeof(table->slots[0]));
	if (table != NULL)
		table->mask = (uint32_t)(slots - 1);
	return table;
}

void wb_index_free(struct wb_index_table *table)
{
	free(table);
}

uint32_t wb_index_insert(struct wb_index_table *table, void *entry, uint32_t random)
{
	uint32_t index = random;

	/* A quarter stays free, so that a few steps find a free slot. */
	if (table->used >= table->mask - table->mask / 4)
		return 0;
	/* Slot 0 is left alone: index 0 says "none". */
	while ((index & table->mask) == 0 ||
		atomic_load_explicit(&table->slots[index & table->mask], memory_order_relaxed) !=
			NULL)
		index = (index & ~table->mask) | ((index + 1) & table->mask);
	*(uint32_t *)entry = index;
	table->used++;
	atomic_store_explicit(&table->slots[index & table->mask], entry, memory_order_release);
	return index;
}

void wb_index_replace(struct wb_index_table *table, uint32_t index, void *entry)
{
	if (wb_index_lookup(table, index) != NULL)
		atomic_store_explicit(
			&table->slots[index & table->mask], entry, memory_order_release);
}

void wb_index_remove(struct wb_index_table *table, uint32_t index)
{
	if (wb_index_lookup(table, index) == NULL)
		return;
	table->used--;
	atomic_store_explicit(&table->slots[index & table->mask], NULL, memory_order_release);
}
