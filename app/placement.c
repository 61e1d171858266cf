/* SPDX-License-Identifier: BSD-3-Clause */
#include "placement.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* A half of the same kind weighs so much more than another stage. */
#define SAME_KIND 3

const struct placement_rule *placement_rule(
	const struct placement *placement, const char *name, enum placement_part part, int queue)
{
	for (unsigned i = 0; i < placement->n_rules; i++) {
		const struct placement_rule *rule = &placement->rules[i];

		if ((rule->what.parts & part) != 0 && strcmp(rule->what.name, name) == 0 &&
			(part != PLACEMENT_RX || rule->what.queue < 0 || rule->what.queue == queue))
			return rule;
	}
	return NULL;
}

int placement_worker(const struct placement *placement, unsigned cpu)
{
	for (unsigned i = 0; i < placement->n_workers; i++)
		if (placement->workers[i].cpu == cpu)
			return (int)i;
	return -1;
}

/* The worker that a rule names; -1: no rule does. */
static int ruled(
	const struct placement *placement, const char *name, enum placement_part part, int queue)
{
	const struct placement_rule *rule = placement_rule(placement, name, part, queue);

	return rule == NULL ? -1 : placement_worker(placement, rule->cpu);
}

static bool near(int a, int b)
{
	return a == b || a == PLACEMENT_NODE_ANY || b == PLACEMENT_NODE_ANY;
}

/* The worker for one more rx queue of a port: near it if one is, with the fewest queues. */
static unsigned queue_worker(
	const struct placement *placement, unsigned port, const unsigned *queues)
{
	unsigned best = 0, least = UINT_MAX;

	for (unsigned i = 0; i < placement->n_workers; i++) {
		bool far = !near(placement->workers[i].node, placement->ports[port].node);
		unsigned cost = queues[i] + (far ? UINT_MAX / 2 : 0);

		if (cost < least) {
			least = cost;
			best = i;
		}
	}
	return best;
}

static void place_port(const struct placement *placement, unsigned port, unsigned *queues,
	struct placement_of_ports *out)
{
	const char *name = placement->ports[port].name;
	unsigned first = 0;
	int worker;

	for (unsigned queue = 0; queue < placement->ports[port].queues; queue++) {
		worker = ruled(placement, name, PLACEMENT_RX, (int)queue);
		if (worker < 0)
			worker = (int)queue_worker(placement, port, queues);
		out->rx[port][queue] = (uint8_t)worker;
		queues[worker]++;
		if (queue == 0)
			first = (unsigned)worker;
	}
	worker = ruled(placement, name, PLACEMENT_TAP, 0);
	out->tap[port] = (uint8_t)(worker < 0 ? (int)first : worker);
	worker = ruled(placement, name, PLACEMENT_TX, 0);
	out->tx[port] = (uint8_t)(worker < 0 ? (int)first : worker);
}

void placement_of_ports(const struct placement *placement, struct placement_of_ports *out)
{
	unsigned queues[PLACEMENT_WORKERS_MAX] = {0};

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < placement->n_ports; i++)
		place_port(placement, i, queues, out);
}

void placement_ports_load(const struct placement *placement, const struct placement_of_ports *ports,
	struct placement_load *load)
{
	for (unsigned i = 0; i < placement->n_ports; i++)
		for (unsigned queue = 0; queue < placement->ports[i].queues; queue++)
			load[ports->rx[i][queue]].rx++;
}

/* Whether packets of some port are in a worker's own memory. */
static bool near_ports(const struct placement *placement, unsigned worker)
{
	for (unsigned i = 0; i < placement->n_ports; i++)
		if (near(placement->workers[worker].node, placement->ports[i].node))
			return true;
	return placement->n_ports == 0;
}

/* What it costs to give a worker one more half of a tunnel: all it has counts, and more so what is
 * of the same kind, since traffic often goes one way; of equals, distance. */
static unsigned half_cost(const struct placement *placement, unsigned worker,
	const struct placement_load *load, enum placement_part part)
{
	unsigned same = part == PLACEMENT_SEAL ? load->seals : load->opens;

	return (load->rx + load->seals + load->opens + SAME_KIND * same) * 2 +
		!near_ports(placement, worker);
}

/* @param not these two; PLACEMENT_WORKERS_MAX: no such worker. */
static unsigned half_worker(const struct placement *placement, const struct placement_load *load,
	enum placement_part part, const unsigned not [2])
{
	unsigned best = 0, least = UINT_MAX;

	for (unsigned i = 0; i < placement->n_workers; i++) {
		unsigned cost = half_cost(placement, i, &load[i], part);

		if (i != not [0] && i != not [1] && cost < least) {
			least = cost;
			best = i;
		}
	}
	return best;
}

void placement_of_tunnel(const struct placement *placement, const char *name,
	struct placement_load *load, unsigned *seal, unsigned *open)
{
	int seal_ruled = ruled(placement, name, PLACEMENT_SEAL, 0);
	int open_ruled = ruled(placement, name, PLACEMENT_OPEN, 0);
	unsigned not [2] = {PLACEMENT_WORKERS_MAX, PLACEMENT_WORKERS_MAX};
	struct placement_of_ports ports;

	placement_of_ports(placement, &ports);
	if (placement->n_workers > 2 && placement->n_ports > 0)
		not [0] = ports.rx[0][0];
	if (placement->n_workers > 1 && open_ruled >= 0)
		not [1] = (unsigned)open_ruled;
	*seal = seal_ruled >= 0 ? (unsigned)seal_ruled
				: half_worker(placement, load, PLACEMENT_SEAL, not );
	load[*seal].seals++;
	not [1] = placement->n_workers > 1 ? *seal : PLACEMENT_WORKERS_MAX;
	*open = open_ruled >= 0 ? (unsigned)open_ruled
				: half_worker(placement, load, PLACEMENT_OPEN, not );
	load[*open].opens++;
}

void placement_stage_name(
	const char *kind, const char *object, int queue, char out[PLACEMENT_NAME_MAX])
{
	if (queue < 0)
		snprintf(out, PLACEMENT_NAME_MAX, "%s:%.15s", kind, object);
	else
		snprintf(out, PLACEMENT_NAME_MAX, "%s%u:%.15s", kind, (unsigned)queue % 100u,
			object);
}
