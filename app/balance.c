/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance.h"

#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>
#include <rte_log.h>

#include "port/member.h"

#include "leaving.h"
#include "tunnels.h"

#define SAMPLE_EVERY NS_PER_SECOND

/* Never twice within a minute, and not before traffic has shown itself after the start. */
#define MOVE_EVERY (60 * NS_PER_SECOND)
#define FIRST_MOVE (10 * NS_PER_SECOND)

/* Less than this is not worth a move, nor a word: bits per second by the fullest member. */
#define WORTH_SPEAKING_OF 1000000

/* A fullest member may carry so much more than its share, in percent. */
#define TOLERATED 140

/* Source ports tried for a place: a multiple of any number of members. */
#define PORTS_TRIED	512
#define SOURCE_PORT_MIN 49152 /* RFC 6335: for private use */

/* What is known of a tunnel's sending. */
struct flow {
	const struct wb_tunnel *tunnel;
	uint64_t packets, bytes; /* counted so far */
	uint64_t rate;		 /* bits per second, smoothed */
	uint64_t sent[PORTS_MAX][WB_MEMBERS_MAX];
};

struct balance {
	uint64_t sampled, moved;
	unsigned n_moves;
	struct balance_move moves[BALANCE_MOVES];
	struct flow flows[WB_TUNNELS_MAX];
};

struct balance *balance_create(void)
{
	return calloc(1, sizeof(struct balance));
}

void balance_free(struct balance *balance)
{
	free(balance);
}

/* A tunnel of several peers leaves by several members, each by its own endpoint. */
static void peer_count(const struct control *control, struct flow *flow, const struct wb_peer *peer,
	uint64_t before)
{
	uint64_t packets = __atomic_load_n(&peer->seal.packets, __ATOMIC_RELAXED);
	unsigned port = 0;
	int member = leaving_member(control->gateway, peer, &port);

	if (member >= 0 && packets > before)
		flow->sent[port][member] += packets - before;
}

static void flow_sample(struct control *control, unsigned id, uint64_t span)
{
	struct flow *flow = &control->balance->flows[id];
	const struct wb_tunnel *tunnel = control->gateway->tunnels[id].tunnel;
	uint64_t packets = 0, bytes = 0, bits;

	if (flow->tunnel != tunnel) {
		memset(flow, 0, sizeof(*flow));
		flow->tunnel = tunnel;
	}
	for (uint32_t i = 0; i < tunnel->n_peers; i++) {
		packets += __atomic_load_n(&tunnel->peers[i]->seal.packets, __ATOMIC_RELAXED);
		bytes += __atomic_load_n(&tunnel->peers[i]->seal.bytes, __ATOMIC_RELAXED);
	}
	/* With one peer, as sites have them, what was sent is its; with more it is not told apart.
	 */
	if (tunnel->n_peers == 1)
		peer_count(control, flow, tunnel->peers[0], flow->packets);
	bits = bytes > flow->bytes ? (bytes - flow->bytes) * 8 * NS_PER_SECOND / span : 0;
	flow->rate = flow->rate - flow->rate / 4 + bits / 4;
	flow->packets = packets;
	flow->bytes = bytes;
}

/* The place among the distributing members that a tunnel leaves by; -1: not by this port. */
static int place_of(const struct control *control, unsigned id, unsigned port)
{
	const struct gateway *gateway = control->gateway;
	const struct wb_tunnel *tunnel = gateway->tunnels[id].tunnel;
	unsigned members[WB_MEMBERS_MAX], n, leaves = 0;
	int member;

	if (!tunnel_is_open(gateway, id) || tunnel->n_peers != 1)
		return -1;
	member = leaving_member(gateway, tunnel->peers[0], &leaves);
	if (member < 0 || leaves != port)
		return -1;
	n = wb_port_distributing(gateway->ports[port].port, members);
	for (unsigned i = 0; i < n; i++)
		if (members[i] == (unsigned)member)
			return (int)i;
	return -1;
}

/* Bits per second by each place. */
static unsigned loads(const struct control *control, unsigned port, uint64_t load[WB_MEMBERS_MAX])
{
	unsigned members[WB_MEMBERS_MAX];

	memset(load, 0, WB_MEMBERS_MAX * sizeof(load[0]));
	for (unsigned id = 0; id < WB_TUNNELS_MAX; id++) {
		int place = place_of(control, id, port);

		if (place >= 0)
			load[place] += control->balance->flows[id].rate;
	}
	return wb_port_distributing(control->gateway->ports[port].port, members);
}

static uint64_t sum_of(const uint64_t *load, unsigned n)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += load[i];
	return sum;
}

static unsigned fullest_of(const uint64_t *load, unsigned n)
{
	unsigned fullest = 0;

	for (unsigned i = 1; i < n; i++)
		if (load[i] > load[fullest])
			fullest = i;
	return fullest;
}

static bool is_uneven(const uint64_t *load, unsigned n)
{
	uint64_t most = load[fullest_of(load, n)];

	return n > 1 && most >= WORTH_SPEAKING_OF && most * n * 100 > sum_of(load, n) * TOLERATED;
}

/* Which tunnel had best move from the fullest place, and where: the one after whose move the
 * fullest of the two is least full. */
struct candidate {
	unsigned tunnel, from, to;
	uint64_t fullest; /* after it */
};

static bool candidate_find(const struct control *control, unsigned port, const uint64_t *load,
	unsigned n, struct candidate *best)
{
	unsigned from = fullest_of(load, n);

	*best = (struct candidate){.from = from, .to = from, .fullest = load[from]};
	for (unsigned id = 0; id < WB_TUNNELS_MAX; id++) {
		uint64_t rate = control->balance->flows[id].rate;

		if (rate == 0 || place_of(control, id, port) != (int)from)
			continue;
		for (unsigned to = 0; to < n; to++) {
			uint64_t there = load[to] + rate,
				 here = load[from] - RTE_MIN(rate, load[from]);
			uint64_t fullest = RTE_MAX(there, here);

			if (to != from && fullest < best->fullest)
				*best = (struct candidate){id, from, to, fullest};
		}
	}
	/* A tenth less, or it is not worth it. */
	return best->fullest < load[from] - load[from] / 10;
}

/* A source port that leads a tunnel to a place; 0: none was found. */
static uint16_t port_towards(const struct control *control, const struct wb_port *port,
	const struct wb_peer *peer, unsigned place, unsigned n)
{
	const struct wb_tunnels *wg = control->gateway->wg;
	const struct wb_outer *outer = atomic_load_explicit(&peer->outer, memory_order_relaxed);
	uint16_t own = peer->tunnel->listen_port;

	if (outer == NULL)
		return 0;
	/* The port it listens on is as good as any, and better known. */
	if (leaving_place(port, outer, own, n) == place)
		return own;
	for (unsigned i = 0; i < PORTS_TRIED; i++) {
		uint16_t candidate =
			(uint16_t)(SOURCE_PORT_MIN + (own + i) % (65536 - SOURCE_PORT_MIN));

		if (wg->by_udp_port[candidate] == 0 &&
			leaving_place(port, outer, candidate, n) == place)
			return candidate;
	}
	return 0;
}

static void note(struct control *control, unsigned port, const struct candidate *move,
	uint16_t from, uint16_t to, const uint64_t *load, unsigned n, uint64_t now)
{
	struct balance *balance = control->balance;
	struct balance_move *entry = &balance->moves[balance->n_moves++ % BALANCE_MOVES];
	const struct wb_port *bond = control->gateway->ports[port].port;
	unsigned members[WB_MEMBERS_MAX];
	uint64_t sum = sum_of(load, n);

	wb_port_distributing(bond, members);
	*entry = (struct balance_move){
		.at = now,
		.port = (uint16_t)port,
		.port_from = from,
		.port_to = to,
		.member_from = (uint16_t)members[move->from],
		.member_to = (uint16_t)members[move->to],
		.percent_before = (uint32_t)(load[move->from] * 100 / sum),
		.percent_after = (uint32_t)(move->fullest * 100 / sum),
	};
	strlcpy(entry->tunnel, control->gateway->tunnels[move->tunnel].tunnel->name,
		sizeof(entry->tunnel));
	RTE_LOG(NOTICE, USER1,
		"wirebraid: balance: %s moves from %s to %s by source port %u: %u %% of what %s "
		"sends left by one member\n",
		entry->tunnel, bond->members[entry->member_from].device.name,
		bond->members[entry->member_to].device.name, to, entry->percent_before, bond->name);
}

static void port_balance(struct control *control, unsigned port, uint64_t now)
{
	struct gateway *gateway = control->gateway;
	struct candidate move;
	struct wb_tunnel *tunnel;
	uint64_t load[WB_MEMBERS_MAX];
	unsigned n = loads(control, port, load);
	uint16_t from, to;

	if (!is_uneven(load, n) || !candidate_find(control, port, load, n, &move))
		return;
	tunnel = gateway->tunnels[move.tunnel].tunnel;
	from = wb_tunnel_source(tunnel);
	to = port_towards(control, gateway->ports[port].port, tunnel->peers[0], move.to, n);
	if (to == 0 || wb_tunnel_source_set(gateway->wg, tunnel, to) < 0)
		return;
	control->balance->moved = now;
	note(control, port, &move, from, to, load, n, now);
	ways_update_tunnel(control, tunnel);
	/* The peer learns of it by the next packet: let there be one. */
	peer_keepalive_now(control, tunnel->peers[0], now);
}

void balance_poll(struct control *control, uint64_t now)
{
	struct balance *balance = control->balance;
	struct gateway *gateway = control->gateway;
	uint64_t span = now - balance->sampled;

	if (span < SAMPLE_EVERY)
		return;
	if (balance->sampled == 0)
		balance->moved = now - MOVE_EVERY + FIRST_MOVE;
	balance->sampled = now;
	for (unsigned id = 0; id < WB_TUNNELS_MAX; id++)
		if (tunnel_is_open(gateway, id))
			flow_sample(control, id, span);
	for (unsigned i = 0; i < gateway->n_ports; i++)
		if (gateway->ports[i].balance &&
			gateway->ports[i].port->policy == WB_BOND_LAYER34 &&
			now - balance->moved >= MOVE_EVERY)
			port_balance(control, i, now);
}

void balance_look(const struct control *control, unsigned port, struct balance_view *view)
{
	struct candidate move;
	uint64_t load[WB_MEMBERS_MAX];
	unsigned members[WB_MEMBERS_MAX], n = loads(control, port, load);

	memset(view, 0, sizeof(*view));
	wb_port_distributing(control->gateway->ports[port].port, members);
	view->members = n;
	for (unsigned i = 0; i < n; i++)
		view->sent[members[i]] = load[i];
	/* One large tunnel is no reason to complain: nothing could be better. */
	view->uneven = is_uneven(load, n) && candidate_find(control, port, load, n, &move);
	view->fullest = n == 0 ? 0 : members[fullest_of(load, n)];
}

void balance_tunnel(const struct control *control, unsigned tunnel, unsigned port,
	uint64_t sent[WB_MEMBERS_MAX], uint64_t received[WB_MEMBERS_MAX])
{
	const struct gateway *gateway = control->gateway;
	const struct wb_port *wires = gateway->ports[port].port;
	const struct stage *open = &gateway->plan.stages[gateway->plan.open[tunnel]];

	memcpy(sent, control->balance->flows[tunnel].sent[port], WB_MEMBERS_MAX * sizeof(sent[0]));
	for (unsigned i = 0; i < wires->n_members; i++)
		received[i] = __atomic_load_n(
			&open->own.open.arrived[wires->members[i].port_id], __ATOMIC_RELAXED);
}

const struct balance_move *balance_last(const struct control *control, unsigned back)
{
	const struct balance *balance = control->balance;

	if (back >= BALANCE_MOVES || back >= balance->n_moves)
		return NULL;
	return &balance->moves[(balance->n_moves - 1 - back) % BALANCE_MOVES];
}
