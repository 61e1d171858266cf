/* SPDX-License-Identifier: BSD-3-Clause */
/* What the steps of a packet's way cost by themselves. */
#ifndef BENCH_PARTS_H
#define BENCH_PARTS_H

#include "traffic.h"

enum part {
	PART_CHECK,  /* the IP header proved */
	PART_ROUTE,  /* destinations looked up */
	PART_HASH,   /* a flow's hash, of a plain packet */
	PART_QUEUE,  /* into a stage's ring and off it, on one lcore */
	PART_HOP,    /* the same from one lcore to another; 0 on one */
	PART_HEADER, /* outer headers */
	PART_TX,     /* a port of rings sends */
	PARTS_N,
};

extern const char *const part_names[PARTS_N];

/* Cycles a packet, in bursts of the gateway's size. The traffic is PATH_FORWARD_OUT's. */
void parts_measure(struct world *world, struct traffic *traffic, double cycles[PARTS_N]);

#endif
