/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * [paths] and [path NAME]: how paths are probed and judged.
 */
#ifndef WB_APP_CONFIG_PATH_H
#define WB_APP_CONFIG_PATH_H

#include <net/if.h>

#include "base/addr.h"
#include "base/err.h"
#include "health/config.h"

#define CONFIG_PATHS_MAX 64

/** Their settings, for people. */
#define CONFIG_PATH_KEYS                                                                           \
	"probe, probe-interval, probe-missed, probe-recover, slow-start, degraded-loss, "          \
	"degraded-rtt or handshake-age"

enum config_probe {
	CONFIG_PROBE_INHERIT, /**< as [paths] says */
	CONFIG_PROBE_AUTO,    /**< whom, is found out */
	CONFIG_PROBE_OFF,
	CONFIG_PROBE_TARGET,
};

/** [path NAME]. */
struct config_path {
	char tunnel[IFNAMSIZ];
	enum config_probe probe;
	struct wb_addr target;
	struct wb_health_config health;
	unsigned given; /**< bits of the settings that the section has; the others are [paths]' */
	unsigned line;
};

struct config_paths {
	bool probe_off;
	struct wb_health_config health;
	struct config_path path[CONFIG_PATHS_MAX];
	unsigned n;
};

void config_paths_default(struct config_paths *paths);

/** Takes a setting of [paths]. Returns 0, or -EINVAL with what was expected. */
int config_paths_key(
	struct config_paths *paths, const char *key, const char *value, struct wb_err *err);

/** Takes a setting of [path NAME]. */
int config_path_key(
	struct config_path *path, const char *key, const char *value, struct wb_err *err);

/** Gives each path what its section leaves to [paths], and checks the whole. */
int config_paths_end(struct config_paths *paths, struct wb_err *err);

#endif
