/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Which tunnel's half should move to another worker, if any: a pure function of how busy workers
 * are, seen once a second. Needs no DPDK.
 */
#ifndef WB_APP_HOTSPOT_H
#define WB_APP_HOTSPOT_H

#include <stdbool.h>
#include <stdint.h>

#define HOTSPOT_WORKERS_MAX 64

/** Per mille of a worker's time: more is too much, less is room for others'. */
#define HOTSPOT_HOT  900
#define HOTSPOT_COOL 600

/** So many looks in a row a worker must have been hot. */
#define HOTSPOT_LOOKS 3

/** A move is to make the busier of the two workers so much less busy than it was. */
#define HOTSPOT_GAIN 30

/** What moves stays where it came for so many looks. */
#define HOTSPOT_STAY 10

/** What could move. */
struct hotspot_unit {
	uint16_t worker;
	uint16_t rested; /**< whole looks since it moved; UINT16_MAX: it never did */
	uint32_t share;	 /**< per mille of its worker's time */
	bool fixed;	 /**< somebody wrote where it is to be */
};

/** What is remembered from look to look; begins as zeros. */
struct hotspot {
	uint8_t hot[HOTSPOT_WORKERS_MAX]; /**< looks in a row */
};

struct hotspot_move {
	unsigned unit; /**< place in the list */
	unsigned from, to;
	uint32_t from_before, to_before; /**< per mille busy */
	uint32_t from_after, to_after;
};

/**
 * One look.
 * @param busy per mille of the time since the last look, by worker.
 * @return true: move it. A move that only makes another worker the hot one is none.
 */
bool hotspot_look(struct hotspot *hotspot, const uint32_t *busy, unsigned n_workers,
	const struct hotspot_unit *units, unsigned n_units, struct hotspot_move *out);

#endif
