/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets for the gateway to work on, made before the clock runs. */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include <rte_mbuf.h>

#include "world.h"

/* What is measured: a stage alone, or the way from port to port. */
enum path {
	PATH_SEAL,	  /* inner packets in a seal stage's ring → frames in a tx stage's */
	PATH_OPEN,	  /* messages in an open stage's ring → frames in a tx stage's */
	PATH_FORWARD_OUT, /* frames from the LAN → sealed frames */
	PATH_FORWARD_IN,  /* sealed frames → frames to the LAN */
	PATH_BOTH,	  /* every other packet out, in */
	PATHS_N,
};

/* Inner bytes that stand for IMIX: 64, 576 and 1420 as 7:4:1. */
#define SIZE_IMIX 0

struct traffic {
	enum path path;
	unsigned size; /* bytes of the inner packet, headers included; SIZE_IMIX */
	struct rte_mbuf *mbufs[STORE];
	uint16_t sizes[STORE]; /* of the inner packets */
	unsigned n;
	unsigned first; /* the flow of the first packet; the others have the next ones */
};

/* Takes the buffers from the gateway's pool. */
void traffic_make(struct world *world, struct traffic *traffic);

/* Lays all packets out anew. */
void traffic_prepare(struct world *world, struct traffic *traffic);

/* The next packets will be of the flows behind these ones: rounds go through all there are. */
void traffic_advance(const struct world *world, struct traffic *traffic);

/* Which flow packet i belongs to. */
static inline unsigned traffic_flow(
	const struct world *world, const struct traffic *traffic, unsigned i)
{
	return (traffic->first + i) % world->options.flows;
}

/* Whether packet i is for a seal stage, in the end. */
static inline bool traffic_is_out(const struct traffic *traffic, unsigned i)
{
	return traffic->path == PATH_SEAL || traffic->path == PATH_FORWARD_OUT ||
		(traffic->path == PATH_BOTH && i % 2 == 0);
}

#endif
