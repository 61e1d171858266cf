/* SPDX-License-Identifier: BSD-3-Clause */
/* Selection (802.1AX-2014, 6.4.14): which members belong together, and which such aggregator
 * carries the traffic. */
#include <string.h>

#include "lacp/lacp.h"

/* An aggregator as a candidate. */
struct candidate {
	struct wb_lacp_lag lag;
	unsigned first; /* member */
	unsigned count;
	uint64_t mbps;
};

uint16_t wb_lacp_key(uint16_t admin, uint32_t speed_mbps)
{
	static const uint32_t speeds[] = {10, 100, 1000, 2500, 5000, 10000, 20000, 25000, 40000,
		50000, 56000, 100000, 200000, 400000};
	unsigned place = 0;

	while (place < sizeof(speeds) / sizeof(speeds[0]) && speeds[place] < speed_mbps)
		place++;
	/* Bit 0: full duplex, as all LACP members are. */
	return (uint16_t)(admin << 6 | (speed_mbps == 0 ? 0 : place + 1) << 1 | 1);
}

static bool is_own_system(const struct wb_lacp *lacp, const struct wb_lacp_info *info)
{
	return info->system_priority == lacp->config.system_priority &&
		memcmp(info->system, lacp->config.system, sizeof(info->system)) == 0;
}

/* Whether a member could carry traffic in some aggregator; if not, why. A partner that has gone
 * silent no longer counts: that we say so ends its sending too, should it still hear us. */
static bool eligible(
	const struct wb_lacp *lacp, const struct wb_lacp_member *member, enum wb_lacp_standing *why)
{
	if (!member->link)
		*why = WB_LACP_NO_LINK;
	else if (lacp->leaving || member->receive != WB_LACP_RX_CURRENT)
		*why = WB_LACP_NO_PARTNER;
	else if (is_own_system(lacp, &member->partner))
		*why = WB_LACP_LOOPBACK;
	else
		return true;
	return false;
}

static struct wb_lacp_lag lag_of(const struct wb_lacp_member *member)
{
	struct wb_lacp_lag lag;

	memset(&lag, 0, sizeof(lag)); /* it is compared as bytes */
	lag.system_priority = member->partner.system_priority;
	memcpy(lag.system, member->partner.system, sizeof(lag.system));
	lag.key = member->partner.key;
	lag.actor_key = member->actor.key;
	if ((member->partner.state & WB_LACP_AGGREGATION) == 0)
		lag.individual = member->actor.port;
	return lag;
}

static bool same_lag(const struct wb_lacp_lag *a, const struct wb_lacp_lag *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static unsigned candidates_find(const struct wb_lacp *lacp, struct candidate *candidates)
{
	enum wb_lacp_standing why;
	unsigned n = 0;

	for (unsigned i = 0; i < lacp->n; i++) {
		const struct wb_lacp_member *member = &lacp->members[i];
		struct wb_lacp_lag lag = lag_of(member);
		unsigned c = 0;

		if (!eligible(lacp, member, &why))
			continue;
		while (c < n && !same_lag(&candidates[c].lag, &lag))
			c++;
		if (c == n)
			candidates[n++] = (struct candidate){.lag = lag, .first = i};
		candidates[c].count++;
		candidates[c].mbps += member->speed_mbps != 0 ? member->speed_mbps : 1;
	}
	return n;
}

/* Whether a is to be preferred; among equals the one in use, then the first. */
static bool better(const struct wb_lacp *lacp, const struct candidate *a, const struct candidate *b)
{
	bool a_enough = a->count >= lacp->config.min_links;
	bool b_enough = b->count >= lacp->config.min_links;
	bool a_used = lacp->active >= 0 && same_lag(&a->lag, &lacp->active_lag);
	bool b_used = lacp->active >= 0 && same_lag(&b->lag, &lacp->active_lag);

	if (a_enough != b_enough)
		return a_enough;
	if (lacp->config.select == WB_LACP_STABLE && a_used != b_used)
		return a_used;
	if (lacp->config.select == WB_LACP_COUNT && a->count != b->count)
		return a->count > b->count;
	if (a->mbps != b->mbps)
		return a->mbps > b->mbps;
	if (a->count != b->count)
		return a->count > b->count;
	return a_used && !b_used;
}

static const struct candidate *choose(
	const struct wb_lacp *lacp, const struct candidate *candidates, unsigned n)
{
	const struct candidate *best = NULL;

	for (unsigned i = 0; i < n; i++)
		if (best == NULL || better(lacp, &candidates[i], best))
			best = &candidates[i];
	return best;
}

/* A member of an aggregator that is not in use: what is different there. */
static enum wb_lacp_standing why_apart(
	const struct wb_lacp_lag *lag, const struct wb_lacp_lag *used)
{
	if (lag->system_priority != used->system_priority ||
		memcmp(lag->system, used->system, sizeof(lag->system)) != 0)
		return WB_LACP_OTHER_SYSTEM;
	return lag->individual != 0 ? WB_LACP_ALONE : WB_LACP_OTHER_KEY;
}

static void place(struct wb_lacp *lacp, unsigned index, const struct candidate *candidates,
	unsigned n, const struct candidate *used)
{
	struct wb_lacp_member *member = &lacp->members[index];
	struct wb_lacp_lag lag = lag_of(member);
	enum wb_lacp_selected selected = WB_LACP_SELECTED;

	if (!eligible(lacp, member, &member->standing)) {
		member->aggregator = index;
		member->selected = WB_LACP_UNSELECTED;
		return;
	}
	for (unsigned c = 0; c < n; c++)
		if (same_lag(&candidates[c].lag, &lag))
			member->aggregator = candidates[c].first;
	member->standing = WB_LACP_IN;
	if (!same_lag(&lag, &used->lag)) {
		member->standing = why_apart(&lag, &used->lag);
		selected = WB_LACP_STANDBY;
	} else if (used->count < lacp->config.min_links) {
		member->standing = WB_LACP_TOO_FEW;
		selected = WB_LACP_STANDBY;
	}
	/* One that changed its aggregator leaves the old one first. */
	if (member->selected != WB_LACP_UNSELECTED || member->mux == WB_LACP_MUX_DETACHED)
		member->selected = selected;
}

void wb_lacp_select_members(struct wb_lacp *lacp)
{
	struct candidate candidates[WB_LACP_MEMBERS_MAX];
	unsigned n = candidates_find(lacp, candidates);
	const struct candidate *used = choose(lacp, candidates, n);

	lacp->active = used == NULL ? -1 : (int)used->first;
	if (used != NULL)
		lacp->active_lag = used->lag;
	for (unsigned i = 0; i < lacp->n; i++)
		place(lacp, i, candidates, n, used);
}

const char *wb_lacp_standing_name(enum wb_lacp_standing standing)
{
	static const char *const names[] = {"in", "no link", "no partner", "loopback",
		"other system", "other key", "individual", "below min-links"};

	return names[standing];
}
