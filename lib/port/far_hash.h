/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * By which link of a bond the other side, or a switch, sends a packet: what is likely there.
 */
#ifndef WB_PORT_FAR_HASH_H
#define WB_PORT_FAR_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "port/bond_hash.h"

enum wb_far_hash {
	WB_FAR_PMD_LAYER23,   /**< DPDK's bonding PMD */
	WB_FAR_PMD_LAYER34,   /**< the same; another gateway of ours */
	WB_FAR_LINUX_LAYER23, /**< Linux' bonding driver, xmit_hash_policy=layer2+3 */
	WB_FAR_LINUX_LAYER34, /**< the same, layer3+4 */
	WB_FAR_TOEPLITZ,      /**< a symmetric Toeplitz hash over addresses and ports */
	WB_FAR_HASHES,
};

/** "pmd-layer2+3", "pmd-layer3+4", "linux-layer2+3", "linux-layer3+4", "toeplitz". */
const char *wb_far_hash_name(enum wb_far_hash hash);

/** Whether it looks at UDP ports: without, all tunnels between two addresses take one link. */
bool wb_far_hash_sees_ports(enum wb_far_hash hash);

/**
 * The hash of a packet, whose remainder by the number of links in use tells the link.
 *
 * Linux: Documentation/networking/bonding.rst, xmit_hash_policy: layer3+4 takes both ports as they
 * stand in the header, XOR both addresses, folds the halves and the quarters together and drops the
 * lowest bit; layer2+3 takes the last byte of both MACs and the packet type in place of ports, and
 * drops nothing. Of IPv6 addresses the XOR of the words counts.
 *
 * Toeplitz: the hash of receive-side scaling with a key of 6d 5a repeated, of which both directions
 * have the same; its lower 7 bits choose from a table of 128 that the links fill by turns.
 *
 * Pure function; any thread.
 */
uint32_t wb_far_hash(enum wb_far_hash hash, const struct wb_bond_packet *packet);

#endif
