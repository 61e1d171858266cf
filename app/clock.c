/* SPDX-License-Identifier: BSD-3-Clause */
#include "clock.h"

uint64_t clock_ns_per_cycle_q32;

void clock_init(void)
{
	clock_ns_per_cycle_q32 =
		(uint64_t)(((unsigned __int128)NS_PER_SECOND << 32) / rte_get_tsc_hz());
}
