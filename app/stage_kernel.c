/* SPDX-License-Identifier: BSD-3-Clause */
/* The exception path: a port's TAP and a tunnel's TUN. Packets the fast path has no answer for are
 * written to the kernel; what the kernel sends is read and put on its way. */
#include "stages.h"

#include "forward.h"
#include "gateway.h"
#include "ip_check.h"

/* Each read is a system call: a busy worker makes one round of them in this time, and in up to the
 * longer one while there is nothing to read: no longer than an idle worker sleeps. */
#define READ_EVERY	(50 * NS_PER_US)
#define READ_EVERY_IDLE (250 * NS_PER_US)

/* More than rte_ip_frag puts together. */
#define SEGMENTS_MAX 64

/* In segments: a datagram that was put together and is longer than a buffer. */
static int write_segments(struct wb_tuntap *device, const struct rte_mbuf *mbuf)
{
	struct iovec parts[SEGMENTS_MAX];
	unsigned n = 0;

	for (; mbuf != NULL && n < SEGMENTS_MAX; mbuf = mbuf->next)
		parts[n++] = (struct iovec){.iov_base = rte_pktmbuf_mtod(mbuf, void *),
			.iov_len = rte_pktmbuf_data_len(mbuf)};
	return mbuf == NULL ? wb_tuntap_write_parts(device, parts, n) : -1;
}

static int write_one(struct wb_tuntap *device, const struct rte_mbuf *mbuf)
{
	if (unlikely(mbuf->nb_segs > 1))
		return write_segments(device, mbuf);
	return wb_tuntap_write(device, rte_pktmbuf_mtod(mbuf, void *), rte_pktmbuf_data_len(mbuf));
}

static unsigned write_burst(struct stage *stage, struct worker *worker, struct wb_tuntap *device,
	enum wb_counter out, enum wb_counter refused)
{
	struct rte_mbuf *mbufs[BURST];
	unsigned count = rte_ring_dequeue_burst(stage->in, (void **)mbufs, BURST, NULL);
	unsigned written = 0;

	for (unsigned i = 0; i < count; i++)
		written += write_one(device, mbufs[i]) == 0;
	wb_count(worker->count, out, written);
	wb_count(worker->count, refused, count - written);
	if (count > 0)
		rte_pktmbuf_free_bulk(mbufs, count);
	return count;
}

/* Reads one packet into a fresh mbuf, so many bytes behind the usual headroom. NULL when there is
 * none. */
static struct rte_mbuf *read_one(struct worker *worker, struct wb_tuntap *device, uint16_t headroom)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(worker->gateway->pool);
	ssize_t length;

	if (unlikely(mbuf == NULL)) {
		wb_count(worker->count, WB_NO_MBUF, 1);
		return NULL;
	}
	mbuf->data_off = (uint16_t)(mbuf->data_off + headroom);
	length = wb_tuntap_read(device, rte_pktmbuf_mtod(mbuf, void *), rte_pktmbuf_tailroom(mbuf));
	if (length <= 0) {
		rte_pktmbuf_free(mbuf);
		return NULL;
	}
	mbuf->data_len = (uint16_t)length;
	mbuf->pkt_len = (uint32_t)length;
	return mbuf;
}

static bool read_is_due(struct stage *stage, struct worker *worker)
{
	if (worker->now - stage->own.kernel.last < stage->own.kernel.pause)
		return false;
	stage->own.kernel.last = worker->now;
	return true;
}

/* After a round of reads. */
static void read_again(struct stage *stage, unsigned found)
{
	uint64_t longer = RTE_MIN(stage->own.kernel.pause * 2, READ_EVERY_IDLE);

	stage->own.kernel.pause = found > 0 ? READ_EVERY : RTE_MAX(longer, READ_EVERY);
}

unsigned stage_tap_run(struct stage *stage, struct worker *worker)
{
	struct gateway *gateway = worker->gateway;
	struct wb_tuntap *tap = gateway->ports[stage->object].tap;
	unsigned written = write_burst(stage, worker, tap, WB_OUT_TAP_TX, WB_DROP_TAP_REFUSED);
	struct rte_mbuf *mbuf;
	unsigned found;

	if (!read_is_due(stage, worker))
		return written;
	for (found = 0; found < BURST && (mbuf = read_one(worker, tap, 0)) != NULL; found++) {
		wb_count(worker->count, WB_IN_TAP_RX, 1);
		worker_send(worker, gateway->plan.tx[stage->object], mbuf);
	}
	read_again(stage, found);
	return written + found;
}

unsigned stage_tun_run(struct stage *stage, struct worker *worker)
{
	struct gateway *gateway = worker->gateway;
	struct wb_tuntap *tun = gateway->tunnels[stage->object].tun;
	unsigned written = write_burst(stage, worker, tun, WB_OUT_TUN_TX, WB_DROP_TUN_REFUSED);
	struct rte_mbuf *mbuf;
	unsigned found;
	int reason;

	if (!read_is_due(stage, worker))
		return written;
	for (found = 0; found < BURST && (mbuf = read_one(worker, tun, PACKET_L2_ROOM)) != NULL;
		found++) {
		wb_count(worker->count, WB_IN_TUN_RX, 1);
		reason = ip_check(mbuf);
		if (unlikely(reason != 0)) {
			worker_drop(worker, mbuf, (enum wb_counter)reason);
			continue;
		}
		/* The kernel has routed it and chosen this tunnel. */
		packet_of(mbuf)->peer = NULL;
		worker_send(worker, gateway->plan.seal[stage->object], mbuf);
	}
	read_again(stage, found);
	return written + found;
}
