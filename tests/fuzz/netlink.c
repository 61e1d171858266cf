/* SPDX-License-Identifier: BSD-3-Clause */
/* rtnetlink messages, one behind the other as in a read from the socket. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "fuzz.h"
#include "kernel/parse.h"

enum { READ_MAX = 8192 };

static void route_check(const struct nlmsghdr *message)
{
	struct wb_route route;

	if (wb_parse_route(message, &route) < 0)
		return;
	FUZZ_CHECK(route.prefix.len <= wb_addr_bits(&route.prefix.addr));
	FUZZ_CHECK(route.n_hops <= WB_HOPS_MAX);
	FUZZ_CHECK(!route.dead || route.n_hops == 0);
	for (unsigned i = 0; i < route.n_hops; i++) {
		FUZZ_CHECK(route.hops[i].weight >= 1);
		FUZZ_CHECK(route.hops[i].gateway.family == 0 ||
			route.hops[i].gateway.family == AF_INET ||
			route.hops[i].gateway.family == AF_INET6);
	}
}

static void message_check(const struct nlmsghdr *message)
{
	struct wb_neighbour neighbour;
	struct wb_address address;
	struct wb_link link;

	route_check(message);
	if (wb_parse_neighbour(message, &neighbour) == 0)
		FUZZ_CHECK(neighbour.addr.family != 0);
	if (wb_parse_link(message, &link) == 0)
		FUZZ_CHECK(memchr(link.name, '\0', sizeof(link.name)) != NULL);
	if (wb_parse_address(message, &address) == 0)
		FUZZ_CHECK(address.prefix.len <= wb_addr_bits(&address.prefix.addr));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.at = data, .left = size};
	const struct nlmsghdr *message;
	size_t length;
	uint8_t *bytes = fuzz_rest(&input, READ_MAX, &length);
	int left = (int)wb_parse_whole(bytes, length);

	FUZZ_CHECK(left >= 0 && (size_t)left <= length);
	message = (const void *)bytes;
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		/* Of its own, so that what lies behind it is not read for a part of it. libmnl
		 * takes the padding for one; in a buffer of the gateway's it is always there. */
		uint8_t *own = calloc(1, MNL_ALIGN((size_t)message->nlmsg_len));

		FUZZ_CHECK(own != NULL);
		memcpy(own, message, message->nlmsg_len);
		message_check((const void *)own);
		free(own);
	}
	free(bytes);
	return 0;
}
