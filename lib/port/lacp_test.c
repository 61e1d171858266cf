/* SPDX-License-Identifier: BSD-3-Clause */
/* Two bonds back to back over rings: LACP comes up, a member goes down and comes back, a partner
 * falls silent. */
#include "port/testing.h"

#include <errno.h>

#include <rte_eth_ring.h>
#include <rte_ring.h>

#define N_MEMBERS 3

static struct wb_port *port_a, *port_b;
static char names_a[N_MEMBERS][48], names_b[N_MEMBERS][48];

static void make_wire(unsigned i)
{
	struct rte_ring *ab, *ba;
	char name[32];

	snprintf(name, sizeof(name), "ab%u", i);
	ab = rte_ring_create(name, 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	snprintf(name, sizeof(name), "ba%u", i);
	ba = rte_ring_create(name, 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	assert_non_null(ab);
	assert_non_null(ba);
	snprintf(name, sizeof(name), "a%u", i);
	assert_true(rte_eth_from_rings(name, &ba, 1, &ab, 1, 0) >= 0);
	snprintf(names_a[i], sizeof(names_a[i]), "net_ring_%s", name);
	snprintf(name, sizeof(name), "b%u", i);
	assert_true(rte_eth_from_rings(name, &ab, 1, &ba, 1, 0) >= 0);
	snprintf(names_b[i], sizeof(names_b[i]), "net_ring_%s", name);
}

static int setup(void **state)
{
	const char *devices_a[N_MEMBERS], *devices_b[N_MEMBERS];

	(void)state;
	test_start_eal("lacp_test");
	for (unsigned i = 0; i < N_MEMBERS; i++) {
		make_wire(i);
		devices_a[i] = names_a[i];
		devices_b[i] = names_b[i];
	}
	port_a = test_open("bond0", true, 1500, N_MEMBERS, devices_a, test_pool);
	port_b = test_open("bond1", true, 1500, N_MEMBERS, devices_b, test_pool);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	wb_port_close(port_a);
	wb_port_close(port_b);
	return 0;
}

static void test_comes_up(void **state)
{
	struct wb_member_status status;
	char text[WB_LACP_STATE_STRLEN];
	int took;

	(void)state;
	took = test_await(port_a, port_b, N_MEMBERS, 5000);
	print_message("three members distribute after %d ms\n", took);
	assert_true(took >= 0);
	/* The partner has had time to hear of it. */
	test_serve_for(port_a, port_b, 1000);
	for (unsigned i = 0; i < N_MEMBERS; i++) {
		assert_int_equal(wb_member_status(port_a, i, &status), 0);
		assert_true(status.link && status.lacp);
		assert_string_equal(wb_lacp_state_format(status.actor, text),
			"ACTIVE,SHORT,AGG,SYNC,COLL,DIST");
		/* SHORT is here because our bond's LACPDUs ask for it. */
		assert_string_equal(wb_lacp_state_format(status.partner, text),
			"ACTIVE,SHORT,AGG,SYNC,COLL,DIST");
		assert_int_equal(status.partner_port, port_b->members[i].port_id + 1);
	}
	assert_int_equal(wb_member_status(port_a, N_MEMBERS, &status), -EINVAL);
}

static void test_member_down_and_up(void **state)
{
	struct wb_member_status status;
	uint16_t victim = port_a->members[1].port_id, peer = port_b->members[1].port_id;
	unsigned list[WB_MEMBERS_MAX];
	int took;

	(void)state;
	assert_int_equal(rte_eth_dev_set_link_down(victim), 0);
	assert_int_equal(rte_eth_dev_set_link_down(peer), 0);
	took = test_await(port_a, port_b, 2, 2000);
	print_message("one member given up %d ms after its link went\n", took);
	assert_true(took >= 0);
	assert_int_equal(wb_member_status(port_a, 1, &status), 0);
	assert_false(status.link);

	assert_int_equal(rte_eth_dev_set_link_up(victim), 0);
	assert_int_equal(rte_eth_dev_set_link_up(peer), 0);
	took = test_await(port_a, port_b, 3, 5000);
	print_message("and back %d ms after its link came\n", took);
	assert_true(took >= 0);
	/* In the order of activation, in which the returned one need not be the last: the PMD's
	 * timer may have missed that it was away. */
	assert_int_equal(wb_port_distributing(port_a, list), 3);
	assert_int_equal(1u << list[0] | 1u << list[1] | 1u << list[2], 7);
}

/* A partner that falls silent while its link stays up is given up after the short timeout. */
static void test_silent_partner(void **state)
{
	uint64_t start = test_now_ms();

	(void)state;
	while (test_n_distributing(port_a) != 0 && test_now_ms() - start < 6000) {
		test_serve(port_a);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	print_message("silent partner given up after %d ms\n", (int)(test_now_ms() - start));
	assert_int_equal(test_n_distributing(port_a), 0);
	assert_true(test_now_ms() - start > 1500);
	assert_true(test_await(port_a, port_b, N_MEMBERS, 8000) >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_up),
		cmocka_unit_test(test_member_down_and_up),
		cmocka_unit_test(test_silent_partner),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
