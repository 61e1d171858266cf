/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "fib/fib.h"

#include "telemetry_commands.h"

#define GROUPS_A_REPLY 256

/* Some of the groups' ids, from a place on. */
struct group_page {
	struct rte_tel_data *data;
	unsigned from, seen;
};

static bool group_add(void *arg, struct wb_group *group)
{
	struct group_page *page = arg;

	if (page->seen >= page->from && page->seen < page->from + GROUPS_A_REPLY)
		rte_tel_data_add_array_int(page->data, (int)group->id);
	page->seen++;
	return false;
}

int telemetry_groups(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	struct group_page page = {.data = data, .from = (unsigned)strtoul(params, NULL, 10)};

	rte_tel_data_start_array(data, RTE_TEL_INT_VAL);
	wb_fib_groups_walk(gateway->fib, group_add, &page);
	return 0;
}

/* The first prefix that leads to a group. */
struct prefix_search {
	const struct wb_group *group;
	char text[WB_PREFIX_STRLEN];
};

static int prefix_found(void *arg, const struct wb_prefix *prefix, const struct wb_nexthop *hop)
{
	struct prefix_search *search = arg;

	if (hop->type != WB_NH_GROUP || hop->group != search->group)
		return 0;
	wb_prefix_format(prefix, search->text);
	return 1;
}

int telemetry_group(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	const struct wb_group *group =
		wb_fib_group_find(gateway->fib, (uint32_t)strtoul(params, NULL, 10));
	struct prefix_search search = {.group = group, .text = ""};

	if (group == NULL)
		return -ENOENT;
	wb_fib_foreach(gateway->fib, prefix_found, &search);
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_u64(data, "id", group->id);
	rte_tel_data_add_dict_u64(data, "routes", wb_fib_group_refs(gateway->fib, group->id));
	rte_tel_data_add_dict_string(data, "prefix", search.text);
	rte_tel_data_add_dict_int(data, "buckets", (int)group->mask + 1);
	rte_tel_data_add_dict_u64(data, "moved", group->moved);
	rte_tel_data_add_dict_u64(data, "waiting", group->waiting);
	rte_tel_data_add_dict_int(data, "paths", group->n_paths);
	return 0;
}

int telemetry_group_path(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	const struct wb_group_path *path;
	const struct wb_tunnel *tunnel;
	const struct wb_group *group;
	unsigned index, unused;
	char id[16];

	telemetry_split(params, id, sizeof(id), &index, &unused);
	group = wb_fib_group_find(gateway->fib, (uint32_t)strtoul(id, NULL, 10));
	if (group == NULL || index >= group->n_paths)
		return -ENOENT;
	path = &group->paths[index];
	/* A group that no route leads to any more may name a tunnel that is gone. */
	tunnel = gateway->wg->by_id[path->tunnel];
	if (tunnel == NULL)
		return -ENOENT;
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_string(data, "tunnel", tunnel->name);
	rte_tel_data_add_dict_int(data, "weight", path->weight);
	rte_tel_data_add_dict_int(data, "share", path->share);
	rte_tel_data_add_dict_int(data, "buckets", group->buckets[index]);
	rte_tel_data_add_dict_int(data, "wanted", group->wanted[index]);
	return 0;
}
