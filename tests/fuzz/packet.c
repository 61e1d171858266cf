/* SPDX-License-Identifier: BSD-3-Clause */
/* IP packets as they come out of a tunnel or in by a port: the header's proof, the flow, the MSS
 * clamp, ICMP errors about them, and ICMP errors that routers send about ours. */
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "fib/flow_follow.h"
#include "echo.h"
#include "forward.h"
#include "fuzz.h"
#include "icmp.h"
#include "ip_check.h"
#include "mss.h"
#include "outer_icmp.h"

enum { PACKET_MAX = 2048 };

/* forward.c's only need of worker.c; nothing is sent here. */
void worker_flush_one(struct worker *worker, uint16_t stage_id)
{
	(void)worker, (void)stage_id;
	abort();
}

/* An mbuf over memory that ends where the packet ends. */
static struct rte_mbuf *mbuf_make(struct fuzz_input *input)
{
	size_t length = input->left < PACKET_MAX ? input->left : PACKET_MAX;
	struct rte_mbuf *mbuf = calloc(1, sizeof(*mbuf));

	FUZZ_CHECK(mbuf != NULL);
	mbuf->buf_addr = malloc(RTE_PKTMBUF_HEADROOM + length);
	FUZZ_CHECK(mbuf->buf_addr != NULL);
	mbuf->buf_len = (uint16_t)(RTE_PKTMBUF_HEADROOM + length);
	mbuf->data_off = RTE_PKTMBUF_HEADROOM;
	mbuf->data_len = (uint16_t)length;
	mbuf->pkt_len = (uint32_t)length;
	mbuf->nb_segs = 1;
	rte_mbuf_refcnt_set(mbuf, 1);
	fuzz_take(input, rte_pktmbuf_mtod(mbuf, void *), length);
	return mbuf;
}

static void mbuf_free(struct rte_mbuf *mbuf)
{
	free(mbuf->buf_addr);
	free(mbuf);
}

/* A fuzzer does not guess checksums. */
static void checksum_mend(struct rte_mbuf *mbuf)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, struct rte_ipv4_hdr *);
	uint16_t length = rte_pktmbuf_data_len(mbuf);

	if (length < sizeof(*ip) || ip->version_ihl >> 4 != 4 || rte_ipv4_hdr_len(ip) > length)
		return;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, rte_ipv4_hdr_len(ip));
}

/* Nothing of a flow's hash may come from memory that the parser did not write. */
static void flow_check(const uint8_t *l3, uint32_t length)
{
	struct wb_flow one, other;
	int rc;

	memset(&one, 0xaa, sizeof(one));
	memset(&other, 0x55, sizeof(other));
	rc = wb_flow_parse(l3, length, &one);
	FUZZ_CHECK(wb_flow_parse(l3, length, &other) == rc);
	if (rc == 0) {
		FUZZ_CHECK(one.l3_len <= length && one.l4_off + one.l4_len == one.l3_len);
		FUZZ_CHECK((one.flags & WB_FLOW_PORTS) != 0 || (one.sport | one.dport) == 0);
	}
	/* The header of what came this far was proved: forward.c asks for no more. */
	FUZZ_CHECK(rc == 0 || *l3 >> 4 == 6);
	FUZZ_CHECK(wb_flow_hash(&one) == wb_flow_hash(&other));
}

/* The same of the flow a packet counts to; and turned round it is the same flow to those who ask
 * for that. */
static void follow_check(const uint8_t *l3, uint32_t length)
{
	for (unsigned options = 0; options <= (WB_FLOW_SYMMETRIC | WB_FLOW_INNER); options++) {
		struct wb_flow one, other;
		uint32_t hash;
		int rc;

		memset(&one, 0xaa, sizeof(one));
		memset(&other, 0x55, sizeof(other));
		rc = wb_flow_follow(l3, length, options, &one);
		FUZZ_CHECK(wb_flow_follow(l3, length, options, &other) == rc);
		if (rc < 0)
			continue;
		hash = wb_flow_hash(&one);
		FUZZ_CHECK(wb_flow_hash(&other) == hash);
		FUZZ_CHECK(wb_flow_hash_packet(l3, length, options) == hash);
		wb_flow_turn(&other);
		if ((options & WB_FLOW_SYMMETRIC) != 0)
			wb_flow_order(&other);
		else
			wb_flow_turn(&other);
		FUZZ_CHECK(wb_flow_hash(&other) == hash);
	}
}

/* The sum over a packet's words, as checksums have it: 0 and 0xffff are one. */
static uint32_t sum_of(const uint8_t *bytes, uint32_t length)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < length; i++)
		sum += (uint32_t)bytes[i] << (i % 2 == 0 ? 8 : 0);
	return (uint32_t)(sum % 0xffff);
}

/* A clamped packet sums up to what it did: its checksum is as right or wrong as it was. At most an
 * option's two bytes and the checksum's change. */
static void mss_check(const struct rte_mbuf *mbuf, uint16_t mtu)
{
	uint32_t length = rte_pktmbuf_data_len(mbuf), before, changed = 0;
	const uint8_t *l3 = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	uint8_t *copy = fuzz_copy(l3, length);

	before = sum_of(copy, length);
	mss_clamp(copy, length, mtu);
	FUZZ_CHECK(sum_of(copy, length) == before);
	for (uint32_t i = 0; i < length; i++)
		changed += copy[i] != l3[i];
	FUZZ_CHECK(changed <= 4);
	free(copy);
}

/* A router's news is about a packet of the address it is sent to. */
static void news_check(const uint8_t *l3, uint32_t length)
{
	struct outer_icmp news;

	if (!outer_icmp_parse(l3, length, &news))
		return;
	FUZZ_CHECK(news.remote.addr.family == (*l3 >> 4 == 4 ? AF_INET : AF_INET6));
	FUZZ_CHECK(!icmp_deserved(l3, length));
}

/* A reply to a probe of ours is known by its cookie, and nothing else is one. */
static void echo_check(const uint8_t *l3, uint32_t length)
{
	const struct echo sent = {
		.cookie = UINT64_C(0x0123456789abcdef) ^ l3[1], .sequence = l3[0], .tunnel = l3[2]};
	const struct wb_addr a = wb_addr_v4(1), b = wb_addr_v4(2);
	uint8_t *request = malloc(ECHO_LEN_MAX);
	struct echo got;
	uint16_t made;

	if (echo_reply_parse(l3, length, 0, &got))
		FUZZ_CHECK(got.cookie == 0);
	FUZZ_CHECK(!echo_reply_parse(l3, length, sent.cookie, &got) || length >= 44);
	made = echo_request_make(request, &a, &b, &sent);
	request[20] = 0;
	FUZZ_CHECK(echo_reply_parse(request, made, sent.cookie, &got) &&
		got.sequence == sent.sequence && got.tunnel == sent.tunnel);
	free(request);
}

/* What we tell is a good packet, fits where errors must fit, and is told nobody about again. */
static void error_check(struct rte_mbuf *mbuf, enum icmp_error error, uint16_t mtu)
{
	const uint8_t *l3 = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	struct wb_addr from = {.family = AF_INET6, .bytes = {0x20, 1, 0xd, 0xb8, 9, 9, 9, 9}};

	if (!icmp_deserved(l3, rte_pktmbuf_data_len(mbuf)))
		return;
	if (*l3 >> 4 == 4)
		from = wb_addr_v4(UINT32_C(0x01020304));
	icmp_error_make(mbuf, error, &from, mtu);
	l3 = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	FUZZ_CHECK(ip_check(mbuf) == 0);
	FUZZ_CHECK(rte_pktmbuf_data_len(mbuf) <= (*l3 >> 4 == 4 ? 576 : 1280));
	FUZZ_CHECK(!icmp_deserved(l3, rte_pktmbuf_data_len(mbuf)));
	flow_check(l3, rte_pktmbuf_data_len(mbuf));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.at = data, .left = size};
	uint8_t how = fuzz_u8(&input);
	uint16_t mtu = fuzz_u16(&input);
	struct rte_mbuf *mbuf = mbuf_make(&input);
	uint16_t before = rte_pktmbuf_data_len(mbuf);

	if (how & 1)
		checksum_mend(mbuf);
	/* Of a port that says so, also where it is wrong. */
	mbuf->ol_flags = how & 4 ? RTE_MBUF_F_RX_IP_CKSUM_GOOD : 0;
	if (ip_check_received(mbuf, IP_CHECK_TOLD) == 0) {
		const uint8_t *l3 = rte_pktmbuf_mtod(mbuf, const uint8_t *);

		FUZZ_CHECK(rte_pktmbuf_data_len(mbuf) <= before);
		FUZZ_CHECK(rte_pktmbuf_data_len(mbuf) >= (*l3 >> 4 == 4 ? 20 : 40));
		flow_check(l3, rte_pktmbuf_data_len(mbuf));
		follow_check(l3, rte_pktmbuf_data_len(mbuf));
		mss_check(mbuf, mtu);
		news_check(l3, rte_pktmbuf_data_len(mbuf));
		echo_check(l3, rte_pktmbuf_data_len(mbuf));
		error_check(mbuf, how & 2 ? ICMP_ERROR_TOO_BIG : ICMP_ERROR_UNREACHABLE, mtu);
	}
	mbuf_free(mbuf);
	return 0;
}
