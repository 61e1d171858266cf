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

		if (lcore != NULL)
			json_array_append_new(lcores, lcore);
	}
	json_decref(numbers);
	return lcores;
}

void show_lcores_print(const json_t *lcores)
{
	const json_t *lcore, *stage;
	char packets[UNITS_STRLEN];
	size_t i, j;

	json_array_foreach(lcores, i, lcore)
	{
		json_int_t total = client_int(lcore, "total_cycles");

		printf("lcore %lld on CPU %lld: busy %.1f %%, %s packet steps\n",
			(long long)client_int(lcore, "lcore"), (long long)client_int(lcore, "cpu"),
			total > 0 ? 100.0 * (double)client_int(lcore, "busy_cycles") / (double)total
				  : 0,
			units_count((uint64_t)client_int(lcore, "packets"), packets));
		json_array_foreach(json_object_get(lcore, "stages"), j, stage) printf("%s%-19s",
			j % 4 == 0 ? j == 0 ? "  " : "\n  " : "", json_string_value(stage));
		putchar('\n');
	}
}
