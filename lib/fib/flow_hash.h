/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * What a packet is: its addresses, protocol and ports, proved against its length, and a hash of
 * them that picks a path. Pure functions of their input; any thread.
 */
#ifndef WB_FIB_FLOW_HASH_H
#define WB_FIB_FLOW_HASH_H

#include <stdbool.h>
#include <stdint.h>

/** The ports count: TCP, UDP, SCTP, or an echo's identifier in `sport`. */
#define WB_FLOW_PORTS 0x01
/** A fragment of a larger packet, the first one too. Its ports are not read: those behind it
 * have none, and all of them must take one path. */
#define WB_FLOW_FRAG 0x02
/** The walk over IPv6 extension headers gave up at one it does not know how to pass, or after
 * WB_FLOW_MAX_EXT of them: `proto` is that header's. */
#define WB_FLOW_OPAQUE 0x04

/** Extension headers the parser will pass in one packet. */
#define WB_FLOW_MAX_EXT 8

/** A parsed IP packet. The first 40 bytes are the hash's key. */
struct wb_flow {
	union {
		struct {
			uint32_t src4; /**< network byte order */
			uint32_t dst4; /**< network byte order */
		};
		struct {
			uint8_t src6[16];
			uint8_t dst6[16];
		};
		uint64_t words[4]; /**< IPv4: the first only; the others are not set */
	};
	union {
		struct {
			uint16_t sport; /**< network byte order; 0 without WB_FLOW_PORTS */
			uint16_t dport; /**< network byte order; 0 without WB_FLOW_PORTS */
			uint8_t proto;	/**< of the first header that is no IPv6 extension */
			uint8_t family; /**< 4 or 6 */
			uint8_t flags;	/**< WB_FLOW_* */
			uint8_t zero;
		};
		uint64_t tail;
	};
	uint8_t ttl;	 /**< TTL or hop limit */
	uint8_t tos;	 /**< type of service or traffic class */
	uint16_t l4_off; /**< bytes from the IP header to the transport header */
	uint32_t l4_len; /**< bytes behind l4_off, without link-layer padding */
	uint32_t l3_len; /**< bytes of the whole packet: l4_off + l4_len, at most `len` */
};

/**
 * Parses an IPv4 packet (RFC 791) without trusting a byte of it. The header checksum is the
 * caller's (or the NIC's) to check.
 * @param l3  first byte of the IP header; no alignment needed.
 * @param len bytes there are, at least the packet's; more is link-layer padding.
 * @return 0, or -EINVAL: not IPv4, or a length does not fit; `flow` is then undefined.
 */
int wb_flow_parse4(const uint8_t *l3, uint32_t len, struct wb_flow *flow);

/**
 * Parses an IPv6 packet (RFC 8200), passing hop-by-hop, routing, destination options and
 * fragment headers. Jumbograms are malformed here.
 * @return 0, or -EINVAL: not IPv6, or a length does not fit; `flow` is then undefined.
 */
int wb_flow_parse6(const uint8_t *l3, uint32_t len, struct wb_flow *flow);

/** Either of them by the version in the first byte. */
static inline int wb_flow_parse(const uint8_t *l3, uint32_t len, struct wb_flow *flow)
{
	if (len > 0 && l3[0] >> 4 == 6)
		return wb_flow_parse6(l3, len, flow);
	return wb_flow_parse4(l3, len, flow);
}

/** wb_flow_parse() of a packet of which only the beginning is there, as ICMP errors quote it: its
 * headers must be, and the lengths are those of what is there. */
int wb_flow_parse_quoted(const uint8_t *l3, uint32_t len, struct wb_flow *flow);

/** Turns a flow into the one of the other direction. */
void wb_flow_turn(struct wb_flow *flow);

/** Turns it, or not, so that both directions of a flow become the same one. */
void wb_flow_order(struct wb_flow *flow);

/** Multiplies to 128 bits and folds the halves: each bit of the product reaches the result. */
static inline uint64_t wb_flow_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/**
 * The hash of a parsed packet: the same for every packet of a flow in one direction, well mixed
 * in all bits, so that consecutive ports or addresses spread like any others. IPv6 addresses
 * count whole; of an IPv4-mapped pair nothing is assumed.
 */
static inline uint32_t wb_flow_hash(const struct wb_flow *flow)
{
	/* Constants that mean nothing: the hexadecimal digits of pi, made odd. */
	const uint64_t k0 = 0x243f6a8885a308d3, k1 = 0x13198a2e03707345;
	const uint64_t k2 = 0xa4093822299f31d1, k3 = 0x082efa98ec4e6c89;
	uint64_t hash = wb_flow_mix(flow->words[0] ^ k0, flow->tail ^ k1);

	if (flow->family == 6) {
		hash ^= wb_flow_mix(flow->words[1] ^ k2, flow->words[2] ^ k3);
		hash = wb_flow_mix(hash ^ k1, flow->words[3] ^ k2);
	}
	hash = wb_flow_mix(hash ^ k3, k0);
	return (uint32_t)(hash >> 32);
}

#endif
