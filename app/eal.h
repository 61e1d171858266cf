/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Starts DPDK's environment the way this gateway wants it.
 */
#ifndef WB_APP_EAL_H
#define WB_APP_EAL_H

#include "base/err.h"
#include "config.h"

/** What the start found, to be told to the user. */
struct eal_facts {
	bool hugepages;
	unsigned hugepages_free; /**< of 2 MiB */
	unsigned memory_mib;
};

/**
 * rte_eal_init() with arguments made from the configuration: main lcore 0 for control, one worker
 * lcore for each CPU of `[lcores] workers`, hugepages if enough are free and ordinary memory
 * otherwise. Once a process.
 */
int eal_start(const struct wb_config *config, struct eal_facts *facts, struct wb_err *err);

#endif
