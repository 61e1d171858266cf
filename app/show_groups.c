/* SPDX-License-Identifier: BSD-3-Clause */
/* The groups of tunnels that prefixes are spread over, and how far they are from what they want. */
#include <stdio.h>

#include "show.h"
#include "units.h"

/* What a share says of a whole path: telemetry counts in 256ths. */
#define FULL_SHARE 256

static json_t *paths_gather(struct client *client, int group, int n, struct wb_err *err)
{
	json_t *paths = json_array();

	for (int i = 0; i < n; i++) {
		json_t *path = client_ask(client, err, "/wirebraid/group_path,%d:%d", group, i);

		if (path != NULL)
			json_array_append_new(paths, path);
	}
	return paths;
}

static void page_gather(
	struct client *client, const json_t *page, json_t *groups, struct wb_err *err)
{
	json_t *id;
	size_t i;

	json_array_foreach(page, i, id)
	{
		int number = (int)json_integer_value(id);
		json_t *group = client_ask(client, err, "/wirebraid/group,%d", number);

		if (group == NULL)
			continue;
		json_object_set_new(group, "paths",
			paths_gather(client, number, (int)client_int(group, "paths"), err));
		json_array_append_new(groups, group);
	}
}

json_t *show_groups_gather(struct client *client, struct wb_err *err)
{
	json_t *groups = json_array(), *page;
	size_t from = 0, size;

	do {
		page = client_ask(client, err, "/wirebraid/groups,%zu", from);
		if (page == NULL && from == 0) {
			json_decref(groups);
			return NULL;
		}
		size = json_array_size(page);
		from += size;
		page_gather(client, page, groups, err);
		json_decref(page);
	} while (size > 0);
	return groups;
}

static void path_print(const json_t *path)
{
	json_int_t share = client_int(path, "share");

	printf("  %-15s weight %3lld, share %3lld %%, %5lld buckets of %5lld%s\n",
		client_text(path, "tunnel"), (long long)client_int(path, "weight"),
		(long long)(share * 100 / FULL_SHARE), (long long)client_int(path, "buckets"),
		(long long)client_int(path, "wanted"), share == 0 ? ", DEAD" : "");
}

void show_groups_print(const json_t *groups)
{
	const json_t *group, *path;
	char moved[UNITS_STRLEN];
	size_t i, j;

	json_array_foreach(groups, i, group)
	{
		json_int_t others = client_int(group, "routes") - 1;

		printf("%s%s", i > 0 ? "\n" : "", client_text(group, "prefix"));
		if (others > 0)
			printf(" and %lld more", (long long)others);
		printf("\n  group %lld: %lld buckets, %s moved, %lld to move when idle\n",
			(long long)client_int(group, "id"), (long long)client_int(group, "buckets"),
			units_count((uint64_t)client_int(group, "moved"), moved),
			(long long)client_int(group, "waiting"));
		json_array_foreach(json_object_get(group, "paths"), j, path) path_print(path);
	}
}
