/* SPDX-License-Identifier: BSD-3-Clause */
/* Rounds: the same packets through the gateway, and through the AEAD alone. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "traffic.h"

/* Cycles of the TSC a packet. */
struct round {
	double gateway;		     /* of all lcores together until the last packet is out */
	double aead;		     /* the library's part alone, one lcore, the same buffers */
	double aead_together;	     /* the same by all lcores at once, each its share */
	double stages[STAGE_TX + 1]; /* that stages of a kind took, by their own account */
};

/* One round of each, on the first worker's lcore or on all. The packets are in the store again. */
void measure_round(struct world *world, struct traffic *traffic, struct round *round);

#endif
