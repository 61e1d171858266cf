/* SPDX-License-Identifier: BSD-3-Clause */
/* The prediction against the bonding PMD itself: random packets through a bond, members counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "port/bond_hash.h"
#include "port/compat.h"

#define MEMBERS 3
#define PACKETS 2000

static struct rte_mempool *pool;
static uint16_t members[MEMBERS];

static void start(uint16_t port_id)
{
	struct rte_eth_conf conf = {0};

	assert_int_equal(rte_eth_dev_configure(port_id, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(port_id, 0, 256, 0, NULL, pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(port_id, 0, 256, 0, NULL), 0);
	assert_int_equal(rte_eth_dev_start(port_id), 0);
}

static int setup(void **state)
{
	char *args[] = {"test", "--no-huge", "-m", "128", "--no-pci", "--no-shconf",
		"--no-telemetry", "--log-level", "*:error", "--lcores", "0", NULL};
	char name[32];

	(void)state;
	if (rte_eal_init(11, args) < 0)
		return 1;
	pool = rte_pktmbuf_pool_create("pool", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	for (unsigned i = 0; i < MEMBERS; i++) {
		snprintf(name, sizeof(name), "net_null%u", i);
		if (rte_vdev_init(name, "") < 0 ||
			rte_eth_dev_get_port_by_name(name, &members[i]) < 0)
			return 1;
	}
	return pool == NULL;
}

static void random_packet(struct wb_bond_packet *packet, bool ipv6)
{
	memset(packet, 0, sizeof(*packet));
	for (unsigned i = 0; i < 6; i++) {
		packet->source_mac[i] = (uint8_t)rand();
		packet->destination_mac[i] = (uint8_t)rand();
	}
	packet->source.addr.family = packet->destination.addr.family = ipv6 ? AF_INET6 : AF_INET;
	for (unsigned i = 0; i < (ipv6 ? 16u : 4u); i++) {
		packet->source.addr.bytes[i] = (uint8_t)rand();
		packet->destination.addr.bytes[i] = (uint8_t)rand();
	}
	packet->source.port = (uint16_t)rand();
	packet->destination.port = (uint16_t)rand();
}

static struct rte_mbuf *frame(const struct wb_bond_packet *packet)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
	bool ipv6 = packet->source.addr.family == AF_INET6;
	/* The PMD looks at the ports only if something follows the UDP header. */
	uint16_t payload = 4, length = (uint16_t)((ipv6 ? 62 : 42) + payload);
	uint8_t *bytes = (uint8_t *)rte_pktmbuf_append(mbuf, length);
	struct rte_ether_hdr *ether = (void *)bytes;
	struct rte_udp_hdr *udp = (void *)(bytes + length - payload - 8);

	memset(bytes, 0, length);
	memcpy(&ether->src_addr, packet->source_mac, 6);
	memcpy(&ether->dst_addr, packet->destination_mac, 6);
	if (ipv6) {
		struct rte_ipv6_hdr *ip = (void *)(ether + 1);

		ether->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6);
		ip->vtc_flow = rte_cpu_to_be_32(6u << 28);
		ip->proto = IPPROTO_UDP;
		memcpy(ip->src_addr, packet->source.addr.bytes, 16);
		memcpy(ip->dst_addr, packet->destination.addr.bytes, 16);
	} else {
		struct rte_ipv4_hdr *ip = (void *)(ether + 1);

		ether->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
		ip->version_ihl = RTE_IPV4_VHL_DEF;
		ip->total_length = rte_cpu_to_be_16((uint16_t)(28 + payload));
		ip->next_proto_id = IPPROTO_UDP;
		ip->src_addr = packet->source.addr.v4;
		ip->dst_addr = packet->destination.addr.v4;
	}
	udp->src_port = rte_cpu_to_be_16(packet->source.port);
	udp->dst_port = rte_cpu_to_be_16(packet->destination.port);
	return mbuf;
}

/* Which member has sent one packet more than when it was last asked. */
static int member_that_got_it(void)
{
	static uint64_t before[MEMBERS];
	struct rte_eth_stats stats;
	int found = -1;

	for (unsigned i = 0; i < MEMBERS; i++) {
		assert_int_equal(rte_eth_stats_get(members[i], &stats), 0);
		if (stats.opackets == before[i] + 1)
			found = (int)i;
		before[i] = stats.opackets;
	}
	return found;
}

/* The PMD looks for carrier from a timer. */
static void wait_for_members(uint16_t bond, unsigned n)
{
	uint16_t active[RTE_MAX_ETHPORTS];

	for (unsigned i = 0; i < 500; i++) {
		if (rte_eth_bond_active_members_get(bond, active, RTE_MAX_ETHPORTS) == (int)n)
			return;
		usleep(10000);
	}
	fail_msg("%u members do not come up", n);
}

static void policy_agrees(enum wb_bond_policy policy, uint8_t pmd_policy, unsigned n)
{
	struct wb_bond_packet packet;
	int bond = rte_eth_bond_create("net_bonding_test", BONDING_MODE_BALANCE, 0);
	unsigned used[MEMBERS] = {0};

	assert_true(bond >= 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(rte_eth_bond_member_add((uint16_t)bond, members[i]), 0);
	assert_int_equal(rte_eth_bond_xmit_policy_set((uint16_t)bond, pmd_policy), 0);
	start((uint16_t)bond);
	wait_for_members((uint16_t)bond, n);
	member_that_got_it();
	srand(5);
	for (unsigned i = 0; i < PACKETS; i++) {
		struct rte_mbuf *mbuf;
		unsigned predicted;

		random_packet(&packet, i % 2 == 1);
		predicted = wb_bond_member(policy, &packet, n);
		mbuf = frame(&packet);
		assert_int_equal(rte_eth_tx_burst((uint16_t)bond, 0, &mbuf, 1), 1);
		assert_int_equal(member_that_got_it(), predicted);
		used[predicted]++;
	}
	for (unsigned i = 0; i < n; i++)
		assert_true(used[i] > PACKETS / n / 2);
	rte_eth_dev_stop((uint16_t)bond);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(rte_eth_bond_member_remove((uint16_t)bond, members[i]), 0);
	assert_int_equal(rte_eth_bond_free("net_bonding_test"), 0);
}

static void prediction_agrees_with_the_pmd(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= MEMBERS; n++) {
		policy_agrees(WB_BOND_LAYER2, BALANCE_XMIT_POLICY_LAYER2, n);
		policy_agrees(WB_BOND_LAYER23, BALANCE_XMIT_POLICY_LAYER23, n);
		policy_agrees(WB_BOND_LAYER34, BALANCE_XMIT_POLICY_LAYER34, n);
	}
}

static void equal_ports_cancel_out(void **state)
{
	struct wb_bond_packet packet;
	uint32_t first;

	(void)state;
	random_packet(&packet, false);
	packet.source.port = packet.destination.port = 51820;
	first = wb_bond_hash(WB_BOND_LAYER34, &packet);
	packet.source.port = packet.destination.port = 4711;
	assert_int_equal(wb_bond_hash(WB_BOND_LAYER34, &packet), first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prediction_agrees_with_the_pmd),
		cmocka_unit_test(equal_ports_cancel_out),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
