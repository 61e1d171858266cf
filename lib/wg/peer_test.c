/* SPDX-License-Identifier: BSD-3-Clause */
/* How sessions replace each other (WireGuard paper, section 5.4.5; the kernel's noise.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include <rte_eal.h>
#include <rte_malloc.h>

#include "crypto/handshake_crypto.h"
#include "wg/tunnel.h"

#define NOW (9 * WB_SECOND)

static struct wb_tunnels *tunnels;
static struct wb_tunnel *tunnel;
static struct wb_peer *peer;
static struct wb_retire retire;
static unsigned retired;

static void retire_now(void *arg, void *object, void (*free_fn)(void *))
{
	(void)arg;
	retired++;
	free_fn(object);
}

static int setup(void **state)
{
	struct wb_key private_key, other, public_key;

	(void)state;
	retire = (struct wb_retire){.fn = retire_now};
	tunnels = wb_tunnels_create(&retire);
	wb_dh_generate(&private_key);
	wb_dh_generate(&other);
	wb_dh_public(&public_key, &other);
	if (tunnels == NULL || wb_tunnel_add(tunnels, "wg0", 1420, NOW, &tunnel, NULL) < 0 ||
		wb_tunnel_port_set(tunnels, tunnel, 51820, NULL) < 0)
		return 1;
	wb_tunnel_key_set(tunnels, tunnel, &private_key, NOW);
	if (wb_tunnel_peer_add(tunnels, tunnel, &public_key, NULL, &peer, NULL) < 0)
		return 1;
	retired = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	wb_tunnels_free(tunnels);
	return 0;
}

/* A session as a handshake would derive it; gives its index. */
static uint32_t session(bool initiator)
{
	struct wb_noise_session s = {.initiator = initiator, .remote_index = 7};

	s.local_index = wb_peer_handshake_index(peer, tunnels->indices);
	assert_int_not_equal(s.local_index, 0);
	assert_int_equal(wb_peer_session_begin(peer, tunnels->indices, &s, NOW, &retire), 0);
	return s.local_index;
}

static uint32_t current(void)
{
	struct wb_keypair *keypair = atomic_load(&peer->current);

	return keypair != NULL ? keypair->entry.index : 0;
}

static bool known(uint32_t index)
{
	struct wb_index_entry *entry = wb_index_lookup(tunnels->indices, index);

	return entry != NULL && entry->kind == WB_INDEX_KEYPAIR && entry->peer == peer;
}

static void initiator_sends_at_once_and_keeps_the_last_key(void **state)
{
	uint32_t first, second, third;

	(void)state;
	first = session(true);
	assert_int_equal(current(), first);
	second = session(true);
	assert_int_equal(current(), second);
	assert_true(known(first)); /* for what is still under way */
	third = session(true);
	assert_int_equal(current(), third);
	assert_true(known(second));
	assert_false(known(first));
	assert_int_equal(retired, 1);
}

static void responder_waits_for_confirmation(void **state)
{
	uint32_t first, second;

	(void)state;
	first = session(false);
	assert_int_equal(current(), 0);
	assert_true(known(first));
	assert_false(wb_peer_confirm(peer, tunnels->indices, first + 1, &retire));
	assert_true(wb_peer_confirm(peer, tunnels->indices, first, &retire));
	assert_int_equal(current(), first);
	assert_false(wb_peer_confirm(peer, tunnels->indices, first, &retire));
	second = session(false);
	assert_int_equal(current(), first);
	assert_true(wb_peer_confirm(peer, tunnels->indices, second, &retire));
	assert_int_equal(current(), second);
	assert_true(known(first));
}

static void unconfirmed_session_is_replaced_by_the_next(void **state)
{
	uint32_t first, second;

	(void)state;
	first = session(false);
	second = session(false);
	assert_false(known(first));
	assert_true(known(second));
	assert_false(wb_peer_confirm(peer, tunnels->indices, first, &retire));
	assert_int_equal(current(), 0);
}

static void both_sides_initiate(void **state)
{
	uint32_t theirs, ours;

	(void)state;
	theirs = session(false);
	ours = session(true);
	assert_int_equal(current(), ours);
	/* The peer may have settled on the other one. */
	assert_true(known(theirs));
}

static void new_handshake_releases_the_old_index(void **state)
{
	uint32_t first, second;

	(void)state;
	first = wb_peer_handshake_index(peer, tunnels->indices);
	second = wb_peer_handshake_index(peer, tunnels->indices);
	assert_null(wb_index_lookup(tunnels->indices, first));
	assert_non_null(wb_index_lookup(tunnels->indices, second));
}

static void erasing_leaves_nothing(void **state)
{
	uint32_t indices[4];

	(void)state;
	indices[0] = session(true);
	indices[1] = session(true);
	indices[2] = session(false);
	indices[3] = wb_peer_handshake_index(peer, tunnels->indices);
	wb_peer_keys_erase(peer, tunnels->indices, &retire);
	assert_int_equal(current(), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_null(wb_index_lookup(tunnels->indices, indices[i]));
	assert_int_equal(tunnels->indices->used, 0);
}

static void age_is_never_negative(void **state)
{
	(void)state;
	session(true);
	assert_int_equal(wb_keypair_age(atomic_load(&peer->current)->birth, NOW - 1), 0);
	assert_int_equal(wb_keypair_age(atomic_load(&peer->current)->birth, NOW + 5), 5);
}

static void ports_are_unique(void **state)
{
	struct wb_tunnel *other;
	struct wb_err err;

	(void)state;
	assert_int_equal(wb_tunnel_add(tunnels, "wg1", 1420, NOW, &other, &err), 0);
	assert_true(wb_tunnel_port_set(tunnels, other, 51820, &err) < 0);
	assert_string_equal(err.text, "wg1: ListenPort 51820 is wg0's already");
	assert_int_equal(wb_tunnel_port_set(tunnels, other, 0, &err), 0);
	assert_true(other->listen_port >= 32768);
	assert_int_equal(tunnels->by_udp_port[other->listen_port], other->id + 1);
}

static void ports_change(void **state)
{
	(void)state;
	assert_int_equal(wb_tunnel_port_set(tunnels, tunnel, 51820, NULL), 0);
	assert_int_equal(tunnels->by_udp_port[51820], tunnel->id + 1);
	assert_int_equal(wb_tunnel_port_set(tunnels, tunnel, 4000, NULL), 0);
	assert_int_equal(tunnels->by_udp_port[4000], tunnel->id + 1);
	assert_int_equal(tunnels->by_udp_port[51820], 0);
}

static void ids_of_tunnels_come_again(void **state)
{
	struct wb_tunnel *first, *second, *third;

	(void)state;
	assert_int_equal(wb_tunnel_add(tunnels, "wg1", 1420, NOW, &first, NULL), 0);
	assert_int_equal(wb_tunnel_add(tunnels, "wg2", 1420, NOW, &second, NULL), 0);
	wb_tunnel_remove(tunnels, first);
	assert_null(wb_tunnel_find(tunnels, "wg1"));
	assert_ptr_equal(wb_tunnel_find(tunnels, "wg2"), second);
	assert_int_equal(tunnels->n, 3);
	assert_int_equal(wb_tunnel_add(tunnels, "wg3", 1420, NOW, &third, NULL), 0);
	assert_int_equal(third->id, 1);
}

/* A removed peer's id is nobody's until it is freed; its serial never comes again. */
static void peers_go(void **state)
{
	struct wb_key key = {{9}};
	uint32_t id = peer->id, serial = peer->serial;
	struct wb_prefix prefix;
	struct wb_peer *fresh;

	(void)state;
	session(true);
	wb_prefix_parse("10.0.0.0/8", &prefix);
	wb_allowedips_table_set(tunnel->table, &prefix, id);
	wb_tunnel_peer_unlink(tunnels, peer);
	assert_int_equal(tunnel->n_peers, 0);
	assert_null(wb_peer_by_id(tunnels, id));
	assert_null(wb_tunnel_peer_find(tunnel, &peer->public_key));
	assert_int_equal(tunnels->indices->used, 0);
	assert_false(wb_allowedips_table_unset(tunnel->table, &prefix, id));
	for (unsigned i = 1; i < WB_PEERS_MAX - 1; i++) {
		key.bytes[1] = (uint8_t)i;
		key.bytes[2] = (uint8_t)(i >> 8);
		if (i % 64 == 0)
			assert_int_equal(
				wb_tunnel_peer_add(tunnels, tunnel, &key, NULL, &fresh, NULL), 0);
	}
	assert_true(tunnels->id_taken[id]);
	wb_tunnel_peer_free(tunnels, peer);
	assert_false(tunnels->id_taken[id]);
	assert_int_not_equal(fresh->serial, serial);
	assert_ptr_equal(wb_tunnel_peer_find(tunnel, &fresh->public_key), fresh);
}

static void another_key_ends_sessions(void **state)
{
	struct wb_key key = {{7}}, none = {{0}};

	(void)state;
	session(true);
	assert_non_null(atomic_load(&peer->current));
	key = tunnel->identity.private_key;
	wb_tunnel_key_set(tunnels, tunnel, &key, NOW);
	assert_non_null(atomic_load(&peer->current));
	key.bytes[5] ^= 1;
	wb_tunnel_key_set(tunnels, tunnel, &key, NOW);
	assert_null(atomic_load(&peer->current));
	assert_true(peer->noise.usable);
	wb_tunnel_key_set(tunnels, tunnel, &none, NOW);
	assert_false(peer->noise.usable);
	assert_true(wb_key_is_zero(&tunnel->identity.private_key));
	assert_true(wb_key_is_zero(&tunnel->identity.public_key));
}

/* Timers know of data that an lcore has not yet set against the other direction's. */
static void data_that_nobody_looked_at_is_known(void **state)
{
	struct wb_activity activity;

	(void)state;
	peer->seal.unanswered_since = peer->seal.data = peer->seal.any = NOW;
	activity = wb_peer_activity(peer);
	assert_int_equal(activity.tx_unanswered_since, NOW);
	assert_int_equal(activity.rx_unanswered_since, 0);
	/* Answered, and nothing since. */
	peer->open.any = NOW + 5;
	assert_in_range(wb_peer_activity(peer).tx_unanswered_since, 0, NOW + 4);
	/* More data, which nobody has looked at; then it is answered, too. */
	peer->seal.data = peer->seal.any = NOW + 7;
	assert_int_equal(wb_peer_activity(peer).tx_unanswered_since, NOW + 7);
	peer->open.any = peer->open.data = NOW + 9;
	activity = wb_peer_activity(peer);
	assert_in_range(activity.tx_unanswered_since, 0, NOW + 8);
	assert_int_equal(activity.rx_unanswered_since, NOW + 9);
	/* A keepalive is an answer, but none is expected to it. */
	peer->seal.any = NOW + 11;
	activity = wb_peer_activity(peer);
	assert_in_range(activity.tx_unanswered_since, 0, NOW + 8);
	assert_in_range(activity.rx_unanswered_since, 0, NOW + 10);
}

static struct wb_outer *outer_new(void)
{
	struct wb_outer *outer = rte_zmalloc(NULL, sizeof(*outer), RTE_CACHE_LINE_SIZE);

	assert_non_null(outer);
	return outer;
}

/* The open lcore goes by this instead of the headers. */
static void the_way_has_the_serial_of_its_headers(void **state)
{
	(void)state;
	assert_int_equal(atomic_load(&peer->way), 0);
	wb_peer_outer_set(peer, outer_new(), &retire);
	assert_int_equal(atomic_load(&peer->way), 1);
	wb_peer_outer_set(peer, outer_new(), &retire);
	assert_int_equal(atomic_load(&peer->way), 2);
	assert_int_equal(atomic_load(&peer->outer)->serial, 2);
	wb_peer_outer_set(peer, NULL, &retire);
	assert_int_equal(atomic_load(&peer->way), 0);
	wb_peer_outer_set(peer, outer_new(), &retire);
	assert_int_equal(atomic_load(&peer->way), 3);
	wb_peer_outer_set(peer, NULL, &retire);
}

/* What each packet needs of either direction's part is on its first cache line. */
static void packets_need_one_line_of_each_part(void **state)
{
	(void)state;
	assert_true(offsetof(struct wb_peer, seal) <= RTE_CACHE_LINE_SIZE);
	assert_true(offsetof(struct wb_peer_seal, listed) < RTE_CACHE_LINE_SIZE);
	assert_true(offsetof(struct wb_peer_open, reported_way) <= RTE_CACHE_LINE_SIZE);
}

static int start(void **state)
{
	char *args[] = {"test", "--no-huge", "-m", "64", "--no-pci", "--no-shconf",
		"--no-telemetry", "--log-level", "*:error", "--lcores", "0", NULL};

	(void)state;
	return rte_eal_init(11, args) < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			initiator_sends_at_once_and_keeps_the_last_key, setup, teardown),
		cmocka_unit_test_setup_teardown(responder_waits_for_confirmation, setup, teardown),
		cmocka_unit_test_setup_teardown(
			unconfirmed_session_is_replaced_by_the_next, setup, teardown),
		cmocka_unit_test_setup_teardown(both_sides_initiate, setup, teardown),
		cmocka_unit_test_setup_teardown(
			new_handshake_releases_the_old_index, setup, teardown),
		cmocka_unit_test_setup_teardown(erasing_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(age_is_never_negative, setup, teardown),
		cmocka_unit_test_setup_teardown(ports_are_unique, setup, teardown),
		cmocka_unit_test_setup_teardown(ports_change, setup, teardown),
		cmocka_unit_test_setup_teardown(ids_of_tunnels_come_again, setup, teardown),
		cmocka_unit_test_setup_teardown(peers_go, setup, teardown),
		cmocka_unit_test_setup_teardown(another_key_ends_sessions, setup, teardown),
		cmocka_unit_test_setup_teardown(
			data_that_nobody_looked_at_is_known, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_way_has_the_serial_of_its_headers, setup, teardown),
		cmocka_unit_test(packets_need_one_line_of_each_part),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
