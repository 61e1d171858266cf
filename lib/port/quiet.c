/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/quiet.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bsd/string.h>
#include <nftables/libnftables.h>

/* One connection to nftables for all interfaces: tables flagged "owner" live as long as it. */
static struct nft_ctx *nft;

static int nft_run(const char *command, struct wb_err *err)
{
	if (nft == NULL) {
		nft = nft_ctx_new(NFT_CTX_DEFAULT);
		if (nft == NULL)
			return wb_err_set(err, ENOMEM, "nftables does not start");
		nft_ctx_buffer_error(nft);
		nft_ctx_buffer_output(nft);
	}
	if (nft_run_cmd_from_buffer(nft, command) == 0)
		return 0;
	return wb_err_set(err, EIO, "nftables: %.200s", nft_ctx_get_error_buffer(nft));
}

static void ipv6_disable(const char *ifname, const char *value)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", ifname);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	/* A kernel without IPv6 has no such file, and nothing to be kept quiet. */
	if (fd < 0)
		return;
	if (write(fd, value, 1) != 1)
		fprintf(stderr, "wirebraid: %s: %s\n", path, strerror(errno));
	close(fd);
}

static void offload_off(int sock, const char *ifname, uint32_t command)
{
	struct ethtool_value value = {.cmd = command, .data = 0};
	struct ifreq request = {.ifr_data = (void *)&value};

	strlcpy(request.ifr_name, ifname, sizeof(request.ifr_name));
	/* What a driver does not have cannot be on. */
	ioctl(sock, SIOCETHTOOL, &request);
}

static int interface_prepare(const char *ifname, unsigned mtu, struct wb_err *err)
{
	static const uint32_t offloads[] = {
		ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO, ETHTOOL_STXCSUM, ETHTOOL_SRXCSUM};
	struct ifreq request = {.ifr_mtu = (int)mtu};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;

	if (sock < 0)
		return wb_err_set(err, errno, "%s: %s", ifname, strerror(errno));
	strlcpy(request.ifr_name, ifname, sizeof(request.ifr_name));
	for (unsigned i = 0; i < sizeof(offloads) / sizeof(offloads[0]); i++)
		offload_off(sock, ifname, offloads[i]);
	if (ioctl(sock, SIOCSIFMTU, &request) < 0)
		rc = wb_err_set(err, errno, "kernel:%s: MTU %u cannot be set: %s", ifname, mtu,
			strerror(errno));
	if (rc == 0 && ioctl(sock, SIOCGIFFLAGS, &request) == 0) {
		request.ifr_flags |= IFF_UP;
		if (ioctl(sock, SIOCSIFFLAGS, &request) < 0)
			rc = wb_err_set(err, errno, "kernel:%s cannot be set up: %s", ifname,
				strerror(errno));
	}
	close(sock);
	return rc;
}

int wb_quiet_begin(const char *ifname, unsigned mtu, struct wb_err *err)
{
	char command[512];
	int rc;

	if (if_nametoindex(ifname) == 0)
		return wb_err_set(err, ENODEV, "kernel:%s: there is no such interface", ifname);
	ipv6_disable(ifname, "1");
	rc = interface_prepare(ifname, mtu, err);
	if (rc < 0)
		return rc;
	snprintf(command, sizeof(command),
		"table netdev wirebraid_%s {\n"
		" flags owner;\n"
		" chain ingress {\n"
		"  type filter hook ingress device \"%s\" priority -500; policy drop;\n"
		" }\n"
		"}\n",
		ifname, ifname);
	return nft_run(command, err);
}

void wb_quiet_end(const char *ifname)
{
	char command[128];

	snprintf(command, sizeof(command), "delete table netdev wirebraid_%s", ifname);
	nft_run(command, NULL);
	ipv6_disable(ifname, "0");
}
