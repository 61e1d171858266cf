/* SPDX-License-Identifier: BSD-3-Clause */
#include "fib/flow_hash.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

#define IP4_HDR_LEN	   20
#define IP4_FRAGMENT	   0x3fff /* more fragments, or an offset; not "don't fragment" */
#define IP6_HDR_LEN	   40
#define IP6_FRAGMENT	   0xfff9 /* an offset, or more fragments; not the reserved bits */
#define ICMP4_ECHO_REPLY   0
#define ICMP4_ECHO_REQUEST 8
#define ICMP6_ECHO_REQUEST 128
#define ICMP6_ECHO_REPLY   129

/* A flow's first bytes of transport header, as far as they are there: a packet too short for its
 * ports is still an IP packet to forward, but has none. */
static void parse_ports(const uint8_t *l4, struct wb_flow *flow)
{
	switch (flow->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		if (flow->l4_len < 4)
			return;
		memcpy(&flow->sport, l4, 2);
		memcpy(&flow->dport, l4 + 2, 2);
		break;
	case IPPROTO_ICMP:
		if (flow->family != 4 || flow->l4_len < 8 ||
			(l4[0] != ICMP4_ECHO_REQUEST && l4[0] != ICMP4_ECHO_REPLY))
			return;
		memcpy(&flow->sport, l4 + 4, 2);
		break;
	case IPPROTO_ICMPV6:
		if (flow->family != 6 || flow->l4_len < 8 ||
			(l4[0] != ICMP6_ECHO_REQUEST && l4[0] != ICMP6_ECHO_REPLY))
			return;
		memcpy(&flow->sport, l4 + 4, 2);
		break;
	default:
		return;
	}
	flow->flags |= WB_FLOW_PORTS;
}

/* `cut`: the packet may be longer than what is there of it. */
static int parse4(const uint8_t *l3, uint32_t len, bool cut, struct wb_flow *flow)
{
	uint32_t header, total;

	if (len < IP4_HDR_LEN || l3[0] >> 4 != 4)
		return -EINVAL;
	header = (l3[0] & 0x0f) * 4u;
	total = wb_load16(l3 + 2);
	if (cut && total > len)
		total = len;
	if (header < IP4_HDR_LEN || total < header || total > len)
		return -EINVAL;

	memcpy(&flow->words[0], l3 + 12, 8);
	flow->tail = 0;
	flow->proto = l3[9];
	flow->family = 4;
	flow->ttl = l3[8];
	flow->tos = l3[1];
	flow->l4_off = (uint16_t)header;
	flow->l4_len = total - header;
	flow->l3_len = total;
	if (wb_load16(l3 + 6) & IP4_FRAGMENT)
		flow->flags |= WB_FLOW_FRAG;
	else
		parse_ports(l3 + header, flow);
	return 0;
}

/* Walks from the fixed header to the transport header; `total` is proved to be there.
 * Sets proto, l4_off and flags. */
static int walk_extensions(const uint8_t *l3, uint32_t total, struct wb_flow *flow)
{
	uint32_t off = IP6_HDR_LEN;
	uint8_t next = l3[6];

	for (unsigned passed = 0;; passed++) {
		uint32_t size = 8;
		bool fragment = false;

		switch (next) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
		case IPPROTO_FRAGMENT:
			break;
		case IPPROTO_AH:
		case IPPROTO_MH:
			flow->flags |= WB_FLOW_OPAQUE;
			goto out;
		default:
			goto out;
		}
		if (passed == WB_FLOW_MAX_EXT) {
			flow->flags |= WB_FLOW_OPAQUE;
			goto out;
		}
		if (total - off < 8)
			return -EINVAL;
		if (next == IPPROTO_FRAGMENT)
			fragment = wb_load16(l3 + off + 2) & IP6_FRAGMENT;
		else
			size = (l3[off + 1] + 1u) * 8;
		if (total - off < size)
			return -EINVAL;
		next = l3[off];
		off += size;
		if (fragment) {
			/* What follows is not always a header; all fragments end here alike. */
			flow->flags |= WB_FLOW_FRAG;
			goto out;
		}
	}
out:
	flow->proto = next;
	flow->l4_off = (uint16_t)off;
	return 0;
}

static int parse6(const uint8_t *l3, uint32_t len, bool cut, struct wb_flow *flow)
{
	uint32_t total;
	int ret;

	if (len < IP6_HDR_LEN || l3[0] >> 4 != 6)
		return -EINVAL;
	total = IP6_HDR_LEN + wb_load16(l3 + 4);
	if (cut && total > len)
		total = len;
	if (total > len)
		return -EINVAL;

	memcpy(flow->words, l3 + 8, 32);
	flow->tail = 0;
	flow->family = 6;
	flow->ttl = l3[7];
	flow->tos = (uint8_t)(l3[0] << 4 | l3[1] >> 4);
	flow->l3_len = total;
	ret = walk_extensions(l3, total, flow);
	if (ret < 0)
		return ret;
	flow->l4_len = total - flow->l4_off;
	if (!(flow->flags & (WB_FLOW_FRAG | WB_FLOW_OPAQUE)))
		parse_ports(l3 + flow->l4_off, flow);
	return 0;
}

int wb_flow_parse4(const uint8_t *l3, uint32_t len, struct wb_flow *flow)
{
	return parse4(l3, len, false, flow);
}

int wb_flow_parse6(const uint8_t *l3, uint32_t len, struct wb_flow *flow)
{
	return parse6(l3, len, false, flow);
}

int wb_flow_parse_quoted(const uint8_t *l3, uint32_t len, struct wb_flow *flow)
{
	if (len > 0 && l3[0] >> 4 == 6)
		return parse6(l3, len, true, flow);
	return parse4(l3, len, true, flow);
}

/* An echo's identifier is in `sport` both ways: it belongs to neither end. */
static bool ports_have_ends(const struct wb_flow *flow)
{
	return flow->proto != IPPROTO_ICMP && flow->proto != IPPROTO_ICMPV6;
}

void wb_flow_turn(struct wb_flow *flow)
{
	uint64_t half[2];
	uint16_t sport = flow->sport;

	if (flow->family == 4) {
		uint32_t src = flow->src4;

		flow->src4 = flow->dst4;
		flow->dst4 = src;
	} else {
		memcpy(half, flow->src6, sizeof(half));
		memcpy(flow->src6, flow->dst6, sizeof(half));
		memcpy(flow->dst6, half, sizeof(half));
	}
	if (ports_have_ends(flow)) {
		flow->sport = flow->dport;
		flow->dport = sport;
	}
}

/* Which end comes first: any order will do, if it is always the same. */
static int compare_ends(const struct wb_flow *flow)
{
	int order = flow->family == 4 ? memcmp(&flow->src4, &flow->dst4, 4)
				      : memcmp(flow->src6, flow->dst6, 16);

	if (order == 0 && ports_have_ends(flow))
		order = (int)flow->sport - (int)flow->dport;
	return order;
}

void wb_flow_order(struct wb_flow *flow)
{
	if (compare_ends(flow) > 0)
		wb_flow_turn(flow);
}
