/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The outer headers of sealed packets and handshake messages: Ethernet, IPv4 or IPv6, UDP.
 */
#ifndef WB_APP_OUTER_H
#define WB_APP_OUTER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "wg/peer.h"

/** Where a template's packets go. */
struct outer_way {
	uint16_t via;  /**< id of a tunnel that leads there, plus one; 0: it is behind a port */
	uint16_t port; /**< index of the port */
	uint8_t source_mac[6];
	uint8_t next_hop_mac[6];
	struct wb_addr local;
	struct wb_endpoint remote;
	uint16_t local_port; /**< UDP, host byte order */
	uint16_t mtu;	     /**< of the path: bytes of the outer IP packet */
	bool udp_checksums;  /**< the port makes them */
};

/** Makes a template; both addresses are of one family. Control only. NULL when memory is out; free
 * with rte_free(). */
struct wb_outer *outer_make(const struct outer_way *way);

/** Makes the UDP checksum, or prepares it for the port that will; the length is in place. */
void outer_sum_udp(struct rte_mbuf *mbuf, struct rte_udp_hdr *udp, const struct wb_outer *outer);

static inline uint16_t outer_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/**
 * Puts the headers in front of a message. Any thread; the mbuf has WB_OUTER_MAX bytes of headroom.
 * The port makes the UDP checksum if it can. If it cannot, the checksum is left out over IPv4, as
 * RFC 768 allows: the tag covers the message. Over IPv6 it is always there (RFC 8200, 8.1).
 * @param tos  DSCP and ECN of the outer header.
 * @param id   IPv4 identification: routers may fragment the packet.
 */
static inline void outer_write(
	struct rte_mbuf *mbuf, const struct wb_outer *outer, uint8_t tos, uint16_t id)
{
	uint16_t length = (uint16_t)(sizeof(struct rte_udp_hdr) + rte_pktmbuf_data_len(mbuf));
	uint8_t *message = rte_pktmbuf_mtod(mbuf, uint8_t *);
	struct rte_udp_hdr *udp = (void *)(message - sizeof(*udp));

	rte_pktmbuf_prepend(mbuf, outer->length);
	/* All of the array, whatever its length: a copy of a constant size is a few instructions.
	 */
	if (likely(!outer->ipv6)) {
		struct rte_ipv4_hdr *ip = (void *)((uint8_t *)udp - sizeof(*ip));

		memcpy(message - WB_OUTER4_MAX, outer->header4, WB_OUTER4_MAX);
		ip->type_of_service = tos;
		ip->total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + length));
		ip->packet_id = rte_cpu_to_be_16(id);
		ip->hdr_checksum = (uint16_t)~outer_fold(
			outer->ip_sum + ip->total_length + ip->packet_id + rte_cpu_to_be_16(tos));
	} else {
		struct rte_ipv6_hdr *ip = (void *)((uint8_t *)udp - sizeof(*ip));

		memcpy(message - WB_OUTER_MAX, outer->header6, WB_OUTER_MAX);
		ip->vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28 | (uint32_t)tos << 20);
		ip->payload_len = rte_cpu_to_be_16(length);
	}
	udp->dgram_len = rte_cpu_to_be_16(length);
	if (outer->ipv6 || outer->offload)
		outer_sum_udp(mbuf, udp, outer);
}

#endif
