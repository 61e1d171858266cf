/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * LACP of one bond (IEEE 802.1AX-2014, clause 6.4) as a state machine: LACPDUs, link changes and
 * the time go in; LACPDUs, which members collect and distribute, and the next deadline come out.
 * Knows nothing of ports, threads or the clock. Times are ns of any one clock that does not jump.
 *
 * Each member has the receive, periodic, mux and churn machines of the standard, mux with
 * independent control (figure 6-22): a member is sent by only once its partner collects. Selection
 * (6.4.14) puts members with the same partner system and key into one aggregator; one aggregator
 * at a time carries traffic, as on Linux, and members of others stand by.
 */
#ifndef WB_LACP_LACP_H
#define WB_LACP_LACP_H

#include <stdbool.h>
#include <stdint.h>

#include "lacp/pdu.h"

#define WB_LACP_MEMBERS_MAX 16
#define WB_LACP_KEY_MAX	    1023

/** Fast_Periodic_Time, Slow_Periodic_Time, Short_Timeout_Time, Long_Timeout_Time,
 * Churn_Detection_Time (6.4.4). */
#define WB_LACP_FAST_PERIODIC UINT64_C(1000000000)
#define WB_LACP_SLOW_PERIODIC UINT64_C(30000000000)
#define WB_LACP_SHORT_TIMEOUT UINT64_C(3000000000)
#define WB_LACP_LONG_TIMEOUT  UINT64_C(90000000000)
#define WB_LACP_CHURN_TIME    UINT64_C(60000000000)

/** Which aggregator carries the traffic when there are several. */
enum wb_lacp_select {
	WB_LACP_STABLE,	   /**< the one that does, as long as it has a member */
	WB_LACP_BANDWIDTH, /**< the one with most bits per second */
	WB_LACP_COUNT,	   /**< the one with most members */
};

struct wb_lacp_config {
	uint8_t system[6];	  /**< the bond's MAC */
	uint16_t system_priority; /**< less is better */
	uint16_t port_priority;
	uint16_t key; /**< of the administrator, up to WB_LACP_KEY_MAX: upper bits of members' */
	bool slow;    /**< ask the partner for a LACPDU each 30 s rather than each second */
	enum wb_lacp_select select;
	unsigned min_links; /**< with fewer members the bond carries nothing; 0 and 1: any */
};

/** Why a member is not, or not yet, part of the bond. */
enum wb_lacp_standing {
	WB_LACP_IN,	      /**< it is, or is about to be */
	WB_LACP_NO_LINK,      /**< no carrier */
	WB_LACP_NO_PARTNER,   /**< nobody speaks LACP there */
	WB_LACP_LOOPBACK,     /**< what we send comes back to us */
	WB_LACP_OTHER_SYSTEM, /**< its partner is another system than the active aggregator's */
	WB_LACP_OTHER_KEY,    /**< same system, but another key, ours or the partner's */
	WB_LACP_ALONE,	      /**< its partner wants it to be an individual link */
	WB_LACP_TOO_FEW,      /**< fewer than min-links would be there */
};

enum wb_lacp_receive_state {
	WB_LACP_RX_DISABLED,
	WB_LACP_RX_EXPIRED,
	WB_LACP_RX_DEFAULTED,
	WB_LACP_RX_CURRENT,
};

enum wb_lacp_mux_state {
	WB_LACP_MUX_DETACHED,
	WB_LACP_MUX_WAITING,
	WB_LACP_MUX_ATTACHED,
	WB_LACP_MUX_COLLECTING,
	WB_LACP_MUX_DISTRIBUTING,
};

enum wb_lacp_selected {
	WB_LACP_UNSELECTED,
	WB_LACP_STANDBY,
	WB_LACP_SELECTED,
};

/** A churn machine (6.4.17): has one side been out of sync for long? */
struct wb_lacp_churn {
	bool churning;
	bool settled;	/**< in sync: nothing is timed */
	uint64_t until; /**< when it counts as churn */
	uint32_t count; /**< how often it did */
};

/** Deadlines are UINT64_MAX while nothing is timed. */
struct wb_lacp_member {
	bool link;
	uint32_t speed_mbps; /**< 0: not known */
	struct wb_lacp_info actor;
	struct wb_lacp_info partner; /**< what is believed of it */
	enum wb_lacp_receive_state receive;
	enum wb_lacp_mux_state mux;
	enum wb_lacp_selected selected;
	enum wb_lacp_standing standing;
	unsigned aggregator;	/**< index of its aggregator's first member */
	uint64_t current_while; /**< what is known of the partner holds until then */
	uint64_t periodic;	/**< the next LACPDU that is sent for its own sake */
	uint64_t wait_while;	/**< until then others may join the aggregator with it */
	bool need_to_transmit;
	uint64_t sent[3]; /**< times of the latest LACPDUs, the oldest first */
	uint64_t changed; /**< when it last began or ceased to distribute; 0: never */
	struct wb_lacp_churn actor_churn, partner_churn;
	uint64_t pdus_received, pdus_sent;
};

/** What members of one aggregator have in common (6.3.6). */
struct wb_lacp_lag {
	uint16_t system_priority; /**< the partner's */
	uint8_t system[6];
	uint16_t key;
	uint16_t actor_key;
	uint16_t individual; /**< number of the only port it can have; 0: any that match */
};

struct wb_lacp {
	struct wb_lacp_config config;
	unsigned n;
	bool leaving;
	int active; /**< index of the first member of the aggregator in use; -1: none */
	struct wb_lacp_lag active_lag;
	struct wb_lacp_member members[WB_LACP_MEMBERS_MAX];
};

/** Begins with `n` members without link. Port numbers are the indices + 1. */
void wb_lacp_init(struct wb_lacp *lacp, const struct wb_lacp_config *config, unsigned n);

/** Sets the bond's MAC, once it is known. Before the first link comes up. */
void wb_lacp_system_set(struct wb_lacp *lacp, const uint8_t system[6]);

/** Tells of a member's carrier and speed; what is no news changes nothing. */
void wb_lacp_link(
	struct wb_lacp *lacp, unsigned member, bool up, uint32_t speed_mbps, uint64_t now);

/** Tells of a LACPDU that came in by a member. */
void wb_lacp_receive(
	struct wb_lacp *lacp, unsigned member, const struct wb_lacpdu *pdu, uint64_t now);

/** Runs the machines until they rest. Called after news, and at the deadline it returns. */
uint64_t wb_lacp_run(struct wb_lacp *lacp, uint64_t now);

/** Whether a member has a LACPDU to send now: no more than three leave a second (6.4.16). It stays
 * so until wb_lacp_sent(). */
bool wb_lacp_pending(
	const struct wb_lacp *lacp, unsigned member, uint64_t now, struct wb_lacpdu *pdu);
void wb_lacp_sent(struct wb_lacp *lacp, unsigned member, uint64_t now);

/** Leaves the partner: no member collects or distributes any more, and the next LACPDUs, due at
 * once, say so. */
void wb_lacp_leave(struct wb_lacp *lacp, uint64_t now);

static inline bool wb_lacp_collecting(const struct wb_lacp_member *member)
{
	return (member->actor.state & WB_LACP_COLLECTING) != 0;
}

static inline bool wb_lacp_distributing(const struct wb_lacp_member *member)
{
	return (member->actor.state & WB_LACP_DISTRIBUTING) != 0;
}

/** "other system", for people. */
const char *wb_lacp_standing_name(enum wb_lacp_standing standing);

/* select.c, for machine.c: */

/** Puts members into aggregators, chooses the active one, and sets `selected` and `standing`. */
void wb_lacp_select_members(struct wb_lacp *lacp);

/** A member's key: the administrator's, and one bit pattern for each speed, so that members of
 * unlike speed are never together (6.3.5). */
uint16_t wb_lacp_key(uint16_t admin, uint32_t speed_mbps);

#endif
