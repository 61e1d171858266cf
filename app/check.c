/* SPDX-License-Identifier: BSD-3-Clause */
/* wirebraid check: reads everything and says what run would do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "crypto/handshake_crypto.h"

#include "check_lcores.h"
#include "commands.h"
#include "config.h"

static void ports_print(const struct wb_config *config)
{
	char text[WB_PREFIX_STRLEN];

	for (unsigned i = 0; i < config->n_ports; i++) {
		const struct config_port *port = &config->ports[i];

		printf("%s %s: MTU %u", port->bond ? "bond" : "port", port->name, port->mtu);
		if (port->bond)
			printf(", hash %s, LACP %s", wb_bond_policy_name(port->policy),
				port->lacp.slow ? "slow" : "fast");
		printf(", offload %s\n", port->offload ? "auto" : "off");
		for (unsigned j = 0; j < port->n_members; j++)
			printf("  %s %s\n", port->bond ? "member" : "device",
				port->members[j].text);
		for (unsigned j = 0; j < port->n_addresses; j++)
			printf("  address %s\n", wb_prefix_format(&port->addresses[j], text));
		if (port->gateway4.family != 0)
			printf("  gateway %s\n", wb_addr_format(&port->gateway4, text));
		if (port->gateway6.family != 0)
			printf("  gateway %s\n", wb_addr_format(&port->gateway6, text));
	}
}

static void tunnels_print(const struct wb_config *config)
{
	char key[WB_KEY_STRLEN], text[WB_PREFIX_STRLEN];

	for (unsigned i = 0; i < config->n_tunnels; i++) {
		const struct wb_wgquick *tunnel = config->tunnels[i];
		struct wb_key private_key = tunnel->private_key, public_key;

		wb_dh_clamp(&private_key);
		wb_dh_public(&public_key, &private_key);
		wb_key_wipe(&private_key);
		printf("tunnel %s: ", tunnel->name);
		if (tunnel->listen_port != 0)
			printf("port %u", tunnel->listen_port);
		else
			printf("any port");
		printf(", MTU %u\n  public key %s\n", wb_config_tunnel_mtu(config, tunnel),
			wb_key_format(&public_key, key));
		for (unsigned j = 0; j < tunnel->n_addresses; j++)
			printf("  address %s\n", wb_prefix_format(&tunnel->addresses[j], text));
		for (unsigned j = 0; j < tunnel->n_peers; j++) {
			const struct wb_wgquick_peer *peer = &tunnel->peers[j];

			printf("  peer %.10s..., %u allowed IPs",
				wb_key_format(&peer->public_key, key), peer->n_allowed);
			if (peer->host != NULL)
				printf("\n    at %s port %u\n", peer->host, peer->port);
			else
				printf(", finds us\n");
		}
	}
}

static void route_print(const struct wb_config *config, const struct config_route *route)
{
	char text[WB_PREFIX_STRLEN];
	int column = printf("route %s", wb_prefix_format(&route->prefix, text));

	if (route->table != 254)
		column += printf(" in table %u", route->table);
	column += printf(": %s", route->n_tunnels > 1 ? "ECMP over" : "by");
	for (unsigned i = 0; i < route->n_tunnels; i++) {
		const char *name = config->tunnels[route->tunnels[i]]->name;

		/* Room for a comma before and after it. */
		if (column + (int)strlen(name) + 3 > 80) {
			printf("%s\n ", i > 0 ? "," : "");
			column = 1 + printf(" %s", name);
			continue;
		}
		column += printf("%s %s", i > 0 ? "," : "", name);
	}
	putchar('\n');
}

static int routes_print(const struct wb_config *config, struct wb_err *err)
{
	struct config_route *routes;
	unsigned n;
	int rc = wb_config_routes(config->tunnels, config->n_tunnels, &routes, &n, err);

	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < n; i++)
		route_print(config, &routes[i]);
	free(routes);
	return 0;
}

static void workers_print(const struct wb_config *config)
{
	printf("name %s, %u MiB, polling %s\nworkers on CPU", config->name, config->memory_mib,
		config->poll_always ? "always" : "adaptively");
	for (unsigned i = 0; i < config->n_workers; i++)
		printf("%s %u", i > 0 ? "," : "", config->workers[i]);
	if (config->control_cpu >= 0)
		printf("; control on CPU %d", config->control_cpu);
	putchar('\n');
}

int wb_cmd_check(int argc, char **argv)
{
	struct wb_config *config;
	struct wb_err err;
	int rc;

	if (argc != 2 || argv[1][0] == '-') {
		fprintf(stderr, "usage: wirebraid check FILE\n");
		return 2;
	}
	if (sodium_init() < 0)
		return 1;
	rc = wb_config_load(argv[1], &config, &err);
	if (rc == 0) {
		workers_print(config);
		ports_print(config);
		tunnels_print(config);
		rc = routes_print(config, &err);
		check_lcores_print(config);
		for (unsigned i = 0; i < config->notices.n; i++)
			printf("notice: %s\n", config->notices.texts[i]);
		wb_config_free(config);
	}
	if (rc < 0)
		fprintf(stderr, "wirebraid: %s\n", err.text);
	return rc < 0 ? 1 : 0;
}
