/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>
#include <stdio.h>

#include "show.h"
#include "units.h"

static json_t *members_gather(
	struct client *client, const char *port, json_int_t n, struct wb_err *err)
{
	json_t *members = json_array();

	for (json_int_t i = 0; i < n; i++) {
		json_t *member = client_ask(client, err, "/wirebraid/member,%s:%d", port, (int)i);

		if (member != NULL)
			json_array_append_new(members, member);
	}
	return members;
}

json_t *show_ports_gather(struct client *client, struct wb_err *err)
{
	json_t *names = client_ask(client, err, "/wirebraid/ports"), *ports, *name;
	size_t i;

	if (names == NULL)
		return NULL;
	ports = json_array();
	json_array_foreach(names, i, name)
	{
		json_t *port =
			client_ask(client, err, "/wirebraid/port,%s", json_string_value(name));

		if (port == NULL)
			continue;
		json_object_set_new(port, "members",
			members_gather(
				client, json_string_value(name), client_int(port, "members"), err));
		json_array_append_new(ports, port);
	}
	json_decref(names);
	return ports;
}

static void member_print(const json_t *member)
{
	char rx[UNITS_STRLEN], tx[UNITS_STRLEN];

	printf("  member %s: %s, %s\n", client_text(member, "device"),
		client_int(member, "link") ? "link up" : "link DOWN",
		client_int(member, "distributing") ? "distributing" : "NOT distributing");
	printf("    received %s, sent %s, errors %lld/%lld\n",
		units_bytes((uint64_t)client_int(member, "rx_bytes"), rx),
		units_bytes((uint64_t)client_int(member, "tx_bytes"), tx),
		(long long)client_int(member, "rx_errors"),
		(long long)client_int(member, "tx_errors"));
	if (*client_text(member, "partner_system") == '\0')
		return;
	printf("    actor   %s\n", client_text(member, "state"));
	printf("    partner %s\n", client_text(member, "partner_state"));
	printf("            system %s key %lld port %lld, aggregator %lld\n",
		client_text(member, "partner_system"), (long long)client_int(member, "partner_key"),
		(long long)client_int(member, "partner_port"),
		(long long)client_int(member, "aggregator"));
}

void show_ports_print(const json_t *ports)
{
	const json_t *port, *member;
	char rx[UNITS_STRLEN], tx[UNITS_STRLEN];
	size_t i, j;

	json_array_foreach(ports, i, port)
	{
		const json_t *members = json_object_get(port, "members");
		bool bond = client_int(port, "bond") != 0;

		printf("%s%s: %s%s, link %s, MTU %lld\n", i > 0 ? "\n" : "",
			client_text(port, "name"), bond ? "bond of 802.3ad, hash " : "port",
			client_text(port, "hash"), client_int(port, "link") ? "up" : "DOWN",
			(long long)client_int(port, "mtu"));
		printf("  MAC %s, received %s, sent %s\n", client_text(port, "mac"),
			units_bytes((uint64_t)client_int(port, "rx_bytes"), rx),
			units_bytes((uint64_t)client_int(port, "tx_bytes"), tx));
		printf("  missed %lld, errors %lld/%lld\n",
			(long long)client_int(port, "rx_missed"),
			(long long)client_int(port, "rx_errors"),
			(long long)client_int(port, "tx_errors"));
		json_array_foreach(members, j, member) member_print(member);
	}
}
