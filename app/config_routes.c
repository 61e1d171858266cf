/* SPDX-License-Identifier: BSD-3-Clause */
/* Which prefix leads into which tunnels: the same prefix in several tunnels makes a group. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

int wb_config_route_compare(const struct config_route *a, const struct config_route *b)
{
	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	return wb_prefix_compare(&a->prefix, &b->prefix);
}

static int compare(const void *a, const void *b)
{
	const struct config_route *left = a, *right = b;
	int order = wb_config_route_compare(left, right);

	if (order != 0)
		return order;
	return (left->tunnels[0] > right->tunnels[0]) - (left->tunnels[0] < right->tunnels[0]);
}

static uint32_t table_of(const struct wb_wgquick *tunnel, const struct wb_prefix *prefix)
{
	if (tunnel->table_kind == WB_TABLE_NUMBER)
		return tunnel->table;
	return prefix->len == 0 ? CONFIG_DEFAULT_TABLE : 254;
}

/* Joins neighbours with the same prefix and table. Returns how many are left. */
static unsigned join(struct config_route *routes, unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		struct config_route *last = kept > 0 ? &routes[kept - 1] : NULL;

		if (last == NULL || last->table != routes[i].table ||
			!wb_prefix_equal(&last->prefix, &routes[i].prefix))
			routes[kept++] = routes[i];
		else if (last->tunnels[last->n_tunnels - 1] != routes[i].tunnels[0])
			last->tunnels[last->n_tunnels++] = routes[i].tunnels[0];
	}
	return kept;
}

/* Whether a tunnel's file asks for routes. */
static bool routed(const struct wb_wgquick *tunnel)
{
	return tunnel != NULL && tunnel->table_kind != WB_TABLE_OFF;
}

int wb_config_routes(struct wb_wgquick *const *tunnels, unsigned n_tunnels,
	struct config_route **routes, unsigned *n, struct wb_err *err)
{
	unsigned total = 0, filled = 0;

	for (unsigned i = 0; i < n_tunnels; i++)
		for (unsigned j = 0; routed(tunnels[i]) && j < tunnels[i]->n_peers; j++)
			total += tunnels[i]->peers[j].n_allowed;
	*routes = calloc(total + 1u, sizeof(**routes));
	if (*routes == NULL)
		return wb_err_set(err, ENOMEM, "no memory for %u routes", total);
	for (unsigned i = 0; i < n_tunnels; i++) {
		const struct wb_wgquick *tunnel = tunnels[i];

		for (unsigned j = 0; routed(tunnel) && j < tunnel->n_peers; j++)
			for (unsigned k = 0; k < tunnel->peers[j].n_allowed; k++) {
				struct config_route *route = &(*routes)[filled++];

				route->prefix = tunnel->peers[j].allowed[k];
				route->table = table_of(tunnel, &route->prefix);
				route->tunnels[0] = (uint8_t)i;
				route->n_tunnels = 1;
			}
	}
	qsort(*routes, filled, sizeof(**routes), compare);
	*n = join(*routes, filled);
	return 0;
}
