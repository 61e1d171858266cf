/* SPDX-License-Identifier: BSD-3-Clause */
/* The gateway under measurement: the real one, between two ports that are rings of this process. */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include <stdint.h>

#include "gateway.h"

/* The ports' places in the gateway. */
enum { LAN, WAN, SIDES };

/* Packets of a round, at the most: the ports' rings hold them all. */
#define STORE 4096

struct world_options {
	unsigned lcores;  /* workers, on the last CPUs */
	unsigned tunnels; /* 1..64 */
	unsigned peers;	  /* of each tunnel */
	unsigned routes;  /* half of them lead into the tunnels, half to the LAN */
	unsigned flows;
	unsigned inner, outer; /* IP versions: 4, 6 */
	unsigned mtu;	       /* of the ports */
	unsigned store;	       /* packets of a round: how much of them caches hold */
};

/* The other side of a peer: what it seals with. */
struct far {
	struct wb_peer *peer;
	struct wb_aead_key key;
	uint64_t counter;
	uint32_t index; /* ours, that it sends */
};

struct world {
	struct world_options options;
	struct gateway gateway;
	struct rte_ring *rx[SIDES], *tx[SIDES]; /* the ports' far ends */
	struct far *far;			/* by tunnel * peers + peer */
	uint64_t sessions_made;			/* ns */
	uint32_t route_step;			/* addresses from one route to the next */
};

/* Dies with a message if `good` does not hold. */
void check(bool good, const char *what);

/* Makes EAL, the gateway, tunnels, peers with sessions, and routes, in a network namespace of its
 * own. Dies if it cannot. */
void world_make(struct world *world, const struct world_options *options);
void world_free(struct world *world);

/* New sessions if the old ones are near their end, and control's part: events are taken off the
 * rings. No worker runs. */
void world_refresh(struct world *world);

/* How many peers have had packets, of all rounds. */
unsigned world_peers_met(const struct world *world);

/* Waits for what workers were launched for, without polling: the CPU may be one of theirs. */
void wait_for_lcores(void);

/* A place in the space of 2^29 addresses that routes and allowed IPs divide, on either side: where
 * flow `n` comes from or leads to; and the number of the peer that has it on the far side. */
uint32_t world_place(const struct world *world, uint32_t n);
unsigned world_peer_of(const struct world *world, uint32_t place);

/* Writes the address of a place; the near side's and the far side's differ in their first bits. */
void world_address(const struct world *world, bool far, uint32_t place, uint8_t *out);

#endif
