/* SPDX-License-Identifier: BSD-3-Clause */
/* What the lcores do. */
#include <stdio.h>

#include "show.h"
#include "units.h"

#define MOVES_GATHERED 16

static json_t *stages_gather(struct client *client, int lcore, size_t n)
{
	json_t *stages = json_array();
	struct wb_err unused;

	for (size_t i = 0; i < n; i++) {
		json_t *stage =
			client_ask(client, &unused, "/wirebraid/stage,%d:%d", lcore, (int)i);

		if (stage != NULL)
			json_array_append_new(stages, stage);
	}
	return stages;
}

/* The latest first. */
static json_t *moves_gather(struct client *client)
{
	json_t *moves = json_array();
	struct wb_err unused;

	for (int i = 0; i < MOVES_GATHERED; i++) {
		json_t *move = client_ask(client, &unused, "/wirebraid/stage_move,%d", i);

		if (move == NULL)
			break;
		json_array_append_new(moves, move);
	}
	return moves;
}

/* The last one that led to a CPU; NULL: none is remembered. */
static json_t *move_to(const json_t *moves, json_int_t cpu)
{
	json_t *move;
	size_t i;

	json_array_foreach(moves, i, move)
	{
		if (client_int(move, "to") == cpu)
			return json_incref(move);
	}
	return NULL;
}

json_t *show_lcores_gather(struct client *client, struct wb_err *err)
{
	json_t *numbers = client_ask(client, err, "/wirebraid/lcores"), *lcores, *number, *moves;
	size_t i;

	if (numbers == NULL)
		return NULL;
	lcores = json_array();
	moves = moves_gather(client);
	json_array_foreach(numbers, i, number)
	{
		json_t *lcore = client_ask(
			client, err, "/wirebraid/lcore,%d", (int)json_integer_value(number));

		if (lcore == NULL)
			continue;
		json_object_set_new(lcore, "stages",
			stages_gather(client, (int)json_integer_value(number),
				json_array_size(json_object_get(lcore, "stages"))));
		json_object_set_new(lcore, "last_move", move_to(moves, client_int(lcore, "cpu")));
		json_array_append_new(lcores, lcore);
	}
	json_decref(moves);
	json_decref(numbers);
	return lcores;
}

static void stage_print(const json_t *stage, double busy, double hz)
{
	double cycles = (double)client_int(stage, "cycles");
	double packets = (double)client_int(stage, "packets");
	double bursts = (double)client_int(stage, "bursts");
	char count[UNITS_STRLEN];

	printf("  %-24s", client_text(stage, "name"));
	if (packets > 0)
		printf(" %9s %7.1f %9.0f %9.0f %6.1f", units_count((uint64_t)packets, count),
			packets / bursts, cycles / packets,
			hz > 0 ? cycles / packets * 1e9 / hz : 0,
			busy > 0 ? 100 * cycles / busy : 0);
	putchar('\n');
}

static void move_print(const json_t *lcore)
{
	const json_t *move = json_object_get(lcore, "last_move");
	char ago[UNITS_STRLEN];

	if (client_int(lcore, "moves") == 0)
		return;
	printf("  moved here so far: %lld", (long long)client_int(lcore, "moves"));
	if (move != NULL)
		printf("; the last one %s: %s\n    from CPU %lld: %s",
			units_ago((uint64_t)client_int(move, "ms_ago") / 1000, ago),
			client_text(move, "what"), (long long)client_int(move, "from"),
			client_text(move, "why"));
	putchar('\n');
}

static void pauses_print(const json_t *lcore)
{
	char ago[UNITS_STRLEN];

	if (client_int(lcore, "pauses") == 0)
		return;
	printf("  kept from work %lld times: %.1f ms in all, %.1f ms at most\n    the last time: "
	       "%s\n",
		(long long)client_int(lcore, "pauses"),
		(double)client_int(lcore, "paused_us") / 1e3,
		(double)client_int(lcore, "longest_pause_us") / 1e3,
		units_ago((uint64_t)client_int(lcore, "last_pause_ms_ago") / 1000, ago));
}

void show_lcores_print(const json_t *lcores)
{
	const json_t *lcore, *stage;
	char packets[UNITS_STRLEN];
	size_t i, j;

	json_array_foreach(lcores, i, lcore)
	{
		json_int_t total = client_int(lcore, "total_cycles");
		double busy = (double)client_int(lcore, "busy_cycles");

		printf("%slcore %lld on CPU %lld: busy %.1f %%, %s packet steps\n",
			i > 0 ? "\n" : "", (long long)client_int(lcore, "lcore"),
			(long long)client_int(lcore, "cpu"),
			total > 0 ? 100.0 * busy / (double)total : 0,
			units_count((uint64_t)client_int(lcore, "packets"), packets));
		pauses_print(lcore);
		if (json_array_size(json_object_get(lcore, "stages")) > 0)
			printf("  %-24s %9s %7s %9s %9s %6s\n", "stage", "packets", "a burst",
				"cycles/p", "ns/packet", "% busy");
		json_array_foreach(json_object_get(lcore, "stages"), j, stage)
			stage_print(stage, busy, (double)client_int(lcore, "tsc_hz"));
		move_print(lcore);
	}
}
