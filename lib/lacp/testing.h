/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * For this room's tests: bonds joined by simulated links, in simulated time, a millisecond a step
 * and a step to cross a link.
 */
#ifndef WB_LACP_TESTING_H
#define WB_LACP_TESTING_H

#include "lacp/lacp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MS	  UINT64_C(1000000)
#define SECOND	  (1000 * MS)
#define LINKS	  6
#define BONDS	  3
#define BEGINNING (100 * SECOND)

/* One end of a link: a member of a bond. */
struct end {
	struct wb_lacp *lacp; /* NULL: nobody is there */
	unsigned member;
};

struct link {
	struct end end[2];
	bool up;
	bool mute[2];	 /* nothing gets through from that end */
	unsigned losing; /* of 100 LACPDUs */
	bool full[2];	 /* a LACPDU is on its way from that end */
	uint8_t frame[2][WB_LACPDU_LEN];
};

static struct wb_lacp bonds[BONDS];
static struct link links[LINKS];
static unsigned n_links, n_bonds;
static uint64_t now;
/* Milliseconds of members that sent to a living link whose other end did not collect. */
static unsigned wasted;
static uint32_t seed;

static inline unsigned chance(void)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 16) % 100;
}

static inline struct wb_lacp_config config_of(unsigned bond)
{
	return (struct wb_lacp_config){.system = {2, 0, 0, 0, 0, (uint8_t)(bond + 1)},
		.system_priority = 65535,
		.port_priority = 255};
}

static inline void bond_begin(unsigned bond, unsigned n, struct wb_lacp_config config)
{
	wb_lacp_init(&bonds[bond], &config, n);
	if (bond >= n_bonds)
		n_bonds = bond + 1;
}

static inline void cable(struct wb_lacp *a, unsigned a_member, struct wb_lacp *b, unsigned b_member)
{
	links[n_links++] = (struct link){.end = {{a, a_member}, {b, b_member}}};
}

static inline void link_set(unsigned index, bool up)
{
	links[index].up = up;
	links[index].full[0] = links[index].full[1] = false;
	for (unsigned e = 0; e < 2; e++)
		if (links[index].end[e].lacp != NULL)
			wb_lacp_link(links[index].end[e].lacp, links[index].end[e].member, up, 1000,
				now);
}

static inline int begin(void **state)
{
	(void)state;
	memset(links, 0, sizeof(links));
	n_links = n_bonds = wasted = 0;
	now = BEGINNING;
	seed = 1;
	return 0;
}

/* Two bonds, link i between their members i. */
static inline void pair(unsigned n)
{
	for (unsigned i = 0; i < 2; i++)
		bond_begin(i, n, config_of(i));
	for (unsigned i = 0; i < n; i++) {
		cable(&bonds[0], i, &bonds[1], i);
		link_set(i, true);
	}
}

static inline void deliver(struct link *link, unsigned from)
{
	const struct end *to = &link->end[1 - from];
	struct wb_lacpdu pdu;

	if (!link->full[from])
		return;
	link->full[from] = false;
	if (to->lacp == NULL || link->mute[from] || chance() < link->losing)
		return;
	assert_int_equal(wb_lacpdu_parse(link->frame[from], WB_LACPDU_LEN, &pdu), 0);
	wb_lacp_receive(to->lacp, to->member, &pdu, now);
}

static inline void send_from(struct link *link, unsigned from)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 9, 9};
	const struct end *end = &link->end[from];
	struct wb_lacpdu pdu;

	if (end->lacp == NULL || !link->up || !wb_lacp_pending(end->lacp, end->member, now, &pdu))
		return;
	wb_lacp_sent(end->lacp, end->member, now);
	wb_lacpdu_build(&pdu, mac, link->frame[from]);
	link->full[from] = true;
}

static inline void watch(const struct link *link, unsigned from)
{
	const struct end *end = &link->end[from], *far = &link->end[1 - from];

	if (end->lacp == NULL || !wb_lacp_distributing(&end->lacp->members[end->member]))
		return;
	/* Whatever happens: only by living links, only in one aggregator. */
	assert_true(link->up);
	assert_int_equal(end->lacp->members[end->member].aggregator, (unsigned)end->lacp->active);
	assert_true(wb_lacp_collecting(&end->lacp->members[end->member]));
	if (far->lacp != NULL && !wb_lacp_collecting(&far->lacp->members[far->member]))
		wasted++;
}

static inline void run_for(uint64_t span)
{
	for (uint64_t end = now + span; now < end; now += MS) {
		for (unsigned i = 0; i < n_links; i++)
			for (unsigned e = 0; e < 2; e++)
				deliver(&links[i], e);
		for (unsigned i = 0; i < n_bonds; i++)
			wb_lacp_run(&bonds[i], now);
		for (unsigned i = 0; i < n_links; i++)
			for (unsigned e = 0; e < 2; e++) {
				send_from(&links[i], e);
				watch(&links[i], e);
			}
	}
}

static inline unsigned distributing(const struct wb_lacp *lacp)
{
	unsigned n = 0;

	for (unsigned i = 0; i < lacp->n; i++)
		n += wb_lacp_distributing(&lacp->members[i]);
	return n;
}

/* The ms until a bond has so many members distributing; -1: not within the limit. */
static inline int await(const struct wb_lacp *lacp, unsigned n, unsigned limit_ms)
{
	for (unsigned ms = 0; ms <= limit_ms; ms++) {
		if (distributing(lacp) == n)
			return (int)ms;
		run_for(MS);
	}
	return -1;
}

#endif
