/* SPDX-License-Identifier: BSD-3-Clause */
/* What the gateway costs a packet, next to what the AEAD alone costs it: the real stages, buffers
 * and crypto between two ports that are rings of this process. One set-up a run; prints one JSON
 * object. With --asked it measures when a line comes in, and prints one for each: so several
 * set-ups take turns. scripts/bench runs it and makes tables. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <rte_cycles.h>
#include <rte_malloc.h>

#include "measure.h"
#include "parts.h"

#define SIZES_MAX  16
#define ROUNDS_MAX 1001

/* Rounds before those that count. */
#define WARM_UP 2

static const char *const path_names[PATHS_N] = {
	[PATH_SEAL] = "seal",
	[PATH_OPEN] = "open",
	[PATH_FORWARD_OUT] = "forward-out",
	[PATH_FORWARD_IN] = "forward-in",
	[PATH_BOTH] = "both",
};

static const char *const stage_names[] = {
	[STAGE_RX] = "rx",
	[STAGE_OPEN] = "open",
	[STAGE_TAP] = "tap",
	[STAGE_TUN] = "tun",
	[STAGE_SEAL] = "seal",
	[STAGE_TX] = "tx",
};

struct options {
	struct world_options world;
	unsigned rounds;
	bool asked;
	unsigned sizes[SIZES_MAX], n_sizes;
	enum path paths[PATHS_N];
	unsigned n_paths;
};

/* One line of the table in the making. */
struct series {
	enum path path;
	unsigned size;
	unsigned first; /* the flow that its next round begins behind */
	struct round rounds[ROUNDS_MAX];
};

static unsigned number(const char *name, const char *text, unsigned least, unsigned most)
{
	char *end, message[96];
	unsigned long value = strtoul(text, &end, 10);

	snprintf(
		message, sizeof(message), "--%s %.20s: expected %u to %u", name, text, least, most);
	check(*text != '\0' && *end == '\0' && value >= least && value <= most, message);
	return (unsigned)value;
}

static void parse_sizes(struct options *options, char *list)
{
	for (char *word = strtok(list, ","); word != NULL; word = strtok(NULL, ",")) {
		check(options->n_sizes < SIZES_MAX, "--sizes: too many");
		options->sizes[options->n_sizes++] =
			strcmp(word, "imix") == 0 ? SIZE_IMIX : number("sizes", word, 48, 8900);
	}
}

static void parse_paths(struct options *options, char *list)
{
	for (char *word = strtok(list, ","); word != NULL; word = strtok(NULL, ",")) {
		unsigned i = 0;

		while (i < PATHS_N && strcmp(word, path_names[i]) != 0)
			i++;
		check(i < PATHS_N && options->n_paths < PATHS_N,
			"--paths: expected seal, open, forward-out, forward-in, both");
		options->paths[options->n_paths++] = (enum path)i;
	}
}

static void parse(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {{"lcores", 1, NULL, 'l'}, {"tunnels", 1, NULL, 't'},
		{"peers", 1, NULL, 'p'}, {"routes", 1, NULL, 'r'}, {"flows", 1, NULL, 'f'},
		{"inner", 1, NULL, 'i'}, {"outer", 1, NULL, 'o'}, {"rounds", 1, NULL, 'n'},
		{"sizes", 1, NULL, 's'}, {"paths", 1, NULL, 'w'}, {"store", 1, NULL, 'b'},
		{"asked", 0, NULL, 'a'}, {NULL, 0, NULL, 0}};
	struct world_options *world = &options->world;
	char sizes[] = "64,512,1420", paths[] = "seal,open,forward-out,forward-in";
	int c;

	*world = (struct world_options){.lcores = 1,
		.tunnels = 1,
		.peers = 1,
		.routes = 2,
		.flows = 64,
		.inner = 4,
		.outer = 4,
		.mtu = 1500,
		.store = 1024};
	options->rounds = 21;
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
		switch (c) {
		case 'l':
			world->lcores = number("lcores", optarg, 1, WORKERS_MAX);
			break;
		case 't':
			world->tunnels = number("tunnels", optarg, 1, WB_TUNNELS_MAX);
			break;
		case 'p':
			world->peers = number("peers", optarg, 1, 10000);
			break;
		case 'r':
			world->routes = number("routes", optarg, 2, 1000000);
			break;
		case 'f':
			world->flows = number("flows", optarg, 1, 100000);
			break;
		case 'i':
			world->inner = number("inner", optarg, 4, 6);
			break;
		case 'o':
			world->outer = number("outer", optarg, 4, 6);
			break;
		case 'n':
			options->rounds = number("rounds", optarg, 1, ROUNDS_MAX);
			break;
		case 's':
			parse_sizes(options, optarg);
			break;
		case 'w':
			parse_paths(options, optarg);
			break;
		case 'b':
			world->store = number("store", optarg, 256, STORE) / 256 * 256;
			break;
		case 'a':
			options->asked = true;
			break;
		default:
			exit(2);
		}
	if (options->n_sizes == 0)
		parse_sizes(options, sizes);
	if (options->n_paths == 0)
		parse_paths(options, paths);
	for (unsigned i = 0; i < options->n_sizes; i++)
		if (options->sizes[i] > 1420)
			world->mtu = 9000;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value below which a part of them lies. Sorts them. */
static double quantile(double *values, unsigned n, double part)
{
	qsort(values, n, sizeof(*values), ascending);
	return values[(unsigned)(part * (n - 1) + 0.5)];
}

static double mean_size(unsigned size)
{
	return size == SIZE_IMIX ? (7 * 64 + 4 * 576 + 1420) / 12.0 : size;
}

/* A round's gateway and AEAD ran within milliseconds of each other: their ratio is steadier than
 * either. */
static json_t *series_json(
	const struct options *options, const struct world *world, const struct series *series)
{
	static double values[ROUNDS_MAX];
	unsigned n = options->rounds;
	double hz = (double)rte_get_tsc_hz(), cycles, aead, ratio, spread;
	json_t *stages = json_object(), *json;

	for (unsigned i = 0; i < n; i++)
		values[i] = series->rounds[i].gateway;
	cycles = quantile(values, n, 0.5);
	spread = (quantile(values, n, 0.75) - quantile(values, n, 0.25)) / cycles;
	for (unsigned i = 0; i < n; i++)
		values[i] = series->rounds[i].aead;
	aead = quantile(values, n, 0.5);
	for (unsigned i = 0; i < n; i++)
		values[i] = series->rounds[i].aead / series->rounds[i].gateway;
	ratio = quantile(values, n, 0.5);
	for (unsigned kind = 0; kind < RTE_DIM(stage_names); kind++) {
		double stage;

		for (unsigned i = 0; i < n; i++)
			values[i] = series->rounds[i].stages[kind];
		stage = quantile(values, n, 0.5);
		if (stage > 0)
			json_object_set_new(stages, stage_names[kind], json_real(stage));
	}
	json = json_pack("{ss si si si si si si si si sf sf sf sf sf sf sf sf so}", "path",
		path_names[series->path], "size", (int)series->size, "lcores",
		(int)options->world.lcores, "tunnels", (int)options->world.tunnels, "peers",
		(int)options->world.peers, "routes", (int)options->world.routes, "flows",
		(int)options->world.flows, "inner", (int)options->world.inner, "outer",
		(int)options->world.outer, "ns", cycles / hz * 1e9, "cycles", cycles, "mpps",
		hz / cycles / 1e6, "gbps", hz / cycles * mean_size(series->size) * 8 / 1e9,
		"aead_ns", aead / hz * 1e9, "aead_cycles", aead, "ratio", ratio, "spread", spread,
		"stages", stages);
	json_object_set_new(json, "peers_met", json_integer(world_peers_met(world)));
	if (options->world.lcores > 1) {
		for (unsigned i = 0; i < n; i++)
			values[i] = series->rounds[i].aead / series->rounds[i].aead_together;
		json_object_set_new(json, "aead_times", json_real(quantile(values, n, 0.5)));
	}
	if (series->size == SIZE_IMIX)
		json_object_set_new(json, "size", json_string("imix"));
	return json;
}

static json_t *memory_json(const struct world *world)
{
	struct rte_malloc_socket_stats heap = {0};
	const struct rte_mempool *pool = world->gateway.pool;

	rte_malloc_get_socket_stats(0, &heap);
	return json_pack("{si si si}", "heap_bytes", (int)heap.heap_allocsz_bytes, "buffers",
		(int)pool->size, "buffer_bytes",
		(int)(pool->header_size + pool->elt_size + pool->trailer_size));
}

static json_t *parts_json(const struct options *options, struct world *world)
{
	static double rounds[ROUNDS_MAX][PARTS_N], values[ROUNDS_MAX];
	static struct traffic traffic = {.size = 512};
	json_t *json = json_object();

	traffic_make(world, &traffic);
	for (unsigned i = 0; i < options->rounds; i++)
		parts_measure(world, &traffic, rounds[i]);
	for (unsigned part = 0; part < PARTS_N; part++) {
		for (unsigned i = 0; i < options->rounds; i++)
			values[i] = rounds[i][part];
		json_object_set_new(
			json, part_names[part], json_real(quantile(values, options->rounds, 0.5)));
	}
	rte_pktmbuf_free_bulk(traffic.mbufs, traffic.n);
	return json;
}

/* All lines, and what they share. */
struct measurement {
	struct series *all;
	unsigned n;
	struct traffic traffic;
};

static void measurement_make(
	const struct options *options, struct world *world, struct measurement *measurement)
{
	unsigned n = options->n_sizes * options->n_paths;

	*measurement = (struct measurement){.n = n, .all = calloc(n, sizeof(struct series))};
	check(measurement->all != NULL, "no memory for results");
	traffic_make(world, &measurement->traffic);
	for (unsigned i = 0; i < n; i++) {
		measurement->all[i].path = options->paths[i % options->n_paths];
		measurement->all[i].size = options->sizes[i / options->n_paths];
	}
}

static void measurement_free(struct measurement *measurement)
{
	rte_pktmbuf_free_bulk(measurement->traffic.mbufs, measurement->traffic.n);
	free(measurement->all);
}

/* The lines' rounds take turns, so that what slows the machine for a while slows all of them. */
static json_t *measure(
	const struct options *options, struct world *world, struct measurement *measurement)
{
	json_t *results = json_array();

	for (unsigned round = 0; round < WARM_UP + options->rounds; round++)
		for (unsigned i = 0; i < measurement->n; i++) {
			struct series *series = &measurement->all[i];

			measurement->traffic.path = series->path;
			measurement->traffic.size = series->size;
			measurement->traffic.first = series->first;
			measure_round(world, &measurement->traffic,
				&series->rounds[round < WARM_UP ? 0 : round - WARM_UP]);
			series->first = measurement->traffic.first;
		}
	for (unsigned i = 0; i < measurement->n; i++)
		json_array_append_new(results, series_json(options, world, &measurement->all[i]));
	return results;
}

/* On a line of its own. */
static void print(json_t *json)
{
	json_dumpf(json, stdout, JSON_REAL_PRECISION(5));
	putchar('\n');
	fflush(stdout);
	json_decref(json);
}

/* A turn for each line that comes in; at their end, none. */
static json_t *turns(
	const struct options *options, struct world *world, struct measurement *measurement)
{
	char line[8];

	while (fgets(line, sizeof(line), stdin) != NULL)
		print(json_pack("{so}", "results", measure(options, world, measurement)));
	return json_array();
}

int main(int argc, char **argv)
{
	static struct options options;
	static struct world world;
	static struct measurement measurement;
	json_t *results, *parts;

	parse(&options, argc, argv);
	world_make(&world, &options.world);
	measurement_make(&options, &world, &measurement);
	if (options.asked)
		results = turns(&options, &world, &measurement);
	else
		results = measure(&options, &world, &measurement);
	parts = parts_json(&options, &world);
	print(json_pack("{sI ss so so so}", "tsc_hz", (json_int_t)rte_get_tsc_hz(), "aead",
		wb_aead_arch(world.gateway.plan.workers[0]->aead), "memory", memory_json(&world),
		"results", results, "parts", parts));
	measurement_free(&measurement);
	world_free(&world);
	return 0;
}
