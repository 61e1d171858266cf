/* SPDX-License-Identifier: BSD-3-Clause */
#include "health/events.h"

#include <stddef.h>
#include <stdio.h>

void wb_path_events_add(struct wb_path_events *events, const struct wb_path_event *event)
{
	events->ring[events->total++ % WB_PATH_EVENTS] = *event;
}

const struct wb_path_event *wb_path_events_get(const struct wb_path_events *events, unsigned back)
{
	if (back >= events->total || back >= WB_PATH_EVENTS)
		return NULL;
	return &events->ring[(events->total - 1 - back) % WB_PATH_EVENTS];
}

const char *wb_path_state_name(enum wb_path_state state)
{
	static const char *const names[] = {
		[WB_PATH_UNKNOWN] = "unknown",
		[WB_PATH_UP] = "up",
		[WB_PATH_DEGRADED] = "degraded",
		[WB_PATH_DOWN] = "down",
	};

	return names[state];
}

const char *wb_path_reason_text(const struct wb_path_event *event, char out[WB_REASON_TEXT_MAX])
{
	static const char *const formats[] = {
		[WB_REASON_ANSWERED] = "first answer, RTT %u.%03u ms",
		[WB_REASON_HEARD] = "first heard of",
		[WB_REASON_MISSED] = "%u probes in a row unanswered, for %u ms",
		[WB_REASON_ONE_WAY] =
			"%u probes in a row unanswered, for %u ms, but the peer's packets come",
		[WB_REASON_NEVER_ANSWERED] = "no probe ever answered, %u in a row, for %u ms",
		[WB_REASON_HANDSHAKE] = "handshakes unanswered for %u s",
		[WB_REASON_KEY_AGE] = "last handshake %u s ago and no answer",
		[WB_REASON_SILENCE] = "nothing heard for %u s though data was sent",
		[WB_REASON_LOSS] = "loss %u.%u %% over %u s",
		[WB_REASON_RTT] = "RTT %u.%03u ms, limit %u.%03u ms",
		[WB_REASON_CALM] = "loss %u.%u %%, RTT %u.%03u ms",
		[WB_REASON_RECOVERED] = "%u answers, after %u.%u s down",
	};
	const char *format = formats[event->reason];
	uint32_t a = event->a, b = event->b;

	switch (event->reason) {
	case WB_REASON_ANSWERED:
		snprintf(out, WB_REASON_TEXT_MAX, format, a / 1000, a % 1000);
		break;
	case WB_REASON_LOSS:
		snprintf(out, WB_REASON_TEXT_MAX, format, a / 10, a % 10, b);
		break;
	case WB_REASON_RTT:
		snprintf(out, WB_REASON_TEXT_MAX, format, a / 1000, a % 1000, b / 1000, b % 1000);
		break;
	case WB_REASON_CALM:
		snprintf(out, WB_REASON_TEXT_MAX, format, a / 10, a % 10, b / 1000, b % 1000);
		break;
	case WB_REASON_RECOVERED:
		if (a == 0)
			format = "heard of again, after %2$u.%3$u s down";
		snprintf(out, WB_REASON_TEXT_MAX, format, a, b / 1000, b % 1000 / 100);
		break;
	default:
		snprintf(out, WB_REASON_TEXT_MAX, format, a, b);
		break;
	}
	return out;
}
