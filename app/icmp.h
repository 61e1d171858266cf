/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * ICMP errors about packets that a tunnel cannot take (RFC 792, RFC 4443; what deserves an error:
 * RFC 1812, 4.3.2.7, and RFC 4443, 2.4).
 */
#ifndef WB_APP_ICMP_H
#define WB_APP_ICMP_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/addr.h"

/** What every link takes of an IPv6 packet (RFC 8200, 5). */
#define IP6_LEAST_MTU 1280

/** What is told. */
enum icmp_error {
	ICMP_ERROR_UNREACHABLE, /**< host, or address, unreachable */
	ICMP_ERROR_TOO_BIG,	/**< fragmentation needed, or packet too big */
};

/** Bytes of headers that icmp_error_make() puts in front of a packet. */
#define ICMP_HEADROOM (40 + 8)

/** Whether a packet deserves an error: none is sent about errors, later fragments, or what came
 * from or went to more than one host.
 * @param l3 an IP packet whose header was proved by ip_check(). */
bool icmp_deserved(const uint8_t *l3, uint32_t len);

/**
 * Makes a packet into an error about itself, addressed to its source.
 * @param mbuf data at the IP header; ICMP_HEADROOM bytes of headroom.
 * @param from our address, of the packet's family.
 * @param mtu  of ICMP_ERROR_TOO_BIG: bytes of an IP packet that fit.
 */
void icmp_error_make(
	struct rte_mbuf *mbuf, enum icmp_error error, const struct wb_addr *from, uint16_t mtu);

#endif
