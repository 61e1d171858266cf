/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * A keypair: one session's transport keys, with the state each direction's lcore owns
 * (WireGuard paper, sections 5.4.5 and 5.4.6).
 *
 * Control creates and retires keypairs. Each direction's lcore has the lines that it writes to
 * itself; and what it needs for a packet is on one of them, since with many peers each line comes
 * from memory: one to seal, and one to open besides the word of the replay window.
 */
#ifndef WB_WG_KEYPAIR_H
#define WB_WG_KEYPAIR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_common.h>

#include "crypto/aead.h"
#include "noise/handshake.h"
#include "wg/replay.h"

struct wb_peer;

/** What a receiver index stands for. */
enum wb_index_kind {
	WB_INDEX_HANDSHAKE, /**< a handshake in progress: control only */
	WB_INDEX_KEYPAIR,   /**< a keypair: transport data */
};

/** The head of every object in the receiver index table. */
struct wb_index_entry {
	uint32_t index;	 /**< ours, as the peer sends it; first, as the index table asks */
	uint16_t tunnel; /**< of a keypair: its peer's, by id */
	uint8_t kind;	 /**< enum wb_index_kind */
	bool confirmed;	 /**< of a keypair: control was told that data came in. Open lcore */
	struct wb_peer *peer;
};

struct wb_keypair {
	struct wb_index_entry entry;
	struct wb_aead_key receive_key;
	uint64_t birth; /**< ns, when the session was derived */
	struct wb_replay replay;
	bool renewal_asked; /**< by the open lcore, once */
	bool initiator;	    /**< we began the handshake: we renew the key by age */
	atomic_bool proven; /**< data arrived under it: the peer has it */

	struct {
		struct wb_aead_key key;
		uint64_t counter;      /**< the next one to use; never used twice (invariant 2) */
		uint64_t birth;	       /**< as above */
		uint32_t remote_index; /**< goes into the header of what we seal */
		bool initiator;	       /**< as above */
	} seal __rte_cache_aligned;
} __rte_cache_aligned;

_Static_assert(offsetof(struct wb_keypair, replay.words) == RTE_CACHE_LINE_SIZE,
	"what opening needs is on the first cache line");

/** How old a key born then is, ns. `now` may be of a worker's round that began before control made
 * the key. */
static inline uint64_t wb_keypair_age(uint64_t birth, uint64_t now)
{
	return now > birth ? now - birth : 0;
}

/** Makes a keypair of a derived session. Control only. NULL when memory is out. */
struct wb_keypair *wb_keypair_create(
	const struct wb_noise_session *session, struct wb_peer *peer, uint64_t now);

/** Wipes the keys and frees. Only after the workers were quiescent. */
void wb_keypair_free(void *keypair);

#endif
