/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The replay window (paper, section 5.4.6; the ring of blocks is RFC 6479's idea): which counters
 * of a session have been seen. Owned by the open lcore.
 */
#ifndef WB_WG_REPLAY_H
#define WB_WG_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "noise/messages.h"

#define WB_REPLAY_BITS	8192
#define WB_REPLAY_WORDS (WB_REPLAY_BITS / 64)
/** Counters this far behind the greatest one are still told apart: all bits but the block that is
 * being filled. */
#define WB_REPLAY_WINDOW (WB_REPLAY_BITS - 64)

struct wb_replay {
	uint64_t next; /**< one more than the greatest counter seen; 0: none seen */
	uint64_t words[WB_REPLAY_WORDS];
};

/** The word a counter is in. */
static inline uint64_t *wb_replay_word(struct wb_replay *replay, uint64_t counter)
{
	return &replay->words[counter / 64 % WB_REPLAY_WORDS];
}

/** True if the counter was not seen before and is not too old; it has been seen then. Call it only
 * for messages whose tag was right. */
static inline bool wb_replay_check_and_set(struct wb_replay *replay, uint64_t counter)
{
	uint64_t block = counter / 64, bit = UINT64_C(1) << (counter % 64);
	uint64_t *word = wb_replay_word(replay, counter);

	if (counter >= WB_REJECT_AFTER_MESSAGES)
		return false;
	if (counter >= replay->next) {
		uint64_t newest = replay->next == 0 ? 0 : (replay->next - 1) / 64;
		uint64_t fresh = block - newest;

		/* The blocks passed over were last used a whole ring ago. */
		if (fresh > WB_REPLAY_WORDS)
			fresh = WB_REPLAY_WORDS;
		for (uint64_t i = 0; i < fresh; i++)
			replay->words[(block - i) % WB_REPLAY_WORDS] = 0;
		replay->next = counter + 1;
	} else if (replay->next - 1 - counter >= WB_REPLAY_WINDOW) {
		return false;
	}
	if (*word & bit)
		return false;
	*word |= bit;
	return true;
}

#endif
