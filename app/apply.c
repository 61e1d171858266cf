/* SPDX-License-Identifier: BSD-3-Clause */
#include "apply.h"

#include <errno.h>

/* What could fail of a set is looked at before anything is changed. */
static int prove(const struct control *control, const struct wb_tunnel *tunnel,
	const struct wb_uapi_set *set, struct wb_err *err)
{
	const struct wb_tunnels *wg = control->gateway->wg;
	const struct wb_tunnel *there = wb_tunnel_listening(wg, set->listen_port);

	if (set->listen_port_set && there != NULL && there != tunnel)
		return wb_err_set(err, EADDRINUSE, "%s: ListenPort %u is %s's already",
			tunnel->name, set->listen_port, there->name);
	if (wg->n_peers + set->n_peers >= WB_PEERS_MAX)
		return wb_err_set(err, ENOSPC, "%s: more than %u peers in all", tunnel->name,
			WB_PEERS_MAX - 1);
	return 0;
}

static int peers_remove_all(struct control *control, struct wb_tunnel *tunnel, struct wb_err *err)
{
	int rc = 0;

	while (rc == 0 && tunnel->n_peers > 0)
		rc = peer_remove(control, tunnel->peers[tunnel->n_peers - 1], err);
	return rc;
}

/* A tunnel is no peer of its own: one with its new key goes, as in the kernel. */
static int key_apply(struct control *control, struct wb_tunnel *tunnel,
	const struct wb_key *private_key, struct wb_err *err)
{
	struct wb_peer *self;

	wb_tunnel_key_set(control->gateway->wg, tunnel, private_key, clock_now());
	if (!tunnel->identity.present)
		return 0;
	for (uint32_t i = 0; i < tunnel->n_peers; i++)
		peer_timers_run(control, tunnel->peers[i], clock_now());
	self = wb_tunnel_peer_find(tunnel, &tunnel->identity.public_key);
	return self != NULL ? peer_remove(control, self, err) : 0;
}

static int allowed_apply(
	struct wb_tunnel *tunnel, const struct wb_peer *peer, const struct wb_uapi_peer *change)
{
	int rc = 0;

	if (change->replace_allowed)
		wb_allowedips_table_remove(tunnel->table, peer->id);
	for (unsigned i = 0; rc == 0 && i < change->n_allowed; i++) {
		const struct wb_uapi_allowed *allowed = &change->allowed[i];

		if (allowed->remove)
			wb_allowedips_table_unset(tunnel->table, &allowed->prefix, peer->id);
		else
			rc = wb_allowedips_table_set(tunnel->table, &allowed->prefix, peer->id);
	}
	return rc;
}

static void keepalive_apply(struct control *control, struct wb_peer *peer, uint16_t seconds)
{
	bool was_off = peer->timers.keepalive_interval == 0;

	peer->timers.keepalive_interval = seconds * NS_PER_SECOND;
	/* Tell the peer, and what translates addresses on the way, where we are. */
	if (was_off && seconds != 0)
		peer_keepalive_now(control, peer, clock_now());
}

/* The peer a change is about; NULL: there is none, and there is to be none. */
static int peer_for(struct control *control, struct wb_tunnel *tunnel,
	const struct wb_uapi_peer *change, struct wb_peer **out, struct wb_err *err)
{
	*out = wb_tunnel_peer_find(tunnel, &change->public_key);
	if (*out != NULL || change->remove || change->update_only)
		return 0;
	if (tunnel->identity.present &&
		wb_key_equal(&tunnel->identity.public_key, &change->public_key))
		return 0;
	return peer_add(control, tunnel, &change->public_key, NULL, out, err);
}

static int peer_apply(struct control *control, struct wb_tunnel *tunnel,
	const struct wb_uapi_peer *change, struct wb_err *err)
{
	struct wb_peer *peer;
	int rc = peer_for(control, tunnel, change, &peer, err);

	if (rc < 0 || peer == NULL)
		return rc;
	if (change->remove)
		return peer_remove(control, peer, err);
	if (change->psk_set) {
		peer->has_psk = !wb_key_is_zero(&change->psk);
		wb_noise_peer_psk_set(&peer->noise, &change->psk);
	}
	if (allowed_apply(tunnel, peer, change) < 0)
		return wb_err_set(err, ENOMEM, "%s: no memory for allowed IPs", tunnel->name);
	if (change->endpoint_set)
		peer_moved_to(control, peer, &change->endpoint);
	if (change->keepalive_set)
		keepalive_apply(control, peer, change->keepalive);
	peer_timers_run(control, peer, clock_now());
	return 0;
}

static int peers_apply(struct control *control, struct wb_tunnel *tunnel,
	const struct wb_uapi_set *set, struct wb_err *err)
{
	int rc = set->replace_peers ? peers_remove_all(control, tunnel, err) : 0;

	for (unsigned i = 0; rc == 0 && i < set->n_peers; i++)
		rc = peer_apply(control, tunnel, &set->peers[i], err);
	return rc;
}

int tunnel_apply(struct control *control, struct wb_tunnel *tunnel, const struct wb_uapi_set *set,
	struct wb_err *err)
{
	bool ways = set->fwmark_set || set->listen_port_set;
	int rc = prove(control, tunnel, set, err);

	if (rc < 0)
		return rc;
	if (set->private_key_set)
		rc = key_apply(control, tunnel, &set->private_key, err);
	if (rc == 0 && set->listen_port_set)
		rc = wb_tunnel_port_set(control->gateway->wg, tunnel, set->listen_port, err);
	if (set->fwmark_set)
		tunnel->fwmark = set->fwmark;
	if (rc == 0)
		rc = peers_apply(control, tunnel, set, err);
	if (rc == 0 && ways)
		ways_update_tunnel(control, tunnel);
	/* Who is reached through whom follows from allowed IPs and endpoints. */
	control->ways_dirty |= control->nested;
	/* Another tunnel may have sent from this port. */
	control->ways_dirty |= set->listen_port_set;
	if (rc == 0 && (set->replace_peers || set->n_peers > 0 || set->private_key_set))
		rc = wb_tunnel_allowed_publish(control->gateway->wg, tunnel, err);
	return rc;
}
