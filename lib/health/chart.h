/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * A path's history as one line of text.
 */
#ifndef WB_HEALTH_CHART_H
#define WB_HEALTH_CHART_H

#include <stddef.h>

#include "health/stats.h"

/** Bytes that a chart of so many columns needs: a block is 3 bytes of UTF-8. */
#define WB_CHART_SIZE(columns) ((columns)*3 + 1)

/**
 * Bars of the average RTT, oldest first: eighths of a block from 0 to the highest. 'x' stands where
 * a tenth of the probes or more were lost, a space where none was sent.
 * @param columns  neighbouring points share one if there are more points.
 * @param out      cut at a whole column if `size` is too small.
 * @return         the RTT of a full block, ns; 0: no bar.
 */
uint64_t wb_chart(const struct wb_health_point *points, unsigned n_points, unsigned columns,
	char *out, size_t size);

#endif
