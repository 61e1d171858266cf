/* SPDX-License-Identifier: BSD-3-Clause */
/* tx: hands frames to a port's PMD. For a bond the PMD picks the member, and sends LACPDUs from
 * within this call: it is made often enough even when there is nothing to send. */
#include "stages.h"

#include <rte_ethdev.h>

#include "gateway.h"
#include "port/prepare.h"

/* The bonding PMD wants its tx called every 100 ms at the least. */
#define TX_SERVE_EVERY (10 * NS_PER_MS)

/* Returns how many were sent; the others are freed: a full member must not hold up the others. */
static unsigned send_frames(
	const struct gateway_port *port, struct rte_mbuf **frames, unsigned count)
{
	unsigned sent = rte_eth_tx_burst(port->port->port_id, 0, frames, (uint16_t)count);

	if (unlikely(sent < count))
		rte_pktmbuf_free_bulk(&frames[sent], count - sent);
	return sent;
}

unsigned stage_tx_run(struct stage *stage, struct worker *worker)
{
	const struct gateway_port *port = &worker->gateway->ports[stage->object];
	struct rte_mbuf *frames[2 * BURST];
	unsigned count, ready, sent;

	count = rte_ring_dequeue_burst(stage->in, (void **)frames, BURST, NULL);
	count += rte_ring_dequeue_burst(stage->control, (void **)&frames[count], BURST, NULL);
	if (count == 0 && worker->now - stage->own.tx.last < TX_SERVE_EVERY)
		return 0;
	stage->own.tx.last = worker->now;
	ready = wb_port_prepare(port->port, frames, count);
	sent = send_frames(port, frames, ready);
	wb_count(worker->count, WB_OUT_PORT_TX, sent);
	wb_count(worker->count, WB_DROP_TX_REFUSED, count - ready);
	wb_count(worker->count, WB_DROP_TX_PORT_FULL, ready - sent);
	if (unlikely(sent < count))
		__atomic_store_n(&stage->own.tx.refused, stage->own.tx.refused + count - sent,
			__ATOMIC_RELAXED);
	return count;
}
