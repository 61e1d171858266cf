/* SPDX-License-Identifier: BSD-3-Clause */
#include "fib/lpm.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Blocks that may wait for a grace period while all routes there can be are in the trie. */
#define SLACK_BLOCKS 1024

/* What an entry's 31 bits of index reach. */
#define MAX_BLOCKS ((WB_LPM_CHILD - WB_LPM_ROOT) / WB_LPM_BLOCK)

/* A block as control sees it: free, in use, or retired. */
struct block {
	struct wb_lpm *lpm;
	uint32_t next_free; /* block number + 1, 0 ends the list */
};

struct wb_lpm {
	struct wb_lpm_table table; /* first: workers know nothing else */
	/* Of each entry that is no child: the length of the prefix it was pushed down from. */
	uint8_t *len;
	struct block *blocks;
	uint32_t n_blocks;
	uint32_t untouched; /* blocks from here on were never used */
	uint32_t free_list; /* block number + 1 */
	uint32_t in_use;
	uint32_t retiring;
	bool destroyed;
	wb_retire_fn retire;
	void *retire_arg;
};

/* --- memory --- */

static size_t entries(const struct wb_lpm *lpm)
{
	return WB_LPM_ROOT + (size_t)lpm->n_blocks * WB_LPM_BLOCK;
}

/* Zero pages that cost nothing until they are touched; large ones where the kernel has some. */
static void *reserve(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	madvise(mem, size, MADV_HUGEPAGE);
	return mem;
}

static void release(void *mem, size_t size)
{
	if (mem)
		munmap(mem, size);
}

static void free_all(struct wb_lpm *lpm)
{
	release(lpm->table.entry, entries(lpm) * sizeof(uint32_t));
	release(lpm->len, entries(lpm));
	release(lpm->blocks, lpm->n_blocks * sizeof(struct block));
	free(lpm);
}

int wb_lpm_create(uint16_t family, uint32_t max_routes, wb_retire_fn retire, void *retire_arg,
	struct wb_lpm **out)
{
	struct wb_lpm *lpm = calloc(1, sizeof(*lpm));
	uint32_t levels = ((family == AF_INET ? 32 : 128) - WB_LPM_ROOT_BITS) / 8;

	if (!lpm)
		return -ENOMEM;
	lpm->retire = retire;
	lpm->retire_arg = retire_arg;
	/* Routes of the worst kind share none of their blocks; millions of IPv6 ones always do. */
	lpm->n_blocks = max_routes < (MAX_BLOCKS - SLACK_BLOCKS) / levels
		? max_routes * levels + SLACK_BLOCKS
		: MAX_BLOCKS;
	lpm->table.entry = reserve(entries(lpm) * sizeof(uint32_t));
	lpm->len = reserve(entries(lpm));
	lpm->blocks = reserve(lpm->n_blocks * sizeof(struct block));
	if (!lpm->table.entry || !lpm->len || !lpm->blocks) {
		free_all(lpm);
		return -ENOMEM;
	}
	*out = lpm;
	return 0;
}

void wb_lpm_destroy(struct wb_lpm *lpm)
{
	if (!lpm)
		return;
	lpm->destroyed = true;
	if (lpm->retiring == 0)
		free_all(lpm);
}

uint32_t wb_lpm_blocks(const struct wb_lpm *lpm)
{
	return lpm->in_use;
}

static uint32_t first_entry(uint32_t block)
{
	return WB_LPM_ROOT + block * WB_LPM_BLOCK;
}

static uint32_t block_of(uint32_t index)
{
	return (index - WB_LPM_ROOT) / WB_LPM_BLOCK;
}

/* The caller has seen that there is one. Returns the index of its first entry. */
static uint32_t take_block(struct wb_lpm *lpm)
{
	uint32_t block;

	if (lpm->free_list) {
		block = lpm->free_list - 1;
		lpm->free_list = lpm->blocks[block].next_free;
	} else {
		block = lpm->untouched++;
		lpm->blocks[block].lpm = lpm;
	}
	lpm->in_use++;
	return first_entry(block);
}

static void release_block(void *ptr)
{
	struct block *block = ptr;
	struct wb_lpm *lpm = block->lpm;

	block->next_free = lpm->free_list;
	lpm->free_list = (uint32_t)(block - lpm->blocks) + 1;
	lpm->in_use--;
	lpm->retiring--;
	if (lpm->destroyed && lpm->retiring == 0)
		free_all(lpm);
}

static void retire_block(struct wb_lpm *lpm, uint32_t first)
{
	struct block *block = &lpm->blocks[block_of(first)];

	lpm->retiring++;
	if (lpm->retire)
		lpm->retire(lpm->retire_arg, block, release_block);
	else
		release_block(block);
}

/* --- the trie --- */

static void store(struct wb_lpm *lpm, uint32_t index, uint32_t value)
{
	__atomic_store_n(&lpm->table.entry[index], value, __ATOMIC_RELEASE);
}

static bool is_child(const struct wb_lpm *lpm, uint32_t index)
{
	return lpm->table.entry[index] & WB_LPM_CHILD;
}

static uint32_t child(const struct wb_lpm *lpm, uint32_t index)
{
	return lpm->table.entry[index] & ~WB_LPM_CHILD;
}

/* Entries that prefixes of low..high bits decide get another one, children's too. */
static void paint(struct wb_lpm *lpm, uint32_t index, uint32_t count, uint8_t low, uint8_t high,
	uint8_t len, uint16_t id)
{
	for (; count > 0; count--, index++) {
		if (is_child(lpm, index)) {
			paint(lpm, child(lpm, index), WB_LPM_BLOCK, low, high, len, id);
		} else if (lpm->len[index] >= low && lpm->len[index] <= high) {
			lpm->len[index] = len;
			store(lpm, index, id);
		}
	}
}

/* The way from the root to the entries a prefix decides. */
struct path {
	uint32_t index[16]; /* entry taken at each level; the last is the first of `count` */
	unsigned depth;	    /* levels, 1 if it ends in the root */
	uint32_t count;
};

static unsigned level_bits(unsigned level)
{
	return WB_LPM_ROOT_BITS + 8 * level;
}

static uint32_t key(const struct wb_prefix *prefix, unsigned level)
{
	const uint8_t *bytes = prefix->addr.bytes;

	return level == 0 ? (uint32_t)bytes[0] << 8 | bytes[1] : bytes[level + 1];
}

/* Puts a block behind an entry, alike in all of its entries, and then publishes it. */
static void split(struct wb_lpm *lpm, uint32_t index)
{
	uint32_t first = take_block(lpm);

	for (uint32_t i = 0; i < WB_LPM_BLOCK; i++) {
		lpm->len[first + i] = lpm->len[index];
		store(lpm, first + i, lpm->table.entry[index]);
	}
	store(lpm, index, first | WB_LPM_CHILD);
}

/* Blocks that are missing on the way to a prefix. */
static uint32_t missing(const struct wb_lpm *lpm, const struct wb_prefix *prefix)
{
	uint32_t index = key(prefix, 0), n = 0;

	for (unsigned level = 0; prefix->len > level_bits(level); level++) {
		if (n > 0 || !is_child(lpm, index))
			n++;
		else
			index = child(lpm, index) + key(prefix, level + 1);
	}
	return n;
}

static void descend(struct wb_lpm *lpm, const struct wb_prefix *prefix, struct path *path)
{
	uint32_t index = key(prefix, 0);
	unsigned level = 0;

	path->index[0] = index;
	for (; prefix->len > level_bits(level); level++) {
		if (!is_child(lpm, index))
			split(lpm, index);
		index = child(lpm, index) + key(prefix, level + 1);
		path->index[level + 1] = index;
	}
	path->depth = level + 1;
	path->count = 1u << (level_bits(level) - prefix->len);
}

int wb_lpm_set(struct wb_lpm *lpm, const struct wb_prefix *prefix, uint16_t id)
{
	struct path path;

	if (missing(lpm, prefix) > lpm->n_blocks - lpm->in_use)
		return -ENOSPC;
	descend(lpm, prefix, &path);
	paint(lpm, path.index[path.depth - 1], path.count, 0, prefix->len, prefix->len, id);
	return 0;
}

/* A block none of whose entries is decided by a prefix longer than what leads to it: all of them
 * are alike. */
static bool is_uniform(const struct wb_lpm *lpm, uint32_t first, unsigned bits)
{
	for (uint32_t i = 0; i < WB_LPM_BLOCK; i++)
		if (is_child(lpm, first + i) || lpm->len[first + i] > bits)
			return false;
	return true;
}

void wb_lpm_del(
	struct wb_lpm *lpm, const struct wb_prefix *prefix, uint8_t parent_len, uint16_t parent_id)
{
	struct path path;

	descend(lpm, prefix, &path);
	paint(lpm, path.index[path.depth - 1], path.count, prefix->len, prefix->len, parent_len,
		parent_id);
	for (unsigned level = path.depth - 1; level > 0; level--) {
		uint32_t index = path.index[level - 1], first = child(lpm, index);

		if (!is_uniform(lpm, first, level_bits(level - 1)))
			break;
		lpm->len[index] = lpm->len[first];
		store(lpm, index, lpm->table.entry[first]);
		retire_block(lpm, first);
	}
}
