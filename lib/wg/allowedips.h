/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Allowed IPs: longest-prefix match from an address to a peer's id (paper, section 2).
 *
 * Control keeps a table of prefixes and builds from it an immutable snapshot that workers look
 * addresses up in, without locks. The snapshot is a trie of 6 bits a level: a node tells by one
 * 64-bit map which of its 64 slots lead on, by another where the answer changes from one slot to
 * the next, so that a node takes 24 bytes however full it is.
 */
#ifndef WB_WG_ALLOWEDIPS_H
#define WB_WG_ALLOWEDIPS_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"
#include "base/err.h"

#define WB_ALLOWEDIPS_STRIDE 6

struct wb_allowedips_node {
	uint64_t children; /**< slots that lead to another node */
	uint64_t changes;  /**< slots whose answer differs from the last one that is not a child */
	uint32_t first_child;
	uint32_t first_answer;
};

/** A snapshot: where each lookup begins, on one cache line. */
struct wb_allowedips {
	struct wb_allowedips_node root4;
	struct wb_allowedips_node root6;
	const struct wb_allowedips_node *nodes;
	const uint32_t *answers;
} __attribute__((aligned(64)));

/** The most addresses of a bulk lookup. */
#define WB_ALLOWEDIPS_BULK 64

/** An address to look up, by wb_allowedips_query4() or -6(), and whose it is. */
struct wb_allowedips_query {
	const struct wb_allowedips *allowed;
	const struct wb_allowedips_node *node;
	uint64_t high, low;
	const uint32_t *answer;
	uint32_t peer_id; /**< 0: nobody's */
};

/** Control's table. */
struct wb_allowedips_table;

struct wb_allowedips_table *wb_allowedips_table_create(void);
void wb_allowedips_table_free(struct wb_allowedips_table *table);

/** Gives a prefix (host bits are ignored) to a peer id; whoever had exactly this prefix loses it.
 * Returns 0, or -ENOMEM. */
int wb_allowedips_table_set(
	struct wb_allowedips_table *table, const struct wb_prefix *prefix, uint32_t peer_id);

/** Takes exactly this prefix from a peer. Returns false if it was not this peer's. */
bool wb_allowedips_table_unset(
	struct wb_allowedips_table *table, const struct wb_prefix *prefix, uint32_t peer_id);

/** Takes all prefixes of a peer away. */
void wb_allowedips_table_remove(struct wb_allowedips_table *table, uint32_t peer_id);

/** Calls fn for every prefix, IPv4 first, in the order of addresses. */
void wb_allowedips_table_foreach(const struct wb_allowedips_table *table,
	void (*fn)(void *arg, const struct wb_prefix *prefix, uint32_t peer_id), void *arg);

/** Calls fn for every prefix of a peer, in the order they were given. fn changes nothing. */
void wb_allowedips_table_of_peer(const struct wb_allowedips_table *table, uint32_t peer_id,
	void (*fn)(void *arg, const struct wb_prefix *prefix), void *arg);

/** Builds a snapshot. NULL when memory is out. */
struct wb_allowedips *wb_allowedips_table_build(
	const struct wb_allowedips_table *table, struct wb_err *err);

void wb_allowedips_free(struct wb_allowedips *allowed);

/** Six bits of a 128-bit address, from bit `depth` on; what is behind the end reads as 0. */
static inline unsigned wb_allowedips_slot(uint64_t high, uint64_t low, unsigned depth)
{
	if (depth + WB_ALLOWEDIPS_STRIDE <= 64)
		return (unsigned)(high >> (58 - depth)) & 63;
	if (depth < 64)
		return (unsigned)((high << (depth - 58)) | (low >> (122 - depth))) & 63;
	if (depth + WB_ALLOWEDIPS_STRIDE <= 128)
		return (unsigned)(low >> (122 - depth)) & 63;
	return (unsigned)(low << (depth - 122)) & 63;
}

/** Where a node has the answer of a slot, or the slot's child. */
static inline const uint32_t *wb_allowedips_answer(
	const struct wb_allowedips *allowed, const struct wb_allowedips_node *node, uint64_t bit)
{
	return &allowed->answers[node->first_answer +
		(unsigned)__builtin_popcountll(node->changes & (bit | (bit - 1))) - 1];
}

static inline const struct wb_allowedips_node *wb_allowedips_child(
	const struct wb_allowedips *allowed, const struct wb_allowedips_node *node, uint64_t bit)
{
	return &allowed->nodes[node->first_child +
		(unsigned)__builtin_popcountll(node->children & (bit - 1))];
}

static inline uint32_t wb_allowedips_walk(const struct wb_allowedips *allowed,
	const struct wb_allowedips_node *node, uint64_t high, uint64_t low)
{
	for (unsigned depth = 0;; depth += WB_ALLOWEDIPS_STRIDE) {
		uint64_t bit = UINT64_C(1) << wb_allowedips_slot(high, low, depth);

		if ((node->children & bit) == 0)
			return *wb_allowedips_answer(allowed, node, bit);
		node = wb_allowedips_child(allowed, node, bit);
	}
}

/** The peer id of an IPv4 address in network byte order; 0: nobody's. */
static inline uint32_t wb_allowedips_lookup4(const struct wb_allowedips *allowed, uint32_t be)
{
	return wb_allowedips_walk(allowed, &allowed->root4, (uint64_t)be32toh(be) << 32, 0);
}

/** The peer id of an IPv6 address; 0: nobody's. */
static inline uint32_t wb_allowedips_lookup6(
	const struct wb_allowedips *allowed, const uint8_t address[16])
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	return wb_allowedips_walk(allowed, &allowed->root6, be64toh(words[0]), be64toh(words[1]));
}

/** Prepares a bulk lookup of an IPv4 address in network byte order; asks for memory only. */
static inline void wb_allowedips_query4(
	struct wb_allowedips_query *query, const struct wb_allowedips *allowed, uint32_t be)
{
	query->allowed = allowed;
	query->node = &allowed->root4;
	query->high = (uint64_t)be32toh(be) << 32;
	query->low = 0;
	__builtin_prefetch(allowed);
}

/** The same for an IPv6 address. */
static inline void wb_allowedips_query6(struct wb_allowedips_query *query,
	const struct wb_allowedips *allowed, const uint8_t address[16])
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	query->allowed = allowed;
	query->node = &allowed->root6;
	query->high = be64toh(words[0]);
	query->low = be64toh(words[1]);
	__builtin_prefetch(allowed);
}

/** Looks up n ≤ WB_ALLOWEDIPS_BULK addresses side by side, of any snapshots, so that they wait for
 * memory together. Any thread. */
void wb_allowedips_lookup_bulk(struct wb_allowedips_query *queries, unsigned n);

#endif
