/* SPDX-License-Identifier: BSD-3-Clause */
#include "units.h"

#include <stdio.h>
#include <string.h>

const char *units_bytes(uint64_t bytes, char out[UNITS_STRLEN])
{
	static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double value = (double)bytes;
	unsigned unit = 0;

	for (; value >= 1024 && unit < 5; unit++)
		value /= 1024;
	if (unit == 0)
		snprintf(out, UNITS_STRLEN, "%llu B", (unsigned long long)bytes);
	else
		snprintf(out, UNITS_STRLEN, "%.2f %s", value, names[unit]);
	return out;
}

const char *units_count(uint64_t count, char out[UNITS_STRLEN])
{
	static const char names[] = " kMGTP";
	double value = (double)count;
	unsigned unit = 0;

	for (; value >= 1000 && unit < 5; unit++)
		value /= 1000;
	if (unit == 0)
		snprintf(out, UNITS_STRLEN, "%llu", (unsigned long long)count);
	else
		snprintf(out, UNITS_STRLEN, "%.2f %c", value, names[unit]);
	return out;
}

const char *units_rate(uint64_t bits_per_second, char out[UNITS_STRLEN])
{
	char count[UNITS_STRLEN];

	units_count(bits_per_second, count);
	snprintf(out, UNITS_STRLEN, "%.30s%sbit/s", count, bits_per_second < 1000 ? " " : "");
	return out;
}

const char *units_ago(uint64_t seconds, char out[UNITS_STRLEN])
{
	static const struct {
		const char *name;
		uint64_t seconds;
	} units[] = {{"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
	size_t used = 0;

	if (seconds == 0)
		return strcpy(out, "Now");
	for (unsigned i = 0; i < 4 && used < UNITS_STRLEN; i++) {
		uint64_t n = seconds / units[i].seconds;

		seconds %= units[i].seconds;
		if (n > 0)
			used += (size_t)snprintf(out + used, UNITS_STRLEN - used, "%s%llu %s%s",
				used > 0 ? ", " : "", (unsigned long long)n, units[i].name,
				n == 1 ? "" : "s");
	}
	if (used + 5 <= UNITS_STRLEN)
		strcpy(out + used, " ago");
	return out;
}
