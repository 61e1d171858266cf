/* SPDX-License-Identifier: BSD-3-Clause */
/* The gateway put together step by step, and taken apart in reverse order. */
#include "assembly.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include "control.h"
#include "ip_check.h"
#include "packet.h"
#include "paths.h"
#include "tunnels.h"

/* Buffers: every ring full, the ports' descriptors, and what lcores keep in their caches; more rx
 * queues than one a port come on top. */
#define POOL_SIZE	  16383
#define POOL_CACHE	  256
#define CONTROL_POOL_SIZE 2047
#define HANDSHAKE_RING	  4096

/* Behind the longest packet: padding and tag. */
#define BUFFER_TAIL (16 + 16)

/* The greatest MTU of ports and tunnels. */
static unsigned mtu_greatest(const struct wb_config *config)
{
	unsigned mtu = 1500;

	for (unsigned i = 0; i < config->n_ports; i++)
		if (config->ports[i].mtu > mtu)
			mtu = config->ports[i].mtu;
	for (unsigned i = 0; i < config->n_tunnels; i++)
		if (config->tunnels[i]->mtu > mtu)
			mtu = config->tunnels[i]->mtu;
	return mtu;
}

static unsigned buffer_size(unsigned mtu)
{
	if (mtu > WB_DEVICE_PLAIN_MTU)
		return RTE_PKTMBUF_HEADROOM + WB_DEVICE_JUMBO_BUFFER;
	return RTE_MAX(RTE_ALIGN(RTE_PKTMBUF_HEADROOM + PACKET_L2_ROOM + mtu + BUFFER_TAIL, 64u),
		(unsigned)RTE_MBUF_DEFAULT_BUF_SIZE);
}

static unsigned pool_size(const struct wb_config *config)
{
	unsigned size = POOL_SIZE;

	for (unsigned i = 0; i < config->n_ports; i++)
		size += (config->ports[i].rx_queues - 1u) * config->ports[i].n_members *
			WB_PORT_DESCRIPTORS;
	return size;
}

/* No driver may write where struct packet is. */
static int packet_reserve(struct wb_err *err)
{
	static const struct rte_mbuf_dynfield field = {.name = "wirebraid_packet",
		.size = sizeof(struct packet),
		.align = _Alignof(struct packet)};

	if (rte_mbuf_dynfield_register_offset(&field, PACKET_AT) >= 0)
		return 0;
	return wb_err_set(err, rte_errno,
		"a driver takes the packet buffers' fields that wirebraid needs (%s)",
		rte_strerror(rte_errno));
}

static int pools_make(struct gateway *gateway, const struct wb_config *config, struct wb_err *err)
{
	unsigned size = buffer_size(mtu_greatest(config)), packets = pool_size(config);

	/* A thread that is interrupted within the pool must not hold up the others: control shares
	 * it, and on small machines workers share their cores. */
	gateway->pool = rte_pktmbuf_pool_create_by_ops(
		"packets", packets, POOL_CACHE, 0, (uint16_t)size, SOCKET_ID_ANY, "ring_mt_rts");
	gateway->control_pool = rte_pktmbuf_pool_create_by_ops("control", CONTROL_POOL_SIZE, 0, 0,
		RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY, "ring_mt_rts");
	gateway->handshakes = rte_ring_create(
		"handshakes", HANDSHAKE_RING, SOCKET_ID_ANY, RING_F_MP_RTS_ENQ | RING_F_SC_DEQ);
	gateway->mtu_max = (uint16_t)(size - RTE_PKTMBUF_HEADROOM - PACKET_L2_ROOM - BUFFER_TAIL);
	if (gateway->pool != NULL && gateway->control_pool != NULL && gateway->handshakes != NULL)
		return 0;
	return wb_err_set(err, ENOMEM,
		"no memory for %u packets of %u bytes; [gateway] memory is %u MiB", packets, size,
		config->memory_mib);
}

static int qsbr_make(struct gateway *gateway, struct wb_err *err)
{
	unsigned workers = rte_lcore_count() - 1;
	size_t size = rte_rcu_qsbr_get_memsize(workers);

	gateway->qsbr = rte_zmalloc("qsbr", size, RTE_CACHE_LINE_SIZE);
	if (gateway->qsbr == NULL || rte_rcu_qsbr_init(gateway->qsbr, workers) != 0)
		return wb_err_set(err, ENOMEM, "no memory for %u workers", workers);
	gateway->counters = wb_counters_create(workers + 1);
	if (gateway->counters == NULL)
		return wb_err_set(err, ENOMEM, "no memory for counters");
	gateway->control_count = wb_counters_of(gateway->counters, workers);
	return 0;
}

static int addresses_add(struct gateway *gateway, int ifindex, const struct wb_prefix *addresses,
	unsigned n, struct wb_err *err)
{
	for (unsigned i = 0; i < n; i++) {
		int rc = wb_netlink_address_add(
			gateway->control->netlink, ifindex, &addresses[i], err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int default_route_add(
	struct gateway *gateway, int ifindex, const struct wb_addr *router, struct wb_err *err)
{
	struct wb_prefix all = {.addr.family = router->family, .len = 0};
	struct wb_hop hop = {.ifindex = ifindex, .gateway = *router};

	if (router->family == 0)
		return 0;
	return wb_netlink_route_set(gateway->control->netlink, WB_TABLE_MAIN, &all, &hop, 1, err);
}

static int port_make(struct gateway *gateway, const struct config_port *config, struct wb_err *err)
{
	struct gateway_port *port = &gateway->ports[gateway->n_ports];
	struct wb_port_config open = {
		.name = config->name,
		.bond = config->bond,
		.n_members = config->n_members,
		.policy = config->policy,
		.lacp = config->lacp,
		.mtu = config->mtu,
		.rx_queues = config->rx_queues,
		.no_offload = !config->offload,
	};
	int rc;

	for (unsigned i = 0; i < config->n_members; i++)
		open.members[i] = config->members[i].device;
	rc = wb_port_open(&open, gateway->pool, &port->port, err);
	if (rc < 0)
		return rc;
	gateway->n_ports++;
	port->mtu = config->mtu;
	port->balance = config->balance;
	memcpy(port->mac, port->port->mac, sizeof(port->mac));
	port->believed = port->port->ip4_checksums ? IP_CHECK_TOLD : 0;
	rc = wb_tuntap_create(config->name, port->mac, config->mtu, &port->tap, err);
	if (rc < 0)
		return rc;
	port->ifindex = port->tap->ifindex;
	rc = addresses_add(gateway, port->ifindex, config->addresses, config->n_addresses, err);
	if (rc == 0)
		rc = default_route_add(gateway, port->ifindex, &config->gateway4, err);
	if (rc == 0)
		rc = default_route_add(gateway, port->ifindex, &config->gateway6, err);
	return rc;
}

int assemble(struct gateway *gateway, const struct wb_config *config, struct wb_err *err)
{
	struct wb_fib_config fib = {.retire = retire_later, .arg = NULL};
	int rc = qsbr_make(gateway, err);

	if (rc == 0)
		rc = packet_reserve(err);
	if (rc == 0)
		rc = pools_make(gateway, config, err);
	if (rc == 0)
		rc = control_create(gateway, &gateway->control, err);
	if (rc < 0)
		return rc;
	paths_configure(gateway->control, config);
	gateway->wg = wb_tunnels_create(&gateway->control->retire_handle);
	if (gateway->wg == NULL)
		return wb_err_set(err, ENOMEM, "no memory for tunnels");
	fib.arg = gateway->control->retire;
	rc = wb_fib_create(&fib, &gateway->fib, err);
	for (unsigned i = 0; rc == 0 && i < config->n_ports; i++)
		rc = port_make(gateway, &config->ports[i], err);
	if (rc == 0)
		rc = routes_start(gateway->control, err);
	return rc == 0 ? plan_make(gateway, err) : rc;
}

void dismantle(struct gateway *gateway)
{
	if (gateway->control != NULL) {
		retire_flush(gateway->control->retire);
		removals_finish(gateway->control);
	}
	plan_free(gateway);
	tunnels_finish(gateway);
	for (unsigned i = 0; i < gateway->n_ports; i++) {
		wb_tuntap_destroy(gateway->ports[i].tap);
		wb_port_close(gateway->ports[i].port);
	}
	wb_fib_destroy(gateway->fib);
	wb_tunnels_free(gateway->wg);
	control_destroy(gateway->control);
	free(gateway->counters);
}
