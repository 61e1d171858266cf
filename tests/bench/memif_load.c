/* SPDX-License-Identifier: BSD-3-Clause */
/* The far ends of a gateway between two memif ports: commands come in on standard input, a line
 * each; each is answered by a JSON object on standard output. tests/bench/over_memif speaks it. */
#include "memif_load.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <sodium.h>

#define POOL_SIZE  8191
#define IDLE_SLEEP 100 /**< µs */

static const char usage_text[] =
	"usage: memif_load --lan SOCKET --wan SOCKET --keys FILE [--cpu N] [--role server|client]\n"
	"                  [--stock MIB] [--ring LOG2] [--no-huge]\n"
	"FILE has a line for each tunnel: our private key, the gateway's public key.\n"
	"Then, on standard input:\n"
	"  run direction=in|out|plain [size=BYTES|imix] [flows=N] [family=4|6] [open=some|all]\n"
	"      rate=PPS seconds=S\n"
	"  cold [seconds=S]   when was the first packet forwarded\n"
	"  wait [seconds=S]   until both ports are connected and know the gateway's MACs\n"
	"  pause              leave the ports alone: the gateway is about to go\n"
	"  quit\n";

struct options {
	const char *lan, *wan, *keys, *role, *cpu, *stock, *ring;
	bool no_huge;
};

static int fail(const struct wb_err *err)
{
	fprintf(stderr, "memif_load: %s\n", err->text);
	return 1;
}

/* A number of an option or of a command, all of it. */
static int number_parse(const char *name, const char *text, double least, double most, double *out,
	struct wb_err *err)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value >= least && value <= most))
		return wb_err_set(err, EINVAL, "%s '%.40s' is not valid, expected %g to %g", name,
			text, least, most);
	*out = value;
	return 0;
}

static int options_parse(int argc, char **argv, struct options *options, struct wb_err *err)
{
	static const struct option known[] = {{"lan", 1, NULL, 'l'}, {"wan", 1, NULL, 'w'},
		{"keys", 1, NULL, 'k'}, {"role", 1, NULL, 'r'}, {"cpu", 1, NULL, 'c'},
		{"stock", 1, NULL, 's'}, {"ring", 1, NULL, 'g'}, {"no-huge", 0, NULL, 'n'},
		{"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int option;

	*options = (struct options){.role = "server", .cpu = "0", .stock = "1024", .ring = "11"};
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'l':
			options->lan = optarg;
			break;
		case 'w':
			options->wan = optarg;
			break;
		case 'k':
			options->keys = optarg;
			break;
		case 'r':
			options->role = optarg;
			break;
		case 'c':
			options->cpu = optarg;
			break;
		case 's':
			options->stock = optarg;
			break;
		case 'g':
			options->ring = optarg;
			break;
		case 'n':
			options->no_huge = true;
			break;
		case 'h':
			fputs(usage_text, stdout);
			exit(0);
		default:
			return wb_err_set(err, EINVAL, "see memif_load --help");
		}
	}
	if (options->lan == NULL || options->wan == NULL || options->keys == NULL || optind < argc)
		return wb_err_set(
			err, EINVAL, "expected --lan, --wan and --keys; see memif_load --help");
	if (strcmp(options->role, "server") != 0 && strcmp(options->role, "client") != 0)
		return wb_err_set(err, EINVAL,
			"role '%.40s' is not known, expected server or client", options->role);
	return 0;
}

static int tunnels_load(struct load *load, const char *path, struct wb_err *err)
{
	FILE *file = fopen(path, "r");
	char line[256], ours[64], theirs[64];
	unsigned number = 0;
	int rc = 0;

	if (file == NULL)
		return wb_err_set(err, errno, "%s: %s", path, strerror(errno));
	load->tunnels = calloc(LOAD_TUNNELS_MAX, sizeof(*load->tunnels));
	if (load->tunnels == NULL)
		rc = wb_err_set(err, ENOMEM, "no memory");
	while (rc == 0 && fgets(line, sizeof(line), file) != NULL) {
		struct wb_key private_key, gateway;

		number++;
		if (load->n_tunnels == LOAD_TUNNELS_MAX)
			rc = wb_err_set(err, EINVAL, "%s:%u: too many tunnels, expected at most %u",
				path, number, LOAD_TUNNELS_MAX);
		else if (sscanf(line, "%63s %63s", ours, theirs) != 2 ||
			wb_key_parse(ours, &private_key) < 0 || wb_key_parse(theirs, &gateway) < 0)
			rc = wb_err_set(err, EINVAL,
				"%s:%u: expected a private and a public key, in base64", path,
				number);
		else
			load_tunnel_init(&load->tunnels[load->n_tunnels], load->n_tunnels,
				&private_key, &gateway);
		load->n_tunnels += rc == 0;
	}
	fclose(file);
	if (rc == 0 && load->n_tunnels == 0)
		rc = wb_err_set(err, EINVAL, "%s: no keys", path);
	return rc;
}

static int eal_begin(const struct options *options, struct wb_err *err)
{
	char prefix[32], devices[LOAD_SIDES][512];
	const char *paths[LOAD_SIDES] = {options->lan, options->wan};
	const char *args[24] = {"memif_load", "--file-prefix", prefix, "-l", options->cpu,
		"--no-pci", "--no-telemetry", "-m", "96", "--log-level", "*:error", "--log-level",
		"pmd.net.memif:critical", options->no_huge ? "--no-huge" : "--in-memory"};
	unsigned n = 14;

	/* Where there is no IOMMU to ask, a copying driver has no use for physical addresses. */
	args[n++] = "--iova-mode=va";
	snprintf(prefix, sizeof(prefix), "memif-load-%d", (int)getpid());
	for (unsigned i = 0; i < LOAD_SIDES; i++) {
		int length = snprintf(devices[i], sizeof(devices[i]),
			"net_memif_%s,role=%s,id=0,socket=%s,socket-abstract=no,rsize=%s",
			i == LOAD_LAN ? "lan" : "wan", options->role, paths[i], options->ring);

		if (length >= (int)sizeof(devices[i]))
			return wb_err_set(
				err, EINVAL, "'%.40s...' is too long for a socket", paths[i]);
		args[n++] = "--vdev";
		args[n++] = devices[i];
	}
	if (rte_eal_init((int)n, (char **)(uintptr_t)args) < 0)
		return wb_err_set(
			err, rte_errno, "DPDK does not start: %s", rte_strerror(rte_errno));
	return 0;
}

static int start(struct load *load, const struct options *options, struct wb_err *err)
{
	double stock = 0;
	int rc = number_parse("stock", options->stock, 1, 1 << 20, &stock, err);

	if (rc == 0)
		rc = tunnels_load(load, options->keys, err);
	if (rc == 0)
		rc = eal_begin(options, err);
	if (rc < 0)
		return rc;
	load->hz = rte_get_tsc_hz();
	load->stock_bytes = (size_t)stock << 20;
	load->aead = wb_aead_create(err);
	if (load->aead == NULL)
		return -ENOTSUP;
	load->pool = rte_pktmbuf_pool_create(
		"load", POOL_SIZE, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (load->pool == NULL)
		return wb_err_set(err, ENOMEM, "no memory for %u packets", POOL_SIZE);
	return load_ports_start(load, err);
}

static int order_set(
	struct load_order *order, const char *key, const char *value, struct wb_err *err)
{
	double number = 0;
	int rc;

	if (strcmp(key, "direction") == 0) {
		order->in = strcmp(value, "in") == 0;
		order->plain = strcmp(value, "plain") == 0;
		if (!order->in && !order->plain && strcmp(value, "out") != 0)
			return wb_err_set(err, EINVAL,
				"direction '%.40s' is not known, expected in, out or plain", value);
		return 0;
	}
	if (strcmp(key, "open") == 0) {
		order->open_all = strcmp(value, "all") == 0;
		if (!order->open_all && strcmp(value, "some") != 0)
			return wb_err_set(err, EINVAL,
				"open '%.40s' is not known, expected some or all", value);
		return 0;
	}
	if (strcmp(key, "size") == 0 && strcmp(value, "imix") == 0) {
		order->size = 0;
		return 0;
	}
	if (strcmp(key, "size") == 0) {
		rc = number_parse(key, value, load_size_min(4), LOAD_MTU, &number, err);
		order->size = (unsigned)number;
	} else if (strcmp(key, "flows") == 0) {
		rc = number_parse(key, value, 1, 3072, &number, err);
		order->flows = (unsigned)number;
	} else if (strcmp(key, "family") == 0) {
		rc = number_parse(key, value, 4, 6, &number, err);
		order->family = (unsigned)number;
	} else if (strcmp(key, "rate") == 0) {
		rc = number_parse(key, value, 1, 1e9, &order->rate, err);
	} else if (strcmp(key, "seconds") == 0) {
		rc = number_parse(key, value, 0.001, 3600, &order->seconds, err);
	} else {
		rc = wb_err_set(err, EINVAL,
			"'%.40s' is not known, expected direction, size, flows, "
			"family, open, rate or seconds",
			key);
	}
	return rc;
}

/* The words behind a command. */
static int order_parse(char *words, struct load_order *order, struct wb_err *err)
{
	char *save, *word;

	*order = (struct load_order){.size = 64, .flows = 64, .family = 4, .seconds = 10};
	for (word = strtok_r(words, " \n", &save); word != NULL;
		word = strtok_r(NULL, " \n", &save)) {
		char *value = strchr(word, '=');
		int rc;

		if (value == NULL)
			return wb_err_set(err, EINVAL, "'%.40s', expected NAME=VALUE", word);
		*value++ = '\0';
		rc = order_set(order, word, value, err);
		if (rc < 0)
			return rc;
	}
	if (order->family != 4 && order->family != 6)
		return wb_err_set(err, EINVAL, "family is not valid, expected 4 or 6");
	if (order->plain && order->family != 4)
		return wb_err_set(err, EINVAL, "family 6 has no way without a tunnel, expected 4");
	if (order->size != 0 && order->size < load_size_min(order->family))
		return wb_err_set(err, EINVAL, "size %u is too small, expected at least %u",
			order->size, load_size_min(order->family));
	return 0;
}

static double mean_size(const struct load_order *order)
{
	double sum = 0;

	for (unsigned i = 0; i < 12; i++)
		sum += load_size_of(order, i);
	return sum / 12;
}

static void result_print(
	const struct load *load, const struct load_order *order, const struct load_result *result)
{
	static const struct {
		const char *name;
		double share;
	} marks[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
	double us = 1e6 / (double)load->hz;

	printf("{\"direction\": \"%s\", \"size\": %u, \"family\": %u, \"flows\": %u, "
	       "\"tunnels\": %u, \"rate\": %.0f, \"offered_pps\": %.0f, \"sent\": %lu, "
	       "\"refused\": %lu, \"received\": %lu, \"lost\": %lu, \"reordered\": %lu, "
	       "\"seconds\": %.6f, \"received_in_s\": %.6f, \"slipped_s\": %.6f, \"gbit_s\": %.4f, "
	       "\"sampled\": %lu, \"opened_bad\": %lu, \"latency_us\": {",
		order->plain	    ? "plain"
			: order->in ? "in"
				    : "out",
		order->size, order->family, order->flows, load->n_tunnels, order->rate,
		(double)result->offered / result->seconds, result->offered, result->refused,
		result->received,
		result->offered > result->received ? result->offered - result->received : 0,
		result->reordered, result->seconds, result->received_in, result->slipped,
		(double)result->received * mean_size(order) * 8 / result->seconds / 1e9,
		result->sampled, result->opened_bad);
	for (unsigned i = 0; i < RTE_DIM(marks); i++)
		printf("%s\"%s\": %.2f", i > 0 ? ", " : "", marks[i].name,
			(double)load_histogram_at(&result->latency, marks[i].share) * us);
	puts("}}");
}

static int run_command(struct load *load, const struct load_order *order, struct wb_err *err)
{
	static struct load_result result;
	static uint32_t runs;
	int rc;

	if (order->rate == 0)
		return wb_err_set(err, EINVAL, "rate is not there, expected packets a second");
	load->run = 0;
	rc = load_warm_up(load, order, err);
	if (rc < 0)
		return rc;
	load->run = ++runs;
	rc = load_run(load, order, &result, err);
	if (rc == 0)
		result_print(load, order, &result);
	return rc;
}

static int cold_command(struct load *load, const struct load_order *order, struct wb_err *err)
{
	struct load_cold cold;
	int rc = load_cold_start(load, order->seconds, &cold, err);

	if (rc == 0)
		printf("{\"links_ns\": %lu, \"macs_ns\": %lu, \"plain_ns\": %lu, \"sealed_ns\": "
		       "%lu}\n",
			cold.links, cold.macs, cold.plain, cold.sealed);
	return rc;
}

static int wait_command(struct load *load, const struct load_order *order, struct wb_err *err)
{
	uint64_t until = rte_rdtsc() + (uint64_t)(order->seconds * (double)load->hz);

	while (!load->ports[LOAD_LAN].up || !load->ports[LOAD_WAN].up) {
		if (rte_rdtsc() > until)
			return wb_err_set(err, ETIMEDOUT, "no gateway at the %s port within %.0f s",
				load->ports[LOAD_LAN].up ? "wan" : "lan", order->seconds);
		load_serve(load);
		load_poll(load, LOAD_LAN);
		load_poll(load, LOAD_WAN);
		usleep(IDLE_SLEEP);
	}
	puts("{\"ready\": true}");
	return 0;
}

static void pause_command(struct load *load)
{
	load_forget(load);
	puts("{\"paused\": true}");
}

/* Returns false when there is nothing more to do. */
static bool command(struct load *load, char *line, bool *paused)
{
	char *words = line + strcspn(line, " \n");
	struct load_order order;
	struct wb_err err = {.text = ""};
	int rc;

	if (*words != '\0')
		*words++ = '\0';
	if (strcmp(line, "quit") == 0)
		return false;
	*paused = strcmp(line, "pause") == 0;
	rc = order_parse(words, &order, &err);
	if (rc == 0 && strcmp(line, "run") == 0)
		rc = run_command(load, &order, &err);
	else if (rc == 0 && strcmp(line, "cold") == 0)
		rc = cold_command(load, &order, &err);
	else if (rc == 0 && strcmp(line, "wait") == 0)
		rc = wait_command(load, &order, &err);
	else if (rc == 0 && *paused)
		pause_command(load);
	else if (rc == 0)
		rc = wb_err_set(&err, EINVAL,
			"'%.40s' is not known, expected run, cold, wait, pause or quit", line);
	if (rc < 0)
		printf("{\"error\": \"%s\"}\n", err.text);
	fflush(stdout);
	return true;
}

/* Between commands the gateway's questions are answered. */
static void serve(struct load *load)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	bool paused = false;
	char line[512];

	puts("{\"started\": true}");
	fflush(stdout);
	for (;;) {
		while (poll(&input, 1, 0) == 0) {
			if (!paused) {
				load_serve(load);
				load_poll(load, LOAD_LAN);
				load_poll(load, LOAD_WAN);
			}
			usleep(IDLE_SLEEP);
		}
		if (fgets(line, sizeof(line), stdin) == NULL || !command(load, line, &paused))
			return;
	}
}

int main(int argc, char **argv)
{
	static struct load load;
	struct options options;
	struct wb_err err = {.text = ""};

	/* Who gave the commands may have stopped us before it was killed: no end of input would be
	 * seen, and the hugepages were gone for others. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* A line is looked for on the descriptor: none may wait in a buffer. */
	setvbuf(stdin, NULL, _IONBF, 0);
	if (options_parse(argc, argv, &options, &err) < 0)
		return fail(&err);
	if (sodium_init() < 0)
		return 1;
	if (start(&load, &options, &err) < 0)
		return fail(&err);
	serve(&load);
	for (unsigned side = 0; side < LOAD_SIDES; side++) {
		rte_eth_dev_stop(load.ports[side].id);
		rte_eth_dev_close(load.ports[side].id);
	}
	rte_eal_cleanup();
	return 0;
}
