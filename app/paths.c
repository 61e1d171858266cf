/* SPDX-License-Identifier: BSD-3-Clause */
#include "paths.h"

#include <stdlib.h>
#include <string.h>

#include "config_path.h"
#include "echo.h"
#include "groups.h"
#include "tunnels.h"

/* How often it is looked up which tunnels are paths, and whom to probe. */
#define LOOK_EVERY NS_PER_SECOND

/* How often all routes may be looked through for that. */
#define SEARCH_EVERY (10 * NS_PER_SECOND)

/* How often a path without a session asks for one; and a dead one, whose peer may have lost its
 * own: WireGuard by itself would notice after 15 s of silence. */
#define ASK_EVERY (5 * NS_PER_SECOND)

/* Probes that an address may leave unanswered before it is thought to be none that answers; fewer
 * than make the path a dead one. */
#define MUTE_AFTER 8
#define MUTE_FOR   (60 * NS_PER_SECOND)

struct slot {
	const struct wb_tunnel *tunnel; /* NULL: no path */
	struct path_view view;
	struct wb_path path;
	uint64_t searched;     /* ns, when routes were last looked through for somebody to ask */
	struct wb_addr mute;   /* never answered, though the peer is heard */
	uint64_t mute_until;   /* ns, when it is asked again */
	uint64_t tried;	       /* probes sent when it was last given up */
	uint64_t due;	       /* ns, when it wants to be run */
	uint64_t wanted_since; /* ns, first of the handshakes that nobody answers; 0: none */
	uint64_t silent_since; /* ns, first data that no data or keepalive answers; 0: none */
	uint64_t asked;	       /* ns, when a session was last asked for */
};

struct paths {
	uint64_t looked;
	struct config_paths config;
	struct slot *slots[WB_TUNNELS_MAX]; /* kept once made: a path may come back */
};

struct paths *paths_create(void)
{
	struct paths *paths = calloc(1, sizeof(*paths));

	if (paths == NULL)
		return NULL;
	config_paths_default(&paths->config);
	return paths;
}

void paths_free(struct paths *paths)
{
	for (unsigned i = 0; paths != NULL && i < WB_TUNNELS_MAX; i++)
		free(paths->slots[i]);
	free(paths);
}

/* [path NAME], or NULL. */
static const struct config_path *named(const struct paths *paths, const char *tunnel)
{
	for (unsigned i = 0; i < paths->config.n; i++)
		if (strcmp(paths->config.path[i].tunnel, tunnel) == 0)
			return &paths->config.path[i];
	return NULL;
}

static const struct wb_health_config *health_of(
	const struct paths *paths, const struct config_path *config)
{
	return config != NULL ? &config->health : &paths->config.health;
}

static bool probing_off(const struct paths *paths, const struct config_path *config)
{
	if (config == NULL || config->probe == CONFIG_PROBE_INHERIT)
		return paths->config.probe_off;
	return config->probe == CONFIG_PROBE_OFF;
}

/* A tunnel that is alone needs no judgement, unless somebody wants to see it. */
static bool is_path(const struct control *control, unsigned id)
{
	const struct gateway *gateway = control->gateway;

	return tunnel_is_open(gateway, id) &&
		(groups_have(control, (uint16_t)id) ||
			named(control->paths, gateway->tunnels[id].tunnel->name) != NULL);
}

static void end(struct control *control, unsigned id)
{
	struct slot *slot = control->paths->slots[id];

	slot->tunnel = NULL;
	groups_path_share(control, (uint16_t)id, WB_PATH_SHARE_FULL);
}

/* An address that was found out, and not given, may be that of a host that does not answer. If the
 * peer is heard all the same, its path is not judged by that, but for a try each minute. */
static bool doubtful(const struct control *control, const struct slot *slot, uint64_t now)
{
	const struct wb_probe_totals *totals = &slot->path.prober.totals;
	const struct config_path *config = named(control->paths, slot->tunnel->name);

	return slot->view.target.family != 0 && slot->view.peer != NULL && totals->answered == 0 &&
		totals->sent - slot->tried >= MUTE_AFTER &&
		(config == NULL || config->probe != CONFIG_PROBE_TARGET) &&
		now - wb_peer_activity(slot->view.peer).rx_any < NS_PER_SECOND;
}

static void mute(struct slot *slot, uint64_t now)
{
	slot->mute = slot->view.target;
	slot->mute_until = now + MUTE_FOR;
	slot->tried = slot->path.prober.totals.sent;
}

static void look_up(struct control *control, unsigned id, uint64_t now)
{
	static const struct wb_addr any;
	struct slot *slot = control->paths->slots[id];
	const struct config_path *config = named(control->paths, slot->tunnel->name);
	struct wb_health_config health = *health_of(control->paths, config);
	bool routes = slot->searched == 0 || now - slot->searched > SEARCH_EVERY;

	if (routes)
		slot->searched = now;
	path_target_find(control, id,
		config != NULL && config->probe == CONFIG_PROBE_TARGET ? &config->target : &any,
		routes, &slot->view);
	if (doubtful(control, slot, now))
		mute(slot, now);
	if (now >= slot->mute_until)
		slot->mute.family = 0;
	if (probing_off(control->paths, config) || wb_addr_equal(&slot->view.target, &slot->mute))
		memset(&slot->view.target, 0, sizeof(slot->view.target));
	health.probes = slot->view.target.family != 0;
	if (memcmp(&health, &slot->path.config, sizeof(health)) != 0)
		wb_path_configure(&slot->path, &health, now);
}

static void begin(struct control *control, unsigned id, uint64_t now)
{
	struct paths *paths = control->paths;
	const struct wb_tunnel *tunnel = control->gateway->tunnels[id].tunnel;
	struct slot *slot = paths->slots[id];
	struct wb_health_config health = *health_of(paths, named(paths, tunnel->name));

	if (slot == NULL)
		slot = paths->slots[id] = calloc(1, sizeof(*slot));
	if (slot == NULL)
		return;
	memset(slot, 0, sizeof(*slot));
	slot->tunnel = tunnel;
	slot->view.path = &slot->path;
	wb_path_init(&slot->path, &health, control->gateway->probe_cookie + id, now);
	look_up(control, id, now);
}

static void look(struct control *control, uint64_t now)
{
	struct paths *paths = control->paths;

	control->paths_stale = false;
	paths->looked = now;
	for (unsigned id = 0; id < WB_TUNNELS_MAX; id++) {
		struct slot *slot = paths->slots[id];
		const struct wb_tunnel *tunnel = control->gateway->tunnels[id].tunnel;
		bool wanted = is_path(control, id);

		if (slot != NULL && slot->tunnel != NULL && (!wanted || slot->tunnel != tunnel))
			end(control, id);
		if (!wanted)
			continue;
		if (slot == NULL || slot->tunnel == NULL)
			begin(control, id, now);
		else
			look_up(control, id, now);
	}
}

void paths_configure(struct control *control, const struct wb_config *config)
{
	control->paths->config = config->paths;
	control->paths_stale = true;
}

static bool has_session(const struct wb_peer *peer, uint64_t now)
{
	const struct wb_keypair *current =
		atomic_load_explicit(&peer->current, memory_order_relaxed);

	return current != NULL && wb_keypair_age(current->birth, now) < WB_REJECT_AFTER_TIME;
}

/* A handshake, unless one is under way or was asked for a moment ago. */
static void session_ask(
	struct control *control, struct slot *slot, struct wb_peer *peer, uint64_t now)
{
	if (peer->timers.handshaking || now - slot->asked <= ASK_EVERY)
		return;
	slot->asked = now;
	wb_timers_handshake_wanted(&peer->timers, now);
	peer_timers_run(control, peer, now);
}

/* What probes need is a session. Packets without one wait in a short queue, which is the users'. */
static bool session_ready(
	struct control *control, struct slot *slot, struct wb_peer *peer, uint64_t now)
{
	if (has_session(peer, now) &&
		atomic_load_explicit(&peer->outer, memory_order_relaxed) != NULL)
		return true;
	if (!has_session(peer, now))
		session_ask(control, slot, peer, now);
	return false;
}

static bool probe_send(struct control *control, struct slot *slot, uint16_t sequence)
{
	struct gateway *gateway = control->gateway;
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(gateway->control_pool);
	struct stage *seal = &gateway->plan.stages[gateway->plan.seal[slot->tunnel->id]];
	const struct echo echo = {
		.cookie = gateway->probe_cookie, .sequence = sequence, .tunnel = slot->tunnel->id};
	uint16_t length;

	if (mbuf == NULL) {
		wb_count(gateway->control_count, WB_NO_MBUF, 1);
		return false;
	}
	/* As read from a TUN: it may go through several tunnels. */
	mbuf->data_off = (uint16_t)(mbuf->data_off + PACKET_L2_ROOM);
	length = echo_request_make(
		rte_pktmbuf_mtod(mbuf, uint8_t *), &slot->view.source, &slot->view.target, &echo);
	rte_pktmbuf_append(mbuf, length);
	packet_of(mbuf)->request = PACKET_SEAL;
	packet_of(mbuf)->via = 0;
	if (stage_tell(seal, mbuf))
		return true;
	wb_count(gateway->control_count, WB_CONTROL_TX_RING_FULL, 1);
	rte_pktmbuf_free(mbuf);
	return false;
}

static struct wb_path_facts facts_of(struct slot *slot, const struct wb_peer *peer, uint64_t now)
{
	const struct wb_activity activity = wb_peer_activity(peer);
	const struct wb_keypair *current =
		atomic_load_explicit(&peer->current, memory_order_relaxed);

	if (!peer->timers.handshaking)
		slot->wanted_since = 0;
	else if (slot->wanted_since == 0)
		slot->wanted_since = now;
	/* For timers a handshake is an answer; here it says nothing of whether data passes. */
	if (activity.tx_data <= activity.rx_any)
		slot->silent_since = 0;
	else if (slot->silent_since <= activity.rx_any)
		slot->silent_since = activity.tx_unanswered_since;
	return (struct wb_path_facts){
		.heard = activity.rx_any,
		.handshake = current != NULL ? current->birth : 0,
		.handshake_wanted = slot->wanted_since,
		.unanswered_since = slot->silent_since > activity.rx_any ? slot->silent_since : 0,
	};
}

static void run(struct control *control, struct slot *slot, uint64_t now)
{
	/* The view is the readers'; the peer is ours. */
	struct wb_peer *peer = (struct wb_peer *)(uintptr_t)slot->view.peer;
	struct wb_path_facts facts = {0};
	unsigned actions;
	uint16_t sequence;

	if (peer != NULL)
		facts = facts_of(slot, peer, now);
	actions = wb_path_run(&slot->path, &facts, now, &sequence);
	if ((actions & WB_PATH_SEND) != 0 &&
		(peer == NULL || !session_ready(control, slot, peer, now) ||
			!probe_send(control, slot, sequence)))
		wb_path_unsent(&slot->path, sequence);
	/* One that is still heard has its session. */
	if (slot->path.state == WB_PATH_DOWN && peer != NULL && now - facts.heard > NS_PER_SECOND)
		session_ask(control, slot, peer, now);
	if (doubtful(control, slot, now))
		look_up(control, slot->tunnel->id, now);
	if ((actions & WB_PATH_CHANGED) != 0)
		groups_path_share(control, slot->tunnel->id, (uint16_t)slot->path.share);
	slot->due = wb_path_deadline(&slot->path);
}

void paths_poll(struct control *control, uint64_t now)
{
	struct paths *paths = control->paths;

	if (control->paths_stale || now - paths->looked > LOOK_EVERY)
		look(control, now);
	for (unsigned id = 0; id < WB_TUNNELS_MAX; id++) {
		struct slot *slot = paths->slots[id];

		if (slot != NULL && slot->tunnel != NULL && now >= slot->due)
			run(control, slot, now);
	}
}

void paths_replied(struct control *control, const struct event *event)
{
	struct slot *slot = control->paths->slots[event->tunnel];

	if (slot != NULL && slot->tunnel != NULL)
		wb_path_replied(&slot->path, (uint16_t)event->index, event->at);
}

void paths_peer_gone(struct control *control, const struct wb_peer *peer)
{
	struct slot *slot = control->paths->slots[peer->tunnel->id];

	if (slot != NULL && slot->view.peer == peer)
		slot->view.peer = NULL;
	control->paths_stale = true;
}

bool paths_view(const struct control *control, unsigned tunnel, struct path_view *view)
{
	const struct slot *slot = control->paths->slots[tunnel];

	if (slot == NULL || slot->tunnel == NULL)
		return false;
	*view = slot->view;
	return true;
}
