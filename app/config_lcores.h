/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * [lcores]: CPUs, and what runs where.
 */
#ifndef WB_APP_CONFIG_LCORES_H
#define WB_APP_CONFIG_LCORES_H

#include "config.h"

/** Whether a setting may stand once only. */
bool config_lcores_once(const char *key);

/** Takes a setting. Returns 0, or -EINVAL with what was expected. */
int config_lcores_key(struct wb_config *config, const char *key, const char *value, unsigned line,
	struct wb_err *err);

/** Without a word in the file, the last CPU works: the first one has the system's interrupts. */
void config_lcores_default(struct wb_config *config);

/** Whether CPUs are there, and rules can be kept. */
int config_lcores_check(const struct wb_config *config, struct wb_err *err);

#endif
