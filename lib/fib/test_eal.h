/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Starts DPDK for a test: no hugepages, devices, files or sockets. A cmocka group setup.
 */
#ifndef WB_FIB_TEST_EAL_H
#define WB_FIB_TEST_EAL_H

#include <rte_eal.h>

static int start_eal(void **state)
{
	char *argv[] = {
		"test",		  "--no-huge",		"-m", "512", "--no-pci", "--no-shconf",
		"--no-telemetry", "--log-level=*:error"};

	(void)state;
	return rte_eal_init(sizeof(argv) / sizeof(argv[0]), argv) < 0 ? -1 : 0;
}

static int stop_eal(void **state)
{
	(void)state;
	return rte_eal_cleanup();
}

#endif
