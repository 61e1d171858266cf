/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests and mirror against the real kernel, in a network namespace of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/mirror.h"
#include "kernel/rib.h"
#include "kernel/tuntap.h"

static struct wb_netlink *netlink;
static struct wb_mirror *mirror;
static struct wb_rib *rib;
static struct wb_tuntap *tap, *tun0, *tun1;
static struct wb_neighbour last_neighbour;
static unsigned neighbours;

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
	if (!gone) {
		last_neighbour = *neighbour;
		neighbours++;
	}
}

static void on_neighbours(void *arg)
{
	(void)arg;
}

static void on_link(void *arg, const struct wb_link *link, bool gone)
{
	(void)arg;
	(void)link;
	(void)gone;
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

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

static void address(struct wb_tuntap *device, const char *text)
{
	struct wb_prefix prefix;

	wb_prefix_parse(text, &prefix);
	assert_int_equal(wb_netlink_address_add(netlink, device->ifindex, &prefix, NULL), 0);
	/* Again: no error. */
	assert_int_equal(wb_netlink_address_add(netlink, device->ifindex, &prefix, NULL), 0);
}

static int setup(void **state)
{
	(void)state;
	if (wb_netlink_open(&netlink, NULL) < 0 ||
		wb_tuntap_create("tap0", mac, 1500, &tap, NULL) < 0 ||
		wb_tuntap_create("tun0", NULL, 1420, &tun0, NULL) < 0 ||
		wb_tuntap_create("tun1", NULL, 1420, &tun1, NULL) < 0)
		return 1;
	rib = wb_rib_create(51820, on_change, NULL);
	if (wb_mirror_open(&ops, NULL, &mirror, NULL) < 0)
		return 1;
	address(tap, "192.0.2.1/24");
	address(tap, "2001:db8:1::1/64");
	address(tun0, "10.99.0.1/32");
	wb_mirror_process(mirror);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	wb_mirror_close(mirror);
	wb_rib_free(rib);
	wb_netlink_close(netlink);
	wb_tuntap_destroy(tap);
	wb_tuntap_destroy(tun0);
	wb_tuntap_destroy(tun1);
	return 0;
}

static const struct wb_route *best(const char *text)
{
	struct wb_prefix prefix;

	wb_prefix_parse(text, &prefix);
	wb_mirror_process(mirror);
	return wb_rib_best(rib, &prefix);
}

/* The kernel makes some routes, an IPv6 address's own among them, a moment after it has answered.
 */
static const struct wb_route *best_in_time(const char *text)
{
	const struct wb_route *route = NULL;

	for (unsigned i = 0; i < 200 && (route = best(text)) == NULL; i++)
		usleep(10000);
	return route;
}

static void own_addresses_are_local(void **state)
{
	const struct wb_route *route = best_in_time("192.0.2.1/32");

	(void)state;
	assert_non_null(route);
	assert_int_equal(route->type, RTN_LOCAL);
	route = best_in_time("2001:db8:1::1/128");
	assert_non_null(route);
	assert_int_equal(route->type, RTN_LOCAL);
	route = best("192.0.2.0/24");
	assert_non_null(route);
	assert_int_equal(route->type, RTN_UNICAST);
	assert_int_equal(route->hops[0].ifindex, tap->ifindex);
}

static void multipath(const char *text)
{
	struct wb_hop hops[2] = {
		{.ifindex = tun0->ifindex, .weight = 1}, {.ifindex = tun1->ifindex, .weight = 3}};
	const struct wb_route *route;
	struct wb_prefix prefix;
	struct wb_err err;

	wb_prefix_parse(text, &prefix);
	assert_int_equal(wb_netlink_route_set(netlink, WB_TABLE_MAIN, &prefix, hops, 2, &err), 0);
	route = best(text);
	assert_non_null(route);
	assert_int_equal(route->n_hops, 2);
	assert_int_equal(route->protocol, WB_ROUTE_PROTOCOL);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			route->hops[i].weight, route->hops[i].ifindex == tun0->ifindex ? 1 : 3);
	/* Replaced by one hop: no "File exists". */
	assert_int_equal(
		wb_netlink_route_set(netlink, WB_TABLE_MAIN, &prefix, &hops[1], 1, &err), 0);
	route = best(text);
	assert_int_equal(route->n_hops, 1);
	assert_int_equal(route->hops[0].ifindex, tun1->ifindex);
}

static void odd_numbers_of_hops_and_weights(void **state)
{
	struct wb_hop hops[WB_HOPS_MAX + 1];
	const struct wb_route *route;
	struct wb_prefix prefix;

	(void)state;
	for (unsigned i = 0; i < WB_HOPS_MAX + 1; i++)
		hops[i] = (struct wb_hop){
			.ifindex = i & 1 ? tun1->ifindex : tun0->ifindex, .weight = 999};
	wb_prefix_parse("10.11.0.0/16", &prefix);
	assert_int_equal(
		wb_netlink_route_set(netlink, WB_TABLE_MAIN, &prefix, hops, 0, NULL), -EINVAL);
	assert_int_equal(
		wb_netlink_route_set(netlink, WB_TABLE_MAIN, &prefix, hops, WB_HOPS_MAX + 1, NULL),
		-EINVAL);
	assert_int_equal(
		wb_netlink_route_set(netlink, WB_TABLE_MAIN, &prefix, hops, WB_HOPS_MAX, NULL), 0);
	route = best("10.11.0.0/16");
	assert_int_equal(route->n_hops, WB_HOPS_MAX);
	assert_int_equal(route->hops[0].weight, 256);
}

static void multipath_routes_of_both_families(void **state)
{
	(void)state;
	multipath("10.2.0.0/16");
	multipath("2001:db8:2::/48");
}

static void routes_of_a_link_that_goes_down_are_gone(void **state)
{
	struct wb_tuntap *passing;
	struct wb_hop hop;
	struct wb_prefix prefix;

	(void)state;
	assert_int_equal(wb_tuntap_create("passing", NULL, 1420, &passing, NULL), 0);
	hop = (struct wb_hop){.ifindex = passing->ifindex};
	wb_prefix_parse("10.3.0.0/16", &prefix);
	assert_int_equal(wb_netlink_route_set(netlink, WB_TABLE_MAIN, &prefix, &hop, 1, NULL), 0);
	assert_non_null(best("10.3.0.0/16"));
	wb_tuntap_destroy(passing);
	assert_null(best("10.3.0.0/16"));
}

static void ways(void **state)
{
	struct wb_hop hop = {.ifindex = tap->ifindex};
	struct wb_wayfinding ask = {.mark = 0};
	struct wb_prefix prefix;
	struct wb_way way;

	(void)state;
	wb_addr_parse("192.0.2.254", &hop.gateway);
	wb_prefix_parse("198.51.100.0/24", &prefix);
	assert_int_equal(wb_netlink_route_set(netlink, WB_TABLE_MAIN, &prefix, &hop, 1, NULL), 0);
	wb_addr_parse("198.51.100.7", &ask.dst);
	assert_int_equal(wb_netlink_way(netlink, &ask, &way, NULL), 0);
	assert_int_equal(way.ifindex, tap->ifindex);
	assert_true(wb_addr_equal(&way.gateway, &hop.gateway));
	wb_addr_parse("192.0.2.1", &hop.gateway);
	assert_true(wb_addr_equal(&way.source, &hop.gateway));
	wb_addr_parse("2001:db8:1::7", &ask.dst);
	assert_int_equal(wb_netlink_way(netlink, &ask, &way, NULL), 0);
	assert_int_equal(way.ifindex, tap->ifindex);
	assert_int_equal(way.gateway.family, 0);
	wb_addr_parse("203.0.113.1", &ask.dst);
	assert_int_equal(wb_netlink_way(netlink, &ask, &way, NULL), -ENETUNREACH);
	/* One's own address is no way to a peer. */
	wb_addr_parse("192.0.2.1", &ask.dst);
	assert_int_equal(wb_netlink_way(netlink, &ask, &way, NULL), -ENETUNREACH);
}

/* Turns the kernel's ARP request on the TAP into a reply from 02:..:02. */
static void answer_arp(void)
{
	uint8_t frame[2048], reply[42];
	ssize_t length;

	for (unsigned i = 0; i < 200; i++) {
		length = wb_tuntap_read(tap, frame, sizeof(frame));
		if (length < 42 || frame[12] != 0x08 || frame[13] != 0x06) {
			if (length == 0)
				usleep(10000);
			continue;
		}
		memcpy(reply, frame, 42);
		memcpy(reply, frame + 6, 6);
		memcpy(reply + 6, mac, 6);
		reply[11] = 2;
		reply[21] = 2; /* opcode */
		memcpy(reply + 22, reply + 6, 6);
		memcpy(reply + 28, frame + 38, 4);
		memcpy(reply + 32, frame + 22, 10);
		assert_int_equal(wb_tuntap_write(tap, reply, sizeof(reply)), 0);
		return;
	}
	fail_msg("the kernel did not ask");
}

static void kernel_resolves_neighbours_when_asked(void **state)
{
	struct wb_addr addr;

	(void)state;
	wb_addr_parse("192.0.2.77", &addr);
	assert_int_equal(wb_netlink_neighbour_use(netlink, tap->ifindex, &addr), 0);
	answer_arp();
	for (unsigned i = 0; i < 100 && !wb_addr_equal(&last_neighbour.addr, &addr); i++) {
		wb_mirror_process(mirror);
		usleep(10000);
	}
	assert_true(wb_addr_equal(&last_neighbour.addr, &addr));
	assert_int_equal(last_neighbour.ifindex, tap->ifindex);
	assert_int_equal(last_neighbour.mac[5], 2);
}

static void lost_news_are_made_good(void **state)
{
	int tiny = 1;

	(void)state;
	setsockopt(wb_mirror_fd(mirror), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof(tiny));
	for (unsigned i = 0; i < 200; i++) {
		struct wb_hop hop = {.ifindex = tun0->ifindex};
		struct wb_prefix prefix = {.len = 32};

		prefix.addr = wb_addr_v4(htonl(0x0a040000 + i));
		assert_int_equal(
			wb_netlink_route_set(netlink, WB_TABLE_MAIN, &prefix, &hop, 1, NULL), 0);
	}
	assert_non_null(best("10.4.0.0/32"));
	assert_non_null(best("10.4.0.199/32"));
}

/* No sequence of bytes may do harm: AddressSanitizer looks on. */
static void parsers_stand_noise(void **state)
{
	static const uint16_t types[] = {RTM_NEWROUTE, RTM_NEWNEIGH, RTM_NEWLINK, RTM_NEWADDR};
	uint8_t *bytes;

	(void)state;
	srand(11);
	for (unsigned round = 0; round < 200000; round++) {
		uint32_t length = (uint32_t)(rand() % 200) + sizeof(struct nlmsghdr);
		struct nlmsghdr *message;
		struct wb_route route;
		struct wb_neighbour neighbour;
		struct wb_link link;
		struct wb_address addr;

		bytes = malloc(length);
		for (uint32_t i = 0; i < length; i++)
			bytes[i] = (uint8_t)(rand() % 4 == 0 ? rand() : rand() % 12);
		message = (void *)bytes;
		message->nlmsg_len = length;
		message->nlmsg_type = types[round % 4];
		if (length > 17)
			bytes[16] = rand() % 2 ? AF_INET : AF_INET6;
		wb_parse_route(message, &route);
		wb_parse_neighbour(message, &neighbour);
		wb_parse_link(message, &link);
		wb_parse_address(message, &addr);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest alone[] = {
		cmocka_unit_test(parsers_stand_noise),
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_addresses_are_local),
		cmocka_unit_test(multipath_routes_of_both_families),
		cmocka_unit_test(odd_numbers_of_hops_and_weights),
		cmocka_unit_test(routes_of_a_link_that_goes_down_are_gone),
		cmocka_unit_test(ways),
		cmocka_unit_test(kernel_resolves_neighbours_when_asked),
		cmocka_unit_test(lost_news_are_made_good),
	};
	int failed = cmocka_run_group_tests(alone, NULL, NULL);

	if (unshare(CLONE_NEWNET) < 0) {
		print_message("not root: the kernel gives no network namespace\n");
		return failed != 0 ? failed : 77;
	}
	return failed + cmocka_run_group_tests(tests, setup, teardown);
}
