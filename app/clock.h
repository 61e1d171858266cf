/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The one monotonic clock of control and workers: TSC cycles as nanoseconds.
 */
#ifndef WB_APP_CLOCK_H
#define WB_APP_CLOCK_H

#include <stdint.h>

#include <rte_cycles.h>

#define NS_PER_US     UINT64_C(1000)
#define NS_PER_MS     UINT64_C(1000000)
#define NS_PER_SECOND UINT64_C(1000000000)

/** Nanoseconds a cycle, as a fixed-point number with 32 bits behind the point. */
extern uint64_t clock_ns_per_cycle_q32;

/** Call once after rte_eal_init(). */
void clock_init(void);

/** TSC cycles as ns. */
static inline uint64_t clock_ns_of(uint64_t cycles)
{
	return (uint64_t)(((unsigned __int128)cycles * clock_ns_per_cycle_q32) >> 32);
}

/** ns since some moment before the start; the same on every lcore. */
static inline uint64_t clock_now(void)
{
	return clock_ns_of(rte_rdtsc());
}

#endif
