/* SPDX-License-Identifier: BSD-3-Clause */
#include "noise/timers.h"

#include <string.h>

#define NEVER UINT64_MAX

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void wb_timers_init(struct wb_timers *timers, uint16_t keepalive_seconds)
{
	memset(timers, 0, sizeof(*timers));
	timers->keepalive_interval = keepalive_seconds * WB_SECOND;
}

/* Begins to try, but no sooner than REKEY_TIMEOUT after the last message of a handshake. */
static void handshake_start(struct wb_timers *timers, uint64_t now)
{
	timers->handshaking = true;
	timers->attempts = 0;
	timers->retry_at = now;
	if (timers->handshake_sent != 0)
		timers->retry_at = later(now, timers->handshake_sent + WB_REKEY_TIMEOUT);
}

void wb_timers_handshake_wanted(struct wb_timers *timers, uint64_t now)
{
	if (!timers->handshaking)
		handshake_start(timers, now);
}

void wb_timers_initiation_sent(struct wb_timers *timers, uint64_t now)
{
	timers->handshake_sent = now;
	timers->control_sent = now;
	if (timers->handshaking)
		timers->retry_at = now + WB_REKEY_TIMEOUT + timers->jitter;
}

void wb_timers_response_sent(struct wb_timers *timers, uint64_t now)
{
	timers->handshake_sent = now;
	timers->control_sent = now;
}

void wb_timers_received(struct wb_timers *timers, uint64_t now)
{
	timers->control_received = now;
}

void wb_timers_session_derived(struct wb_timers *timers, uint64_t now)
{
	timers->erase_at = now + 3 * WB_REJECT_AFTER_TIME;
}

void wb_timers_handshake_complete(struct wb_timers *timers, uint64_t now)
{
	(void)now;
	timers->handshaking = false;
	timers->attempts = 0;
}

void wb_timers_identity_changed(struct wb_timers *timers, uint64_t now)
{
	timers->handshake_sent = 0;
	if (timers->handshaking)
		handshake_start(timers, now);
}

/* Data was sent and nothing came back for KEEPALIVE_TIMEOUT + REKEY_TIMEOUT: when that leads to a
 * handshake. It does once for a run of silence; after that, again as long as data is sent. */
static uint64_t silence_deadline(const struct wb_timers *timers, const struct wb_activity *activity)
{
	const uint64_t patience = WB_KEEPALIVE_TIMEOUT + WB_REKEY_TIMEOUT + timers->jitter;
	uint64_t since = activity->tx_unanswered_since;

	if (timers->handshaking || since == 0 ||
		since <= later(activity->rx_any, timers->control_received))
		return NEVER;
	if (since != timers->silence_fired_for)
		return since + patience;
	if (activity->tx_data > timers->silence_fired_at)
		return timers->silence_fired_at + patience;
	return NEVER;
}

/* Data came in and nothing was sent for KEEPALIVE_TIMEOUT: the passive keepalive. One that could
 * not be sent is tried again, as long as data comes in. */
static uint64_t keepalive_deadline(
	const struct wb_timers *timers, const struct wb_activity *activity)
{
	uint64_t since = activity->rx_unanswered_since;

	if (since == 0 || since <= activity->tx_any)
		return NEVER;
	if (since != timers->keepalive_fired_for)
		return since + WB_KEEPALIVE_TIMEOUT;
	if (activity->rx_data > timers->keepalive_fired_at)
		return timers->keepalive_fired_at + WB_KEEPALIVE_TIMEOUT;
	return NEVER;
}

/* Nothing went either way for the interval: the persistent keepalive. */
static uint64_t persistent_deadline(
	const struct wb_timers *timers, const struct wb_activity *activity)
{
	uint64_t last = timers->persistent_fired_at;

	if (timers->keepalive_interval == 0)
		return NEVER;
	last = later(last, later(activity->tx_any, activity->rx_any));
	last = later(last, later(timers->control_sent, timers->control_received));
	return last == 0 ? 0 : last + timers->keepalive_interval;
}

static unsigned run_retries(struct wb_timers *timers, uint64_t now, uint32_t random)
{
	if (!timers->handshaking || now < timers->retry_at)
		return 0;
	if (timers->attempts > WB_HANDSHAKES_MAX) {
		timers->handshaking = false;
		timers->attempts = 0;
		/* The keys of a peer that is gone are not kept for ever. */
		if (timers->erase_at == 0)
			timers->erase_at = now + 3 * WB_REJECT_AFTER_TIME;
		return WB_TIMER_GIVE_UP;
	}
	timers->attempts++;
	timers->jitter = random % WB_REKEY_JITTER_MS * (WB_SECOND / 1000);
	timers->retry_at = now + WB_REKEY_TIMEOUT + timers->jitter;
	return WB_TIMER_SEND_INITIATION | (timers->attempts > 1 ? WB_TIMER_FORGET_SOURCE : 0);
}

unsigned wb_timers_run(
	struct wb_timers *timers, const struct wb_activity *activity, uint64_t now, uint32_t random)
{
	unsigned actions = 0;

	if (timers->erase_at != 0 && now >= timers->erase_at) {
		timers->erase_at = 0;
		actions |= WB_TIMER_ERASE_KEYS;
	}
	if (now >= silence_deadline(timers, activity)) {
		timers->silence_fired_for = activity->tx_unanswered_since;
		timers->silence_fired_at = now;
		actions |= WB_TIMER_FORGET_SOURCE;
		handshake_start(timers, now);
	}
	if (now >= keepalive_deadline(timers, activity)) {
		timers->keepalive_fired_for = activity->rx_unanswered_since;
		timers->keepalive_fired_at = now;
		actions |= WB_TIMER_SEND_KEEPALIVE;
	}
	if (now >= persistent_deadline(timers, activity)) {
		timers->persistent_fired_at = now;
		actions |= WB_TIMER_SEND_KEEPALIVE;
	}
	return actions | run_retries(timers, now, random);
}

uint64_t wb_timers_deadline(const struct wb_timers *timers, const struct wb_activity *activity)
{
	uint64_t next = sooner(silence_deadline(timers, activity),
		sooner(keepalive_deadline(timers, activity),
			persistent_deadline(timers, activity)));

	if (timers->handshaking)
		next = sooner(next, timers->retry_at);
	if (timers->erase_at != 0)
		next = sooner(next, timers->erase_at);
	return next;
}
