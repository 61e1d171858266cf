/* SPDX-License-Identifier: BSD-3-Clause */
#include "neighbours.h"

#include <stdlib.h>
#include <string.h>

#include "base/tree.h"

struct entry {
	RB_ENTRY(entry) link;
	struct neighbour neighbour;
};

/* Ordered by address, then port: the neighbours of one address are next to each other. */
static int compare(const struct entry *a, const struct entry *b)
{
	int order;

	if (a->neighbour.addr.family != b->neighbour.addr.family)
		return a->neighbour.addr.family < b->neighbour.addr.family ? -1 : 1;
	order = memcmp(a->neighbour.addr.bytes, b->neighbour.addr.bytes, 16);
	if (order != 0)
		return order;
	return (a->neighbour.port > b->neighbour.port) - (a->neighbour.port < b->neighbour.port);
}

RB_HEAD(entry_tree, entry);
WB_RB_GENERATE(entry_tree, entry, link, compare)

struct neighbours {
	struct entry_tree tree;
};

struct neighbours *neighbours_create(void)
{
	return calloc(1, sizeof(struct neighbours));
}

void neighbours_free(struct neighbours *neighbours)
{
	struct entry *entry;

	if (neighbours == NULL)
		return;
	while ((entry = RB_ROOT(&neighbours->tree)) != NULL) {
		RB_REMOVE(entry_tree, &neighbours->tree, entry);
		free(entry);
	}
	free(neighbours);
}

static struct entry *find(
	const struct neighbours *neighbours, unsigned port, const struct wb_addr *addr)
{
	struct entry key = {.neighbour = {.addr = *addr, .port = (uint16_t)port}};

	return RB_FIND(entry_tree, (struct entry_tree *)(uintptr_t)&neighbours->tree, &key);
}

bool neighbours_set(struct neighbours *neighbours, unsigned port, const struct wb_addr *addr,
	const uint8_t mac[6])
{
	struct entry *entry = find(neighbours, port, addr);

	if (entry != NULL) {
		bool news = memcmp(entry->neighbour.mac, mac, 6) != 0;

		memcpy(entry->neighbour.mac, mac, 6);
		entry->neighbour.seen = true;
		return news;
	}
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return false;
	entry->neighbour.addr = *addr;
	entry->neighbour.port = (uint16_t)port;
	entry->neighbour.seen = true;
	memcpy(entry->neighbour.mac, mac, 6);
	RB_INSERT(entry_tree, &neighbours->tree, entry);
	return true;
}

bool neighbours_del(struct neighbours *neighbours, unsigned port, const struct wb_addr *addr)
{
	struct entry *entry = find(neighbours, port, addr);

	if (entry == NULL)
		return false;
	RB_REMOVE(entry_tree, &neighbours->tree, entry);
	free(entry);
	return true;
}

const struct neighbour *neighbours_find(
	const struct neighbours *neighbours, unsigned port, const struct wb_addr *addr)
{
	const struct entry *entry = find(neighbours, port, addr);

	return entry == NULL ? NULL : &entry->neighbour;
}

const struct neighbour *neighbours_find_any(
	const struct neighbours *neighbours, const struct wb_addr *addr)
{
	struct entry key = {.neighbour = {.addr = *addr, .port = 0}};
	struct entry *entry =
		RB_NFIND(entry_tree, (struct entry_tree *)(uintptr_t)&neighbours->tree, &key);

	if (entry == NULL || !wb_addr_equal(&entry->neighbour.addr, addr))
		return NULL;
	return &entry->neighbour;
}

void neighbours_foreach(struct neighbours *neighbours,
	void (*fn)(void *arg, struct neighbour *neighbour), void *arg)
{
	struct entry *entry, *next;

	RB_FOREACH_SAFE(entry, entry_tree, &neighbours->tree, next)
	fn(arg, &entry->neighbour);
}
