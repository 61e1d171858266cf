/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * How control gets rid of what workers may still be reading. lib rooms are handed one of these and
 * need not know how quiescence is found out.
 */
#ifndef WB_WG_RETIRE_H
#define WB_WG_RETIRE_H

/** Calls `free_fn(object)` once every worker was quiescent. Control only; never blocks. */
struct wb_retire {
	void (*fn)(void *arg, void *object, void (*free_fn)(void *));
	void *arg;
};

static inline void wb_retire(const struct wb_retire *retire, void *object, void (*free_fn)(void *))
{
	if (object != (void *)0)
		retire->fn(retire->arg, object, free_fn);
}

#endif
