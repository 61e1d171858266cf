/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_lcores.h"

#include <errno.h>
#include <string.h>

#include "ini/value.h"
#include "numa.h"

#define SYS "/sys"

static int set_workers(
	struct wb_config *config, const char *value, unsigned line, struct wb_err *err)
{
	bool set[CONFIG_CPUS_MAX] = {false};
	int rc = wb_value_ranges(value, CONFIG_CPUS_MAX - 1, set, err);

	config->workers_line = line;
	if (rc < 0)
		return rc;
	for (unsigned cpu = 0; cpu < CONFIG_CPUS_MAX; cpu++) {
		if (!set[cpu])
			continue;
		if (config->n_workers == CONFIG_WORKERS_MAX)
			return wb_err_set(err, EINVAL, "too many workers, expected at most %u",
				CONFIG_WORKERS_MAX);
		config->workers[config->n_workers++] = (uint16_t)cpu;
	}
	if (config->n_workers == 0)
		return wb_err_set(err, EINVAL, "workers names no CPU, expected a list like 1,3-5");
	return 0;
}

static int set_control(
	struct wb_config *config, const char *value, unsigned line, struct wb_err *err)
{
	uint32_t cpu;
	int rc = wb_value_unsigned(value, 0, CONFIG_CPUS_MAX - 1, &cpu, err);

	config->control_line = line;
	if (rc == 0)
		config->control_cpu = (int)cpu;
	return rc;
}

static int set_balance(
	struct wb_config *config, const char *value, unsigned line, struct wb_err *err)
{
	static const char *const words[] = {"off", "auto", NULL};
	unsigned choice = 0;
	int rc = wb_value_choice(value, words, &choice, err);

	(void)line;
	config->rebalance = choice == 1;
	return rc;
}

static int add_place(struct wb_config *config, const char *value, unsigned line, struct wb_err *err)
{
	struct placement_rule *rule = &config->places[config->n_places];
	int rc;

	if (config->n_places == PLACEMENT_RULES_MAX)
		return wb_err_set(
			err, EINVAL, "too many places, expected at most %u", PLACEMENT_RULES_MAX);
	rc = placement_parse(value, &rule->what, &rule->cpu, err);
	if (rc < 0)
		return rc;
	rule->line = line;
	for (unsigned i = 0; i < config->n_places; i++)
		if (placement_overlap(&rule->what, &config->places[i].what))
			return wb_err_set(err, EINVAL,
				"'%.60s': that was placed in line %u already, expected it once",
				value, config->places[i].line);
	config->n_places++;
	return 0;
}

static const struct {
	const char *name;
	int (*set)(struct wb_config *config, const char *value, unsigned line, struct wb_err *err);
	bool repeated;
} keys[] = {
	{"control", set_control, false},
	{"workers", set_workers, false},
	{"place", add_place, true},
	{"balance", set_balance, false},
};

bool config_lcores_once(const char *key)
{
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].name, key) == 0)
			return !keys[i].repeated;
	return false;
}

int config_lcores_key(struct wb_config *config, const char *key, const char *value, unsigned line,
	struct wb_err *err)
{
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].name, key) == 0)
			return keys[i].set(config, value, line, err);
	return wb_err_set(err, EINVAL,
		"'%.40s' is no setting of [lcores], expected control, workers, place or balance",
		key);
}

void config_lcores_default(struct wb_config *config)
{
	cpu_set_t cpus;

	if (config->n_workers > 0)
		return;
	config->n_workers = 1;
	config->workers[0] = 0;
	wb_config_cpus(&cpus);
	for (int cpu = 0; cpu < CONFIG_CPUS_MAX && cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus))
			config->workers[0] = (uint16_t)cpu;
}

static bool is_worker(const struct wb_config *config, unsigned cpu)
{
	for (unsigned i = 0; i < config->n_workers; i++)
		if (config->workers[i] == cpu)
			return true;
	return false;
}

/* What the name is by now: with a rule about parts of both, it may be either. */
static int place_check(
	const struct wb_config *config, const struct placement_rule *rule, struct wb_err *err)
{
	struct wb_err why;
	unsigned queues = 0;

	if (!is_worker(config, rule->cpu))
		return wb_err_set(err, EINVAL,
			"%s:%u: %s is placed on CPU %u, which is no worker's, expected one of "
			"workers",
			config->path, rule->line, rule->what.name, rule->cpu);
	for (unsigned i = 0; i < config->n_ports; i++)
		if (strcmp(config->ports[i].name, rule->what.name) == 0)
			queues = config->ports[i].rx_queues;
	if (placement_parts_check(&rule->what, queues, &why) < 0)
		return wb_err_set(err, EINVAL, "%s:%u: %s", config->path, rule->line, why.text);
	return 0;
}

int config_lcores_check(const struct wb_config *config, struct wb_err *err)
{
	cpu_set_t cpus;
	int rc = 0;

	wb_config_cpus(&cpus);
	for (unsigned i = 0; i < config->n_workers; i++)
		if (!CPU_ISSET(config->workers[i], &cpus))
			return wb_err_set(err, EINVAL,
				"%s:%u: worker CPU %u is not there, or not for this process, "
				"expected one of the %d it may use",
				config->path, config->workers_line, config->workers[i],
				CPU_COUNT(&cpus));
	if (config->control_cpu >= 0 && !CPU_ISSET(config->control_cpu, &cpus))
		return wb_err_set(err, EINVAL,
			"%s:%u: control CPU %d is not there, or not for this process, expected one "
			"of the %d it may use",
			config->path, config->control_line, config->control_cpu, CPU_COUNT(&cpus));
	for (unsigned i = 0; rc == 0 && i < config->n_places; i++)
		rc = place_check(config, &config->places[i], err);
	return rc;
}

/* A bond's members may be anywhere: the first one that says where it is counts. */
static int port_node(const struct config_port *port)
{
	int node = PLACEMENT_NODE_ANY;

	for (unsigned i = 0; node < 0 && i < port->n_members; i++)
		if (port->members[i].device.kind == WB_DEVICE_PCI)
			node = numa_of_pci(SYS, port->members[i].device.name);
	return node;
}

void wb_config_placement(const struct wb_config *config, struct placement *out)
{
	memset(out, 0, sizeof(*out));
	out->n_workers = config->n_workers;
	for (unsigned i = 0; i < config->n_workers; i++) {
		out->workers[i].cpu = config->workers[i];
		out->workers[i].node = numa_of_cpu(SYS, config->workers[i]);
	}
	out->n_ports = config->n_ports;
	for (unsigned i = 0; i < config->n_ports; i++) {
		memcpy(out->ports[i].name, config->ports[i].name, sizeof(out->ports[i].name));
		out->ports[i].node = port_node(&config->ports[i]);
		out->ports[i].queues = config->ports[i].rx_queues;
	}
	out->n_rules = config->n_places;
	memcpy(out->rules, config->places, config->n_places * sizeof(out->rules[0]));
}
