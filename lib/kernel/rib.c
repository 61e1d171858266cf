/* SPDX-License-Identifier: BSD-3-Clause */
#include "kernel/rib.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/tree.h"

/* A route without the hops it does not have. */
struct entry {
	struct entry *next;
	bool stale;
	struct wb_route route;
};

struct node {
	RB_ENTRY(node) link;
	struct wb_prefix prefix;
	struct entry *entries;
};

static int node_compare(const struct node *a, const struct node *b)
{
	return wb_prefix_compare(&a->prefix, &b->prefix);
}

RB_HEAD(node_tree, node);
WB_RB_GENERATE(node_tree, node, link, node_compare)

struct wb_rib {
	struct node_tree tree;
	uint32_t default_table;
	wb_rib_changed changed;
	void *arg;
};

struct wb_rib *wb_rib_create(uint32_t default_table, wb_rib_changed changed, void *arg)
{
	struct wb_rib *rib = calloc(1, sizeof(*rib));

	if (rib == NULL)
		return NULL;
	rib->default_table = default_table;
	rib->changed = changed;
	rib->arg = arg;
	return rib;
}

static struct node *node_find(const struct wb_rib *rib, const struct wb_prefix *prefix)
{
	struct node key = {.prefix = *prefix};

	return RB_FIND(node_tree, (struct node_tree *)(uintptr_t)&rib->tree, &key);
}

static void node_free(struct wb_rib *rib, struct node *node)
{
	RB_REMOVE(node_tree, &rib->tree, node);
	free(node);
}

void wb_rib_free(struct wb_rib *rib)
{
	struct node *node;

	if (rib == NULL)
		return;
	while ((node = RB_ROOT(&rib->tree)) != NULL) {
		while (node->entries != NULL) {
			struct entry *entry = node->entries;

			node->entries = entry->next;
			free(entry);
		}
		node_free(rib, node);
	}
	free(rib);
}

/* 0: this route is none of the forwarding's business. */
static unsigned rank(const struct wb_rib *rib, const struct wb_route *route)
{
	if (route->table == WB_TABLE_LOCAL)
		return 1;
	if (route->table == rib->default_table && rib->default_table != 0)
		return route->prefix.len == 0 ? 2 : 0;
	return route->table == WB_TABLE_MAIN ? 3 : 0;
}

static struct entry **entry_find(struct node *node, const struct wb_route *route)
{
	struct entry **at = &node->entries;

	while (*at != NULL &&
		((*at)->route.table != route->table || (*at)->route.metric != route->metric))
		at = &(*at)->next;
	return at;
}

static struct entry *entry_make(const struct wb_route *route)
{
	size_t route_size = offsetof(struct wb_route, hops) + route->n_hops * sizeof(struct wb_hop);
	struct entry *entry = malloc(offsetof(struct entry, route) + route_size);

	if (entry == NULL)
		return NULL;
	entry->stale = false;
	memcpy(&entry->route, route, route_size);
	return entry;
}

static bool same_hops(const struct wb_route *a, const struct wb_route *b)
{
	if (a->type != b->type || a->n_hops != b->n_hops)
		return false;
	for (unsigned i = 0; i < a->n_hops; i++)
		if (a->hops[i].ifindex != b->hops[i].ifindex ||
			a->hops[i].weight != b->hops[i].weight ||
			!wb_addr_equal(&a->hops[i].gateway, &b->hops[i].gateway))
			return false;
	return true;
}

int wb_rib_set(struct wb_rib *rib, const struct wb_route *route)
{
	struct node *node = node_find(rib, &route->prefix);
	struct entry *entry, **at;

	if (rank(rib, route) == 0)
		return 0;
	if (node == NULL) {
		node = calloc(1, sizeof(*node));
		if (node == NULL)
			return -ENOMEM;
		node->prefix = route->prefix;
		RB_INSERT(node_tree, &rib->tree, node);
	}
	at = entry_find(node, route);
	if (*at != NULL && same_hops(&(*at)->route, route)) {
		(*at)->stale = false;
		return 0;
	}
	entry = entry_make(route);
	if (entry == NULL) {
		if (node->entries == NULL)
			node_free(rib, node);
		return -ENOMEM;
	}
	entry->next = *at != NULL ? (*at)->next : NULL;
	free(*at);
	*at = entry;
	rib->changed(rib->arg, &node->prefix);
	return 0;
}

/* Forgets an entry; the node too, when it was the last one. */
static void entry_drop(struct wb_rib *rib, struct node *node, struct entry **at)
{
	struct wb_prefix prefix = node->prefix;
	struct entry *entry = *at;

	*at = entry->next;
	free(entry);
	if (node->entries == NULL)
		node_free(rib, node);
	rib->changed(rib->arg, &prefix);
}

void wb_rib_del(struct wb_rib *rib, const struct wb_route *route)
{
	struct node *node = node_find(rib, &route->prefix);
	struct entry **at;

	if (node == NULL)
		return;
	at = entry_find(node, route);
	if (*at != NULL)
		entry_drop(rib, node, at);
}

void wb_rib_mark(struct wb_rib *rib, int family)
{
	struct node *node;

	RB_FOREACH(node, node_tree, &rib->tree)
	for (struct entry *entry = node->entries; entry != NULL; entry = entry->next)
		entry->stale = node->prefix.addr.family == family;
}

static struct entry **first_stale(struct node *node)
{
	struct entry **at = &node->entries;

	while (*at != NULL && !(*at)->stale)
		at = &(*at)->next;
	return at;
}

void wb_rib_sweep(struct wb_rib *rib, int family)
{
	struct node *node, *next;

	RB_FOREACH_SAFE(node, node_tree, &rib->tree, next)
	{
		struct entry **at;

		if (node->prefix.addr.family != family)
			continue;
		while (*(at = first_stale(node)) != NULL) {
			bool last = node->entries->next == NULL;

			entry_drop(rib, node, at);
			if (last)
				break;
		}
	}
}

const struct wb_route *wb_rib_best(const struct wb_rib *rib, const struct wb_prefix *prefix)
{
	const struct node *node = node_find(rib, prefix);
	const struct entry *best = NULL;

	for (const struct entry *entry = node != NULL ? node->entries : NULL; entry != NULL;
		entry = entry->next) {
		unsigned mine = rank(rib, &entry->route);

		if (best == NULL || mine < rank(rib, &best->route) ||
			(mine == rank(rib, &best->route) &&
				entry->route.metric < best->route.metric))
			best = entry;
	}
	return best != NULL ? &best->route : NULL;
}

void wb_rib_foreach(
	const struct wb_rib *rib, void (*fn)(void *arg, const struct wb_prefix *prefix), void *arg)
{
	struct node *node;

	RB_FOREACH(node, node_tree, (struct node_tree *)(uintptr_t)&rib->tree)
	fn(arg, &node->prefix);
}
