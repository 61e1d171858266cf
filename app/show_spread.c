/* SPDX-License-Identifier: BSD-3-Clause */
/* By which members a tunnel's packets come and go, and how tunnels spread over a bond. */
#include <stdio.h>
#include <string.h>

#include "show.h"
#include "units.h"

#define MOVES_GATHERED 16

json_t *show_arrivals_gather(struct client *client, const char *tunnel)
{
	json_t *ports = json_array(), *names;
	struct wb_err unused;

	names = client_ask(client, &unused, "/wirebraid/ports");
	for (size_t i = 0; i < json_array_size(names); i++) {
		json_t *port =
			client_ask(client, &unused, "/wirebraid/arrivals,%s:%d", tunnel, (int)i);

		if (port != NULL)
			json_array_append_new(ports, port);
	}
	json_decref(names);
	return ports;
}

static uint64_t sum_of(const json_t *counts)
{
	const json_t *count;
	uint64_t sum = 0;
	size_t i;

	json_array_foreach(counts, i, count) sum += (uint64_t)json_integer_value(count);
	return sum;
}

/* "sent by a 80 %, b 20 %", of what there is. */
static void shares_print(const json_t *port, const char *verb, const char *key)
{
	const json_t *counts = json_object_get(port, key), *count;
	uint64_t sum = sum_of(counts);
	const char *separator = "";
	size_t i;

	if (sum == 0)
		return;
	printf("  %s by", verb);
	json_array_foreach(counts, i, count)
	{
		uint64_t n = (uint64_t)json_integer_value(count);

		if (n == 0)
			continue;
		printf("%s %s %llu %%", separator,
			json_string_value(json_array_get(json_object_get(port, "members"), i)),
			(unsigned long long)((n * 100 + sum / 2) / sum));
		separator = ",";
	}
	putchar('\n');
}

void show_arrivals_print(const json_t *ports)
{
	const json_t *port;
	size_t i;

	json_array_foreach(ports, i, port)
	{
		shares_print(port, "sent", "sent");
		shares_print(port, "received", "received");
	}
}

json_t *show_moves_gather(struct client *client)
{
	json_t *moves = json_array();
	struct wb_err unused;

	for (int i = 0; i < MOVES_GATHERED; i++) {
		json_t *move = client_ask(client, &unused, "/wirebraid/spread_move,%d", i);

		if (move == NULL)
			break;
		json_array_append_new(moves, move);
	}
	return moves;
}

static void move_print(const json_t *move)
{
	char ago[UNITS_STRLEN];

	printf("  %s: %s moved to %s\n    by source port %lld: %s sent %lld %% of %s\n",
		units_ago((uint64_t)client_int(move, "ms_ago") / 1000, ago),
		client_text(move, "tunnel"), client_text(move, "to"),
		(long long)client_int(move, "source_port"), client_text(move, "from"),
		(long long)client_int(move, "fullest_percent_before"), client_text(move, "port"));
}

void show_moves_print(const json_t *moves, const char *tunnel)
{
	const json_t *move;
	size_t i;

	json_array_foreach(moves, i, move)
	{
		if (strcmp(client_text(move, "tunnel"), tunnel) == 0)
			move_print(move);
	}
}

void show_spread_print(const json_t *spread)
{
	const json_t *sent = json_object_get(spread, "sent_bits_s"), *rate;
	const char *separator = "";
	char text[UNITS_STRLEN];
	size_t i;

	if (spread == NULL || sum_of(sent) == 0)
		return;
	printf("  tunnels send");
	json_array_foreach(sent, i, rate)
	{
		printf("%s %s", separator, units_rate((uint64_t)json_integer_value(rate), text));
		separator = ",";
	}
	printf(" by each member\n");
	if (client_int(spread, "uneven"))
		printf("  UNEVEN: %s carries more than its share%s\n",
			client_text(spread, "fullest"),
			strcmp(client_text(spread, "balance"), "auto") == 0
				? "; tunnels are moved"
				: "; see balance, and `wirebraid plan`");
}
