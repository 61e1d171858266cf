/* SPDX-License-Identifier: BSD-3-Clause */
/* Moves that people ask for, by `wirebraid move` or by what is written. The caller's thread waits
 * for each, and helps it along, so that packets wait no longer than they must. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "moves.h"
#include "tunnels.h"

/* A worker needs no more than a millisecond to be quiescent, unless its CPU has much else to do. */
#define PATIENCE (5 * NS_PER_SECOND)

/* Where a name's stages are to go. */
struct target {
	const struct placement_parts *what;
	unsigned worker;
	const char *why;
};

static void moment(void)
{
	const struct timespec pause = {.tv_nsec = 20000};

	nanosleep(&pause, NULL);
}

/* Whether a stage is one of those named. A tunnel's TUN goes with its seal stage. */
static bool is_meant(const struct gateway *gateway, const struct stage *stage,
	const struct placement_parts *what)
{
	static const unsigned parts[] = {
		[STAGE_RX] = PLACEMENT_RX,
		[STAGE_OPEN] = PLACEMENT_OPEN,
		[STAGE_TAP] = PLACEMENT_TAP,
		[STAGE_TUN] = 0,
		[STAGE_SEAL] = PLACEMENT_SEAL,
		[STAGE_TX] = PLACEMENT_TX,
	};
	bool of_port = (parts[stage->kind] & PLACEMENT_PORT) != 0;

	if (stage->run == NULL || stage->stopped || (parts[stage->kind] & what->parts) == 0 ||
		(what->queue >= 0 && what->queue != stage->queue))
		return false;
	return strcmp(of_port ? gateway->ports[stage->object].port->name
			      : gateway->wg->by_id[stage->object]->name,
		       what->name) == 0;
}

/* Moves one stage, if it is still there and elsewhere. Returns 1 while there is more to wait for.
 */
static int step(struct gateway *gateway, const struct target *target, uint16_t id, bool *begun,
	struct wb_err *err)
{
	struct control *control = gateway->control;
	int rc = 0;

	gateway_lock(gateway);
	retire_poll(control->retire);
	moves_poll(control);
	if (!*begun && is_meant(gateway, &gateway->plan.stages[id], target->what)) {
		rc = move_begin(control, id, target->worker, target->why, err);
		*begun = rc == 1;
		rc = rc == -EBUSY ? 1 : rc;
	} else if (*begun && moves_under_way(control)) {
		rc = 1;
	}
	gateway_unlock(gateway);
	return rc;
}

static int move_stage(
	struct gateway *gateway, const struct target *target, uint16_t id, struct wb_err *err)
{
	uint64_t end = clock_now() + PATIENCE;
	bool begun = false;
	int rc;

	while ((rc = step(gateway, target, id, &begun, err)) == 1) {
		if (clock_now() > end)
			return wb_err_set(err, ETIMEDOUT, "%s: its worker does not let go of it",
				target->what->name);
		moment();
	}
	return rc;
}

static int move_all(struct gateway *gateway, const struct target *target, struct wb_err *err)
{
	int rc = 0;

	for (uint16_t id = 0; rc == 0 && id < STAGES_MAX; id++)
		rc = move_stage(gateway, target, id, err);
	return rc;
}

/* Of a port's rx queues, 0 for a tunnel; -1: there is nothing of this name. */
static int queues_of(struct gateway *gateway, const char *name)
{
	int queues = -1;

	gateway_lock(gateway);
	for (unsigned i = 0; i < gateway->placement.n_ports; i++)
		if (strcmp(gateway->placement.ports[i].name, name) == 0)
			queues = (int)gateway->placement.ports[i].queues;
	if (queues < 0 && tunnel_id(gateway, name) >= 0)
		queues = 0;
	gateway_unlock(gateway);
	return queues;
}

static void workers_write(const struct placement *placement, char *out, size_t size)
{
	size_t used = 0;

	*out = '\0';
	for (unsigned i = 0; i < placement->n_workers && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%u", i > 0 ? ", " : "",
			placement->workers[i].cpu);
}

int move_order(struct gateway *gateway, const char *order, struct wb_err *err)
{
	struct placement_parts what;
	struct target target = {.what = &what, .why = "asked for"};
	char workers[256];
	int rc, queues, worker;
	uint16_t cpu;

	rc = placement_parse(order, &what, &cpu, err);
	if (rc < 0)
		return rc;
	queues = queues_of(gateway, what.name);
	if (queues < 0)
		return wb_err_set(
			err, ENOENT, "%s is neither a port nor a tunnel that is up", what.name);
	rc = placement_parts_check(&what, (unsigned)queues, err);
	if (rc < 0)
		return rc;
	worker = placement_worker(&gateway->placement, cpu);
	if (worker < 0) {
		workers_write(&gateway->placement, workers, sizeof(workers));
		return wb_err_set(
			err, EINVAL, "CPU %u is no worker's, expected one of %s", cpu, workers);
	}
	target.worker = (unsigned)worker;
	return move_all(gateway, &target, err);
}

int move_to_places(struct gateway *gateway, struct wb_err *err)
{
	const struct placement *placement = &gateway->placement;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < placement->n_rules; i++) {
		const struct placement_rule *rule = &placement->rules[i];
		const struct target target = {.what = &rule->what,
			.worker = (unsigned)placement_worker(placement, rule->cpu),
			.why = "written"};

		rc = move_all(gateway, &target, err);
	}
	return rc;
}
