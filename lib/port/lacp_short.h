/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The bonding PMD never asks its partner for the short timeout (802.1AX, 6.4.2.3): a standard
 * partner then speaks only every 30 s, and its silence is noticed after 90 s. Here the bit is set
 * in each LACPDU on its way out of a member, so that the partner speaks every second. Control only.
 */
#ifndef WB_PORT_LACP_SHORT_H
#define WB_PORT_LACP_SHORT_H

#include <stdint.h>

struct rte_eth_rxtx_callback;

/** Adds it to a started member. Returns NULL if DPDK was built without callbacks. */
const struct rte_eth_rxtx_callback *wb_lacp_short_begin(uint16_t port_id);

/** The reverse; NULL is ignored. No worker may be sending on the bond. */
void wb_lacp_short_end(uint16_t port_id, const struct rte_eth_rxtx_callback *callback);

#endif
