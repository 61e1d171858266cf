/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of allowed IPs, and the trie built from it, against a list that is searched from end to
 * end. */
#include "fuzz.h"
#include "wg/allowedips.h"

enum { ENTRIES_MAX = 64, STEPS_MAX = 200, PEERS = 5 };

/* In the order they were given. */
struct model {
	struct {
		struct wb_prefix prefix;
		uint32_t peer_id;
	} entries[ENTRIES_MAX];
	unsigned n;
};

static unsigned model_find(const struct model *model, const struct wb_prefix *prefix)
{
	unsigned i = 0;

	while (i < model->n && !wb_prefix_equal(&model->entries[i].prefix, prefix))
		i++;
	return i;
}

static void model_take(struct model *model, unsigned at)
{
	model->n--;
	memmove(&model->entries[at], &model->entries[at + 1],
		(model->n - at) * sizeof(model->entries[0]));
}

static void model_set(struct model *model, const struct wb_prefix *prefix, uint32_t peer_id)
{
	unsigned at = model_find(model, prefix);

	if (at < model->n)
		model_take(model, at);
	model->entries[model->n].prefix = *prefix;
	model->entries[model->n++].peer_id = peer_id;
}

static bool model_unset(struct model *model, const struct wb_prefix *prefix, uint32_t peer_id)
{
	unsigned at = model_find(model, prefix);

	if (at == model->n || model->entries[at].peer_id != peer_id)
		return false;
	model_take(model, at);
	return true;
}

static void model_remove(struct model *model, uint32_t peer_id)
{
	for (unsigned i = model->n; i-- > 0;)
		if (model->entries[i].peer_id == peer_id)
			model_take(model, i);
}

static uint32_t model_lookup(const struct model *model, const struct wb_addr *addr)
{
	uint32_t found = 0;
	int longest = -1;

	for (unsigned i = 0; i < model->n; i++)
		if (wb_prefix_contains(&model->entries[i].prefix, addr) &&
			model->entries[i].prefix.len > longest) {
			longest = model->entries[i].prefix.len;
			found = model->entries[i].peer_id;
		}
	return found;
}

/* Few different bytes, so that prefixes meet. */
static void address_take(struct fuzz_input *input, struct wb_addr *addr)
{
	uint8_t how = fuzz_u8(input);

	memset(addr, 0, sizeof(*addr));
	addr->family = how & 1 ? AF_INET6 : AF_INET;
	fuzz_take(input, addr->bytes, how & 1 ? (how & 2 ? 16 : 4) : 4);
}

static void prefix_take(struct fuzz_input *input, struct wb_prefix *prefix)
{
	memset(prefix, 0, sizeof(*prefix));
	address_take(input, &prefix->addr);
	prefix->len = (uint8_t)(fuzz_u8(input) % (wb_addr_bits(&prefix->addr) + 1));
}

static void one_lookup(
	const struct wb_allowedips *allowed, const struct model *model, const struct wb_addr *addr)
{
	uint32_t found = addr->family == AF_INET ? wb_allowedips_lookup4(allowed, addr->v4)
						 : wb_allowedips_lookup6(allowed, addr->bytes);

	FUZZ_CHECK(found == model_lookup(model, addr));
}

/* Each prefix' first and last address, and those next to them. */
static void lookups_check(const struct wb_allowedips *allowed, const struct model *model)
{
	for (unsigned i = 0; i < model->n; i++) {
		const struct wb_prefix *prefix = &model->entries[i].prefix;
		unsigned bits = wb_addr_bits(&prefix->addr);
		struct wb_addr addr = prefix->addr;

		one_lookup(allowed, model, &addr);
		for (unsigned bit = prefix->len; bit < bits; bit++)
			addr.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
		one_lookup(allowed, model, &addr);
		addr.bytes[bits / 8 - 1] ^= 1;
		one_lookup(allowed, model, &addr);
		if (prefix->len == 0)
			continue;
		addr.bytes[(prefix->len - 1) / 8] ^= (uint8_t)(0x80 >> (prefix->len - 1) % 8);
		one_lookup(allowed, model, &addr);
	}
}

struct listing {
	const struct model *model;
	uint32_t peer_id;
	unsigned n, at;
};

/* The order in which they were given. */
static void on_peers(void *arg, const struct wb_prefix *prefix)
{
	struct listing *listing = arg;
	const struct model *model = listing->model;

	while (listing->at < model->n && model->entries[listing->at].peer_id != listing->peer_id)
		listing->at++;
	FUZZ_CHECK(listing->at < model->n);
	FUZZ_CHECK(wb_prefix_equal(&model->entries[listing->at++].prefix, prefix));
	listing->n++;
}

static void on_any(void *arg, const struct wb_prefix *prefix, uint32_t peer_id)
{
	struct listing *listing = arg;
	unsigned at = model_find(listing->model, prefix);

	FUZZ_CHECK(at < listing->model->n && listing->model->entries[at].peer_id == peer_id);
	listing->n++;
}

static void lists_check(const struct wb_allowedips_table *table, const struct model *model)
{
	struct listing all = {.model = model};
	unsigned n = 0;

	for (uint32_t peer_id = 1; peer_id <= PEERS; peer_id++) {
		struct listing listing = {.model = model, .peer_id = peer_id};

		wb_allowedips_table_of_peer(table, peer_id, on_peers, &listing);
		n += listing.n;
	}
	FUZZ_CHECK(n == model->n);
	wb_allowedips_table_foreach(table, on_any, &all);
	FUZZ_CHECK(all.n == model->n);
}

static void snapshot_check(const struct wb_allowedips_table *table, const struct model *model,
	const struct wb_addr *addr)
{
	struct wb_allowedips *allowed = wb_allowedips_table_build(table, NULL);

	FUZZ_CHECK(allowed != NULL);
	one_lookup(allowed, model, addr);
	lookups_check(allowed, model);
	wb_allowedips_free(allowed);
}

static void step(struct fuzz_input *input, struct wb_allowedips_table *table, struct model *model)
{
	uint8_t how = fuzz_u8(input);
	uint32_t peer_id = how / 16u % PEERS + 1;
	struct wb_prefix prefix, masked;

	if (how % 16 == 0) {
		wb_allowedips_table_remove(table, peer_id);
		model_remove(model, peer_id);
		return;
	}
	prefix_take(input, &prefix);
	masked = prefix;
	wb_prefix_mask(&masked);
	if (how % 16 == 1)
		snapshot_check(table, model, &prefix.addr);
	else if (how % 16 < 5)
		FUZZ_CHECK(wb_allowedips_table_unset(table, &prefix, peer_id) ==
			model_unset(model, &masked, peer_id));
	else if (model->n < ENTRIES_MAX) {
		FUZZ_CHECK(wb_allowedips_table_set(table, &prefix, peer_id) == 0);
		model_set(model, &masked, peer_id);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.at = data, .left = size};
	struct wb_allowedips_table *table = wb_allowedips_table_create();
	struct model model = {.n = 0};
	struct wb_addr any = {.family = AF_INET6, .bytes = {0x20}};

	FUZZ_CHECK(table != NULL);
	for (unsigned n = 0; n < STEPS_MAX && input.left > 0; n++)
		step(&input, table, &model);
	lists_check(table, &model);
	snapshot_check(table, &model, &any);
	wb_allowedips_table_free(table);
	return 0;
}
