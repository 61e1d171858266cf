/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers on the control thread: their timers, and what workers tell of them. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control.h"
#include "names.h"
#include "paths.h"

static int timer_compare(const struct peer_timer *a, const struct peer_timer *b)
{
	if (a->deadline != b->deadline)
		return a->deadline < b->deadline ? -1 : 1;
	return (a->peer->id > b->peer->id) - (a->peer->id < b->peer->id);
}

WB_RB_GENERATE(deadline_tree, peer_timer, entry, timer_compare)

int peer_timer_add(struct control *control, struct wb_peer *peer)
{
	struct peer_timer *timer = calloc(1, sizeof(*timer));

	if (timer == NULL)
		return -ENOMEM;
	timer->peer = peer;
	timer->deadline = UINT64_MAX;
	control->timers[peer->id] = timer;
	return 0;
}

static void timer_free(struct peer_timer *timer)
{
	if (timer != NULL)
		free(timer->host);
	free(timer);
}

void peer_timers_free(struct control *control)
{
	for (uint32_t id = 0; id < WB_PEERS_MAX; id++)
		timer_free(control->timers[id]);
}

static void deadline_set(struct control *control, struct peer_timer *timer, uint64_t deadline)
{
	if (timer->deadline == deadline)
		return;
	if (timer->deadline != UINT64_MAX)
		RB_REMOVE(deadline_tree, &control->deadlines, timer);
	timer->deadline = deadline;
	if (deadline != UINT64_MAX)
		RB_INSERT(deadline_tree, &control->deadlines, timer);
}

void peer_timer_remove(struct control *control, struct wb_peer *peer)
{
	deadline_set(control, control->timers[peer->id], UINT64_MAX);
	timer_free(control->timers[peer->id]);
	control->timers[peer->id] = NULL;
}

void peer_keepalive_now(struct control *control, struct wb_peer *peer, uint64_t now)
{
	const struct wb_keypair *current =
		atomic_load_explicit(&peer->current, memory_order_relaxed);

	if (current != NULL && wb_keypair_age(current->birth, now) < WB_REJECT_AFTER_TIME)
		handshake_keepalive(control, peer);
	else
		wb_timers_handshake_wanted(&peer->timers, now);
}

static void act(struct control *control, struct wb_peer *peer, unsigned actions, uint64_t now)
{
	if (actions & WB_TIMER_ERASE_KEYS)
		wb_peer_keys_erase(peer, control->gateway->wg->indices, &control->retire_handle);
	if (actions & WB_TIMER_GIVE_UP) {
		/* The packets that wait will not be sent; the next one asks again. */
		atomic_store(&peer->gave_up, true);
		atomic_store(&peer->wanted, false);
		control->timers[peer->id]->initiation_pending = false;
	}
	if (actions & WB_TIMER_FORGET_SOURCE)
		memset(&peer->local, 0, sizeof(peer->local));
	if (actions & WB_TIMER_SEND_KEEPALIVE)
		peer_keepalive_now(control, peer, now);
	if (actions & WB_TIMER_SEND_INITIATION) {
		/* No answer, or nobody to ask: perhaps the host has moved. */
		if (peer->timers.attempts > 1 || peer->endpoint.addr.family == 0)
			names_ask(control, peer);
		handshake_begin(control, peer, now);
	}
}

static uint64_t deadline_of(const struct wb_peer *peer)
{
	const struct wb_activity activity = wb_peer_activity(peer);

	return wb_timers_deadline(&peer->timers, &activity);
}

/* Longer than an lcore's store takes to be seen by another, and than workers go by what they last
 * saw of a peer's other direction. */
#define SEEN (10 * WB_PEER_LOOK_EVERY)

/* There was data not long ago: to fall asleep between two packets of many is to be woken by each.
 */
static bool is_active(const struct wb_peer *peer, uint64_t now)
{
	const struct wb_activity activity = wb_peer_activity(peer);

	return now < RTE_MAX(activity.tx_data, activity.rx_data) + SEEN;
}

void peer_timers_run(struct control *control, struct wb_peer *peer, uint64_t now)
{
	struct wb_activity activity = wb_peer_activity(peer);
	uint64_t deadline, soonest = now + WB_KEEPALIVE_TIMEOUT;
	struct peer_timer *timer = control->timers[peer->id];
	bool stay;

	act(control, peer, wb_timers_run(&peer->timers, &activity, now, randombytes_random()), now);
	deadline = deadline_of(peer);
	/* What data asks for from now on falls due at `soonest` or later: we look then, or workers
	 * wake us for it. A worker that has just found us awake did not wake us: we see its data
	 * when we look once more. */
	stay = deadline <= soonest || is_active(peer, now);
	if (atomic_exchange(&peer->armed, stay) && !stay)
		timer->look_again = now + SEEN;
	if (stay)
		deadline = RTE_MIN(deadline, soonest);
	else if (now < timer->look_again)
		deadline = timer->look_again;
	deadline_set(control, timer, deadline);
}

uint64_t peers_run_due(struct control *control, uint64_t now)
{
	struct peer_timer *timer;

	while ((timer = RB_MIN(deadline_tree, &control->deadlines)) != NULL &&
		timer->deadline <= now) {
		uint64_t before = timer->deadline;

		peer_timers_run(control, timer->peer, now);
		/* A deadline that does not move on must not hold up the loop. */
		if (timer->deadline <= before)
			deadline_set(control, timer, now + NS_PER_MS);
	}
	return timer == NULL ? UINT64_MAX : timer->deadline;
}

void peer_session_begun(struct control *control, struct wb_peer *peer, uint64_t now)
{
	struct wb_keypair *current = atomic_load_explicit(&peer->current, memory_order_relaxed);

	wb_timers_session_derived(&peer->timers, now);
	if (current != NULL && current->initiator && current->birth == now)
		wb_timers_handshake_complete(&peer->timers, now);
	atomic_store(&peer->wanted, false);
	peer_timers_run(control, peer, now);
}

static void endpoint_set(struct wb_peer *peer, const struct wb_endpoint *endpoint)
{
	/* What routers told of another way. */
	if (!wb_addr_equal(&peer->endpoint.addr, &endpoint->addr))
		peer->path_mtu = 0;
	peer->endpoint = *endpoint;
}

void peer_moved_to(
	struct control *control, struct wb_peer *peer, const struct wb_endpoint *endpoint)
{
	if (wb_endpoint_equal(&peer->endpoint, endpoint))
		return;
	endpoint_set(peer, endpoint);
	memset(&peer->local, 0, sizeof(peer->local));
	way_update(control, peer);
}

void peer_moved(struct control *control, struct wb_peer *peer, const struct wb_endpoint *remote,
	const struct wb_addr *local)
{
	if (wb_endpoint_equal(&peer->endpoint, remote) && wb_addr_equal(&peer->local, local) &&
		atomic_load_explicit(&peer->outer, memory_order_relaxed) != NULL)
		return;
	endpoint_set(peer, remote);
	peer->local = *local;
	way_update(control, peer);
}

static void confirmed(struct control *control, struct wb_peer *peer, uint32_t index, uint64_t now)
{
	if (!wb_peer_confirm(peer, control->gateway->wg->indices, index, &control->retire_handle))
		return;
	clock_gettime(CLOCK_REALTIME, &peer->handshaken);
	wb_timers_handshake_complete(&peer->timers, now);
	atomic_store(&peer->wanted, false);
}

void peer_event(struct control *control, const struct event *event, uint64_t now)
{
	struct wb_peer *peer = wb_peer_by_id(control->gateway->wg, event->peer_id);
	const struct wb_endpoint remote = {.addr = event->remote, .port = event->port};

	if (event->kind == EVENT_ECHO) {
		paths_replied(control, event);
		return;
	}
	if (event->kind == EVENT_PATH_MTU) {
		way_path_mtu(control, event, now);
		return;
	}
	if (peer == NULL || peer->serial != event->serial)
		return;
	switch (event->kind) {
	case EVENT_WANT_HANDSHAKE:
		wb_timers_handshake_wanted(&peer->timers, now);
		break;
	case EVENT_CONFIRMED:
		confirmed(control, peer, event->index, now);
		break;
	case EVENT_ROAMED:
		peer_moved(control, peer, &remote, &event->local);
		atomic_fetch_sub(&peer->moving, 1);
		break;
	case EVENT_UNRESOLVED:
		if (peer->endpoint.addr.family == 0)
			names_ask(control, peer);
		else
			way_update(control, peer);
		break;
	case EVENT_ARM:
	default:
		break;
	}
	peer_timers_run(control, peer, now);
}
