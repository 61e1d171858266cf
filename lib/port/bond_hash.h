/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Which member of a bond a packet leaves by: the bonding PMD's transmit policies as pure functions.
 *
 * All three fold an XOR of header fields and take the remainder by the number of distributing
 * members, in the PMD's order. Equal ports at both ends cancel out.
 */
#ifndef WB_PORT_BOND_HASH_H
#define WB_PORT_BOND_HASH_H

#include <stdint.h>

#include "base/addr.h"

enum wb_bond_policy {
	WB_BOND_LAYER2,
	WB_BOND_LAYER23,
	WB_BOND_LAYER34,
};

/** The fields the policies look at. */
struct wb_bond_packet {
	uint8_t source_mac[6];
	uint8_t destination_mac[6];
	struct wb_endpoint source; /**< port 0 for fragments and what is not TCP or UDP */
	struct wb_endpoint destination;
};

/** The hash, before the remainder is taken. Any thread. */
uint32_t wb_bond_hash(enum wb_bond_policy policy, const struct wb_bond_packet *packet);

/** The member's place among `members` distributing ones; 0 if there are none. */
static inline unsigned wb_bond_member(
	enum wb_bond_policy policy, const struct wb_bond_packet *packet, unsigned members)
{
	return members == 0 ? 0 : wb_bond_hash(policy, packet) % members;
}

/** "layer2", "layer2+3", "layer3+4". */
const char *wb_bond_policy_name(enum wb_bond_policy policy);

#endif
