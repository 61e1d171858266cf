/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths: how each tunnel that shares routes with others is, was, and what became of it. */
#include <stdio.h>
#include <string.h>

#include "health/chart.h"

#include "show.h"
#include "units.h"

#define EVENTS_GATHERED 64
#define EVENTS_SHOWN	5

#define FULL_SHARE 256

static json_t *events_gather(struct client *client, const char *tunnel, json_int_t n)
{
	json_t *events = json_array();
	struct wb_err unused;

	for (json_int_t i = 0; i < n && i < EVENTS_GATHERED; i++) {
		json_t *event =
			client_ask(client, &unused, "/wirebraid/path_event,%s:%d", tunnel, (int)i);

		/* One more may have come meanwhile, and the oldest gone. */
		if (event == NULL)
			break;
		json_array_append_new(events, event);
	}
	return events;
}

static json_t *path_gather(struct client *client, const char *tunnel, struct wb_err *err)
{
	json_t *path = client_ask(client, err, "/wirebraid/path,%s", tunnel), *history;

	if (path == NULL)
		return NULL;
	json_object_set_new(
		path, "event_log", events_gather(client, tunnel, client_int(path, "events")));
	history = client_ask(client, err, "/wirebraid/path_history,%s:0", tunnel);
	if (history != NULL)
		json_object_set_new(path, "last_minute", history);
	history = client_ask(client, err, "/wirebraid/path_history,%s:1", tunnel);
	if (history != NULL)
		json_object_set_new(path, "last_hour", history);
	return path;
}

json_t *show_paths_gather(struct client *client, struct wb_err *err)
{
	json_t *names = client_ask(client, err, "/wirebraid/paths"), *paths, *name, *moves;
	size_t i;

	if (names == NULL)
		return NULL;
	paths = json_array();
	moves = show_moves_gather(client);
	json_array_foreach(names, i, name)
	{
		json_t *path = path_gather(client, json_string_value(name), err);

		if (path == NULL)
			continue;
		json_object_set_new(
			path, "by_member", show_arrivals_gather(client, json_string_value(name)));
		json_object_set(path, "moves", moves);
		json_array_append_new(paths, path);
	}
	json_decref(moves);
	json_decref(names);
	return paths;
}

static double ms(const json_t *object, const char *key)
{
	return (double)client_int(object, key) / 1000;
}

static void window_print(const json_t *path, const char *key, const char *title)
{
	const json_t *window = json_object_get(path, key);

	if (window == NULL || client_int(window, "sent") == 0)
		return;
	printf("  %-9s %6.1f %%  %9.3f %9.3f %9.3f %9.3f %9.3f\n", title,
		(double)client_int(window, "loss_per_mille") / 10, ms(window, "rtt_min_us"),
		ms(window, "rtt_avg_us"), ms(window, "rtt_p99_us"), ms(window, "rtt_max_us"),
		ms(window, "jitter_us"));
}

static uint64_t at(const json_t *history, const char *key, size_t i)
{
	return (uint64_t)json_integer_value(json_array_get(json_object_get(history, key), i));
}

static void chart_print(const json_t *path, const char *key, const char *title)
{
	const json_t *history = json_object_get(path, key);
	struct wb_health_point points[WB_HEALTH_POINTS];
	char chart[WB_CHART_SIZE(WB_HEALTH_POINTS)];
	unsigned n = (unsigned)json_array_size(json_object_get(history, "sent"));
	uint64_t top;

	if (n == 0 || n > WB_HEALTH_POINTS)
		return;
	for (unsigned i = 0; i < n; i++) {
		uint64_t rtt = at(history, "rtt_avg_us", i) * 1000;

		points[i] = (struct wb_health_point){.sent = (uint32_t)at(history, "sent", i),
			.lost = (uint32_t)at(history, "lost", i),
			.rtt_avg = rtt,
			.rtt_max = rtt};
		points[i].replied =
			points[i].sent > points[i].lost ? points[i].sent - points[i].lost : 0;
	}
	top = wb_chart(points, n, n, chart, sizeof(chart));
	if (top > 0 || strchr(chart, 'x') != NULL)
		printf("  %-7s|%s| %.2f ms\n", title, chart, (double)top / 1e6);
}

static void events_print(const json_t *path)
{
	const json_t *event;
	char ago[UNITS_STRLEN];
	size_t i;

	json_array_foreach(json_object_get(path, "event_log"), i, event)
	{
		if (i == EVENTS_SHOWN)
			break;
		printf("  %s: %s, was %s\n    %s\n",
			units_ago((uint64_t)client_int(event, "ms_ago") / 1000, ago),
			client_text(event, "to"), client_text(event, "from"),
			client_text(event, "reason"));
	}
}

static void path_print(const json_t *path)
{
	char ago[UNITS_STRLEN];

	printf("%s: %s, share %lld %%, since %s\n", client_text(path, "tunnel"),
		client_text(path, "state"),
		(long long)(client_int(path, "share") * 100 / FULL_SHARE),
		units_ago((uint64_t)client_int(path, "state_ms") / 1000, ago));
	if (*client_text(path, "member") != '\0')
		printf("  leaves by %s\n", client_text(path, "member"));
	show_arrivals_print(json_object_get(path, "by_member"));
	if (*client_text(path, "target") == '\0') {
		printf("  no address to probe is known; judged by handshakes and silence\n");
	} else {
		printf("  probes %s each %lld ms\n", client_text(path, "target"),
			(long long)client_int(path, "interval_ms"));
		printf("  last        loss  RTT/ms min       avg       p99       max    jitter\n");
		window_print(path, "second", "second");
		window_print(path, "minute", "minute");
		window_print(path, "hour", "hour");
		chart_print(path, "last_minute", "minute");
		chart_print(path, "last_hour", "hour");
	}
	events_print(path);
	show_moves_print(json_object_get(path, "moves"), client_text(path, "tunnel"));
}

void show_paths_print(const json_t *paths)
{
	const json_t *path;
	size_t i;

	if (json_array_size(paths) == 0)
		printf("no paths: no tunnel shares routes with others, and no [path] names one\n");
	json_array_foreach(paths, i, path)
	{
		if (i > 0)
			putchar('\n');
		path_print(path);
	}
}
