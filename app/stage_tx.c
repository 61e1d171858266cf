/* SPDX-License-Identifier: BSD-3-Clause */
/* tx: hands frames to a port's PMD. For a bond the PMD picks the member, and sends LACPDUs from
 * within this call: it is made often enough even when there is nothing to send. */
#include "stages.h"

#include <rte_ethdev.h>

#include "gateway.h"

/* The bonding PMD wants its tx called every 100 ms at the least. */
#define TX_SERVE_EVERY (10 * NS_PER_MS)

/* Spreads frames over the members that live, as the PMD would if it knew; whatever the number of
 * members, a flow stays on one. Returns how many were sent; the others are freed. */
static unsigned send_by_members(const struct gateway_port *port, const struct tx_members *members,
	struct rte_mbuf **frames, unsigned count)
{
	struct rte_mbuf *by_member[WB_MEMBERS_MAX][2 * BURST];
	uint16_t n[WB_MEMBERS_MAX] = {0};
	unsigned sent = 0;

	for (unsigned i = 0; i < count; i++) {
		uint32_t hash = wb_bond_hash_frame(port->port->policy,
			rte_pktmbuf_mtod(frames[i], const uint8_t *),
			rte_pktmbuf_data_len(frames[i]));
		/* A multiplication in place of the division: the upper bits of the product. */
		unsigned member =
			(unsigned)((uint64_t)(hash * UINT32_C(0x9e3779b1)) * members->n >> 32);

		by_member[member][n[member]++] = frames[i];
	}
	for (unsigned i = 0; i < members->n; i++) {
		unsigned done = rte_eth_tx_burst(members->port_ids[i], 0, by_member[i], n[i]);

		rte_pktmbuf_free_bulk(&by_member[i][done], n[i] - done);
		sent += done;
	}
	/* LACPDUs leave from within the bond's own call. */
	rte_eth_tx_burst(port->port->port_id, 0, NULL, 0);
	return sent;
}

/* Returns how many were sent; the others are freed. */
static unsigned send_frames(
	const struct gateway_port *port, struct rte_mbuf **frames, unsigned count)
{
	const struct tx_members *members =
		atomic_load_explicit(&port->tx_members, memory_order_acquire);
	unsigned sent;

	if (unlikely(members != NULL && members->n == 0)) {
		rte_pktmbuf_free_bulk(frames, count);
		rte_eth_tx_burst(port->port->port_id, 0, NULL, 0);
		return 0;
	}
	if (unlikely(members != NULL))
		return send_by_members(port, members, frames, count);
	sent = rte_eth_tx_burst(port->port->port_id, 0, frames, (uint16_t)count);
	/* A full member must not hold up the others: what it refuses is dropped, not kept. */
	if (unlikely(sent < count))
		rte_pktmbuf_free_bulk(&frames[sent], count - sent);
	return sent;
}

unsigned stage_tx_run(struct stage *stage, struct worker *worker)
{
	const struct gateway_port *port = &worker->gateway->ports[stage->object];
	struct rte_mbuf *frames[2 * BURST];
	unsigned count, sent;

	count = rte_ring_dequeue_burst(stage->in, (void **)frames, BURST, NULL);
	count += rte_ring_dequeue_burst(stage->control, (void **)&frames[count], BURST, NULL);
	if (count == 0 && worker->now - stage->own.tx.last < TX_SERVE_EVERY)
		return 0;
	stage->own.tx.last = worker->now;
	sent = send_frames(port, frames, count);
	wb_count(worker->count, WB_OUT_PORT_TX, sent);
	wb_count(worker->count, WB_DROP_TX_PORT_FULL, count - sent);
	return count;
}
