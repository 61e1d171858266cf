/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * How many handshake messages a source may send while we are under load: a token bucket for each
 * IPv4 address or IPv6 /64 (paper, section 5.3). Its figures are those of the kernel's. Memory is
 * bounded: when a source finds no place, because others that are being limited hold all of its own,
 * it is refused. One thread.
 */
#ifndef WB_NOISE_RATELIMIT_H
#define WB_NOISE_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

#define WB_RATELIMIT_PER_SECOND 20
#define WB_RATELIMIT_BURST	5

/** Places in all, and how many of them a source may be in. */
#define WB_RATELIMIT_PLACES 8192
#define WB_RATELIMIT_WAYS   8

struct wb_ratelimit_entry {
	uint64_t source; /**< IPv4 address, or the first half of an IPv6 one */
	uint64_t paid;	 /**< ns, the moment up to which its tokens are taken */
	bool ipv6;
};

struct wb_ratelimit {
	uint8_t secret[16]; /**< of the hash: nobody can choose who shares places with whom */
	struct wb_ratelimit_entry entries[WB_RATELIMIT_PLACES];
};

void wb_ratelimit_init(struct wb_ratelimit *limit);

/** Takes a token of a source. False: it has none left. `now` in ns. */
bool wb_ratelimit_allow(struct wb_ratelimit *limit, const struct wb_addr *source, uint64_t now);

#endif
