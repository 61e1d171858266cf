/* SPDX-License-Identifier: BSD-3-Clause */
#include "fib/tables.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ALLOW_EXPERIMENTAL_API /* the vector width calls of DPDK 22.11 */
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_vect.h>

#include "fib/rib.h"

/* rte_rib names a mempool "MP_<name>", and those are short. */
#define NAME_MAX_LEN 16
/* Both lookup structures: 2^24 entries of two bytes, then tables of 256 of them. */
#define FIRST_LEVEL_BYTES  (2u << 24)
#define SECOND_LEVEL_BYTES 512u
#define SECOND_LEVEL_MAX   (WB_NH_MAX - 1)
/* Two prefix-tree nodes a route at most, with their mempool headers. */
#define ROUTE_BYTES (2u * 192)

/* Every IPv4 prefix behind /24 needs one second-level table at most. */
static uint32_t second_level4(uint32_t max_routes)
{
	return max_routes < SECOND_LEVEL_MAX ? max_routes : SECOND_LEVEL_MAX;
}

/* An IPv6 host route that shares none needs thirteen, one for each byte behind the first three; a
 * neighbour is reserved eight, below its /64. */
static uint32_t second_level6(uint32_t max_routes)
{
	/* rte_fib6 wants the last one free. */
	return max_routes < SECOND_LEVEL_MAX / 13 ? max_routes * 13 + 1 : SECOND_LEVEL_MAX;
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
static void select_lookup(struct rte_fib *v4, struct rte_fib6 *v6)
{
	uint16_t width = rte_vect_get_max_simd_bitwidth();

	if (width < RTE_VECT_SIMD_512 && rte_vect_set_max_simd_bitwidth(RTE_VECT_SIMD_512) < 0)
		return;
	if (v4)
		rte_fib_select_lookup(v4, RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512);
	if (v6)
		rte_fib6_select_lookup(v6, RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512);
	if (width < RTE_VECT_SIMD_512)
		rte_vect_set_max_simd_bitwidth(width);
}

static struct rte_fib *create4(const struct wb_fib *fib)
{
	struct rte_fib_conf conf = {
		.type = RTE_FIB_DIR24_8,
		.default_nh = WB_NH_KERNEL,
		.max_routes = (int)fib->max_routes4,
		.dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_2B,
			    .num_tbl8 = second_level4(fib->max_routes4)},
	};
	char name[NAME_MAX_LEN + 4];
	struct rte_fib *table;

	snprintf(name, sizeof(name), "%s_4", fib->name);
	table = rte_fib_create(name, fib->socket, &conf);
	if (table)
		select_lookup(table, NULL);
	return table;
}

static struct rte_fib6 *create6(const struct wb_fib *fib, char suffix)
{
	struct rte_fib6_conf conf = {
		.type = RTE_FIB6_TRIE,
		.default_nh = WB_NH_KERNEL,
		.max_routes = (int)fib->max_routes6,
		.trie = {.nh_sz = RTE_FIB6_TRIE_2B, .num_tbl8 = second_level6(fib->max_routes6)},
	};
	char name[NAME_MAX_LEN + 4];
	struct rte_fib6 *table;

	snprintf(name, sizeof(name), "%s_%c", fib->name, suffix);
	table = rte_fib6_create(name, fib->socket, &conf);
	if (table)
		select_lookup(NULL, table);
	return table;
}

static bool in_use(const char *fib_name)
{
	char name[NAME_MAX_LEN + 4];

	snprintf(name, sizeof(name), "%s_4", fib_name);
	return rte_fib_find_existing(name) != NULL;
}

int wb_tables_create(struct wb_fib *fib, const struct wb_fib_config *config, struct wb_err *err)
{
	if (!config->name || !config->name[0] || strlen(config->name) > NAME_MAX_LEN)
		return wb_err_set(err, EINVAL,
				  "forwarding table: a name of 1 to %d characters expected",
				  NAME_MAX_LEN);
	if (config->max_routes4 > WB_FIB_MAX_ROUTES || config->max_routes6 > WB_FIB_MAX_ROUTES)
		return wb_err_set(err, EINVAL, "forwarding table: at most %d routes a family",
				  WB_FIB_MAX_ROUTES);
	snprintf(fib->name, sizeof(fib->name), "%s", config->name);
	fib->socket = config->socket;
	fib->max_routes4 = or_default(config->max_routes4);
	fib->max_routes6 = or_default(config->max_routes6);

	if (in_use(config->name))
		return wb_err_set(err, EEXIST, "there is a forwarding table %s already",
				  config->name);
	fib->v4 = create4(fib);
	if (fib->v4)
		fib->v6 = create6(fib, '6');
	if (!fib->v4 || !fib->v6)
		return wb_err_set(err, ENOMEM, "forwarding table %s: no %" PRIu64 " MB of memory",
				  config->name, wb_fib_memory(config) >> 20);
	return 0;
}

void wb_tables_free(struct wb_fib *fib)
{
	rte_fib_free(fib->v4);
	rte_fib6_free(fib->v6);
}

/* Copies every IPv6 route into `to`. */
static int copy6(const struct wb_fib *fib, struct rte_fib6 *to)
{
	struct wb_prefix all = {.addr.family = AF_INET6};
	struct wb_rib_node node;

	if (wb_rib_find(fib, &all, &node) && rte_fib6_add(to, all.addr.bytes, 0, node.id) != 0)
		return -ENOSPC;
	node = (struct wb_rib_node){0};
	while (wb_rib_next(fib, &all, &node))
		if (rte_fib6_add(to, node.prefix.addr.bytes, node.prefix.len, node.id) != 0)
			return -ENOSPC;
	return 0;
}

int wb_tables_rebuild6(struct wb_fib *fib)
{
	struct rte_fib6 *old = fib->v6, *new;

	/* Worth it only if much was lost: a table that is simply full must not be rebuilt for each
	 * route that does not fit. */
	if (fib->leaks6 < 1 + second_level6(fib->max_routes6) / 128)
		return -ENOSPC;
	new = create6(fib, fib->odd6 ? '6' : '7');
	if (!new)
		return -ENOMEM;
	if (copy6(fib, new) < 0) {
		rte_fib6_free(new);
		return -ENOSPC;
	}
	__atomic_store_n(&fib->v6, new, __ATOMIC_RELEASE);
	if (fib->synchronize)
		fib->synchronize(fib->arg);
	rte_fib6_free(old);
	fib->odd6 = !fib->odd6;
	fib->leaks6 = 0;
	fib->stale6 = false;
	return 0;
}
