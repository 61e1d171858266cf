/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

/* Two for each PCI port, and some. */
#define ARGS_MAX (2 * CONFIG_PORTS_MAX * CONFIG_MEMBERS_MAX + 32)

struct args {
	int n;
	char *list[ARGS_MAX + 1];
};

static void add(struct args *args, const char *text)
{
	if (args->n < ARGS_MAX)
		args->list[args->n++] = strdup(text);
}

static unsigned free_hugepages(void)
{
	FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	unsigned pages = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%u", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages;
}

/* "0@(0-1),1@3,2@4": the main lcore floats over every CPU it may use unless the file names one;
 * each worker has a CPU of its own. */
static void lcores_text(const struct wb_config *config, char *out, size_t size)
{
	size_t used;

	if (config->control_cpu >= 0) {
		used = (size_t)snprintf(out, size, "0@%d", config->control_cpu);
	} else {
		cpu_set_t cpus;
		const char *separator = "";

		used = (size_t)snprintf(out, size, "0@(");
		sched_getaffinity(0, sizeof(cpus), &cpus);
		for (int cpu = 0; cpu < CPU_SETSIZE && used < size; cpu++) {
			if (!CPU_ISSET(cpu, &cpus))
				continue;
			used += (size_t)snprintf(out + used, size - used, "%s%d", separator, cpu);
			separator = ",";
		}
		if (used < size)
			used += (size_t)snprintf(out + used, size - used, ")");
	}
	for (unsigned i = 0; i < config->n_workers && used < size; i++)
		used += (size_t)snprintf(
			out + used, size - used, ",%u@%u", i + 1, config->workers[i]);
}

/* Only the ports that are asked for are touched. Returns how many there are. */
static unsigned pci_args(struct args *args, const struct wb_config *config)
{
	unsigned n = 0;

	for (unsigned i = 0; i < config->n_ports; i++)
		for (unsigned j = 0; j < config->ports[i].n_members; j++) {
			const struct wb_device *device = &config->ports[i].members[j].device;

			if (device->kind != WB_DEVICE_PCI)
				continue;
			add(args, "-a");
			add(args, device->name);
			n++;
		}
	if (n == 0)
		add(args, "--no-pci");
	return n;
}

/* net_memif lends its peer the memory of packets by one descriptor. */
static bool lends_memory(const struct wb_config *config)
{
	for (unsigned i = 0; i < config->n_ports; i++)
		for (unsigned j = 0; j < config->ports[i].n_members; j++)
			if (strstr(config->ports[i].members[j].device.args, "zero-copy=yes") !=
				NULL)
				return true;
	return false;
}

static void memory_args(
	struct args *args, const struct wb_config *config, bool pci, struct eal_facts *facts)
{
	char text[32];

	facts->memory_mib = config->memory_mib;
	facts->hugepages_free = free_hugepages();
	facts->hugepages = facts->hugepages_free * 2 >= facts->memory_mib;
	snprintf(text, sizeof(text), "%u", facts->memory_mib);
	add(args, "-m");
	add(args, text);
	if (facts->hugepages)
		add(args, "--in-memory");
	else
		add(args, "--no-huge");
	if (facts->hugepages && lends_memory(config))
		add(args, "--single-file-segments");
	if (!pci)
		add(args, "--iova-mode=va");
}

int eal_start(const struct wb_config *config, struct eal_facts *facts, struct wb_err *err)
{
	struct args args = {.n = 0}, shuffled;
	bool pci;
	char lcores[4096];
	int rc;

	lcores_text(config, lcores, sizeof(lcores));
	add(&args, "wirebraid");
	add(&args, "--file-prefix");
	add(&args, config->name);
	add(&args, "--lcores");
	add(&args, lcores);
	add(&args, "--main-lcore");
	add(&args, "0");
	pci = pci_args(&args, config) > 0;
	memory_args(&args, config, pci, facts);
	add(&args, "--log-level");
	add(&args, "lib.*:warning");
	add(&args, "--log-level");
	add(&args, "pmd.*:warning");
	add(&args, "--log-level");
	add(&args, "bus.*:warning");
	add(&args, "--log-level");
	add(&args, "lib.eal:error");
	add(&args, "--log-level");
	add(&args, "lib.telemetry:error");

	/* rte_eal_init() writes into the list it is given. */
	shuffled = args;
	rc = rte_eal_init(shuffled.n, shuffled.list);
	for (int i = 0; i < args.n; i++)
		free(args.list[i]);
	if (rc >= 0)
		return 0;
	return wb_err_set(err, rte_errno,
		"DPDK does not start (%s): %u MiB of %s memory wanted on lcores %s",
		rte_strerror(rte_errno), facts->memory_mib,
		facts->hugepages ? "hugepage" : "ordinary", lcores);
}
