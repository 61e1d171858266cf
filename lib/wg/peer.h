/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * A peer of a tunnel: what control knows of it, what the workers read, and what each direction's
 * lcore writes, every part on cache lines of its own.
 */
#ifndef WB_WG_PEER_H
#define WB_WG_PEER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>

#include "base/addr.h"
#include "base/tree.h"
#include "noise/cookie.h"
#include "noise/handshake.h"
#include "noise/timers.h"
#include "wg/keypair.h"
#include "wg/outer.h"
#include "wg/retire.h"

/** Packets a peer without a key may hold back; the oldest goes first (kernel:
 * MAX_STAGED_PACKETS). */
#define WB_PEER_STAGED_MAX 128

struct wb_index_table;
struct wb_tunnel;

/** The seal lcore's part; what each packet needs comes first, on one cache line. */
struct wb_peer_seal {
	uint64_t packets; /**< data packets sent; keepalives not counted */
	uint64_t bytes;	  /**< of sealed messages, as wg(8) counts: headers and tag included */
	uint64_t data;	  /**< ns, last data packet */
	uint64_t any;	  /**< ns, last authenticated packet of any kind */
	uint64_t unanswered_since; /**< ns, first data since the last packet received, handshakes
				      too, as far as looks tell; 0 none */
	uint64_t looked; /**< ns, when the open lcore's part was last looked at for that */
	uint64_t unresolved_since; /**< ns, there is no way; 0: there is */
	uint32_t staged;
	bool listed; /**< on the seal stage's list of peers with staged packets */
	struct rte_mbuf *staged_head;
	struct rte_mbuf *staged_tail;
	uint64_t unresolved_told; /**< ns, control was last told that there is no way */
	STAILQ_ENTRY(wb_peer) waiting;
};

/** The open lcore's part; what each packet needs comes first, on one cache line. */
struct wb_peer_open {
	uint64_t packets;
	uint64_t bytes;
	uint64_t data;
	uint64_t any;
	uint64_t unanswered_since; /**< ns, first data since the last packet sent, as far as looks
				      tell; 0 none */
	uint64_t looked;      /**< ns, when the seal lcore's part was last looked at for that */
	uint32_t settled_way; /**< serial of the outer headers that the last endpoint seen is of; 0:
			       it is another one */
	/** That endpoint and our address, to be compared without the headers; port 0: IPv6, whose
	 * addresses have no room here. Network byte order. */
	rte_be32_t settled_remote, settled_local;
	rte_be16_t settled_port;
	uint32_t reported_way; /**< serial of the headers when control was last told; 0: none */
	struct wb_endpoint reported; /**< the last endpoint told to control */
	struct wb_addr reported_local;
};

STAILQ_HEAD(wb_peer_list, wb_peer);

struct wb_peer {
	/* Read by workers, written by control. */
	uint32_t id;	 /**< index in the tunnel set's peer table; never 0 */
	uint32_t serial; /**< no other peer has or had it: ids are used again, serials are not */
	_Atomic(struct wb_keypair *) current;
	_Atomic(struct wb_keypair *) next; /**< as responder: until the peer is heard under it */
	_Atomic(struct wb_outer *) outer;  /**< NULL: no endpoint, or its next hop is unknown */
	atomic_uint way;		   /**< the serial of `outer`; 0: there is none */
	_Atomic(uint64_t) handshake_heard; /**< ns, last handshake message of the peer's */
	atomic_bool located;		   /**< it has an endpoint */
	atomic_uint moving; /**< new places of it that control was told and has not dealt with */
	atomic_bool armed;  /**< control looks at this peer in time: no wake-up needed */
	atomic_bool
		wanted; /**< a handshake was asked for and has neither ended nor been given up */
	atomic_bool gave_up; /**< the seal stage is to drop what is staged */
	atomic_bool purged;  /**< removed, and the seal stage holds nothing of it any more */

	struct wb_peer_seal seal __rte_cache_aligned;
	struct wb_peer_open open __rte_cache_aligned;

	/* Control's own. */
	struct wb_noise_peer noise __rte_cache_aligned;
	struct wb_tunnel *tunnel;
	RB_ENTRY(wb_peer) by_key; /**< in its tunnel's tree */
	struct wb_timers timers;
	struct wb_index_entry handshake; /**< index of the initiation or response in flight */
	struct wb_keypair *previous;
	struct wb_key public_key;
	bool has_psk;
	struct wb_endpoint endpoint; /**< where it is; family 0: not known */
	struct wb_addr local;	 /**< our address it spoke to last; family 0: the kernel chooses */
	uint16_t path_mtu;	 /**< bytes of an outer packet, as a router told; 0: nothing told */
	uint64_t path_mtu_until; /**< ns, when that is forgotten */
	uint32_t outer_serial;	 /**< of the newest outer headers */
	struct timespec handshaken; /**< time of day of the last completed handshake; 0 never */
	uint64_t control_rx_bytes;  /**< handshake bytes, for wg(8)'s transfer counts */
	uint64_t control_tx_bytes;
};

/** How long an lcore goes by what it last saw of the other direction's part of a peer, ns. That is
 * a line which another lcore may write with each packet, or, of one peer of thousands, one that
 * comes from memory; and what depends on it is a matter of 10 s and more (paper, section 6.5). So
 * much may the beginning of what is unanswered be off. */
#define WB_PEER_LOOK_EVERY (100 * UINT64_C(1000000))

/** The workers' timestamps as lib/noise's timers want them, data included that came since an lcore
 * last looked at the other direction's part. Control only. */
struct wb_activity wb_peer_activity(const struct wb_peer *peer);

/**
 * Takes a derived session: makes the keypair, puts it in the receiver index table in place of the
 * handshake's entry, and rotates. As initiator the new key is used at once; as responder only when
 * wb_peer_confirm() says that data came in under it (paper, section 5.4.5). Control only.
 * @return 0, or -ENOMEM.
 */
int wb_peer_session_begin(struct wb_peer *peer, struct wb_index_table *indices,
	const struct wb_noise_session *session, uint64_t now, const struct wb_retire *retire);

/** Data came in under the receiver index: if it is the next keypair, it becomes the current one.
 * Returns true if it did. Control only. */
bool wb_peer_confirm(struct wb_peer *peer, struct wb_index_table *indices, uint32_t index,
	const struct wb_retire *retire);

/** The keypair to seal with: the next one as soon as it is proven, though control has not yet heard
 * of that. NULL: none. Seal lcore. */
static inline struct wb_keypair *wb_peer_sending_key(const struct wb_peer *peer)
{
	struct wb_keypair *next = atomic_load_explicit(&peer->next, memory_order_acquire);

	if (unlikely(next != NULL) && atomic_load_explicit(&next->proven, memory_order_acquire))
		return next;
	return atomic_load_explicit(&peer->current, memory_order_acquire);
}

/** Drops all keypairs and the handshake's index. Control only. */
void wb_peer_keys_erase(
	struct wb_peer *peer, struct wb_index_table *indices, const struct wb_retire *retire);

/** Gives a handshake about to start a receiver index, releasing an older one's. Returns the index,
 * or 0 when the table is full. Control only. */
uint32_t wb_peer_handshake_index(struct wb_peer *peer, struct wb_index_table *indices);

/** Puts the template in place and retires the old one. NULL takes it away. Control only. */
void wb_peer_outer_set(
	struct wb_peer *peer, struct wb_outer *outer, const struct wb_retire *retire);

#endif
