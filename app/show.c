/* SPDX-License-Identifier: BSD-3-Clause */
/* wirebraid show: asks a running gateway. */
#include "show.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"

static const struct {
	const char *name;
	json_t *(*gather)(struct client *client, struct wb_err *err);
	void (*print)(const json_t *document);
} subjects[] = {
	{"ports", show_ports_gather, show_ports_print},
	{"tunnels", show_tunnels_gather, show_tunnels_print},
	{"routes", show_routes_gather, show_routes_print},
	{"paths", show_paths_gather, show_paths_print},
	{"groups", show_groups_gather, show_groups_print},
	{"drops", show_drops_gather, show_drops_print},
	{"lcores", show_lcores_gather, show_lcores_print},
};

#define SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

static int usage(void)
{
	fprintf(stderr,
		"usage: wirebraid show ports|tunnels|routes|paths|groups|drops|lcores [--json] "
		"[--name NAME]\n");
	return 2;
}

static int show(unsigned subject, const char *name, bool as_json)
{
	struct client *client;
	struct wb_err err = {.text = ""};
	json_t *document = NULL;

	if (client_open(CLIENT_RUNTIME, name, &client, &err) == 0) {
		document = subjects[subject].gather(client, &err);
		/* A part is not shown as if it were the whole. */
		if (client_lost(client)) {
			json_decref(document);
			document = NULL;
		}
		client_close(client);
	}
	if (document == NULL) {
		fprintf(stderr, "wirebraid: %s\n", err.text);
		return 1;
	}
	if (as_json) {
		json_dumpf(document, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		subjects[subject].print(document);
	}
	json_decref(document);
	return fflush(stdout) == 0 ? 0 : 1;
}

int wb_cmd_show(int argc, char **argv)
{
	const char *name = NULL;
	unsigned subject = SUBJECTS;
	bool as_json = false;

	for (int i = 1; i < argc; i++) {
		unsigned n = 0;

		if (strcmp(argv[i], "--json") == 0) {
			as_json = true;
			continue;
		}
		if (strcmp(argv[i], "--name") == 0 && i + 1 < argc) {
			name = argv[++i];
			continue;
		}
		while (n < SUBJECTS && strcmp(argv[i], subjects[n].name) != 0)
			n++;
		if (n == SUBJECTS || subject != SUBJECTS)
			return usage();
		subject = n;
	}
	return subject == SUBJECTS ? usage() : show(subject, name, as_json);
}
