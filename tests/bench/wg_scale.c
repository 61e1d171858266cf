/* SPDX-License-Identifier: BSD-3-Clause */
/* How WireGuard's control side scales, in one thread and without a network: peers added, memory
 * each, handshakes a second in both roles, allowed IPs built and looked up. Prints one JSON object;
 * tests/bench/scale runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_malloc.h>
#include <sodium.h>

#include "crypto/handshake_crypto.h"
#include "noise/ratelimit.h"
#include "wg/tunnel.h"

#define HANDSHAKES 3000
#define LOOKUPS	   (1u << 22)

static struct wb_tunnels *tunnels;
static struct wb_retire retire;
static bool first = true;

static void retire_now(void *arg, void *object, void (*free_fn)(void *))
{
	(void)arg;
	free_fn(object);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void put(const char *name, double value)
{
	printf("%s\"%s\": %.4g", first ? "{" : ", ", name, value);
	first = false;
}

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "wg_scale: %s failed\n", what);
	exit(1);
}

static size_t heap_used(void)
{
	struct rte_malloc_socket_stats stats;

	rte_malloc_get_socket_stats(0, &stats);
	return stats.heap_allocsz_bytes;
}

static struct wb_tunnel *tunnel_make(const char *name)
{
	struct wb_key key;
	struct wb_tunnel *tunnel;

	wb_dh_generate(&key);
	check(wb_tunnel_add(tunnels, name, 1420, 1, &tunnel, NULL) == 0, "tunnel");
	wb_tunnel_key_set(tunnels, tunnel, &key, 1);
	return tunnel;
}

static void peers(unsigned n)
{
	struct wb_tunnel *tunnel = tunnel_make("wg0");
	struct wb_key *keys = calloc(n, sizeof(*keys)), secret;
	size_t before = heap_used();
	struct wb_peer *peer = NULL;
	double began;

	for (unsigned i = 0; i < n; i++) {
		wb_dh_generate(&secret);
		wb_dh_public(&keys[i], &secret);
	}
	began = seconds();
	for (unsigned i = 0; i < n; i++)
		check(wb_tunnel_peer_add(tunnels, tunnel, &keys[i], NULL, &peer, NULL) == 0,
			"peer");
	put("peer_add_us", (seconds() - began) * 1e6 / n);
	put("peer_bytes", (double)(heap_used() - before) / n);
	put("keypair_bytes", sizeof(struct wb_keypair));
	began = seconds();
	for (unsigned i = 0; i < 1000000; i++)
		check(wb_tunnel_peer_find(tunnel, &keys[i * 7919u % n]) != NULL, "find");
	put("peer_find_ns", (seconds() - began) * 1e3);
	free(keys);
}

/* Both sides of handshakes between two tunnels; each side's part is timed. */
static void handshakes(void)
{
	struct wb_tunnel *a = tunnel_make("wg1"), *b = tunnel_make("wg2");
	struct wb_noise_initiation opened;
	struct wb_noise_session session;
	struct wb_msg_initiation initiation;
	struct wb_msg_response response;
	struct wb_peer *ab, *ba;
	double initiator = 0, responder = 0, began;
	uint64_t now = 1;

	check(wb_tunnel_peer_add(tunnels, a, &b->identity.public_key, NULL, &ab, NULL) == 0 &&
			wb_tunnel_peer_add(tunnels, b, &a->identity.public_key, NULL, &ba, NULL) ==
				0,
		"peer");
	for (unsigned i = 0; i < HANDSHAKES; i++) {
		const struct timespec wall = {.tv_sec = 1000 + i};

		now += WB_SECOND;
		began = seconds();
		check(wb_noise_initiation_create(&a->identity, &ab->noise,
			      wb_peer_handshake_index(ab, tunnels->indices), &wall, now,
			      &initiation) == 0,
			"initiation");
		initiator += seconds() - began;
		began = seconds();
		check(wb_noise_initiation_open(&b->identity, &initiation, &opened) == 0 &&
				wb_noise_initiation_accept(
					&b->identity, &ba->noise, &opened, now) == 0 &&
				wb_noise_response_create(&b->identity, &ba->noise,
					wb_peer_handshake_index(ba, tunnels->indices), now,
					&response, &session) == 0 &&
				wb_peer_session_begin(
					ba, tunnels->indices, &session, now, &retire) == 0,
			"response");
		responder += seconds() - began;
		began = seconds();
		check(wb_noise_response_consume(&a->identity, &ab->noise, &response, &session) ==
					0 &&
				wb_peer_session_begin(
					ab, tunnels->indices, &session, now, &retire) == 0,
			"session");
		initiator += seconds() - began;
	}
	put("handshakes_per_s_initiator", HANDSHAKES / initiator);
	put("handshakes_per_s_responder", HANDSHAKES / responder);
}

/* What a message of a flood costs: by mac1, by mac2, a cookie. */
static void flood(void)
{
	struct wb_tunnel *tunnel = tunnel_make("wg3");
	struct wb_ratelimit *limit = malloc(sizeof(*limit));
	struct wb_endpoint source = {.addr = wb_addr_v4(0x01020304), .port = 7};
	struct wb_msg_cookie_reply reply;
	struct wb_msg_initiation message = {.type = 1};
	struct wb_cookie_peer peer = {.keys = tunnel->identity.keys};
	unsigned n = 200000, good = 0;
	double began;

	wb_cookie_macs_add(&peer, &message, sizeof(message), 1);
	began = seconds();
	for (unsigned i = 0; i < n; i++)
		good += wb_cookie_check(&tunnel->cookies, &message, sizeof(message), &source, 1) ==
			WB_MAC_VALID;
	put("mac_check_ns", (seconds() - began) * 1e9 / n);
	check(good == n, "mac1");
	began = seconds();
	for (unsigned i = 0; i < n; i++)
		wb_cookie_reply_create(
			&tunnel->cookies, &message, sizeof(message), &source, 1, &reply);
	put("cookie_reply_ns", (seconds() - began) * 1e9 / n);
	wb_ratelimit_init(limit);
	began = seconds();
	for (unsigned i = 0; i < n; i++) {
		memcpy(source.addr.bytes, &i, sizeof(i));
		wb_ratelimit_allow(limit, &source.addr, i);
	}
	put("ratelimit_ns", (seconds() - began) * 1e9 / n);
	free(limit);
}

static void allowed(unsigned n, const char *suffix)
{
	struct wb_allowedips_table *table = wb_allowedips_table_create();
	uint32_t *addresses = malloc(LOOKUPS / 64 * sizeof(*addresses)), sum = 0;
	struct wb_allowedips *built;
	char name[64];
	double began = seconds();

	for (unsigned i = 0; i < n; i++) {
		struct wb_prefix prefix = {.addr = wb_addr_v4(randombytes_random()),
			.len = (uint8_t)(16 + randombytes_uniform(17))};

		check(wb_allowedips_table_set(table, &prefix, 1 + i % 60000) == 0, "set");
	}
	snprintf(name, sizeof(name), "allowed_set_us_%s", suffix);
	put(name, (seconds() - began) * 1e6 / n);
	began = seconds();
	built = wb_allowedips_table_build(table, NULL);
	check(built != NULL, "build");
	snprintf(name, sizeof(name), "allowed_build_ms_%s", suffix);
	put(name, (seconds() - began) * 1e3);
	for (unsigned i = 0; i < LOOKUPS / 64; i++)
		addresses[i] = randombytes_random();
	began = seconds();
	for (unsigned i = 0; i < LOOKUPS; i++)
		sum += wb_allowedips_lookup4(built, addresses[i % (LOOKUPS / 64)]);
	snprintf(name, sizeof(name), "allowed_lookup_ns_%s", suffix);
	put(name, (seconds() - began) * 1e9 / LOOKUPS);
	check(sum != 0xdeadbeef, "lookup");
	free(addresses);
	wb_allowedips_free(built);
	wb_allowedips_table_free(table);
}

int main(int argc, char **argv)
{
	char *args[] = {"wg_scale", "--no-huge", "-m", "512", "--no-pci", "--no-shconf",
		"--no-telemetry", "--log-level", "*:error", "--lcores", "0", NULL};
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;

	if (sodium_init() < 0 || rte_eal_init(11, args) < 0)
		return 1;
	retire = (struct wb_retire){.fn = retire_now};
	tunnels = wb_tunnels_create(&retire);
	check(tunnels != NULL && n > 0 && n < WB_PEERS_MAX - 8, "start");
	peers(n);
	handshakes();
	flood();
	allowed(100, "100");
	allowed(10000, "10k");
	allowed(100000, "100k");
	allowed(1000000, "1M");
	puts("}");
	return 0;
}
