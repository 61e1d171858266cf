/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The outer headers of sealed packets and handshake messages: Ethernet, IPv4 or IPv6, UDP.
 */
#ifndef WB_APP_OUTER_H
#define WB_APP_OUTER_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

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

/**
 * Puts the headers in front of a message. Any thread; the mbuf has WB_OUTER_MAX bytes of headroom.
 * The port makes the UDP checksum if it can. If it cannot, the checksum is left out over IPv4, as
 * RFC 768 allows: the tag covers the message. Over IPv6 it is always there (RFC 8200, 8.1).
 * @param tos  DSCP and ECN of the outer header.
 * @param id   IPv4 identification: routers may fragment the packet.
 */
void outer_write(struct rte_mbuf *mbuf, const struct wb_outer *outer, uint8_t tos, uint16_t id);

#endif
