/* SPDX-License-Identifier: BSD-3-Clause */
/* Several rx queues of a port, and of a bond, whose LACPDUs come by any of them while each queue is
 * received from by a thread of its own. */
#include "port/testing.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include <rte_eth_ring.h>
#include <rte_ring.h>

#define MEMBERS 2
#define QUEUES	2

static char names_a[MEMBERS][48], names_b[MEMBERS][48];
static atomic_bool ended;
static atomic_uint got[QUEUES];

static int setup(void **state)
{
	(void)state;
	test_start_eal("queues_test");
	return 0;
}

static int open_with(const char *name, bool bond, unsigned n, const char *const *devices,
	uint16_t queues, struct wb_port **out, struct wb_err *err)
{
	struct wb_port_config config = {.name = name,
		.bond = bond,
		.policy = WB_BOND_LAYER34,
		.mtu = 1500,
		.n_members = n,
		.rx_queues = queues};

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(wb_device_parse(devices[i], &config.members[i], err), 0);
	return wb_port_open(&config, test_pool, out, err);
}

static void test_every_queue_receives(void **state)
{
	const char *const device[] = {"net_null0"};
	struct rte_mbuf *burst[8];
	struct wb_port *port = NULL;
	struct wb_err err;

	(void)state;
	assert_int_equal(open_with("p0", false, 1, device, 3, &port, &err), 0);
	assert_int_equal(port->rx_queues, 3);
	for (uint16_t i = 0; i < 3; i++) {
		assert_int_equal(rte_eth_rx_burst(port->port_id, i, burst, 8), 8);
		rte_pktmbuf_free_bulk(burst, 8);
	}
	wb_port_close(port);
}

static struct rte_ring *ring(const char *name, unsigned index)
{
	char text[32];
	struct rte_ring *made;

	snprintf(text, sizeof(text), "%s%u", name, index);
	made = rte_ring_create(text, 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	assert_non_null(made);
	return made;
}

/* What B sends arrives in A's queue of the member's own number; the other ones stay empty. */
static void wire(unsigned i)
{
	struct rte_ring *ab = ring("ab", i), *rx[QUEUES];
	char name[32];

	for (unsigned queue = 0; queue < QUEUES; queue++)
		rx[queue] = ring(queue == i ? "ba" : "nobody", i);
	snprintf(name, sizeof(name), "a%u", i);
	assert_true(rte_eth_from_rings(name, rx, QUEUES, &ab, 1, 0) >= 0);
	snprintf(names_a[i], sizeof(names_a[i]), "net_ring_%s", name);
	snprintf(name, sizeof(name), "b%u", i);
	assert_true(rte_eth_from_rings(name, &ab, 1, &rx[i], 1, 0) >= 0);
	snprintf(names_b[i], sizeof(names_b[i]), "net_ring_%s", name);
}

struct receiver {
	pthread_t thread;
	const struct wb_port *port;
	uint16_t queue;
};

static void *receive(void *arg)
{
	const struct receiver *receiver = arg;
	struct rte_mbuf *burst[32];

	while (!atomic_load(&ended)) {
		unsigned n = rte_eth_rx_burst(receiver->port->port_id, receiver->queue, burst, 32);

		atomic_fetch_add(&got[receiver->queue], n);
		rte_pktmbuf_free_bulk(burst, n);
		nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
	}
	return NULL;
}

/* A's side without its rx. */
static void serve_sending(struct wb_port *port)
{
	wb_port_lacp_run(port, test_pool, test_now_ms() * 1000000);
	rte_eth_tx_burst(port->port_id, 0, NULL, 0);
}

static void send_frames(const struct wb_port *port, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(test_pool);
		uint8_t *frame;

		assert_non_null(mbuf);
		frame = (uint8_t *)rte_pktmbuf_append(mbuf, 64);
		memset(frame, 0, 64);
		frame[12] = 8;
		frame[14] = 0x45;
		frame[23] = 17;
		/* Another source, by which the bond chooses another member. */
		frame[29] = (uint8_t)i;
		assert_int_equal(rte_eth_tx_burst(port->port_id, 0, &mbuf, 1), 1);
	}
}

static bool both_distribute(struct wb_port *a, struct wb_port *b)
{
	uint64_t end = test_now_ms() + 5000;

	while (test_now_ms() < end) {
		serve_sending(a);
		test_serve(b);
		if (test_n_distributing(a) == MEMBERS && test_n_distributing(b) == MEMBERS)
			return true;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return false;
}

static void test_lacp_comes_by_any_queue(void **state)
{
	static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 1}, mac_b[6] = {2, 0, 0, 0, 0, 2};
	const char *devices_a[MEMBERS], *devices_b[MEMBERS];
	struct receiver receivers[QUEUES];
	struct wb_port *a = NULL, *b = NULL;
	struct wb_err err;

	(void)state;
	for (unsigned i = 0; i < MEMBERS; i++) {
		wire(i);
		devices_a[i] = names_a[i];
		devices_b[i] = names_b[i];
	}
	if (open_with("bond0", true, MEMBERS, devices_a, QUEUES, &a, &err) != 0 ||
		open_with("bond1", true, MEMBERS, devices_b, 1, &b, &err) != 0)
		fail_msg("%s", err.text);
	wb_lacp_system_set(a->lacp, mac_a);
	wb_lacp_system_set(b->lacp, mac_b);
	for (uint16_t i = 0; i < QUEUES; i++) {
		receivers[i] = (struct receiver){.port = a, .queue = i};
		assert_int_equal(
			pthread_create(&receivers[i].thread, NULL, receive, &receivers[i]), 0);
	}
	assert_true(both_distribute(a, b));
	send_frames(b, 200);
	for (unsigned i = 0; i < 50; i++) {
		serve_sending(a);
		test_serve(b);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	atomic_store(&ended, true);
	for (unsigned i = 0; i < QUEUES; i++)
		pthread_join(receivers[i].thread, NULL);
	/* Each frame by the queue it lay in; no LACPDU among them. */
	assert_int_equal(atomic_load(&got[0]) + atomic_load(&got[1]), 200);
	assert_true(atomic_load(&got[0]) > 0 && atomic_load(&got[1]) > 0);
	wb_port_close(a);
	wb_port_close(b);
}

static void test_more_than_there_are(void **state)
{
	struct rte_ring *rx[QUEUES] = {ring("c", 0), ring("c", 1)};
	const char *const device[] = {"net_ring_c"};
	struct wb_port *port = NULL;
	struct wb_err err;

	(void)state;
	assert_true(rte_eth_from_rings("c", rx, QUEUES, rx, 1, 0) >= 0);
	assert_int_equal(open_with("p1", false, 1, device, 3, &port, &err), -EINVAL);
	assert_string_equal(err.text, "p1: rx-queues 3, but its driver has 2, expected no more");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_queue_receives),
		cmocka_unit_test(test_lacp_comes_by_any_queue),
		cmocka_unit_test(test_more_than_there_are),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
