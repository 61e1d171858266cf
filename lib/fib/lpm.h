/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Inside lib/fib: longest-prefix match by a trie of 16 bits, then 8 bits a level, with every
 * route pushed down to the entries it decides. One control thread changes it, any number of
 * workers look up without locks.
 *
 * Why not rte_fib: that of DPDK 22.11 overwrites the whole table when routes meet at the end of
 * the address space (0.0.0.0/1, 128.0.0.0/1, then a default route), loses IPv6 second-level
 * tables with each removal until it refuses new routes, reuses tables without a grace period,
 * and takes 32 MB a family for the first route.
 */
#ifndef WB_FIB_LPM_H
#define WB_FIB_LPM_H

#include <stdint.h>

#include "base/addr.h"
#include "fib/nexthop.h"

#define WB_LPM_ROOT_BITS 16
#define WB_LPM_ROOT	 (1u << WB_LPM_ROOT_BITS) /**< entries of the root */
#define WB_LPM_BLOCK	 256u			  /**< entries of a block */
#define WB_LPM_CHILD	 0x80000000u

/** What workers read. An entry is a next-hop id, or WB_LPM_CHILD and the index of the first
 * entry of the block that decides by the next 8 bits. */
struct wb_lpm_table {
	uint32_t *entry; /**< the root, then blocks */
};

/** The control thread's side. Its first member is the table. */
struct wb_lpm;

/**
 * Makes an empty trie: every address reads as id 0. Memory is reserved for `max_routes` of the
 * worst kind, as far as entries reach, but touched only as routes need it.
 * @param family AF_INET or AF_INET6.
 * @return 0 or -ENOMEM.
 */
int wb_lpm_create(uint16_t family, uint32_t max_routes, wb_retire_fn retire, void *retire_arg,
	struct wb_lpm **out);

/** Workers have stopped. Blocks still on their way through `retire` may follow later. */
void wb_lpm_destroy(struct wb_lpm *lpm);

/** Makes the masked prefix lead to `id`, whether it is new or not. Returns 0, or -ENOSPC with
 * nothing changed: too many blocks are waiting for their grace period, or all are in use. */
int wb_lpm_set(struct wb_lpm *lpm, const struct wb_prefix *prefix, uint16_t id);

/** Removes a prefix that was set. `parent_len` and `parent_id` are those of the longest prefix
 * that contains it, 0 and 0 if there is none. */
void wb_lpm_del(
	struct wb_lpm *lpm, const struct wb_prefix *prefix, uint8_t parent_len, uint16_t parent_id);

/** Blocks in use, those waiting for their grace period too. */
uint32_t wb_lpm_blocks(const struct wb_lpm *lpm);

static inline uint32_t wb_lpm_load(const struct wb_lpm_table *table, uint32_t index)
{
	/* Orders a block's entries behind the pointer to it; costs nothing on x86. */
	return __atomic_load_n(&table->entry[index], __ATOMIC_ACQUIRE);
}

/** The index of an entry in the block that an entry leads to. */
static inline uint32_t wb_lpm_below(uint32_t entry, uint32_t byte)
{
	return (entry & ~WB_LPM_CHILD) + byte;
}

/** Any thread. `ips` in host byte order; the trie is AF_INET's. Each level is asked for, for all
 * addresses, before it is looked into. */
static inline void wb_lpm_lookup4_bulk(
	const struct wb_lpm_table *table, const uint32_t *ips, uint64_t *found, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		found[i] = wb_lpm_load(table, ips[i] >> 16);
		if (found[i] & WB_LPM_CHILD)
			__builtin_prefetch(&table->entry[wb_lpm_below(
				(uint32_t)found[i], ips[i] >> 8 & 0xff)]);
	}
	for (unsigned i = 0; i < n; i++) {
		if (!(found[i] & WB_LPM_CHILD))
			continue;
		found[i] = wb_lpm_load(table, wb_lpm_below((uint32_t)found[i], ips[i] >> 8 & 0xff));
		if (found[i] & WB_LPM_CHILD)
			__builtin_prefetch(
				&table->entry[wb_lpm_below((uint32_t)found[i], ips[i] & 0xff)]);
	}
	for (unsigned i = 0; i < n; i++)
		if (found[i] & WB_LPM_CHILD)
			found[i] =
				wb_lpm_load(table, wb_lpm_below((uint32_t)found[i], ips[i] & 0xff));
}

/** Any thread. 16 bytes in network order; the trie is AF_INET6's. */
static inline uint32_t wb_lpm_lookup6(const struct wb_lpm_table *table, const uint8_t *ip)
{
	uint32_t entry = wb_lpm_load(table, (uint32_t)ip[0] << 8 | ip[1]);

	/* The last level has no children, so this ends within the address. */
	for (unsigned at = 2; entry & WB_LPM_CHILD; at++)
		entry = wb_lpm_load(table, wb_lpm_below(entry, ip[at]));
	return entry;
}

#endif
