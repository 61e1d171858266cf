/* SPDX-License-Identifier: BSD-3-Clause */
/* wirebraid run: builds the gateway step by step, runs it, and takes it down in reverse order. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <sodium.h>

#include "commands.h"
#include "control.h"
#include "eal.h"
#include "telemetry.h"

/* Buffers: every ring full, the ports' descriptors, and what lcores keep in their caches. */
#define POOL_SIZE	  16383
#define POOL_CACHE	  256
#define CONTROL_POOL_SIZE 2047
#define HANDSHAKE_RING	  4096

/* Behind the longest packet: padding and tag; before it, Ethernet with two VLAN tags. */
#define BUFFER_TAIL (16 + 16)
#define BUFFER_L2   (14 + 8)

static unsigned buffer_size(const struct wb_config *config)
{
	unsigned mtu = 1500;

	for (unsigned i = 0; i < config->n_ports; i++)
		if (config->ports[i].mtu > mtu)
			mtu = config->ports[i].mtu;
	for (unsigned i = 0; i < config->n_tunnels; i++)
		if (config->tunnels[i]->mtu > mtu)
			mtu = config->tunnels[i]->mtu;
	if (mtu > WB_DEVICE_PLAIN_MTU)
		return RTE_PKTMBUF_HEADROOM + WB_DEVICE_JUMBO_BUFFER;
	return RTE_ALIGN(RTE_PKTMBUF_HEADROOM + BUFFER_L2 + mtu + BUFFER_TAIL, 64u);
}

static int pools_make(struct gateway *gateway, struct wb_err *err)
{
	unsigned size = RTE_MAX(buffer_size(gateway->config), (unsigned)RTE_MBUF_DEFAULT_BUF_SIZE);

	/* A thread that is interrupted within the pool must not hold up the others: control shares
	 * it, and on small machines workers share their cores. */
	gateway->pool = rte_pktmbuf_pool_create_by_ops("packets", POOL_SIZE, POOL_CACHE,
		PACKET_PRIV_SIZE, (uint16_t)size, SOCKET_ID_ANY, "ring_mt_rts");
	gateway->control_pool = rte_pktmbuf_pool_create_by_ops("control", CONTROL_POOL_SIZE, 0,
		PACKET_PRIV_SIZE, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY, "ring_mt_rts");
	gateway->handshakes = rte_ring_create(
		"handshakes", HANDSHAKE_RING, SOCKET_ID_ANY, RING_F_MP_RTS_ENQ | RING_F_SC_DEQ);
	if (gateway->pool != NULL && gateway->control_pool != NULL && gateway->handshakes != NULL)
		return 0;
	return wb_err_set(err, ENOMEM,
		"no memory for %u packets of %u bytes; [gateway] memory is %u MiB", POOL_SIZE, size,
		gateway->config->memory_mib);
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
		.lacp_slow = config->lacp_slow,
		.mtu = config->mtu,
	};
	int rc;

	for (unsigned i = 0; i < config->n_members; i++)
		open.members[i] = config->members[i].device;
	rc = wb_port_open(&open, gateway->pool, &port->port, err);
	if (rc < 0)
		return rc;
	gateway->n_ports++;
	port->mtu = config->mtu;
	memcpy(port->mac, port->port->mac, sizeof(port->mac));
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

static int peer_make(struct gateway *gateway, struct wb_tunnel *tunnel, const char *path,
	struct wb_wgquick_peer *config, struct wb_err *err)
{
	struct wb_peer *peer;
	int rc = wb_tunnel_peer_add(gateway->wg, tunnel, &config->public_key,
		config->has_psk ? &config->preshared_key : NULL, config->keepalive, &peer, err);

	if (rc < 0)
		return rc;
	/* A name that is not found now is no reason not to start: the peer may find us. */
	if (wb_wgquick_resolve(path, config, err) < 0)
		fprintf(stderr, "wirebraid: %s\n", err->text);
	peer->endpoint = config->endpoint;
	for (unsigned i = 0; i < config->n_allowed; i++)
		if (wb_allowedips_table_set(tunnel->table, &config->allowed[i], peer->id) < 0)
			return wb_err_set(err, ENOMEM, "%s: no memory for allowed IPs", path);
	if (peer_timer_add(gateway->control, peer, config) < 0)
		return wb_err_set(err, ENOMEM, "%s: no memory for a peer", path);
	return 0;
}

static int tunnel_make(struct gateway *gateway, struct wb_wgquick *file, struct wb_err *err)
{
	struct gateway_tunnel *slot = &gateway->tunnels[gateway->wg->n];
	uint16_t mtu = wb_config_tunnel_mtu(gateway->config, file);
	struct wb_tunnel *tunnel;
	int rc = wb_tunnel_add(gateway->wg, file->name, &file->private_key, file->listen_port, mtu,
		clock_now(), &tunnel, err);

	if (rc < 0)
		return rc;
	slot->tunnel = tunnel;
	slot->file = file;
	tunnel->fwmark = file->fwmark;
	for (unsigned i = 0; rc == 0 && i < file->n_peers; i++)
		rc = peer_make(gateway, tunnel, file->path, &file->peers[i], err);
	if (rc == 0)
		rc = wb_tunnel_allowed_publish(gateway->wg, tunnel, err);
	if (rc == 0)
		rc = wb_tuntap_create(file->name, NULL, mtu, &slot->tun, err);
	if (rc < 0)
		return rc;
	slot->ifindex = slot->tun->ifindex;
	return addresses_add(gateway, slot->ifindex, file->addresses, file->n_addresses, err);
}

/* One multipath route for each prefix: tunnels with the same allowed IPs share it. */
static int routes_add(struct gateway *gateway, struct wb_err *err)
{
	struct wb_netlink *netlink = gateway->control->netlink;
	struct config_route *routes;
	unsigned n;
	int rc = wb_config_routes(gateway->config, &routes, &n, err);

	for (unsigned i = 0; rc == 0 && i < n; i++) {
		const struct config_route *route = &routes[i];
		struct wb_hop hops[CONFIG_TUNNELS_MAX] = {{.ifindex = 0}};

		for (unsigned j = 0; j < route->n_tunnels; j++)
			hops[j].ifindex = gateway->tunnels[route->tunnels[j]].ifindex;
		rc = wb_netlink_route_set(
			netlink, route->table, &route->prefix, hops, route->n_tunnels, err);
		if (rc == 0 && route->table == CONFIG_DEFAULT_TABLE && route->prefix.len == 0) {
			gateway->default_rules |= route->prefix.addr.family == AF_INET ? 1 : 2;
			rc = wb_netlink_default_rules_add(netlink, route->prefix.addr.family,
				CONFIG_DEFAULT_TABLE, CONFIG_DEFAULT_TABLE, err);
		}
	}
	free(routes);
	return rc;
}

static int build(struct gateway *gateway, struct wb_err *err)
{
	const struct wb_fib_config fib = {.retire = retire_later, .arg = NULL};
	struct wb_fib_config fib_config = fib;
	int rc = qsbr_make(gateway, err);

	if (rc == 0)
		rc = pools_make(gateway, err);
	if (rc == 0)
		rc = control_create(gateway, &gateway->control, err);
	if (rc < 0)
		return rc;
	gateway->wg = wb_tunnels_create(&gateway->control->retire_handle);
	if (gateway->wg == NULL)
		return wb_err_set(err, ENOMEM, "no memory for tunnels");
	fib_config.arg = gateway->control->retire;
	rc = wb_fib_create(&fib_config, &gateway->fib, err);
	for (unsigned i = 0; rc == 0 && i < gateway->config->n_ports; i++)
		rc = port_make(gateway, &gateway->config->ports[i], err);
	for (unsigned i = 0; rc == 0 && i < gateway->config->n_tunnels; i++)
		rc = tunnel_make(gateway, gateway->config->tunnels[i], err);
	if (rc == 0)
		rc = routes_add(gateway, err);
	if (rc == 0)
		rc = routes_start(gateway->control, err);
	if (rc == 0)
		rc = plan_make(gateway, err);
	return rc;
}

static void take_down(struct gateway *gateway)
{
	plan_free(gateway);
	if (gateway->control != NULL && gateway->control->netlink != NULL)
		for (int i = 0; i < 2; i++)
			if (gateway->default_rules & 1 << i)
				wb_netlink_default_rules_del(gateway->control->netlink,
					i == 0 ? AF_INET : AF_INET6, CONFIG_DEFAULT_TABLE,
					CONFIG_DEFAULT_TABLE);
	for (unsigned i = 0; i < CONFIG_TUNNELS_MAX; i++)
		wb_tuntap_destroy(gateway->tunnels[i].tun);
	for (unsigned i = 0; i < gateway->n_ports; i++) {
		wb_tuntap_destroy(gateway->ports[i].tap);
		wb_port_close(gateway->ports[i].port);
	}
	wb_fib_destroy(gateway->fib);
	wb_tunnels_free(gateway->wg);
	control_destroy(gateway->control);
	free(gateway->counters);
}

/* Sent by ports at the very first: tunnels whose peers are to know where we are. */
static void timers_start(struct gateway *gateway)
{
	for (unsigned i = 0; i < gateway->wg->n; i++)
		for (uint32_t j = 0; j < gateway->wg->by_id[i]->n_peers; j++)
			peer_timers_run(
				gateway->control, gateway->wg->by_id[i]->peers[j], clock_now());
}

static int launch_and_run(struct gateway *gateway, struct wb_err *err)
{
	int rc = telemetry_start(gateway, err);

	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < gateway->plan.n_workers; i++) {
		struct worker *worker = gateway->plan.workers[i];

		rc = rte_eal_remote_launch(worker_main, worker, worker->lcore);
		if (rc < 0)
			return wb_err_set(
				err, -rc, "worker on lcore %u does not start", worker->lcore);
	}
	timers_start(gateway);
	fprintf(stderr, "wirebraid: ready: %u ports, %u tunnels, %u workers\n", gateway->n_ports,
		gateway->wg->n, gateway->plan.n_workers);
	return control_run(gateway->control);
}

static void tell_facts(const struct wb_config *config, const struct eal_facts *facts)
{
	for (unsigned i = 0; i < config->notices.n; i++)
		fprintf(stderr, "wirebraid: notice: %s\n", config->notices.texts[i]);
	if (facts->hugepages)
		fprintf(stderr, "wirebraid: %u MiB of hugepages\n", facts->memory_mib);
	else
		fprintf(stderr,
			"wirebraid: notice: %u free hugepages of 2 MiB, %u wanted: using ordinary "
			"memory, "
			"which is slower\n",
			facts->hugepages_free, facts->memory_mib / 2);
}

/* Signals are taken by control's loop alone; threads made later inherit the mask. */
static void signals_block(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int run(struct wb_config *config, struct wb_err *err)
{
	struct gateway *gateway = calloc(1, sizeof(*gateway));
	struct eal_facts facts;
	int rc;

	if (gateway == NULL)
		return wb_err_set(err, ENOMEM, "no memory for the gateway");
	signals_block();
	gateway->config = config;
	gateway->poll_always = config->poll_always;
	pthread_mutex_init(&gateway->lock, NULL);
	rc = eal_start(config, &facts, err);
	if (rc < 0) {
		free(gateway);
		return rc;
	}
	clock_init();
	tell_facts(config, &facts);
	rc = build(gateway, err);
	if (rc == 0)
		rc = launch_and_run(gateway, err);
	atomic_store(&gateway->stopping, true);
	rte_eal_mp_wait_lcore();
	telemetry_stop();
	take_down(gateway);
	rte_eal_cleanup();
	return rc;
}

int wb_cmd_run(int argc, char **argv)
{
	struct wb_config *config;
	struct wb_err err = {.text = ""};
	int rc;

	if (argc != 2 || argv[1][0] == '-') {
		fprintf(stderr, "usage: wirebraid run FILE\n");
		return 2;
	}
	if (sodium_init() < 0) {
		fprintf(stderr, "wirebraid: libsodium does not start\n");
		return 1;
	}
	rc = wb_config_load(argv[1], &config, &err);
	if (rc == 0) {
		rc = run(config, &err);
		wb_config_free(config);
	}
	if (rc < 0)
		fprintf(stderr, "wirebraid: %s\n", err.text);
	return rc < 0 ? 1 : 0;
}
