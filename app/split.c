/* SPDX-License-Identifier: BSD-3-Clause */
#include "split.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "gateway.h"
#include "wg/transport.h"
#include "worker.h"

/* Offsets count in units of this. */
#define FRAGMENT_UNIT 8

/** A packet and how it is split. */
struct pieces {
	const uint8_t *packet;
	uint16_t l2;	  /**< bytes of the Ethernet header, if there is one */
	uint16_t headers; /**< of that and the IP header */
	uint16_t added;	  /**< bytes of IPv6's fragment header, in each piece */
	uint16_t length;  /**< of what lies behind the headers */
	uint16_t chunk;	  /**< the most of that in one piece */
	uint32_t id;
};

/* No port makes the checksum of a datagram in pieces. It would have added the datagram to the
 * pseudo header's sum, which stands in the field. */
static void finish_checksum(struct rte_mbuf *mbuf, uint8_t *datagram, uint16_t length)
{
	struct rte_udp_hdr *udp = (void *)datagram;
	uint16_t sum;

	if ((mbuf->ol_flags & RTE_MBUF_F_TX_UDP_CKSUM) == 0)
		return;
	sum = (uint16_t)~rte_raw_cksum(udp, length);
	udp->dgram_cksum = sum == 0 ? 0xffff : sum;
}

static void mark4(uint8_t *l3, uint16_t at, uint16_t length, bool last)
{
	struct rte_ipv4_hdr *ip = (void *)l3;

	ip->total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + length));
	ip->fragment_offset = rte_cpu_to_be_16(
		(uint16_t)(at / FRAGMENT_UNIT | (last ? 0 : RTE_IPV4_HDR_MF_FLAG)));
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static void mark6(uint8_t *l3, uint16_t at, uint16_t length, bool last, uint32_t id)
{
	struct rte_ipv6_hdr *ip = (void *)l3;
	struct rte_ipv6_fragment_ext *fragment = (void *)(ip + 1);

	fragment->next_header = ip->proto;
	fragment->reserved = 0;
	fragment->frag_data = rte_cpu_to_be_16(RTE_IPV6_SET_FRAG_DATA(at, last ? 0 : 1));
	fragment->id = id;
	ip->proto = IPPROTO_FRAGMENT;
	ip->payload_len = rte_cpu_to_be_16((uint16_t)(sizeof(*fragment) + length));
}

static void fill(struct rte_mbuf *piece, const struct pieces *all, uint16_t at)
{
	uint16_t length = RTE_MIN(all->chunk, (uint16_t)(all->length - at));
	uint8_t *out = (uint8_t *)rte_pktmbuf_append(
		piece, (uint16_t)(all->headers + all->added + length));
	bool last = at + length == all->length;

	memcpy(out, all->packet, all->headers);
	memcpy(out + all->headers + all->added, all->packet + all->headers + at, length);
	if (all->added == 0)
		mark4(out + all->l2, at, length, last);
	else
		mark6(out + all->l2, at, length, last, all->id);
}

static struct pieces plan(struct rte_mbuf *mbuf, const struct wb_outer *outer)
{
	const uint8_t *packet = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	const struct wb_msg_transport *message = (const void *)(packet + outer->length);
	struct pieces all = {
		.packet = packet,
		.l2 = outer->l2,
		.headers = (uint16_t)(outer->length - sizeof(struct rte_udp_hdr)),
		.added = outer->ipv6 ? RTE_IPV6_FRAG_HDR_SIZE : 0,
		/* Tunnels between the same two hosts count alike: the index tells them apart. */
		.id = message->receiver ^ (uint32_t)message->counter,
	};
	uint16_t room = (uint16_t)(outer->l2 + outer->mtu - all.headers - all.added);

	all.length = (uint16_t)(rte_pktmbuf_data_len(mbuf) - all.headers);
	all.chunk = RTE_ALIGN_FLOOR(room, FRAGMENT_UNIT);
	return all;
}

unsigned split(struct worker *worker, struct rte_mbuf *mbuf, const struct wb_outer *outer,
	struct rte_mbuf *pieces[SPLIT_PIECES_MAX])
{
	const struct pieces all = plan(mbuf, outer);
	uint16_t at = 0;
	unsigned n = 0;

	finish_checksum(mbuf, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, all.headers), all.length);
	while (at < all.length && n < SPLIT_PIECES_MAX &&
		(pieces[n] = rte_pktmbuf_alloc(worker->gateway->pool)) != NULL) {
		fill(pieces[n++], &all, at);
		at = (uint16_t)(at + all.chunk);
	}
	if (unlikely(at < all.length)) {
		wb_count(worker->count, WB_NO_MBUF, 1);
		rte_pktmbuf_free_bulk(pieces, n);
		worker_drop(worker, mbuf, WB_DROP_OUTER_TOO_BIG);
		return 0;
	}
	wb_count(worker->count, WB_OUT_CUT_UP, 1);
	wb_count(worker->count, WB_IN_FRAGMENTS, n);
	rte_pktmbuf_free(mbuf);
	return n;
}
