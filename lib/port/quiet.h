/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Keeps the kernel from taking part on an interface that net_af_packet reads: the kernel still sees
 * every frame, and would answer ARP for our addresses, refuse our UDP ports, and forward what we
 * forward. A netdev-family nftables chain drops all behind the packet socket.
 */
#ifndef WB_PORT_QUIET_H
#define WB_PORT_QUIET_H

#include "base/err.h"

/** Sets the interface up with this MTU, switches off the offloads that make frames longer than the
 * MTU or leave checksums open, and its IPv6; drops what the kernel would see. The table belongs to
 * this process and goes with it, however it ends. */
int wb_quiet_begin(const char *ifname, unsigned mtu, struct wb_err *err);

/** Lets the kernel take part again. */
void wb_quiet_end(const char *ifname);

#endif
