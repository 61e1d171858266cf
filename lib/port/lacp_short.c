/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/lacp_short.h"

#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "port/compat.h"
#include "port/lacp.h"

/* The PMD sends each LACPDU in a burst of its own: others cost one comparison. */
static uint16_t ask_for_short(
	uint16_t port_id, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n, void *arg)
{
	struct lacpdu_header *pdu;

	(void)port_id, (void)queue, (void)arg;
	if (n != 1 || rte_pktmbuf_data_len(mbufs[0]) < sizeof(*pdu))
		return n;
	pdu = rte_pktmbuf_mtod(mbufs[0], struct lacpdu_header *);
	if (pdu->eth_hdr.ether_type == RTE_BE16(RTE_ETHER_TYPE_SLOW) &&
		pdu->lacpdu.subtype == SLOW_SUBTYPE_LACP)
		pdu->lacpdu.actor.state |= WB_LACP_SHORT;
	return n;
}

const struct rte_eth_rxtx_callback *wb_lacp_short_begin(uint16_t port_id)
{
	return rte_eth_add_tx_callback(port_id, 0, ask_for_short, NULL);
}

void wb_lacp_short_end(uint16_t port_id, const struct rte_eth_rxtx_callback *callback)
{
	if (callback == NULL)
		return;
	rte_eth_remove_tx_callback(port_id, 0, callback);
	/* DPDK unlinks it and leaves the freeing to us. */
	rte_free((void *)(uintptr_t)callback);
}
