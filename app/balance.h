/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * How tunnels spread over the members of a bond: by which each is sent and received, and, with
 * `balance = auto`, moving them until what is sent is even. A tunnel moves by another source port,
 * which its peers follow. Control's, under the gateway's lock.
 */
#ifndef WB_APP_BALANCE_H
#define WB_APP_BALANCE_H

#include "control.h"

#define BALANCE_MOVES 16

struct balance;

/** One move, or why there was none. */
struct balance_move {
	uint64_t at; /**< ns */
	char tunnel[IFNAMSIZ];
	uint16_t port;		     /**< index of the bond */
	uint16_t port_from, port_to; /**< UDP */
	uint16_t member_from, member_to;
	uint32_t percent_before, percent_after; /**< of all that is sent, by the fullest member */
};

/** What a bond's members carry: bits per second sent, over some seconds. */
struct balance_view {
	unsigned members; /**< that distribute */
	uint64_t sent[WB_MEMBERS_MAX];
	bool uneven; /**< one carries much more than its share, and another tunnel's place would
		      * make it less */
	unsigned fullest;
};

struct balance *balance_create(void);
void balance_free(struct balance *balance);

/** Measures each second, and moves a tunnel where that is wanted. Called every round. */
void balance_poll(struct control *control, uint64_t now);

/** How a bond is. */
void balance_look(const struct control *control, unsigned port, struct balance_view *view);

/** A tunnel's packets sent and received by each member of a port. */
void balance_tunnel(const struct control *control, unsigned tunnel, unsigned port,
	uint64_t sent[WB_MEMBERS_MAX], uint64_t received[WB_MEMBERS_MAX]);

/** The move `back` moves ago, 0 the last one; NULL: none. */
const struct balance_move *balance_last(const struct control *control, unsigned back);

#endif
