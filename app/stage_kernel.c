/* SPDX-License-Identifier: BSD-3-Clause */
/* The exception path: a port's TAP and a tunnel's TUN. Packets the fast path has no answer for are
 * written to the kernel; what the kernel sends is read and put on its way. */
#include "stages.h"

#include <errno.h>
#include <sys/epoll.h>

#include "forward.h"
#include "gateway.h"
#include "ip_check.h"

/* To ask is a system call, and so is each read: a busy worker asks which devices have something and
 * makes one round of reads in this time, and in up to the longer one while there is nothing: about
 * as long as an idle worker sleeps. */
#define ASK_EVERY      (50 * NS_PER_US)
#define ASK_EVERY_IDLE (250 * NS_PER_US)

/* Devices that are read from in one round, at the most; the others' turn comes next. */
#define READY_A_ROUND 64

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

	if (count == 0)
		return 0;
	for (unsigned i = 0; i < count; i++)
		written += write_one(device, mbufs[i]) == 0;
	wb_count(worker->count, out, written);
	wb_count(worker->count, refused, count - written);
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

/* Which stage a device is read by, in what epoll hands back. */
union watched {
	uint64_t word;
	struct {
		uint32_t stage;
		int32_t fd;
	};
};

int devices_open(void)
{
	return epoll_create1(EPOLL_CLOEXEC);
}

void devices_poll(struct worker *worker)
{
	struct plan *plan = &worker->gateway->plan;
	struct epoll_event ready[READY_A_ROUND];
	int n = epoll_wait(worker->devices.fd, ready, READY_A_ROUND, 0);

	worker->devices.asked = worker->now;
	if (n > 0 || worker->devices.pause == 0)
		worker->devices.pause = ASK_EVERY;
	else
		worker->devices.pause = RTE_MIN(worker->devices.pause * 2, ASK_EVERY_IDLE);
	for (int i = 0; i < n; i++) {
		union watched watched = {.word = ready[i].data.u64};
		struct stage *stage = &plan->stages[watched.stage];

		/* One that went to another worker takes its device along. */
		if (stage->own.kernel.watcher != worker->qsbr_id + 1) {
			epoll_ctl(worker->devices.fd, EPOLL_CTL_DEL, watched.fd, NULL);
			continue;
		}
		stage->own.kernel.readable = true;
		__atomic_store_n(stage->bell, 1, __ATOMIC_RELAXED);
	}
}

/* Has the worker that runs the stage now, and did not before, ask after its device. */
static void watch(struct stage *stage, struct worker *worker, const struct wb_tuntap *device)
{
	union watched watched = {.stage = stage->id, .fd = device->fd};
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = watched.word};

	if (stage->stopped)
		return;
	/* A device that came back is still known. One that cannot be watched is read on trial. */
	if (epoll_ctl(worker->devices.fd, EPOLL_CTL_ADD, device->fd, &event) == 0 ||
		errno == EEXIST)
		stage->own.kernel.watcher = worker->qsbr_id + 1;
	else
		stage->own.kernel.readable = true;
}

void device_forget(struct worker *worker, const struct wb_tuntap *device)
{
	epoll_ctl(worker->devices.fd, EPOLL_CTL_DEL, device->fd, NULL);
}

/* Whether it is the device's turn to be read from. */
static bool read_is_due(struct stage *stage, struct worker *worker, const struct wb_tuntap *device)
{
	bool due = stage->own.kernel.readable;

	stage->own.kernel.readable = false;
	if (unlikely(stage->own.kernel.watcher != worker->qsbr_id + 1))
		watch(stage, worker, device);
	return due;
}

unsigned stage_tap_run(struct stage *stage, struct worker *worker)
{
	struct gateway *gateway = worker->gateway;
	struct wb_tuntap *tap = gateway->ports[stage->object].tap;
	unsigned written = write_burst(stage, worker, tap, WB_OUT_TAP_TX, WB_DROP_TAP_REFUSED);
	struct rte_mbuf *mbuf;
	unsigned found;

	if (likely(!read_is_due(stage, worker, tap)))
		return written;
	for (found = 0; found < BURST && (mbuf = read_one(worker, tap, 0)) != NULL; found++) {
		wb_count(worker->count, WB_IN_TAP_RX, 1);
		worker_send(worker, gateway->plan.tx[stage->object], mbuf);
	}
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

	if (likely(!read_is_due(stage, worker, tun)))
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
		worker_send(worker, gateway->plan.seal[stage->object], mbuf);
	}
	return written + found;
}
