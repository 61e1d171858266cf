/* SPDX-License-Identifier: BSD-3-Clause */
/* Devices against the real kernel, in a network namespace of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kernel/netlink.h"
#include "kernel/tuntap.h"

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

static void kernel_answers_a_ping(void **state)
{
	/* 10.0.0.2 → 10.0.0.1, ICMP echo */
	uint8_t ping[28] = {0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1, 8, 0,
		0, 0, 0x12, 0x34, 0, 1};
	uint8_t answer[1500];
	struct wb_netlink *netlink;
	struct wb_tuntap *tun;
	struct wb_prefix prefix;
	ssize_t length = 0;

	(void)state;
	assert_int_equal(wb_tuntap_create("wgt", NULL, 1420, &tun, NULL), 0);
	assert_int_equal(wb_tuntap_read(tun, answer, sizeof(answer)), 0);
	assert_int_equal(wb_netlink_open(&netlink, NULL), 0);
	wb_prefix_parse("10.0.0.1/24", &prefix);
	assert_int_equal(wb_netlink_address_add(netlink, tun->ifindex, &prefix, NULL), 0);
	put16(ping + 10, checksum(ping, 20));
	put16(ping + 22, checksum(ping + 20, 8));
	assert_int_equal(wb_tuntap_write(tun, ping, sizeof(ping)), 0);
	for (unsigned i = 0; i < 100 && length == 0; i++, usleep(1000))
		length = wb_tuntap_read(tun, answer, sizeof(answer));
	assert_int_equal(length, 28);
	assert_int_equal(answer[20], 0);
	assert_memory_equal(answer + 12, ping + 16, 4);
	/* What is no IP packet is refused, not lost without a word. */
	assert_int_equal(wb_tuntap_write(tun, "", 1), -1);
	wb_netlink_close(netlink);
	wb_tuntap_destroy(tun);
}

static void names_are_exclusive_and_errors_say_so(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	struct wb_tuntap *first, *second;
	struct wb_err err;

	(void)state;
	assert_int_equal(wb_tuntap_create("lan", mac, 9000, &first, &err), 0);
	assert_int_equal(wb_tuntap_create("lan", mac, 1500, &second, &err), -EEXIST);
	assert_string_equal(err.text, "lan: there is an interface of this name already");
	wb_tuntap_destroy(first);
	assert_int_equal(wb_tuntap_create("lan", mac, 1500, &second, &err), 0);
	wb_tuntap_destroy(second);
}

static void gateway_settings_are_made(void **state)
{
	struct wb_tuntap *tun;
	FILE *file;
	int value = -1;

	(void)state;
	assert_int_equal(wb_tuntap_create("wgs", NULL, 1420, &tun, NULL), 0);
	file = fopen("/proc/sys/net/ipv4/conf/wgs/forwarding", "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &value), 1);
	fclose(file);
	assert_int_equal(value, 1);
	wb_tuntap_destroy(tun);
}

static unsigned flags_of(const struct wb_tuntap *device)
{
	struct ifreq request = {.ifr_flags = 0};
	int sock = socket(AF_INET, SOCK_DGRAM, 0);

	memcpy(request.ifr_name, device->name, sizeof(request.ifr_name));
	assert_int_equal(ioctl(sock, SIOCGIFFLAGS, &request), 0);
	close(sock);
	return (unsigned short)request.ifr_flags;
}

/* A routing daemon speaks on a TAP only if it can multicast; a TUN resolves nobody. */
static void flags_are_those_of_their_kind(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	struct wb_tuntap *tap, *tun;

	(void)state;
	assert_int_equal(wb_tuntap_create("lan", mac, 1500, &tap, NULL), 0);
	assert_int_equal(wb_tuntap_create("wgf", NULL, 1420, &tun, NULL), 0);
	assert_int_equal(flags_of(tap) & (IFF_UP | IFF_MULTICAST | IFF_BROADCAST | IFF_NOARP),
		IFF_UP | IFF_MULTICAST | IFF_BROADCAST);
	assert_int_equal(flags_of(tun) & (IFF_UP | IFF_MULTICAST | IFF_NOARP | IFF_POINTOPOINT),
		IFF_UP | IFF_NOARP | IFF_POINTOPOINT);
	wb_tuntap_destroy(tap);
	wb_tuntap_destroy(tun);
}

static void what_cannot_be_is_refused(void **state)
{
	struct wb_tuntap *device;
	struct wb_err err;

	(void)state;
	assert_int_equal(wb_tuntap_create("wgm", NULL, 100000, &device, &err), -EINVAL);
	assert_int_equal(if_nametoindex("wgm"), 0);
	assert_int_equal(
		wb_tuntap_create("sixteen-and-more", NULL, 1420, &device, &err), -ENAMETOOLONG);
	assert_int_equal(if_nametoindex("sixteen-and-mor"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_answers_a_ping),
		cmocka_unit_test(names_are_exclusive_and_errors_say_so),
		cmocka_unit_test(gateway_settings_are_made),
		cmocka_unit_test(flags_are_those_of_their_kind),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	if (unshare(CLONE_NEWNET) < 0) {
		print_message("not root: the kernel gives no network namespace\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
