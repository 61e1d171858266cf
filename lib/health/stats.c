/* SPDX-License-Identifier: BSD-3-Clause */
#include "health/stats.h"

#include <stdbool.h>
#include <string.h>

#define NS_PER_TENTH  100000000ULL
#define NS_PER_SECOND (10 * NS_PER_TENTH)
#define NS_PER_MINUTE (60 * NS_PER_SECOND)

/* The first bucket's width: 10 us are 16 of them, as many as an octave has buckets. */
#define BUCKET_NS	   625
#define BUCKETS_PER_OCTAVE 16

struct ring {
	struct wb_health_slot *slots;
	unsigned n;
	uint64_t width;
};

/* A ring's slots may be written to by those only whose `stats` is not const. */
static struct ring ring_of(const struct wb_health_stats *stats, enum wb_health_span span)
{
	struct wb_health_stats *s = (struct wb_health_stats *)stats;

	switch (span) {
	case WB_SPAN_SECOND:
		return (struct ring){s->tenths, WB_HEALTH_TENTHS, NS_PER_TENTH};
	case WB_SPAN_MINUTE:
		return (struct ring){s->seconds, WB_HEALTH_SECONDS, NS_PER_SECOND};
	default:
		return (struct ring){s->minutes, WB_HEALTH_MINUTES, NS_PER_MINUTE};
	}
}

static uint64_t number_of(const struct ring *ring, uint64_t at)
{
	return at / ring->width + 1;
}

/* The slot with this number, or NULL if it is not there (any more). */
static struct wb_health_slot *slot_get(const struct ring *ring, uint64_t number)
{
	struct wb_health_slot *slot = &ring->slots[number % ring->n];

	return slot->number == number ? slot : NULL;
}

static unsigned bucket_of(uint64_t rtt)
{
	uint64_t x = rtt / BUCKET_NS;
	unsigned octave, bucket;

	if (x < BUCKETS_PER_OCTAVE)
		return 0;
	octave = 63 - (unsigned)__builtin_clzll(x) - 4;
	if (octave >= WB_HEALTH_BUCKETS / BUCKETS_PER_OCTAVE)
		return WB_HEALTH_BUCKETS - 1;
	bucket = (unsigned)(x >> octave) - BUCKETS_PER_OCTAVE;
	return octave * BUCKETS_PER_OCTAVE + bucket;
}

static uint64_t bucket_middle(unsigned bucket)
{
	uint64_t first = BUCKETS_PER_OCTAVE + bucket % BUCKETS_PER_OCTAVE;
	unsigned octave = bucket / BUCKETS_PER_OCTAVE;

	return ((2 * first + 1) << octave) * BUCKET_NS / 2;
}

void wb_health_stats_init(struct wb_health_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
}

void wb_health_stats_sent(struct wb_health_stats *stats, uint64_t sent)
{
	for (enum wb_health_span span = 0; span < WB_SPANS; span++) {
		struct ring ring = ring_of(stats, span);
		uint64_t number = number_of(&ring, sent);
		struct wb_health_slot *slot = &ring.slots[number % ring.n];

		if (slot->number != number) {
			memset(slot, 0, sizeof(*slot));
			slot->number = number;
		}
		slot->sent++;
	}
}

/* The slot of this span that a probe was counted in, NULL if its time is over. */
static struct wb_health_slot *slot_of(
	struct wb_health_stats *stats, enum wb_health_span span, uint64_t sent)
{
	struct ring ring = ring_of(stats, span);

	return slot_get(&ring, number_of(&ring, sent));
}

void wb_health_stats_unsent(struct wb_health_stats *stats, uint64_t sent)
{
	for (enum wb_health_span span = 0; span < WB_SPANS; span++) {
		struct wb_health_slot *slot = slot_of(stats, span, sent);

		if (slot != NULL)
			slot->sent--;
	}
}

static void lost_add(struct wb_health_stats *stats, uint64_t sent, int change)
{
	for (enum wb_health_span span = 0; span < WB_SPANS; span++) {
		struct wb_health_slot *slot = slot_of(stats, span, sent);

		if (slot != NULL)
			slot->lost += change;
	}
}

void wb_health_stats_lost(struct wb_health_stats *stats, uint64_t sent)
{
	lost_add(stats, sent, 1);
}

void wb_health_stats_found(struct wb_health_stats *stats, uint64_t sent)
{
	lost_add(stats, sent, -1);
}

static void slot_add(struct wb_health_slot *slot, uint64_t rtt)
{
	uint16_t *count = &slot->histogram[bucket_of(rtt)];

	if (slot->replied == 0 || rtt < slot->rtt_min)
		slot->rtt_min = rtt;
	if (rtt > slot->rtt_max)
		slot->rtt_max = rtt;
	slot->rtt_sum += rtt;
	slot->replied++;
	if (*count < UINT16_MAX)
		(*count)++;
}

void wb_health_stats_replied(struct wb_health_stats *stats, uint64_t sent, uint64_t rtt)
{
	uint64_t difference = rtt > stats->last_rtt ? rtt - stats->last_rtt : stats->last_rtt - rtt;
	bool in_order = sent > stats->last_sent, first = stats->last_sent == 0;

	for (enum wb_health_span span = 0; span < WB_SPANS; span++) {
		struct wb_health_slot *slot = slot_of(stats, span, sent);

		if (slot == NULL)
			continue;
		slot_add(slot, rtt);
		if (in_order && !first) {
			slot->difference_sum += difference;
			slot->differences++;
		}
	}
	if (in_order) {
		stats->last_rtt = rtt;
		stats->last_sent = sent;
	}
}

static uint32_t per_mille(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : (uint32_t)((part * 1000 + whole / 2) / whole);
}

/* Sums of the `n` slots up to `last`. */
static void sum_slots(const struct ring *ring, uint64_t last, unsigned n, uint64_t after,
	struct wb_health_slot *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (uint64_t number = last < n ? 1 : last - n + 1; number <= last; number++) {
		const struct wb_health_slot *slot = slot_get(ring, number);

		if (slot == NULL || number <= after)
			continue;
		if (slot->replied > 0 && (sum->replied == 0 || slot->rtt_min < sum->rtt_min))
			sum->rtt_min = slot->rtt_min;
		if (slot->rtt_max > sum->rtt_max)
			sum->rtt_max = slot->rtt_max;
		sum->sent += slot->sent;
		sum->replied += slot->replied;
		sum->lost += slot->lost;
		sum->rtt_sum += slot->rtt_sum;
		sum->differences += slot->differences;
		sum->difference_sum += slot->difference_sum;
	}
}

static void window_fill(struct wb_health_window *window, const struct wb_health_slot *sum)
{
	*window = (struct wb_health_window){
		.sent = sum->sent,
		.replied = sum->replied,
		.lost = sum->lost,
		.loss = per_mille(sum->lost, (uint64_t)sum->lost + sum->replied),
		.rtt_min = sum->rtt_min,
		.rtt_max = sum->rtt_max,
	};
	if (sum->replied > 0)
		window->rtt_avg = sum->rtt_sum / sum->replied;
	if (sum->differences > 0)
		window->jitter = sum->difference_sum / sum->differences;
}

/* The value at a nearest rank (1 is the lowest), within what was really seen. */
static uint64_t value_at(const uint32_t counts[WB_HEALTH_BUCKETS], uint64_t rank,
	const struct wb_health_window *window)
{
	uint64_t seen = 0, value;
	unsigned bucket = 0;

	for (; bucket < WB_HEALTH_BUCKETS - 1; bucket++) {
		seen += counts[bucket];
		if (seen >= rank)
			break;
	}
	value = bucket_middle(bucket);
	if (value < window->rtt_min)
		return window->rtt_min;
	return value > window->rtt_max ? window->rtt_max : value;
}

static void window_percentiles(
	const struct ring *ring, uint64_t last, struct wb_health_window *window)
{
	uint32_t counts[WB_HEALTH_BUCKETS] = {0};
	uint64_t total = 0;

	for (uint64_t number = last < ring->n ? 1 : last - ring->n + 1; number <= last; number++) {
		const struct wb_health_slot *slot = slot_get(ring, number);

		for (unsigned i = 0; slot != NULL && i < WB_HEALTH_BUCKETS; i++) {
			counts[i] += slot->histogram[i];
			total += slot->histogram[i];
		}
	}
	if (total == 0)
		return;
	window->rtt_p50 = value_at(counts, (total * 50 + 99) / 100, window);
	window->rtt_p99 = value_at(counts, (total * 99 + 99) / 100, window);
}

void wb_health_stats_window(const struct wb_health_stats *stats, enum wb_health_span span,
	uint64_t now, struct wb_health_window *window)
{
	struct ring ring = ring_of(stats, span);
	uint64_t last = number_of(&ring, now);
	struct wb_health_slot sum;

	sum_slots(&ring, last, ring.n, 0, &sum);
	window_fill(window, &sum);
	window_percentiles(&ring, last, window);
}

void wb_health_stats_recent(const struct wb_health_stats *stats, enum wb_health_span span,
	unsigned slots, uint64_t since, uint64_t now, struct wb_health_window *window)
{
	struct ring ring = ring_of(stats, span);
	struct wb_health_slot sum;

	sum_slots(&ring, number_of(&ring, now), slots < ring.n ? slots : ring.n,
		since == 0 ? 0 : number_of(&ring, since), &sum);
	window_fill(window, &sum);
}

unsigned wb_health_stats_history(const struct wb_health_stats *stats, enum wb_health_span span,
	uint64_t now, struct wb_health_point points[WB_HEALTH_POINTS])
{
	struct ring ring = ring_of(stats, span);
	uint64_t last = number_of(&ring, now);

	for (unsigned i = 0; i < ring.n; i++) {
		struct wb_health_slot *slot = NULL;

		points[i] = (struct wb_health_point){0};
		if (last + i >= ring.n)
			slot = slot_get(&ring, last + i + 1 - ring.n);
		if (slot == NULL)
			continue;
		points[i].sent = slot->sent;
		points[i].replied = slot->replied;
		points[i].lost = slot->lost;
		points[i].rtt_max = slot->rtt_max;
		if (slot->replied > 0)
			points[i].rtt_avg = slot->rtt_sum / slot->replied;
	}
	return ring.n;
}
