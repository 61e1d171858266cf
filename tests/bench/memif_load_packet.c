/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames: inner packets, and what is put around sealed ones. */
#include "memif_load.h"

#include <arpa/inet.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_udp.h>

/* Seven small, four middling, one full: twelve packets, the great ones apart. */
static const uint16_t mix[] = {64, 594, 64, 64, 594, 64, 1420, 64, 594, 64, 594, 64};

unsigned load_size_of(const struct load_order *order, uint64_t n)
{
	return order->size != 0 ? order->size : mix[n % RTE_DIM(mix)];
}

unsigned load_size_min(unsigned family)
{
	return (family == 6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr)) +
		sizeof(struct rte_udp_hdr) + sizeof(struct load_mark);
}

void load_ether_write(const struct load_port *port, uint8_t *frame, uint16_t type)
{
	struct rte_ether_hdr *ether = (void *)frame;

	ether->dst_addr = port->gateway_mac;
	ether->src_addr = port->mac;
	ether->ether_type = rte_cpu_to_be_16(type);
}

static void udp_write(struct rte_udp_hdr *udp, unsigned length, uint16_t source, uint16_t to)
{
	/* Without a checksum. A router has no use for the inner one; of the outer one RFC 768 makes
	 * it optional. */
	*udp = (struct rte_udp_hdr){
		.src_port = rte_cpu_to_be_16(source),
		.dst_port = rte_cpu_to_be_16(to),
		.dgram_len = rte_cpu_to_be_16((uint16_t)length),
	};
}

static void ipv4_write(
	struct rte_ipv4_hdr *ip, unsigned length, uint32_t source, uint32_t destination)
{
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)length),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = source,
		.dst_addr = destination,
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static void ipv6_write(struct rte_ipv6_hdr *ip, unsigned length, const uint8_t source[16],
	const uint8_t destination[16])
{
	*ip = (struct rte_ipv6_hdr){
		.vtc_flow = rte_cpu_to_be_32(6u << 28),
		.payload_len = rte_cpu_to_be_16((uint16_t)(length - sizeof(*ip))),
		.proto = IPPROTO_UDP,
		.hop_limits = 64,
	};
	memcpy(ip->src_addr, source, 16);
	memcpy(ip->dst_addr, destination, 16);
}

void load_inner_write(const struct load *load, const struct load_order *order, uint8_t *at,
	unsigned size, unsigned flow, unsigned tunnel)
{
	const struct load_port *lan = &load->ports[LOAD_LAN];
	uint8_t beyond6[16] = {0xfd, 0x02, 0, 0, 0, 0, 0, (uint8_t)tunnel, [15] = 2};
	uint32_t beyond =
		order->plain ? load->ports[LOAD_WAN].address : htonl(0x0a020002u + (tunnel << 8));
	unsigned header;

	memset(at, 0, size);
	if (order->family == 6) {
		header = sizeof(struct rte_ipv6_hdr);
		ipv6_write((void *)at, size, order->in ? beyond6 : lan->address6,
			order->in ? lan->address6 : beyond6);
	} else {
		header = sizeof(struct rte_ipv4_hdr);
		ipv4_write((void *)at, size, order->in ? beyond : lan->address,
			order->in ? lan->address : beyond);
	}
	udp_write((void *)(at + header), size - header, (uint16_t)(1024 + flow),
		(uint16_t)(20000 + flow % 7));
}

struct load_mark *load_mark_find(uint8_t *inner, uint32_t length)
{
	struct load_mark *mark;
	uint32_t total = 0;

	if (length >= sizeof(struct rte_ipv4_hdr) && inner[0] >> 4 == 4)
		total = rte_be_to_cpu_16(((struct rte_ipv4_hdr *)inner)->total_length);
	else if (length >= sizeof(struct rte_ipv6_hdr) && inner[0] >> 4 == 6)
		total = rte_be_to_cpu_16(((struct rte_ipv6_hdr *)inner)->payload_len) +
			(uint32_t)sizeof(struct rte_ipv6_hdr);
	/* Behind it may be padding, of the tunnel or of Ethernet. */
	if (total > length || total < load_size_min(4))
		return NULL;
	mark = (void *)(inner + total - sizeof(*mark));
	return mark->magic == LOAD_MAGIC ? mark : NULL;
}

uint8_t *load_outer_write(
	const struct load *load, const struct load_tunnel *tunnel, uint8_t *frame, unsigned length)
{
	const struct load_port *wan = &load->ports[LOAD_WAN];
	uint8_t *ip = frame + RTE_ETHER_HDR_LEN, *udp = ip + sizeof(struct rte_ipv4_hdr);
	unsigned datagram = (unsigned)sizeof(struct rte_udp_hdr) + length;

	load_ether_write(wan, frame, RTE_ETHER_TYPE_IPV4);
	ipv4_write((void *)ip, (unsigned)sizeof(struct rte_ipv4_hdr) + datagram, wan->address,
		wan->gateway);
	udp_write((void *)udp, datagram, (uint16_t)(LOAD_FAR_PORT + tunnel->number),
		(uint16_t)(LOAD_GATEWAY_PORT + tunnel->number));
	return udp + sizeof(struct rte_udp_hdr);
}
