/* SPDX-License-Identifier: BSD-3-Clause */
#include "noise/ratelimit.h"

#include <sodium.h>
#include <string.h>

#include "noise/messages.h"

#define INTERVAL (WB_SECOND / WB_RATELIMIT_PER_SECOND)

void wb_ratelimit_init(struct wb_ratelimit *limit)
{
	memset(limit, 0, sizeof(*limit));
	randombytes_buf(limit->secret, sizeof(limit->secret));
}

/* The first of the places a source may be in. */
static struct wb_ratelimit_entry *places_of(struct wb_ratelimit *limit, uint64_t source, bool ipv6)
{
	uint8_t input[sizeof(source) + 1], out[crypto_shorthash_BYTES];
	uint64_t hash;

	memcpy(input, &source, sizeof(source));
	input[sizeof(source)] = ipv6;
	crypto_shorthash(out, input, sizeof(input), limit->secret);
	memcpy(&hash, out, sizeof(hash));
	return &limit->entries[hash % (WB_RATELIMIT_PLACES / WB_RATELIMIT_WAYS) *
		WB_RATELIMIT_WAYS];
}

/* The source's place, or one whose owner's bucket is full again: that is as good as forgotten. */
static struct wb_ratelimit_entry *entry_for(
	struct wb_ratelimit *limit, uint64_t source, bool ipv6, uint64_t now)
{
	struct wb_ratelimit_entry *places = places_of(limit, source, ipv6), *unused = NULL;

	for (unsigned i = 0; i < WB_RATELIMIT_WAYS; i++) {
		if (places[i].source == source && places[i].ipv6 == ipv6 && places[i].paid != 0)
			return &places[i];
		if (places[i].paid <= now)
			unused = &places[i];
	}
	if (unused != NULL)
		*unused = (struct wb_ratelimit_entry){.source = source, .ipv6 = ipv6};
	return unused;
}

bool wb_ratelimit_allow(struct wb_ratelimit *limit, const struct wb_addr *source, uint64_t now)
{
	bool ipv6 = source->family == AF_INET6;
	struct wb_ratelimit_entry *entry;
	uint64_t key = 0, paid;

	memcpy(&key, source->bytes, ipv6 ? 8 : 4);
	entry = entry_for(limit, key, ipv6, now);
	if (entry == NULL)
		return false;
	paid = entry->paid > now ? entry->paid : now;
	if (paid - now > (WB_RATELIMIT_BURST - 1) * INTERVAL)
		return false;
	entry->paid = paid + INTERVAL;
	return true;
}
