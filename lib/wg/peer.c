/* SPDX-License-Identifier: BSD-3-Clause */
#include "wg/peer.h"

#include <errno.h>

#include <rte_malloc.h>
#include <sodium.h>

#include "wg/index.h"

struct wb_activity wb_peer_activity(const struct wb_peer *peer)
{
	return (struct wb_activity){
		.tx_data = __atomic_load_n(&peer->seal.data, __ATOMIC_RELAXED),
		.tx_any = __atomic_load_n(&peer->seal.any, __ATOMIC_RELAXED),
		.rx_data = __atomic_load_n(&peer->open.data, __ATOMIC_RELAXED),
		.rx_any = __atomic_load_n(&peer->open.any, __ATOMIC_RELAXED),
		.tx_unanswered_since =
			__atomic_load_n(&peer->seal.unanswered_since, __ATOMIC_RELAXED),
		.rx_unanswered_since =
			__atomic_load_n(&peer->open.unanswered_since, __ATOMIC_RELAXED),
	};
}

static void keypair_drop(
	struct wb_index_table *indices, struct wb_keypair *keypair, const struct wb_retire *retire)
{
	if (keypair == NULL)
		return;
	wb_index_remove(indices, keypair->entry.index);
	wb_retire(retire, keypair, wb_keypair_free);
}

static struct wb_keypair *current_of(struct wb_peer *peer)
{
	return atomic_load_explicit(&peer->current, memory_order_relaxed);
}

static void handshake_index_release(struct wb_peer *peer, struct wb_index_table *indices)
{
	if (peer->handshake.index != 0)
		wb_index_remove(indices, peer->handshake.index);
	peer->handshake.index = 0;
}

uint32_t wb_peer_handshake_index(struct wb_peer *peer, struct wb_index_table *indices)
{
	handshake_index_release(peer, indices);
	peer->handshake.kind = WB_INDEX_HANDSHAKE;
	peer->handshake.peer = peer;
	/* The insertion writes the index into the entry before it shows it to anyone. */
	peer->handshake.index = wb_index_insert(indices, &peer->handshake, randombytes_random());
	return peer->handshake.index;
}

/* The kernel's add_new_keypair(): an initiator uses the new key at once and keeps the last
 * confirmed one for what is still under way; a responder parks it until it is confirmed. */
static void rotate(struct wb_peer *peer, struct wb_index_table *indices, struct wb_keypair *fresh,
	const struct wb_retire *retire)
{
	struct wb_keypair *current = current_of(peer);

	if (!fresh->initiator) {
		keypair_drop(indices, peer->next, retire);
		keypair_drop(indices, peer->previous, retire);
		peer->previous = NULL;
		peer->next = fresh;
		return;
	}
	if (peer->next != NULL) {
		/* Both sides began at once: the unconfirmed one may still be in use by the peer. */
		keypair_drop(indices, peer->previous, retire);
		peer->previous = peer->next;
		peer->next = NULL;
		keypair_drop(indices, current, retire);
	} else {
		keypair_drop(indices, peer->previous, retire);
		peer->previous = current;
	}
	atomic_store_explicit(&peer->current, fresh, memory_order_release);
}

int wb_peer_session_begin(struct wb_peer *peer, struct wb_index_table *indices,
	const struct wb_noise_session *session, uint64_t now, const struct wb_retire *retire)
{
	struct wb_keypair *fresh = wb_keypair_create(session, peer, now);

	if (fresh == NULL)
		return -ENOMEM;
	wb_index_replace(indices, session->local_index, fresh);
	peer->handshake.index = 0;
	rotate(peer, indices, fresh, retire);
	return 0;
}

bool wb_peer_confirm(struct wb_peer *peer, struct wb_index_table *indices, uint32_t index,
	const struct wb_retire *retire)
{
	struct wb_keypair *fresh = peer->next;

	if (fresh == NULL || fresh->entry.index != index)
		return false;
	keypair_drop(indices, peer->previous, retire);
	peer->previous = current_of(peer);
	peer->next = NULL;
	atomic_store_explicit(&peer->current, fresh, memory_order_release);
	return true;
}

void wb_peer_keys_erase(
	struct wb_peer *peer, struct wb_index_table *indices, const struct wb_retire *retire)
{
	struct wb_keypair *current = current_of(peer);

	atomic_store_explicit(&peer->current, NULL, memory_order_release);
	keypair_drop(indices, current, retire);
	keypair_drop(indices, peer->previous, retire);
	keypair_drop(indices, peer->next, retire);
	peer->previous = NULL;
	peer->next = NULL;
	handshake_index_release(peer, indices);
}

void wb_peer_outer_set(struct wb_peer *peer, struct wb_outer *outer, const struct wb_retire *retire)
{
	wb_retire(retire, atomic_exchange(&peer->outer, outer), rte_free);
}
