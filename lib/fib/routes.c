/* SPDX-License-Identifier: BSD-3-Clause */
#include "fib/routes.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS_FIRST 1024u

int wb_routes_init(struct wb_routes *routes)
{
	*routes = (struct wb_routes){.mask = BUCKETS_FIRST - 1};
	routes->bucket = calloc(BUCKETS_FIRST, sizeof(routes->bucket[0]));
	return routes->bucket ? 0 : -ENOMEM;
}

void wb_routes_fini(struct wb_routes *routes)
{
	for (uint32_t i = 0; routes->bucket && i <= routes->mask; i++) {
		struct wb_route *route = routes->bucket[i];

		while (route) {
			struct wb_route *next = route->next;

			free(route);
			route = next;
		}
	}
	free(routes->bucket);
	routes->bucket = NULL;
}

static struct wb_route **chain(const struct wb_routes *routes, const struct wb_prefix *prefix)
{
	uint64_t hash = prefix->addr.words[0] ^ prefix->len;

	hash = hash * 0x9e3779b97f4a7c15;
	hash = ((hash ^ hash >> 32) + prefix->addr.words[1]) * 0xc2b2ae3d27d4eb4f;
	return &routes->bucket[(hash >> 32) & routes->mask];
}

struct wb_route *wb_routes_find(const struct wb_routes *routes, const struct wb_prefix *prefix)
{
	struct wb_route *route = *chain(routes, prefix);

	while (route && !wb_prefix_equal(&route->prefix, prefix))
		route = route->next;
	return route;
}

struct wb_route *wb_routes_parent(const struct wb_routes *routes, const struct wb_prefix *prefix)
{
	const uint32_t *n_len = prefix->addr.family == AF_INET ? routes->n_len4 : routes->n_len6;
	struct wb_prefix shorter = *prefix;

	while (shorter.len > 0) {
		struct wb_route *route;

		shorter.len--;
		if (n_len[shorter.len] == 0)
			continue;
		wb_prefix_mask(&shorter);
		route = wb_routes_find(routes, &shorter);
		if (route)
			return route;
	}
	return NULL;
}

/* Twice as many buckets. Without memory for them the chains grow longer, and no more. */
static void grow(struct wb_routes *routes)
{
	struct wb_routes larger = {.mask = routes->mask * 2 + 1};

	larger.bucket = calloc(larger.mask + 1, sizeof(larger.bucket[0]));
	if (!larger.bucket)
		return;
	for (uint32_t i = 0; i <= routes->mask; i++) {
		struct wb_route *route = routes->bucket[i];

		while (route) {
			struct wb_route **link = chain(&larger, &route->prefix);
			struct wb_route *next = route->next;

			route->next = *link;
			*link = route;
			route = next;
		}
	}
	free(routes->bucket);
	routes->bucket = larger.bucket;
	routes->mask = larger.mask;
}

static void count(struct wb_routes *routes, const struct wb_prefix *prefix, int by)
{
	if (prefix->addr.family == AF_INET) {
		routes->n4 += (uint32_t)by;
		routes->n_len4[prefix->len] += (uint32_t)by;
	} else {
		routes->n6 += (uint32_t)by;
		routes->n_len6[prefix->len] += (uint32_t)by;
	}
}

struct wb_route *wb_routes_add(
	struct wb_routes *routes, const struct wb_prefix *prefix, uint16_t nh_id)
{
	struct wb_route *route = calloc(1, sizeof(*route));
	struct wb_route **link;

	if (!route)
		return NULL;
	if (routes->n4 + routes->n6 > routes->mask)
		grow(routes);
	link = chain(routes, prefix);
	route->prefix = *prefix;
	route->nh_id = nh_id;
	route->next = *link;
	*link = route;
	count(routes, prefix, 1);
	return route;
}

void wb_routes_remove(struct wb_routes *routes, struct wb_route *route)
{
	struct wb_route **link = chain(routes, &route->prefix);

	while (*link != route)
		link = &(*link)->next;
	*link = route->next;
	count(routes, &route->prefix, -1);
	free(route);
}

static int compare(const void *a, const void *b)
{
	const struct wb_route *const *left = a, *const *right = b;

	return wb_prefix_compare(&(*left)->prefix, &(*right)->prefix);
}

struct wb_route **wb_routes_sorted(const struct wb_routes *routes)
{
	uint32_t total = routes->n4 + routes->n6, n = 0;
	struct wb_route **list;

	if (total == 0)
		return NULL;
	list = malloc(total * sizeof(struct wb_route *));
	if (!list)
		return NULL;
	for (uint32_t i = 0; i <= routes->mask; i++)
		for (struct wb_route *route = routes->bucket[i]; route; route = route->next)
			list[n++] = route;
	qsort(list, total, sizeof(struct wb_route *), compare);
	return list;
}
