/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The port plan: which links tunnels take, there and back, and UDP ports that spread them evenly.
 * Pure functions; any thread.
 */
#ifndef WB_PORT_SPREAD_H
#define WB_PORT_SPREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "port/far_hash.h"

#define WB_SPREAD_TUNNELS_MAX 64
#define WB_SPREAD_LINKS_MAX   16

/** A tunnel of the plan. Ports are in host byte order. */
struct wb_spread_tunnel {
	struct wb_addr here, there; /**< of one family */
	uint16_t port_here;	    /**< 0: none yet */
	uint16_t port_there;
};

/** The two bonds. A side whose hash does not see ports is left out of account. */
struct wb_spread_sides {
	enum wb_bond_policy hash_here;
	unsigned links_here;
	enum wb_far_hash hash_there;
	unsigned links_there;
};

/** Where a tunnel goes: places among the links in use, from 0. */
struct wb_spread_places {
	uint8_t leaves, leaves_one_down; /**< one_down: with one link less here */
	uint8_t returns, returns_one_down;
};

/** How uneven a plan is: tunnels on the fullest link less those on the emptiest, 0 or 1 being
 * even. */
struct wb_spread_judgement {
	unsigned leaves, leaves_one_down, returns, returns_one_down;
};

/** Where a tunnel goes with the ports it has. */
struct wb_spread_places wb_spread_places_of(
	const struct wb_spread_sides *sides, const struct wb_spread_tunnel *tunnel);

/** Judges the ports that tunnels have. */
struct wb_spread_judgement wb_spread_judge(
	const struct wb_spread_sides *sides, const struct wb_spread_tunnel *tunnels, unsigned n);

/**
 * Chooses ports that spread tunnels over the links in both directions, and as well as can be with
 * one link less. Ports that are as good stay.
 * @param base   the least port to choose; those above it are tried, 1023 at the most.
 * @param taken  tells whether a port here is another's; may be NULL.
 */
void wb_spread_choose(const struct wb_spread_sides *sides, struct wb_spread_tunnel *tunnels,
	unsigned n, uint16_t base, bool (*taken)(void *arg, uint16_t port), void *arg);

#endif
