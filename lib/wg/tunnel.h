/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Tunnels: a WireGuard interface each, with its key, UDP port, peers and allowed IPs; and the set
 * of all tunnels, which the receiver index table and the map of UDP ports belong to.
 */
#ifndef WB_WG_TUNNEL_H
#define WB_WG_TUNNEL_H

#include <net/if.h>
#include <stdatomic.h>

#include "base/err.h"
#include "wg/allowedips.h"
#include "wg/index.h"
#include "wg/peer.h"

#define WB_TUNNELS_MAX 64
#define WB_PEERS_MAX   65536

RB_HEAD(wb_peer_tree, wb_peer);

/** Control's own: workers know a tunnel by its id alone. */
struct wb_tunnel {
	uint16_t id; /**< index in the set */
	uint16_t listen_port;
	uint16_t source_port;	     /**< its packets come from; 0: listen_port */
	uint16_t source_port_before; /**< and did before; 0: none */
	char name[IFNAMSIZ];
	uint32_t fwmark;
	struct wb_noise_identity identity __rte_cache_aligned;
	struct wb_cookie_checker cookies;
	struct wb_allowedips_table *table;
	struct wb_peer **peers; /**< in the order they were added */
	uint32_t n_peers, peers_room;
	struct wb_peer_tree by_key;
};

/** All tunnels of a gateway. */
struct wb_tunnels {
	struct wb_tunnel *by_id[WB_TUNNELS_MAX]; /**< NULL: no tunnel has this id */
	/* What workers need of a tunnel for each packet, by its id; control writes it. With many
	 * tunnels, side by side it stays in their caches. */
	_Atomic(struct wb_allowedips *) allowed[WB_TUNNELS_MAX]; /**< prefix → peer id */
	uint16_t mtu[WB_TUNNELS_MAX];				 /**< bytes of the inner packet */
	uint16_t n;		    /**< one more than the greatest id in use */
	uint8_t by_udp_port[65536]; /**< local UDP port → tunnel id + 1; 0 none */
	struct wb_index_table *indices;
	_Atomic(struct wb_peer *) peers[WB_PEERS_MAX]; /**< peer id → peer; id 0 is nobody */
	bool id_taken[WB_PEERS_MAX]; /**< in use, or may still be known to workers */
	uint32_t n_peers;
	uint32_t last_peer_id;
	uint32_t last_serial;
	struct wb_retire retire;
};

/** Makes an empty set. NULL when memory is out. */
struct wb_tunnels *wb_tunnels_create(const struct wb_retire *retire);

/** Frees the set and everything in it. No worker may run any more. */
void wb_tunnels_free(struct wb_tunnels *tunnels);

/**
 * Adds a tunnel under the least free id. Control only; workers learn of it by the stages made for
 * it, and when wb_tunnel_port_set() gives it a port.
 */
int wb_tunnel_add(struct wb_tunnels *tunnels, const char *name, uint16_t mtu, uint64_t now,
	struct wb_tunnel **out, struct wb_err *err);

/** Takes a tunnel out of the set and frees it and its peers. No worker knows of it any more.
 * Control only. */
void wb_tunnel_remove(struct wb_tunnels *tunnels, struct wb_tunnel *tunnel);

/** The tunnel of this name, or NULL. Control only. */
struct wb_tunnel *wb_tunnel_find(const struct wb_tunnels *tunnels, const char *name);

/**
 * Sets the private key; zeros: none, the tunnel is mute. Sessions and handshakes of all peers end
 * if it is another one than before. Control only.
 */
void wb_tunnel_key_set(struct wb_tunnels *tunnels, struct wb_tunnel *tunnel,
	const struct wb_key *private_key, uint64_t now);

/* ports.c */

/**
 * Sets the UDP port a tunnel listens on. Control only.
 * @param port host byte order; 0: one is chosen at random.
 * @return 0; -EADDRINUSE: another tunnel listens there. One that only sends from it gives it up.
 */
int wb_tunnel_port_set(
	struct wb_tunnels *tunnels, struct wb_tunnel *tunnel, uint16_t port, struct wb_err *err);

/**
 * Sets the UDP port a tunnel's packets come from, where that is to be another than the one it
 * listens on; peers follow it (paper, section 2.1). What is sent to the port it listens on, and to
 * the one before this, is still received. Control only; the caller updates the tunnel's ways.
 * @param port  host byte order; 0: the one it listens on.
 * @return 0; -EADDRINUSE: the port is some tunnel's.
 */
int wb_tunnel_source_set(struct wb_tunnels *tunnels, struct wb_tunnel *tunnel, uint16_t port);

/** The UDP port its packets come from. */
static inline uint16_t wb_tunnel_source(const struct wb_tunnel *tunnel)
{
	return tunnel->source_port != 0 ? tunnel->source_port : tunnel->listen_port;
}

/** The tunnel that listens on a port, or NULL. Control only. */
struct wb_tunnel *wb_tunnel_listening(const struct wb_tunnels *tunnels, uint16_t port);

/** Gives up all its ports: no packet finds the tunnel any more. Control only. */
void wb_tunnel_ports_release(struct wb_tunnels *tunnels, const struct wb_tunnel *tunnel);

/** Adds a peer without allowed IPs or endpoint. `psk` may be NULL. Control only. */
int wb_tunnel_peer_add(struct wb_tunnels *tunnels, struct wb_tunnel *tunnel,
	const struct wb_key *public_key, const struct wb_key *psk, struct wb_peer **out,
	struct wb_err *err);

/** Takes a peer out of its tunnel: keys, allowed IPs (to be published by the caller), way. Workers
 * may know it until they were quiescent, and the seal stage as long as it has packets staged: then
 * wb_tunnel_peer_free(). Control only. */
void wb_tunnel_peer_unlink(struct wb_tunnels *tunnels, struct wb_peer *peer);
void wb_tunnel_peer_free(struct wb_tunnels *tunnels, struct wb_peer *peer);

/** Builds the allowed IPs that workers see from `tunnel->table` and publishes them. Control only.
 */
int wb_tunnel_allowed_publish(
	struct wb_tunnels *tunnels, struct wb_tunnel *tunnel, struct wb_err *err);

/** The peer whose allowed IPs hold an address, or NULL. Control only. */
struct wb_peer *wb_tunnel_peer_towards(const struct wb_tunnels *tunnels,
	const struct wb_tunnel *tunnel, const struct wb_addr *addr);

/** The peer with this public key, or NULL. Control only. */
struct wb_peer *wb_tunnel_peer_find(struct wb_tunnel *tunnel, const struct wb_key *public_key);

/** The peer of an id handed out by the allowed IPs or an event; NULL if it is gone. Any thread. */
static inline struct wb_peer *wb_peer_by_id(const struct wb_tunnels *tunnels, uint32_t id)
{
	return atomic_load_explicit(&tunnels->peers[id], memory_order_acquire);
}

#endif
