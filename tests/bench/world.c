/* SPDX-License-Identifier: BSD-3-Clause */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_ring_elem.h>
#include <sodium.h>

#include "assembly.h"
#include "clock.h"
#include "control.h"
#include "crypto/handshake_crypto.h"
#include "eal.h"
#include "groups.h"
#include "outer.h"
#include "tunnels.h"

/* Prefixes divide 64.0.0.0/3 on the far side and 128.0.0.0/3 on the near one, and what stands for
 * them under 2001::/32. */
#define PLACE_BITS 29
#define LISTEN	   51820

/* Sessions are renewed long before the gateway asks for it (REKEY_AFTER_TIME: 120 s). */
#define SESSION_LIFE (60 * NS_PER_SECOND)

static const uint8_t near_mac[6] = {2, 0, 0, 0, 1, 1}, far_mac[6] = {2, 0, 0, 0, 1, 2};

void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static unsigned log2_ceil(unsigned n)
{
	unsigned bits = 0;

	while (n > 1u << bits)
		bits++;
	return bits;
}

uint32_t world_place(const struct world *world, uint32_t n)
{
	uint32_t half = RTE_MAX(world->options.routes / 2, 1u);
	uint64_t scattered = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(scattered >> 40) % half * world->route_step +
		((uint32_t)scattered >> 2) % world->route_step;
}

unsigned world_peer_of(const struct world *world, uint32_t place)
{
	unsigned bits = log2_ceil(world->options.peers);

	return bits == 0 ? 0 : (place >> (PLACE_BITS - bits)) % world->options.peers;
}

void world_address(const struct world *world, bool far, uint32_t place, uint8_t *out)
{
	uint32_t word =
		htobe32(place | (far ? UINT32_C(2) << PLACE_BITS : UINT32_C(4) << PLACE_BITS));

	if (world->options.inner == 4) {
		memcpy(out, &word, 4);
		return;
	}
	memset(out, 0, 16);
	out[0] = 0x20;
	out[1] = 0x01;
	memcpy(out + 4, &word, 4);
	out[15] = 1;
}

/* A prefix of `bits` of the place. */
static struct wb_prefix prefix_of(
	const struct world *world, bool far, uint32_t place, unsigned bits)
{
	struct wb_prefix prefix = {.addr.family = AF_INET};

	world_address(world, far, place, prefix.addr.bytes);
	prefix.len = (uint8_t)(3 + bits);
	if (world->options.inner == 6) {
		prefix.addr.family = AF_INET6;
		prefix.len = (uint8_t)(32 + 3 + bits);
	}
	wb_prefix_mask(&prefix);
	return prefix;
}

static void ports_make(struct world *world)
{
	static const char *const names[SIDES] = {"lan", "wan"};

	for (unsigned i = 0; i < SIDES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%s:rx", names[i]);
		world->rx[i] = rte_ring_create(
			name, 2 * STORE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
		snprintf(name, sizeof(name), "%s:tx", names[i]);
		world->tx[i] = rte_ring_create(
			name, 2 * STORE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
		check(world->rx[i] != NULL && world->tx[i] != NULL, "no memory for rings");
		check(rte_eth_from_rings(names[i], &world->rx[i], 1, &world->tx[i], 1,
			      (unsigned)SOCKET_ID_ANY) >= 0,
			"the ring driver does not start");
	}
}

/* The gateway's own file: the CPUs are the last ones of this process. */
static struct wb_config *configuration(const struct world_options *options)
{
	char path[32], cpus[64] = "";
	struct wb_config *config;
	struct wb_err err = {.text = ""};
	cpu_set_t allowed;
	unsigned left = options->lcores;
	int fd = memfd_create("configuration", MFD_CLOEXEC), cpu;
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	check(file != NULL, "no memory for the gateway's file");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	sched_getaffinity(0, sizeof(allowed), &allowed);
	check(options->lcores <= (unsigned)CPU_COUNT(&allowed), "fewer CPUs than lcores");
	for (cpu = CPU_SETSIZE; cpu-- > 0 && left > 0;)
		if (CPU_ISSET(cpu, &allowed)) {
			size_t used = strlen(cpus);

			snprintf(
				cpus + used, sizeof(cpus) - used, "%s%d", used > 0 ? "," : "", cpu);
			left--;
		}
	fprintf(file,
		"[gateway]\nname = bench%d\npoll = always\nmemory = %u\n"
		"[lcores]\nworkers = %s\n"
		"[port lan]\ndevice = net_ring_lan\nmtu = %u\n"
		"[port wan]\ndevice = net_ring_wan\nmtu = %u\n",
		getpid(), options->mtu > 1600 ? 448u : 128u, cpus, options->mtu, options->mtu);
	fflush(file);
	check(wb_config_load(path, &config, &err) == 0, err.text);
	fclose(file);
	return config;
}

static void session_make(struct world *world, struct far *far)
{
	struct wb_noise_session session = {.initiator = true};
	struct gateway *gateway = &world->gateway;
	const struct wb_retire *retire = &gateway->control->retire_handle;

	randombytes_buf(&session.send_key, sizeof(session.send_key));
	randombytes_buf(&session.receive_key, sizeof(session.receive_key));
	session.remote_index = far->index ^ 0x5a5a5a5a;
	session.local_index = wb_peer_handshake_index(far->peer, gateway->wg->indices);
	check(session.local_index != 0, "no receiver index left");
	check(wb_peer_session_begin(
		      far->peer, gateway->wg->indices, &session, clock_now(), retire) == 0,
		"no memory for a session");
	wb_aead_key_set(&far->key, &session.receive_key);
	far->counter = 0;
	far->index = session.local_index;
}

static void way_make(struct world *world, struct wb_peer *peer, unsigned tunnel)
{
	struct outer_way way = {
		.port = WAN,
		.local = wb_addr_v4(htobe32(0xc0000201)),
		.remote.addr = wb_addr_v4(htobe32(0xc0000202)),
		.remote.port = (uint16_t)(LISTEN + 1000 + tunnel),
		.local_port = (uint16_t)(LISTEN + tunnel),
		.mtu = (uint16_t)world->options.mtu,
	};
	static const uint8_t local[16] = {0xfd, 1, [15] = 1}, remote[16] = {0xfd, 1, [15] = 2};
	struct wb_outer *outer;

	if (world->options.outer == 6) {
		way.local = wb_addr_v6(local);
		way.remote.addr = wb_addr_v6(remote);
	}
	memcpy(way.source_mac, world->gateway.ports[WAN].mac, 6);
	memcpy(way.next_hop_mac, far_mac, 6);
	outer = outer_make(&way);
	check(outer != NULL, "no memory for a peer's way");
	wb_peer_outer_set(peer, outer, &world->gateway.control->retire_handle);
	atomic_store(&peer->located, true);
}

static void peer_make(struct world *world, struct wb_tunnel *tunnel, unsigned n)
{
	unsigned bits = log2_ceil(world->options.peers);
	struct far *far = &world->far[tunnel->id * world->options.peers + n];
	struct wb_key public_key;
	struct wb_err err;

	randombytes_buf(&public_key, sizeof(public_key));
	check(wb_tunnel_peer_add(world->gateway.wg, tunnel, &public_key, NULL, &far->peer, &err) ==
			0,
		"no memory for a peer");
	for (uint32_t block = n; block < 1u << bits; block += world->options.peers) {
		struct wb_prefix prefix =
			prefix_of(world, true, block << (PLACE_BITS - bits), bits);

		check(wb_allowedips_table_set(tunnel->table, &prefix, far->peer->id) == 0,
			"no memory for allowed IPs");
	}
	way_make(world, far->peer, tunnel->id);
	session_make(world, far);
}

static void tunnels_make(struct world *world)
{
	struct gateway *gateway = &world->gateway;
	const struct world_options *options = &world->options;
	struct wb_err err;
	struct wb_key key;

	world->far = calloc(options->tunnels * options->peers, sizeof(*world->far));
	check(world->far != NULL, "no memory for peers");
	for (unsigned i = 0; i < options->tunnels; i++) {
		char name[16];
		int id;

		snprintf(name, sizeof(name), "wg%u", i);
		id = tunnel_open(gateway->control, name, (uint16_t)(options->mtu - 80), &err);
		check(id == (int)i, err.text);
		wb_dh_generate(&key);
		wb_tunnel_key_set(gateway->wg, gateway->wg->by_id[i], &key, clock_now());
		check(wb_tunnel_port_set(gateway->wg, gateway->wg->by_id[i], (uint16_t)(LISTEN + i),
			      &err) == 0,
			err.text);
		for (unsigned n = 0; n < options->peers; n++)
			peer_make(world, gateway->wg->by_id[i], n);
		check(wb_tunnel_allowed_publish(gateway->wg, gateway->wg->by_id[i], &err) == 0,
			err.text);
	}
}

static void route(
	struct world *world, const struct wb_prefix *prefix, const struct wb_nh_spec *spec)
{
	struct wb_err err;

	check(wb_fib_route_set(world->gateway.fib, prefix, spec, &err) == 0, err.text);
}

/* Where packets into the tunnels go: the only one, or a group of all. */
static struct wb_nh_spec into_tunnels(struct world *world)
{
	struct wb_group_path paths[WB_GROUP_MAX_PATHS];
	struct wb_group *group;
	struct wb_err err;

	if (world->options.tunnels == 1)
		return wb_nh_tunnel(0);
	for (unsigned i = 0; i < world->options.tunnels; i++)
		paths[i] = (struct wb_group_path){
			.tunnel = (uint16_t)i, .weight = 1, .share = WB_GROUP_FULL};
	check(wb_group_build(1, paths, world->options.tunnels, 0, &group, &err) == 0 &&
			wb_fib_group_set(world->gateway.fib, group, &err) == 0,
		"no memory for a group");
	return wb_nh_group(1);
}

static void routes_make(struct world *world)
{
	struct wb_nh_spec out = into_tunnels(world),
			  in = wb_nh_port(LAN, near_mac, world->gateway.ports[LAN].mac),
			  local = wb_nh_local();
	struct wb_prefix here = {.addr = wb_addr_v4(htobe32(0xc0000201)), .len = 32};
	uint32_t half = RTE_MAX(world->options.routes / 2, 1u);
	unsigned bits = log2_ceil(half);
	struct wb_prefix prefix;

	world->route_step = UINT32_C(1) << (PLACE_BITS - bits);
	for (uint32_t i = 0; i < half; i++) {
		prefix = prefix_of(world, true, i * world->route_step, bits);
		route(world, &prefix, &out);
		prefix = prefix_of(world, false, i * world->route_step, bits);
		route(world, &prefix, &in);
	}
	if (world->options.outer == 6) {
		here = (struct wb_prefix){
			.addr.family = AF_INET6, .addr.bytes = {0xfd, 1, [15] = 1}, .len = 128};
	}
	route(world, &here, &local);
}

/* The kernel is to send nothing of its own through TAPs and TUNs. */
static void kernel_quiet(void)
{
	int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY);

	check(fd < 0 || write(fd, "1", 1) == 1, "IPv6 cannot be turned off in the namespace");
	close(fd);
}

void world_make(struct world *world, const struct world_options *options)
{
	struct gateway *gateway = &world->gateway;
	struct eal_facts facts;
	struct wb_config *config;
	struct wb_err err = {.text = ""};

	memset(world, 0, sizeof(*world));
	world->options = *options;
	check(unshare(CLONE_NEWNET) == 0, "no network namespace: this needs root");
	kernel_quiet();
	check(sodium_init() >= 0, "libsodium does not start");
	config = configuration(options);
	check(eal_start(config, &facts, &err) == 0, err.text);
	check(facts.hugepages, "too few hugepages of 2 MiB are free");
	gateway->poll_always = true;
	gateway->mss_clamp = true;
	wb_config_placement(config, &gateway->placement);
	groups_configure(gateway, &config->ecmp);
	pthread_mutex_init(&gateway->lock, NULL);
	clock_init();
	ports_make(world);
	check(assemble(gateway, config, &err) == 0, err.text);
	wb_config_free(config);
	tunnels_make(world);
	routes_make(world);
	world->sessions_made = clock_now();
	retire_flush(gateway->control->retire);
}

void world_free(struct world *world)
{
	dismantle(&world->gateway);
	free(world->far);
	rte_eal_cleanup();
}

void world_refresh(struct world *world)
{
	struct plan *plan = &world->gateway.plan;
	struct event event;

	for (unsigned i = 0; i < plan->n_workers; i++)
		while (rte_ring_dequeue_elem(plan->workers[i]->events, &event, sizeof(event)) == 0)
			;
	if (clock_now() - world->sessions_made < SESSION_LIFE)
		return;
	for (unsigned i = 0; i < world->options.tunnels * world->options.peers; i++)
		session_make(world, &world->far[i]);
	retire_flush(world->gateway.control->retire);
	world->sessions_made = clock_now();
}

unsigned world_peers_met(const struct world *world)
{
	unsigned n = 0;

	for (unsigned i = 0; i < world->options.tunnels * world->options.peers; i++)
		n += world->far[i].peer->seal.packets + world->far[i].peer->open.packets > 0;
	return n;
}

void wait_for_lcores(void)
{
	unsigned lcore;

	RTE_LCORE_FOREACH_WORKER (lcore) {
		while (rte_eal_get_lcore_state(lcore) != WAIT)
			usleep(200);
		rte_eal_wait_lcore(lcore);
	}
}
