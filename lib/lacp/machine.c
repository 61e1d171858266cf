/* SPDX-License-Identifier: BSD-3-Clause */
/* The machines of each member: receive (802.1AX-2014, 6.4.12), periodic (6.4.13), mux (6.4.15),
 * transmit (6.4.16) and churn (6.4.17). */
#include <string.h>

#include "lacp/lacp.h"

/* How long a member that could attach waits for others that may be about to. The standard's 2 s
 * (Aggregate_Wait_Time) spare switches the work of programming tables twice; here it costs nothing.
 */
#define AGGREGATE_WAIT UINT64_C(50000000)

/* Each round follows from the one before; a member goes through five mux states at the most. */
#define ROUNDS_MAX 16

#define NEVER UINT64_MAX

static void state_set(struct wb_lacp_member *member, uint8_t bits, bool on)
{
	if (on)
		member->actor.state |= bits;
	else
		member->actor.state &= (uint8_t)~bits;
}

/* What is believed of a partner that was never heard. SHORT: we keep asking each second, so that
 * it is found soon after it begins to listen. */
static void record_default(struct wb_lacp_member *member)
{
	member->partner = (struct wb_lacp_info){.state = WB_LACP_SHORT};
	state_set(member, WB_LACP_DEFAULTED, true);
}

void wb_lacp_system_set(struct wb_lacp *lacp, const uint8_t system[6])
{
	memcpy(lacp->config.system, system, sizeof(lacp->config.system));
	for (unsigned i = 0; i < lacp->n; i++)
		memcpy(lacp->members[i].actor.system, system, sizeof(lacp->config.system));
}

void wb_lacp_init(struct wb_lacp *lacp, const struct wb_lacp_config *config, unsigned n)
{
	memset(lacp, 0, sizeof(*lacp));
	lacp->config = *config;
	lacp->n = n;
	lacp->active = -1;
	for (unsigned i = 0; i < n; i++) {
		struct wb_lacp_member *member = &lacp->members[i];

		member->actor = (struct wb_lacp_info){
			.system_priority = config->system_priority,
			.key = wb_lacp_key(config->key, 0),
			.port_priority = config->port_priority,
			.port = (uint16_t)(i + 1),
			.state = (uint8_t)(WB_LACP_ACTIVE | WB_LACP_AGGREGATION |
				(config->slow ? 0 : WB_LACP_SHORT)),
		};
		member->aggregator = i;
		member->standing = WB_LACP_NO_LINK;
		member->current_while = member->periodic = member->wait_while = NEVER;
		member->actor_churn.settled = member->partner_churn.settled = true;
		record_default(member);
	}
	wb_lacp_system_set(lacp, config->system);
}

static void expire(struct wb_lacp_member *member, uint64_t now)
{
	member->receive = WB_LACP_RX_EXPIRED;
	member->partner.state &= (uint8_t)~WB_LACP_SYNC;
	member->partner.state |= WB_LACP_SHORT;
	member->current_while = now + WB_LACP_SHORT_TIMEOUT;
	state_set(member, WB_LACP_EXPIRED, true);
	member->need_to_transmit = true;
}

void wb_lacp_link(struct wb_lacp *lacp, unsigned index, bool up, uint32_t speed_mbps, uint64_t now)
{
	struct wb_lacp_member *member = &lacp->members[index];
	uint16_t key = wb_lacp_key(lacp->config.key, speed_mbps);

	member->speed_mbps = speed_mbps;
	if (up && key != member->actor.key) {
		member->actor.key = key;
		member->selected = WB_LACP_UNSELECTED;
		member->need_to_transmit = true;
	}
	if (up == member->link)
		return;
	member->link = up;
	if (up) {
		expire(member, now);
		return;
	}
	member->receive = WB_LACP_RX_DISABLED;
	member->current_while = member->periodic = NEVER;
	member->need_to_transmit = false;
	state_set(member, WB_LACP_EXPIRED, false);
}

/* All but the state, and of that whether the port may be aggregated. */
static bool same_port(const struct wb_lacp_info *a, const struct wb_lacp_info *b)
{
	return a->port == b->port && a->port_priority == b->port_priority &&
		a->system_priority == b->system_priority && a->key == b->key &&
		memcmp(a->system, b->system, sizeof(a->system)) == 0 &&
		((a->state ^ b->state) & WB_LACP_AGGREGATION) == 0;
}

/* recordPDU (6.4.9): the partner is in sync if it says so and means us. */
static void record(struct wb_lacp_member *member, const struct wb_lacpdu *pdu)
{
	bool means_us = same_port(&pdu->partner, &member->actor) ||
		(pdu->actor.state & WB_LACP_AGGREGATION) == 0;

	member->partner = pdu->actor;
	if (!means_us)
		member->partner.state &= (uint8_t)~WB_LACP_SYNC;
	state_set(member, WB_LACP_DEFAULTED, false);
}

void wb_lacp_receive(
	struct wb_lacp *lacp, unsigned index, const struct wb_lacpdu *pdu, uint64_t now)
{
	const uint8_t told = WB_LACP_ACTIVE | WB_LACP_SHORT | WB_LACP_SYNC | WB_LACP_AGGREGATION;
	struct wb_lacp_member *member = &lacp->members[index];

	if (!member->link)
		return;
	member->pdus_received++;
	/* update_Selected: it is another port than before, or the first. */
	if (!same_port(&pdu->actor, &member->partner))
		member->selected = WB_LACP_UNSELECTED;
	/* update_NTT: it has the wrong idea of us. */
	if (!same_port(&pdu->partner, &member->actor) ||
		((pdu->partner.state ^ member->actor.state) & told) != 0)
		member->need_to_transmit = true;
	record(member, pdu);
	member->receive = WB_LACP_RX_CURRENT;
	member->current_while =
		now + (lacp->config.slow ? WB_LACP_LONG_TIMEOUT : WB_LACP_SHORT_TIMEOUT);
	state_set(member, WB_LACP_EXPIRED, false);
}

static void receive_run(struct wb_lacp_member *member, uint64_t now)
{
	if (now < member->current_while)
		return;
	if (member->receive == WB_LACP_RX_CURRENT) {
		expire(member, now);
		return;
	}
	member->receive = WB_LACP_RX_DEFAULTED;
	member->current_while = NEVER;
	member->selected = WB_LACP_UNSELECTED;
	record_default(member);
	state_set(member, WB_LACP_EXPIRED, false);
	member->need_to_transmit = true;
}

static void periodic_run(struct wb_lacp_member *member, uint64_t now)
{
	uint64_t interval = (member->partner.state & WB_LACP_SHORT) != 0 ? WB_LACP_FAST_PERIODIC
									 : WB_LACP_SLOW_PERIODIC;

	if (!member->link)
		return;
	/* Just begun, due, or the partner wants them sooner now. */
	if (member->periodic == NEVER || now >= member->periodic ||
		member->periodic - now > interval) {
		member->need_to_transmit = true;
		member->periodic = now + interval;
	}
}

/* Members of one aggregator attach together: when none of them has to wait any more. */
static bool ready(const struct wb_lacp *lacp, const struct wb_lacp_member *member, uint64_t now)
{
	for (unsigned i = 0; i < lacp->n; i++) {
		const struct wb_lacp_member *other = &lacp->members[i];

		if (other->aggregator == member->aggregator &&
			other->selected == WB_LACP_SELECTED && other->mux == WB_LACP_MUX_WAITING &&
			now < other->wait_while)
			return false;
	}
	return true;
}

static void mux_enter(struct wb_lacp_member *member, enum wb_lacp_mux_state state, uint64_t now)
{
	bool distributed = wb_lacp_distributing(member);

	member->mux = state;
	member->wait_while = state == WB_LACP_MUX_WAITING ? now + AGGREGATE_WAIT : NEVER;
	state_set(member, WB_LACP_SYNC, state >= WB_LACP_MUX_ATTACHED);
	state_set(member, WB_LACP_COLLECTING, state >= WB_LACP_MUX_COLLECTING);
	state_set(member, WB_LACP_DISTRIBUTING, state == WB_LACP_MUX_DISTRIBUTING);
	if (state != WB_LACP_MUX_WAITING)
		member->need_to_transmit = member->link;
	if (distributed != wb_lacp_distributing(member))
		member->changed = now;
}

static enum wb_lacp_mux_state mux_next(
	const struct wb_lacp *lacp, const struct wb_lacp_member *member, uint64_t now)
{
	bool in = member->selected == WB_LACP_SELECTED;
	bool partner_in = in && (member->partner.state & WB_LACP_SYNC) != 0;
	bool partner_collects = partner_in && (member->partner.state & WB_LACP_COLLECTING) != 0;

	switch (member->mux) {
	case WB_LACP_MUX_DETACHED:
		return member->selected != WB_LACP_UNSELECTED ? WB_LACP_MUX_WAITING : member->mux;
	case WB_LACP_MUX_WAITING:
		if (member->selected == WB_LACP_UNSELECTED)
			return WB_LACP_MUX_DETACHED;
		return in && ready(lacp, member, now) ? WB_LACP_MUX_ATTACHED : member->mux;
	case WB_LACP_MUX_ATTACHED:
		if (!in)
			return WB_LACP_MUX_DETACHED;
		return partner_in ? WB_LACP_MUX_COLLECTING : member->mux;
	case WB_LACP_MUX_COLLECTING:
		if (!partner_in)
			return WB_LACP_MUX_ATTACHED;
		return partner_collects ? WB_LACP_MUX_DISTRIBUTING : member->mux;
	case WB_LACP_MUX_DISTRIBUTING:
		return partner_collects ? member->mux : WB_LACP_MUX_COLLECTING;
	}
	return member->mux;
}

static void churn_run(struct wb_lacp_churn *churn, bool link, bool in_sync, uint64_t now)
{
	if (in_sync || !link) {
		churn->settled = true;
		churn->churning = false;
		return;
	}
	if (churn->settled) {
		churn->settled = false;
		churn->until = now + WB_LACP_CHURN_TIME;
	}
	if (!churn->churning && now >= churn->until) {
		churn->churning = true;
		churn->count++;
	}
}

/* Returns whether a member's mux moved. */
static bool run_round(struct wb_lacp *lacp, uint64_t now)
{
	bool moved = false;

	for (unsigned i = 0; i < lacp->n; i++)
		receive_run(&lacp->members[i], now);
	wb_lacp_select_members(lacp);
	for (unsigned i = 0; i < lacp->n; i++) {
		struct wb_lacp_member *member = &lacp->members[i];
		enum wb_lacp_mux_state next = mux_next(lacp, member, now);

		if (next == member->mux)
			continue;
		mux_enter(member, next, now);
		moved = true;
	}
	return moved;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When a member must be looked at again. */
static uint64_t deadline(const struct wb_lacp_member *member, uint64_t now)
{
	uint64_t at = earlier(member->current_while, member->periodic);

	if (member->mux == WB_LACP_MUX_WAITING && now < member->wait_while)
		at = earlier(at, member->wait_while);
	if (!member->actor_churn.settled && !member->actor_churn.churning)
		at = earlier(at, member->actor_churn.until);
	if (!member->partner_churn.settled && !member->partner_churn.churning)
		at = earlier(at, member->partner_churn.until);
	/* What can be sent at once is pending, and waits for nothing. */
	if (member->need_to_transmit && now - member->sent[0] < WB_LACP_FAST_PERIODIC)
		at = earlier(at, member->sent[0] + WB_LACP_FAST_PERIODIC);
	return at;
}

uint64_t wb_lacp_run(struct wb_lacp *lacp, uint64_t now)
{
	uint64_t next = NEVER;

	for (unsigned rounds = 0; run_round(lacp, now) && rounds < ROUNDS_MAX; rounds++)
		;
	for (unsigned i = 0; i < lacp->n; i++) {
		struct wb_lacp_member *member = &lacp->members[i];

		periodic_run(member, now);
		churn_run(&member->actor_churn, member->link,
			(member->actor.state & WB_LACP_SYNC) != 0, now);
		churn_run(&member->partner_churn, member->link,
			(member->partner.state & WB_LACP_SYNC) != 0, now);
		next = earlier(next, deadline(member, now));
	}
	return next;
}

bool wb_lacp_pending(
	const struct wb_lacp *lacp, unsigned index, uint64_t now, struct wb_lacpdu *pdu)
{
	const struct wb_lacp_member *member = &lacp->members[index];

	if (!member->need_to_transmit || !member->link)
		return false;
	/* Last words are not put off. */
	if (!lacp->leaving) {
		if (member->sent[0] != 0 && now - member->sent[0] < WB_LACP_FAST_PERIODIC)
			return false;
		/* In a moment there will be more to say: of three a second none is wasted. */
		if (member->mux == WB_LACP_MUX_WAITING && now < member->wait_while)
			return false;
	}
	pdu->actor = member->actor;
	pdu->partner = member->partner;
	return true;
}

void wb_lacp_sent(struct wb_lacp *lacp, unsigned index, uint64_t now)
{
	struct wb_lacp_member *member = &lacp->members[index];

	member->need_to_transmit = false;
	member->pdus_sent++;
	memmove(&member->sent[0], &member->sent[1], sizeof(member->sent) - sizeof(member->sent[0]));
	member->sent[2] = now;
}

void wb_lacp_leave(struct wb_lacp *lacp, uint64_t now)
{
	lacp->leaving = true;
	for (unsigned i = 0; i < lacp->n; i++)
		lacp->members[i].need_to_transmit = lacp->members[i].link;
	wb_lacp_run(lacp, now);
}
