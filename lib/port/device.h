/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Devices as the configuration names them: a PCI address, any DPDK vdev string, or kernel:IFNAME
 * for net_af_packet on an interface of the kernel.
 */
#ifndef WB_PORT_DEVICE_H
#define WB_PORT_DEVICE_H

#include <stdint.h>

#include "base/err.h"

struct wb_quiet;

#define WB_DEVICE_TEXT_MAX 256

/** The longest MTU whose frames fit into what every DPDK buffer holds; for a longer one
 * net_af_packet wants buffers of WB_DEVICE_JUMBO_BUFFER bytes behind the headroom. */
#define WB_DEVICE_PLAIN_MTU    1900
#define WB_DEVICE_JUMBO_BUFFER 10240

enum wb_device_kind {
	WB_DEVICE_PCI,
	WB_DEVICE_VDEV,
	WB_DEVICE_KERNEL,
};

struct wb_device {
	enum wb_device_kind kind;
	char name[64];		       /**< DPDK's name of the device */
	char args[WB_DEVICE_TEXT_MAX]; /**< its arguments; "" none */
	char ifname[16];	       /**< kernel: the interface */
	struct wb_quiet *quiet;	       /**< kernel: while it is probed (quiet.h) */
};

/** Takes a device's text apart. Needs no EAL. Returns 0, or -EINVAL with what was expected. */
int wb_device_parse(const char *text, struct wb_device *device, struct wb_err *err);

/**
 * Brings the device into DPDK. A kernel interface is set up, made promiscuous, and the kernel is
 * kept from answering what arrives there (quiet.h).
 * @param mtu  bytes of an IP packet that frames must be able to hold.
 */
int wb_device_probe(struct wb_device *device, unsigned mtu, uint16_t *port_id, struct wb_err *err);

/** The reverse. */
void wb_device_remove(struct wb_device *device);

#endif
