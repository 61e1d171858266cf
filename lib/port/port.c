/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>
#include <rte_ethdev.h>

#include "port/compat.h"
#include "port/lacp.h"
#include "port/quiet.h"

#define BOND_PREFIX "net_bonding_"

static int members_probe(
	struct wb_port *port, const struct wb_port_config *config, struct wb_err *err)
{
	for (unsigned i = 0; i < config->n_members; i++) {
		struct wb_member *member = &port->members[i];
		int rc;

		member->device = config->members[i];
		rc = wb_device_probe(&member->device, config->mtu, &member->port_id, err);
		if (rc < 0)
			return wb_err_prefix(err, rc, "%s", config->name);
		port->n_members++;
	}
	return 0;
}

static int bond_make(struct wb_port *port, const struct wb_port_config *config, struct wb_err *err)
{
	static const uint8_t policies[] = {BALANCE_XMIT_POLICY_LAYER2, BALANCE_XMIT_POLICY_LAYER23,
		BALANCE_XMIT_POLICY_LAYER34};
	char name[RTE_ETH_NAME_MAX_LEN];
	int id;

	snprintf(name, sizeof(name), BOND_PREFIX "%s", port->name);
	id = rte_eth_bond_create(name, BONDING_MODE_8023AD, 0);
	if (id < 0)
		return wb_err_set(err, -id, "%s: the bonding driver does not start: %s", port->name,
			strerror(-id));
	port->port_id = (uint16_t)id;
	port->bond = true;
	for (unsigned i = 0; i < port->n_members; i++)
		if (rte_eth_bond_member_add(port->port_id, port->members[i].port_id) != 0)
			return wb_err_set(err, EINVAL, "%s: %s cannot be a member of the bond",
				port->name, port->members[i].device.name);
	if (rte_eth_bond_xmit_policy_set(port->port_id, policies[port->policy]) != 0)
		return wb_err_set(err, EINVAL, "%s: the bond refuses hash %s", port->name,
			wb_bond_policy_name(port->policy));
	return wb_port_lacp_begin(port, &config->lacp, err);
}

/* Of what a driver can hash: fragments by addresses, so that those of a datagram stay together. A
 * driver without any has a way of its own to fill queues (memif: the sender's). */
static int queues_spread(const struct wb_port *port, const struct rte_eth_dev_info *info,
	struct rte_eth_conf *conf, struct wb_err *err)
{
	uint64_t hash =
		(RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP) & info->flow_type_rss_offloads;

	if (port->rx_queues > info->max_rx_queues)
		return wb_err_set(err, EINVAL,
			"%s: rx-queues %u, but its driver has %u, expected no more", port->name,
			port->rx_queues, info->max_rx_queues);
	if (port->rx_queues == 1 || hash == 0)
		return 0;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = hash;
	return 0;
}

/* The longest IP packet that a driver says it takes. */
static uint32_t mtu_most(const struct rte_eth_dev_info *info)
{
	uint32_t ether = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;

	if (info->max_mtu > 0 && info->max_mtu < UINT16_MAX)
		return info->max_mtu;
	return info->max_rx_pktlen > ether ? info->max_rx_pktlen - ether : UINT16_MAX;
}

/* net_af_packet and net_memif say 1518 and mean whatever their rings' frames hold, or as many of
 * them as it takes. */
static bool takes_any(const struct wb_member *member, const struct rte_eth_dev_info *info)
{
	return member->device.kind == WB_DEVICE_KERNEL ||
		strcmp(info->driver_name, "net_memif") == 0;
}

static int mtu_choose(const struct wb_port *port, struct rte_eth_conf *conf, struct wb_err *err)
{
	conf->rxmode.mtu = port->mtu;
	for (unsigned i = 0; i < port->n_members; i++) {
		const struct wb_member *member = &port->members[i];
		struct rte_eth_dev_info info;

		if (rte_eth_dev_info_get(member->port_id, &info) != 0 ||
			port->mtu <= mtu_most(&info))
			continue;
		if (!takes_any(member, &info))
			return wb_err_set(err, EINVAL,
				"%s: MTU %u, but the driver of %s does no more than %u", port->name,
				port->mtu, member->device.name, mtu_most(&info));
		conf->rxmode.mtu = 0;
	}
	return 0;
}

/* Of a bond: what all its members can do, and are then told to. */
static void offloads_choose(struct wb_port *port, const struct rte_eth_dev_info *info,
	const struct wb_port_config *config, struct rte_eth_conf *conf)
{
	if (config->no_offload)
		return;
	conf->rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
	conf->txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	port->ip4_checksums = conf->rxmode.offloads != 0;
	port->udp_checksums = conf->txmode.offloads != 0;
}

static int configure(struct wb_port *port, const struct wb_port_config *config,
	struct rte_mempool *pool, struct wb_err *err)
{
	struct rte_eth_conf conf = {.rxmode = {.mtu = 0}};
	struct rte_eth_dev_info info;
	uint16_t rx = WB_PORT_DESCRIPTORS, tx = WB_PORT_DESCRIPTORS;
	int rc = rte_eth_dev_info_get(port->port_id, &info);

	if (mtu_choose(port, &conf, err) < 0)
		return -EINVAL;
	if (rc == 0) {
		offloads_choose(port, &info, config, &conf);
		if (queues_spread(port, &info, &conf, err) < 0)
			return -EINVAL;
		rc = rte_eth_dev_configure(port->port_id, port->rx_queues, 1, &conf);
	}
	if (rc == 0)
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(port->port_id, &rx, &tx);
	for (uint16_t i = 0; rc == 0 && i < port->rx_queues; i++)
		rc = rte_eth_rx_queue_setup(port->port_id, i, rx, SOCKET_ID_ANY, NULL, pool);
	if (rc == 0)
		rc = rte_eth_tx_queue_setup(port->port_id, 0, tx, SOCKET_ID_ANY, NULL);
	if (rc < 0)
		return wb_err_set(
			err, -rc, "%s: cannot be configured: %s", port->name, strerror(-rc));
	return 0;
}

/* What can be done only once the bond has configured and started its members. */
static int start_members(struct wb_port *port, struct wb_err *err)
{
	for (unsigned i = 0; i < port->n_members; i++) {
		struct wb_member *member = &port->members[i];
		/* net_af_packet's idea of an MTU has just been put on the interface. */
		int rc = member->device.quiet == NULL ? 0
						      : wb_quiet_set_mtu(member->device.quiet, err);

		if (rc < 0)
			return wb_err_prefix(err, rc, "%s", port->name);
	}
	return 0;
}

static int start(struct wb_port *port, struct wb_err *err)
{
	struct rte_ether_addr mac;
	int rc = rte_eth_dev_start(port->port_id);

	if (rc < 0)
		return wb_err_set(err, -rc, "%s: does not start: %s", port->name, strerror(-rc));
	rc = start_members(port, err);
	if (rc < 0)
		return rc;
	/* Without it the bond drops what is for no MAC of its own: ARP, and its partner's LACPDUs.
	 * A driver that has no such mode (memif) receives everything anyway. */
	rte_eth_promiscuous_enable(port->port_id);
	rc = rte_eth_macaddr_get(port->port_id, &mac);
	if (rc < 0)
		return wb_err_set(err, -rc, "%s: has no MAC address", port->name);
	/* A ring in memory has none of its own. */
	if (rte_is_zero_ether_addr(&mac))
		rte_eth_random_addr(mac.addr_bytes);
	memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
	if (port->lacp != NULL)
		wb_lacp_system_set(port->lacp, port->mac);
	return 0;
}

int wb_port_open(const struct wb_port_config *config, struct rte_mempool *pool,
	struct wb_port **out, struct wb_err *err)
{
	struct wb_port *port = calloc(1, sizeof(*port));
	int rc;

	if (port == NULL)
		return wb_err_set(err, ENOMEM, "%s: no memory for the port", config->name);
	strlcpy(port->name, config->name, sizeof(port->name));
	port->mtu = config->mtu;
	port->rx_queues = config->rx_queues > 0 ? config->rx_queues : 1;
	port->policy = config->policy;
	rc = members_probe(port, config, err);
	if (rc == 0 && config->bond)
		rc = bond_make(port, config, err);
	else if (rc == 0)
		port->port_id = port->members[0].port_id;
	if (rc == 0)
		rc = configure(port, config, pool, err);
	if (rc == 0)
		rc = start(port, err);
	if (rc < 0) {
		wb_port_close(port);
		return rc;
	}
	*out = port;
	return 0;
}

void wb_port_close(struct wb_port *port)
{
	char name[RTE_ETH_NAME_MAX_LEN];

	if (port == NULL)
		return;
	if (port->bond) {
		rte_eth_dev_stop(port->port_id);
		wb_port_lacp_end(port);
		/* A bond that has members is not freed. */
		for (unsigned i = 0; i < port->n_members; i++)
			rte_eth_bond_member_remove(port->port_id, port->members[i].port_id);
		snprintf(name, sizeof(name), BOND_PREFIX "%s", port->name);
		rte_eth_bond_free(name);
	}
	for (unsigned i = 0; i < port->n_members; i++) {
		rte_eth_dev_stop(port->members[i].port_id);
		rte_eth_dev_close(port->members[i].port_id);
		wb_device_remove(&port->members[i].device);
	}
	free(port);
}

bool wb_port_carrier_set(struct wb_port *port, const char *ifname, bool carrier)
{
	for (unsigned i = 0; i < port->n_members; i++) {
		struct wb_member *member = &port->members[i];

		if (member->device.kind != WB_DEVICE_KERNEL ||
			strcmp(member->device.ifname, ifname) != 0)
			continue;
		if (member->no_carrier == !carrier)
			return false;
		member->no_carrier = !carrier;
		return true;
	}
	return false;
}
