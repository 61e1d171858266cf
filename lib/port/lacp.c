/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/lacp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_ring.h>

#include "port/compat.h"
#include "port/member.h"

/* How often the PMD hands over what came in, one LACPDU of each member at a time. */
#define HAND_OVER_MS 5

/* How often links are looked at, the kernel's word of a carrier aside, which comes at once; it is
 * also the time within which what the PMD forgot (on its own link events) is told to it again. */
#define LOOK_EVERY UINT64_C(10000000)

/* LACPDUs waiting for the machines. */
#define WAITING_MAX 64

/* The PMD's callback knows the member alone. */
static struct rte_ring *received_by[RTE_MAX_ETHPORTS];

/* In DPDK's own thread of alarms. */
static void take(uint16_t member_id, struct rte_mbuf *mbuf)
{
	struct rte_ring *ring = __atomic_load_n(&received_by[member_id], __ATOMIC_ACQUIRE);

	mbuf->port = member_id;
	/* A flood: the partner says it again. */
	if (ring == NULL || rte_ring_enqueue(ring, mbuf) != 0)
		rte_pktmbuf_free(mbuf);
}

static void hand_to(const struct wb_port *port, struct rte_ring *ring)
{
	for (unsigned i = 0; i < port->n_members; i++)
		__atomic_store_n(&received_by[port->members[i].port_id], ring, __ATOMIC_RELEASE);
}

int wb_port_lacp_begin(
	struct wb_port *port, const struct wb_lacp_config *config, struct wb_err *err)
{
	struct rte_eth_bond_8023ad_conf pmd;
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "lacp_%s", port->name);
	port->lacp = calloc(1, sizeof(*port->lacp));
	port->lacp_received = rte_ring_create(name, WAITING_MAX, SOCKET_ID_ANY, RING_F_SC_DEQ);
	if (port->lacp == NULL || port->lacp_received == NULL)
		return wb_err_set(err, ENOMEM, "%s: no memory for LACP", port->name);
	wb_lacp_init(port->lacp, config, port->n_members);
	if (rte_eth_bond_8023ad_conf_get(port->port_id, &pmd) != 0)
		return wb_err_set(err, EIO, "%s: LACP has no settings", port->name);
	pmd.update_timeout_ms = HAND_OVER_MS;
	pmd.slowrx_cb = take;
	if (rte_eth_bond_8023ad_setup(port->port_id, &pmd) != 0)
		return wb_err_set(err, EIO, "%s: LACP refuses its settings", port->name);
	hand_to(port, port->lacp_received);
	return 0;
}

void wb_port_lacp_end(struct wb_port *port)
{
	struct rte_mbuf *mbuf;

	hand_to(port, NULL);
	while (port->lacp_received != NULL &&
		rte_ring_dequeue(port->lacp_received, (void **)&mbuf) == 0)
		rte_pktmbuf_free(mbuf);
	rte_ring_free(port->lacp_received);
	free(port->lacp);
	port->lacp_received = NULL;
	port->lacp = NULL;
}

static void take_received(struct wb_port *port, uint64_t now)
{
	struct rte_mbuf *mbuf;

	while (rte_ring_dequeue(port->lacp_received, (void **)&mbuf) == 0) {
		int member = wb_member_by_id(port, mbuf->port);
		struct wb_lacpdu pdu;

		if (member >= 0 &&
			wb_lacpdu_parse(rte_pktmbuf_mtod(mbuf, const uint8_t *),
				rte_pktmbuf_data_len(mbuf), &pdu) == 0)
			wb_lacp_receive(port->lacp, (unsigned)member, &pdu, now);
		rte_pktmbuf_free(mbuf);
	}
}

/* A member is there for LACP once the PMD serves it, which begins a moment after its link. */
static bool usable(const struct wb_port *port, unsigned index, uint32_t *speed)
{
	const struct wb_member *member = &port->members[index];

	return wb_member_link(member, speed) &&
		rte_eth_bond_8023ad_ext_distrib_get(port->port_id, member->port_id) >= 0;
}

static void look_at_links(struct wb_port *port, uint64_t now)
{
	for (unsigned i = 0; i < port->n_members; i++) {
		uint32_t speed;
		bool up = usable(port, i, &speed);

		wb_lacp_link(port->lacp, i, up, speed, now);
	}
}

/* Has the PMD do what the machines say; it forgets when a link goes and comes. */
static void apply(const struct wb_port *port)
{
	for (unsigned i = 0; i < port->n_members; i++) {
		const struct wb_lacp_member *member = &port->lacp->members[i];
		uint16_t id = port->members[i].port_id;
		int collects = rte_eth_bond_8023ad_ext_collect_get(port->port_id, id);
		int distributes = rte_eth_bond_8023ad_ext_distrib_get(port->port_id, id);

		if (distributes >= 0 && distributes != wb_lacp_distributing(member))
			rte_eth_bond_8023ad_ext_distrib(
				port->port_id, id, wb_lacp_distributing(member));
		if (collects >= 0 && collects != wb_lacp_collecting(member))
			rte_eth_bond_8023ad_ext_collect(
				port->port_id, id, wb_lacp_collecting(member));
	}
}

static bool lacpdu_send(const struct wb_port *port, unsigned index, struct rte_mempool *pool,
	const struct wb_lacpdu *pdu)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
	uint16_t id = port->members[index].port_id;
	struct rte_ether_addr mac;

	if (mbuf == NULL)
		return false;
	if (rte_eth_macaddr_get(id, &mac) == 0) {
		wb_lacpdu_build(
			pdu, mac.addr_bytes, (uint8_t *)rte_pktmbuf_append(mbuf, WB_LACPDU_LEN));
		/* Its room is one: what does not fit is sent with the next run. */
		if (rte_eth_bond_8023ad_ext_slowtx(port->port_id, id, mbuf) == 0)
			return true;
	}
	rte_pktmbuf_free(mbuf);
	return false;
}

static void send_pending(const struct wb_port *port, struct rte_mempool *pool, uint64_t now)
{
	for (unsigned i = 0; i < port->n_members; i++) {
		struct wb_lacpdu pdu;

		if (wb_lacp_pending(port->lacp, i, now, &pdu) && lacpdu_send(port, i, pool, &pdu))
			wb_lacp_sent(port->lacp, i, now);
	}
}

void wb_port_lacp_run(struct wb_port *port, struct rte_mempool *pool, uint64_t now)
{
	if (port->lacp == NULL || (rte_ring_empty(port->lacp_received) && now < port->lacp_next))
		return;
	take_received(port, now);
	look_at_links(port, now);
	port->lacp_next = RTE_MIN(wb_lacp_run(port->lacp, now), now + LOOK_EVERY);
	apply(port);
	send_pending(port, pool, now);
}

void wb_port_lacp_leave(struct wb_port *port, struct rte_mempool *pool, uint64_t now)
{
	if (port->lacp == NULL)
		return;
	wb_lacp_leave(port->lacp, now);
	port->lacp_next = 0;
	apply(port);
	send_pending(port, pool, now);
}
