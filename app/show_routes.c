/* SPDX-License-Identifier: BSD-3-Clause */
/* Routes into tunnels: which prefix leads into which. */
#include <stdio.h>

#include "show.h"
#include "units.h"

/* The tunnels of a route by their names. The gateway gives a tunnel a key of its own where DPDK
 * does not take the name for one, as wg-b, and tells the name inside. */
static json_t *by_name(json_t *route)
{
	json_t *tunnels, *tunnel, *name;
	const char *key;

	if (route == NULL)
		return NULL;
	tunnels = json_object();
	json_object_foreach(route, key, tunnel)
	{
		name = json_object_get(tunnel, "tunnel");
		json_object_set(
			tunnels, json_is_string(name) ? json_string_value(name) : key, tunnel);
	}
	json_decref(route);
	return tunnels;
}

json_t *show_routes_gather(struct client *client, struct wb_err *err)
{
	json_t *routes = json_array(), *page, *prefix;
	size_t i, size;

	do {
		page = client_ask(client, err, "/wirebraid/routes,%zu", json_array_size(routes));
		if (page == NULL && json_array_size(routes) == 0) {
			json_decref(routes);
			return NULL;
		}
		size = json_array_size(page);
		json_array_foreach(page, i, prefix)
		{
			json_t *tunnels = by_name(client_ask(
				client, err, "/wirebraid/route,%s", json_string_value(prefix)));

			json_array_append_new(routes,
				json_pack("{s:O, s:o?}", "prefix", prefix, "tunnels", tunnels));
		}
		json_decref(page);
	} while (size > 0);
	return routes;
}

void show_routes_print(const json_t *routes)
{
	const json_t *route, *tunnel;
	const char *name;
	char rx[UNITS_STRLEN], tx[UNITS_STRLEN];
	size_t i;

	json_array_foreach(routes, i, route)
	{
		printf("%s%s\n", i > 0 ? "\n" : "", client_text(route, "prefix"));
		json_object_foreach(json_object_get(route, "tunnels"), name, tunnel)
		{
			printf("  %-15s %-4s weight %lld, %lld buckets", name,
				client_int(tunnel, "up") ? "up" : "DOWN",
				(long long)client_int(tunnel, "weight"),
				(long long)client_int(tunnel, "buckets"));
			if (*client_text(tunnel, "member") != '\0')
				printf(", by %s", client_text(tunnel, "member"));
			printf("\n  %-15s %s received, %s sent\n", "",
				units_bytes((uint64_t)client_int(tunnel, "rx_bytes"), rx),
				units_bytes((uint64_t)client_int(tunnel, "tx_bytes"), tx));
		}
	}
}
