/* SPDX-License-Identifier: BSD-3-Clause */
/* What stages note of a session's packets, and when they wake control. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <rte_eal.h>
#include <rte_ring_elem.h>

#include "session.h"

#define BEGIN (50 * NS_PER_SECOND)

static struct worker worker;
static struct wb_counters counters;
static struct wb_peer peer;

static int setup(void **state)
{
	(void)state;
	memset(&peer, 0, sizeof(peer));
	worker = (struct worker){.now = BEGIN, .count = &counters};
	worker.events = rte_ring_create_elem("events", sizeof(struct event), 16, SOCKET_ID_ANY, 0);
	return worker.events == NULL;
}

static int teardown(void **state)
{
	(void)state;
	rte_ring_free(worker.events);
	return 0;
}

/* How often control was woken. */
static unsigned woken(void)
{
	struct event event;
	unsigned n = 0;

	for (; rte_ring_dequeue_elem(worker.events, &event, sizeof(event)) == 0; n++)
		assert_int_equal(event.kind, EVENT_ARM);
	return n;
}

static void at(uint64_t ms)
{
	worker.now = BEGIN + ms * NS_PER_MS;
}

static uint64_t after(uint64_t since)
{
	return (since - BEGIN) / NS_PER_MS;
}

static void first_data_wakes_control(void **state)
{
	(void)state;
	session_sent(&worker, &peer, true);
	assert_int_equal(woken(), 1);
	assert_int_equal(peer.seal.unanswered_since, BEGIN);
	session_received(&worker, &peer, false);
	session_received(&worker, &peer, true);
	assert_int_equal(woken(), 0); /* it is awake */
	assert_int_equal(peer.open.unanswered_since, BEGIN);
}

static void keepalives_ask_for_nothing(void **state)
{
	(void)state;
	session_sent(&worker, &peer, false);
	session_received(&worker, &peer, false);
	assert_int_equal(woken(), 0);
	assert_int_equal(wb_peer_activity(&peer).tx_unanswered_since, 0);
	assert_int_equal(wb_peer_activity(&peer).rx_unanswered_since, 0);
	assert_int_equal(peer.seal.any, BEGIN);
	assert_int_equal(peer.open.any, BEGIN);
}

/* The other direction's part is looked at now and then; what timers see is right all the same, and
 * where it began is known when it was looked at. */
static void data_both_ways(void **state)
{
	(void)state;
	session_sent(&worker, &peer, true);
	at(40);
	session_received(&worker, &peer, true);
	at(50);
	session_sent(&worker, &peer, true);
	assert_int_equal(after(peer.seal.unanswered_since), 0);
	assert_int_equal(after(wb_peer_activity(&peer).tx_unanswered_since), 50);
	at(90);
	session_sent(&worker, &peer, true);
	assert_int_equal(after(wb_peer_activity(&peer).tx_unanswered_since), 90);
	at(100);
	session_sent(&worker, &peer, true);
	for (unsigned ms = 110; ms < 400; ms += 10) {
		at(ms);
		session_sent(&worker, &peer, true);
		assert_int_equal(after(wb_peer_activity(&peer).tx_unanswered_since), 90);
	}
	/* The same the other way round. */
	assert_int_equal(after(peer.open.unanswered_since), 40);
	session_received(&worker, &peer, true);
	assert_int_equal(after(peer.open.unanswered_since), 390);
	assert_int_equal(woken(), 1);
}

/* What came just behind an answer is unanswered from then on, not from the next data on. */
static void data_before_a_gap(void **state)
{
	(void)state;
	session_received(&worker, &peer, true);
	at(10);
	session_sent(&worker, &peer, true);
	at(50);
	session_received(&worker, &peer, true);
	assert_int_equal(after(wb_peer_activity(&peer).rx_unanswered_since), 50);
	at(9000);
	session_received(&worker, &peer, true);
	assert_int_equal(after(peer.open.unanswered_since), 50);
	assert_int_equal(after(wb_peer_activity(&peer).rx_unanswered_since), 50);
}

/* A handshake message is an answer, too; what is sent behind it begins anew. */
static void handshakes_answer(void **state)
{
	(void)state;
	session_sent(&worker, &peer, true);
	atomic_store(&peer.handshake_heard, BEGIN + 20 * NS_PER_MS);
	peer.timers.control_received = BEGIN + 20 * NS_PER_MS;
	at(30);
	session_sent(&worker, &peer, true);
	assert_int_equal(after(wb_peer_activity(&peer).tx_unanswered_since), 30);
	at(200);
	session_sent(&worker, &peer, true);
	assert_int_equal(after(peer.seal.unanswered_since), 30);
}

/* Events were lost: the next packet tells. */
static void a_full_ring_is_tried_again(void **state)
{
	struct event event = {.kind = EVENT_ARM};

	(void)state;
	while (worker_tell(&worker, &event))
		;
	session_sent(&worker, &peer, true);
	assert_false(atomic_load(&peer.armed));
	assert_int_equal(woken(), 15);
	at(1);
	session_sent(&worker, &peer, true);
	assert_int_equal(woken(), 1);
}

/* Thousands of wake-ups do not push out what is told only once. */
static void wake_ups_leave_room(void **state)
{
	struct event event = {.kind = EVENT_ARM};

	(void)state;
	while (rte_ring_count(worker.events) < 8)
		assert_true(worker_tell(&worker, &event));
	session_sent(&worker, &peer, true);
	assert_false(atomic_load(&peer.armed));
	assert_int_equal(woken(), 8);
	at(1);
	session_sent(&worker, &peer, true);
	assert_true(atomic_load(&peer.armed));
	assert_int_equal(woken(), 1);
}

/* Control sleeps: each packet looks, whenever the last one did. */
static void control_that_sleeps_is_woken_at_once(void **state)
{
	(void)state;
	session_sent(&worker, &peer, true);
	at(1);
	session_received(&worker, &peer, false);
	assert_int_equal(woken(), 1);
	atomic_store(&peer.armed, false);
	at(2);
	session_sent(&worker, &peer, true);
	assert_int_equal(woken(), 1);
	assert_true(atomic_load(&peer.armed));
	assert_int_equal(after(peer.seal.unanswered_since), 2);
	atomic_store(&peer.armed, false);
	at(3);
	session_received(&worker, &peer, true);
	assert_int_equal(woken(), 1);
	assert_int_equal(after(peer.open.unanswered_since), 3);
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
		cmocka_unit_test_setup_teardown(first_data_wakes_control, setup, teardown),
		cmocka_unit_test_setup_teardown(keepalives_ask_for_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(data_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(data_before_a_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(handshakes_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_ring_is_tried_again, setup, teardown),
		cmocka_unit_test_setup_teardown(wake_ups_leave_room, setup, teardown),
		cmocka_unit_test_setup_teardown(
			control_that_sleeps_is_woken_at_once, setup, teardown),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
