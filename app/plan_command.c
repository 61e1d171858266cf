/* SPDX-License-Identifier: BSD-3-Clause */
/* wirebraid plan: which member each tunnel takes, there and back, and better ports. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "ini/value.h"

#include "commands.h"
#include "port_plan.h"

#define BASE_PORT 51820

static const char usage_text[] =
	"usage: wirebraid plan [--far-hash HASH] [--far-members N] [--base-port PORT]\n"
	"                      [--apply] [--json] FILE\n"
	"  --far-hash     what chooses links on the other side: pmd-layer2+3, pmd-layer3+4,\n"
	"                 linux-layer2+3, linux-layer3+4 or toeplitz; default: as here\n"
	"  --far-members  links of its bond; default: as many as here\n"
	"  --base-port    the least port to propose; default 51820\n"
	"  --apply        write the proposal into this site's files\n";

struct options {
	struct port_plan_far far;
	bool apply, json, help;
	const char *file;
};

static int number(const char *option, const char *text, unsigned min, unsigned max, uint32_t *out)
{
	struct wb_err err;

	if (wb_value_unsigned(text, min, max, out, &err) == 0)
		return 0;
	fprintf(stderr, "wirebraid: --%s %s\n", option, err.text);
	return -1;
}

static int hash_option(const char *text, struct port_plan_far *far)
{
	const char *names[WB_FAR_HASHES + 1] = {NULL};
	struct wb_err err;
	unsigned choice;

	for (unsigned i = 0; i < WB_FAR_HASHES; i++)
		names[i] = wb_far_hash_name((enum wb_far_hash)i);
	if (wb_value_choice(text, names, &choice, &err) < 0) {
		fprintf(stderr, "wirebraid: --far-hash %s\n", err.text);
		return -1;
	}
	far->hash = (enum wb_far_hash)choice;
	far->hash_given = true;
	return 0;
}

static int options_read(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"far-hash", required_argument, NULL, 'f'},
		{"far-members", required_argument, NULL, 'm'},
		{"base-port", required_argument, NULL, 'b'},
		{"apply", no_argument, NULL, 'a'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	uint32_t value = 0;
	int rc = 0, c;

	*options = (struct options){.far.base_port = BASE_PORT};
	opterr = 0;
	optind = 1;
	while (rc == 0 && (c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		if (c == 'f')
			rc = hash_option(optarg, &options->far);
		else if (c == 'm') {
			rc = number("far-members", optarg, 1, WB_SPREAD_LINKS_MAX, &value);
			options->far.links = value;
		} else if (c == 'b') {
			rc = number("base-port", optarg, 1024, 65535 - 1023, &value);
			options->far.base_port = (uint16_t)value;
		} else if (c == 'a')
			options->apply = true;
		else if (c == 'j')
			options->json = true;
		else if (c == 'h')
			options->help = true;
		else
			rc = -1;
	}
	if (rc == 0 && !options->help && optind + 1 != argc)
		rc = -1;
	options->file = rc == 0 && !options->help ? argv[optind] : NULL;
	return rc;
}

static void uneven_print(const char *what, unsigned by)
{
	if (by > 1)
		printf("  uneven: %s, the fullest has %u tunnels more than the emptiest\n", what,
			by);
}

static void judgement_print(const struct wb_spread_judgement *judgement)
{
	uneven_print("leaving", judgement->leaves);
	uneven_print("returning", judgement->returns);
	uneven_print("leaving, one down", judgement->leaves_one_down);
	uneven_print("returning, one down", judgement->returns_one_down);
	if (judgement->leaves <= 1 && judgement->returns <= 1 && judgement->leaves_one_down <= 1 &&
		judgement->returns_one_down <= 1)
		printf("  even in both directions, also with one member down\n");
}

/* A place for people: from 1; "?" where MACs decide, which only the running gateway knows. */
static const char *place_text(bool known, unsigned place, char out[8])
{
	snprintf(out, 8, known ? "%u" : "?", place + 1);
	return out;
}

static void tunnels_print(const struct port_plan *plan, const struct wb_spread_tunnel *tunnels)
{
	bool here = plan->sides.hash_here == WB_BOND_LAYER34;
	bool there = wb_far_hash_sees_ports(plan->sides.hash_there);
	char a[8], b[8], c[8];

	printf("  %-15s %5s %5s  %-22s %7s  %s\n", "tunnel", "here", "there", "leaves by",
		"returns", "one down");
	for (unsigned i = 0; i < plan->n; i++) {
		struct wb_spread_places places = wb_spread_places_of(&plan->sides, &tunnels[i]);

		printf("  %-15s %5u %5u  %-22.22s %7s  %s, %s\n", plan->tunnels[i]->name,
			tunnels[i].port_here, tunnels[i].port_there,
			here ? plan->port->members[places.leaves].text : "?",
			place_text(there, places.returns, a),
			place_text(here, places.leaves_one_down, b),
			place_text(there, places.returns_one_down, c));
	}
}

/* The tunnels that share a place, where they need not. */
static void collision_print(const struct port_plan *plan, bool leaving, unsigned place)
{
	const char *separator = ":";
	unsigned n = 0;

	for (unsigned i = 0; i < plan->n; i++) {
		struct wb_spread_places places = wb_spread_places_of(&plan->sides, &plan->now[i]);

		n += (leaving ? places.leaves : places.returns) == place;
	}
	if (n < 2)
		return;
	if (leaving)
		printf("  collide leaving by %s", plan->port->members[place].text);
	else
		printf("  collide returning by link %u", place + 1);
	for (unsigned i = 0; i < plan->n; i++) {
		struct wb_spread_places places = wb_spread_places_of(&plan->sides, &plan->now[i]);

		if ((leaving ? places.leaves : places.returns) != place)
			continue;
		printf("%s %s", separator, plan->tunnels[i]->name);
		separator = ",";
	}
	putchar('\n');
}

static void collisions_print(const struct port_plan *plan)
{
	if (plan->sides.hash_here == WB_BOND_LAYER34 && plan->judged_now.leaves > 1)
		for (unsigned i = 0; i < plan->sides.links_here; i++)
			collision_print(plan, true, i);
	if (wb_far_hash_sees_ports(plan->sides.hash_there) && plan->judged_now.returns > 1)
		for (unsigned i = 0; i < plan->sides.links_there; i++)
			collision_print(plan, false, i);
}

static void blind_print(const struct port_plan *plan)
{
	if (plan->sides.hash_here != WB_BOND_LAYER34)
		printf("  hash %s of %s sees no UDP ports: all tunnels between two addresses\n"
		       "  leave by one member, whatever their ports; layer3+4 would spread them\n",
			wb_bond_policy_name(plan->sides.hash_here), plan->port->name);
	if (!wb_far_hash_sees_ports(plan->sides.hash_there))
		printf("  hash %s of the other side sees no UDP ports: all tunnels between\n"
		       "  two addresses return by one link\n",
			wb_far_hash_name(plan->sides.hash_there));
}

static void plan_print(const struct port_plan *plan, bool hash_given)
{
	printf("%s: %u members, %s; other side: %u links, %s%s\n", plan->port->name,
		plan->sides.links_here, wb_bond_policy_name(plan->sides.hash_here),
		plan->sides.links_there, wb_far_hash_name(plan->sides.hash_there),
		hash_given ? "" : " (assumed)");
	if (plan->n == 0) {
		printf("  no tunnel leaves by it to a known address\n");
		return;
	}
	tunnels_print(plan, plan->now);
	judgement_print(&plan->judged_now);
	collisions_print(plan);
	blind_print(plan);
	if (!port_plan_is_better(plan))
		return;
	printf("\n  proposed:\n");
	tunnels_print(plan, plan->proposed);
	judgement_print(&plan->judged_proposed);
}

static void other_side_print(const struct port_plan *plan)
{
	char text[WB_ENDPOINT_STRLEN];

	printf("\n  written; `wirebraid reload` applies it. On the other side, in the files of\n");
	for (unsigned i = 0; i < plan->n; i++) {
		const struct wb_endpoint ours = {
			.addr = plan->proposed[i].here, .port = plan->proposed[i].port_here};

		if (port_plan_changes(plan, i))
			printf("  %s's peer:\n    [Interface] ListenPort = %u\n"
			       "    [Peer]      Endpoint = %s\n",
				plan->tunnels[i]->name, plan->proposed[i].port_there,
				wb_endpoint_format(&ours, text));
	}
}

static json_t *judgement_json(const struct wb_spread_judgement *judgement)
{
	return json_pack("{s:i, s:i, s:i, s:i}", "leaves", judgement->leaves, "returns",
		judgement->returns, "leaves_one_down", judgement->leaves_one_down,
		"returns_one_down", judgement->returns_one_down);
}

static json_t *places_json(
	const struct wb_spread_sides *sides, const struct wb_spread_tunnel *tunnel)
{
	struct wb_spread_places places = wb_spread_places_of(sides, tunnel);

	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "port_here", tunnel->port_here,
		"port_there", tunnel->port_there, "leaves", places.leaves, "returns",
		places.returns, "leaves_one_down", places.leaves_one_down, "returns_one_down",
		places.returns_one_down);
}

static json_t *plan_json(const struct port_plan *plan)
{
	json_t *tunnels = json_array();

	for (unsigned i = 0; i < plan->n; i++)
		json_array_append_new(tunnels,
			json_pack("{s:s, s:o, s:o}", "tunnel", plan->tunnels[i]->name, "now",
				places_json(&plan->sides, &plan->now[i]), "proposed",
				places_json(&plan->sides, &plan->proposed[i])));
	return json_pack("{s:s, s:i, s:s, s:i, s:s, s:o, s:o, s:b, s:o}", "port", plan->port->name,
		"members", plan->sides.links_here, "hash",
		wb_bond_policy_name(plan->sides.hash_here), "far_members", plan->sides.links_there,
		"far_hash", wb_far_hash_name(plan->sides.hash_there), "uneven_now",
		judgement_json(&plan->judged_now), "uneven_proposed",
		judgement_json(&plan->judged_proposed), "better", port_plan_is_better(plan),
		"tunnels", tunnels);
}

/* The ports of this plan are taken for the next one. */
static void settle(const struct port_plan *plan)
{
	for (unsigned i = 0; i < plan->n; i++)
		plan->tunnels[i]->listen_port = plan->proposed[i].port_here;
}

static int plan_one(
	struct port_plan *plan, const struct options *options, json_t *all, struct wb_err *err)
{
	bool better = port_plan_is_better(plan);

	if (options->json)
		json_array_append_new(all, plan_json(plan));
	else
		plan_print(plan, options->far.hash_given);
	if (!better)
		return 0;
	settle(plan);
	if (!options->apply)
		return 0;
	if (port_plan_apply(plan, err) < 0)
		return -1;
	if (!options->json)
		other_side_print(plan);
	return 0;
}

static int plans(struct wb_config *config, const struct options *options, struct wb_err *err)
{
	static struct port_plan plan;
	json_t *all = json_array();
	unsigned bonds = 0;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < config->n_ports; i++) {
		if (!config->ports[i].bond)
			continue;
		if (bonds++ > 0 && !options->json)
			putchar('\n');
		port_plan_make(config, &config->ports[i], &options->far, &plan);
		rc = plan_one(&plan, options, all, err);
	}
	if (options->json) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (bonds == 0) {
		printf("%s: there is no bond to plan for\n", config->path);
	}
	json_decref(all);
	return rc;
}

int wb_cmd_plan(int argc, char **argv)
{
	struct wb_config *config;
	struct options options;
	struct wb_err err = {.text = ""};
	int rc;

	if (options_read(argc, argv, &options) < 0) {
		fputs(usage_text, stderr);
		return 2;
	}
	if (options.help) {
		fputs(usage_text, stdout);
		return 0;
	}
	if (sodium_init() < 0)
		return 1;
	rc = wb_config_load(options.file, &config, &err);
	if (rc == 0) {
		rc = plans(config, &options, &err);
		for (unsigned i = 0; !options.json && i < config->notices.n; i++)
			printf("notice: %s\n", config->notices.texts[i]);
		wb_config_free(config);
	}
	if (rc < 0)
		fprintf(stderr, "wirebraid: %s\n", err.text);
	return rc < 0 ? 1 : 0;
}
