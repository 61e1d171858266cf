/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The text of WireGuard's cross-platform userspace API, which wg(8) speaks over
 * /var/run/wireguard/NAME.sock (https://www.wireguard.com/xplatform/): what a "set" asks for, and
 * the lines of an answer. Text in, text out; no sockets.
 */
#ifndef WB_UAPI_UAPI_H
#define WB_UAPI_UAPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/key.h"

struct wb_uapi_allowed {
	struct wb_prefix prefix; /**< masked */
	bool remove;		 /**< "allowed_ip=-PREFIX" */
};

/** Changes to one peer; what is not set stays as it is. */
struct wb_uapi_peer {
	struct wb_key public_key;
	bool remove;
	bool update_only; /**< no peer is made if there is none */
	bool replace_allowed;
	bool psk_set;
	bool endpoint_set;
	bool keepalive_set;
	uint16_t keepalive; /**< s; 0 off */
	struct wb_key psk;  /**< zeros: none */
	struct wb_endpoint endpoint;
	struct wb_uapi_allowed *allowed;
	unsigned n_allowed, allowed_room;
};

/** Changes to a tunnel. */
struct wb_uapi_set {
	bool private_key_set;
	bool listen_port_set;
	bool fwmark_set;
	bool replace_peers;
	uint16_t listen_port;
	uint32_t fwmark;
	struct wb_key private_key; /**< zeros: none */
	struct wb_uapi_peer *peers;
	unsigned n_peers, peers_room;
};

/** An empty set. NULL when memory is out. */
struct wb_uapi_set *wb_uapi_set_create(void);

/** Wipes keys and frees. NULL is ignored. */
void wb_uapi_set_free(struct wb_uapi_set *set);

/** Adds changes to a peer; the pointer is good until the next call. NULL when memory is out. */
struct wb_uapi_peer *wb_uapi_set_peer_add(struct wb_uapi_set *set, const struct wb_key *public_key);

/** Adds an allowed IP to give or to take. Returns 0, or -ENOMEM. */
int wb_uapi_peer_allowed_add(
	struct wb_uapi_peer *peer, const struct wb_prefix *prefix, bool remove);

/**
 * Reads what follows "set=1": all of it is proved before a caller gets to see any.
 * @param text  the lines up to the empty one, with room for a NUL behind them; changed. The caller
 *              wipes it.
 * @return 0; -EINVAL: a key or value is wrong; -EPROTO: no line of text; -ENOMEM. err tells the
 * line.
 */
int wb_uapi_set_parse(char *text, size_t length, struct wb_uapi_set **out, struct wb_err *err);

/** An answer that grows. Begin with zeros. */
struct wb_uapi_text {
	char *bytes;
	size_t length, capacity;
	bool failed; /**< memory was out: what follows is lost */
};

/** Wipes and frees. */
void wb_uapi_text_free(struct wb_uapi_text *text);

/** What is told of a peer. */
struct wb_uapi_peer_state {
	const struct wb_key *public_key;
	const struct wb_key *psk;    /**< zeros: none */
	struct wb_endpoint endpoint; /**< family 0: none */
	uint64_t handshake_s;	     /**< Unix time; 0 never */
	uint32_t handshake_ns;
	uint64_t tx_bytes, rx_bytes;
	uint16_t keepalive; /**< s */
};

/** The lines of a tunnel; without a private key if it is NULL. */
void wb_uapi_put_device(struct wb_uapi_text *text, const struct wb_key *private_key,
	uint16_t listen_port, uint32_t fwmark);
void wb_uapi_put_peer(struct wb_uapi_text *text, const struct wb_uapi_peer_state *peer);
void wb_uapi_put_allowed(struct wb_uapi_text *text, const struct wb_prefix *prefix);

/** The end: "errno=0", or what went wrong, a negative errno, as wireguard-go tells it. */
void wb_uapi_put_errno(struct wb_uapi_text *text, int rc);

#endif
