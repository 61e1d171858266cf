/* SPDX-License-Identifier: BSD-3-Clause */
#include "kernel/tuntap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <bsd/string.h>

/* Packets the kernel may have waiting for us. */
#define QUEUE_LEN 1000

static int sysctl_write(const char *family, const char *device, const char *key, const char *value)
{
	char path[128];
	int fd;
	ssize_t written;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, device, key);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	written = write(fd, value, strlen(value));
	close(fd);
	return written < 0 ? -errno : 0;
}

/* A gateway forwards, and an answer may come back by another path than the question went. Kernels
 * without IPv6 lack half of the files: no error. */
static void sysctls_set(const struct wb_tuntap *device)
{
	sysctl_write("ipv4", device->name, "forwarding", "1");
	sysctl_write("ipv4", device->name, "rp_filter", "0");
	sysctl_write("ipv6", device->name, "forwarding", "1");
	/* Before Linux 6.17 only the switch for all interfaces makes the kernel forward IPv6. */
	if (sysctl_write("ipv6", device->name, "force_forwarding", "1") < 0)
		sysctl_write("ipv6", "all", "forwarding", "1");
	sysctl_write("ipv6", device->name, "accept_ra", "0");
	/* The link-local address is made of a port's MAC, and LACP may not even be up when the
	 * kernel would look for another owner: use it at once. */
	sysctl_write("ipv6", device->name, "accept_dad", "0");
	sysctl_write("ipv6", device->name, "dad_transmits", "0");
	if (device->tap)
		return;
	sysctl_write("ipv6", device->name, "addr_gen_mode", "1");
	/* Our ICMP errors to local senders come from the tunnel's own address. Peers cannot use it:
	 * their allowed IPs are looked at before. */
	sysctl_write("ipv4", device->name, "accept_local", "1");
}

static int attach(struct wb_tuntap *device, struct wb_err *err)
{
	struct ifreq request = {
		.ifr_flags = (short)(IFF_NO_PI | IFF_TUN_EXCL | (device->tap ? IFF_TAP : IFF_TUN))};

	device->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (device->fd < 0)
		return wb_err_set(err, errno, "/dev/net/tun: %s", strerror(errno));
	strlcpy(request.ifr_name, device->name, sizeof(request.ifr_name));
	if (ioctl(device->fd, TUNSETIFF, &request) < 0) {
		if (errno == EBUSY || errno == EEXIST)
			return wb_err_set(err, EEXIST,
				"%s: there is an interface of this name already", device->name);
		return wb_err_set(err, errno, "%s: the kernel makes no %s: %s", device->name,
			device->tap ? "TAP" : "TUN", strerror(errno));
	}
	return 0;
}

/* Adds to the flags the kernel gave the device, which without them would take no part in multicast
 * or would resolve neighbours on a TUN. A TUN takes no part in multicast, as WireGuard's do not. */
static int bring_up(const struct wb_tuntap *device, int sock, struct ifreq *request)
{
	if (ioctl(sock, SIOCGIFFLAGS, request) < 0)
		return -1;
	request->ifr_flags |= IFF_UP;
	if (!device->tap)
		request->ifr_flags &= (short)~IFF_MULTICAST;
	return ioctl(sock, SIOCSIFFLAGS, request);
}

static int configure(
	struct wb_tuntap *device, const uint8_t mac[6], unsigned mtu, struct wb_err *err)
{
	struct ifreq request = {.ifr_mtu = (int)mtu};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	if (sock < 0)
		return wb_err_set(err, errno, "%s: %s", device->name, strerror(errno));
	sysctls_set(device);
	strlcpy(request.ifr_name, device->name, sizeof(request.ifr_name));
	rc = ioctl(sock, SIOCSIFMTU, &request);
	if (rc == 0 && mac != NULL) {
		request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
		memcpy(request.ifr_hwaddr.sa_data, mac, 6);
		rc = ioctl(sock, SIOCSIFHWADDR, &request);
	}
	request.ifr_qlen = QUEUE_LEN;
	if (rc == 0)
		rc = ioctl(sock, SIOCSIFTXQLEN, &request);
	if (rc == 0)
		rc = bring_up(device, sock, &request);
	if (rc < 0)
		rc = wb_err_set(err, errno, "%s: MTU %u, address and state cannot be set: %s",
			device->name, mtu, strerror(errno));
	close(sock);
	return rc;
}

int wb_tuntap_create(const char *name, const uint8_t mac[6], unsigned mtu, struct wb_tuntap **out,
	struct wb_err *err)
{
	struct wb_tuntap *device;
	int rc;

	if (strlen(name) >= IFNAMSIZ)
		return wb_err_set(err, ENAMETOOLONG,
			"%s: an interface's name has %d characters at most", name, IFNAMSIZ - 1);
	device = calloc(1, sizeof(*device));
	if (device == NULL)
		return wb_err_set(err, ENOMEM, "%s: no memory", name);
	device->fd = -1;
	device->tap = mac != NULL;
	strlcpy(device->name, name, sizeof(device->name));
	rc = attach(device, err);
	if (rc == 0)
		rc = configure(device, mac, mtu, err);
	if (rc < 0) {
		wb_tuntap_destroy(device);
		return rc;
	}
	device->ifindex = (int)if_nametoindex(device->name);
	*out = device;
	return 0;
}

void wb_tuntap_destroy(struct wb_tuntap *device)
{
	if (device == NULL)
		return;
	if (device->fd >= 0)
		close(device->fd);
	free(device);
}

ssize_t wb_tuntap_read(struct wb_tuntap *device, void *buffer, size_t size)
{
	ssize_t length = read(device->fd, buffer, size);

	return length > 0 ? length : 0;
}

int wb_tuntap_write(struct wb_tuntap *device, const void *packet, size_t length)
{
	return write(device->fd, packet, length) == (ssize_t)length ? 0 : -1;
}

int wb_tuntap_write_parts(struct wb_tuntap *device, const struct iovec *parts, unsigned n)
{
	ssize_t length = 0;

	for (unsigned i = 0; i < n; i++)
		length += (ssize_t)parts[i].iov_len;
	return writev(device->fd, parts, (int)n) == length ? 0 : -1;
}
