/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Packets for an address of ours, however they came in: what of them is WireGuard's.
 */
#ifndef WB_APP_LOCAL_H
#define WB_APP_LOCAL_H

#include <stdbool.h>

#include "worker.h"

/**
 * Takes a packet that is for a tunnel: transport data to its open stage, handshakes to control. Has
 * control hear what routers say of our packets, which the kernel gets all the same. The packet's
 * `port` and `via` say where it came from. Worker.
 * @param mbuf an IP packet, proved by ip_check(), for an address of ours.
 * @return false: it is the kernel's.
 */
bool local_take(struct worker *worker, struct rte_mbuf *mbuf);

#endif
