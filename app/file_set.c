/* SPDX-License-Identifier: BSD-3-Clause */
#include "file_set.h"

#include <stdlib.h>
#include <string.h>

#include <bsd/stdlib.h>

#include "clock.h"

static bool same_host(const struct wb_wgquick_peer *a, const struct wb_wgquick_peer *b)
{
	if (a->host == NULL || b->host == NULL)
		return a->host == b->host;
	return strcmp(a->host, b->host) == 0 && a->port == b->port;
}

static bool allowed_all(struct wb_uapi_peer *change, const struct wb_wgquick_peer *peer)
{
	for (unsigned i = 0; i < peer->n_allowed; i++)
		if (wb_uapi_peer_allowed_add(change, &peer->allowed[i], false) < 0)
			return false;
	return true;
}

static void endpoint_take(struct wb_uapi_peer *change, const struct wb_wgquick_peer *peer)
{
	change->endpoint_set = peer->endpoint.addr.family != 0;
	change->endpoint = peer->endpoint;
}

static bool peer_whole(struct wb_uapi_set *set, const struct wb_wgquick_peer *peer)
{
	struct wb_uapi_peer *change = wb_uapi_set_peer_add(set, &peer->public_key);

	if (change == NULL)
		return false;
	change->psk_set = peer->has_psk;
	change->psk = peer->preshared_key;
	change->keepalive_set = true;
	change->keepalive = peer->keepalive;
	change->replace_allowed = true;
	endpoint_take(change, peer);
	return allowed_all(change, peer);
}

struct wb_uapi_set *file_set_whole(const struct wb_wgquick *file)
{
	struct wb_uapi_set *set = wb_uapi_set_create();
	bool good = set != NULL;

	if (!good)
		return NULL;
	set->private_key_set = file->has_private_key;
	set->private_key = file->private_key;
	set->listen_port_set = true;
	set->listen_port = file->listen_port;
	set->fwmark_set = true;
	set->fwmark = file->fwmark;
	for (unsigned i = 0; good && i < file->n_peers; i++)
		good = peer_whole(set, &file->peers[i]);
	if (good)
		return set;
	wb_uapi_set_free(set);
	return NULL;
}

static int by_key(const void *a, const void *b)
{
	const struct wb_wgquick_peer *const *left = a, *const *right = b;

	return memcmp((*left)->public_key.bytes, (*right)->public_key.bytes, WB_KEY_LEN);
}

/* A file's peers in the order of their keys. */
static const struct wb_wgquick_peer **sorted(const struct wb_wgquick *file)
{
	const struct wb_wgquick_peer **list = calloc(file->n_peers + 1u, sizeof(*list));

	for (unsigned i = 0; list != NULL && i < file->n_peers; i++)
		list[i] = &file->peers[i];
	if (list != NULL)
		qsort(list, file->n_peers, sizeof(*list), by_key);
	return list;
}

static const struct wb_wgquick_peer *find_sorted(
	const struct wb_wgquick_peer **list, unsigned n, const struct wb_key *public_key)
{
	const struct wb_wgquick_peer wanted = {.public_key = *public_key}, *key = &wanted;
	const struct wb_wgquick_peer **found = bsearch(&key, list, n, sizeof(*list), by_key);

	return found != NULL ? *found : NULL;
}

const struct wb_wgquick_peer *file_peer_find(
	const struct wb_wgquick *file, const struct wb_key *public_key)
{
	for (unsigned i = 0; i < file->n_peers; i++)
		if (memcmp(file->peers[i].public_key.bytes, public_key->bytes, WB_KEY_LEN) == 0)
			return &file->peers[i];
	return NULL;
}

/* A peer's live prefixes and the file's, both as sorted lists. */
struct prefixes {
	struct wb_prefix *list;
	unsigned n, room;
	bool failed;
};

static void prefix_take(void *arg, const struct wb_prefix *prefix)
{
	struct prefixes *all = arg;
	unsigned room = all->room * 2 + 8;
	struct wb_prefix *larger;

	if (all->n == all->room) {
		larger = reallocarray(all->list, room, sizeof(*larger));
		if (larger == NULL) {
			all->failed = true;
			return;
		}
		all->list = larger;
		all->room = room;
	}
	all->list[all->n++] = *prefix;
}

static int by_prefix(const void *a, const void *b)
{
	return wb_prefix_compare(a, b);
}

/* Adds what the file has more and the tunnel has too much: a merge of two sorted lists. */
static bool allowed_merge(
	struct wb_uapi_peer *change, const struct prefixes *live, const struct prefixes *wanted)
{
	unsigned i = 0, j = 0;
	bool good = true;

	while (good && (i < live->n || j < wanted->n)) {
		int order = i == live->n ? 1
			: j == wanted->n ? -1
					 : wb_prefix_compare(&live->list[i], &wanted->list[j]);

		if (order < 0)
			good = wb_uapi_peer_allowed_add(change, &live->list[i++], true) == 0;
		else if (order > 0)
			good = wb_uapi_peer_allowed_add(change, &wanted->list[j++], false) == 0;
		else {
			i++;
			j++;
		}
	}
	return good;
}

static bool allowed_difference(struct wb_uapi_peer *change, const struct wb_peer *peer,
	const struct wb_wgquick_peer *wanted)
{
	struct prefixes live = {.n = 0}, file = {.n = 0};
	bool good;

	wb_allowedips_table_of_peer(peer->tunnel->table, peer->id, prefix_take, &live);
	for (unsigned i = 0; i < wanted->n_allowed; i++)
		prefix_take(&file, &wanted->allowed[i]);
	good = !live.failed && !file.failed;
	if (good && live.n > 0)
		qsort(live.list, live.n, sizeof(*live.list), by_prefix);
	if (good && file.n > 0)
		qsort(file.list, file.n, sizeof(*file.list), by_prefix);
	good = good && allowed_merge(change, &live, &file);
	free(live.list);
	free(file.list);
	return good;
}

static uint16_t keepalive_of(const struct wb_peer *peer)
{
	return (uint16_t)(peer->timers.keepalive_interval / NS_PER_SECOND);
}

/* The changes to a peer that is there; none if there are none. */
static bool peer_difference(struct wb_uapi_set *set, const struct wb_peer *peer,
	const struct wb_wgquick_peer *old, const struct wb_wgquick_peer *wanted)
{
	struct wb_uapi_peer *change = wb_uapi_set_peer_add(set, &wanted->public_key);

	if (change == NULL)
		return false;
	change->psk_set = !wb_key_equal(&peer->noise.psk, &wanted->preshared_key);
	change->psk = wanted->preshared_key;
	change->keepalive_set = keepalive_of(peer) != wanted->keepalive;
	change->keepalive = wanted->keepalive;
	if (old == NULL || !same_host(old, wanted))
		endpoint_take(change, wanted);
	if (!allowed_difference(change, peer, wanted))
		return false;
	if (!change->psk_set && !change->keepalive_set && !change->endpoint_set &&
		change->n_allowed == 0) {
		free(change->allowed);
		set->n_peers--;
	}
	return true;
}

static void interface_difference(struct wb_uapi_set *set, const struct wb_tunnel *tunnel,
	const struct wb_wgquick *before, const struct wb_wgquick *file)
{
	set->private_key_set = file->has_private_key;
	set->private_key = file->private_key;
	/* A port that was chosen by us is kept. */
	set->listen_port_set = file->listen_port != tunnel->listen_port &&
		(file->listen_port != 0 || before->listen_port != 0);
	set->listen_port = file->listen_port;
	set->fwmark_set = file->fwmark != tunnel->fwmark;
	set->fwmark = file->fwmark;
}

struct wb_uapi_set *file_set_difference(
	struct wb_tunnel *tunnel, const struct wb_wgquick *before, const struct wb_wgquick *file)
{
	const struct wb_wgquick_peer **wanted = sorted(file), **old = sorted(before);
	struct wb_uapi_set *set = wb_uapi_set_create();
	bool good = wanted != NULL && old != NULL && set != NULL;

	if (good)
		interface_difference(set, tunnel, before, file);
	for (uint32_t i = 0; good && i < tunnel->n_peers; i++) {
		const struct wb_key *key = &tunnel->peers[i]->public_key;

		if (find_sorted(wanted, file->n_peers, key) == NULL) {
			struct wb_uapi_peer *change = wb_uapi_set_peer_add(set, key);

			good = change != NULL;
			if (good)
				change->remove = true;
		}
	}
	/* Prefixes that move between peers: who has them later in the file gets them. */
	for (unsigned i = 0; good && i < file->n_peers; i++) {
		const struct wb_key *key = &file->peers[i].public_key;
		const struct wb_peer *peer = wb_tunnel_peer_find(tunnel, key);

		if (peer == NULL)
			good = peer_whole(set, &file->peers[i]);
		else
			good = peer_difference(
				set, peer, find_sorted(old, before->n_peers, key), &file->peers[i]);
	}
	free(wanted);
	free(old);
	if (good)
		return set;
	wb_uapi_set_free(set);
	return NULL;
}

static bool texts_copy(struct wb_texts *out, const struct wb_texts *in)
{
	out->texts = calloc(in->n + 1u, sizeof(*out->texts));
	for (; out->texts != NULL && out->n < in->n; out->n++)
		if ((out->texts[out->n] = strdup(in->texts[out->n])) == NULL)
			return false;
	return out->texts != NULL;
}

static bool interface_copy(struct wb_wgquick *out, const struct wb_wgquick *in)
{
	bool good =
		texts_copy(&out->dns, &in->dns) && texts_copy(&out->dns_search, &in->dns_search);

	for (unsigned i = 0; good && i < WB_HOOKS; i++)
		good = texts_copy(&out->hooks[i], &in->hooks[i]);
	out->addresses = calloc(in->n_addresses + 1u, sizeof(*out->addresses));
	if (!good || out->addresses == NULL)
		return false;
	out->n_addresses = in->n_addresses;
	for (unsigned i = 0; i < in->n_addresses; i++)
		out->addresses[i] = in->addresses[i];
	memcpy(out->name, in->name, sizeof(out->name));
	out->mtu = in->mtu;
	out->table_kind = in->table_kind;
	out->table = in->table;
	out->save = in->save;
	return true;
}

/* A host's name is kept, unless the peer is elsewhere by now. */
static bool endpoint_save(
	struct wb_wgquick_peer *out, const struct wb_peer *peer, const struct wb_wgquick_peer *in)
{
	out->endpoint = peer->endpoint;
	if (in == NULL || in->host == NULL || !wb_endpoint_equal(&in->endpoint, &peer->endpoint))
		return true;
	out->host = strdup(in->host);
	out->port = in->port;
	return out->host != NULL;
}

static bool peer_save(
	struct wb_wgquick_peer *out, const struct wb_peer *peer, const struct wb_wgquick_peer *in)
{
	struct prefixes live = {.n = 0};

	wb_allowedips_table_of_peer(peer->tunnel->table, peer->id, prefix_take, &live);
	out->allowed = live.list;
	out->n_allowed = live.n;
	out->public_key = peer->public_key;
	out->has_psk = peer->has_psk;
	out->preshared_key = peer->noise.psk;
	out->keepalive = keepalive_of(peer);
	return !live.failed && endpoint_save(out, peer, in);
}

struct wb_wgquick *file_of_tunnel(const struct wb_tunnel *tunnel, const struct wb_wgquick *file)
{
	struct wb_wgquick *out = calloc(1, sizeof(*out));
	bool good;

	if (out == NULL)
		return NULL;
	good = interface_copy(out, file);
	out->has_private_key = tunnel->identity.present;
	out->private_key = tunnel->identity.private_key;
	out->listen_port = tunnel->listen_port;
	out->fwmark = tunnel->fwmark;
	out->peers = calloc(tunnel->n_peers + 1u, sizeof(*out->peers));
	good = good && out->peers != NULL;
	for (uint32_t i = 0; good && i < tunnel->n_peers; i++) {
		out->n_peers++;
		good = peer_save(&out->peers[i], tunnel->peers[i],
			file_peer_find(file, &tunnel->peers[i]->public_key));
	}
	if (good)
		return out;
	wb_wgquick_free(out);
	return NULL;
}
