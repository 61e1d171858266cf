/* SPDX-License-Identifier: BSD-3-Clause */
#include "stats/counters.h"

#include <stdlib.h>
#include <string.h>

static const struct wb_counter_info infos[WB_COUNTERS_N] = {
#define WB_COUNTER_INFO(id, kind, name, help) [id] = {WB_KIND_##kind, name, help},
	WB_COUNTERS(WB_COUNTER_INFO)
#undef WB_COUNTER_INFO
};

struct wb_counters *wb_counters_create(unsigned n)
{
	struct wb_counters *sets = aligned_alloc(64, n * sizeof(*sets));

	if (sets != NULL)
		memset(sets, 0, n * sizeof(*sets));
	return sets;
}

const struct wb_counter_info *wb_counter_info(enum wb_counter id)
{
	return &infos[id];
}

uint64_t wb_counters_sum(const struct wb_counters *sets, unsigned n, enum wb_counter id)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += __atomic_load_n(&sets[i].value[id], __ATOMIC_RELAXED);
	return sum;
}

uint64_t wb_counters_kind_sum(const struct wb_counters *sets, unsigned n, enum wb_counter_kind kind)
{
	uint64_t sum = 0;

	for (unsigned id = 0; id < WB_COUNTERS_N; id++)
		if (infos[id].kind == kind)
			sum += wb_counters_sum(sets, n, (enum wb_counter)id);
	return sum;
}
