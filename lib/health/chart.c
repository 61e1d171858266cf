/* SPDX-License-Identifier: BSD-3-Clause */
#include "health/chart.h"

#include <stdbool.h>
#include <string.h>

#define EIGHTHS 8

/* A column made of neighbouring points. */
struct column {
	uint64_t rtt_sum;
	uint32_t sent, replied, lost;
};

static struct column column_of(
	const struct wb_health_point *points, unsigned n_points, unsigned columns, unsigned i)
{
	unsigned first = i * n_points / columns, end = (i + 1) * n_points / columns;
	struct column column = {0};

	for (unsigned p = first; p < end; p++) {
		column.rtt_sum += points[p].rtt_avg * points[p].replied;
		column.sent += points[p].sent;
		column.replied += points[p].replied;
		column.lost += points[p].lost;
	}
	return column;
}

static uint64_t average(const struct column *column)
{
	return column->replied == 0 ? 0 : column->rtt_sum / column->replied;
}

static bool lossy(const struct column *column)
{
	return column->lost > 0 && column->lost * 10 >= column->lost + column->replied;
}

static const char *mark_of(const struct column *column, uint64_t top)
{
	static const char *const blocks[EIGHTHS] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	uint64_t eighths;

	if (lossy(column))
		return "x";
	if (column->replied == 0)
		return " ";
	eighths = top == 0 ? 0 : (average(column) * EIGHTHS + top - 1) / top;
	return blocks[eighths == 0 ? 0 : eighths - 1];
}

uint64_t wb_chart(const struct wb_health_point *points, unsigned n_points, unsigned columns,
	char *out, size_t size)
{
	uint64_t top = 0;
	size_t used = 0;

	if (columns > n_points)
		columns = n_points;
	for (unsigned i = 0; i < columns; i++) {
		struct column column = column_of(points, n_points, columns, i);

		if (!lossy(&column) && average(&column) > top)
			top = average(&column);
	}
	if (size > 0)
		out[0] = '\0';
	for (unsigned i = 0; i < columns; i++) {
		struct column column = column_of(points, n_points, columns, i);
		const char *mark = mark_of(&column, top);
		size_t length = strlen(mark);

		if (used + length + 1 > size)
			break;
		memcpy(out + used, mark, length + 1);
		used += length;
	}
	return top;
}
