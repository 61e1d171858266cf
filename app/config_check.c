/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "config_lcores.h"
#include "crypto/handshake_crypto.h"

static bool on_link(const struct config_port *port, const struct wb_addr *addr)
{
	for (unsigned i = 0; i < port->n_addresses; i++)
		if (wb_prefix_contains(&port->addresses[i], addr))
			return true;
	return false;
}

static bool link_local(const struct wb_addr *addr)
{
	return addr->family == AF_INET6 && addr->bytes[0] == 0xfe &&
		(addr->bytes[1] & 0xc0) == 0x80;
}

/* Whether a host can have this address: no multicast, loopback, "this host" or reserved one. */
static bool for_hosts(const struct wb_addr *addr)
{
	static const uint8_t zeros[15];

	if (addr->family == AF_INET)
		return addr->bytes[0] != 0 && addr->bytes[0] != 127 && addr->bytes[0] < 224;
	if (addr->bytes[0] == 0xff)
		return false;
	return memcmp(addr->bytes, zeros, sizeof(zeros)) != 0 || addr->bytes[15] > 1;
}

/* The first and last address of an IPv4 network are the network's own (RFC 3021: but for /31). */
static bool networks_own(const struct wb_prefix *prefix)
{
	uint32_t host, hosts;

	if (prefix->addr.family != AF_INET || prefix->len == 0 || prefix->len > 30)
		return false;
	hosts = UINT32_MAX >> prefix->len;
	host = ntohl(prefix->addr.v4) & hosts;
	return host == 0 || host == hosts;
}

static int address_check(const struct wb_config *config, const struct config_port *port, unsigned i,
	struct wb_err *err)
{
	const struct wb_prefix *address = &port->addresses[i];
	char text[WB_PREFIX_STRLEN];

	if (!for_hosts(&address->addr) || networks_own(address) || address->len == 0)
		return wb_err_set(err, EINVAL, "%s:%u: %s is no host's address, expected one",
			config->path, port->address_lines[i], wb_prefix_format(address, text));
	for (unsigned j = 0; j < i; j++)
		if (wb_addr_equal(&port->addresses[j].addr, &address->addr))
			return wb_err_set(err, EINVAL,
				"%s:%u: %s was given in line %u already, expected it once",
				config->path, port->address_lines[i],
				wb_prefix_format(address, text), port->address_lines[j]);
	return 0;
}

static int gateway_check(const struct wb_config *config, const struct config_port *port,
	const struct wb_addr *gateway, unsigned line, struct wb_err *err)
{
	char text[WB_ADDR_STRLEN];

	if (gateway->family == 0)
		return 0;
	for (unsigned i = 0; i < port->n_addresses; i++)
		if (wb_addr_equal(&port->addresses[i].addr, gateway))
			return wb_err_set(err, EINVAL,
				"%s:%u: gateway %s of %s is its own address, expected another "
				"router's",
				config->path, line, wb_addr_format(gateway, text), port->name);
	/* Link-local routers are always on the link. */
	if (for_hosts(gateway) && (link_local(gateway) || on_link(port, gateway)))
		return 0;
	return wb_err_set(err, EINVAL,
		"%s:%u: gateway %s of %s is not on its link, expected an address within one of its "
		"networks",
		config->path, line, wb_addr_format(gateway, text), port->name);
}

/* There is one default route for each family. */
static int gateways_check(const struct wb_config *config, struct wb_err *err)
{
	unsigned line4 = 0, line6 = 0;

	for (unsigned i = 0; i < config->n_ports; i++) {
		const struct config_port *port = &config->ports[i];

		if (line4 != 0 && port->gateway4_line != 0)
			return wb_err_set(err, EINVAL,
				"%s:%u: the IPv4 gateway was set in line %u already, expected one "
				"for "
				"all ports",
				config->path, port->gateway4_line, line4);
		if (line6 != 0 && port->gateway6_line != 0)
			return wb_err_set(err, EINVAL,
				"%s:%u: the IPv6 gateway was set in line %u already, expected one "
				"for "
				"all ports",
				config->path, port->gateway6_line, line6);
		line4 += port->gateway4_line;
		line6 += port->gateway6_line;
	}
	return 0;
}

static int port_check(
	const struct wb_config *config, const struct config_port *port, struct wb_err *err)
{
	int rc = 0;

	if (port->n_members == 0)
		return wb_err_set(err, EINVAL, "%s:%u: %s has no %s, expected at least one",
			config->path, port->line, port->name, port->bond ? "member" : "device");
	if (port->lacp.min_links > port->n_members)
		return wb_err_set(err, EINVAL,
			"%s:%u: min-links %u, but %s has %u members, expected no more",
			config->path, port->min_links_line, port->lacp.min_links, port->name,
			port->n_members);
	for (unsigned i = 0; port->rx_queues > 1 && i < port->n_members; i++)
		if (port->members[i].device.kind == WB_DEVICE_KERNEL)
			return wb_err_set(err, EINVAL,
				"%s:%u: rx-queues %u, but %s (line %u) has one, in which the "
				"kernel keeps the order, expected 1",
				config->path, port->rx_queues_line, port->rx_queues,
				port->members[i].text, port->members[i].line);
	for (unsigned i = 0; rc == 0 && i < port->n_addresses; i++)
		rc = address_check(config, port, i, err);
	if (rc == 0)
		rc = gateway_check(config, port, &port->gateway4, port->gateway4_line, err);
	if (rc == 0)
		rc = gateway_check(config, port, &port->gateway6, port->gateway6_line, err);
	return rc;
}

static int ports_check(const struct wb_config *config, struct wb_err *err)
{
	if (config->n_ports == 0)
		return wb_err_set(err, EINVAL,
			"%s: describes no port, expected at least one [bond NAME] or [port NAME]",
			config->path);
	for (unsigned i = 0; i < config->n_ports; i++) {
		int rc = port_check(config, &config->ports[i], err);

		if (rc < 0)
			return rc;
	}
	return gateways_check(config, err);
}

/* The interface of a kernel: device has its name already. Returns the device, or NULL. */
static const struct config_member *kernel_device(const struct wb_config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_ports; i++)
		for (unsigned j = 0; j < config->ports[i].n_members; j++) {
			const struct config_member *member = &config->ports[i].members[j];

			if (member->device.kind == WB_DEVICE_KERNEL &&
				strcmp(member->device.ifname, name) == 0)
				return member;
		}
	return NULL;
}

static int names_check(const struct wb_config *config, struct wb_err *err)
{
	for (unsigned i = 0; i < config->n_ports; i++) {
		const struct config_port *port = &config->ports[i];
		const struct config_member *member = kernel_device(config, port->name);

		if (member != NULL)
			return wb_err_set(err, EINVAL,
				"%s:%u: %s is the name of a device in line %u, expected another",
				config->path, port->line, port->name, member->line);
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

/* Link-local networks are there on every link. */
static bool overlap(const struct wb_prefix *a, const struct wb_prefix *b)
{
	if (link_local(&a->addr) && link_local(&b->addr))
		return false;
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
							"%s:%u: %s of %s overlaps %s of %s (line "
							"%u), expected a network for each port",
							config->path, a->address_lines[k],
							wb_prefix_format(&a->addresses[k], a_text),
							a->name,
							wb_prefix_format(&b->addresses[l], b_text),
							b->name, b->address_lines[l]);
		}
	return 0;
}

/* A peer with our own key is a copied line: nothing could ever come of it. */
static int own_key_check(const struct wb_wgquick *tunnel, struct wb_err *err)
{
	struct wb_key secret = tunnel->private_key, ours;

	if (!tunnel->has_private_key)
		return 0;
	wb_dh_clamp(&secret);
	wb_dh_public(&ours, &secret);
	wb_key_wipe(&secret);
	for (unsigned i = 0; i < tunnel->n_peers; i++)
		if (wb_key_equal(&tunnel->peers[i].public_key, &ours))
			return wb_err_set(err, EINVAL,
				"%s:%u: this [Peer] has the tunnel's own key, expected the other "
				"side's",
				tunnel->path, tunnel->peers[i].line);
	return 0;
}

/* Against the ports, and the first n tunnels. */
static int tunnel_check(const struct wb_config *config, const struct wb_wgquick *tunnel, unsigned n,
	struct wb_err *err)
{
	for (unsigned j = 0; j < config->n_ports; j++)
		if (strcmp(config->ports[j].name, tunnel->name) == 0)
			return wb_err_set(err, EINVAL,
				"%s: tunnel %s has the name of a port (%s:%u), expected another",
				tunnel->path, tunnel->name, config->path, config->ports[j].line);
	if (kernel_device(config, tunnel->name) != NULL)
		return wb_err_set(err, EINVAL,
			"%s: tunnel %s has the name of a device (%s:%u), expected another",
			tunnel->path, tunnel->name, config->path,
			kernel_device(config, tunnel->name)->line);
	for (unsigned j = 0; j < n; j++) {
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
				"%s:%u: MTU %u leaves no room for sealing in the %u of %s; "
				"packets of full size are dropped as outer_too_big",
				tunnel->path, tunnel->mtu_line, tunnel->mtu, config->ports[i].mtu,
				config->ports[i].name);
	if (tunnel->n_peers == 0)
		wb_notices_add(
			&config->notices, "%s: has no [Peer]; nothing will pass", tunnel->path);
}

static void path_notice(struct wb_config *config, const struct config_path *path)
{
	for (unsigned i = 0; i < config->n_tunnels; i++)
		if (strcmp(config->tunnels[i]->name, path->tunnel) == 0)
			return;
	wb_notices_add(&config->notices,
		"%s:%u: [path %s] is about a tunnel that no file is named for", config->path,
		path->line, path->tunnel);
}

void wb_config_cpus(cpu_set_t *cpus)
{
	static cpu_set_t first;

	/* Later, threads are bound to some of them. */
	if (CPU_COUNT(&first) == 0)
		sched_getaffinity(0, sizeof(first), &first);
	*cpus = first;
}

int wb_config_tunnel_check(
	const struct wb_config *config, const struct wb_wgquick *tunnel, struct wb_err *err)
{
	int rc = tunnel_check(config, tunnel, config->n_tunnels, err);

	return rc == 0 ? own_key_check(tunnel, err) : rc;
}

int config_check(struct wb_config *config, struct wb_err *err)
{
	int rc = ports_check(config, err);

	if (rc == 0)
		rc = devices_check(config, err);
	if (rc == 0)
		rc = names_check(config, err);
	if (rc == 0)
		rc = addresses_check(config, err);
	if (rc == 0)
		rc = config_lcores_check(config, err);
	for (unsigned i = 0; rc == 0 && i < config->n_tunnels; i++) {
		rc = tunnel_check(config, config->tunnels[i], i, err);
		if (rc == 0)
			rc = own_key_check(config->tunnels[i], err);
		if (rc == 0)
			tunnel_notices(config, config->tunnels[i]);
	}
	for (unsigned i = 0; rc == 0 && i < config->paths.n; i++)
		path_notice(config, &config->paths.path[i]);
	if (rc == 0 && config->n_tunnels == 0)
		wb_notices_add(
			&config->notices, "%s: names no tunnel; it only routes", config->path);
	return rc;
}
