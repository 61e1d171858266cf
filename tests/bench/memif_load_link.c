/* SPDX-License-Identifier: BSD-3-Clause */
/* Our ends of the two ports: connecting, ARP and neighbour discovery in both roles, and the frames
 * that no run is about. */
#include "memif_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <rte_arp.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "wg/transport.h"

#define DESCRIPTORS 1024

#define ND_SOLICITATION	 135
#define ND_ADVERTISEMENT 136
#define ND_TARGET_LINK	 2

/** A neighbour solicitation or advertisement and its one option (RFC 4861, 4.3 and 4.4). */
struct neighbour_message {
	uint8_t type, code;
	uint16_t checksum;
	uint32_t flags;
	uint8_t target[16];
	uint8_t option, option_length;
	struct rte_ether_addr link;
} __rte_packed __rte_aligned(2);

static const char *const names[LOAD_SIDES] = {"net_memif_lan", "net_memif_wan"};

static int port_start(struct load *load, enum load_side side, struct wb_err *err)
{
	struct load_port *port = &load->ports[side];
	const struct rte_eth_conf conf = {.rxmode = {.mtu = 1500}};
	int rc = rte_eth_dev_get_port_by_name(names[side], &port->id);

	if (rc == 0)
		rc = rte_eth_dev_configure(port->id, 1, 1, &conf);
	if (rc == 0)
		rc = rte_eth_rx_queue_setup(
			port->id, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL, load->pool);
	if (rc == 0)
		rc = rte_eth_tx_queue_setup(port->id, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL);
	if (rc == 0)
		rc = rte_eth_dev_start(port->id);
	/* A client whose server is not there yet. */
	if (rc < 0)
		return wb_err_set(err, -rc, "%s does not start: %s", names[side], strerror(-rc));
	return 0;
}

int load_ports_start(struct load *load, struct wb_err *err)
{
	for (unsigned side = 0; side < LOAD_SIDES; side++) {
		struct load_port *port = &load->ports[side];
		int rc = port_start(load, side, err);

		if (rc < 0)
			return rc;
		port->mac = (struct rte_ether_addr){{0x02, 0, 0, 0, (uint8_t)(side + 1), 2}};
		port->gateway = htonl(side == LOAD_LAN ? 0x0a010001 : 0xc0000201);
		port->address = htonl(side == LOAD_LAN ? 0x0a010002 : 0xc0000202);
	}
	memcpy(load->ports[LOAD_LAN].address6, (uint8_t[16]){0xfd, 1, [15] = 2}, 16);
	return 0;
}

bool load_send(struct load *load, enum load_side side, struct rte_mbuf *mbuf)
{
	if (rte_eth_tx_burst(load->ports[side].id, 0, &mbuf, 1) == 1)
		return true;
	rte_pktmbuf_free(mbuf);
	return false;
}

static void arp_send(struct load *load, enum load_side side, uint16_t operation,
	const struct rte_ether_addr *to, uint32_t target)
{
	struct load_port *port = &load->ports[side];
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(load->pool);
	struct rte_ether_hdr *ether;
	struct rte_arp_hdr *arp;

	if (mbuf == NULL)
		return;
	ether = (void *)rte_pktmbuf_append(mbuf, sizeof(*ether) + sizeof(*arp));
	ether->src_addr = port->mac;
	ether->dst_addr = *to;
	ether->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);
	arp = (void *)(ether + 1);
	*arp = (struct rte_arp_hdr){
		.arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER),
		.arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = sizeof(uint32_t),
		.arp_opcode = rte_cpu_to_be_16(operation),
		.arp_data = {.arp_sha = port->mac, .arp_sip = port->address, .arp_tip = target},
	};
	if (operation == RTE_ARP_OP_REPLY)
		arp->arp_data.arp_tha = *to;
	load_send(load, side, mbuf);
}

static void arp_receive(struct load *load, enum load_side side, const struct rte_mbuf *mbuf)
{
	struct load_port *port = &load->ports[side];
	const struct rte_arp_hdr *arp =
		rte_pktmbuf_mtod_offset(mbuf, const void *, RTE_ETHER_HDR_LEN);
	struct rte_arp_ipv4 data;

	if (rte_pktmbuf_data_len(mbuf) < RTE_ETHER_HDR_LEN + sizeof(*arp))
		return;
	data = arp->arp_data;
	if (data.arp_sip == port->gateway) {
		port->gateway_mac = data.arp_sha;
		port->up = true;
	}
	if (arp->arp_opcode == rte_cpu_to_be_16(RTE_ARP_OP_REQUEST) &&
		data.arp_tip == port->address)
		arp_send(load, side, RTE_ARP_OP_REPLY, &data.arp_sha, data.arp_sip);
}

/* Turns a solicitation of our address into its answer. */
static void neighbour_receive(struct load *load, enum load_side side, struct rte_mbuf *mbuf)
{
	struct load_port *port = &load->ports[side];
	struct rte_ether_hdr *ether = rte_pktmbuf_mtod(mbuf, void *);
	struct rte_ipv6_hdr *ip = (void *)(ether + 1);
	struct neighbour_message *message = (void *)(ip + 1);
	unsigned length = sizeof(*ether) + sizeof(*ip) + sizeof(*message);
	struct rte_mbuf *reply;

	if (rte_pktmbuf_data_len(mbuf) < length || ip->proto != IPPROTO_ICMPV6 ||
		message->type != ND_SOLICITATION ||
		memcmp(message->target, port->address6, sizeof(message->target)) != 0)
		return;
	reply = rte_pktmbuf_alloc(load->pool);
	if (reply == NULL)
		return;
	ether->dst_addr = ether->src_addr;
	ether->src_addr = port->mac;
	memcpy(ip->dst_addr, ip->src_addr, sizeof(ip->dst_addr));
	memcpy(ip->src_addr, port->address6, sizeof(ip->src_addr));
	ip->payload_len = rte_cpu_to_be_16(sizeof(*message));
	message->type = ND_ADVERTISEMENT;
	message->flags = rte_cpu_to_be_32(UINT32_C(3) << 29); /* solicited, override */
	message->option = ND_TARGET_LINK;
	message->option_length = 1;
	message->link = port->mac;
	message->checksum = 0;
	message->checksum = rte_ipv6_udptcp_cksum(ip, message);
	memcpy(rte_pktmbuf_append(reply, (uint16_t)length), ether, length);
	load_send(load, side, reply);
}

static void tunnel_receive(struct load *load, struct rte_mbuf *mbuf)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(mbuf, const void *, RTE_ETHER_HDR_LEN);
	const struct rte_udp_hdr *udp = (const void *)(ip + 1);
	unsigned headers = RTE_ETHER_HDR_LEN + sizeof(*ip) + sizeof(*udp), number;

	if (rte_pktmbuf_data_len(mbuf) < headers || ip->next_proto_id != IPPROTO_UDP ||
		rte_be_to_cpu_16(udp->dgram_len) < sizeof(*udp) ||
		rte_pktmbuf_data_len(mbuf) <
			headers - sizeof(*udp) + rte_be_to_cpu_16(udp->dgram_len))
		return;
	number = rte_be_to_cpu_16(udp->dst_port) - LOAD_FAR_PORT;
	if (number < load->n_tunnels)
		load_handshake(load, &load->tunnels[number], udp + 1,
			rte_be_to_cpu_16(udp->dgram_len) - (uint32_t)sizeof(*udp));
}

void load_slow_path(struct load *load, enum load_side side, struct rte_mbuf *mbuf)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(mbuf, const void *);

	if (rte_pktmbuf_data_len(mbuf) >= sizeof(*ether)) {
		switch (rte_be_to_cpu_16(ether->ether_type)) {
		case RTE_ETHER_TYPE_ARP:
			arp_receive(load, side, mbuf);
			break;
		case RTE_ETHER_TYPE_IPV6:
			neighbour_receive(load, side, mbuf);
			break;
		case RTE_ETHER_TYPE_IPV4:
			if (side == LOAD_WAN)
				tunnel_receive(load, mbuf);
			break;
		default:
			break;
		}
	}
	rte_pktmbuf_free(mbuf);
}

void load_poll(struct load *load, enum load_side side)
{
	struct rte_mbuf *mbufs[LOAD_BURST];
	uint16_t n = rte_eth_rx_burst(load->ports[side].id, 0, mbufs, LOAD_BURST);

	for (unsigned i = 0; i < n; i++)
		load_slow_path(load, side, mbufs[i]);
}

/* A gateway that comes back has another MAC, and knows none of the sessions. */
void load_forget(struct load *load)
{
	for (unsigned side = 0; side < LOAD_SIDES; side++) {
		load->ports[side].connected = false;
		load->ports[side].up = false;
		load->ports[side].asked = 0;
	}
	for (unsigned i = 0; i < load->n_tunnels; i++) {
		load->tunnels[i].latest = -1;
		load->tunnels[i].initiated = 0;
	}
}

static void connection_look(struct load *load, struct load_port *port)
{
	struct rte_eth_link link = {.link_status = 0};

	rte_eth_link_get_nowait(port->id, &link);
	if (port->connected && link.link_status == RTE_ETH_LINK_DOWN)
		load_forget(load);
	else
		port->connected = link.link_status == RTE_ETH_LINK_UP;
}

void load_serve(struct load *load)
{
	static const struct rte_ether_addr everyone = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	uint64_t now = rte_rdtsc();

	for (unsigned side = 0; side < LOAD_SIDES; side++) {
		struct load_port *port = &load->ports[side];

		connection_look(load, port);
		if (!port->connected || port->up || now - port->asked < load->hz / 500)
			continue;
		port->asked = now;
		arp_send(load, side, RTE_ARP_OP_REQUEST, &everyone, port->gateway);
	}
	if (!load->ports[LOAD_WAN].up || load->sealed_ahead)
		return;
	for (unsigned i = 0; i < load->n_tunnels; i++)
		if (load->tunnels[i].latest >= 0 &&
			now - load->tunnels[i].kept_alive > LOAD_KEEPALIVE_SECONDS * load->hz)
			load_keepalive(load, &load->tunnels[i]);
}
