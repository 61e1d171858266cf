/* SPDX-License-Identifier: BSD-3-Clause */
#include "fib/fib.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define ALLOW_EXPERIMENTAL_API /* the vector width calls of DPDK 22.11 */
#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_rib.h>
#include <rte_rib6.h>
#include <rte_vect.h>

#include "fib/rib.h"

/* rte_rib names a mempool "MP_<name>", and those are short. */
#define NAME_MAX_LEN 16
/* Both lookup structures: 2^24 entries of two bytes, then tables of 256 of them. */
#define FIRST_LEVEL_BYTES  (2u << 24)
#define SECOND_LEVEL_BYTES 512u
#define SECOND_LEVEL_MAX   (WB_NH_MAX - 1)
#define FIRST_LEVEL_BITS   24
/* Two prefix-tree nodes a route at most, with their mempool headers. */
#define ROUTE_BYTES (2u * 192)

/* Every IPv4 prefix behind /24 needs one second-level table at most. */
static uint32_t second_level4(uint32_t max_routes)
{
	return max_routes < SECOND_LEVEL_MAX ? max_routes : SECOND_LEVEL_MAX;
}

/* An IPv6 neighbour with a random interface identifier needs eight below its /64. */
static uint32_t second_level6(uint32_t max_routes)
{
	return max_routes < SECOND_LEVEL_MAX / 8 ? max_routes * 8 : SECOND_LEVEL_MAX;
}

static uint32_t or_default(uint32_t max_routes)
{
	return max_routes ? max_routes : WB_FIB_ROUTES;
}

uint64_t wb_fib_memory(const struct wb_fib_config *config)
{
	uint64_t max4 = or_default(config->max_routes4), max6 = or_default(config->max_routes6);

	return 2ull * FIRST_LEVEL_BYTES + (max4 + max6) * ROUTE_BYTES +
	       SECOND_LEVEL_BYTES *
		       (uint64_t)(second_level4((uint32_t)max4) + second_level6((uint32_t)max6));
}

/* The AVX-512 lookups are several times faster, but rte_fib takes them only where the process may
 * use 512-bit vectors everywhere. Allow that for the choice alone, not for drivers; a width
 * forced by the user (--force-max-simd-bitwidth) stays. Where there is no AVX-512, the scalar
 * lookup that rte_fib chose by itself stays too. */
static void select_lookup(struct wb_fib *fib)
{
	uint16_t width = rte_vect_get_max_simd_bitwidth();

	if (width < RTE_VECT_SIMD_512 && rte_vect_set_max_simd_bitwidth(RTE_VECT_SIMD_512) < 0)
		return;
	rte_fib_select_lookup(fib->v4, RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512);
	rte_fib6_select_lookup(fib->v6, RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512);
	if (width < RTE_VECT_SIMD_512)
		rte_vect_set_max_simd_bitwidth(width);
}

static int create_tables(struct wb_fib *fib, const struct wb_fib_config *config, struct wb_err *err)
{
	uint32_t max4 = or_default(config->max_routes4), max6 = or_default(config->max_routes6);
	struct rte_fib_conf conf4 = {
		.type = RTE_FIB_DIR24_8,
		.default_nh = WB_NH_KERNEL,
		.max_routes = (int)max4,
		.dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_2B, .num_tbl8 = second_level4(max4)},
	};
	struct rte_fib6_conf conf6 = {
		.type = RTE_FIB6_TRIE,
		.default_nh = WB_NH_KERNEL,
		.max_routes = (int)max6,
		.trie = {.nh_sz = RTE_FIB6_TRIE_2B, .num_tbl8 = second_level6(max6)},
	};
	char name[NAME_MAX_LEN + 4];

	snprintf(name, sizeof(name), "%s_4", config->name);
	fib->v4 = rte_fib_create(name, config->socket, &conf4);
	if (fib->v4) {
		snprintf(name, sizeof(name), "%s_6", config->name);
		fib->v6 = rte_fib6_create(name, config->socket, &conf6);
	}
	if (!fib->v4 || !fib->v6) {
		int errnum = rte_errno == EEXIST ? EEXIST : ENOMEM;

		return wb_err_set(err, errnum, "forwarding table %s of %" PRIu64 " MB: %s", name,
				  wb_fib_memory(config) >> 20, rte_strerror(errnum));
	}
	fib->max_routes4 = max4;
	fib->max_routes6 = max6;
	select_lookup(fib);
	return 0;
}

int wb_fib_create(const struct wb_fib_config *config, struct wb_fib **out, struct wb_err *err)
{
	struct wb_fib *fib;
	int ret;

	if (!config->name || !config->name[0] || strlen(config->name) > NAME_MAX_LEN)
		return wb_err_set(err, EINVAL,
				  "forwarding table: a name of 1 to %d characters expected",
				  NAME_MAX_LEN);
	if (config->max_routes4 > WB_FIB_MAX_ROUTES || config->max_routes6 > WB_FIB_MAX_ROUTES)
		return wb_err_set(err, EINVAL, "forwarding table: at most %d routes a family",
				  WB_FIB_MAX_ROUTES);
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
	ret = create_tables(fib, config, err);
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
	rte_fib_free(fib->v4);
	rte_fib6_free(fib->v6);
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

	if (*count >= (v4 ? fib->max_routes4 : fib->max_routes6))
		return full(prefix, err);
	if (prefix->len > FIRST_LEVEL_BITS || has_longer_below(fib, prefix, FIRST_LEVEL_BITS))
		wait_if_stale(fib, prefix);
	if (table_add(fib, prefix, id) != 0) {
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
	if (prefix.addr.family == AF_INET)
		fib->routes4--;
	else
		fib->routes6--;
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
	rte_fib6_lookup_bulk(fib->v6, (uint8_t(*)[16])(uintptr_t)ips, nh_ids, (int)n);
}
