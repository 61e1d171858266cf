/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * TAP and TUN devices: the exception path to the kernel. Created and destroyed by control; read and
 * written by the lcore that runs the device's stage, without blocking.
 */
#ifndef WB_KERNEL_TUNTAP_H
#define WB_KERNEL_TUNTAP_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"

struct wb_tuntap {
	int fd;
	int ifindex;
	bool tap;
	char name[IFNAMSIZ];
};

/**
 * Makes the device and sets it up: forwarding on, reverse-path filter off, for this device only. A
 * TUN gets no link-local address of its own, as WireGuard's interfaces have none.
 * @param mac  TAP: its address; NULL for a TUN.
 * @param mtu  bytes of an IP packet.
 * @return 0; -EEXIST, -ENAMETOOLONG, -EPERM and what else the kernel says, in err.
 */
int wb_tuntap_create(const char *name, const uint8_t mac[6], unsigned mtu, struct wb_tuntap **out,
	struct wb_err *err);

/** The device goes away with it. NULL is ignored. */
void wb_tuntap_destroy(struct wb_tuntap *device);

/** Reads one frame (TAP) or IP packet (TUN). Returns its bytes, or 0: there is none. */
ssize_t wb_tuntap_read(struct wb_tuntap *device, void *buffer, size_t size);

/** Writes one. Returns 0, or -1: the kernel did not take it. */
int wb_tuntap_write(struct wb_tuntap *device, const void *packet, size_t length);

/** The same for a packet in several parts. */
int wb_tuntap_write_parts(struct wb_tuntap *device, const struct iovec *parts, unsigned n);

#endif
