/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/testing.h"

#include "port/prepare.h"

#define FRAMES 8

static struct wb_port *port;
static unsigned asked;

/* A driver that refuses marked frames, as some refuse what is too short for their checksums. */
static uint16_t picky(void *queue, struct rte_mbuf **frames, uint16_t count)
{
	uint16_t ready = 0;

	(void)queue;
	asked++;
	while (ready < count && frames[ready]->hash.usr == 0)
		ready++;
	return ready;
}

static int setup(void **state)
{
	const char *device = "net_null0";

	(void)state;
	port = test_open("p0", false, 1500, 1, &device, test_pool);
	rte_eth_fp_ops[port->port_id].tx_pkt_prepare = picky;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	wb_port_close(port);
	return 0;
}

/* Every set of refused frames of so many: the others stay, in order. */
static void refused_frames_go(void **state)
{
	unsigned free_before = rte_mempool_avail_count(test_pool);

	(void)state;
	port->udp_checksums = true;
	for (unsigned bad = 0; bad < 1u << FRAMES; bad++) {
		struct rte_mbuf *frames[FRAMES];
		unsigned left, next = 0;

		assert_int_equal(rte_pktmbuf_alloc_bulk(test_pool, frames, FRAMES), 0);
		for (unsigned i = 0; i < FRAMES; i++) {
			frames[i]->hash.usr = bad >> i & 1;
			frames[i]->vlan_tci = (uint16_t)i;
		}
		left = wb_port_prepare(port, frames, FRAMES);
		assert_int_equal(left, FRAMES - (unsigned)__builtin_popcount(bad));
		for (unsigned i = 0; i < FRAMES; i++)
			if ((bad >> i & 1) == 0)
				assert_int_equal(frames[next++]->vlan_tci, i);
		rte_pktmbuf_free_bulk(frames, left);
		assert_int_equal(rte_mempool_avail_count(test_pool), free_before);
	}
	assert_int_equal(wb_port_prepare(port, NULL, 0), 0);
}

/* Where nothing is left to the driver it is not asked. */
static void without_offloads_nothing_is_asked(void **state)
{
	struct rte_mbuf *frame = rte_pktmbuf_alloc(test_pool);

	(void)state;
	port->udp_checksums = false;
	asked = 0;
	frame->hash.usr = 1;
	assert_int_equal(wb_port_prepare(port, &frame, 1), 1);
	assert_int_equal(asked, 0);
	rte_pktmbuf_free(frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_frames_go),
		cmocka_unit_test(without_offloads_nothing_is_asked),
	};

	test_start_eal("prepare_test");
	return cmocka_run_group_tests(tests, setup, teardown);
}
