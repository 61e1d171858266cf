/* SPDX-License-Identifier: BSD-3-Clause */
/* wirebraid run: builds the gateway step by step, runs it, and takes it down in reverse order. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <sodium.h>

#include "admin.h"
#include "assembly.h"
#include "commands.h"
#include "control.h"
#include "eal.h"
#include "groups.h"
#include "names.h"
#include "paths.h"
#include "telemetry.h"
#include "tunnels.h"

static int workers_launch(struct gateway *gateway, struct wb_err *err)
{
	for (unsigned i = 0; i < gateway->plan.n_workers; i++) {
		struct worker *worker = gateway->plan.workers[i];
		int rc = rte_eal_remote_launch(worker_main, worker, worker->lcore);

		if (rc < 0)
			return wb_err_set(
				err, -rc, "worker on lcore %u does not start", worker->lcore);
	}
	return 0;
}

/* Control's loop runs while the admin thread brings tunnels up, until it has taken them down. */
static int serve(struct gateway *gateway, struct wb_config *config, struct wb_err *err)
{
	struct admin *admin = NULL;
	struct site *site = NULL;
	struct uapi *uapi = NULL;
	int rc = names_start(gateway->control, err);

	if (rc == 0)
		rc = uapi_start(gateway, &uapi, err);
	if (rc == 0)
		rc = site_create(gateway, uapi, config, &site, err);
	if (rc == 0)
		rc = telemetry_start(gateway, err);
	if (rc == 0)
		rc = workers_launch(gateway, err);
	if (rc == 0)
		rc = admin_start(gateway->control, site, &admin, err);
	if (rc == 0) {
		control_run(gateway->control);
		rc = admin_join(admin, err);
	}
	telemetry_stop();
	uapi_stop(uapi);
	if (site == NULL)
		wb_config_free(config);
	site_destroy(site);
	return rc;
}

static void tell_facts(const struct wb_config *config, const struct eal_facts *facts)
{
	for (unsigned i = 0; i < config->notices.n; i++)
		fprintf(stderr, "wirebraid: notice: %s\n", config->notices.texts[i]);
	if (facts->hugepages)
		fprintf(stderr, "wirebraid: %u MiB of hugepages\n", facts->memory_mib);
	else
		fprintf(stderr,
			"wirebraid: notice: %u free hugepages of 2 MiB, %u wanted: using ordinary "
			"memory, "
			"which is slower\n",
			facts->hugepages_free, facts->memory_mib / 2);
}

/* Signals are taken by control's loop alone; threads made later inherit the mask. */
static void signals_block(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* `config` is freed. */
static int run(struct wb_config *config, struct wb_err *err)
{
	struct gateway *gateway = calloc(1, sizeof(*gateway));
	struct eal_facts facts;
	int rc;

	signals_block();
	rc = gateway == NULL ? wb_err_set(err, ENOMEM, "no memory for the gateway")
			     : eal_start(config, &facts, err);
	if (rc < 0) {
		wb_config_free(config);
		free(gateway);
		return rc;
	}
	gateway->poll_always = config->poll_always;
	gateway->mss_clamp = config->mss_clamp;
	wb_config_placement(config, &gateway->placement);
	gateway->rebalance = config->rebalance;
	groups_configure(gateway, &config->ecmp);
	randombytes_buf(&gateway->probe_cookie, sizeof(gateway->probe_cookie));
	pthread_mutex_init(&gateway->lock, NULL);
	clock_init();
	tell_facts(config, &facts);
	rc = assemble(gateway, config, err);
	if (rc == 0)
		rc = serve(gateway, config, err);
	else
		wb_config_free(config);
	if (gateway->control != NULL)
		links_leave(gateway->control);
	atomic_store(&gateway->stopping, true);
	rte_eal_mp_wait_lcore();
	dismantle(gateway);
	rte_eal_cleanup();
	return rc;
}

int wb_cmd_run(int argc, char **argv)
{
	struct wb_config *config;
	struct wb_err err = {.text = ""};
	int rc;

	if (argc != 2 || argv[1][0] == '-') {
		fprintf(stderr, "usage: wirebraid run FILE\n");
		return 2;
	}
	if (sodium_init() < 0) {
		fprintf(stderr, "wirebraid: libsodium does not start\n");
		return 1;
	}
	rc = wb_config_load(argv[1], &config, &err);
	if (rc == 0)
		rc = run(config, &err);
	if (rc < 0)
		fprintf(stderr, "wirebraid: %s\n", err.text);
	return rc < 0 ? 1 : 0;
}
