/* SPDX-License-Identifier: BSD-3-Clause */
#include "fib/fib.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <rte_fib.h>
#include <rte_fib6.h>

#include "fib/rib.h"
#include "fib/tables.h"

/* The first level of both lookup structures decides by this many bits. */
#define FIRST_LEVEL_BITS 24

int wb_fib_create(const struct wb_fib_config *config, struct wb_fib **out, struct wb_err *err)
{
	struct wb_fib *fib;
	int ret;

	fib = calloc(1, sizeof(*fib));
	if (!fib)
		return wb_err_set(err, ENOMEM, "no memory for a forwarding table");
	fib->synchronize = config->synchronize;
	fib->arg = config->arg;
	ret = wb_nh_store_create(config->retire, config->arg, &fib->store);
	if (ret < 0) {
		wb_err_set(err, ENOMEM, "no memory for the table of next hops");
		goto fail;
	}
	fib->nexthops = wb_nh_store_table(fib->store);
	ret = wb_tables_create(fib, config, err);
	if (ret < 0)
		goto fail;
	*out = fib;
	return 0;
fail:
	wb_fib_destroy(fib);
	return ret;
}

void wb_fib_destroy(struct wb_fib *fib)
{
	if (!fib)
		return;
	wb_tables_free(fib);
	wb_nh_store_destroy(fib->store);
	free(fib);
}

/* --- reuse of second-level tables ---
 *
 * rte_fib frees a second-level table as soon as all of its entries are alike, clears it, and may
 * use it for another prefix at once. A worker between its two loads may still be on its way to
 * it: cleared it reads KERNEL, which is safe; used again it would read a next hop that has
 * nothing to do with its packet. So a change that may have freed one marks the family stale, and
 * a change that may take one waits for a grace period first if it is. Both err on the side of
 * waiting, but not for what is frequent: neighbours that come or go.
 */

/* Is there a route below `prefix` that is longer than `len`? */
static bool has_longer_below(const struct wb_fib *fib, const struct wb_prefix *prefix, unsigned len)
{
	struct wb_rib_node node = {0};

	while (wb_rib_next(fib, prefix, &node))
		if (node.prefix.len > len)
			return true;
	return false;
}

/* Does another route in the block that one second-level table covers lead to `id`? Only then may
 * a new route have made the table all alike. */
static bool has_sibling(const struct wb_fib *fib, const struct wb_prefix *prefix, uint64_t id)
{
	struct wb_prefix block = *prefix;
	struct wb_rib_node node = {0};

	if (block.len > FIRST_LEVEL_BITS)
		block.len = (uint8_t)((block.len - 1) / 8 * 8);
	wb_prefix_mask(&block);
	while (wb_rib_next(fib, &block, &node))
		if (node.id == id && !wb_prefix_equal(&node.prefix, prefix))
			return true;
	return false;
}

static void wait_if_stale(struct wb_fib *fib, const struct wb_prefix *prefix)
{
	bool *stale = prefix->addr.family == AF_INET ? &fib->stale4 : &fib->stale6;

	if (!*stale)
		return;
	*stale = false;
	if (fib->synchronize)
		fib->synchronize(fib->arg);
}

static void mark_stale(struct wb_fib *fib, const struct wb_prefix *prefix)
{
	if (prefix->addr.family == AF_INET)
		fib->stale4 = true;
	else
		fib->stale6 = true;
}

/* --- routes --- */

static int check_prefix(const struct wb_prefix *given, struct wb_prefix *prefix, struct wb_err *err)
{
	*prefix = *given;
	if ((prefix->addr.family != AF_INET && prefix->addr.family != AF_INET6) ||
	    prefix->len > wb_addr_bits(&prefix->addr))
		return wb_err_set(err, EINVAL, "not a prefix: family %u, length %u",
				  prefix->addr.family, prefix->len);
	wb_prefix_mask(prefix);
	return 0;
}

static int table_add(struct wb_fib *fib, const struct wb_prefix *prefix, uint16_t id)
{
	if (prefix->addr.family == AF_INET)
		return rte_fib_add(fib->v4, ntohl(prefix->addr.v4), prefix->len, id);
	return rte_fib6_add(fib->v6, prefix->addr.bytes, prefix->len, id);
}

static int table_delete(struct wb_fib *fib, const struct wb_prefix *prefix)
{
	if (prefix->addr.family == AF_INET)
		return rte_fib_delete(fib->v4, ntohl(prefix->addr.v4), prefix->len);
	return rte_fib6_delete(fib->v6, prefix->addr.bytes, prefix->len);
}

static int full(const struct wb_prefix *prefix, struct wb_err *err)
{
	char text[WB_PREFIX_STRLEN];

	return wb_err_set(err, ENOSPC, "no room for the route to %s",
			  wb_prefix_format(prefix, text));
}

static int add_new(struct wb_fib *fib, const struct wb_prefix *prefix, uint16_t id,
		   struct wb_err *err)
{
	bool v4 = prefix->addr.family == AF_INET;
	uint32_t *count = v4 ? &fib->routes4 : &fib->routes6;
	int ret;

	if (*count >= (v4 ? fib->max_routes4 : fib->max_routes6))
		return full(prefix, err);
	if (prefix->len > FIRST_LEVEL_BITS || has_longer_below(fib, prefix, FIRST_LEVEL_BITS))
		wait_if_stale(fib, prefix);
	ret = table_add(fib, prefix, id);
	if (ret != 0 && !v4 && wb_tables_rebuild6(fib) == 0)
		ret = table_add(fib, prefix, id);
	if (ret != 0) {
		/* The second-level tables ran out; what it took of them, it gave back. */
		mark_stale(fib, prefix);
		return full(prefix, err);
	}
	if (has_sibling(fib, prefix, id))
		mark_stale(fib, prefix);
	(*count)++;
	return 0;
}

static int change(struct wb_fib *fib, const struct wb_prefix *prefix, uint16_t old_id, uint16_t id,
		  struct wb_err *err)
{
	if (prefix->len > FIRST_LEVEL_BITS || has_longer_below(fib, prefix, FIRST_LEVEL_BITS)) {
		wait_if_stale(fib, prefix);
		mark_stale(fib, prefix);
	}
	if (table_add(fib, prefix, id) != 0) {
		/* Out of second-level tables half-way: put the old one back over it. */
		table_add(fib, prefix, old_id);
		return full(prefix, err);
	}
	return 0;
}

int wb_fib_route_set(struct wb_fib *fib, const struct wb_prefix *given,
		     const struct wb_nh_spec *spec, struct wb_err *err)
{
	struct wb_prefix prefix;
	struct wb_rib_node old;
	uint16_t id;
	bool exists;
	int ret;

	ret = check_prefix(given, &prefix, err);
	if (ret < 0)
		return ret;
	ret = wb_nh_ref(fib->store, spec, &id, err);
	if (ret < 0)
		return ret;
	exists = wb_rib_find(fib, &prefix, &old);
	if (!exists)
		ret = add_new(fib, &prefix, id, err);
	else if (old.id != id)
		ret = change(fib, &prefix, (uint16_t)old.id, id, err);
	if (ret < 0)
		wb_nh_unref(fib->store, id);
	else if (exists)
		wb_nh_unref(fib->store, (uint16_t)old.id);
	return ret;
}

int wb_fib_route_del(struct wb_fib *fib, const struct wb_prefix *given, struct wb_err *err)
{
	char text[WB_PREFIX_STRLEN];
	struct wb_prefix prefix;
	struct wb_rib_node node;
	bool second_level;
	int ret;

	ret = check_prefix(given, &prefix, err);
	if (ret < 0)
		return ret;
	if (!wb_rib_find(fib, &prefix, &node))
		return wb_err_set(err, ENOENT, "no route to %s", wb_prefix_format(&prefix, text));
	second_level = has_longer_below(fib, &prefix, FIRST_LEVEL_BITS);
	if (second_level)
		wait_if_stale(fib, &prefix);
	if (second_level || prefix.len > FIRST_LEVEL_BITS)
		mark_stale(fib, &prefix);
	if (table_delete(fib, &prefix) != 0)
		return full(&prefix, err);
	if (prefix.addr.family == AF_INET) {
		fib->routes4--;
	} else {
		fib->routes6--;
		if (prefix.len > FIRST_LEVEL_BITS)
			fib->leaks6++;
	}
	wb_nh_unref(fib->store, (uint16_t)node.id);
	return 0;
}

const struct wb_nexthop *wb_fib_route_get(const struct wb_fib *fib, const struct wb_prefix *given)
{
	struct wb_prefix prefix;
	struct wb_rib_node node;

	if (check_prefix(given, &prefix, NULL) < 0 || !wb_rib_find(fib, &prefix, &node))
		return NULL;
	return wb_fib_nexthop(fib, node.id);
}

static int foreach_family(const struct wb_fib *fib, uint16_t family, wb_fib_route_fn fn, void *arg)
{
	struct wb_prefix all = {.addr.family = family};
	struct wb_rib_node node = {0};
	int ret;

	if (wb_rib_find(fib, &all, &node)) {
		ret = fn(arg, &all, wb_fib_nexthop(fib, node.id));
		if (ret != 0)
			return ret;
	}
	node = (struct wb_rib_node){0};
	while (wb_rib_next(fib, &all, &node)) {
		ret = fn(arg, &node.prefix, wb_fib_nexthop(fib, node.id));
		if (ret != 0)
			return ret;
	}
	return 0;
}

int wb_fib_foreach(const struct wb_fib *fib, wb_fib_route_fn fn, void *arg)
{
	int ret = foreach_family(fib, AF_INET, fn, arg);

	return ret != 0 ? ret : foreach_family(fib, AF_INET6, fn, arg);
}

/* --- workers --- */

void wb_fib_lookup4_bulk(const struct wb_fib *fib, const uint32_t *ips, uint64_t *nh_ids,
			 unsigned n)
{
	rte_fib_lookup_bulk(fib->v4, (uint32_t *)(uintptr_t)ips, nh_ids, (int)n);
}

void wb_fib_lookup6_bulk(const struct wb_fib *fib, const uint8_t (*ips)[16], uint64_t *nh_ids,
			 unsigned n)
{
	struct rte_fib6 *table = __atomic_load_n(&fib->v6, __ATOMIC_ACQUIRE);

	rte_fib6_lookup_bulk(table, (uint8_t(*)[16])(uintptr_t)ips, nh_ids, (int)n);
}
