/* SPDX-License-Identifier: BSD-3-Clause */
#include "fib/nexthop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define FIRST_ID     3 /* behind KERNEL, LOCAL, DROP */
#define HASH_BUCKETS 4096
#define NO_ID	     0 /* ends a chain; KERNEL is in none */

/* A published next hop and what its release needs to know. */
struct entry {
	struct wb_nexthop public;
	struct wb_nh_store *store;
	bool frees_id; /* false when another entry took its place under the same id */
};

struct group_node {
	struct group_node *next;
	struct wb_group *group;
	uint16_t nh_id; /* NO_ID while no route leads to it */
};

/* Control's own view of an id. */
struct control {
	uint32_t refs;
	uint16_t hash_next;
};

struct wb_nh_store {
	struct wb_nh_table table;
	struct entry fixed[FIRST_ID];
	struct control control[WB_NH_MAX];
	uint16_t hash[HASH_BUCKETS];
	uint16_t free_ids[WB_NH_MAX];
	unsigned n_free;
	unsigned retiring; /* entries between retire and release */
	bool destroyed;
	struct group_node *groups;
	wb_retire_fn retire;
	void *retire_arg;
};

static void publish(struct wb_nh_store *store, uint16_t id, const struct wb_nexthop *nexthop)
{
	__atomic_store_n(&store->table.slot[id], nexthop, __ATOMIC_RELEASE);
}

static struct entry *entry_of(const struct wb_nh_store *store, uint16_t id)
{
	return (struct entry *)(uintptr_t)store->table.slot[id];
}

/* The grace period is over: no worker has the entry, nor, if it was the last under its id, a
 * lookup's result with that id. */
static void release_entry(void *ptr)
{
	struct entry *entry = ptr;
	struct wb_nh_store *store = entry->store;
	uint16_t id = entry->public.id;

	if (entry->frees_id) {
		publish(store, id, &store->fixed[WB_NH_KERNEL].public);
		store->free_ids[store->n_free++] = id;
	}
	free(entry);
	store->retiring--;
	if (store->destroyed && store->retiring == 0)
		free(store);
}

static void retire(struct wb_nh_store *store, void *ptr, void (*free_fn)(void *))
{
	if (store->retire)
		store->retire(store->retire_arg, ptr, free_fn);
	else
		free_fn(ptr);
}

static void retire_entry(struct wb_nh_store *store, struct entry *entry, bool frees_id)
{
	entry->frees_id = frees_id;
	store->retiring++;
	retire(store, entry, release_entry);
}

/* --- finding one by its specification --- */

static uint32_t spec_hash(const struct wb_nh_spec *spec)
{
	uint64_t key = spec->type;
	uint64_t mac = 0;

	switch (spec->type) {
	case WB_NH_PORT:
		memcpy(&mac, spec->dst_mac, 6);
		key |= (uint64_t)spec->port << 8 | (uint64_t)spec->src_mac[5] << 24;
		break;
	case WB_NH_TUNNEL:
		key |= (uint64_t)spec->tunnel << 8;
		break;
	case WB_NH_GROUP:
		key |= (uint64_t)spec->group_id << 8;
		break;
	default:
		break;
	}
	key = (key ^ mac << 3) * 0x9e3779b97f4a7c15;
	return (uint32_t)(key >> 52) & (HASH_BUCKETS - 1);
}

static bool spec_matches(const struct wb_nh_spec *spec, const struct wb_nexthop *nexthop)
{
	if (nexthop->type != spec->type)
		return false;
	switch (spec->type) {
	case WB_NH_PORT:
		return nexthop->port == spec->port &&
			memcmp(nexthop->dst_mac, spec->dst_mac, 6) == 0 &&
			memcmp(nexthop->src_mac, spec->src_mac, 6) == 0;
	case WB_NH_TUNNEL:
		return nexthop->tunnel == spec->tunnel;
	case WB_NH_GROUP:
		return nexthop->group->id == spec->group_id;
	default:
		return true;
	}
}

static struct wb_nh_spec spec_of(const struct wb_nexthop *nexthop)
{
	struct wb_nh_spec spec = {
		.type = nexthop->type,
		.port = nexthop->port,
		.tunnel = nexthop->tunnel,
		.group_id = nexthop->type == WB_NH_GROUP ? nexthop->group->id : 0,
	};

	memcpy(spec.dst_mac, nexthop->dst_mac, 6);
	memcpy(spec.src_mac, nexthop->src_mac, 6);
	return spec;
}

static uint16_t find_id(const struct wb_nh_store *store, const struct wb_nh_spec *spec)
{
	uint16_t id = store->hash[spec_hash(spec)];

	while (id != NO_ID && !spec_matches(spec, store->table.slot[id]))
		id = store->control[id].hash_next;
	return id;
}

static void unhash(struct wb_nh_store *store, uint16_t id)
{
	struct wb_nh_spec spec = spec_of(store->table.slot[id]);
	uint16_t *link = &store->hash[spec_hash(&spec)];

	while (*link != id)
		link = &store->control[*link].hash_next;
	*link = store->control[id].hash_next;
}

static struct group_node *find_group(const struct wb_nh_store *store, uint32_t group_id)
{
	struct group_node *node = store->groups;

	while (node && node->group->id != group_id)
		node = node->next;
	return node;
}

/* Groups stand in the order of their ids. */
static void group_insert(struct wb_nh_store *store, struct group_node *node)
{
	struct group_node **link = &store->groups;

	while (*link && (*link)->group->id < node->group->id)
		link = &(*link)->next;
	node->next = *link;
	*link = node;
}

/* --- making and sharing --- */

int wb_nh_store_create(wb_retire_fn retire_fn, void *retire_arg, struct wb_nh_store **out)
{
	struct wb_nh_store *store = calloc(1, sizeof(*store));

	if (!store)
		return -ENOMEM;
	store->retire = retire_fn;
	store->retire_arg = retire_arg;
	for (uint16_t id = 0; id < FIRST_ID; id++) {
		store->fixed[id].public.type = (uint8_t)id;
		store->fixed[id].public.id = id;
		publish(store, id, &store->fixed[id].public);
	}
	/* Low ids are given out first. */
	for (unsigned id = WB_NH_MAX - 1; id >= FIRST_ID; id--) {
		publish(store, (uint16_t)id, &store->fixed[WB_NH_KERNEL].public);
		store->free_ids[store->n_free++] = (uint16_t)id;
	}
	*out = store;
	return 0;
}

void wb_nh_store_destroy(struct wb_nh_store *store)
{
	struct group_node *node;

	if (!store)
		return;
	for (unsigned id = FIRST_ID; id < WB_NH_MAX; id++)
		if (store->control[id].refs > 0)
			free(entry_of(store, (uint16_t)id));
	while ((node = store->groups) != NULL) {
		store->groups = node->next;
		wb_group_free(node->group);
		free(node);
	}
	store->destroyed = true;
	if (store->retiring == 0)
		free(store);
}

const struct wb_nh_table *wb_nh_store_table(const struct wb_nh_store *store)
{
	return &store->table;
}

int wb_nh_ref(struct wb_nh_store *store, const struct wb_nh_spec *spec, uint16_t *id_out,
	struct wb_err *err)
{
	struct group_node *group = NULL;
	struct entry *entry;
	uint16_t id, *link;

	if ((unsigned)spec->type > WB_NH_TUNNEL)
		return wb_err_set(err, EINVAL, "unknown type of next hop: %d", (int)spec->type);
	if ((unsigned)spec->type < FIRST_ID) {
		*id_out = (uint16_t)spec->type;
		return 0;
	}
	id = find_id(store, spec);
	if (id != NO_ID) {
		store->control[id].refs++;
		*id_out = id;
		return 0;
	}
	if (spec->type == WB_NH_GROUP) {
		group = find_group(store, spec->group_id);
		if (!group)
			return wb_err_set(err, ENOENT, "no next-hop group %u", spec->group_id);
	}
	if (store->n_free == 0)
		return wb_err_set(err, ENOSPC, "all %d next hops are in use", WB_NH_MAX);
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return wb_err_set(err, ENOMEM, "no memory for a next hop");

	id = store->free_ids[--store->n_free];
	entry->store = store;
	entry->public.type = (uint8_t)spec->type;
	entry->public.id = id;
	if (spec->type == WB_NH_PORT) {
		entry->public.port = spec->port;
		memcpy(entry->public.dst_mac, spec->dst_mac, 6);
		memcpy(entry->public.src_mac, spec->src_mac, 6);
	} else if (spec->type == WB_NH_TUNNEL) {
		entry->public.tunnel = spec->tunnel;
	} else {
		entry->public.group = group->group;
		group->nh_id = id;
	}
	store->control[id].refs = 1;
	link = &store->hash[spec_hash(spec)];
	store->control[id].hash_next = *link;
	*link = id;
	publish(store, id, &entry->public);
	*id_out = id;
	return 0;
}

void wb_nh_unref(struct wb_nh_store *store, uint16_t id)
{
	struct entry *entry;

	if (id < FIRST_ID || id >= WB_NH_MAX || store->control[id].refs == 0)
		return;
	if (--store->control[id].refs > 0)
		return;
	entry = entry_of(store, id);
	unhash(store, id);
	if (entry->public.type == WB_NH_GROUP)
		find_group(store, entry->public.group->id)->nh_id = NO_ID;
	retire_entry(store, entry, true);
}

unsigned wb_nh_count(const struct wb_nh_store *store)
{
	return WB_NH_MAX - store->n_free;
}

/* --- groups --- */

int wb_nh_group_set(struct wb_nh_store *store, struct wb_group *group, struct wb_err *err)
{
	struct group_node *node = find_group(store, group->id);
	struct wb_group *old_group;

	if (!node) {
		node = calloc(1, sizeof(*node));
		if (!node)
			return wb_err_set(err, ENOMEM, "no memory for a next-hop group");
		node->group = group;
		group_insert(store, node);
		return 0;
	}
	if (node->group == group)
		return 0;
	if (node->nh_id != NO_ID) {
		struct entry *old = entry_of(store, node->nh_id);
		struct entry *entry = malloc(sizeof(*entry));

		if (!entry)
			return wb_err_set(err, ENOMEM, "no memory for a next hop");
		*entry = *old;
		entry->public.group = group;
		publish(store, node->nh_id, &entry->public);
		retire_entry(store, old, false);
	}
	old_group = node->group;
	node->group = group;
	retire(store, old_group, wb_group_free);
	return 0;
}

unsigned wb_nh_groups_sweep(struct wb_nh_store *store)
{
	struct group_node **link = &store->groups, *node;
	unsigned swept = 0;

	while ((node = *link) != NULL) {
		if (node->nh_id != NO_ID) {
			link = &node->next;
			continue;
		}
		*link = node->next;
		retire(store, node->group, wb_group_free);
		free(node);
		swept++;
	}
	return swept;
}

struct wb_group *wb_nh_group_find(const struct wb_nh_store *store, uint32_t group_id)
{
	const struct group_node *node = find_group(store, group_id);

	return node ? node->group : NULL;
}

uint32_t wb_nh_group_refs(const struct wb_nh_store *store, uint32_t group_id)
{
	const struct group_node *node = find_group(store, group_id);

	return node && node->nh_id != NO_ID ? store->control[node->nh_id].refs : 0;
}

struct wb_group *wb_nh_groups_walk(const struct wb_nh_store *store, wb_nh_group_fn fn, void *arg)
{
	for (const struct group_node *node = store->groups; node; node = node->next)
		if (fn(arg, node->group))
			return node->group;
	return NULL;
}
