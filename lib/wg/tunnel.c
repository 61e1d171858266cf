/* SPDX-License-Identifier: BSD-3-Clause */
#include "wg/tunnel.h"

#include <errno.h>
#include <stdlib.h>

#include <bsd/string.h>
#include <rte_malloc.h>
#include <sodium.h>

/* Four indices a peer at the most (previous, current, next keypair, handshake), and room for the
 * random choice of a free slot to be quick. */
#define INDEX_LOG2 18

/* Where Linux begins its ephemeral ports: a port chosen for the user comes from here on. */
#define RANDOM_PORT_MIN 32768
#define RANDOM_PORTS	28232

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
	tunnels->next_peer_id = 1;
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

static void tunnel_free(struct wb_tunnel *tunnel)
{
	for (uint32_t i = 0; i < tunnel->n_peers; i++)
		peer_free(tunnel->peers[i]);
	free(tunnel->peers);
	wb_allowedips_free(atomic_load(&tunnel->allowed));
	wb_allowedips_table_free(tunnel->table);
	sodium_memzero(tunnel, sizeof(*tunnel));
	rte_free(tunnel);
}

void wb_tunnels_free(struct wb_tunnels *tunnels)
{
	if (tunnels == NULL)
		return;
	for (unsigned i = 0; i < tunnels->n; i++)
		tunnel_free(tunnels->by_id[i]);
	wb_index_free(tunnels->indices);
	rte_free(tunnels);
}

static uint16_t random_port(const struct wb_tunnels *tunnels)
{
	uint16_t port;

	do
		port = (uint16_t)(RANDOM_PORT_MIN + randombytes_uniform(RANDOM_PORTS));
	while (tunnels->by_udp_port[port] != 0);
	return port;
}

int wb_tunnel_add(struct wb_tunnels *tunnels, const char *name, const struct wb_key *private_key,
	uint16_t listen_port, uint16_t mtu, uint64_t now, struct wb_tunnel **out,
	struct wb_err *err)
{
	struct wb_tunnel *tunnel;

	if (tunnels->n == WB_TUNNELS_MAX)
		return wb_err_set(err, ENOSPC, "%s: more than %u tunnels", name, WB_TUNNELS_MAX);
	if (listen_port != 0 && tunnels->by_udp_port[listen_port] != 0)
		return wb_err_set(err, EADDRINUSE, "%s: ListenPort %u is %s's already", name,
			listen_port, tunnels->by_id[tunnels->by_udp_port[listen_port] - 1]->name);
	tunnel = rte_zmalloc("wb_tunnel", sizeof(*tunnel), RTE_CACHE_LINE_SIZE);
	if (tunnel == NULL || (tunnel->table = wb_allowedips_table_create()) == NULL) {
		rte_free(tunnel);
		return wb_err_set(err, ENOMEM, "%s: no memory for the tunnel", name);
	}
	tunnel->id = tunnels->n;
	tunnel->mtu = mtu;
	tunnel->listen_port = listen_port != 0 ? listen_port : random_port(tunnels);
	strlcpy(tunnel->name, name, sizeof(tunnel->name));
	wb_noise_identity_set(&tunnel->identity, private_key);
	wb_cookie_checker_init(&tunnel->cookies, &tunnel->identity.keys, now);
	tunnels->by_udp_port[tunnel->listen_port] = (uint8_t)(tunnel->id + 1);
	tunnels->by_id[tunnels->n++] = tunnel;
	*out = tunnel;
	return wb_tunnel_allowed_publish(tunnels, tunnel, err);
}

int wb_tunnel_peer_add(struct wb_tunnels *tunnels, struct wb_tunnel *tunnel,
	const struct wb_key *public_key, const struct wb_key *psk, uint16_t keepalive_s,
	struct wb_peer **out, struct wb_err *err)
{
	struct wb_peer **peers;
	struct wb_peer *peer;

	if (tunnels->next_peer_id == WB_PEERS_MAX)
		return wb_err_set(err, ENOSPC, "%s: more than %u peers in all", tunnel->name,
			WB_PEERS_MAX - 1);
	peers = realloc(tunnel->peers, (tunnel->n_peers + 1) * sizeof(*peers));
	if (peers == NULL)
		return wb_err_set(err, ENOMEM, "%s: no memory for a peer", tunnel->name);
	tunnel->peers = peers;
	peer = rte_zmalloc("wb_peer", sizeof(*peer), RTE_CACHE_LINE_SIZE);
	if (peer == NULL)
		return wb_err_set(err, ENOMEM, "%s: no memory for a peer", tunnel->name);
	peer->tunnel = tunnel;
	peer->id = tunnels->next_peer_id++;
	peer->public_key = *public_key;
	peer->has_psk = psk != NULL;
	wb_noise_peer_init(&peer->noise, &tunnel->identity, public_key, psk);
	wb_timers_init(&peer->timers, keepalive_s);
	tunnel->peers[tunnel->n_peers++] = peer;
	atomic_store_explicit(&tunnels->peers[peer->id], peer, memory_order_release);
	*out = peer;
	return 0;
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
	wb_retire(&tunnels->retire, atomic_exchange(&tunnel->allowed, fresh), allowed_free);
	return 0;
}

struct wb_peer *wb_tunnel_peer_find(struct wb_tunnel *tunnel, const struct wb_key *public_key)
{
	for (uint32_t i = 0; i < tunnel->n_peers; i++)
		if (wb_key_equal(&tunnel->peers[i]->public_key, public_key))
			return tunnel->peers[i];
	return NULL;
}
