/* SPDX-License-Identifier: BSD-3-Clause */
#include "fib/flow_follow.h"

#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"

#define ICMP_HDR_LEN  8
#define UDP_HDR_LEN   8
#define ETHER_HDR_LEN 14
#define VLAN_TAG_LEN  4

#define ETHERTYPE_IP4	  0x0800
#define ETHERTYPE_IP6	  0x86dd
#define ETHERTYPE_VLAN	  0x8100
#define ETHERTYPE_SERVICE 0x88a8
#define ETHERTYPE_BRIDGED 0x6558 /* Ethernet inside */

#define VXLAN_PORT    4789
#define VXLAN_HDR_LEN 8
#define VXLAN_HAS_VNI 0x08

#define GENEVE_PORT    6081
#define GENEVE_HDR_LEN 8

#define GRE_HDR_LEN  4
#define GRE_CHECKSUM 0x8000
#define GRE_KEY	     0x2000
#define GRE_SEQUENCE 0x1000
#define GRE_UNKNOWN  0x4007 /* routing (RFC 1701) and the version */

/* The part of a packet that is still to be looked at. */
struct view {
	const uint8_t *bytes;
	uint32_t len;
};

/* Takes bytes off the front. False: there are not so many. */
static bool view_skip(struct view *view, uint32_t len)
{
	if (view->len < len)
		return false;
	view->bytes += len;
	view->len -= len;
	return true;
}

static bool is_ip(uint16_t ethertype)
{
	return ethertype == ETHERTYPE_IP4 || ethertype == ETHERTYPE_IP6;
}

/* Passes an Ethernet header with up to two VLAN tags, if an IP packet is behind. */
static bool pass_ethernet(struct view *view)
{
	uint32_t off = ETHER_HDR_LEN;

	for (unsigned tags = 0; view->len >= off; tags++, off += VLAN_TAG_LEN) {
		uint16_t ethertype = wb_load16(view->bytes + off - 2);

		if (is_ip(ethertype))
			return view_skip(view, off);
		if ((ethertype != ETHERTYPE_VLAN && ethertype != ETHERTYPE_SERVICE) || tags == 2)
			return false;
	}
	return false;
}

static bool pass_vxlan(struct view *view)
{
	return view->len >= VXLAN_HDR_LEN && (view->bytes[0] & VXLAN_HAS_VNI) != 0 &&
		view_skip(view, VXLAN_HDR_LEN) && pass_ethernet(view);
}

static bool pass_protocol(struct view *view, uint16_t protocol)
{
	return protocol == ETHERTYPE_BRIDGED ? pass_ethernet(view) : is_ip(protocol);
}

static bool pass_geneve(struct view *view)
{
	uint16_t protocol;
	uint32_t options;

	/* Two bits of version, then the options' length in words. */
	if (view->len < GENEVE_HDR_LEN || view->bytes[0] >> 6 != 0)
		return false;
	options = (view->bytes[0] & 0x3fu) * 4;
	protocol = wb_load16(view->bytes + 2);
	return view_skip(view, GENEVE_HDR_LEN + options) && pass_protocol(view, protocol);
}

static bool pass_gre(struct view *view)
{
	uint32_t len = GRE_HDR_LEN;
	uint16_t flags, protocol;

	if (view->len < GRE_HDR_LEN)
		return false;
	flags = wb_load16(view->bytes);
	protocol = wb_load16(view->bytes + 2);
	if ((flags & GRE_UNKNOWN) != 0)
		return false;
	len += (flags & GRE_CHECKSUM) != 0 ? 4 : 0;
	len += (flags & GRE_KEY) != 0 ? 4 : 0;
	len += (flags & GRE_SEQUENCE) != 0 ? 4 : 0;
	return view_skip(view, len) && pass_protocol(view, protocol);
}

static bool pass_udp(const struct wb_flow *flow, struct view *view)
{
	if (flow->dport == htons(VXLAN_PORT))
		return view_skip(view, UDP_HDR_LEN) && pass_vxlan(view);
	if (flow->dport == htons(GENEVE_PORT))
		return view_skip(view, UDP_HDR_LEN) && pass_geneve(view);
	return false;
}

/* Goes from a transport header to the packet in the tunnel that it begins. */
static bool pass_tunnel(const struct wb_flow *flow, struct view *view)
{
	switch (flow->proto) {
	case IPPROTO_UDP:
		return pass_udp(flow, view);
	case IPPROTO_GRE:
		return pass_gre(view);
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		return true;
	default:
		return false;
	}
}

/* Errors, and the redirect: the types that quote the packet they are about. */
static bool quotes4(uint8_t type)
{
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* RFC 4443, 2.1: informational messages have the high bit. */
static bool quotes6(uint8_t type)
{
	return type > 0 && type < 128;
}

/* Goes from an ICMP header to the packet that the error quotes. */
static bool pass_error(const struct wb_flow *flow, struct view *view)
{
	if (flow->proto != (flow->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return false;
	return view->len >= ICMP_HDR_LEN &&
		(flow->family == 4 ? quotes4(view->bytes[0]) : quotes6(view->bytes[0])) &&
		view_skip(view, ICMP_HDR_LEN);
}

int wb_flow_follow(const uint8_t *l3, uint32_t len, unsigned options, struct wb_flow *flow)
{
	struct view view = {.bytes = l3, .len = len};
	bool quoted = false, answer = false;
	struct wb_flow next;
	int rc = wb_flow_parse(l3, len, flow);

	if (rc < 0)
		return rc;
	for (unsigned depth = 1; depth < WB_FLOW_MAX_DEPTH; depth++) {
		bool error;

		/* Nothing is known of what follows there. */
		if ((flow->flags & (WB_FLOW_FRAG | WB_FLOW_OPAQUE)) != 0)
			break;
		view.len = flow->l3_len;
		view_skip(&view, flow->l4_off);
		error = pass_error(flow, &view);
		if (!error && ((options & WB_FLOW_INNER) == 0 || !pass_tunnel(flow, &view)))
			break;
		quoted |= error;
		if ((quoted ? wb_flow_parse_quoted(view.bytes, view.len, &next)
			    : wb_flow_parse(view.bytes, view.len, &next)) < 0)
			break;
		answer ^= error;
		*flow = next;
	}
	if (answer)
		wb_flow_turn(flow);
	if ((options & WB_FLOW_SYMMETRIC) != 0)
		wb_flow_order(flow);
	return 0;
}

/* What nearly all packets are: whole, TCP or UDP, without options or extension headers. The key is
 * then read from two places; it is the one that wb_flow_parse() makes. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the key's last word is put together");

static bool key_plainly(const uint8_t *l3, uint32_t len, struct wb_flow *flow)
{
	uint32_t header = l3[0] == 0x45 ? 20 : 40, total, ports;
	uint8_t proto;

	if (len < header + 4)
		return false;
	if (header == 20) {
		total = wb_load16(l3 + 2);
		proto = l3[9];
		if ((wb_load16(l3 + 6) & 0x3fff) != 0)
			return false;
		memcpy(&flow->words[0], l3 + 12, 8);
	} else {
		if (l3[0] >> 4 != 6)
			return false;
		total = header + wb_load16(l3 + 4);
		proto = l3[6];
		memcpy(flow->words, l3 + 8, 32);
	}
	if ((proto != IPPROTO_UDP && proto != IPPROTO_TCP) || total < header + 4 || total > len)
		return false;
	memcpy(&ports, l3 + header, sizeof(ports));
	/* As one word: the hash reads it as one, and would wait for its parts. */
	flow->tail = ports | (uint64_t)proto << 32 |
		(header == 20 ? UINT64_C(4) : UINT64_C(6)) << 40 | (uint64_t)WB_FLOW_PORTS << 48;
	return true;
}

uint32_t wb_flow_hash_packet(const uint8_t *l3, uint32_t len, unsigned options)
{
	struct wb_flow flow;

	if (options == 0 && len > 0 && key_plainly(l3, len, &flow))
		return wb_flow_hash(&flow);
	return wb_flow_follow(l3, len, options, &flow) == 0 ? wb_flow_hash(&flow) : 0;
}
