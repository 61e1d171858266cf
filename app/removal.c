/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers come and go while workers run. A peer that goes is unlinked at once; then all workers have
 * to be quiescent, the seal stage has to let go of what it has staged, and all workers have to be
 * quiescent again, before its memory and its id are free. */
#include <errno.h>
#include <stdlib.h>

#include "control.h"
#include "paths.h"

struct removal {
	STAILQ_ENTRY(removal) entry;
	struct gateway_tunnel *slot;
	struct wb_peer *peer;
	bool quiescent; /* no worker finds the peer any more */
	bool asked;	/* the seal stage was told to forget it */
	bool purged;	/* it did, and nobody knows the peer since */
	bool waiting;	/* for the second quiescence */
};

int peer_add(struct control *control, struct wb_tunnel *tunnel, const struct wb_key *public_key,
	const struct wb_key *psk, struct wb_peer **out, struct wb_err *err)
{
	struct wb_tunnels *wg = control->gateway->wg;
	int rc = wb_tunnel_peer_add(wg, tunnel, public_key, psk, out, err);

	if (rc < 0)
		return rc;
	if (peer_timer_add(control, *out) == 0)
		return 0;
	wb_tunnel_peer_unlink(wg, *out);
	wb_tunnel_peer_free(wg, *out);
	return wb_err_set(err, ENOMEM, "%s: no memory for a peer", tunnel->name);
}

static void is_quiescent(void *arg)
{
	((struct removal *)arg)->quiescent = true;
}

static void is_purged(void *arg)
{
	((struct removal *)arg)->purged = true;
}

int peer_remove(struct control *control, struct wb_peer *peer, struct wb_err *err)
{
	struct removal *removal = calloc(1, sizeof(*removal));

	if (removal == NULL)
		return wb_err_set(err, ENOMEM, "no memory to remove a peer");
	removal->peer = peer;
	removal->slot = &control->gateway->tunnels[peer->tunnel->id];
	removal->slot->removals++;
	paths_peer_gone(control, peer);
	peer_timer_remove(control, peer);
	wb_tunnel_peer_unlink(control->gateway->wg, peer);
	STAILQ_INSERT_TAIL(&control->removals, removal, entry);
	wb_retire(&control->retire_handle, removal, is_quiescent);
	return 0;
}

/* Tells the peer's seal stage to forget it. False: not now, its ring or the pool is full. */
static bool purge_ask(struct control *control, struct wb_peer *peer)
{
	struct gateway *gateway = control->gateway;
	struct stage *seal = &gateway->plan.stages[gateway->plan.seal[peer->tunnel->id]];
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(gateway->control_pool);

	if (mbuf == NULL)
		return false;
	packet_of(mbuf)->peer = peer;
	packet_of(mbuf)->request = PACKET_PURGE;
	if (stage_tell(seal, mbuf))
		return true;
	rte_pktmbuf_free(mbuf);
	return false;
}

static void removal_end(struct control *control, struct removal *removal)
{
	STAILQ_REMOVE(&control->removals, removal, removal, entry);
	removal->slot->removals--;
	wb_tunnel_peer_free(control->gateway->wg, removal->peer);
	free(removal);
}

void removals_poll(struct control *control)
{
	struct removal *removal, *next;

	for (removal = STAILQ_FIRST(&control->removals); removal != NULL; removal = next) {
		next = STAILQ_NEXT(removal, entry);
		if (removal->purged) {
			removal_end(control, removal);
		} else if (removal->quiescent && !removal->asked) {
			removal->asked = purge_ask(control, removal->peer);
			if (!removal->asked)
				return;
		} else if (removal->asked && !removal->waiting &&
			atomic_load_explicit(&removal->peer->purged, memory_order_acquire)) {
			removal->waiting = true;
			wb_retire(&control->retire_handle, removal, is_purged);
		} else if (!removal->quiescent) {
			return; /* those behind it were removed later */
		}
	}
}

void removals_finish(struct control *control)
{
	while (!STAILQ_EMPTY(&control->removals))
		removal_end(control, STAILQ_FIRST(&control->removals));
}
