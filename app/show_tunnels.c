/* SPDX-License-Identifier: BSD-3-Clause */
/* Tunnels as wg(8) shows them. */
#include <stdio.h>
#include <string.h>

#include "show.h"
#include "units.h"

/* All allowed IPs of a peer; the gateway tells them in pages. */
static json_t *allowed_gather(
	struct client *client, const char *tunnel, int peer, struct wb_err *err)
{
	json_t *all = json_array(), *page;
	size_t size;

	do {
		page = client_ask(client, err, "/wirebraid/allowed,%s:%d:%zu", tunnel, peer,
			json_array_size(all));
		size = json_array_size(page);
		json_array_extend(all, page);
		json_decref(page);
	} while (size > 0);
	return all;
}

static json_t *peers_gather(
	struct client *client, const char *tunnel, json_int_t n, struct wb_err *err)
{
	json_t *peers = json_array();

	for (int i = 0; i < n; i++) {
		json_t *peer = client_ask(client, err, "/wirebraid/peer,%s:%d", tunnel, i);

		if (peer == NULL)
			continue;
		json_object_set_new(peer, "allowed_ips", allowed_gather(client, tunnel, i, err));
		json_array_append_new(peers, peer);
	}
	return peers;
}

json_t *show_tunnels_gather(struct client *client, struct wb_err *err)
{
	json_t *names = client_ask(client, err, "/wirebraid/tunnels"), *tunnels, *name;
	size_t i;

	if (names == NULL)
		return NULL;
	tunnels = json_array();
	json_array_foreach(names, i, name)
	{
		json_t *tunnel =
			client_ask(client, err, "/wirebraid/tunnel,%s", json_string_value(name));

		if (tunnel == NULL)
			continue;
		json_object_set_new(tunnel, "peers",
			peers_gather(
				client, json_string_value(name), client_int(tunnel, "peers"), err));
		json_object_set_new(
			tunnel, "by_member", show_arrivals_gather(client, json_string_value(name)));
		json_array_append_new(tunnels, tunnel);
	}
	json_decref(names);
	return tunnels;
}

static void allowed_print(const json_t *allowed)
{
	const json_t *prefix;
	size_t i, column = 15;

	printf("  allowed ips: %s", json_array_size(allowed) == 0 ? "(none)" : "");
	json_array_foreach(allowed, i, prefix)
	{
		const char *text = json_string_value(prefix);

		if (i > 0)
			column += (size_t)printf(",");
		if (column + strlen(text) + 2 > 80)
			column = (size_t)printf("\n              ");
		column += (size_t)printf("%s%s", i > 0 ? " " : "", text);
	}
	putchar('\n');
}

static void peer_print(const json_t *peer)
{
	char rx[UNITS_STRLEN], tx[UNITS_STRLEN], ago[UNITS_STRLEN];
	json_int_t seconds = client_int(peer, "latest_handshake_s_ago");

	printf("\npeer: %s\n", client_text(peer, "public_key"));
	if (client_int(peer, "preshared_key"))
		printf("  preshared key: (hidden)\n");
	if (strcmp(client_text(peer, "endpoint"), "(none)") != 0)
		printf("  endpoint: %s\n", client_text(peer, "endpoint"));
	allowed_print(json_object_get(peer, "allowed_ips"));
	if (seconds >= 0)
		printf("  latest handshake: %s\n", units_ago((uint64_t)seconds, ago));
	printf("  transfer: %s received, %s sent\n",
		units_bytes((uint64_t)client_int(peer, "rx_bytes"), rx),
		units_bytes((uint64_t)client_int(peer, "tx_bytes"), tx));
	printf("  packets: %s received, %s sent\n",
		units_count((uint64_t)client_int(peer, "rx_packets"), rx),
		units_count((uint64_t)client_int(peer, "tx_packets"), tx));
	if (client_int(peer, "persistent_keepalive"))
		printf("  persistent keepalive: every %lld seconds\n",
			(long long)client_int(peer, "persistent_keepalive"));
	printf("  session: %s", client_text(peer, "state"));
	if (*client_text(peer, "member") != '\0')
		printf(", leaves by %s", client_text(peer, "member"));
	putchar('\n');
}

void show_tunnels_print(const json_t *tunnels)
{
	const json_t *tunnel, *peer;
	size_t i, j;

	json_array_foreach(tunnels, i, tunnel)
	{
		printf("%sinterface: %s\n", i > 0 ? "\n" : "", client_text(tunnel, "name"));
		printf("  public key: %s\n", client_text(tunnel, "public_key"));
		printf("  private key: (hidden)\n");
		printf("  listening port: %lld\n", (long long)client_int(tunnel, "listen_port"));
		if (client_int(tunnel, "fwmark"))
			printf("  fwmark: 0x%llx\n", (long long)client_int(tunnel, "fwmark"));
		printf("  mtu: %lld, sealed on lcore %lld, opened on lcore %lld\n",
			(long long)client_int(tunnel, "mtu"),
			(long long)client_int(tunnel, "lcore_seal"),
			(long long)client_int(tunnel, "lcore_open"));
		show_arrivals_print(json_object_get(tunnel, "by_member"));
		json_array_foreach(json_object_get(tunnel, "peers"), j, peer) peer_print(peer);
	}
}
