/* SPDX-License-Identifier: BSD-3-Clause */
#include "hotspot.h"

static void count(struct hotspot *hotspot, const uint32_t *busy, unsigned n_workers)
{
	for (unsigned i = 0; i < n_workers; i++) {
		if (busy[i] <= HOTSPOT_HOT)
			hotspot->hot[i] = 0;
		else if (hotspot->hot[i] < HOTSPOT_LOOKS)
			hotspot->hot[i]++;
	}
}

static unsigned coolest(const uint32_t *busy, unsigned n_workers)
{
	unsigned best = 0;

	for (unsigned i = 1; i < n_workers; i++)
		if (busy[i] < busy[best])
			best = i;
	return best;
}

static uint32_t greater(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static bool may_move(const struct hotspot_unit *unit, const struct hotspot_move *move)
{
	uint32_t worst;

	if (unit->worker != move->from || unit->fixed || unit->rested < HOTSPOT_STAY ||
		unit->share == 0 || unit->share > move->from_before)
		return false;
	worst = greater(move->from_before - unit->share, move->to_before + unit->share);
	/* What a full worker takes says too little of what it would take elsewhere: no move fills
	 * the other one either. */
	return worst + HOTSPOT_GAIN <= move->from_before &&
		move->to_before + unit->share <= HOTSPOT_HOT;
}

/* The unit whose move evens the two workers best. False: no move does. */
static bool unit_find(const struct hotspot_unit *units, unsigned n_units, struct hotspot_move *move)
{
	uint32_t least = UINT32_MAX;

	for (unsigned i = 0; i < n_units; i++) {
		uint32_t from, to;

		if (!may_move(&units[i], move))
			continue;
		from = move->from_before - units[i].share;
		to = move->to_before + units[i].share;
		if (greater(from, to) >= least)
			continue;
		least = greater(from, to);
		move->unit = i;
		move->from_after = from;
		move->to_after = to;
	}
	return least != UINT32_MAX;
}

bool hotspot_look(struct hotspot *hotspot, const uint32_t *busy, unsigned n_workers,
	const struct hotspot_unit *units, unsigned n_units, struct hotspot_move *out)
{
	unsigned cool;

	count(hotspot, busy, n_workers);
	if (n_workers < 2)
		return false;
	cool = coolest(busy, n_workers);
	if (busy[cool] >= HOTSPOT_COOL)
		return false;
	for (unsigned i = 0; i < n_workers; i++) {
		if (hotspot->hot[i] < HOTSPOT_LOOKS)
			continue;
		*out = (struct hotspot_move){
			.from = i, .to = cool, .from_before = busy[i], .to_before = busy[cool]};
		if (!unit_find(units, n_units, out))
			continue;
		/* What comes of it is to be seen first. */
		hotspot->hot[i] = 0;
		return true;
	}
	return false;
}
