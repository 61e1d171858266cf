/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "site.h"

static bool same_tunnels(const struct config_route *a, const struct config_route *b)
{
	return a->n_tunnels == b->n_tunnels && memcmp(a->tunnels, b->tunnels, a->n_tunnels) == 0;
}

/* One multipath route for each prefix: tunnels with the same allowed IPs share it. */
static int route_set(struct site *site, const struct config_route *route, struct wb_err *err)
{
	struct wb_hop hops[CONFIG_TUNNELS_MAX] = {{.ifindex = 0}};

	for (unsigned i = 0; i < route->n_tunnels; i++)
		hops[i].ifindex = site->gateway->tunnels[route->tunnels[i]].ifindex;
	return wb_netlink_route_set(
		site->netlink, route->table, &route->prefix, hops, route->n_tunnels, err);
}

/* What wg-quick does for a default route, for one family. */
static int rules_sync(struct site *site, int family, bool wanted, struct wb_err *err)
{
	unsigned bit = family == AF_INET ? 1 : 2;
	int rc = 0;

	if (wanted == ((site->default_rules & bit) != 0))
		return 0;
	if (wanted)
		rc = wb_netlink_default_rules_add(
			site->netlink, family, CONFIG_DEFAULT_TABLE, CONFIG_DEFAULT_TABLE, err);
	else
		wb_netlink_default_rules_del(
			site->netlink, family, CONFIG_DEFAULT_TABLE, CONFIG_DEFAULT_TABLE);
	if (rc == 0)
		site->default_rules ^= bit;
	return rc;
}

static int all_rules_sync(
	struct site *site, const struct config_route *routes, unsigned n, struct wb_err *err)
{
	bool wanted4 = false, wanted6 = false;
	int rc;

	for (unsigned i = 0; i < n; i++)
		if (routes[i].table == CONFIG_DEFAULT_TABLE && routes[i].prefix.len == 0) {
			wanted4 |= routes[i].prefix.addr.family == AF_INET;
			wanted6 |= routes[i].prefix.addr.family == AF_INET6;
		}
	rc = rules_sync(site, AF_INET, wanted4, err);
	return rc == 0 ? rules_sync(site, AF_INET6, wanted6, err) : rc;
}

/* Both lists are sorted: what is new or other is set, what is gone is deleted. */
static int merge(
	struct site *site, const struct config_route *wanted, unsigned n, struct wb_err *err)
{
	unsigned i = 0, j = 0;
	int rc = 0;

	while (rc == 0 && (i < site->n_routes || j < n)) {
		int order = i == site->n_routes ? 1
			: j == n		? -1
				 : wb_config_route_compare(&site->routes[i], &wanted[j]);

		if (order < 0) {
			wb_netlink_route_del(
				site->netlink, site->routes[i].table, &site->routes[i].prefix);
			i++;
			continue;
		}
		if (order > 0 || !same_tunnels(&site->routes[i], &wanted[j]))
			rc = route_set(site, &wanted[j], err);
		i += order == 0;
		j++;
	}
	return rc;
}

int site_routes_sync(struct site *site, struct wb_err *err)
{
	struct config_route *wanted;
	unsigned n;
	int rc = wb_config_routes(site->files, WB_TUNNELS_MAX, &wanted, &n, err);

	if (rc < 0)
		return rc;
	rc = merge(site, wanted, n, err);
	if (rc == 0)
		rc = all_rules_sync(site, wanted, n, err);
	/* Even if some are not set: what is taken for set is then deleted, which does no harm. */
	free(site->routes);
	site->routes = wanted;
	site->n_routes = n;
	return rc;
}
