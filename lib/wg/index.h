/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The receiver index table: from the 32-bit index in a message to the keypair or handshake it
 * belongs to. The low bits of an index are its slot, the others random; to peers it is opaque. One
 * load and one compare a lookup, without locks.
 */
#ifndef WB_WG_INDEX_H
#define WB_WG_INDEX_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/** Opaque to this table but for its first member: the index, as uint32_t. */
struct wb_index_table {
	uint32_t mask;
	uint32_t used;
	_Atomic(uint32_t *) slots[];
};

/** Makes a table of 2^log2_slots slots, log2_slots ≤ 24. NULL when memory is out. */
struct wb_index_table *wb_index_create(unsigned log2_slots);

/** The entries are not freed. */
void wb_index_free(struct wb_index_table *table);

/**
 * Gives an entry an index: writes it into the entry's first member, then shows it to workers.
 * Control only.
 * @param random  32 random bits: they choose the slot and the upper bits.
 * @return the index, or 0 when three quarters of the slots are taken.
 */
uint32_t wb_index_insert(struct wb_index_table *table, void *entry, uint32_t random);

/** Puts another entry, whose first member is the index already, in the place of the one there.
 * Control only; the old one may be read until the workers were quiescent. */
void wb_index_replace(struct wb_index_table *table, uint32_t index, void *entry);

/** Takes an index away. Control only; see wb_index_replace(). */
void wb_index_remove(struct wb_index_table *table, uint32_t index);

/** The entry in the slot of an index, or NULL; it may have another index. Any thread. */
static inline void *wb_index_slot(const struct wb_index_table *table, uint32_t index)
{
	return atomic_load_explicit(
		(_Atomic(uint32_t *) *)(uintptr_t)&table->slots[index & table->mask],
		memory_order_acquire);
}

/** The entry with exactly this index, or NULL. Any thread; good until its next quiescent state. */
static inline void *wb_index_lookup(const struct wb_index_table *table, uint32_t index)
{
	uint32_t *entry = wb_index_slot(table, index);

	return entry != NULL && *entry == index ? entry : NULL;
}

#endif
