/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Which flow a packet counts to, if not that of its own addresses: an ICMP error goes with the flow
 * it speaks of, and a tunnel's packet, when asked, with the flow inside. Pure functions; any
 * thread.
 */
#ifndef WB_FIB_FLOW_FOLLOW_H
#define WB_FIB_FLOW_FOLLOW_H

#include "fib/flow_hash.h"

/** Both directions of a flow have the same hash. */
#define WB_FLOW_SYMMETRIC 0x01
/** Packets of VXLAN (RFC 7348), Geneve (RFC 8926), GRE (RFC 2784, 2890) with IP or Ethernet inside,
 * and IP in IP (RFC 2003, 4213, 2473) count to the flow inside, if that is an IP packet and whole.
 */
#define WB_FLOW_INNER 0x02

/** Packets within packets that are looked into. */
#define WB_FLOW_MAX_DEPTH 4

/**
 * Parses a packet to the flow it counts to.
 *
 * An ICMP error (RFC 792, 4443) about a packet from A to B, whoever sends it, travels to A, as the
 * answers from B do: it counts to the flow from B to A, with the ports of the packet it quotes
 * turned round. So it takes the way of the answers; with WB_FLOW_SYMMETRIC, that of both. What is
 * quoted of a fragment is a fragment. If too little is quoted, or nothing that is an IP packet, the
 * error counts to its own addresses.
 *
 * @param l3      first byte of the IP header.
 * @param len     bytes there are.
 * @param options WB_FLOW_SYMMETRIC, WB_FLOW_INNER.
 * @param flow    gets the flow; with WB_FLOW_SYMMETRIC its ends may be turned round. Only what the
 *   hash is made of means something: its lengths may be a quoted or inner packet's.
 * @return 0, or -EINVAL as wb_flow_parse().
 */
int wb_flow_follow(const uint8_t *l3, uint32_t len, unsigned options, struct wb_flow *flow);

/** The hash of the flow a packet counts to. Malformed packets have one for all. */
uint32_t wb_flow_hash_packet(const uint8_t *l3, uint32_t len, unsigned options);

#endif
