/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * TCP's maximum segment size, lowered in SYNs that pass a tunnel, so that no connection has to
 * find out by lost packets what fits (RFC 9293, 3.7.1; iptables' --clamp-mss-to-pmtu).
 */
#ifndef WB_APP_MSS_H
#define WB_APP_MSS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Lowers the MSS option of a TCP SYN to what fits into `mtu`; mends the checksum. A SYN without
 * the option is left alone: its sender is held to 536 or 1220 bytes, which fit. What is no SYN,
 * malformed, or a later fragment is not touched.
 * @param l3  an IP packet whose header was proved by ip_check().
 * @param len its bytes.
 * @param mtu bytes of an IP packet.
 */
void mss_clamp_syn(uint8_t *l3, uint32_t len, uint32_t mtu);

/** Whether a packet, as above, looks like a SYN. IPv6 extension headers are not passed: no SYN has
 * them. */
static inline bool mss_may_matter(const uint8_t *l3, uint32_t len)
{
	bool ipv4 = *l3 >> 4 == 4;
	uint32_t flags = (ipv4 ? (l3[0] & 15u) * 4 : 40) + 13;

	return l3[ipv4 ? 9 : 6] == 6 && flags < len && (l3[flags] & 2) != 0;
}

/** The same for any packet: a compare or two for those that are no SYNs. */
static inline void mss_clamp(uint8_t *l3, uint32_t len, uint32_t mtu)
{
	if (mss_may_matter(l3, len))
		mss_clamp_syn(l3, len, mtu);
}

#endif
