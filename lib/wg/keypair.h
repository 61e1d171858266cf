/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * A keypair: one session's transport keys, with the state each direction's lcore owns
 * (WireGuard paper, sections 5.4.5 and 5.4.6).
 *
 * Control creates and retires keypairs. The seal lcore of the tunnel alone advances `seal.counter`,
 * the open lcore alone moves `open.replay`: neither line is ever shared.
 */
#ifndef WB_WG_KEYPAIR_H
#define WB_WG_KEYPAIR_H

#include <stdatomic.h>
#include <stdbool.h>
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
	uint16_t kind;	 /**< enum wb_index_kind */
	uint16_t tunnel; /**< the peer's, by its id */
	struct wb_peer *peer;
};

struct wb_keypair {
	struct wb_index_entry entry;
	uint32_t remote_index; /**< goes into the header of what we seal */
	bool initiator;	       /**< we began the handshake: we renew the key by age */
	uint64_t birth;	       /**< ns, when the session was derived */
	struct wb_aead_key send_key;
	struct wb_aead_key receive_key;

	struct {
		uint64_t counter; /**< the next one to use; never used twice (invariant 2) */
		bool rekey_asked; /**< the renewal was asked for once already */
	} seal __rte_cache_aligned;

	atomic_bool proven; /**< data arrived under it: the peer has it */

	struct {
		bool confirmed; /**< that was reported to control */
		bool rekey_asked;
		struct wb_replay replay;
	} open __rte_cache_aligned;
} __rte_cache_aligned;

/** How old it is, ns. `now` may be of a worker's round that began before control made the key. */
static inline uint64_t wb_keypair_age(const struct wb_keypair *keypair, uint64_t now)
{
	return now > keypair->birth ? now - keypair->birth : 0;
}

/** Makes a keypair of a derived session. Control only. NULL when memory is out. */
struct wb_keypair *wb_keypair_create(
	const struct wb_noise_session *session, struct wb_peer *peer, uint64_t now);

/** Wipes the keys and frees. Only after the workers were quiescent. */
void wb_keypair_free(void *keypair);

#endif
