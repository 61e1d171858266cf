/* SPDX-License-Identifier: BSD-3-Clause */
/* Two bonds back to back over rings: LACP comes up, a member goes down and comes back, a partner
 * falls silent. */
#include "port/testing.h"

#include <errno.h>
#include <stdlib.h>

#include <netinet/in.h>
#include <rte_eth_ring.h>
#include <rte_ring.h>

#include "base/bytes.h"

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

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 1}, mac_b[6] = {2, 0, 0, 0, 0, 2};

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
	/* Rings have no MACs, and two systems of one name are one. */
	wb_lacp_system_set(port_a->lacp, mac_a);
	wb_lacp_system_set(port_b->lacp, mac_b);
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
		assert_true(status.link && status.distributing && status.lacp_active);
		assert_string_equal(wb_lacp_state_format(status.lacp->actor.state, text),
			"ACTIVE,SHORT,AGG,SYNC,COLL,DIST");
		assert_string_equal(wb_lacp_state_format(status.lacp->partner.state, text),
			"ACTIVE,SHORT,AGG,SYNC,COLL,DIST");
		assert_int_equal(status.lacp->partner.port, i + 1);
		assert_memory_equal(status.lacp->partner.system, mac_b, 6);
	}
	assert_int_equal(wb_member_status(port_a, N_MEMBERS, &status), -EINVAL);
}

static struct rte_mbuf *random_frame(struct wb_bond_packet *packet)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(test_pool);
	uint8_t *frame = mbuf == NULL ? NULL : (uint8_t *)rte_pktmbuf_append(mbuf, 60);

	assert_true(frame != NULL);
	memset(packet, 0, sizeof(*packet));
	packet->source.addr.family = packet->destination.addr.family = AF_INET;
	packet->source.addr.v4 = (uint32_t)rand();
	packet->destination.addr.v4 = (uint32_t)rand();
	packet->source.port = (uint16_t)rand();
	packet->destination.port = (uint16_t)rand();
	if (frame == NULL)
		return NULL;
	memset(frame, 0, 60);
	frame[12] = 8;
	frame[14] = 0x45;
	frame[17] = 46;
	frame[23] = IPPROTO_UDP;
	memcpy(frame + 26, &packet->source.addr.v4, 4);
	memcpy(frame + 30, &packet->destination.addr.v4, 4);
	wb_store16(frame + 34, packet->source.port);
	wb_store16(frame + 36, packet->destination.port);
	return mbuf;
}

/* Which member has sent most since it was last asked: LACPDUs are few. */
static unsigned member_that_sent(void)
{
	static uint64_t before[N_MEMBERS];
	unsigned most = 0;
	uint64_t sent[N_MEMBERS];

	for (unsigned i = 0; i < N_MEMBERS; i++) {
		struct rte_eth_stats stats;

		assert_int_equal(rte_eth_stats_get(port_a->members[i].port_id, &stats), 0);
		sent[i] = stats.opackets - before[i];
		before[i] = stats.opackets;
		if (sent[i] > sent[most])
			most = i;
	}
	return most;
}

/* The member foretold is the one that sends, whatever order members are in by now. Eight copies, so
 * that no LACPDU is mistaken for them. */
static void prediction_holds(unsigned n)
{
	unsigned list[WB_MEMBERS_MAX], used[N_MEMBERS] = {0};

	assert_int_equal(wb_port_distributing(port_a, list), n);
	member_that_sent();
	for (unsigned i = 0; i < 1000; i++) {
		struct wb_bond_packet packet;
		struct rte_mbuf *burst[8] = {random_frame(&packet)};
		unsigned expected = list[wb_bond_member(port_a->policy, &packet, n)];

		for (unsigned j = 1; j < 8; j++) {
			burst[j] = rte_pktmbuf_copy(burst[0], test_pool, 0, UINT32_MAX);
			assert_non_null(burst[j]);
		}
		assert_int_equal(rte_eth_tx_burst(port_a->port_id, 0, burst, 8), 8);
		assert_int_equal(member_that_sent(), expected);
		used[expected]++;
		test_serve(port_a);
		test_serve(port_b);
	}
	for (unsigned i = 0; i < n; i++)
		assert_true(used[list[i]] > 1000 / n / 2);
}

static void test_prediction(void **state)
{
	(void)state;
	prediction_holds(N_MEMBERS);
	port_a->members[0].no_carrier = port_b->members[0].no_carrier = true;
	assert_true(test_await(port_a, port_b, N_MEMBERS - 1, 1000) >= 0);
	prediction_holds(N_MEMBERS - 1);
	port_a->members[0].no_carrier = port_b->members[0].no_carrier = false;
	assert_true(test_await(port_a, port_b, N_MEMBERS, 3500) >= 0);
	prediction_holds(N_MEMBERS);
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

/* A partner that falls silent while its link stays up is out within three and a half seconds. */
static void test_silent_partner(void **state)
{
	uint64_t start = test_now_ms(), took;

	(void)state;
	while (test_n_distributing(port_a) != 0 && test_now_ms() - start < 6000) {
		test_serve(port_a);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	took = test_now_ms() - start;
	print_message("silent partner given up after %d ms\n", (int)took);
	assert_int_equal(test_n_distributing(port_a), 0);
	assert_in_range(took, 1500, 3500);
	assert_true(test_await(port_a, port_b, N_MEMBERS, 3500) >= 0);
}

/* One LACPDU a second, as both ask for. */
static void test_one_a_second(void **state)
{
	uint64_t sent[N_MEMBERS];

	(void)state;
	test_serve_for(port_a, port_b, 1000);
	for (unsigned i = 0; i < N_MEMBERS; i++)
		sent[i] = port_a->lacp->members[i].pdus_sent;
	test_serve_for(port_a, port_b, 3050);
	for (unsigned i = 0; i < N_MEMBERS; i++)
		assert_in_range(port_a->lacp->members[i].pdus_sent - sent[i], 3, 4);
}

/* The kernel's word of a cable pulled counts at once, whatever the drivers say. */
static void test_carrier(void **state)
{
	(void)state;
	port_a->members[1].no_carrier = port_b->members[1].no_carrier = true;
	assert_in_range(test_await(port_a, port_b, 2, 1000), 0, 100);
	test_serve_for(port_a, port_b, 500);
	assert_int_equal(test_n_distributing(port_a), 2);
	port_a->members[1].no_carrier = port_b->members[1].no_carrier = false;
	assert_true(test_await(port_a, port_b, N_MEMBERS, 3500) >= 0);
}

/* 802.1AX-2014, 6.5: what a marker asks is answered on the same link. */
static void test_marker_is_answered(void **state)
{
	const uint8_t marker[] = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x02, 2, 0, 0, 0, 0, 9, 0x88, 0x09,
		0x02, 0x01, 0x01, 0x10, 0x00, 0x01, 2, 0, 0, 0, 0, 9, 0x12, 0x34, 0x56, 0x78, 0, 0};
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(test_pool);
	uint64_t start = test_now_ms();
	bool answered = false;
	uint8_t *frame;

	(void)state;
	assert_non_null(mbuf);
	frame = (uint8_t *)rte_pktmbuf_append(mbuf, 124);
	assert_true(frame != NULL);
	if (frame == NULL)
		return;
	memset(frame, 0, 124);
	memcpy(frame, marker, sizeof(marker));
	assert_int_equal(rte_eth_tx_burst(port_b->members[2].port_id, 0, &mbuf, 1), 1);
	while (!answered && test_now_ms() - start < 1000) {
		struct rte_mbuf *burst[8];
		unsigned n;

		test_serve(port_a);
		/* b's side of the link, past its bond. */
		n = rte_eth_rx_burst(port_b->members[2].port_id, 0, burst, 8);
		for (unsigned i = 0; i < n; i++) {
			const uint8_t *got = rte_pktmbuf_mtod(burst[i], const uint8_t *);

			answered = answered ||
				(got[14] == 2 && got[16] == 2 &&
					memcmp(got + 20, marker + 20, 10) == 0);
			rte_pktmbuf_free(burst[i]);
		}
	}
	assert_true(answered);
}

static void test_leave(void **state)
{
	int took;

	(void)state;
	assert_true(test_await(port_a, port_b, N_MEMBERS, 5000) >= 0);
	wb_port_lacp_leave(port_a, test_pool, test_now_ms() * 1000000);
	took = test_await(port_a, port_b, 0, 500);
	print_message("the partner has let go %d ms after we left\n", took);
	assert_in_range(took, 0, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_up),
		cmocka_unit_test(test_prediction),
		cmocka_unit_test(test_member_down_and_up),
		cmocka_unit_test(test_silent_partner),
		cmocka_unit_test(test_one_a_second),
		cmocka_unit_test(test_carrier),
		cmocka_unit_test(test_marker_is_answered),
		cmocka_unit_test(test_leave),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
