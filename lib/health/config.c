/* SPDX-License-Identifier: BSD-3-Clause */
#include "health/config.h"

#include <errno.h>
#include <stddef.h>

void wb_health_config_defaults(struct wb_health_config *config)
{
	*config = (struct wb_health_config){
		.probes = true,
		.interval_ms = 100,
		.missed = 5,
		.recover = 10,
		.slow_start_ms = 4000,
		.degraded_loss = 20,
		.degraded_rtt_ms = 0,
		.handshake_age_s = 180,
	};
}

int wb_health_config_check(const struct wb_health_config *config, struct wb_err *err)
{
	const struct {
		const char *name, *unit;
		uint32_t value, min, max;
	} settings[] = {
		{"probe-interval", " ms", config->interval_ms, WB_HEALTH_INTERVAL_MS_MIN,
			WB_HEALTH_INTERVAL_MS_MAX},
		{"probe-missed", "", config->missed, WB_HEALTH_MISSED_MIN, WB_HEALTH_MISSED_MAX},
		{"probe-recover", "", config->recover, WB_HEALTH_RECOVER_MIN,
			WB_HEALTH_RECOVER_MAX},
		{"slow-start", " ms", config->slow_start_ms, 0, WB_HEALTH_SLOW_START_MS_MAX},
		{"degraded-loss", " per mille", config->degraded_loss, 0,
			WB_HEALTH_DEGRADED_LOSS_MAX},
		{"degraded-rtt", " ms", config->degraded_rtt_ms, 0, WB_HEALTH_DEGRADED_RTT_MS_MAX},
		{"handshake-age", " s", config->handshake_age_s, WB_HEALTH_HANDSHAKE_AGE_S_MIN,
			WB_HEALTH_HANDSHAKE_AGE_S_MAX},
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (settings[i].value < settings[i].min || settings[i].value > settings[i].max)
			return wb_err_set(err, EINVAL, "%s is %u%s, expected %u to %u%s",
				settings[i].name, settings[i].value, settings[i].unit,
				settings[i].min, settings[i].max, settings[i].unit);
	return 0;
}
