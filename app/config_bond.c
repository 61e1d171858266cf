/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_bond.h"

#include <string.h>

#include "ini/value.h"

/* Linux' own defaults (ad_actor_sys_prio, and the port priority it gives). */
#define SYSTEM_PRIORITY 65535
#define PORT_PRIORITY	255

typedef int (*setter)(struct config_port *port, const char *value, struct wb_err *err);

static int set_hash(struct config_port *port, const char *value, struct wb_err *err)
{
	static const char *const policies[] = {"layer2", "layer2+3", "layer3+4", NULL};
	unsigned choice = 0;
	int rc = wb_value_choice(value, policies, &choice, err);

	port->policy = (enum wb_bond_policy)choice;
	return rc;
}

static int set_rate(struct config_port *port, const char *value, struct wb_err *err)
{
	static const char *const rates[] = {"fast", "slow", NULL};
	unsigned choice = 0;
	int rc = wb_value_choice(value, rates, &choice, err);

	port->lacp.slow = choice == 1;
	return rc;
}

static int set_select(struct config_port *port, const char *value, struct wb_err *err)
{
	static const char *const selects[] = {"stable", "bandwidth", "count", NULL};
	unsigned choice = 0;
	int rc = wb_value_choice(value, selects, &choice, err);

	port->lacp.select = (enum wb_lacp_select)choice;
	return rc;
}

static int set_key(struct config_port *port, const char *value, struct wb_err *err)
{
	uint32_t key = 0;
	int rc = wb_value_unsigned(value, 0, WB_LACP_KEY_MAX, &key, err);

	port->lacp.key = (uint16_t)key;
	return rc;
}

static int set_priority(const char *value, uint16_t *out, struct wb_err *err)
{
	uint32_t priority = 0;
	int rc = wb_value_unsigned(value, 0, UINT16_MAX, &priority, err);

	*out = (uint16_t)priority;
	return rc;
}

static int set_system_priority(struct config_port *port, const char *value, struct wb_err *err)
{
	return set_priority(value, &port->lacp.system_priority, err);
}

static int set_port_priority(struct config_port *port, const char *value, struct wb_err *err)
{
	return set_priority(value, &port->lacp.port_priority, err);
}

static int set_min_links(struct config_port *port, const char *value, struct wb_err *err)
{
	return wb_value_unsigned(value, 0, CONFIG_MEMBERS_MAX, &port->lacp.min_links, err);
}

static int set_balance(struct config_port *port, const char *value, struct wb_err *err)
{
	static const char *const words[] = {"off", "auto", NULL};
	unsigned choice = 0;
	int rc = wb_value_choice(value, words, &choice, err);

	port->balance = choice == 1;
	return rc;
}

static const struct {
	const char *name;
	setter set;
} keys[] = {
	{"hash", set_hash},
	{"lacp-rate", set_rate},
	{"lacp-select", set_select},
	{"lacp-key", set_key},
	{"lacp-system-priority", set_system_priority},
	{"lacp-port-priority", set_port_priority},
	{"min-links", set_min_links},
	{"balance", set_balance},
};

static setter find(const char *key)
{
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].name, key) == 0)
			return keys[i].set;
	return NULL;
}

void config_bond_default(struct config_port *port)
{
	port->policy = WB_BOND_LAYER34;
	port->lacp.system_priority = SYSTEM_PRIORITY;
	port->lacp.port_priority = PORT_PRIORITY;
}

bool config_bond_key_known(const char *key)
{
	return find(key) != NULL;
}

int config_bond_key(
	struct config_port *port, const char *key, const char *value, struct wb_err *err)
{
	return find(key)(port, value, err);
}
