/* SPDX-License-Identifier: BSD-3-Clause */
#include "fib/fib.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fib/lpm.h"
#include "fib/routes.h"

struct wb_fib_control {
	struct wb_lpm *lpm4, *lpm6;
	struct wb_routes routes;
	uint32_t max4, max6;
};

static uint32_t or_default(uint32_t max_routes)
{
	return max_routes ? max_routes : WB_FIB_ROUTES;
}

/* A kernel that overcommits nothing (vm.overcommit_memory = 2) counts address space as memory: it
 * gets a table for fewer routes. */
static int lpm_create(uint16_t family, const struct wb_fib_config *config, uint32_t *max_routes,
	struct wb_lpm **lpm)
{
	int ret;

	while ((ret = wb_lpm_create(family, *max_routes, config->retire, config->arg, lpm)) ==
			-ENOMEM &&
		*max_routes / 8 >= WB_FIB_LEAST_ROUTES)
		*max_routes /= 8;
	return ret;
}

static int create_parts(struct wb_fib *fib, const struct wb_fib_config *config)
{
	struct wb_fib_control *control = fib->control;
	int ret;

	control->max4 = or_default(config->max_routes4);
	control->max6 = or_default(config->max_routes6);
	ret = wb_nh_store_create(config->retire, config->arg, &fib->store);
	if (ret < 0)
		return ret;
	fib->nexthops = wb_nh_store_table(fib->store);
	ret = wb_routes_init(&control->routes);
	if (ret < 0)
		return ret;
	ret = lpm_create(AF_INET, config, &control->max4, &control->lpm4);
	if (ret < 0)
		return ret;
	fib->v4 = (const struct wb_lpm_table *)control->lpm4;
	ret = lpm_create(AF_INET6, config, &control->max6, &control->lpm6);
	fib->v6 = (const struct wb_lpm_table *)control->lpm6;
	return ret;
}

int wb_fib_create(const struct wb_fib_config *config, struct wb_fib **out, struct wb_err *err)
{
	struct wb_fib *fib;

	if (config->max_routes4 > WB_FIB_MAX_ROUTES || config->max_routes6 > WB_FIB_MAX_ROUTES)
		return wb_err_set(err, EINVAL, "forwarding table: at most %d routes a family",
			WB_FIB_MAX_ROUTES);
	fib = calloc(1, sizeof(*fib));
	if (fib)
		fib->control = calloc(1, sizeof(*fib->control));
	if (!fib || !fib->control || create_parts(fib, config) < 0) {
		wb_fib_destroy(fib);
		return wb_err_set(err, ENOMEM, "no memory for a forwarding table");
	}
	*out = fib;
	return 0;
}

void wb_fib_destroy(struct wb_fib *fib)
{
	if (!fib)
		return;
	if (fib->control) {
		wb_lpm_destroy(fib->control->lpm4);
		wb_lpm_destroy(fib->control->lpm6);
		wb_routes_fini(&fib->control->routes);
		free(fib->control);
	}
	wb_nh_store_destroy(fib->store);
	free(fib);
}

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

static struct wb_lpm *lpm_of(struct wb_fib *fib, const struct wb_prefix *prefix)
{
	return prefix->addr.family == AF_INET ? fib->control->lpm4 : fib->control->lpm6;
}

static int full(const struct wb_prefix *prefix, struct wb_err *err)
{
	char text[WB_PREFIX_STRLEN];

	return wb_err_set(
		err, ENOSPC, "no room for the route to %s", wb_prefix_format(prefix, text));
}

static int add_new(
	struct wb_fib *fib, const struct wb_prefix *prefix, uint16_t id, struct wb_err *err)
{
	struct wb_fib_control *control = fib->control;
	struct wb_route *route;

	if (prefix->addr.family == AF_INET ? control->routes.n4 >= control->max4
					   : control->routes.n6 >= control->max6)
		return full(prefix, err);
	route = wb_routes_add(&control->routes, prefix, id);
	if (!route)
		return wb_err_set(err, ENOMEM, "no memory for a route");
	if (wb_lpm_set(lpm_of(fib, prefix), prefix, id) < 0) {
		wb_routes_remove(&control->routes, route);
		return full(prefix, err);
	}
	return 0;
}

int wb_fib_route_set(struct wb_fib *fib, const struct wb_prefix *given,
	const struct wb_nh_spec *spec, struct wb_err *err)
{
	struct wb_prefix prefix;
	struct wb_route *route;
	uint16_t id, old_id;
	int ret;

	ret = check_prefix(given, &prefix, err);
	if (ret < 0)
		return ret;
	ret = wb_nh_ref(fib->store, spec, &id, err);
	if (ret < 0)
		return ret;
	route = wb_routes_find(&fib->control->routes, &prefix);
	if (!route) {
		ret = add_new(fib, &prefix, id, err);
		if (ret < 0)
			wb_nh_unref(fib->store, id);
		return ret;
	}
	/* Needs no new block: those the prefix needs are there since it is. */
	old_id = route->nh_id;
	if (old_id != id)
		wb_lpm_set(lpm_of(fib, &prefix), &prefix, id);
	route->nh_id = id;
	wb_nh_unref(fib->store, old_id);
	return 0;
}

int wb_fib_route_del(struct wb_fib *fib, const struct wb_prefix *given, struct wb_err *err)
{
	struct wb_routes *routes = &fib->control->routes;
	const struct wb_route *parent;
	char text[WB_PREFIX_STRLEN];
	struct wb_prefix prefix;
	struct wb_route *route;
	uint16_t id;
	int ret;

	ret = check_prefix(given, &prefix, err);
	if (ret < 0)
		return ret;
	route = wb_routes_find(routes, &prefix);
	if (!route)
		return wb_err_set(err, ENOENT, "no route to %s", wb_prefix_format(&prefix, text));
	id = route->nh_id;
	parent = wb_routes_parent(routes, &prefix);
	wb_lpm_del(lpm_of(fib, &prefix), &prefix, parent ? parent->prefix.len : 0,
		parent ? parent->nh_id : WB_NH_KERNEL);
	wb_routes_remove(routes, route);
	wb_nh_unref(fib->store, id);
	return 0;
}

const struct wb_nexthop *wb_fib_route_get(const struct wb_fib *fib, const struct wb_prefix *given)
{
	const struct wb_route *route;
	struct wb_prefix prefix;

	if (check_prefix(given, &prefix, NULL) < 0)
		return NULL;
	route = wb_routes_find(&fib->control->routes, &prefix);
	return route ? wb_fib_nexthop(fib, route->nh_id) : NULL;
}

uint32_t wb_fib_routes(const struct wb_fib *fib, uint16_t family)
{
	return family == AF_INET ? fib->control->routes.n4 : fib->control->routes.n6;
}

int wb_fib_foreach(const struct wb_fib *fib, wb_fib_route_fn fn, void *arg)
{
	const struct wb_routes *routes = &fib->control->routes;
	uint32_t total = routes->n4 + routes->n6;
	struct wb_route **list;
	int ret = 0;

	if (total == 0)
		return 0;
	list = wb_routes_sorted(routes);
	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; i < total && ret == 0; i++)
		ret = fn(arg, &list[i]->prefix, wb_fib_nexthop(fib, list[i]->nh_id));
	free(list);
	return ret;
}

/* --- workers --- */

void wb_fib_lookup4_bulk(
	const struct wb_fib *fib, const uint32_t *ips, uint64_t *nh_ids, unsigned n)
{
	wb_lpm_lookup4_bulk(fib->v4, ips, nh_ids, n);
}

/* Eight walks side by side, so that they wait for memory together: a host route is fourteen
 * levels deep, and each level needs the one before. */
#define LANES 8

static void lookup6_lanes(
	const struct wb_lpm_table *table, const uint8_t (*ips)[16], uint64_t *nh_ids)
{
	uint32_t entry[LANES], any = 0;

	for (unsigned i = 0; i < LANES; i++) {
		entry[i] = wb_lpm_load(table, (uint32_t)ips[i][0] << 8 | ips[i][1]);
		any |= entry[i];
	}
	for (unsigned at = 2; any & WB_LPM_CHILD; at++) {
		any = 0;
		for (unsigned i = 0; i < LANES; i++) {
			if (entry[i] & WB_LPM_CHILD)
				entry[i] = wb_lpm_load(table, wb_lpm_below(entry[i], ips[i][at]));
			any |= entry[i];
		}
	}
	for (unsigned i = 0; i < LANES; i++)
		nh_ids[i] = entry[i];
}

void wb_fib_lookup6_bulk(
	const struct wb_fib *fib, const uint8_t (*ips)[16], uint64_t *nh_ids, unsigned n)
{
	unsigned i = 0;

	for (; i + LANES <= n; i += LANES)
		lookup6_lanes(fib->v6, ips + i, nh_ids + i);
	for (; i < n; i++)
		nh_ids[i] = wb_lpm_lookup6(fib->v6, ips[i]);
}
