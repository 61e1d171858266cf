/* SPDX-License-Identifier: BSD-3-Clause */
/* Where packets are lost. */
#include <stdio.h>

#include "show.h"

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
