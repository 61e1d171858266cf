/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Counters with names. Each lcore writes its own set; anyone may read. Every packet that comes in
 * is counted under one IN name and, when it is gone, under one OUT or DROP name, so that at rest
 *
 *     sum(IN) == sum(OUT) + sum(DROP) + packets held back
 *
 * INFO counters stand outside that sum.
 */
#ifndef WB_STATS_COUNTERS_H
#define WB_STATS_COUNTERS_H

#include <stdint.h>

enum wb_counter_kind {
	WB_KIND_IN,
	WB_KIND_OUT,
	WB_KIND_DROP,
	WB_KIND_INFO,
};

/** X(id, kind, name, help): the one list of counters. */
#define WB_COUNTERS(X)                                                                             \
	X(WB_IN_PORT_RX, IN, "port_rx", "received by ports, LACP aside")                           \
	X(WB_IN_TAP_RX, IN, "tap_rx", "sent by the kernel through a port's TAP")                   \
	X(WB_IN_TUN_RX, IN, "tun_rx", "sent by the kernel through a tunnel's TUN")                 \
	X(WB_IN_ORIGINATED, IN, "originated", "handshakes, keepalives and probes made here")       \
	X(WB_IN_ICMP_MADE, IN, "icmp_made", "ICMP errors made about packets dropped here")         \
	X(WB_IN_FRAGMENTS, IN, "fragments", "pieces of packets cut up to fit a path")              \
	X(WB_OUT_CUT_UP, OUT, "cut_up", "cut into pieces to fit a path")                           \
	X(WB_OUT_REASSEMBLED, OUT, "reassembled", "fragments joined to another one's packet")      \
	X(WB_OUT_PORT_TX, OUT, "port_tx", "sent by ports, LACP aside")                             \
	X(WB_OUT_TAP_TX, OUT, "tap_tx", "handed to the kernel through a port's TAP")               \
	X(WB_OUT_TUN_TX, OUT, "tun_tx", "handed to the kernel through a tunnel's TUN")             \
	X(WB_OUT_TO_CONTROL, OUT, "to_control", "handshake messages given to control")             \
	X(WB_OUT_KEEPALIVE_RX, OUT, "keepalive_rx", "keepalives received")                         \
	X(WB_OUT_PROBE_RX, OUT, "probe_rx", "replies to probes of paths")                          \
	X(WB_DROP_RX_SHORT, DROP, "rx_short", "shorter than an Ethernet header")                   \
	X(WB_DROP_RX_MULTISEG, DROP, "rx_multiseg", "longer than the port's MTU allows")           \
	X(WB_DROP_RX_NOT_OURS, DROP, "rx_not_ours", "addressed to another host's MAC")             \
	X(WB_DROP_BAD_IP_HEADER, DROP, "bad_ip_header", "IP header or length is wrong")            \
	X(WB_DROP_BAD_CHECKSUM, DROP, "bad_checksum", "IPv4 header checksum is wrong")             \
	X(WB_DROP_REASSEMBLY, DROP, "reassembly", "fragments that did not become a whole packet")  \
	X(WB_DROP_BLACKHOLE_ROUTE, DROP, "blackhole_route", "a route says to drop it")             \
	X(WB_DROP_WG_BAD_MESSAGE, DROP, "wg_bad_message", "no WireGuard message of any type")      \
	X(WB_DROP_WG_UNKNOWN_INDEX, DROP, "wg_unknown_index", "for no session of ours")            \
	X(WB_DROP_WG_WRONG_TUNNEL, DROP, "wg_wrong_tunnel", "for a session of another tunnel")     \
	X(WB_DROP_WG_EXPIRED_KEY, DROP, "wg_expired_key", "sealed under a key too old to use")     \
	X(WB_DROP_WG_AUTH_FAILED, DROP, "wg_auth_failed", "corrupted or forged")                   \
	X(WB_DROP_WG_REPLAYED, DROP, "wg_replayed", "seen before, or older than the window")       \
	X(WB_DROP_WG_INNER_BAD, DROP, "wg_inner_bad", "the packet inside is no valid IP")          \
	X(WB_DROP_WG_SOURCE_NOT_ALLOWED, DROP, "wg_source_not_allowed",                            \
		"its source is not in the peer's allowed IPs")                                     \
	X(WB_DROP_WG_ECN_INVALID, DROP, "wg_ecn_invalid", "congestion marked, inner cannot tell")  \
	X(WB_DROP_NO_PEER, DROP, "no_peer", "no peer's allowed IPs hold its destination")          \
	X(WB_DROP_NO_ENDPOINT, DROP, "no_endpoint", "where the peer is was never told")            \
	X(WB_DROP_STAGED_OVERFLOW, DROP, "staged_overflow", "too many wait for a handshake")       \
	X(WB_DROP_NO_SESSION, DROP, "no_session", "the peer did not answer handshakes")            \
	X(WB_DROP_PEER_REMOVED, DROP, "peer_removed", "staged for a peer that was removed")        \
	X(WB_DROP_TUNNEL_REMOVED, DROP, "tunnel_removed",                                          \
		"under way in a tunnel that was removed")                                          \
	X(WB_DROP_ENDPOINT_UNRESOLVED, DROP, "endpoint_unresolved",                                \
		"no way or next hop to the peer's endpoint")                                       \
	X(WB_DROP_HEADROOM, DROP, "headroom", "no room in the buffer for outer headers")           \
	X(WB_DROP_OPEN_RING_FULL, DROP, "open_ring_full", "more sealed packets than a core opens") \
	X(WB_DROP_SEAL_RING_FULL, DROP, "seal_ring_full", "more packets than a core seals")        \
	X(WB_DROP_TX_RING_FULL, DROP, "tx_ring_full", "more packets than a core sends")            \
	X(WB_DROP_TAP_RING_FULL, DROP, "tap_ring_full", "more than the kernel takes from a TAP")   \
	X(WB_DROP_TUN_RING_FULL, DROP, "tun_ring_full", "more than the kernel takes from a TUN")   \
	X(WB_DROP_HANDSHAKE_RING_FULL, DROP, "handshake_ring_full", "a flood of handshakes")       \
	X(WB_DROP_OUTER_TOO_BIG, DROP, "outer_too_big",                                            \
		"sealed, it is longer than its path's MTU")                                        \
	X(WB_DROP_TX_PORT_FULL, DROP, "tx_port_full", "the port, or the bond's member, is full")   \
	X(WB_DROP_TX_REFUSED, DROP, "tx_refused", "the port's driver cannot send it")              \
	X(WB_DROP_TAP_REFUSED, DROP, "tap_refused", "the kernel refused it on a TAP")              \
	X(WB_DROP_TUN_REFUSED, DROP, "tun_refused", "the kernel refused it on a TUN")              \
	X(WB_NO_MBUF, INFO, "no_mbuf", "packets not read or made: out of buffers")                 \
	X(WB_EVENT_RING_FULL, INFO, "event_ring_full", "news to control put off")                  \
	X(WB_CONTROL_TX_RING_FULL, INFO, "control_tx_ring_full", "handshakes not sent")            \
	X(WB_HANDSHAKE_BAD_MAC, INFO, "handshake_bad_mac", "handshakes for another key, or noise") \
	X(WB_HANDSHAKE_INVALID, INFO, "handshake_invalid", "handshakes that are not authentic")    \
	X(WB_HANDSHAKE_UNKNOWN_PEER, INFO, "handshake_unknown_peer", "initiations by strangers")   \
	X(WB_HANDSHAKE_REPLAYED, INFO, "handshake_replayed", "initiations replayed or too many")   \
	X(WB_HANDSHAKE_COOKIE_SENT, INFO, "handshake_cookie_sent", "answered with a cookie")       \
	X(WB_HANDSHAKE_RATE_LIMITED, INFO, "handshake_rate_limited",                               \
		"too many from one source, under load")

enum wb_counter {
#define WB_COUNTER_ID(id, kind, name, help) id,
	WB_COUNTERS(WB_COUNTER_ID)
#undef WB_COUNTER_ID
		WB_COUNTERS_N
};

/** One lcore's counters, on cache lines of their own. */
struct wb_counters {
	uint64_t value[WB_COUNTERS_N];
} __attribute__((aligned(64)));

/** What a counter is. */
struct wb_counter_info {
	enum wb_counter_kind kind;
	const char *name;
	const char *help; /**< one line for people */
};

/** Makes `n` sets. NULL when memory is out; free with free(). */
struct wb_counters *wb_counters_create(unsigned n);

/** The set of one writer. */
static inline struct wb_counters *wb_counters_of(struct wb_counters *sets, unsigned writer)
{
	return &sets[writer];
}

/** Adds to a counter of one's own set. */
static inline void wb_count(struct wb_counters *mine, enum wb_counter id, uint64_t n)
{
	__atomic_store_n(&mine->value[id], mine->value[id] + n, __ATOMIC_RELAXED);
}

const struct wb_counter_info *wb_counter_info(enum wb_counter id);

/** The sum of a counter over `n` sets. Any thread. */
uint64_t wb_counters_sum(const struct wb_counters *sets, unsigned n, enum wb_counter id);

/** The sum of all counters of a kind. Any thread. */
uint64_t wb_counters_kind_sum(
	const struct wb_counters *sets, unsigned n, enum wb_counter_kind kind);

#endif
