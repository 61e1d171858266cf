/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * For this room's tests: EAL without hugepages (which cannot be had --in-memory), a pool, a clock,
 * bonds back to back.
 */
#ifndef WB_PORT_TESTING_H
#define WB_PORT_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "port/lacp.h"
#include "port/member.h"
#include "port/port.h"

static struct rte_mempool *test_pool;

static inline void test_start_eal(const char *name)
{
	char arg0[32],
		*argv[] = {arg0, "--no-huge", "-m", "256", "--no-pci", "--no-shconf",
			"--no-telemetry", "-l", "0", "--log-level=4", NULL};

	snprintf(arg0, sizeof(arg0), "%s", name);
	if (rte_eal_init(10, argv) < 0)
		fail_msg("EAL does not start: %s", rte_strerror(rte_errno));
	test_pool = rte_pktmbuf_pool_create("test", 8191, 0, 0, 2048 + 256, SOCKET_ID_ANY);
	assert_non_null(test_pool);
}

static inline uint64_t test_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* One round of what a worker and control do. Returns the packets received. */
static inline unsigned test_serve(struct wb_port *port)
{
	struct rte_mbuf *burst[32];
	unsigned n = rte_eth_rx_burst(port->port_id, 0, burst, 32);

	rte_pktmbuf_free_bulk(burst, n);
	wb_port_lacp_run(port, test_pool, test_now_ms() * 1000000);
	rte_eth_tx_burst(port->port_id, 0, NULL, 0);
	return n;
}

static inline unsigned test_n_distributing(const struct wb_port *port)
{
	unsigned list[WB_MEMBERS_MAX];

	return wb_port_distributing(port, list);
}

/* Serves both until each has `n` members distributing. Returns the milliseconds it took, or -1
 * if `limit_ms` did not do. */
static inline int test_await(struct wb_port *a, struct wb_port *b, unsigned n, int limit_ms)
{
	uint64_t start = test_now_ms();

	while (test_now_ms() - start < (uint64_t)limit_ms) {
		test_serve(a);
		test_serve(b);
		if (test_n_distributing(a) == n && test_n_distributing(b) == n)
			return (int)(test_now_ms() - start);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return -1;
}

static inline void test_serve_for(struct wb_port *a, struct wb_port *b, int ms)
{
	uint64_t start = test_now_ms();

	while (test_now_ms() - start < (uint64_t)ms) {
		test_serve(a);
		test_serve(b);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

static inline struct wb_port_config test_config(
	const char *name, bool bond, uint16_t mtu, unsigned n, const char *const *devices)
{
	struct wb_port_config config = {
		.name = name, .bond = bond, .policy = WB_BOND_LAYER34, .mtu = mtu, .n_members = n};
	struct wb_err err = {""};

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(wb_device_parse(devices[i], &config.members[i], &err), 0);
	return config;
}

/* Opens a port; fails the test if that fails. */
static inline struct wb_port *test_open_config(
	const struct wb_port_config *config, struct rte_mempool *pool)
{
	struct wb_port *port = NULL;
	struct wb_err err = {""};

	if (wb_port_open(config, pool, &port, &err) != 0)
		fail_msg("%s", err.text);
	return port;
}

static inline struct wb_port *test_open(const char *name, bool bond, uint16_t mtu, unsigned n,
	const char *const *devices, struct rte_mempool *pool)
{
	struct wb_port_config config = test_config(name, bond, mtu, n, devices);

	return test_open_config(&config, pool);
}

#endif
