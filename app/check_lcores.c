/* SPDX-License-Identifier: BSD-3-Clause */
/* wirebraid check: the lcore plan, as the gateway will make it. */
#include "check_lcores.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS 80
#define INDENT	13

/* A line of the table, which goes on below itself. */
struct line {
	int column;
};

static void word(struct line *line, const char *name)
{
	int length = (int)strlen(name);

	if (line->column + 1 + length > COLUMNS) {
		printf("\n%*s", INDENT - 1, "");
		line->column = INDENT - 1;
	}
	line->column += printf(" %s", name);
}

static void stage(struct line *line, const char *kind, const char *object, int queue)
{
	char name[PLACEMENT_NAME_MAX];

	placement_stage_name(kind, object, queue, name);
	word(line, name);
}

/* Places of the tunnels' halves, as they are brought up one after the other. */
struct halves {
	uint8_t seal[CONFIG_TUNNELS_MAX], open[CONFIG_TUNNELS_MAX];
};

static void tunnels_place(const struct wb_config *config, const struct placement *placement,
	const struct placement_of_ports *ports, struct halves *out)
{
	struct placement_load load[PLACEMENT_WORKERS_MAX] = {{0}};

	placement_ports_load(placement, ports, load);
	for (unsigned i = 0; i < config->n_tunnels; i++) {
		unsigned seal, open;

		placement_of_tunnel(placement, config->tunnels[i]->name, load, &seal, &open);
		out->seal[i] = (uint8_t)seal;
		out->open[i] = (uint8_t)open;
	}
}

static void half(struct line *line, const struct wb_config *config, const uint8_t *workers,
	unsigned worker, const char *kind)
{
	for (unsigned i = 0; i < config->n_tunnels; i++)
		if (workers[i] == worker)
			stage(line, kind, config->tunnels[i]->name, -1);
}

static void received(struct line *line, const struct placement *placement,
	const struct placement_of_ports *ports, unsigned worker)
{
	for (unsigned i = 0; i < placement->n_ports; i++)
		for (unsigned queue = 0; queue < placement->ports[i].queues; queue++)
			if (ports->rx[i][queue] == worker)
				stage(line, "rx", placement->ports[i].name,
					placement->ports[i].queues > 1 ? (int)queue : -1);
}

static void of_ports(struct line *line, const struct placement *placement, const uint8_t *workers,
	unsigned worker, const char *kind)
{
	for (unsigned i = 0; i < placement->n_ports; i++)
		if (workers[i] == worker)
			stage(line, kind, placement->ports[i].name, -1);
}

void check_lcores_print(const struct wb_config *config)
{
	struct placement placement;
	struct placement_of_ports ports;
	struct halves halves;

	wb_config_placement(config, &placement);
	placement_of_ports(&placement, &ports);
	tunnels_place(config, &placement, &ports, &halves);
	printf("lcores, balance %s\n   CPU  NUMA  runs\n", config->rebalance ? "auto" : "off");
	/* In the order that a worker runs them. */
	for (unsigned i = 0; i < placement.n_workers; i++) {
		struct line line = {.column = INDENT - 1};

		if (placement.workers[i].node < 0)
			printf("  %4u     - ", placement.workers[i].cpu);
		else
			printf("  %4u  %4d ", placement.workers[i].cpu, placement.workers[i].node);
		received(&line, &placement, &ports, i);
		half(&line, config, halves.open, i, "open");
		of_ports(&line, &placement, ports.tap, i, "tap");
		half(&line, config, halves.seal, i, "tun");
		half(&line, config, halves.seal, i, "seal");
		of_ports(&line, &placement, ports.tx, i, "tx");
		putchar('\n');
	}
}
