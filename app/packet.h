/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * What the stages know of a packet beside its bytes: a field in the mbuf's second cache line, which
 * most drivers write or read with each packet anyway.
 *
 * Between stages the mbuf's data begins
 * - in an open ring, or handed over without: at the WireGuard message; the outer IP header lies
 * `outer` bytes before it;
 * - in a seal ring, or handed over without: at the inner IP header;
 * - in a tx ring or a TAP's ring: at the Ethernet header;
 * - in a TUN's ring: at the IP header;
 * - in the control ring: as in an open ring.
 */
#ifndef WB_APP_PACKET_H
#define WB_APP_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

struct wb_peer;

/** What control asks of a seal stage, by a packet in the stage's control ring. */
enum packet_request {
	PACKET_KEEPALIVE, /**< send this empty packet */
	PACKET_PURGE,	  /**< the peer was removed: forget what is staged for it */
	PACKET_SEAL,	  /**< a handshake of another tunnel that goes through this one */
};

struct packet {
	union {
		struct wb_peer *peer;  /**< of control's requests, but for PACKET_SEAL */
		struct rte_mbuf *next; /**< staging list of a peer without a key */
	};
	uint32_t hash;	 /**< of its flow, where its route leads to a group */
	uint16_t port;	 /**< index of the port it came in by */
	uint16_t via;	 /**< id of the tunnel it came in by, plus one; 0: a port */
	uint16_t tunnel; /**< tunnel it was sent to, or is to leave by */
	uint16_t outer;	 /**< bytes from the outer IP header to the WireGuard message */
	uint8_t tos;	 /**< outer TOS or traffic class on the way in */
	uint8_t request; /**< enum packet_request, in a seal stage's control ring */
};

/** Room that buffers have for Ethernet with two VLAN tags. Where there is no Ethernet header it is
 * headroom: a tunnel through a tunnel takes more than RTE_PKTMBUF_HEADROOM. */
#define PACKET_L2_ROOM (14 + 8)

/** Where it is in an mbuf: at the end of what DPDK gives to whoever registers first. */
#define PACKET_AT (sizeof(struct rte_mbuf) - sizeof(struct packet))

_Static_assert(PACKET_AT % _Alignof(struct packet) == 0 &&
		PACKET_AT >= offsetof(struct rte_mbuf, dynfield1) &&
		offsetof(struct rte_mbuf, dynfield1) + sizeof(((struct rte_mbuf *)0)->dynfield1) ==
			sizeof(struct rte_mbuf),
	"struct packet is to lie in the mbuf's dynamic fields");

static inline struct packet *packet_of(struct rte_mbuf *mbuf)
{
	return (struct packet *)((uint8_t *)mbuf + PACKET_AT);
}

#endif
