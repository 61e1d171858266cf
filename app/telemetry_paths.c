/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "leaving.h"
#include "paths.h"
#include "telemetry_commands.h"
#include "tunnels.h"

#define US(ns) ((ns) / NS_PER_US)

int telemetry_paths(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	struct path_view view;

	(void)params;
	rte_tel_data_start_array(data, RTE_TEL_STRING_VAL);
	for (unsigned id = 0; id < WB_TUNNELS_MAX; id++)
		if (tunnel_is_open(gateway, id) && paths_view(gateway->control, id, &view))
			rte_tel_data_add_array_string(data, gateway->tunnels[id].tunnel->name);
	return 0;
}

static bool find(const struct gateway *gateway, const char *name, struct path_view *view)
{
	int id = tunnel_id(gateway, name);

	return id >= 0 && paths_view(gateway->control, (unsigned)id, view);
}

static void window_put(struct rte_tel_data *data, const char *name, const struct wb_path *path,
	enum wb_health_span span, uint64_t now)
{
	struct rte_tel_data *dict = rte_tel_data_alloc();
	struct wb_health_window window;

	if (dict == NULL)
		return;
	wb_health_stats_window(&path->stats, span, now, &window);
	rte_tel_data_start_dict(dict);
	rte_tel_data_add_dict_u64(dict, "sent", window.sent);
	rte_tel_data_add_dict_u64(dict, "lost", window.lost);
	rte_tel_data_add_dict_u64(dict, "loss_per_mille", window.loss);
	rte_tel_data_add_dict_u64(dict, "rtt_min_us", US(window.rtt_min));
	rte_tel_data_add_dict_u64(dict, "rtt_avg_us", US(window.rtt_avg));
	rte_tel_data_add_dict_u64(dict, "rtt_p99_us", US(window.rtt_p99));
	rte_tel_data_add_dict_u64(dict, "rtt_max_us", US(window.rtt_max));
	rte_tel_data_add_dict_u64(dict, "jitter_us", US(window.jitter));
	if (rte_tel_data_add_dict_container(data, name, dict, 0) < 0)
		rte_tel_data_free(dict);
}

static void totals_put(struct rte_tel_data *data, const struct wb_probe_totals *totals)
{
	rte_tel_data_add_dict_u64(data, "probes_sent", totals->sent);
	rte_tel_data_add_dict_u64(data, "probes_answered", totals->answered);
	rte_tel_data_add_dict_u64(data, "probes_late", totals->late);
	rte_tel_data_add_dict_u64(data, "probes_lost", totals->lost);
	rte_tel_data_add_dict_u64(data, "probes_duplicate", totals->duplicate);
	rte_tel_data_add_dict_u64(data, "probes_not_sent", totals->unsent);
}

static void peer_put(
	struct rte_tel_data *data, const struct gateway *gateway, const struct path_view *view)
{
	char key[WB_KEY_STRLEN], addr[WB_ADDR_STRLEN];

	if (view->peer != NULL) {
		rte_tel_data_add_dict_string(
			data, "peer", wb_key_format(&view->peer->public_key, key));
		rte_tel_data_add_dict_string(
			data, "member", leaving_member_name(gateway, view->peer));
	}
	if (view->target.family == 0)
		return;
	rte_tel_data_add_dict_string(data, "target", wb_addr_format(&view->target, addr));
	rte_tel_data_add_dict_string(data, "source", wb_addr_format(&view->source, addr));
}

int telemetry_path(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	uint64_t now = clock_now();
	const struct wb_path *path;
	struct path_view view;

	if (!find(gateway, params, &view))
		return -ENOENT;
	path = view.path;
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_string(data, "tunnel", params);
	peer_put(data, gateway, &view);
	rte_tel_data_add_dict_string(data, "state", wb_path_state_name(path->state));
	rte_tel_data_add_dict_u64(data, "state_ms", (now - path->since) / NS_PER_MS);
	rte_tel_data_add_dict_u64(data, "share", path->share);
	rte_tel_data_add_dict_u64(data, "interval_ms", path->config.interval_ms);
	rte_tel_data_add_dict_u64(data, "srtt_us", US(path->prober.srtt));
	rte_tel_data_add_dict_u64(data, "events", path->events.total);
	totals_put(data, &path->prober.totals);
	window_put(data, "second", path, WB_SPAN_SECOND, now);
	window_put(data, "minute", path, WB_SPAN_MINUTE, now);
	window_put(data, "hour", path, WB_SPAN_HOUR, now);
	return 0;
}

int telemetry_path_event(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	char name[IFNAMSIZ], reason[WB_REASON_TEXT_MAX];
	const struct wb_path_event *event;
	struct path_view view;
	unsigned index, unused;

	telemetry_split(params, name, sizeof(name), &index, &unused);
	if (!find(gateway, name, &view) ||
		(event = wb_path_events_get(&view.path->events, index)) == NULL)
		return -ENOENT;
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_u64(data, "ms_ago", (clock_now() - event->at) / NS_PER_MS);
	rte_tel_data_add_dict_string(data, "from", wb_path_state_name(event->from));
	rte_tel_data_add_dict_string(data, "to", wb_path_state_name(event->to));
	rte_tel_data_add_dict_string(data, "reason", wb_path_reason_text(event, reason));
	return 0;
}

int telemetry_path_history(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	uint64_t sent[WB_HEALTH_POINTS], lost[WB_HEALTH_POINTS], rtt[WB_HEALTH_POINTS];
	struct wb_health_point points[WB_HEALTH_POINTS];
	char name[IFNAMSIZ];
	struct path_view view;
	unsigned span, n, unused;

	telemetry_split(params, name, sizeof(name), &span, &unused);
	if (!find(gateway, name, &view) || span > 1)
		return -ENOENT;
	n = wb_health_stats_history(
		&view.path->stats, span == 0 ? WB_SPAN_MINUTE : WB_SPAN_HOUR, clock_now(), points);
	for (unsigned i = 0; i < n; i++) {
		sent[i] = points[i].sent;
		lost[i] = points[i].lost;
		rtt[i] = US(points[i].rtt_avg);
	}
	rte_tel_data_start_dict(data);
	telemetry_numbers_put(data, "sent", sent, n);
	telemetry_numbers_put(data, "lost", lost, n);
	telemetry_numbers_put(data, "rtt_avg_us", rtt, n);
	return 0;
}
