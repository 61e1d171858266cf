/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/quiet.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <nftables/libnftables.h>

/* Receive offloads first, then those of sending; given back in reverse, because the kernel
 * refuses segmentation while checksums are off. */
static const struct {
	uint32_t get, set;
} offloads[] = {
	{ETHTOOL_GGRO, ETHTOOL_SGRO},
	{ETHTOOL_GRXCSUM, ETHTOOL_SRXCSUM},
	{ETHTOOL_GGSO, ETHTOOL_SGSO},
	{ETHTOOL_GTSO, ETHTOOL_STSO},
	{ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM},
};
#define N_OFFLOADS (sizeof(offloads) / sizeof(offloads[0]))

struct wb_quiet {
	char ifname[IF_NAMESIZE];
	unsigned ifindex;
	int fd;		     /* for ioctl, and holds the promiscuous membership */
	struct nft_ctx *nft; /* owns the table: it goes with this socket */
	short old_flags;     /* IFF_*, if flags_known */
	int old_mtu;	     /* 0 if not changed */
	int mtu;
	bool flags_known;
	bool ipv6_was_on;
	bool lro_was_on;
	bool offload_was_on[N_OFFLOADS];
};

static int interface_ioctl(struct wb_quiet *quiet, unsigned long request, struct ifreq *ifr)
{
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", quiet->ifname);
	return ioctl(quiet->fd, request, ifr) < 0 ? -errno : 0;
}

static int ethtool_value(struct wb_quiet *quiet, uint32_t command, uint32_t *value)
{
	struct ethtool_value request = {.cmd = command, .data = *value};
	struct ifreq ifr = {.ifr_data = (char *)&request};
	int rc = interface_ioctl(quiet, SIOCETHTOOL, &ifr);

	*value = request.data;
	return rc;
}

/* The frames' way into the kernel ends at ingress. Packet sockets have had their copy by then. */
static int block_ingress(struct wb_quiet *quiet, struct wb_err *err)
{
	char command[512];
	int rc;

	quiet->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (quiet->nft == NULL)
		return wb_err_set(err, ENOMEM, "no memory for nftables");
	nft_ctx_buffer_error(quiet->nft);
	nft_ctx_buffer_output(quiet->nft);
	snprintf(command, sizeof(command),
		"add table netdev wirebraid_%u { flags owner; }\n"
		"add chain netdev wirebraid_%u in "
		"{ type filter hook ingress device \"%s\" priority -500; policy drop; }\n",
		quiet->ifindex, quiet->ifindex, quiet->ifname);
	rc = nft_run_cmd_from_buffer(quiet->nft, command);
	if (rc != 0) {
		const char *said = nft_ctx_get_error_buffer(quiet->nft);

		/* Owned by another socket: nftables says "Operation not permitted". */
		return wb_err_set(err, EPERM,
			"nftables does not let us keep the kernel off %s (is another "
			"gateway using it?): %.*s",
			quiet->ifname, (int)strcspn(said, "\n"), said);
	}
	return 0;
}

static void unblock_ingress(struct wb_quiet *quiet)
{
	char command[64];

	if (quiet->nft == NULL)
		return;
	snprintf(command, sizeof(command), "delete table netdev wirebraid_%u", quiet->ifindex);
	nft_run_cmd_from_buffer(quiet->nft, command);
	nft_ctx_free(quiet->nft);
}

/* Reads the switch, and if `value` differs sets it. Returns what it was, or -1 without IPv6. */
static int ipv6_disabled(const struct wb_quiet *quiet, int value)
{
	char path[96], was = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", quiet->ifname);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (pread(fd, &was, 1, 0) != 1 ||
		(was - '0' != value && pwrite(fd, value ? "1\n" : "0\n", 2, 0) != 2))
		was = '0' - 1;
	close(fd);
	return was - '0';
}

static void switch_offloads_off(struct wb_quiet *quiet)
{
	uint32_t value;

	for (unsigned i = 0; i < N_OFFLOADS; i++) {
		value = 0;
		if (ethtool_value(quiet, offloads[i].get, &value) < 0 || value == 0)
			continue;
		value = 0;
		/* A device that cannot switch it off keeps it: such frames are counted as too
		 * long or with a bad checksum where they are parsed. */
		quiet->offload_was_on[i] = ethtool_value(quiet, offloads[i].set, &value) == 0;
	}
	value = 0;
	if (ethtool_value(quiet, ETHTOOL_GFLAGS, &value) == 0 && (value & ETH_FLAG_LRO) != 0) {
		value &= ~(uint32_t)ETH_FLAG_LRO;
		quiet->lro_was_on = ethtool_value(quiet, ETHTOOL_SFLAGS, &value) == 0;
	}
}

static void switch_offloads_back(struct wb_quiet *quiet)
{
	uint32_t value;

	for (unsigned i = N_OFFLOADS; i-- > 0;) {
		value = 1;
		if (quiet->offload_was_on[i])
			ethtool_value(quiet, offloads[i].set, &value);
	}
	value = 0;
	if (quiet->lro_was_on && ethtool_value(quiet, ETHTOOL_GFLAGS, &value) == 0) {
		value |= ETH_FLAG_LRO;
		ethtool_value(quiet, ETHTOOL_SFLAGS, &value);
	}
}

int wb_quiet_set_mtu(struct wb_quiet *quiet, struct wb_err *err)
{
	struct ifreq ifr = {0};
	int rc = interface_ioctl(quiet, SIOCGIFMTU, &ifr);

	if (rc == 0 && ifr.ifr_mtu < quiet->mtu) {
		if (quiet->old_mtu == 0)
			quiet->old_mtu = ifr.ifr_mtu;
		ifr.ifr_mtu = quiet->mtu;
		rc = interface_ioctl(quiet, SIOCSIFMTU, &ifr);
	}
	if (rc < 0)
		return wb_err_set(err, -rc, "%s does not take an MTU of %d: %s", quiet->ifname,
			quiet->mtu, strerror(-rc));
	return 0;
}

/* The membership's promiscuity goes when the socket is closed, however the process ends. */
static int set_promiscuous(struct wb_quiet *quiet)
{
	struct packet_mreq request = {
		.mr_ifindex = (int)quiet->ifindex, .mr_type = PACKET_MR_PROMISC};

	if (setsockopt(quiet->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)))
		return -errno;
	return 0;
}

static int set_up(struct wb_quiet *quiet)
{
	struct ifreq ifr = {0};
	int rc = interface_ioctl(quiet, SIOCGIFFLAGS, &ifr);

	if (rc < 0)
		return rc;
	quiet->old_flags = ifr.ifr_flags;
	quiet->flags_known = true;
	ifr.ifr_flags |= IFF_UP;
	return interface_ioctl(quiet, SIOCSIFFLAGS, &ifr);
}

static int make_quiet(struct wb_quiet *quiet, struct wb_err *err)
{
	int rc;

	quiet->ifindex = if_nametoindex(quiet->ifname);
	if (quiet->ifindex == 0)
		return wb_err_set(err, ENODEV, "there is no interface %s", quiet->ifname);
	/* Protocol 0: receives nothing. */
	quiet->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (quiet->fd < 0)
		return wb_err_set(err, errno, "cannot open a packet socket: %s", strerror(errno));
	rc = block_ingress(quiet, err);
	if (rc < 0)
		return rc;
	quiet->ipv6_was_on = ipv6_disabled(quiet, 1) == 0;
	switch_offloads_off(quiet);
	rc = wb_quiet_set_mtu(quiet, err);
	if (rc < 0)
		return rc;
	rc = set_promiscuous(quiet);
	if (rc == 0)
		rc = set_up(quiet);
	if (rc < 0)
		return wb_err_set(err, -rc, "cannot bring %s up: %s", quiet->ifname, strerror(-rc));
	return 0;
}

int wb_quiet_open(const char *ifname, uint16_t mtu, struct wb_quiet **out, struct wb_err *err)
{
	struct wb_quiet *quiet = calloc(1, sizeof(*quiet));
	int rc;

	*out = NULL;
	if (quiet == NULL)
		return wb_err_set(err, ENOMEM, "no memory");
	quiet->fd = -1;
	quiet->mtu = mtu;
	snprintf(quiet->ifname, sizeof(quiet->ifname), "%s", ifname);
	rc = make_quiet(quiet, err);
	if (rc < 0) {
		wb_quiet_close(quiet);
		return rc;
	}
	*out = quiet;
	return 0;
}

bool wb_quiet_carrier(const struct wb_quiet *quiet)
{
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", quiet->ifname);
	if (ioctl(quiet->fd, SIOCGIFFLAGS, &ifr) < 0)
		return false;
	return (ifr.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
}

void wb_quiet_close(struct wb_quiet *quiet)
{
	struct ifreq ifr = {0};

	if (quiet == NULL)
		return;
	if (quiet->flags_known) {
		/* DPDK's driver may have left it promiscuous for good. */
		ifr.ifr_flags = quiet->old_flags;
		interface_ioctl(quiet, SIOCSIFFLAGS, &ifr);
	}
	if (quiet->old_mtu != 0) {
		ifr.ifr_mtu = quiet->old_mtu;
		interface_ioctl(quiet, SIOCSIFMTU, &ifr);
	}
	switch_offloads_back(quiet);
	if (quiet->ipv6_was_on)
		ipv6_disabled(quiet, 0);
	unblock_ingress(quiet);
	if (quiet->fd >= 0)
		close(quiet->fd);
	free(quiet);
}
