/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/spread.h"

#include <string.h>

/* Ports that are tried on each side. */
#define RANGE_HERE  128
#define RANGE_THERE 512

/* What one more tunnel on a link costs: whole bonds first, then those with one link less. */
#define WHOLE	 64u
#define ONE_DOWN 1u

/* Tunnels on each link so far. */
struct load {
	uint16_t leaves[WB_SPREAD_LINKS_MAX], leaves_one_down[WB_SPREAD_LINKS_MAX];
	uint16_t returns[WB_SPREAD_LINKS_MAX], returns_one_down[WB_SPREAD_LINKS_MAX];
};

static uint8_t place(uint32_t hash, unsigned links)
{
	return links == 0 ? 0 : (uint8_t)(hash % links);
}

struct wb_spread_places wb_spread_places_of(
	const struct wb_spread_sides *sides, const struct wb_spread_tunnel *tunnel)
{
	const struct wb_bond_packet out = {
		.source = {.addr = tunnel->here, .port = tunnel->port_here},
		.destination = {.addr = tunnel->there, .port = tunnel->port_there},
	};
	const struct wb_bond_packet back = {.source = out.destination, .destination = out.source};
	uint32_t leaves = wb_bond_hash(sides->hash_here, &out);
	uint32_t returns = wb_far_hash(sides->hash_there, &back);

	return (struct wb_spread_places){
		.leaves = place(leaves, sides->links_here),
		.leaves_one_down = place(leaves, sides->links_here - 1),
		.returns = place(returns, sides->links_there),
		.returns_one_down = place(returns, sides->links_there - 1),
	};
}

static void load_add(struct load *load, const struct wb_spread_places *places)
{
	load->leaves[places->leaves]++;
	load->leaves_one_down[places->leaves_one_down]++;
	load->returns[places->returns]++;
	load->returns_one_down[places->returns_one_down]++;
}

static unsigned unevenness(const uint16_t *tunnels, unsigned links)
{
	unsigned most = 0, least = UINT16_MAX;

	for (unsigned i = 0; i < links; i++) {
		most = tunnels[i] > most ? tunnels[i] : most;
		least = tunnels[i] < least ? tunnels[i] : least;
	}
	return links < 2 ? 0 : most - least;
}

struct wb_spread_judgement wb_spread_judge(
	const struct wb_spread_sides *sides, const struct wb_spread_tunnel *tunnels, unsigned n)
{
	struct load load = {{0}};

	for (unsigned i = 0; i < n; i++) {
		struct wb_spread_places places = wb_spread_places_of(sides, &tunnels[i]);

		load_add(&load, &places);
	}
	return (struct wb_spread_judgement){
		.leaves = unevenness(load.leaves, sides->links_here),
		.leaves_one_down = unevenness(load.leaves_one_down, sides->links_here - 1),
		.returns = unevenness(load.returns, sides->links_there),
		.returns_one_down = unevenness(load.returns_one_down, sides->links_there - 1),
	};
}

/* The sum of squares grows by 2 x + 1 where one more comes to x: least where the fewest are. */
static unsigned cost(const struct wb_spread_sides *sides, const struct load *load,
	const struct wb_spread_places *places)
{
	unsigned sum = 0;

	if (sides->hash_here == WB_BOND_LAYER34)
		sum += WHOLE * load->leaves[places->leaves] +
			ONE_DOWN * load->leaves_one_down[places->leaves_one_down];
	if (wb_far_hash_sees_ports(sides->hash_there))
		sum += WHOLE * load->returns[places->returns] +
			ONE_DOWN * load->returns_one_down[places->returns_one_down];
	return sum;
}

/* What no place could undercut. */
static unsigned least_cost(const struct wb_spread_sides *sides, const struct load *load)
{
	struct wb_spread_places best = {0};

	for (uint8_t i = 1; i < sides->links_here; i++)
		if (load->leaves[i] < load->leaves[best.leaves])
			best.leaves = i;
	for (uint8_t i = 1; i + 1u < sides->links_here; i++)
		if (load->leaves_one_down[i] < load->leaves_one_down[best.leaves_one_down])
			best.leaves_one_down = i;
	for (uint8_t i = 1; i < sides->links_there; i++)
		if (load->returns[i] < load->returns[best.returns])
			best.returns = i;
	for (uint8_t i = 1; i + 1u < sides->links_there; i++)
		if (load->returns_one_down[i] < load->returns_one_down[best.returns_one_down])
			best.returns_one_down = i;
	return cost(sides, load, &best);
}

/* The search for the ports of one tunnel, the others before it being settled. */
struct search {
	const struct wb_spread_sides *sides;
	const struct wb_spread_tunnel *tunnels; /* settled ones first */
	unsigned settled;
	uint16_t base;
	bool (*taken)(void *arg, uint16_t port);
	void *arg;
	struct load load;
	unsigned least;
	unsigned best_cost;
};

/* A port here is one tunnel's, and so is one at an address there: the plan's, or a stranger's. The
 * ports of those not settled yet are free to choose. */
static bool free_here(const struct search *search, uint16_t port, unsigned which)
{
	for (unsigned i = 0; i < search->settled; i++)
		if (search->tunnels[i].port_here == port)
			return false;
	return port == search->tunnels[which].port_here || search->taken == NULL ||
		!search->taken(search->arg, port);
}

static bool free_there(const struct search *search, uint16_t port, unsigned which)
{
	for (unsigned i = 0; i < search->settled; i++)
		if (search->tunnels[i].port_there == port &&
			wb_addr_equal(&search->tunnels[i].there, &search->tunnels[which].there))
			return false;
	return true;
}

/* Takes a pair of ports if it is better. Returns whether there can be no better one. */
static bool consider(struct search *search, struct wb_spread_tunnel *best,
	const struct wb_spread_tunnel *candidate)
{
	struct wb_spread_places places = wb_spread_places_of(search->sides, candidate);
	unsigned price = cost(search->sides, &search->load, &places);

	if (price >= search->best_cost)
		return false;
	search->best_cost = price;
	*best = *candidate;
	return price == search->least;
}

static void choose_one(struct search *search, struct wb_spread_tunnel *tunnel, unsigned which)
{
	struct wb_spread_tunnel best = *tunnel, candidate = *tunnel;

	search->best_cost = UINT32_MAX;
	search->least = least_cost(search->sides, &search->load);
	if (tunnel->port_here != 0 && tunnel->port_there != 0 &&
		free_here(search, tunnel->port_here, which) &&
		free_there(search, tunnel->port_there, which) && consider(search, &best, tunnel))
		return;
	for (unsigned i = 0; i < RANGE_HERE; i++) {
		candidate.port_here = (uint16_t)(search->base + i);
		if (!free_here(search, candidate.port_here, which))
			continue;
		for (unsigned j = 0; j < RANGE_THERE; j++) {
			candidate.port_there = (uint16_t)(search->base + j);
			if (free_there(search, candidate.port_there, which) &&
				consider(search, &best, &candidate)) {
				*tunnel = best;
				return;
			}
		}
	}
	*tunnel = best;
}

void wb_spread_choose(const struct wb_spread_sides *sides, struct wb_spread_tunnel *tunnels,
	unsigned n, uint16_t base, bool (*taken)(void *arg, uint16_t port), void *arg)
{
	struct search search = {
		.sides = sides,
		.tunnels = tunnels,
		.base = base,
		.taken = taken,
		.arg = arg,
	};

	for (unsigned i = 0; i < n; i++) {
		struct wb_spread_places places;

		choose_one(&search, &tunnels[i], i);
		places = wb_spread_places_of(sides, &tunnels[i]);
		load_add(&search.load, &places);
		search.settled++;
	}
}
