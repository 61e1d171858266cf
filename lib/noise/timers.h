/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * A peer's timers (paper, section 6) as a state machine: events and the time go in, what to do and
 * the next deadline come out.
 *
 * Workers report no single packet. They leave timestamps (struct wb_activity), from which the
 * timers of section 6.4 to 6.6 follow. All times are ns of one monotonic clock; 0 means never. One
 * thread.
 */
#ifndef WB_NOISE_TIMERS_H
#define WB_NOISE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#include "noise/messages.h"

/** What the workers' timestamps say of transport messages. */
struct wb_activity {
	uint64_t tx_data;	      /**< last data packet sent */
	uint64_t tx_any;	      /**< last packet sent, keepalives too */
	uint64_t rx_data;	      /**< last data packet received */
	uint64_t rx_any;	      /**< last packet received, keepalives too */
	uint64_t tx_unanswered_since; /**< first data sent since something was received */
	uint64_t rx_unanswered_since; /**< first data received since something was sent */
};

/** What wb_timers_run() asks for; a set of bits. */
enum wb_timer_action {
	WB_TIMER_SEND_INITIATION = 1 << 0,
	WB_TIMER_SEND_KEEPALIVE = 1 << 1, /**< a handshake if there is no key */
	WB_TIMER_GIVE_UP = 1 << 2,	  /**< no answer in 90 s: drop what is staged */
	WB_TIMER_ERASE_KEYS = 1 << 3,
	WB_TIMER_FORGET_SOURCE = 1 << 4, /**< our address may be why nobody answers */
};

struct wb_timers {
	uint64_t keepalive_interval; /**< persistent keepalive; 0 off */
	uint64_t handshake_sent;     /**< last initiation or response */
	uint64_t control_sent;	     /**< last handshake message sent and received */
	uint64_t control_received;
	uint64_t retry_at; /**< while handshaking: the next initiation */
	uint64_t erase_at;
	uint64_t
		silence_fired_for; /**< the tx_unanswered_since that led to a handshake, and when */
	uint64_t silence_fired_at;
	uint64_t keepalive_fired_for; /**< the rx_unanswered_since that was answered, and when */
	uint64_t keepalive_fired_at;
	uint64_t persistent_fired_at;
	uint64_t jitter;
	unsigned attempts;
	bool handshaking;
};

void wb_timers_init(struct wb_timers *timers, uint16_t keepalive_seconds);

/** A worker has a packet and no key, or an old key. */
void wb_timers_handshake_wanted(struct wb_timers *timers, uint64_t now);

/** Handshake messages that really left, and authentic ones that came in. */
void wb_timers_initiation_sent(struct wb_timers *timers, uint64_t now);
void wb_timers_response_sent(struct wb_timers *timers, uint64_t now);
void wb_timers_received(struct wb_timers *timers, uint64_t now);

/** Keys were derived; the handshake is complete (as responder: confirmed by data). */
void wb_timers_session_derived(struct wb_timers *timers, uint64_t now);
void wb_timers_handshake_complete(struct wb_timers *timers, uint64_t now);

/** Another private key: what was sent under the old one holds up no handshake, as in the kernel. */
void wb_timers_identity_changed(struct wb_timers *timers, uint64_t now);

/** Runs what is due. `random` spreads retries. Returns bits of enum wb_timer_action. */
unsigned wb_timers_run(struct wb_timers *timers, const struct wb_activity *activity, uint64_t now,
	uint32_t random);

/** When wb_timers_run() must be called next; UINT64_MAX: not before something happens. */
uint64_t wb_timers_deadline(const struct wb_timers *timers, const struct wb_activity *activity);

/** Sending under a session of this age, whose next counter this is, asks for a new one
 * (section 6.2). */
static inline bool wb_session_wants_rekey_on_send(uint64_t age, uint64_t counter, bool initiator)
{
	return counter > WB_REKEY_AFTER_MESSAGES || (initiator && age >= WB_REKEY_AFTER_TIME);
}

/** The age from which receiving does: the key would die before a passive keepalive renewed it. */
#define WB_REKEY_ON_RECEIVE_AGE (WB_REJECT_AFTER_TIME - WB_KEEPALIVE_TIMEOUT - WB_REKEY_TIMEOUT)

/** Whether receiving under a session of this age asks for a new one (section 6.2). */
static inline bool wb_session_wants_rekey_on_receive(uint64_t age, bool initiator)
{
	return initiator && age >= WB_REKEY_ON_RECEIVE_AGE;
}

#endif
