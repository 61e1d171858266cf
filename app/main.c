/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line. */
#include <stdio.h>
#include <string.h>

#include "commands.h"

static const char help[] =
	"wirebraid " WB_VERSION ": a site-to-site WireGuard gateway on DPDK\n"
	"\n"
	"Usage:\n"
	"  wirebraid run FILE                 run the gateway that FILE describes\n"
	"  wirebraid check FILE               read everything, say what run would do\n"
	"  wirebraid plan [OPTIONS] FILE      which member each tunnel takes, and better ports\n"
	"  wirebraid show ports|tunnels|routes|paths|groups|drops|lcores\n"
	"      [--json] [--name NAME]\n"
	"                                     ask a running gateway\n"
	"  wirebraid up TUNNEL|FILE           bring a tunnel up on a running gateway\n"
	"  wirebraid down TUNNEL              take one down\n"
	"  wirebraid move TUNNEL|PORT [PART] CPU\n"
	"                                     have another worker run it\n"
	"  wirebraid reload                   read all files again, apply what is different\n"
	"  wirebraid --help | --version\n"
	"\n"
	"Exit status: 0 done; 1 it failed, and why is said on standard error;\n"
	"2 the command line is wrong. See wirebraid(8).\n";

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"run", wb_cmd_run},
	{"check", wb_cmd_check},
	{"plan", wb_cmd_plan},
	{"show", wb_cmd_show},
	{"up", wb_cmd_order},
	{"down", wb_cmd_order},
	{"move", wb_cmd_order},
	{"reload", wb_cmd_order},
};

int main(int argc, char **argv)
{
	if (argc < 2) {
		fputs(help, stderr);
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "help") == 0) {
		fputs(help, stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("wirebraid " WB_VERSION);
		return 0;
	}
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr,
		"wirebraid: unknown command '%s', expected run, check, plan, show, up, down, "
		"move or reload\n",
		argv[1]);
	return 2;
}
