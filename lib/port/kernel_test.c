/* SPDX-License-Identifier: BSD-3-Clause */
/* `kernel:` devices on veth pairs, in a network namespace of the test's own. Needs root. */
/* rte_eth_dev_conf_get() is "experimental" in DPDK 22.11. */
#define ALLOW_EXPERIMENTAL_API

#include "port/testing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <rte_arp.h>
#include <rte_icmp.h>
#include <rte_ip.h>

#include "port/quiet.h"

#define SKIPPED 77 /* meson's word for it */

/* Gateway g0 with 10.9.0.1, and h0 from which we speak as 10.9.0.2. */
static const uint8_t host_mac[6] = {2, 0, 0, 0, 9, 2};
static const uint8_t gateway_mac[6] = {2, 0, 0, 0, 9, 1};
#define HOST	RTE_IPV4(10, 9, 0, 2)
#define GATEWAY RTE_IPV4(10, 9, 0, 1)

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static bool says(const char *command)
{
	return system(command) == 0;
}

static int raw_socket(const char *ifname)
{
	int fd = socket(AF_PACKET, SOCK_RAW, htons(0x0003 /* ETH_P_ALL */));
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
		.sll_protocol = htons(0x0003),
		.sll_ifindex = (int)if_nametoindex(ifname)};

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (void *)&at, sizeof(at)), 0);
	return fd;
}

static size_t make_arp(uint8_t *frame)
{
	struct rte_ether_hdr *eth = (void *)frame;
	struct rte_arp_hdr *arp = (void *)(eth + 1);

	memset(frame, 0, 60);
	memset(&eth->dst_addr, 0xff, 6);
	memcpy(&eth->src_addr, host_mac, 6);
	eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_ARP);
	arp->arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER);
	arp->arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	arp->arp_hlen = 6;
	arp->arp_plen = 4;
	arp->arp_opcode = RTE_BE16(RTE_ARP_OP_REQUEST);
	memcpy(&arp->arp_data.arp_sha, host_mac, 6);
	arp->arp_data.arp_sip = htonl(HOST);
	arp->arp_data.arp_tip = htonl(GATEWAY);
	return 60;
}

static size_t make_ping(uint8_t *frame)
{
	struct rte_ether_hdr *eth = (void *)frame;
	struct rte_ipv4_hdr *ip = (void *)(eth + 1);
	struct rte_icmp_hdr *icmp = (void *)(ip + 1);

	memset(frame, 0, 60);
	memcpy(&eth->dst_addr, gateway_mac, 6);
	memcpy(&eth->src_addr, host_mac, 6);
	eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->total_length = htons(sizeof(*ip) + sizeof(*icmp));
	ip->time_to_live = 64;
	ip->next_proto_id = IPPROTO_ICMP;
	ip->src_addr = htonl(HOST);
	ip->dst_addr = htonl(GATEWAY);
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	icmp->icmp_type = RTE_IP_ICMP_ECHO_REQUEST;
	icmp->icmp_cksum = ~rte_raw_cksum(icmp, sizeof(*icmp));
	return 60;
}

/* True if the gateway's kernel says anything to a frame within 300 ms. */
static bool answers(size_t (*make)(uint8_t *))
{
	int fd = raw_socket("h0"), seen_by = raw_socket("g0");
	uint8_t frame[2048];
	uint64_t end;
	bool answer = false;
	size_t len = make(frame);

	assert_int_equal(send(fd, frame, len, 0), len);
	for (end = test_now_ms() + 300; !answer && test_now_ms() < end; usleep(1000)) {
		ssize_t n = recv(fd, frame, sizeof(frame), MSG_DONTWAIT);

		answer = n >= 14 && memcmp(frame + 6, gateway_mac, 6) == 0;
	}
	/* Whether it answers or not, a packet socket saw the question: so will DPDK. */
	assert_int_equal(setsockopt(seen_by, SOL_SOCKET, SO_RCVTIMEO,
				 &(struct timeval){.tv_sec = 1}, sizeof(struct timeval)),
		0);
	assert_true(recv(seen_by, frame, sizeof(frame), 0) >= 14);
	assert_memory_equal(frame + 6, host_mac, 6);
	close(fd);
	close(seen_by);
	return answer;
}

static void make_gateway(void)
{
	run("ip link add g0 address 02:00:00:00:09:01 type veth peer name h0 "
	    "address 02:00:00:00:09:02 && ip addr add 10.9.0.1/24 dev g0 && "
	    "ip link set g0 up && ip link set h0 up");
}

static void test_quiet(void **state)
{
	struct wb_err err = {""};
	struct wb_quiet *quiet;

	(void)state;
	make_gateway();
	assert_true(answers(make_arp));
	assert_true(answers(make_ping));
	assert_true(says("ethtool -k g0 | grep -q '^generic-segmentation-offload: on'"));

	if (wb_quiet_open("g0", 4000, &quiet, &err) != 0)
		fail_msg("%s", err.text);
	assert_false(answers(make_arp));
	assert_false(answers(make_ping));
	assert_true(wb_quiet_carrier(quiet));
	assert_true(says("grep -q 1 /proc/sys/net/ipv6/conf/g0/disable_ipv6"));
	assert_true(says("ip link show g0 | grep -q 'mtu 4000'"));
	assert_true(says("ip -d link show g0 | grep -q 'promiscuity 1'"));
	assert_true(says("ethtool -k g0 | grep -q '^generic-segmentation-offload: off'"));
	assert_true(says("ethtool -k g0 | grep -q '^tx-checksumming: off'"));
	run("ip link set h0 down");
	/* The kernel takes its time. */
	for (uint64_t end = test_now_ms() + 2000; wb_quiet_carrier(quiet) && test_now_ms() < end;)
		usleep(1000);
	assert_false(wb_quiet_carrier(quiet));
	run("ip link set h0 up");

	wb_quiet_close(quiet);
	assert_true(answers(make_arp));
	assert_true(answers(make_ping));
	assert_true(says("grep -q 0 /proc/sys/net/ipv6/conf/g0/disable_ipv6"));
	assert_true(says("ip link show g0 | grep -q 'mtu 1500'"));
	assert_true(says("ip -d link show g0 | grep -q 'promiscuity 0'"));
	assert_true(says("ethtool -k g0 | grep -q '^generic-segmentation-offload: on'"));
	assert_true(says("ethtool -k g0 | grep -q '^tx-checksumming: on'"));
	run("ip link del g0");
}

/* A second gateway is refused; the first one's death gives the interface back. */
static void test_killed(void **state)
{
	struct wb_err err = {""};
	struct wb_quiet *quiet;
	int ready[2], status;
	pid_t child;
	char byte;

	(void)state;
	make_gateway();
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failing test leaves nobody behind */
		byte = wb_quiet_open("g0", 1500, &quiet, &err) == 0 ? 'y' : 'n';
		if (write(ready[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	assert_false(answers(make_arp));
	assert_int_equal(wb_quiet_open("g0", 1500, &quiet, &err), -EPERM);
	assert_null(quiet);
	assert_false(answers(make_arp));
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
	/* The netlink socket's end is told to nftables a little later. */
	usleep(200000);
	assert_true(answers(make_arp));
	close(ready[0]);
	close(ready[1]);
	run("ip link del g0");
}

static void test_quiet_refusals(void **state)
{
	struct wb_err err = {""};
	struct wb_quiet *quiet;

	(void)state;
	assert_int_equal(wb_quiet_open("nonesuch0", 1500, &quiet, &err), -ENODEV);
	run("ip link add g0 type veth peer name h0");
	assert_int_equal(wb_quiet_open("g0", 65535, &quiet, &err), 0);
	wb_quiet_close(quiet);
	/* As it was: down. */
	assert_false(says("ip link show g0 | grep -q 'state UP\\|,UP'"));
	run("ip link del g0");
}

/* Two bonds over three veth pairs. */
static void test_bond_over_veth(void **state)
{
	static const char *const at_a[] = {"kernel:a0", "kernel:a1", "kernel:a2"};
	static const char *const at_b[] = {"kernel:b0", "kernel:b1", "kernel:b2"};
	struct wb_port *a, *b;
	int took;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		char command[64];

		snprintf(command, sizeof(command), "ip link add a%u type veth peer name b%u", i, i);
		run(command);
	}
	a = test_open("bond0", true, 1500, 3, at_a, test_pool);
	b = test_open("bond1", true, 1500, 3, at_b, test_pool);
	took = test_await(a, b, 3, 5000);
	print_message("three veth members distribute after %d ms\n", took);
	assert_true(took >= 0);
	wb_port_close(a);
	wb_port_close(b);
	assert_false(says("nft list ruleset | grep -q wirebraid"));
	run("ip link del a0 && ip link del a1 && ip link del a2");
}

/* Sends a frame of `len` bytes from a to b; true if it arrives whole. */
static bool passes(struct wb_port *a, struct wb_port *b, struct rte_mempool *pool, unsigned len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool), *burst[32];
	bool arrived = false;
	uint8_t *bytes;

	assert_non_null(mbuf);
	bytes = (uint8_t *)rte_pktmbuf_append(mbuf, (uint16_t)len);
	assert_non_null(bytes);
	memset(bytes, 0x5a, len);
	memcpy(bytes, b->mac, 6);
	bytes[6] = 2;
	assert_int_equal(rte_eth_tx_burst(a->port_id, 0, &mbuf, 1), 1);
	for (uint64_t end = test_now_ms() + 500; !arrived && test_now_ms() < end; usleep(1000)) {
		unsigned n = rte_eth_rx_burst(b->port_id, 0, burst, 32);

		for (unsigned i = 0; i < n; i++)
			arrived = arrived || rte_pktmbuf_pkt_len(burst[i]) == len;
		rte_pktmbuf_free_bulk(burst, n);
	}
	return arrived;
}

/* Frames of the largest MTU pass whole, though DPDK's driver says it cannot, in a bond too. */
static void test_jumbo(void **state)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"jumbo", 2047, 0, 0, WB_DEVICE_JUMBO_BUFFER + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);

	(void)state;
	assert_non_null(pool);
	for (int bond = 0; bond < 2; bond++) {
		static const char *const at_a[] = {"kernel:a0"}, *const at_b[] = {"kernel:b0"};
		struct wb_port *a, *b;

		run("ip link add a0 type veth peer name b0");
		a = test_open("p0", bond, 9000, 1, at_a, pool);
		b = test_open("p1", bond, 9000, 1, at_b, pool);
		if (bond) {
			assert_true(test_await(a, b, 1, 5000) >= 0);
			test_serve_for(a, b, 1000);
		}
		assert_true(says("ip link show a0 | grep -q 'mtu 9000'"));
		assert_true(passes(a, b, pool, 9014));
		wb_port_close(a);
		wb_port_close(b);
		assert_true(says("ip link show a0 | grep -q 'mtu 1500'"));
		run("ip link del a0");
	}
	rte_mempool_free(pool);
}

/* A driver that means what it says is believed, in a bond too. */
static void test_mtu_too_long(void **state)
{
	static const char *const devices[] = {"net_null0", "net_tap0,iface=t0"};

	(void)state;
	for (int bond = 0; bond < 2; bond++) {
		struct wb_port_config config = test_config("p0", bond, 1505, 2, devices);
		struct wb_port *port;
		struct wb_err err = {""};

		if (!bond) {
			config.members[0] = config.members[1];
			config.n_members = 1;
		}
		assert_int_equal(wb_port_open(&config, test_pool, &port, &err), -EINVAL);
		assert_string_equal(err.text,
			"p0: MTU 1505, but the driver of net_tap0 does no more than 1504");
		config.mtu = 1500;
		wb_port_close(test_open_config(&config, test_pool));
	}
}

/* A bond leaves checksums to its members if all of them can, and then they are told to; nobody is
 * if that is switched off. */
static void test_offloads(void **state)
{
	static const struct {
		bool bond;
		unsigned n;
		const char *devices[2];
		bool no_offload, made;
	} cases[] = {
		{false, 1, {"net_tap0,iface=t0"}, false, true},
		{false, 1, {"net_tap0,iface=t0"}, true, false},
		{false, 1, {"kernel:a0"}, false, false},
		{true, 2, {"net_tap0,iface=t0", "net_tap1,iface=t1"}, false, true},
		{true, 2, {"net_tap0,iface=t0", "net_tap1,iface=t1"}, true, false},
		{true, 2, {"net_tap0,iface=t0", "kernel:a0"}, false, false},
		{true, 2, {"kernel:a0", "net_tap0,iface=t0"}, false, false},
	};

	(void)state;
	run("ip link add a0 type veth peer name b0");
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		struct wb_port_config config =
			test_config("p0", cases[i].bond, 1500, cases[i].n, cases[i].devices);
		struct wb_port *port;

		config.no_offload = cases[i].no_offload;
		port = test_open_config(&config, test_pool);
		assert_int_equal(port->udp_checksums, cases[i].made);
		assert_int_equal(port->ip4_checksums, cases[i].made);
		for (unsigned m = 0; m < port->n_members; m++) {
			struct rte_eth_conf conf;

			assert_int_equal(rte_eth_dev_conf_get(port->members[m].port_id, &conf), 0);
			assert_int_equal(conf.txmode.offloads,
				cases[i].made ? RTE_ETH_TX_OFFLOAD_UDP_CKSUM : 0);
			assert_int_equal(conf.rxmode.offloads,
				cases[i].made ? RTE_ETH_RX_OFFLOAD_IPV4_CKSUM : 0);
		}
		wb_port_close(port);
	}
	run("ip link del a0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_quiet_refusals),
		cmocka_unit_test(test_bond_over_veth),
		cmocka_unit_test(test_jumbo),
		cmocka_unit_test(test_mtu_too_long),
		cmocka_unit_test(test_offloads),
	};

	if (unshare(CLONE_NEWNET) != 0) {
		printf("skipped: cannot make a network namespace: %s\n", strerror(errno));
		return SKIPPED;
	}
	test_start_eal("kernel_test");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
