/* SPDX-License-Identifier: BSD-3-Clause */
#include "wg/allowedips.h"

#include <errno.h>
#include <stdlib.h>

#include <bsd/sys/queue.h>

#include "base/tree.h"

#define SLOTS 64

struct entry {
	RB_ENTRY(entry) link;
	TAILQ_ENTRY(entry) mate; /* on its peer's list */
	struct wb_prefix prefix;
	uint32_t peer_id;
};

TAILQ_HEAD(entry_list, entry);

/* IPv4 first, by address, a prefix before those inside it. */
static int entry_compare(const struct entry *a, const struct entry *b)
{
	int order;

	if (a->prefix.addr.family != b->prefix.addr.family)
		return a->prefix.addr.family < b->prefix.addr.family ? -1 : 1;
	order = memcmp(a->prefix.addr.bytes, b->prefix.addr.bytes, 16);
	if (order != 0)
		return order;
	return (a->prefix.len > b->prefix.len) - (a->prefix.len < b->prefix.len);
}

RB_HEAD(entry_tree, entry);
WB_RB_GENERATE(entry_tree, entry, link, entry_compare)

struct wb_allowedips_table {
	struct entry_tree tree;
	size_t count[2];	    /* IPv4, IPv6 */
	struct entry_list *of_peer; /* by peer id */
	uint32_t peers_room;
};

static size_t *count_of(struct wb_allowedips_table *table, const struct wb_prefix *prefix)
{
	return &table->count[prefix->addr.family == AF_INET6];
}

struct wb_allowedips_table *wb_allowedips_table_create(void)
{
	return calloc(1, sizeof(struct wb_allowedips_table));
}

static void entry_remove(struct wb_allowedips_table *table, struct entry *entry)
{
	--*count_of(table, &entry->prefix);
	RB_REMOVE(entry_tree, &table->tree, entry);
	TAILQ_REMOVE(&table->of_peer[entry->peer_id], entry, mate);
	free(entry);
}

void wb_allowedips_table_free(struct wb_allowedips_table *table)
{
	if (table == NULL)
		return;
	while (!RB_EMPTY(&table->tree))
		entry_remove(table, RB_ROOT(&table->tree));
	free(table->of_peer);
	free(table);
}

/* The list of a peer's prefixes; NULL when memory is out. */
static struct entry_list *list_of(struct wb_allowedips_table *table, uint32_t peer_id)
{
	uint32_t room = table->peers_room;
	struct entry_list *larger;

	if (peer_id < room)
		return &table->of_peer[peer_id];
	while (room <= peer_id)
		room = room * 2 + 16;
	larger = calloc(room, sizeof(*larger));
	if (larger == NULL)
		return NULL;
	for (uint32_t i = 0; i < room; i++)
		TAILQ_INIT(&larger[i]);
	for (uint32_t i = 0; i < table->peers_room; i++)
		TAILQ_CONCAT(&larger[i], &table->of_peer[i], mate);
	free(table->of_peer);
	table->of_peer = larger;
	table->peers_room = room;
	return &table->of_peer[peer_id];
}

int wb_allowedips_table_set(
	struct wb_allowedips_table *table, const struct wb_prefix *prefix, uint32_t peer_id)
{
	struct entry_list *list = list_of(table, peer_id);
	struct entry *entry = calloc(1, sizeof(*entry)), *there;

	if (entry == NULL || list == NULL) {
		free(entry);
		return -ENOMEM;
	}
	entry->prefix = *prefix;
	wb_prefix_mask(&entry->prefix);
	there = RB_INSERT(entry_tree, &table->tree, entry);
	if (there != NULL) {
		free(entry);
		entry = there;
		TAILQ_REMOVE(&table->of_peer[entry->peer_id], entry, mate);
	} else {
		++*count_of(table, prefix);
	}
	entry->peer_id = peer_id;
	TAILQ_INSERT_TAIL(list, entry, mate);
	return 0;
}

bool wb_allowedips_table_unset(
	struct wb_allowedips_table *table, const struct wb_prefix *prefix, uint32_t peer_id)
{
	struct entry wanted = {.prefix = *prefix}, *entry;

	wb_prefix_mask(&wanted.prefix);
	entry = RB_FIND(entry_tree, &table->tree, &wanted);
	if (entry == NULL || entry->peer_id != peer_id)
		return false;
	entry_remove(table, entry);
	return true;
}

void wb_allowedips_table_remove(struct wb_allowedips_table *table, uint32_t peer_id)
{
	if (peer_id >= table->peers_room)
		return;
	while (!TAILQ_EMPTY(&table->of_peer[peer_id]))
		entry_remove(table, TAILQ_FIRST(&table->of_peer[peer_id]));
}

void wb_allowedips_table_of_peer(const struct wb_allowedips_table *table, uint32_t peer_id,
	void (*fn)(void *arg, const struct wb_prefix *prefix), void *arg)
{
	const struct entry *entry;

	if (peer_id < table->peers_room)
		TAILQ_FOREACH (entry, &table->of_peer[peer_id], mate)
			fn(arg, &entry->prefix);
}

void wb_allowedips_table_foreach(const struct wb_allowedips_table *table,
	void (*fn)(void *arg, const struct wb_prefix *prefix, uint32_t peer_id), void *arg)
{
	struct entry *entry;

	RB_FOREACH(entry, entry_tree, (struct entry_tree *)(uintptr_t)&table->tree)
	fn(arg, &entry->prefix, entry->peer_id);
}

/* One prefix as the builder sees it: its address in two words, left-aligned. */
struct item {
	uint64_t high, low;
	uint32_t peer_id;
	uint8_t len;
};

struct builder {
	struct wb_allowedips_node *nodes;
	uint32_t *answers;
	size_t n_nodes, n_answers, nodes_room, answers_room;
};

static bool grow(void **array, size_t *room, size_t needed, size_t size)
{
	size_t fresh = *room;
	void *larger;

	if (needed <= *room)
		return true;
	while (fresh < needed)
		fresh = fresh * 2 + 64;
	larger = realloc(*array, fresh * size);
	if (larger == NULL)
		return false;
	*array = larger;
	*room = fresh;
	return true;
}

static uint32_t nodes_take(struct builder *builder, size_t n)
{
	size_t first = builder->n_nodes;

	if (!grow((void **)&builder->nodes, &builder->nodes_room, first + n,
		    sizeof(*builder->nodes)))
		return UINT32_MAX;
	memset(&builder->nodes[first], 0, n * sizeof(*builder->nodes));
	builder->n_nodes += n;
	return (uint32_t)first;
}

/* The slots of a node: what each answers, and which items lie deeper in it. */
struct slots {
	uint32_t answer[SLOTS];
	size_t begin[SLOTS], end[SLOTS];
	unsigned children;
};

/* Items are in order, covering ones first: a later answer is the longer match. */
static void slots_fill(struct slots *slots, const struct item *items, size_t begin, size_t end,
	unsigned depth, uint32_t inherited)
{
	memset(slots, 0, sizeof(*slots));
	for (unsigned i = 0; i < SLOTS; i++)
		slots->answer[i] = inherited;
	for (size_t i = begin; i < end; i++) {
		unsigned slot = wb_allowedips_slot(items[i].high, items[i].low, depth);

		if (items[i].len > depth + WB_ALLOWEDIPS_STRIDE) {
			if (slots->end[slot] == 0) {
				slots->begin[slot] = i;
				slots->children++;
			}
			slots->end[slot] = i + 1;
			continue;
		}
		for (unsigned n = 0; n < 1u << (depth + WB_ALLOWEDIPS_STRIDE - items[i].len); n++)
			slots->answer[slot + n] = items[i].peer_id;
	}
}

static bool answers_write(struct builder *builder, uint32_t node, const struct slots *slots)
{
	uint32_t last = 0;
	uint64_t changes = 0;

	if (!grow((void **)&builder->answers, &builder->answers_room, builder->n_answers + SLOTS,
		    sizeof(*builder->answers)))
		return false;
	builder->nodes[node].first_answer = (uint32_t)builder->n_answers;
	for (unsigned i = 0; i < SLOTS; i++) {
		if (slots->end[i] != 0 || (changes != 0 && slots->answer[i] == last))
			continue;
		last = slots->answer[i];
		changes |= UINT64_C(1) << i;
		builder->answers[builder->n_answers++] = last;
	}
	builder->nodes[node].changes = changes;
	return true;
}

static bool build(struct builder *builder, uint32_t node, const struct item *items, size_t begin,
	size_t end, unsigned depth, uint32_t inherited)
{
	struct slots slots;
	uint32_t child;

	slots_fill(&slots, items, begin, end, depth, inherited);
	if (!answers_write(builder, node, &slots))
		return false;
	if (slots.children == 0)
		return true;
	child = nodes_take(builder, slots.children);
	if (child == UINT32_MAX)
		return false;
	builder->nodes[node].first_child = child;
	for (unsigned i = 0; i < SLOTS; i++) {
		if (slots.end[i] == 0)
			continue;
		builder->nodes[node].children |= UINT64_C(1) << i;
		if (!build(builder, child++, items, slots.begin[i], slots.end[i],
			    depth + WB_ALLOWEDIPS_STRIDE, slots.answer[i]))
			return false;
	}
	return true;
}

static struct item *items_of(const struct wb_allowedips_table *table)
{
	size_t n = table->count[0] + table->count[1];
	struct item *items = calloc(n + 1, sizeof(*items)), *item = items;
	struct entry *entry;

	if (items == NULL)
		return NULL;
	RB_FOREACH(entry, entry_tree, (struct entry_tree *)(uintptr_t)&table->tree)
	{
		item->high = be64toh(entry->prefix.addr.words[0]);
		item->low = be64toh(entry->prefix.addr.words[1]);
		item->len = entry->prefix.len;
		item->peer_id = entry->peer_id;
		item++;
	}
	return items;
}

struct wb_allowedips *wb_allowedips_table_build(
	const struct wb_allowedips_table *table, struct wb_err *err)
{
	struct wb_allowedips *allowed =
		aligned_alloc(_Alignof(struct wb_allowedips), sizeof(*allowed));
	struct item *items = items_of(table);
	struct builder builder = {0};
	uint32_t roots = nodes_take(&builder, 2);

	if (allowed == NULL || items == NULL || roots == UINT32_MAX ||
		!build(&builder, 0, items, 0, table->count[0], 0, 0) ||
		!build(&builder, 1, items, table->count[0], table->count[0] + table->count[1], 0,
			0)) {
		free(allowed);
		free(items);
		free(builder.nodes);
		free(builder.answers);
		wb_err_set(err, ENOMEM, "no memory for %zu allowed IPs",
			table->count[0] + table->count[1]);
		return NULL;
	}
	free(items);
	allowed->nodes = builder.nodes;
	allowed->answers = builder.answers;
	allowed->root4 = builder.nodes[0];
	allowed->root6 = builder.nodes[1];
	return allowed;
}

static bool same_address(const struct wb_allowedips_query *a, const struct wb_allowedips_query *b)
{
	return a->high == b->high && a->low == b->low && a->node == b->node;
}

/* Level by level: what a step needs, the step before has asked for, for all of them. Packets of a
 * flow come in trains: whose address is the last one's has the last one's answer. */
void wb_allowedips_lookup_bulk(struct wb_allowedips_query *queries, unsigned n)
{
	uint8_t walking[WB_ALLOWEDIPS_BULK];
	unsigned left = 0;

	for (unsigned i = 0; i < n; i++) {
		queries[i].answer = NULL;
		if (i == 0 || !same_address(&queries[i], &queries[i - 1]))
			walking[left++] = (uint8_t)i;
	}
	for (unsigned depth = 0; left > 0; depth += WB_ALLOWEDIPS_STRIDE) {
		unsigned now = left;

		left = 0;
		for (unsigned i = 0; i < now; i++) {
			struct wb_allowedips_query *query = &queries[walking[i]];
			uint64_t bit = UINT64_C(1)
				<< wb_allowedips_slot(query->high, query->low, depth);

			if ((query->node->children & bit) == 0) {
				query->answer =
					wb_allowedips_answer(query->allowed, query->node, bit);
				__builtin_prefetch(query->answer);
				continue;
			}
			query->node = wb_allowedips_child(query->allowed, query->node, bit);
			__builtin_prefetch(query->node);
			walking[left++] = walking[i];
		}
	}
	for (unsigned i = 0; i < n; i++)
		queries[i].peer_id =
			queries[i].answer != NULL ? *queries[i].answer : queries[i - 1].peer_id;
}

void wb_allowedips_free(struct wb_allowedips *allowed)
{
	if (allowed == NULL)
		return;
	free((void *)(uintptr_t)allowed->nodes);
	free((void *)(uintptr_t)allowed->answers);
	free(allowed);
}
