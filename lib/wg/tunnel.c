/* SPDX-License-Identifier: BSD-3-Clause */
#include "wg/tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>
#include <rte_malloc.h>
#include <sodium.h>

/* Four indices a peer at the most (previous, current, next keypair, handshake), and room for the
 * random choice of a free slot to be quick. */
#define INDEX_LOG2 18

static int peer_compare(const struct wb_peer *a, const struct wb_peer *b)
{
	return memcmp(a->public_key.bytes, b->public_key.bytes, WB_KEY_LEN);
}

WB_RB_GENERATE(wb_peer_tree, wb_peer, by_key, peer_compare)

struct wb_tunnels *wb_tunnels_create(const struct wb_retire *retire)
{
	struct wb_tunnels *tunnels =
		rte_zmalloc("wb_tunnels", sizeof(*tunnels), RTE_CACHE_LINE_SIZE);

	if (tunnels == NULL)
		return NULL;
	tunnels->indices = wb_index_create(INDEX_LOG2);
	if (tunnels->indices == NULL) {
		rte_free(tunnels);
		return NULL;
	}
	tunnels->id_taken[0] = true;
	tunnels->retire = *retire;
	return tunnels;
}

static void peer_free(struct wb_peer *peer)
{
	wb_keypair_free(atomic_load(&peer->current));
	wb_keypair_free(peer->previous);
	wb_keypair_free(peer->next);
	rte_free(atomic_load(&peer->outer));
	sodium_memzero(peer, sizeof(*peer));
	rte_free(peer);
}

static void tunnel_free(struct wb_tunnels *tunnels, struct wb_tunnel *tunnel)
{
	if (tunnel == NULL)
		return;
	for (uint32_t i = 0; i < tunnel->n_peers; i++)
		peer_free(tunnel->peers[i]);
	free(tunnel->peers);
	wb_allowedips_free(atomic_exchange(&tunnels->allowed[tunnel->id], NULL));
	wb_allowedips_table_free(tunnel->table);
	sodium_memzero(tunnel, sizeof(*tunnel));
	rte_free(tunnel);
}

void wb_tunnels_free(struct wb_tunnels *tunnels)
{
	if (tunnels == NULL)
		return;
	for (unsigned i = 0; i < tunnels->n; i++)
		tunnel_free(tunnels, tunnels->by_id[i]);
	wb_index_free(tunnels->indices);
	rte_free(tunnels);
}

int wb_tunnel_add(struct wb_tunnels *tunnels, const char *name, uint16_t mtu, uint64_t now,
	struct wb_tunnel **out, struct wb_err *err)
{
	const struct wb_key none = {.bytes = {0}};
	struct wb_tunnel *tunnel;
	unsigned id = 0;

	while (id < WB_TUNNELS_MAX && tunnels->by_id[id] != NULL)
		id++;
	if (id == WB_TUNNELS_MAX)
		return wb_err_set(err, ENOSPC, "%s: more than %u tunnels", name, WB_TUNNELS_MAX);
	tunnel = rte_zmalloc("wb_tunnel", sizeof(*tunnel), RTE_CACHE_LINE_SIZE);
	if (tunnel == NULL || (tunnel->table = wb_allowedips_table_create()) == NULL) {
		rte_free(tunnel);
		return wb_err_set(err, ENOMEM, "%s: no memory for the tunnel", name);
	}
	tunnel->id = (uint16_t)id;
	tunnels->mtu[id] = mtu;
	strlcpy(tunnel->name, name, sizeof(tunnel->name));
	RB_INIT(&tunnel->by_key);
	wb_noise_identity_set(&tunnel->identity, &none);
	wb_cookie_checker_init(&tunnel->cookies, &tunnel->identity.keys, now);
	if (wb_tunnel_allowed_publish(tunnels, tunnel, err) < 0) {
		tunnel_free(tunnels, tunnel);
		return -ENOMEM;
	}
	tunnels->by_id[id] = tunnel;
	if (id == tunnels->n)
		tunnels->n++;
	*out = tunnel;
	return 0;
}

void wb_tunnel_remove(struct wb_tunnels *tunnels, struct wb_tunnel *tunnel)
{
	wb_tunnel_ports_release(tunnels, tunnel);
	tunnels->by_id[tunnel->id] = NULL;
	while (tunnels->n > 0 && tunnels->by_id[tunnels->n - 1] == NULL)
		tunnels->n--;
	tunnel_free(tunnels, tunnel);
}

struct wb_tunnel *wb_tunnel_find(const struct wb_tunnels *tunnels, const char *name)
{
	for (unsigned i = 0; i < tunnels->n; i++)
		if (tunnels->by_id[i] != NULL && strcmp(tunnels->by_id[i]->name, name) == 0)
			return tunnels->by_id[i];
	return NULL;
}

void wb_tunnel_key_set(struct wb_tunnels *tunnels, struct wb_tunnel *tunnel,
	const struct wb_key *private_key, uint64_t now)
{
	struct wb_noise_identity fresh;

	wb_noise_identity_set(&fresh, private_key);
	if (wb_key_equal(&fresh.private_key, &tunnel->identity.private_key)) {
		sodium_memzero(&fresh, sizeof(fresh));
		return;
	}
	tunnel->identity = fresh;
	sodium_memzero(&fresh, sizeof(fresh));
	wb_cookie_checker_init(&tunnel->cookies, &tunnel->identity.keys, now);
	for (uint32_t i = 0; i < tunnel->n_peers; i++) {
		struct wb_peer *peer = tunnel->peers[i];

		wb_noise_peer_identity_changed(&peer->noise, &tunnel->identity);
		wb_peer_keys_erase(peer, tunnels->indices, &tunnels->retire);
		wb_timers_identity_changed(&peer->timers, now);
	}
}

/* An id nobody has or had a moment ago; 0: none is free. */
static uint32_t id_take(struct wb_tunnels *tunnels)
{
	uint32_t id = tunnels->last_peer_id;

	if (tunnels->n_peers >= WB_PEERS_MAX - 1)
		return 0;
	do
		id = (id + 1) % WB_PEERS_MAX;
	while (tunnels->id_taken[id]);
	tunnels->id_taken[id] = true;
	tunnels->n_peers++;
	tunnels->last_peer_id = id;
	return id;
}

static bool peers_grow(struct wb_tunnel *tunnel)
{
	uint32_t room = tunnel->peers_room * 2 + 4;
	struct wb_peer **peers;

	if (tunnel->n_peers < tunnel->peers_room)
		return true;
	peers = realloc(tunnel->peers, room * sizeof(struct wb_peer *));
	if (peers == NULL)
		return false;
	tunnel->peers = peers;
	tunnel->peers_room = room;
	return true;
}

int wb_tunnel_peer_add(struct wb_tunnels *tunnels, struct wb_tunnel *tunnel,
	const struct wb_key *public_key, const struct wb_key *psk, struct wb_peer **out,
	struct wb_err *err)
{
	struct wb_peer *peer = NULL;
	uint32_t id;

	if (peers_grow(tunnel))
		peer = rte_zmalloc("wb_peer", sizeof(*peer), RTE_CACHE_LINE_SIZE);
	if (peer == NULL)
		return wb_err_set(err, ENOMEM, "%s: no memory for a peer", tunnel->name);
	id = id_take(tunnels);
	if (id == 0) {
		rte_free(peer);
		return wb_err_set(err, ENOSPC, "%s: more than %u peers in all", tunnel->name,
			WB_PEERS_MAX - 1);
	}
	peer->tunnel = tunnel;
	peer->id = id;
	peer->serial = ++tunnels->last_serial;
	peer->public_key = *public_key;
	peer->has_psk = psk != NULL;
	wb_noise_peer_init(&peer->noise, &tunnel->identity, public_key, psk);
	wb_timers_init(&peer->timers, 0);
	tunnel->peers[tunnel->n_peers++] = peer;
	RB_INSERT(wb_peer_tree, &tunnel->by_key, peer);
	atomic_store_explicit(&tunnels->peers[id], peer, memory_order_release);
	*out = peer;
	return 0;
}

static uint32_t place_of(const struct wb_tunnel *tunnel, const struct wb_peer *peer)
{
	uint32_t i = tunnel->n_peers - 1;

	/* From the end: whoever removes all peers does so backwards. */
	while (tunnel->peers[i] != peer)
		i--;
	return i;
}

void wb_tunnel_peer_unlink(struct wb_tunnels *tunnels, struct wb_peer *peer)
{
	struct wb_tunnel *tunnel = peer->tunnel;
	uint32_t place = place_of(tunnel, peer);

	memmove(&tunnel->peers[place], &tunnel->peers[place + 1],
		(--tunnel->n_peers - place) * sizeof(struct wb_peer *));
	RB_REMOVE(wb_peer_tree, &tunnel->by_key, peer);
	wb_allowedips_table_remove(tunnel->table, peer->id);
	atomic_store_explicit(&tunnels->peers[peer->id], NULL, memory_order_release);
	wb_peer_keys_erase(peer, tunnels->indices, &tunnels->retire);
	wb_peer_outer_set(peer, NULL, &tunnels->retire);
}

void wb_tunnel_peer_free(struct wb_tunnels *tunnels, struct wb_peer *peer)
{
	tunnels->id_taken[peer->id] = false;
	tunnels->n_peers--;
	peer_free(peer);
}

static void allowed_free(void *allowed)
{
	wb_allowedips_free(allowed);
}

int wb_tunnel_allowed_publish(
	struct wb_tunnels *tunnels, struct wb_tunnel *tunnel, struct wb_err *err)
{
	struct wb_allowedips *fresh = wb_allowedips_table_build(tunnel->table, err);

	if (fresh == NULL)
		return -ENOMEM;
	wb_retire(&tunnels->retire, atomic_exchange(&tunnels->allowed[tunnel->id], fresh),
		allowed_free);
	return 0;
}

struct wb_peer *wb_tunnel_peer_towards(const struct wb_tunnels *tunnels,
	const struct wb_tunnel *tunnel, const struct wb_addr *addr)
{
	const struct wb_allowedips *allowed =
		atomic_load_explicit(&tunnels->allowed[tunnel->id], memory_order_relaxed);

	return wb_peer_by_id(tunnels,
		addr->family == AF_INET ? wb_allowedips_lookup4(allowed, addr->v4)
					: wb_allowedips_lookup6(allowed, addr->bytes));
}

struct wb_peer *wb_tunnel_peer_find(struct wb_tunnel *tunnel, const struct wb_key *public_key)
{
	struct wb_peer wanted;

	wanted.public_key = *public_key;
	return RB_FIND(wb_peer_tree, &tunnel->by_key, &wanted);
}
