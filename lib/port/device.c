/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/device.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <bsd/string.h>
#include <rte_bus_pci.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_pci.h>

#include "port/quiet.h"

#define KERNEL_PREFIX "kernel:"

/* Frames in the shared ring of net_af_packet, each way. Its tx waits for a free one without end in
 * DPDK 22.11: a queueing discipline on the interface should drop before it holds this many. */
#define FRAMES 512

static int parse_kernel(const char *ifname, struct wb_device *device, struct wb_err *err)
{
	size_t length = strlen(ifname);

	if (length == 0 || length >= sizeof(device->ifname) || strpbrk(ifname, "/ ,=:") != NULL)
		return wb_err_set(err, EINVAL,
			"'%s' is no interface name, expected kernel:NAME with 1 to 15 characters",
			ifname);
	device->kind = WB_DEVICE_KERNEL;
	strlcpy(device->ifname, ifname, sizeof(device->ifname));
	snprintf(device->name, sizeof(device->name), "net_af_packet_%s", ifname);
	return 0;
}

static int parse_vdev(const char *text, struct wb_device *device, struct wb_err *err)
{
	const char *comma = strchr(text, ',');
	size_t length = comma != NULL ? (size_t)(comma - text) : strlen(text);

	if (length >= sizeof(device->name) || strlen(text) >= WB_DEVICE_TEXT_MAX)
		return wb_err_set(err, EINVAL, "'%.40s...' is too long for a device", text);
	device->kind = WB_DEVICE_VDEV;
	memcpy(device->name, text, length);
	if (comma != NULL)
		strlcpy(device->args, comma + 1, sizeof(device->args));
	return 0;
}

int wb_device_parse(const char *text, struct wb_device *device, struct wb_err *err)
{
	struct rte_pci_addr address;

	memset(device, 0, sizeof(*device));
	if (strncmp(text, KERNEL_PREFIX, sizeof(KERNEL_PREFIX) - 1) == 0)
		return parse_kernel(text + sizeof(KERNEL_PREFIX) - 1, device, err);
	if (isxdigit((unsigned char)text[0]) && rte_pci_addr_parse(text, &address) == 0) {
		device->kind = WB_DEVICE_PCI;
		rte_pci_device_name(&address, device->name, sizeof(device->name));
		return 0;
	}
	if (strncmp(text, "net_", 4) == 0)
		return parse_vdev(text, device, err);
	return wb_err_set(err, EINVAL,
		"'%s' is no device, expected a PCI address (0000:01:00.0), kernel:INTERFACE, or a "
		"DPDK vdev (net_...)",
		text);
}

static int probe_kernel(struct wb_device *device, unsigned mtu, struct wb_err *err)
{
	/* A frame holds the packet behind some 80 bytes of ring header and Ethernet. What the user
	 * has set up with tc(8) on the interface holds for us too. */
	bool plain = mtu <= WB_DEVICE_PLAIN_MTU;
	/* Blocks are whole pages, and hold whole frames. */
	unsigned frame = plain ? 2048 : WB_DEVICE_JUMBO_BUFFER, block = 2 * frame;
	char args[WB_DEVICE_TEXT_MAX];
	int rc = wb_quiet_open(device->ifname, (uint16_t)mtu, &device->quiet, err);

	if (rc < 0)
		return wb_err_prefix(err, rc, "kernel:%s", device->ifname);
	snprintf(args, sizeof(args), "iface=%s,blocksz=%u,framesz=%u,framecnt=%u,qdisc_bypass=0",
		device->ifname, block, frame, FRAMES);
	rc = rte_eal_hotplug_add("vdev", device->name, args);
	if (rc < 0) {
		wb_quiet_close(device->quiet);
		device->quiet = NULL;
		return wb_err_set(err, -rc, "kernel:%s: net_af_packet does not start: %s",
			device->ifname, strerror(-rc));
	}
	return 0;
}

int wb_device_probe(struct wb_device *device, unsigned mtu, uint16_t *port_id, struct wb_err *err)
{
	int rc;

	if (device->kind == WB_DEVICE_KERNEL) {
		rc = probe_kernel(device, mtu, err);
		if (rc < 0)
			return rc;
	} else if (rte_eth_dev_get_port_by_name(device->name, port_id) != 0) {
		/* PCI devices were probed at EAL's start; virtual ones are made now. */
		rc = rte_eal_hotplug_add(
			device->kind == WB_DEVICE_PCI ? "pci" : "vdev", device->name, device->args);
		if (rc < 0)
			return wb_err_set(err, -rc,
				"%s: DPDK has no driver for it, or it is not "
				"bound to one (see dpdk-devbind.py): %s",
				device->name, strerror(-rc));
	}
	rc = rte_eth_dev_get_port_by_name(device->name, port_id);
	if (rc < 0) {
		wb_device_remove(device);
		return wb_err_set(err, ENODEV, "%s: no Ethernet device", device->name);
	}
	return 0;
}

void wb_device_remove(struct wb_device *device)
{
	rte_eal_hotplug_remove(device->kind == WB_DEVICE_PCI ? "pci" : "vdev", device->name);
	wb_quiet_close(device->quiet);
	device->quiet = NULL;
}
