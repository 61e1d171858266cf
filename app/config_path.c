/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_path.h"

#include <errno.h>
#include <string.h>

#include "ini/value.h"

enum kind {
	KIND_COUNT,
	KIND_TIME, /* ms */
	KIND_TIME_OR_OFF,
	KIND_SECONDS,
	KIND_PER_MILLE,
};

/* Settings that are one number of struct wb_health_config. */
static const struct setting {
	const char *name;
	size_t offset;
	enum kind kind;
	uint32_t min, max;
} settings[] = {
#define AT(field) offsetof(struct wb_health_config, field)
	{"probe-interval", AT(interval_ms), KIND_TIME, WB_HEALTH_INTERVAL_MS_MIN,
		WB_HEALTH_INTERVAL_MS_MAX},
	{"probe-missed", AT(missed), KIND_COUNT, WB_HEALTH_MISSED_MIN, WB_HEALTH_MISSED_MAX},
	{"probe-recover", AT(recover), KIND_COUNT, WB_HEALTH_RECOVER_MIN, WB_HEALTH_RECOVER_MAX},
	{"slow-start", AT(slow_start_ms), KIND_TIME_OR_OFF, 1, WB_HEALTH_SLOW_START_MS_MAX},
	{"degraded-loss", AT(degraded_loss), KIND_PER_MILLE, 0, WB_HEALTH_DEGRADED_LOSS_MAX},
	{"degraded-rtt", AT(degraded_rtt_ms), KIND_TIME_OR_OFF, 1, WB_HEALTH_DEGRADED_RTT_MS_MAX},
	{"handshake-age", AT(handshake_age_s), KIND_SECONDS, WB_HEALTH_HANDSHAKE_AGE_S_MIN,
		WB_HEALTH_HANDSHAKE_AGE_S_MAX},
#undef AT
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static uint32_t *place(struct wb_health_config *health, const struct setting *setting)
{
	return (uint32_t *)(void *)((char *)health + setting->offset);
}

static int setting_set(
	const struct setting *setting, const char *value, uint32_t *out, struct wb_err *err)
{
	int rc;

	switch (setting->kind) {
	case KIND_COUNT:
		return wb_value_unsigned(value, setting->min, setting->max, out, err);
	case KIND_PER_MILLE:
		return wb_value_per_mille(value, setting->max, out, err);
	case KIND_TIME_OR_OFF:
		if (strcmp(value, "off") == 0) {
			*out = 0;
			return 0;
		}
		break;
	case KIND_SECONDS:
		rc = wb_value_time(value, setting->min * 1000, setting->max * 1000, out, err);
		*out /= 1000;
		return rc;
	case KIND_TIME:
		break;
	}
	return wb_value_time(value, setting->min, setting->max, out, err);
}

static int unknown(const char *key, const char *section, struct wb_err *err)
{
	return wb_err_set(err, EINVAL, "'%.40s' is no setting of [%s], expected " CONFIG_PATH_KEYS,
		key, section);
}

static int number_set(struct wb_health_config *health, const char *section, const char *key,
	const char *value, unsigned *given, struct wb_err *err)
{
	for (unsigned i = 0; i < SETTINGS; i++) {
		if (strcmp(settings[i].name, key) != 0)
			continue;
		*given |= 1u << i;
		return setting_set(&settings[i], value, place(health, &settings[i]), err);
	}
	return unknown(key, section, err);
}

void config_paths_default(struct config_paths *paths)
{
	memset(paths, 0, sizeof(*paths));
	wb_health_config_defaults(&paths->health);
}

int config_paths_key(
	struct config_paths *paths, const char *key, const char *value, struct wb_err *err)
{
	static const char *const words[] = {"auto", "off", NULL};
	unsigned choice = 0, given = 0;
	int rc;

	if (strcmp(key, "probe") != 0)
		return number_set(&paths->health, "paths", key, value, &given, err);
	rc = wb_value_choice(value, words, &choice, err);
	paths->probe_off = choice == 1;
	return rc;
}

int config_path_key(
	struct config_path *path, const char *key, const char *value, struct wb_err *err)
{
	if (strcmp(key, "probe") != 0)
		return number_set(&path->health, "path", key, value, &path->given, err);
	if (strcmp(value, "auto") == 0) {
		path->probe = CONFIG_PROBE_AUTO;
	} else if (strcmp(value, "off") == 0) {
		path->probe = CONFIG_PROBE_OFF;
	} else if (wb_addr_parse(value, &path->target) == 0) {
		path->probe = CONFIG_PROBE_TARGET;
	} else {
		return wb_err_set(err, EINVAL,
			"'%.60s' is nobody to probe, expected auto, off or an address", value);
	}
	return 0;
}

int config_paths_end(struct config_paths *paths, struct wb_err *err)
{
	int rc = wb_health_config_check(&paths->health, err);

	for (unsigned i = 0; rc == 0 && i < paths->n; i++) {
		struct config_path *path = &paths->path[i];
		struct wb_health_config health = paths->health;

		for (unsigned j = 0; j < SETTINGS; j++)
			if ((path->given & 1u << j) != 0)
				*place(&health, &settings[j]) = *place(&path->health, &settings[j]);
		path->health = health;
	}
	return rc;
}
