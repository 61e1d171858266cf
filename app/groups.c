/* SPDX-License-Identifier: BSD-3-Clause */
#include "groups.h"

#include <stdlib.h>

#include <rte_log.h>

#include "fib/flow_follow.h"

#include "control.h"

#define POLL_EVERY (10 * NS_PER_MS)

struct groups {
	uint32_t next_id; /* never given twice */
	uint64_t polled;
	uint16_t shares[WB_TUNNELS_MAX];
};

struct groups *groups_create(void)
{
	struct groups *groups = calloc(1, sizeof(*groups));

	if (groups == NULL)
		return NULL;
	for (unsigned i = 0; i < WB_TUNNELS_MAX; i++)
		groups->shares[i] = WB_GROUP_FULL;
	return groups;
}

void groups_free(struct groups *groups)
{
	free(groups);
}

void groups_configure(struct gateway *gateway, const struct config_ecmp *ecmp)
{
	gateway->flow_options = (uint8_t)((ecmp->symmetric ? WB_FLOW_SYMMETRIC : 0) |
		(ecmp->inner ? WB_FLOW_INNER : 0));
	gateway->group_idle = ecmp->idle_ms * NS_PER_MS;
	gateway->group_force = ecmp->unbalanced_ms * NS_PER_MS;
}

/* Paths of a route, to be found among the groups. */
struct wanted {
	const struct wb_group_path *paths;
	unsigned n;
};

static int by_tunnel(const void *a, const void *b)
{
	return (int)((const struct wb_group_path *)a)->tunnel -
		(int)((const struct wb_group_path *)b)->tunnel;
}

/* All groups made here have their paths in the order of the tunnels. */
static bool has_paths(void *arg, struct wb_group *group)
{
	const struct wanted *wanted = arg;

	if (group->n_paths != wanted->n)
		return false;
	for (unsigned i = 0; i < wanted->n; i++)
		if (group->paths[i].tunnel != wanted->paths[i].tunnel ||
			group->paths[i].weight != wanted->paths[i].weight)
			return false;
	return true;
}

/* A route on its way to a group that is there. */
struct joining {
	struct wanted wanted;
	const struct wb_group *from; /* which leads its flows now; NULL: it has none */
	uint64_t now, idle;
};

/* Whether a group is the one wanted, and no flow in use would move by joining it. */
static bool may_join(void *arg, struct wb_group *group)
{
	struct joining *joining = arg;

	return has_paths(&joining->wanted, group) &&
		(joining->from == NULL ||
			wb_group_merge(joining->from, group, joining->now, joining->idle));
}

/* A group that leads each flow where the route leads it now, for the route to have alone: `*own` is
 * its group if nobody else has that, else one that no route leads to yet. NULL: the route leads to
 * no tunnel now. */
static int own_group(struct control *control, const struct wb_nexthop *hop, struct wb_group **own,
	struct wb_err *err)
{
	uint32_t id = control->groups->next_id;
	uint64_t now = clock_now();

	*own = NULL;
	if (hop != NULL && hop->type == WB_NH_TUNNEL) {
		const struct wb_group_path path = {
			.tunnel = hop->tunnel, .weight = 1, .share = WB_GROUP_FULL};

		return wb_group_build(id, &path, 1, now, own, err);
	}
	if (hop == NULL || hop->type != WB_NH_GROUP)
		return 0;
	if (wb_fib_group_refs(control->gateway->fib, hop->group->id) > 1)
		return wb_group_clone(hop->group, id, now, own, err);
	*own = hop->group;
	return 0;
}

/* Gives a group other paths, and the FIB its table if that is another one. On failure the group is
 * as it was. */
static int group_change(struct control *control, struct wb_group *group,
	const struct wb_group_path *paths, unsigned n, struct wb_err *err)
{
	struct wb_group *changed;
	int rc = wb_group_change(group, paths, n, clock_now(), &changed, err);

	if (rc < 0)
		return rc;
	rc = wb_fib_group_set(control->gateway->fib, changed, err);
	if (rc < 0 && changed != group)
		wb_group_free(changed);
	return rc;
}

/* A group that no route had: `own`, which leads the flows where they are and is not yet the FIB's,
 * or none, if there are no flows to keep. */
static int group_add(struct control *control, struct wb_group *own,
	const struct wb_group_path *paths, unsigned n, struct wb_err *err)
{
	struct wb_group *fresh;
	int rc = own == NULL ? wb_group_build(control->groups->next_id, paths, n, 0, &fresh, err)
			     : wb_group_change(own, paths, n, clock_now(), &fresh, err);

	if (rc < 0 || fresh != own)
		wb_group_free(own);
	if (rc < 0)
		return rc;
	rc = wb_fib_group_set(control->gateway->fib, fresh, err);
	if (rc < 0)
		wb_group_free(fresh);
	else
		control->groups->next_id++;
	return rc;
}

int groups_for_route(struct control *control, const struct wb_prefix *prefix,
	struct wb_group_path *paths, unsigned n, uint32_t *id)
{
	struct gateway *gateway = control->gateway;
	const struct wb_nexthop *hop = wb_fib_route_get(gateway->fib, prefix);
	struct joining joining = {.wanted = {.paths = paths, .n = n},
		.now = clock_now(),
		.idle = gateway->group_idle};
	struct wb_group *own = NULL, *twin;
	struct wb_err err;
	int rc = 0;

	qsort(paths, n, sizeof(paths[0]), by_tunnel);
	for (unsigned i = 0; i < n; i++)
		paths[i].share = control->groups->shares[paths[i].tunnel];
	if (hop != NULL && hop->type == WB_NH_GROUP && has_paths(&joining.wanted, hop->group)) {
		*id = hop->group->id;
		return 0;
	}
	/* A group knows which of its buckets are idle; a tunnel's flows may all be in use. */
	if (hop != NULL && hop->type == WB_NH_GROUP)
		joining.from = hop->group;
	else if (hop != NULL && hop->type == WB_NH_TUNNEL)
		rc = own_group(control, hop, &own, &err);
	if (rc < 0)
		return rc;
	if (own != NULL)
		joining.from = own;
	twin = wb_fib_groups_walk(gateway->fib, may_join, &joining);
	if (twin != NULL) {
		wb_group_free(own);
		*id = twin->id;
		return 0;
	}
	control->paths_stale = true;
	if (own == NULL)
		rc = own_group(control, hop, &own, &err);
	if (rc < 0)
		return rc;
	if (own != NULL && own->id != control->groups->next_id) {
		*id = own->id;
		return group_change(control, own, paths, n, &err);
	}
	*id = control->groups->next_id;
	return group_add(control, own, paths, n, &err);
}

/* A tunnel's new share, on its way through the groups. */
struct share_change {
	struct control *control;
	uint16_t tunnel, share;
};

static bool share_take(void *arg, struct wb_group *group)
{
	const struct share_change *change = arg;
	struct wb_group_path paths[WB_GROUP_MAX_PATHS];
	unsigned n = group->n_paths;
	struct wb_err err;
	bool has = false;

	for (unsigned i = 0; i < n; i++) {
		paths[i] = group->paths[i];
		if (paths[i].tunnel != change->tunnel)
			continue;
		paths[i].share = change->share;
		has = true;
	}
	/* Only a table that grows can fail, and none grows by a share. */
	if (has && group_change(change->control, group, paths, n, &err) < 0)
		RTE_LOG(ERR, USER1, "wirebraid: %s\n", err.text);
	return false;
}

void groups_path_share(struct control *control, uint16_t tunnel, uint16_t share)
{
	struct share_change change = {.control = control, .tunnel = tunnel, .share = share};

	if (control->groups->shares[tunnel] == share)
		return;
	control->groups->shares[tunnel] = share;
	wb_fib_groups_walk(control->gateway->fib, share_take, &change);
}

/* Whether a group has a tunnel. */
static bool has_tunnel(void *arg, struct wb_group *group)
{
	for (unsigned i = 0; i < group->n_paths; i++)
		if (group->paths[i].tunnel == *(const uint16_t *)arg)
			return true;
	return false;
}

bool groups_have(const struct control *control, uint16_t tunnel)
{
	return wb_fib_groups_walk(control->gateway->fib, has_tunnel, &tunnel) != NULL;
}

/* One look at the clock and the settings for all groups. */
struct poll {
	uint64_t now, idle, force;
};

static bool balance(void *arg, struct wb_group *group)
{
	const struct poll *poll = arg;

	wb_group_balance(group, poll->now, poll->idle, poll->force);
	return false;
}

void groups_poll(struct control *control, uint64_t now)
{
	struct gateway *gateway = control->gateway;
	struct poll poll = {.now = now, .idle = gateway->group_idle, .force = gateway->group_force};

	if (now - control->groups->polled < POLL_EVERY)
		return;
	control->groups->polled = now;
	/* Not at once: a route that is deleted and set again comes back to its group. */
	wb_fib_groups_sweep(gateway->fib);
	wb_fib_groups_walk(gateway->fib, balance, &poll);
}
