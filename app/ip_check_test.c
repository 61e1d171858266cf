/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "ip_check.h"

#define RIGHT RTE_MBUF_F_RX_IP_CKSUM_GOOD

/* A header of `options` words more than five, and some payload; EtherType padding behind it. */
static struct rte_mbuf *make(uint8_t version, unsigned options, bool right)
{
	static uint8_t bytes[128];
	static struct rte_mbuf mbuf;
	struct rte_ipv4_hdr *ip = (void *)bytes;
	unsigned header = version == 4 ? 20 + options * 4 : 40;

	memset(bytes, 0x01, sizeof(bytes));
	mbuf = (struct rte_mbuf){.buf_addr = bytes, .data_len = 100, .pkt_len = 100, .nb_segs = 1};
	if (version == 6) {
		memset(bytes, 0, 40);
		bytes[0] = 0x60;
		bytes[5] = 50;
		return &mbuf;
	}
	ip->version_ihl = (uint8_t)(4 << 4 | header / 4);
	ip->total_length = rte_cpu_to_be_16(90);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, header);
	if (!right)
		ip->time_to_live ^= 0x40;
	return &mbuf;
}

/* Added up here: whatever a driver says that is not asked, or says anything but "right". */
static void sums_are_added_up(void **state)
{
	static const uint64_t told[] = {0, RTE_MBUF_F_RX_IP_CKSUM_BAD, RTE_MBUF_F_RX_IP_CKSUM_NONE,
		RIGHT | RTE_MBUF_F_RX_OUTER_IP_CKSUM_BAD, RTE_MBUF_F_RX_L4_CKSUM_GOOD};

	(void)state;
	for (unsigned options = 0; options <= 10; options += 5) {
		for (unsigned i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
			struct rte_mbuf *mbuf = make(4, options, true);

			mbuf->ol_flags = told[i];
			assert_int_equal(ip_check_received(mbuf, IP_CHECK_TOLD), 0);
			mbuf = make(4, options, false);
			mbuf->ol_flags = told[i];
			assert_int_equal(
				ip_check_received(mbuf, IP_CHECK_TOLD), WB_DROP_BAD_CHECKSUM);
		}
		assert_int_equal(ip_check(make(4, options, true)), 0);
		assert_int_equal(ip_check(make(4, options, false)), WB_DROP_BAD_CHECKSUM);
	}
}

/* A driver that says "right" is believed, of the header it means. */
static void a_driver_is_believed(void **state)
{
	struct rte_mbuf *mbuf = make(4, 0, false);

	(void)state;
	mbuf->ol_flags = RIGHT | RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_RX_L4_CKSUM_BAD;
	mbuf->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_UDP;
	assert_int_equal(ip_check_received(mbuf, IP_CHECK_TOLD), 0);
	/* The padding is off all the same. */
	assert_int_equal(rte_pktmbuf_data_len(mbuf), 90);
	/* Not of a header that may be the inner one. */
	mbuf = make(4, 0, false);
	mbuf->ol_flags = RIGHT;
	mbuf->packet_type = RTE_PTYPE_L3_IPV4 | RTE_PTYPE_TUNNEL_GRE | RTE_PTYPE_INNER_L3_IPV4;
	assert_int_equal(ip_check_received(mbuf, IP_CHECK_TOLD), WB_DROP_BAD_CHECKSUM);
	/* Nor by whom nobody has asked. */
	mbuf = make(4, 0, false);
	mbuf->ol_flags = RIGHT;
	assert_int_equal(ip_check(mbuf), WB_DROP_BAD_CHECKSUM);
}

/* Lengths are proved whatever a driver says. */
static void lengths_are_proved(void **state)
{
	struct rte_mbuf *mbuf = make(4, 0, true);

	(void)state;
	mbuf->ol_flags = RIGHT;
	mbuf->data_len = 89;
	assert_int_equal(ip_check_received(mbuf, IP_CHECK_TOLD), WB_DROP_BAD_IP_HEADER);
	mbuf = make(6, 0, true);
	mbuf->ol_flags = RIGHT;
	assert_int_equal(ip_check_received(mbuf, IP_CHECK_TOLD), 0);
	assert_int_equal(rte_pktmbuf_data_len(mbuf), 90);
	mbuf = make(6, 0, true);
	mbuf->ol_flags = RIGHT;
	mbuf->data_len = 89;
	assert_int_equal(ip_check_received(mbuf, IP_CHECK_TOLD), WB_DROP_BAD_IP_HEADER);
	mbuf->data_len = 0;
	assert_int_equal(ip_check_received(mbuf, IP_CHECK_TOLD), WB_DROP_BAD_IP_HEADER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_added_up),
		cmocka_unit_test(a_driver_is_believed),
		cmocka_unit_test(lengths_are_proved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
