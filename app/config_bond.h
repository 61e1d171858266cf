/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The settings that [bond NAME] alone has.
 */
#ifndef WB_APP_CONFIG_BOND_H
#define WB_APP_CONFIG_BOND_H

#include "config.h"

/** Their names, for people. */
#define CONFIG_BOND_KEYS                                                                           \
	"hash, lacp-rate, lacp-select, lacp-key, lacp-system-priority, lacp-port-priority, "       \
	"min-links, balance"

/** What a bond has where its section is silent. */
void config_bond_default(struct config_port *port);

/** Whether a key is one of them. */
bool config_bond_key_known(const char *key);

/** Takes a known key's value. Returns 0, or -EINVAL with what was expected. */
int config_bond_key(
	struct config_port *port, const char *key, const char *value, struct wb_err *err);

#endif
