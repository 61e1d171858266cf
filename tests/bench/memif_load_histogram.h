/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * A histogram of times whose buckets are 1/64 of their value wide: percentiles to 1.6 %, from one
 * cycle to years, in constant memory.
 */
#ifndef WB_BENCH_MEMIF_LOAD_HISTOGRAM_H
#define WB_BENCH_MEMIF_LOAD_HISTOGRAM_H

#include <stdint.h>

#define LOAD_HISTOGRAM_BITS    6
#define LOAD_HISTOGRAM_PART    (1u << LOAD_HISTOGRAM_BITS)
#define LOAD_HISTOGRAM_BUCKETS ((64 - LOAD_HISTOGRAM_BITS + 1) * LOAD_HISTOGRAM_PART)

struct load_histogram {
	uint64_t n, greatest;
	uint64_t buckets[LOAD_HISTOGRAM_BUCKETS];
};

/* Values below 64 have a bucket each; each doubling above has 64. */
static inline unsigned load_histogram_bucket(uint64_t value)
{
	unsigned shift;

	if (value < LOAD_HISTOGRAM_PART)
		return (unsigned)value;
	shift = 63 - (unsigned)__builtin_clzll(value) - LOAD_HISTOGRAM_BITS;
	return (shift + 1) * LOAD_HISTOGRAM_PART +
		(unsigned)((value >> shift) - LOAD_HISTOGRAM_PART);
}

static inline void load_histogram_add(struct load_histogram *histogram, uint64_t value)
{
	histogram->n++;
	if (value > histogram->greatest)
		histogram->greatest = value;
	histogram->buckets[load_histogram_bucket(value)]++;
}

/** The least value that is not below this share of all, rounded up to its bucket's end; 0: none. */
static inline uint64_t load_histogram_at(const struct load_histogram *histogram, double share)
{
	uint64_t wanted = (uint64_t)(share * (double)histogram->n + 0.999999), seen = 0;

	for (unsigned i = 0; i < LOAD_HISTOGRAM_BUCKETS && histogram->n > 0; i++) {
		uint64_t end = i;

		seen += histogram->buckets[i];
		if (seen < wanted || seen == 0)
			continue;
		if (i >= LOAD_HISTOGRAM_PART) {
			unsigned shift = i / LOAD_HISTOGRAM_PART - 1;

			end = ((uint64_t)(LOAD_HISTOGRAM_PART + i % LOAD_HISTOGRAM_PART + 1)
				      << shift) -
				1;
		}
		return end < histogram->greatest ? end : histogram->greatest;
	}
	return 0;
}

#endif
