/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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
		struct wb_err unused;
		json_t *port =
			client_ask(client, err, "/wirebraid/port,%s", json_string_value(name));

		if (port == NULL)
			continue;
		json_object_set_new(port, "members",
			members_gather(
				client, json_string_value(name), client_int(port, "members"), err));
		if (client_int(port, "bond"))
			json_object_set_new(port, "spread",
				client_ask(client, &unused, "/wirebraid/spread,%s",
					json_string_value(name)));
		json_array_append_new(ports, port);
	}
	json_decref(names);
	return ports;
}

static uint64_t number(const json_t *object, const char *key)
{
	return (uint64_t)client_int(object, key);
}

/* "received 1.21 GiB, 940.00 Mbit/s, 81.20 k packets/s, 94 % of 1.00 Gbit/s" */
static void direction_print(const json_t *object, const char *verb, const char *side)
{
	char key[32], bytes[UNITS_STRLEN], bits[UNITS_STRLEN], packets[UNITS_STRLEN];
	uint64_t speed = number(object, "speed_mbps") * 1000000, rate;

	snprintf(key, sizeof(key), "%s_bits_s", side);
	rate = number(object, key);
	units_rate(rate, bits);
	snprintf(key, sizeof(key), "%s_bytes", side);
	units_bytes(number(object, key), bytes);
	snprintf(key, sizeof(key), "%s_packets_s", side);
	units_count(number(object, key), packets);
	printf("    %-8s %s; now %s, %s packets/s", verb, bytes, bits, packets);
	if (speed > 0)
		printf(", %llu %%", (unsigned long long)(rate * 100 / speed));
	putchar('\n');
}

static void side_print(const json_t *member, const char *title, const char *side)
{
	char state[32], key[32], port[32], priority[32];

	snprintf(state, sizeof(state), "%sstate", side);
	snprintf(key, sizeof(key), "%skey", side);
	snprintf(port, sizeof(port), "%sport", side);
	snprintf(priority, sizeof(priority), "%sport_priority", side);
	printf("    %-8s %s; key %lld port %lld/%lld\n", title, client_text(member, state),
		(long long)client_int(member, key), (long long)client_int(member, priority),
		(long long)client_int(member, port));
}

static void lacp_print(const json_t *member)
{
	char ago[UNITS_STRLEN];

	side_print(member, "actor", "");
	side_print(member, "partner", "partner_");
	printf("    system   %s, priority %lld\n", client_text(member, "partner_system"),
		(long long)client_int(member, "partner_system_priority"));
	printf("    aggregator %lld%s, churns %lld/%lld, changed %s\n",
		(long long)client_int(member, "aggregator"),
		client_int(member, "aggregator_active") ? "" : " (not in use)",
		(long long)client_int(member, "actor_churns"),
		(long long)client_int(member, "partner_churns"),
		json_object_get(member, "changed_ms_ago") == NULL
			? "never"
			: units_ago(number(member, "changed_ms_ago") / 1000, ago));
}

static void member_print(const json_t *member)
{
	bool distributing = client_int(member, "distributing") != 0;
	const char *standing = client_text(member, "standing");
	uint64_t speed = number(member, "speed_mbps");

	printf("  member %s: link %s", client_text(member, "device"),
		client_int(member, "link") ? "up" : "DOWN");
	if (speed > 0)
		printf(", %llu Mbit/s", (unsigned long long)speed);
	printf(", %s", distributing ? "distributing" : "NOT distributing");
	if (!distributing && *standing != '\0' && strcmp(standing, "in") != 0)
		printf(": %s", standing);
	putchar('\n');
	direction_print(member, "received", "rx");
	direction_print(member, "sent", "tx");
	printf("    errors   %lld received, %lld sent; %lld missed\n",
		(long long)client_int(member, "rx_errors"),
		(long long)client_int(member, "tx_errors"),
		(long long)client_int(member, "rx_missed"));
	if (json_object_get(member, "standing") != NULL)
		lacp_print(member);
}

/* What the driver does that would be done here. */
static void offload_print(const json_t *port)
{
	static const char *const words[2][2] = {{"none", "UDP checksums sent"},
		{"IPv4 checksums received", "IPv4 checksums received, UDP checksums sent"}};
	bool received = client_int(port, "rx_ipv4_checksums") != 0;
	bool sent = client_int(port, "tx_udp_checksums") != 0;

	printf("  offload: %s\n", words[received][sent]);
}

static void port_print(const json_t *port)
{
	printf("%s: ", client_text(port, "name"));
	if (client_int(port, "bond"))
		printf("bond of 802.3ad, hash %s, %lld of %zu members distributing",
			client_text(port, "hash"), (long long)client_int(port, "distributing"),
			json_array_size(json_object_get(port, "members")));
	else
		printf("port, link %s", client_int(port, "link") ? "up" : "DOWN");
	printf("\n  MAC %s, MTU %lld", client_text(port, "mac"),
		(long long)client_int(port, "mtu"));
	if (client_int(port, "bond"))
		printf(", system priority %lld, min-links %lld",
			(long long)client_int(port, "system_priority"),
			(long long)client_int(port, "min_links"));
	putchar('\n');
	offload_print(port);
	printf("  queue to the port: %lld of %lld packets, %lld dropped\n",
		(long long)client_int(port, "tx_queue"),
		(long long)client_int(port, "tx_queue_size"),
		(long long)client_int(port, "tx_dropped"));
}

void show_ports_print(const json_t *ports)
{
	const json_t *port, *member;
	size_t i, j;

	json_array_foreach(ports, i, port)
	{
		if (i > 0)
			putchar('\n');
		port_print(port);
		show_spread_print(json_object_get(port, "spread"));
		json_array_foreach(json_object_get(port, "members"), j, member)
			member_print(member);
	}
}
