/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Keeps the kernel from acting on a network interface whose frames DPDK reads through a packet
 * socket: without this it would answer ARP, refuse our UDP ports by ICMP, and forward.
 *
 * - an nftables chain at the interface's ingress, which packet sockets come before, drops all;
 * - the interface is up and promiscuous, its MTU at least ours;
 * - IPv6 is off on it, so that it says nothing of its own accord;
 * - offloads that make frames longer than the MTU or leave checksums empty are off.
 *
 * All of it is undone by wb_quiet_close(). When the process is killed, the nftables table and the
 * promiscuity go with it; MTU, offloads and the IPv6 switch stay as we set them. An interface
 * lent to us should carry no addresses: switching IPv6 off removes those of that family.
 * Control thread only. Needs CAP_NET_ADMIN in the interface's network namespace.
 */
#ifndef WB_PORT_QUIET_H
#define WB_PORT_QUIET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct wb_quiet;

/**
 * @param ifname interface in the calling thread's network namespace
 * @param mtu    bytes of IP packet it must carry
 * @return 0, -ENODEV, -EPERM, -EINVAL (an MTU the interface refuses); after a failure everything
 *         is as it was.
 */
int wb_quiet_open(const char *ifname, uint16_t mtu, struct wb_quiet **quiet, struct wb_err *err);

/** Sets the interface's MTU to at least ours again, after a driver has lowered it. Returns 0, or a
 * negative errno with `err` set. */
int wb_quiet_set_mtu(struct wb_quiet *quiet, struct wb_err *err);

/** True while the interface is up and its link too. False once it is gone. */
bool wb_quiet_carrier(const struct wb_quiet *quiet);

/** Gives the interface back as it was found. NULL is allowed. */
void wb_quiet_close(struct wb_quiet *quiet);

#endif
