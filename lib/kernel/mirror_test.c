/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel changes without saying so plainly, in a network namespace of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/mirror.h"
#include "kernel/rib.h"
#include "kernel/tuntap.h"

/* Enough for a dump of several reads, so that something can change between two of them. */
#define MANY_LINKS 120

static struct wb_mirror *mirror;
static struct wb_rib *rib;
static struct wb_tuntap *tap, *tun0, *tun1;
static char gone_link[IFNAMSIZ];
static bool seen_link[MANY_LINKS];

static void on_route(void *arg, const struct wb_route *route, bool gone)
{
	(void)arg;
	if (gone)
		wb_rib_del(rib, route);
	else
		wb_rib_set(rib, route);
}

static void on_begin(void *arg, int family)
{
	(void)arg;
	wb_rib_mark(rib, family);
}

static void on_end(void *arg, int family)
{
	(void)arg;
	wb_rib_sweep(rib, family);
}

static void on_neighbour(void *arg, const struct wb_neighbour *neighbour, bool gone)
{
	(void)arg;
	(void)neighbour;
	(void)gone;
}

static void on_neighbours(void *arg)
{
	(void)arg;
}

static void on_link(void *arg, const struct wb_link *link, bool gone)
{
	unsigned number;

	(void)arg;
	if (!gone && sscanf(link->name, "v0.%u", &number) == 1 && number < MANY_LINKS)
		seen_link[number] = true;
	if (gone)
		memcpy(gone_link, link->name, sizeof(gone_link));
}

static void on_change(void *arg, const struct wb_prefix *prefix)
{
	(void)arg;
	(void)prefix;
}

static const struct wb_mirror_ops ops = {
	.route = on_route,
	.routes_begin = on_begin,
	.routes_end = on_end,
	.neighbour = on_neighbour,
	.neighbours_begin = on_neighbours,
	.neighbours_end = on_neighbours,
	.link = on_link,
};

static void ip(const char *arguments)
{
	char command[256];

	snprintf(command, sizeof(command), "ip %s", arguments);
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* Feeds `ip -batch` n lines, made from a format with two %u: the number's high and low byte. */
static void ip_batch(const char *format, unsigned n)
{
	FILE *batch = popen("ip -batch -", "w");

	assert_non_null(batch);
	for (unsigned i = 0; i < n; i++)
		fprintf(batch, format, i >> 8, i & 255);
	assert_int_equal(pclose(batch), 0);
}

static const struct wb_route *best(const char *text)
{
	struct wb_prefix prefix;

	assert_int_equal(wb_prefix_parse(text, &prefix), 0);
	assert_int_equal(wb_mirror_process(mirror), 0);
	return wb_rib_best(rib, &prefix);
}

static int setup(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

	(void)state;
	if (wb_tuntap_create("tap0", mac, 1500, &tap, NULL) < 0 ||
		wb_tuntap_create("tun0", NULL, 1420, &tun0, NULL) < 0 ||
		wb_tuntap_create("tun1", NULL, 1420, &tun1, NULL) < 0)
		return 1;
	rib = wb_rib_create(0, on_change, NULL);
	gone_link[0] = '\0';
	return wb_mirror_open(&ops, NULL, &mirror, NULL) < 0;
}

static int teardown(void **state)
{
	(void)state;
	wb_mirror_close(mirror);
	wb_rib_free(rib);
	wb_tuntap_destroy(tap);
	wb_tuntap_destroy(tun0);
	wb_tuntap_destroy(tun1);
	return 0;
}

/* Adds and deletes a link until killed. */
static pid_t churn_start(void)
{
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		FILE *batch;

		setpgid(0, 0);
		close_range(3, ~0U, 0);
		batch = popen("ip -batch - >/dev/null 2>&1", "w");
		while (batch != NULL &&
			fputs("link add churn0 type veth peer name churn1\nlink del churn0\n",
				batch) >= 0)
			fflush(batch);
		_exit(1);
	}
	setpgid(pid, pid);
	return pid;
}

/* The kernel marks a dump during which links came or went as interrupted, perhaps in its last
 * message only. To wait for more then is to wait for ever. */
static void a_dump_under_change_loses_nothing(void **state)
{
	struct wb_mirror *fresh;
	unsigned missing = 0;
	int rc = 0;
	pid_t churn;

	(void)state;
	ip_batch("link add v%u.%u type veth\n", MANY_LINKS);
	alarm(100);
	churn = churn_start();
	for (unsigned round = 0; round < 100 && rc == 0; round++) {
		memset(seen_link, 0, sizeof(seen_link));
		rc = wb_mirror_open(&ops, NULL, &fresh, NULL);
		if (rc == 0)
			wb_mirror_close(fresh);
		for (unsigned i = 0; i < MANY_LINKS; i++)
			missing += !seen_link[i];
	}
	kill(-churn, SIGKILL);
	waitpid(churn, NULL, 0);
	alarm(0);
	assert_int_equal(rc, 0);
	assert_int_equal(missing, 0);
}

/* Hop of a group whose link is down: the kernel does not use it, though it still lists it. */
static void dead_hops_are_left_out(void **state)
{
	const struct wb_route *route;

	(void)state;
	ip("route add 10.5.0.0/16 nexthop dev tun0 nexthop dev tun1");
	assert_int_equal(best("10.5.0.0/16")->n_hops, 2);
	ip("link set tun1 down");
	route = best("10.5.0.0/16");
	assert_non_null(route);
	assert_int_equal(route->n_hops, 1);
	assert_int_equal(route->hops[0].ifindex, tun0->ifindex);
	ip("link set tun1 up");
	assert_int_equal(best("10.5.0.0/16")->n_hops, 2);
}

static void routes_go_with_their_address(void **state)
{
	(void)state;
	ip("addr add 192.0.2.1/24 dev tap0");
	ip("route add 10.6.0.0/16 via 192.0.2.9");
	assert_non_null(best("10.6.0.0/16"));
	ip("addr del 192.0.2.1/24 dev tap0");
	assert_null(best("10.6.0.0/16"));
}

static void routes_follow_nexthop_objects(void **state)
{
	const struct wb_route *route;

	(void)state;
	ip("nexthop add id 7 dev tun0");
	ip("nexthop add id 8 dev tun1");
	ip("nexthop add id 9 group 7/8");
	ip("route add 10.7.0.0/16 nhid 9");
	ip("route add 10.8.0.0/16 nhid 7");
	assert_int_equal(best("10.7.0.0/16")->n_hops, 2);
	ip("nexthop replace id 9 group 8");
	route = best("10.7.0.0/16");
	assert_int_equal(route->n_hops, 1);
	assert_int_equal(route->hops[0].ifindex, tun1->ifindex);
	ip("nexthop del id 7");
	assert_null(best("10.8.0.0/16"));
}

static uint16_t checksum(const uint8_t *bytes, unsigned length)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < length; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* Has a router say "fragmentation needed, 1300" to a datagram of the kernel's own. */
static void learn_path_mtu(struct wb_tuntap *tun, const struct sockaddr_in *to)
{
	uint8_t icmp[56] = {0x45, 0, 0, 56, 0, 1, 0, 0, 64, 1, 0, 0, 10, 9, 0, 2, 10, 9, 0, 1, 3, 4,
		0, 0, 0, 0, 1300 >> 8, 1300 & 255};
	uint8_t sent[2048];
	int sock = socket(AF_INET, SOCK_DGRAM, 0), discover = IP_PMTUDISC_DO;
	ssize_t length = 0;

	setsockopt(sock, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof(discover));
	assert_int_equal(connect(sock, (const void *)to, sizeof(*to)), 0);
	assert_int_equal(send(sock, sent, 1380, 0), 1380);
	for (unsigned i = 0; i < 100 && (length < 1408 || sent[0] != 0x45); i++, usleep(1000))
		length = wb_tuntap_read(tun, sent, sizeof(sent));
	assert_int_equal(length, 1408);
	memcpy(icmp + 28, sent, 28);
	put16(icmp + 10, checksum(icmp, 20));
	put16(icmp + 22, checksum(icmp + 20, 36));
	assert_int_equal(wb_tuntap_write(tun, icmp, sizeof(icmp)), 0);
	close(sock);
}

/* What the kernel learns about one destination's path is no route: it says nothing when it goes. */
static void cached_paths_are_no_routes(void **state)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};

	(void)state;
	ip("addr add 10.9.0.1/32 dev tun0");
	ip("route add 10.10.0.0/16 dev tun0");
	inet_pton(AF_INET, "10.10.0.7", &to.sin_addr);
	learn_path_mtu(tun0, &to);
	/* It was learned: the kernel itself tells of it. */
	ip("route get 10.10.0.7 | grep -q 'mtu 1300'");
	ip("link set tun1 mtu 1400");
	assert_non_null(best("10.10.0.0/16"));
	assert_null(best("10.10.0.7/32"));
}

static void only_lost_links_are_told_gone(void **state)
{
	int tiny = 1;

	(void)state;
	ip("link add veth0 type veth peer name veth1");
	best("0.0.0.0/0");
	/* News enough that the kernel drops those of the link's end. */
	setsockopt(wb_mirror_fd(mirror), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof(tiny));
	ip_batch("route add 10.101.%u.%u/32 dev tun0\n", 200);
	ip("link del veth0");
	best("0.0.0.0/0");
	assert_true(strncmp(gone_link, "veth", 4) == 0);
}

static void a_link_that_leaves_a_bridge_is_not_gone(void **state)
{
	(void)state;
	if (system("ip link add br0 type bridge") != 0)
		skip();
	ip("link add veth0 type veth peer name veth1");
	ip("link set veth0 master br0");
	ip("link set veth0 nomaster");
	best("0.0.0.0/0");
	assert_string_equal(gone_link, "");
}

/* Room that ends where memory does: a read too far is a fault, libmnl's too, which no sanitizer
 * looks at. */
#define ROOM (64U << 10)

static uint8_t *guarded_end(void)
{
	static uint8_t *end;
	uint8_t *start;

	if (end != NULL)
		return end;
	start = mmap(NULL, ROOM + (64 << 10), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);
	assert_ptr_not_equal(start, MAP_FAILED);
	assert_int_equal(mprotect(start + ROOM, 64 << 10, PROT_NONE), 0);
	end = start + ROOM;
	return end;
}

/* A length of 2^31 and more is a negative number for libmnl, which fits everywhere. */
static void reads_end_where_a_length_is_wrong(void **state)
{
	static const uint32_t wrong[] = {0, 15, 45, 0x7fffffff, 0x80000000, 0xffffff01, 0xffffffff};
	struct nlmsghdr messages[4] = {{.nlmsg_len = 17}, {.nlmsg_len = 0}};
	struct nlmsghdr *second = (void *)((uint8_t *)messages + 20);

	(void)state;
	second->nlmsg_len = 44;
	assert_int_equal(wb_parse_whole(messages, 64), 64);
	assert_int_equal(wb_parse_whole(messages, 63), 20);
	assert_int_equal(wb_parse_whole(messages, 17), 17);
	assert_int_equal(wb_parse_whole(messages, 16), 0);
	assert_int_equal(wb_parse_whole(messages, 0), 0);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		second->nlmsg_len = wrong[i];
		assert_int_equal(wb_parse_whole(messages, 64), 20);
	}
}

/* Spoils a few bytes of a copy. The header's length stays, as mnl_nlmsg_ok() has proved it before a
 * parser is called. */
static void parse_spoiled(const struct nlmsghdr *message)
{
	uint8_t *copy = guarded_end() - message->nlmsg_len;
	unsigned spoiled = 1 + (unsigned)rand() % 4;
	struct wb_neighbour neighbour;
	struct wb_address addr;
	struct wb_route route;
	struct wb_link link;

	memcpy(copy, message, message->nlmsg_len);
	while (spoiled-- > 0) {
		unsigned at = sizeof(*message) +
			(unsigned)rand() % (message->nlmsg_len - (unsigned)sizeof(*message));

		copy[at] = (uint8_t)(rand() % 2 ? rand() : rand() % 32);
	}
	if (wb_parse_route((void *)copy, &route) == 0)
		assert_true(route.n_hops <= WB_HOPS_MAX &&
			route.prefix.len <= wb_addr_bits(&route.prefix.addr));
	wb_parse_neighbour((void *)copy, &neighbour);
	wb_parse_address((void *)copy, &addr);
	if (wb_parse_link((void *)copy, &link) == 0)
		assert_true(memchr(link.name, '\0', sizeof(link.name)) != NULL);
}

static int spoil(const struct nlmsghdr *message, void *arg)
{
	unsigned *n = arg;

	(*n)++;
	for (unsigned round = 0; round < 2000; round++)
		parse_spoiled(message);
	return MNL_CB_OK;
}

/* All that the kernel tells of one kind, spoiled in many ways. */
static unsigned spoil_dump(uint16_t type)
{
	struct mnl_socket *sock = mnl_socket_open(NETLINK_ROUTE);
	static uint8_t buffer[64 << 10];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	unsigned n = 0;
	ssize_t length;

	assert_non_null(sock);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	assert_true(mnl_socket_sendto(sock, message, message->nlmsg_len) > 0);
	do
		length = mnl_socket_recvfrom(sock, buffer, sizeof(buffer));
	while (length > 0 && mnl_cb_run(buffer, (size_t)length, 0, 0, spoil, &n) > 0);
	mnl_socket_close(sock);
	return n;
}

static void parsers_stand_spoiled_messages(void **state)
{
	(void)state;
	ip("addr add 192.0.2.1/24 dev tap0");
	ip("route add 10.12.0.0/16 nexthop dev tun0 nexthop dev tun1 nexthop via 192.0.2.7");
	ip("route add 10.13.0.0/16 via inet6 fe80::7 dev tap0");
	ip("-6 route add 2001:db8::/32 nexthop via fe80::1 dev tun0 nexthop via fe80::2 dev tap0");
	ip("neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev tap0");
	srand(13);
	assert_true(spoil_dump(RTM_GETROUTE) >= 5);
	assert_true(spoil_dump(RTM_GETNEIGH) >= 1);
	assert_true(spoil_dump(RTM_GETADDR) >= 1);
	assert_true(spoil_dump(RTM_GETLINK) >= 3);
}

static void only_destinations_decide(void **state)
{
	(void)state;
	ip("addr add 10.9.0.1/32 dev tun0");
	ip("route add 10.14.0.0/16 dev tun0");
	ip("route add 10.14.0.0/16 tos 0x10 dev tun1");
	assert_int_equal(best("10.14.0.0/16")->hops[0].ifindex, tun0->ifindex);
	ip("-6 addr add 2001:db8:9::1/128 dev tun0 nodad");
	ip("-6 route add 2001:db8:14::/48 dev tun0");
	ip("-6 route add 2001:db8:14::/48 from 2001:db8:9::/48 dev tun1");
	assert_int_equal(best("2001:db8:14::/48")->hops[0].ifindex, tun0->ifindex);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_end_where_a_length_is_wrong),
		TEST(dead_hops_are_left_out),
		TEST(routes_go_with_their_address),
		TEST(routes_follow_nexthop_objects),
		TEST(cached_paths_are_no_routes),
		TEST(only_destinations_decide),
		TEST(parsers_stand_spoiled_messages),
		TEST(only_lost_links_are_told_gone),
		TEST(a_link_that_leaves_a_bridge_is_not_gone),
		/* The last: its links go with the namespace. */
		TEST(a_dump_under_change_loses_nothing),
	};

	if (unshare(CLONE_NEWNET) < 0) {
		print_message("not root: the kernel gives no network namespace\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
