/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_check.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

static bool on_link(const struct config_port *port, const struct wb_addr *addr)
{
	for (unsigned i = 0; i < port->n_addresses; i++)
		if (wb_prefix_contains(&port->addresses[i], addr))
			return true;
	/* Link-local routers are always on the link. */
	return addr->family == AF_INET6 && addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

static int gateway_check(const struct wb_config *config, const struct config_port *port,
	const struct wb_addr *gateway, struct wb_err *err)
{
	char text[WB_ADDR_STRLEN];

	if (gateway->family == 0 || on_link(port, gateway))
		return 0;
	return wb_err_set(err, EINVAL,
		"%s:%u: gateway %s of %s is not on its link, expected an address within one of its "
		"networks",
		config->path, port->line, wb_addr_format(gateway, text), port->name);
}

static int ports_check(const struct wb_config *config, struct wb_err *err)
{
	if (config->n_ports == 0)
		return wb_err_set(err, EINVAL,
			"%s: describes no port, expected at least one [bond NAME] or [port NAME]",
			config->path);
	for (unsigned i = 0; i < config->n_ports; i++) {
		const struct config_port *port = &config->ports[i];
		int rc;

		if (port->n_members == 0)
			return wb_err_set(err, EINVAL, "%s:%u: %s has no %s, expected at least one",
				config->path, port->line, port->name,
				port->bond ? "member" : "device");
		rc = gateway_check(config, port, &port->gateway4, err);
		if (rc == 0)
			rc = gateway_check(config, port, &port->gateway6, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A device can be in one place only. */
static int devices_check(const struct wb_config *config, struct wb_err *err)
{
	const struct config_member *seen[CONFIG_PORTS_MAX * CONFIG_MEMBERS_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < config->n_ports; i++)
		for (unsigned j = 0; j < config->ports[i].n_members; j++) {
			const struct config_member *member = &config->ports[i].members[j];

			for (unsigned k = 0; k < n; k++)
				if (strcmp(seen[k]->device.name, member->device.name) == 0)
					return wb_err_set(err, EINVAL,
						"%s:%u: %s is used in line %u already, expected "
						"another device",
						config->path, member->line, member->text,
						seen[k]->line);
			seen[n++] = member;
		}
	return 0;
}

static bool overlap(const struct wb_prefix *a, const struct wb_prefix *b)
{
	return a->len <= b->len ? wb_prefix_contains(a, &b->addr) : wb_prefix_contains(b, &a->addr);
}

static int addresses_check(const struct wb_config *config, struct wb_err *err)
{
	char a_text[WB_PREFIX_STRLEN], b_text[WB_PREFIX_STRLEN];

	for (unsigned i = 1; i < config->n_ports; i++)
		for (unsigned j = 0; j < i; j++) {
			const struct config_port *a = &config->ports[i], *b = &config->ports[j];

			for (unsigned k = 0; k < a->n_addresses; k++)
				for (unsigned l = 0; l < b->n_addresses; l++)
					if (overlap(&a->addresses[k], &b->addresses[l]))
						return wb_err_set(err, EINVAL,
							"%s:%u: %s of %s overlaps %s of %s, expected "
							"a network for each port",
							config->path, a->line,
							wb_prefix_format(&a->addresses[k], a_text),
							a->name,
							wb_prefix_format(&b->addresses[l], b_text),
							b->name);
		}
	return 0;
}

static int tunnel_check(const struct wb_config *config, unsigned i, struct wb_err *err)
{
	const struct wb_wgquick *tunnel = config->tunnels[i];

	for (unsigned j = 0; j < config->n_ports; j++)
		if (strcmp(config->ports[j].name, tunnel->name) == 0)
			return wb_err_set(err, EINVAL,
				"%s: tunnel %s has the name of a port (%s:%u), expected another",
				tunnel->path, tunnel->name, config->path, config->ports[j].line);
	for (unsigned j = 0; j < i; j++) {
		const struct wb_wgquick *other = config->tunnels[j];

		if (strcmp(other->name, tunnel->name) == 0)
			return wb_err_set(err, EINVAL,
				"%s: there is a tunnel %s already (%s), expected another name",
				tunnel->path, tunnel->name, other->path);
		if (tunnel->listen_port != 0 && other->listen_port == tunnel->listen_port)
			return wb_err_set(err, EINVAL,
				"%s:%u: ListenPort %u is that of %s:%u, expected another",
				tunnel->path, tunnel->listen_line, tunnel->listen_port, other->path,
				other->listen_line);
	}
	return 0;
}

static void tunnel_notices(struct wb_config *config, const struct wb_wgquick *tunnel)
{
	for (unsigned i = 0; i < config->n_ports; i++)
		if (tunnel->mtu > config->ports[i].mtu - 60)
			wb_notices_add(&config->notices,
				"%s:%u: MTU %u leaves no room for sealing in the %u of %s; such "
				"packets are dropped as tx_port_full or rx_multiseg",
				tunnel->path, tunnel->mtu_line, tunnel->mtu, config->ports[i].mtu,
				config->ports[i].name);
	if (tunnel->n_peers == 0)
		wb_notices_add(&config->notices, "%s: has no [Peer]; nothing will pass", tunnel->path);
}

static int lcores_check(const struct wb_config *config, struct wb_err *err)
{
	cpu_set_t cpus;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	for (unsigned i = 0; i < config->n_workers; i++)
		if (!CPU_ISSET(config->workers[i], &cpus))
			return wb_err_set(err, EINVAL,
				"%s: worker CPU %u is not there, or not for this process, expected "
				"one of the %d it may use",
				config->path, config->workers[i], CPU_COUNT(&cpus));
	if (config->control_cpu >= 0 && !CPU_ISSET(config->control_cpu, &cpus))
		return wb_err_set(err, EINVAL,
			"%s: control CPU %d is not there, or not for this process", config->path,
			config->control_cpu);
	return 0;
}

int config_check(struct wb_config *config, struct wb_err *err)
{
	int rc = ports_check(config, err);

	if (rc == 0)
		rc = devices_check(config, err);
	if (rc == 0)
		rc = addresses_check(config, err);
	if (rc == 0)
		rc = lcores_check(config, err);
	for (unsigned i = 0; rc == 0 && i < config->n_tunnels; i++) {
		rc = tunnel_check(config, i, err);
		if (rc == 0)
			tunnel_notices(config, config->tunnels[i]);
	}
	if (rc == 0 && config->n_tunnels == 0)
		wb_notices_add(&config->notices, "%s: names no tunnel; it only routes", config->path);
	return rc;
}
