/* SPDX-License-Identifier: BSD-3-Clause */
/* Where packets are lost; and what the lcores do. */
#include <stdio.h>

#include "show.h"
#include "units.h"

json_t *show_drops_gather(struct client *client, struct wb_err *err)
{
	json_t *accounts = client_ask(client, err, "/wirebraid/accounts");

	if (accounts == NULL)
		return NULL;
	return json_pack("{s:o, s:o?, s:o?, s:o?}", "accounts", accounts, "drops",
		client_ask(client, err, "/wirebraid/drops"), "info",
		client_ask(client, err, "/wirebraid/info"), "help",
		client_ask(client, err, "/wirebraid/help"));
}

static void counters_print(const json_t *document, const char *part)
{
	const json_t *help = json_object_get(document, "help"), *value;
	const char *name;
	unsigned shown = 0;

	json_object_foreach(json_object_get(document, part), name, value)
	{
		if (json_integer_value(value) == 0)
			continue;
		printf("  %-22s %9lld  %s\n", name, (long long)json_integer_value(value),
			client_text(help, name));
		shown++;
	}
	if (shown == 0)
		printf("  none\n");
}

void show_drops_print(const json_t *document)
{
	const json_t *accounts = json_object_get(document, "accounts");

	printf("packets: %lld in, %lld out, %lld dropped, %lld held back\n",
		(long long)client_int(accounts, "in"), (long long)client_int(accounts, "out"),
		(long long)client_int(accounts, "dropped"),
		(long long)client_int(accounts, "held"));
	printf("dropped:\n");
	counters_print(document, "drops");
	printf("worth knowing:\n");
	counters_print(document, "info");
}

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

json_t *show_lcores_gather(struct client *client, struct wb_err *err)
{
	json_t *numbers = client_ask(client, err, "/wirebraid/lcores"), *lcores, *number;
	size_t i;

	if (numbers == NULL)
		return NULL;
	lcores = json_array();
	json_array_foreach(numbers, i, number)
	{
		json_t *lcore = client_ask(
			client, err, "/wirebraid/lcore,%d", (int)json_integer_value(number));

		if (lcore == NULL)
			continue;
		json_object_set_new(lcore, "stages",
			stages_gather(client, (int)json_integer_value(number),
				json_array_size(json_object_get(lcore, "stages"))));
		json_array_append_new(lcores, lcore);
	}
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
		if (json_array_size(json_object_get(lcore, "stages")) > 0)
			printf("  %-24s %9s %7s %9s %9s %6s\n", "stage", "packets", "a burst",
				"cycles/p", "ns/packet", "% busy");
		json_array_foreach(json_object_get(lcore, "stages"), j, stage)
			stage_print(stage, busy, (double)client_int(lcore, "tsc_hz"));
	}
}
