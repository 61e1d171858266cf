/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/prepare.h"

#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

unsigned wb_port_prepare_offloads(
	const struct wb_port *port, struct rte_mbuf **frames, unsigned count)
{
	unsigned ready = rte_eth_tx_prepare(port->port_id, 0, frames, (uint16_t)count);

	/* It stops at the first that it refuses. */
	while (unlikely(ready < count)) {
		rte_pktmbuf_free(frames[ready]);
		count--;
		memmove(&frames[ready], &frames[ready + 1], (count - ready) * sizeof(frames[0]));
		ready += rte_eth_tx_prepare(
			port->port_id, 0, &frames[ready], (uint16_t)(count - ready));
	}
	return count;
}
