/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_bond.h"
#include "config_check.h"
#include "config_lcores.h"
#include "ini/ini.h"
#include "ini/value.h"

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=+.-"

#define DEFAULT_NAME   "wirebraid"
#define DEFAULT_MEMORY 256
#define DEFAULT_MTU    1500
#define DEFAULT_IDLE   100

/** IPv6, UDP, transport header, tag: what sealing adds to a packet at the most. */

/** A line of the gateway's file, still to be read: a tunnel's. */
struct pending {
	char *path;
	unsigned line;
};

struct loader {
	struct wb_config *config;
	int (*key)(struct loader *loader, const char *key, char *value, unsigned line,
		struct wb_err *err);
	struct config_port *port;
	struct config_path *path;
	struct pending tunnels[CONFIG_TUNNELS_MAX];
	unsigned n_tunnels;
	/** Where the sections without a name stand; 0: not seen. */
	unsigned gateway_line, lcores_line, ecmp_line, paths_line;
	/** Settings that may stand once a section, and where they did. */
	struct {
		char key[32];
		unsigned line;
	} once[16];
	unsigned n_once;
};

static int once(struct loader *loader, const char *key, unsigned line, struct wb_err *err)
{
	for (unsigned i = 0; i < loader->n_once; i++)
		if (strcmp(loader->once[i].key, key) == 0)
			return wb_err_set(err, EINVAL,
				"%s was set in line %u already, expected it once", key,
				loader->once[i].line);
	if (loader->n_once == sizeof(loader->once) / sizeof(loader->once[0]))
		return wb_err_set(err, EINVAL, "too many settings in a section");
	snprintf(loader->once[loader->n_once].key, sizeof(loader->once[0].key), "%s", key);
	loader->once[loader->n_once++].line = line;
	return 0;
}

static int set_name(struct wb_config *config, const char *value, struct wb_err *err)
{
	size_t length = strlen(value);

	if (length == 0 || length >= sizeof(config->name) ||
		strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-") != length)
		return wb_err_set(err, EINVAL,
			"name '%.60s' is not valid, expected 1 to 32 of a-z, 0-9 and -", value);
	memcpy(config->name, value, length + 1);
	return 0;
}

static int add_tunnel(struct loader *loader, const char *value, unsigned line, struct wb_err *err)
{
	struct pending *tunnel = &loader->tunnels[loader->n_tunnels];
	char *copy, *path;

	if (loader->n_tunnels == CONFIG_TUNNELS_MAX)
		return wb_err_set(
			err, EINVAL, "too many tunnels, expected at most %u", CONFIG_TUNNELS_MAX);
	if (*value == '\0')
		return wb_err_set(err, EINVAL, "tunnel names no file, expected a path");
	/* A relative path begins where the gateway's file is. */
	copy = strdup(loader->config->path);
	if (copy == NULL ||
		asprintf(&path, "%s%s%s", *value == '/' ? "" : dirname(copy),
			*value == '/' ? "" : "/", value) < 0) {
		free(copy);
		return wb_err_set(err, ENOMEM, "no memory");
	}
	free(copy);
	tunnel->path = path;
	tunnel->line = line;
	loader->n_tunnels++;
	return 0;
}

/* One of two words; the second one says yes. */
static int set_either(
	const char *value, const char *no, const char *yes, bool *out, struct wb_err *err)
{
	const char *const words[] = {no, yes, NULL};
	unsigned choice = 0;
	int rc = wb_value_choice(value, words, &choice, err);

	*out = choice == 1;
	return rc;
}

static int gateway_key(
	struct loader *loader, const char *key, char *value, unsigned line, struct wb_err *err)
{
	static const char *const keys[] = {"name", "poll", "memory", "mss-clamp", NULL};
	struct wb_config *config = loader->config;
	unsigned choice;
	int rc;

	if (strcmp(key, "tunnel") == 0)
		return add_tunnel(loader, value, line, err);
	if (wb_value_choice(key, keys, &choice, NULL) < 0)
		return wb_err_set(err, EINVAL,
			"'%.40s' is no setting of [gateway], expected name, poll, memory, "
			"mss-clamp or tunnel",
			key);
	rc = once(loader, key, line, err);
	if (rc < 0)
		return rc;
	switch (choice) {
	case 0:
		return set_name(config, value, err);
	case 1:
		return set_either(value, "adaptive", "always", &config->poll_always, err);
	case 2:
		return wb_value_unsigned(value, 64, 1 << 20, &config->memory_mib, err);
	default:
		return set_either(value, "off", "on", &config->mss_clamp, err);
	}
}

static int lcores_key(
	struct loader *loader, const char *key, char *value, unsigned line, struct wb_err *err)
{
	int rc = config_lcores_once(key) ? once(loader, key, line, err) : 0;

	return rc < 0 ? rc : config_lcores_key(loader->config, key, value, line, err);
}

static int ecmp_key(
	struct loader *loader, const char *key, char *value, unsigned line, struct wb_err *err)
{
	static const char *const keys[] = {"hash", "inner", "idle", "unbalanced", NULL};
	struct config_ecmp *ecmp = &loader->config->ecmp;
	unsigned choice;
	int rc;

	if (wb_value_choice(key, keys, &choice, NULL) < 0)
		return wb_err_set(err, EINVAL,
			"'%.40s' is no setting of [ecmp], expected hash, inner, idle or unbalanced",
			key);
	rc = once(loader, key, line, err);
	if (rc < 0)
		return rc;
	switch (choice) {
	case 0:
		return set_either(value, "flow", "symmetric", &ecmp->symmetric, err);
	case 1:
		return set_either(value, "off", "on", &ecmp->inner, err);
	case 2:
		return wb_value_time(value, 10, 60000, &ecmp->idle_ms, err);
	default:
		ecmp->unbalanced_ms = 0;
		if (strcmp(value, "off") == 0)
			return 0;
		return wb_value_time(value, 1000, 3600000, &ecmp->unbalanced_ms, err);
	}
}

static int add_member(struct loader *loader, const char *value, unsigned line, struct wb_err *err)
{
	struct config_port *port = loader->port;
	struct config_member *member = &port->members[port->n_members];
	int rc;

	if (port->n_members == CONFIG_MEMBERS_MAX)
		return wb_err_set(
			err, EINVAL, "too many members, expected at most %u", CONFIG_MEMBERS_MAX);
	rc = wb_device_parse(value, &member->device, err);
	if (rc < 0)
		return rc;
	snprintf(member->text, sizeof(member->text), "%s", value);
	member->line = line;
	port->n_members++;
	return 0;
}

static int add_address(
	struct config_port *port, const char *value, unsigned line, struct wb_err *err)
{
	if (port->n_addresses == CONFIG_ADDRESSES_MAX)
		return wb_err_set(err, EINVAL, "too many addresses, expected at most %u",
			CONFIG_ADDRESSES_MAX);
	if (wb_value_prefix(value, &port->addresses[port->n_addresses], err) < 0)
		return -EINVAL;
	port->address_lines[port->n_addresses++] = line;
	return 0;
}

static int set_gateway(
	struct config_port *port, const char *value, unsigned line, struct wb_err *err)
{
	struct wb_addr addr, *slot;
	unsigned *slot_line;

	if (wb_value_addr(value, &addr, err) < 0)
		return -EINVAL;
	slot = addr.family == AF_INET ? &port->gateway4 : &port->gateway6;
	slot_line = addr.family == AF_INET ? &port->gateway4_line : &port->gateway6_line;
	if (slot->family != 0)
		return wb_err_set(err, EINVAL,
			"an %s gateway was set in line %u already, expected it once",
			addr.family == AF_INET ? "IPv4" : "IPv6", *slot_line);
	*slot = addr;
	*slot_line = line;
	return 0;
}

static int set_rx_queues(
	struct config_port *port, const char *value, unsigned line, struct wb_err *err)
{
	uint32_t queues = 1;
	int rc = wb_value_unsigned(value, 1, PLACEMENT_QUEUES_MAX, &queues, err);

	port->rx_queues = (uint16_t)queues;
	port->rx_queues_line = line;
	return rc;
}

static int port_key(
	struct loader *loader, const char *key, char *value, unsigned line, struct wb_err *err)
{
	struct config_port *port = loader->port;
	bool bond_only = port->bond && config_bond_key_known(key);
	uint32_t mtu;
	int rc;

	if (strcmp(key, "address") == 0)
		return add_address(port, value, line, err);
	if (strcmp(key, "gateway") == 0)
		return set_gateway(port, value, line, err);
	if (port->bond && strcmp(key, "member") == 0)
		return add_member(loader, value, line, err);
	if (strcmp(key, "mtu") != 0 && strcmp(key, "rx-queues") != 0 &&
		strcmp(key, "offload") != 0 && !bond_only &&
		!(!port->bond && strcmp(key, "device") == 0))
		return wb_err_set(err, EINVAL, "'%.40s' is no setting of [%s], expected %s", key,
			port->bond ? "bond" : "port",
			port->bond ? "member, " CONFIG_BOND_KEYS
				     ", address, gateway, mtu, rx-queues or offload"
				   : "device, address, gateway, mtu, rx-queues or offload");
	rc = once(loader, key, line, err);
	if (rc < 0)
		return rc;
	if (strcmp(key, "min-links") == 0)
		port->min_links_line = line;
	if (bond_only)
		return config_bond_key(port, key, value, err);
	if (*key == 'd')
		return add_member(loader, value, line, err);
	if (*key == 'r')
		return set_rx_queues(port, value, line, err);
	if (*key == 'o')
		return set_either(value, "off", "auto", &port->offload, err);
	rc = wb_value_unsigned(value, 1280, 9216, &mtu, err);
	if (rc == 0)
		port->mtu = (uint16_t)mtu;
	return rc;
}

static int begin_port(
	struct loader *loader, bool bond, const char *name, unsigned line, struct wb_err *err)
{
	struct wb_config *config = loader->config;
	struct config_port *port = &config->ports[config->n_ports];
	size_t length = strlen(name);

	if (config->n_ports == CONFIG_PORTS_MAX)
		return wb_err_set(
			err, EINVAL, "too many ports, expected at most %u", CONFIG_PORTS_MAX);
	/* As wg-quick has it for tunnels: no name that a file, a shell or telemetry trips over. */
	if (length == 0 || length >= IFNAMSIZ || strspn(name, NAME_CHARACTERS) != length ||
		strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return wb_err_set(err, EINVAL,
			"'%.40s' names no interface, expected [%s NAME] with 1 to 15 letters, "
			"digits "
			"and _=+.-",
			name, bond ? "bond" : "port");
	for (unsigned i = 0; i < config->n_ports; i++)
		if (strcmp(config->ports[i].name, name) == 0)
			return wb_err_set(err, EINVAL,
				"%s was described in line %u already, expected another name", name,
				config->ports[i].line);
	memcpy(port->name, name, length + 1);
	port->bond = bond;
	port->line = line;
	port->mtu = DEFAULT_MTU;
	port->rx_queues = 1;
	port->offload = true;
	config_bond_default(port);
	config->n_ports++;
	loader->port = port;
	loader->key = port_key;
	return 0;
}

static int paths_key(
	struct loader *loader, const char *key, char *value, unsigned line, struct wb_err *err)
{
	int rc = once(loader, key, line, err);

	return rc < 0 ? rc : config_paths_key(&loader->config->paths, key, value, err);
}

static int path_key(
	struct loader *loader, const char *key, char *value, unsigned line, struct wb_err *err)
{
	int rc = once(loader, key, line, err);

	return rc < 0 ? rc : config_path_key(loader->path, key, value, err);
}

static int begin_path(struct loader *loader, const char *tunnel, unsigned line, struct wb_err *err)
{
	struct config_paths *paths = &loader->config->paths;
	struct config_path *path = &paths->path[paths->n];

	if (paths->n == CONFIG_PATHS_MAX)
		return wb_err_set(
			err, EINVAL, "too many paths, expected at most %u", CONFIG_PATHS_MAX);
	if (strlen(tunnel) >= sizeof(path->tunnel))
		return wb_err_set(err, EINVAL,
			"'%.40s' names no tunnel, expected [path TUNNEL] with its name", tunnel);
	for (unsigned i = 0; i < paths->n; i++)
		if (strcmp(paths->path[i].tunnel, tunnel) == 0)
			return wb_err_set(err, EINVAL,
				"[path %s] began in line %u already, expected it once", tunnel,
				paths->path[i].line);
	strcpy(path->tunnel, tunnel);
	path->line = line;
	paths->n++;
	loader->path = path;
	loader->key = path_key;
	return 0;
}

static int begin_only(unsigned *seen, const char *name, unsigned line, struct wb_err *err)
{
	if (*seen != 0)
		return wb_err_set(err, EINVAL, "[%s] began in line %u already, expected it once",
			name, *seen);
	*seen = line;
	return 0;
}

static int on_section(
	void *arg, const char *name, const char *argument, unsigned line, struct wb_err *err)
{
	struct loader *loader = arg;

	loader->n_once = 0;
	if (strcmp(name, "bond") == 0 || strcmp(name, "port") == 0)
		return begin_port(loader, *name == 'b', argument, line, err);
	if (*argument == '\0' && strcmp(name, "gateway") == 0) {
		loader->key = gateway_key;
		return begin_only(&loader->gateway_line, name, line, err);
	}
	if (*argument == '\0' && strcmp(name, "lcores") == 0) {
		loader->key = lcores_key;
		return begin_only(&loader->lcores_line, name, line, err);
	}
	if (*argument == '\0' && strcmp(name, "ecmp") == 0) {
		loader->key = ecmp_key;
		return begin_only(&loader->ecmp_line, name, line, err);
	}
	if (*argument == '\0' && strcmp(name, "paths") == 0) {
		loader->key = paths_key;
		return begin_only(&loader->paths_line, name, line, err);
	}
	if (*argument != '\0' && strcmp(name, "path") == 0)
		return begin_path(loader, argument, line, err);
	return wb_err_set(err, EINVAL,
		"[%.30s%s%.30s] is not known, expected [gateway], [lcores], [ecmp], [paths], "
		"[path TUNNEL], [bond NAME] or [port NAME]",
		name, *argument != '\0' ? " " : "", argument);
}

static int on_key(void *arg, const char *key, char *value, unsigned line, struct wb_err *err)
{
	struct loader *loader = arg;

	return loader->key(loader, key, value, line, err);
}

static int load_tunnels(struct loader *loader, struct wb_err *err)
{
	struct wb_config *config = loader->config;

	for (unsigned i = 0; i < loader->n_tunnels; i++) {
		int rc = wb_wgquick_load(
			loader->tunnels[i].path, &config->tunnels[i], &config->notices, err);

		if (rc == -ENOENT)
			return wb_err_set(err, ENOENT,
				"%s:%u: tunnel file %s is not there, expected a wg-quick file",
				config->path, loader->tunnels[i].line, loader->tunnels[i].path);
		if (rc < 0)
			return rc;
		config->n_tunnels++;
	}
	return 0;
}

int wb_config_load(const char *path, struct wb_config **out, struct wb_err *err)
{
	struct loader loader = {.n_tunnels = 0};
	const struct wb_ini_reader reader = {
		.section = on_section, .key = on_key, .arg = &loader, .semicolon_comments = true};
	struct wb_config *config = calloc(1, sizeof(*config));
	int rc;

	if (config == NULL || (config->path = strdup(path)) == NULL) {
		free(config);
		return wb_err_set(err, ENOMEM, "%s: no memory", path);
	}
	snprintf(config->name, sizeof(config->name), "%s", DEFAULT_NAME);
	config->memory_mib = DEFAULT_MEMORY;
	config->mss_clamp = true;
	config->ecmp.idle_ms = DEFAULT_IDLE;
	config_paths_default(&config->paths);
	config->control_cpu = -1;
	config->rebalance = true;
	loader.config = config;
	rc = wb_ini_read(path, &reader, err);
	if (rc == 0)
		rc = load_tunnels(&loader, err);
	config_lcores_default(config);
	if (rc == 0)
		rc = config_paths_end(&config->paths, err);
	if (rc == 0)
		rc = config_check(config, err);
	for (unsigned i = 0; i < loader.n_tunnels; i++)
		free(loader.tunnels[i].path);
	if (rc < 0) {
		wb_config_free(config);
		return rc;
	}
	*out = config;
	return 0;
}

void wb_config_free(struct wb_config *config)
{
	if (config == NULL)
		return;
	for (unsigned i = 0; i < config->n_tunnels; i++)
		wb_wgquick_free(config->tunnels[i]);
	wb_notices_free(&config->notices);
	free(config->path);
	free(config);
}

uint16_t wb_config_tunnel_mtu(const struct wb_config *config, const struct wb_wgquick *tunnel)
{
	uint16_t smallest = UINT16_MAX;

	if (tunnel->mtu != 0)
		return tunnel->mtu;
	for (unsigned i = 0; i < config->n_ports; i++)
		if (config->ports[i].mtu < smallest)
			smallest = config->ports[i].mtu;
	return (uint16_t)(smallest - WB_CONFIG_SEAL_OVERHEAD);
}
