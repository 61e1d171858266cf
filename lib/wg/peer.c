/* SPDX-License-Identifier: BSD-3-Clause */
#include "wg/peer.h"

#include <errno.h>

#include <rte_malloc.h>
#include <sodium.h>

#include "wg/index.h"
#include "wg/tunnel.h"

/* Since when data is unanswered, of which an lcore noted the beginning when it last looked. If that
 * was answered and there was data since, it came within WB_PEER_LOOK_EVERY of that look, or there
 * would have been another: the last of it stands for its beginning, as it will at the next look. */
static uint64_t unanswered_since(uint64_t noted, uint64_t data, uint64_t answered)
{
	return noted <= answered && data > answered ? data : noted;
}

struct wb_activity wb_peer_activity(const struct wb_peer *peer)
{
	struct wb_activity activity = {
		.tx_data = __atomic_load_n(&peer->seal.data, __ATOMIC_RELAXED),
		.tx_any = __atomic_load_n(&peer->seal.any, __ATOMIC_RELAXED),
		.rx_data = __atomic_load_n(&peer->open.data, __ATOMIC_RELAXED),
		.rx_any = __atomic_load_n(&peer->open.any, __ATOMIC_RELAXED),
	};

	activity.tx_unanswered_since =
		unanswered_since(__atomic_load_n(&peer->seal.unanswered_since, __ATOMIC_RELAXED),
			activity.tx_data, RTE_MAX(activity.rx_any, peer->timers.control_received));
	activity.rx_unanswered_since =
		unanswered_since(__atomic_load_n(&peer->open.unanswered_since, __ATOMIC_RELAXED),
			activity.rx_data, activity.tx_any);
	return activity;
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

/* Workers may know the old one until it is no longer there to be found: then it may be dropped. */
static struct wb_keypair *next_exchange(struct wb_peer *peer, struct wb_keypair *fresh)
{
	return atomic_exchange_explicit(&peer->next, fresh, memory_order_acq_rel);
}

/* The kernel's add_new_keypair(): an initiator uses the new key at once and keeps the last
 * confirmed one for what is still under way; a responder parks it until it is confirmed. */
static void rotate(struct wb_peer *peer, struct wb_index_table *indices, struct wb_keypair *fresh,
	const struct wb_retire *retire)
{
	struct wb_keypair *current = current_of(peer), *next;

	if (!fresh->initiator) {
		keypair_drop(indices, next_exchange(peer, fresh), retire);
		keypair_drop(indices, peer->previous, retire);
		peer->previous = NULL;
		return;
	}
	atomic_store_explicit(&peer->current, fresh, memory_order_release);
	next = next_exchange(peer, NULL);
	keypair_drop(indices, peer->previous, retire);
	peer->previous = current;
	if (next != NULL) {
		/* Both sides began at once: the unconfirmed one may still be in use by the peer. */
		peer->previous = next;
		keypair_drop(indices, current, retire);
	}
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
	struct wb_keypair *fresh = atomic_load_explicit(&peer->next, memory_order_relaxed);

	if (fresh == NULL || fresh->entry.index != index)
		return false;
	keypair_drop(indices, peer->previous, retire);
	peer->previous = current_of(peer);
	/* In this order: it is always found at one place or the other. */
	atomic_store_explicit(&peer->current, fresh, memory_order_release);
	next_exchange(peer, NULL);
	return true;
}

void wb_peer_keys_erase(
	struct wb_peer *peer, struct wb_index_table *indices, const struct wb_retire *retire)
{
	struct wb_keypair *current = current_of(peer);

	atomic_store_explicit(&peer->current, NULL, memory_order_release);
	keypair_drop(indices, next_exchange(peer, NULL), retire);
	keypair_drop(indices, current, retire);
	keypair_drop(indices, peer->previous, retire);
	peer->previous = NULL;
	handshake_index_release(peer, indices);
}

void wb_peer_outer_set(struct wb_peer *peer, struct wb_outer *outer, const struct wb_retire *retire)
{
	struct wb_outer *old;

	if (outer != NULL)
		outer->serial = ++peer->outer_serial;
	old = atomic_exchange(&peer->outer, outer);
	atomic_store_explicit(&peer->way, outer != NULL ? outer->serial : 0, memory_order_release);
	wb_retire(retire, old, rte_free);
}
