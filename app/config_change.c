/* SPDX-License-Identifier: BSD-3-Clause */
/* What of a configuration can change while the gateway runs. */
#include <errno.h>
#include <string.h>

#include "config.h"

static bool same_members(const struct config_port *a, const struct config_port *b)
{
	bool same = a->n_members == b->n_members;

	for (unsigned i = 0; same && i < a->n_members; i++)
		same = strcmp(a->members[i].text, b->members[i].text) == 0;
	return same;
}

static bool same_lacp(const struct wb_lacp_config *a, const struct wb_lacp_config *b)
{
	return a->slow == b->slow && a->select == b->select && a->min_links == b->min_links &&
		a->key == b->key && a->system_priority == b->system_priority &&
		a->port_priority == b->port_priority;
}

static int port_same(const struct wb_config *after, const struct config_port *a,
	const struct config_port *b, struct wb_err *err)
{
	const char *what = NULL;

	if (strcmp(a->name, b->name) != 0 || a->bond != b->bond)
		what = "its name or kind";
	else if (!same_members(a, b))
		what = "its devices";
	else if (a->policy != b->policy || !same_lacp(&a->lacp, &b->lacp))
		what = "hash, LACP or min-links";
	else if (a->mtu != b->mtu)
		what = "mtu";
	else if (a->rx_queues != b->rx_queues)
		what = "rx-queues";
	else if (a->offload != b->offload)
		what = "offload";
	if (what == NULL)
		return 0;
	return wb_err_set(err, EBUSY, "%s:%u: %s of port %s cannot change without a restart",
		after->path, b->line, what, a->name);
}

static bool same_lcores(const struct wb_config *a, const struct wb_config *b)
{
	return a->control_cpu == b->control_cpu && a->n_workers == b->n_workers &&
		memcmp(a->workers, b->workers, a->n_workers * sizeof(a->workers[0])) == 0;
}

int wb_config_same_gateway(
	const struct wb_config *before, const struct wb_config *after, struct wb_err *err)
{
	int rc = 0;

	if (strcmp(before->name, after->name) != 0 || before->memory_mib != after->memory_mib ||
		before->poll_always != after->poll_always)
		return wb_err_set(err, EBUSY,
			"%s: name, memory and poll of [gateway] cannot change without a restart",
			after->path);
	if (!same_lcores(before, after))
		return wb_err_set(err, EBUSY,
			"%s: control and workers of [lcores] cannot change without a restart",
			after->path);
	if (before->n_ports != after->n_ports)
		return wb_err_set(
			err, EBUSY, "%s: ports cannot come or go without a restart", after->path);
	for (unsigned i = 0; rc == 0 && i < after->n_ports; i++)
		rc = port_same(after, &before->ports[i], &after->ports[i], err);
	return rc;
}
