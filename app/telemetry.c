/* SPDX-License-Identifier: BSD-3-Clause */
#include "telemetry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "reassembly.h"
#include "telemetry_commands.h"

/* rte_telemetry gives its callbacks no argument. */
static struct gateway *served;
static pthread_mutex_t served_lock = PTHREAD_MUTEX_INITIALIZER;

void telemetry_numbers_put(
	struct rte_tel_data *data, const char *name, const uint64_t *values, unsigned n)
{
	struct rte_tel_data *array = rte_tel_data_alloc();

	if (array == NULL)
		return;
	rte_tel_data_start_array(array, RTE_TEL_U64_VAL);
	for (unsigned i = 0; i < n; i++)
		rte_tel_data_add_array_u64(array, values[i]);
	if (rte_tel_data_add_dict_container(data, name, array, 0) < 0)
		rte_tel_data_free(array);
}

int telemetry_port_index(const struct gateway *gateway, const char *name)
{
	for (unsigned i = 0; i < gateway->n_ports; i++)
		if (strcmp(gateway->ports[i].port->name, name) == 0)
			return (int)i;
	return -1;
}

void telemetry_split(const char *params, char *name, size_t size, unsigned *index, unsigned *from)
{
	size_t length = strcspn(params, ":");
	char *end;

	snprintf(name, size, "%.*s", (int)length, params);
	*index = *from = 0;
	if (params[length] != ':')
		return;
	*index = (unsigned)strtoul(params + length + 1, &end, 10);
	if (*end == ':')
		*from = (unsigned)strtoul(end + 1, NULL, 10);
}

static void add_kind(struct gateway *gateway, struct rte_tel_data *data, enum wb_counter_kind kind)
{
	unsigned sets = gateway->plan.n_workers + 1u;

	for (unsigned id = 0; id < WB_COUNTERS_N; id++) {
		const struct wb_counter_info *info = wb_counter_info((enum wb_counter)id);

		if (info->kind == kind)
			rte_tel_data_add_dict_u64(data, info->name,
				wb_counters_sum(gateway->counters, sets, (enum wb_counter)id));
	}
}

static int drops(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	(void)params;
	rte_tel_data_start_dict(data);
	add_kind(gateway, data, WB_KIND_DROP);
	return 0;
}

static int info(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	(void)params;
	rte_tel_data_start_dict(data);
	add_kind(gateway, data, WB_KIND_INFO);
	return 0;
}

/* What a counter's name means: "/wirebraid/help,NAME". */
static int help(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	(void)gateway;
	rte_tel_data_start_dict(data);
	for (unsigned id = 0; id < WB_COUNTERS_N; id++) {
		const struct wb_counter_info *counter = wb_counter_info((enum wb_counter)id);

		if (*params == '\0' || strcmp(params, counter->name) == 0)
			rte_tel_data_add_dict_string(data, counter->name, counter->help);
	}
	return 0;
}

static uint64_t staged_by(const struct wb_tunnel *tunnel)
{
	uint64_t staged = 0;

	for (uint32_t i = 0; i < tunnel->n_peers; i++)
		staged += __atomic_load_n(&tunnel->peers[i]->seal.staged, __ATOMIC_RELAXED);
	return staged;
}

static uint64_t held_back(const struct gateway *gateway)
{
	uint64_t held = 0;

	for (unsigned i = 0; i < gateway->plan.n_stages; i++) {
		if (gateway->plan.stages[i].run != NULL && gateway->plan.stages[i].kind == STAGE_RX)
			held += reassembly_held(gateway->plan.stages[i].own.rx.fragments);
		if (gateway->plan.stages[i].in != NULL)
			held += rte_ring_count(gateway->plan.stages[i].in);
		/* Control's keepalives count when they are taken, its handshakes when they are
		 * made. */
		if (gateway->plan.stages[i].kind == STAGE_TX &&
			gateway->plan.stages[i].control != NULL)
			held += rte_ring_count(gateway->plan.stages[i].control);
	}
	for (unsigned i = 0; i < gateway->wg->n; i++)
		if (gateway->wg->by_id[i] != NULL)
			held += staged_by(gateway->wg->by_id[i]);
	return held;
}

static int accounts(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	unsigned sets = gateway->plan.n_workers + 1u;
	uint64_t in, out, dropped, held = held_back(gateway);

	(void)params;
	/* What leaves first, so that a packet under way is seen as not yet gone rather than twice.
	 */
	out = wb_counters_kind_sum(gateway->counters, sets, WB_KIND_OUT);
	dropped = wb_counters_kind_sum(gateway->counters, sets, WB_KIND_DROP);
	in = wb_counters_kind_sum(gateway->counters, sets, WB_KIND_IN);
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_u64(data, "in", in);
	rte_tel_data_add_dict_u64(data, "out", out);
	rte_tel_data_add_dict_u64(data, "dropped", dropped);
	rte_tel_data_add_dict_u64(data, "held", held);
	rte_tel_data_add_dict_int(data, "balance", (int)(int64_t)(in - out - dropped - held));
	add_kind(gateway, data, WB_KIND_IN);
	add_kind(gateway, data, WB_KIND_OUT);
	return 0;
}

static int rings(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	char text[64];

	(void)params;
	/* Stages' names are no names to rte_telemetry's dicts. */
	rte_tel_data_start_array(data, RTE_TEL_STRING_VAL);
	for (unsigned i = 0; i < gateway->plan.n_stages; i++) {
		const struct stage *stage = &gateway->plan.stages[i];

		if (stage->in == NULL)
			continue;
		snprintf(text, sizeof(text), "%s %u/%u", stage->name, rte_ring_count(stage->in),
			rte_ring_get_capacity(stage->in));
		rte_tel_data_add_array_string(data, text);
	}
	return 0;
}

static const struct {
	const char *command;
	telemetry_fn fn;
	const char *help;
} commands[] = {
	{"/wirebraid/accounts", accounts,
		"Packets in, out, dropped and held back; balance is 0 at rest"},
	{"/wirebraid/drops", drops, "Packets dropped, by reason"},
	{"/wirebraid/info", info, "Events that are no packet's end"},
	{"/wirebraid/help", help, "What counters mean. Parameter: a name, or none for all"},
	{"/wirebraid/rings", rings, "Packets waiting for each stage, and room"},
	{"/wirebraid/lcores", telemetry_lcores, "Numbers of the workers"},
	{"/wirebraid/lcore", telemetry_lcore, "A worker. Parameter: its number"},
	{"/wirebraid/stage", telemetry_stage,
		"What a worker's stage took. Parameters: WORKER:INDEX"},
	{"/wirebraid/stage_move", telemetry_stage_move,
		"Stages moved between workers, the latest first. Parameter: which"},
	{"/wirebraid/ports", telemetry_ports, "Names of the ports"},
	{"/wirebraid/port", telemetry_port, "A port. Parameter: its name"},
	{"/wirebraid/member", telemetry_member, "A port's member. Parameters: NAME:INDEX"},
	{"/wirebraid/tunnels", telemetry_tunnels, "Names of the tunnels"},
	{"/wirebraid/tunnel", telemetry_tunnel, "A tunnel. Parameter: its name"},
	{"/wirebraid/peer", telemetry_peer, "A tunnel's peer. Parameters: NAME:INDEX"},
	{"/wirebraid/allowed", telemetry_allowed,
		"A peer's allowed IPs. Parameters: NAME:INDEX:FROM"},
	{"/wirebraid/routes", telemetry_routes,
		"Prefixes that lead into tunnels. Parameter: from which"},
	{"/wirebraid/route", telemetry_route, "The tunnels of a prefix. Parameter: the prefix"},
	{"/wirebraid/groups", telemetry_groups,
		"Groups of tunnels that prefixes are spread over. Parameter: from which"},
	{"/wirebraid/group", telemetry_group, "A group of tunnels. Parameter: its id"},
	{"/wirebraid/group_path", telemetry_group_path,
		"A group's tunnel, and its buckets. Parameters: ID:INDEX"},
	{"/wirebraid/spread", telemetry_spread, "What a bond's members carry. Parameter: its name"},
	{"/wirebraid/spread_move", telemetry_spread_move,
		"Tunnels moved between members, the latest first. Parameter: which"},
	{"/wirebraid/arrivals", telemetry_arrivals,
		"A tunnel's packets by member. Parameters: TUNNEL:INDEX_OF_PORT"},
	{"/wirebraid/paths", telemetry_paths, "The tunnels that are paths: probed and judged"},
	{"/wirebraid/path", telemetry_path, "A path. Parameter: the tunnel's name"},
	{"/wirebraid/path_event", telemetry_path_event,
		"What happened to a path, the latest first. Parameters: NAME:INDEX"},
	{"/wirebraid/path_history", telemetry_path_history,
		"A path's last minute by second (0) or hour by minute (1). Parameters: NAME:SPAN"},
};

static int dispatch(const char *command, const char *params, struct rte_tel_data *data)
{
	int rc = -ENODEV;

	pthread_mutex_lock(&served_lock);
	for (unsigned i = 0; served != NULL && i < RTE_DIM(commands); i++) {
		if (strcmp(command, commands[i].command) != 0)
			continue;
		gateway_lock(served);
		rc = commands[i].fn(served, params != NULL ? params : "", data);
		gateway_unlock(served);
		break;
	}
	pthread_mutex_unlock(&served_lock);
	return rc;
}

int telemetry_start(struct gateway *gateway, struct wb_err *err)
{
	pthread_mutex_lock(&served_lock);
	served = gateway;
	pthread_mutex_unlock(&served_lock);
	for (unsigned i = 0; i < RTE_DIM(commands); i++) {
		int rc =
			rte_telemetry_register_cmd(commands[i].command, dispatch, commands[i].help);

		if (rc < 0)
			return wb_err_set(err, -rc, "telemetry refuses %s", commands[i].command);
	}
	return 0;
}

void telemetry_stop(void)
{
	pthread_mutex_lock(&served_lock);
	served = NULL;
	pthread_mutex_unlock(&served_lock);
}
