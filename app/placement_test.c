/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "numa.h"
#include "placement.h"

static struct placement plan;
static struct placement_of_ports ports;
static struct placement_load load[PLACEMENT_WORKERS_MAX];

/* CPUs 10, 11, ... on nodes, ended by -2. */
static void workers(const int *nodes)
{
	memset(&plan, 0, sizeof(plan));
	memset(load, 0, sizeof(load));
	for (; *nodes != -2; nodes++) {
		plan.workers[plan.n_workers].cpu = (uint16_t)(10 + plan.n_workers);
		plan.workers[plan.n_workers++].node = *nodes;
	}
}

#define WORKERS(...) workers((const int[]){__VA_ARGS__, -2})

static void port(const char *name, int node, unsigned queues)
{
	snprintf(plan.ports[plan.n_ports].name, IFNAMSIZ, "%s", name);
	plan.ports[plan.n_ports].node = node;
	plan.ports[plan.n_ports++].queues = queues;
}

static void rule(const char *text)
{
	struct placement_rule *one = &plan.rules[plan.n_rules++];

	assert_int_equal(placement_parse(text, &one->what, &one->cpu, NULL), 0);
}

static void place_ports(void)
{
	placement_of_ports(&plan, &ports);
	placement_ports_load(&plan, &ports, load);
}

/* "seal/open". */
static const char *place(const char *name)
{
	static char text[16];
	unsigned seal, open;

	placement_of_tunnel(&plan, name, load, &seal, &open);
	snprintf(text, sizeof(text), "%u/%u", seal, open);
	return text;
}

static void one_worker_has_all(void **state)
{
	(void)state;
	WORKERS(0);
	port("bond0", 1, 2);
	port("lan0", -1, 1);
	place_ports();
	assert_int_equal(ports.rx[0][1], 0);
	assert_int_equal(ports.tx[1], 0);
	assert_string_equal(place("wg0"), "0/0");
	assert_string_equal(place("wg1"), "0/0");
}

static void two_workers_share_a_tunnel(void **state)
{
	(void)state;
	WORKERS(-1, -1);
	port("bond0", -1, 1);
	port("lan0", -1, 1);
	place_ports();
	assert_int_equal(ports.rx[0][0], 0);
	assert_int_equal(ports.rx[1][0], 1);
	assert_string_equal(place("wg0"), "0/1");
	assert_string_equal(place("wg1"), "1/0");
	assert_string_equal(place("wg2"), "0/1");
}

static void the_first_of_three_is_left_to_the_ports(void **state)
{
	(void)state;
	WORKERS(0, 0, 0);
	port("bond0", -1, 1);
	place_ports();
	assert_string_equal(place("wg0"), "1/2");
	assert_string_equal(place("wg1"), "2/1");
	/* Without any port there is nothing to leave it to. */
	WORKERS(0, 0, 0);
	assert_string_equal(place("wg0"), "0/1");
	assert_string_equal(place("wg1"), "2/0");
}

static void many_tunnels_are_even(void **state)
{
	unsigned most = 0, least = 1000;
	char name[16];

	(void)state;
	WORKERS(0, 0, 0, 0, 0, 0);
	port("bond0", 0, 1);
	place_ports();
	for (unsigned i = 0; i < 60; i++) {
		unsigned seal, open;

		snprintf(name, sizeof(name), "wg%u", i);
		placement_of_tunnel(&plan, name, load, &seal, &open);
		assert_int_not_equal(seal, open);
	}
	for (unsigned i = 1; i < 6; i++) {
		most = load[i].seals > most ? load[i].seals : most;
		least = load[i].seals < least ? load[i].seals : least;
		assert_int_equal(load[i].seals + load[i].opens, 24);
	}
	assert_int_equal(load[0].seals + load[0].opens, 0);
	assert_true(most - least <= 1);
}

/* A tunnel that is written onto one worker does not tip the scales for all that follow. */
static void a_rule_does_not_tip_the_scales(void **state)
{
	char name[16];

	(void)state;
	WORKERS(0, 0);
	port("bond0", 0, 1);
	rule("wg3 11");
	place_ports();
	for (unsigned i = 0; i < 20; i++) {
		unsigned seal, open;

		snprintf(name, sizeof(name), "wg%u", i);
		placement_of_tunnel(&plan, name, load, &seal, &open);
	}
	assert_in_range(load[0].seals, 9, 11);
	assert_in_range(load[0].opens, 9, 11);
}

static void ports_stay_on_their_node(void **state)
{
	(void)state;
	WORKERS(0, 0, 1, 1);
	port("bond0", 1, 2);
	port("lan0", 1, 1);
	port("dmz0", 2, 1);
	place_ports();
	assert_int_equal(ports.rx[0][0], 2);
	assert_int_equal(ports.rx[0][1], 3);
	assert_int_equal(ports.tap[0], 2);
	assert_int_equal(ports.tx[0], 2);
	assert_int_equal(ports.rx[1][0], 2);
	/* No worker is near: the one with the least to do. */
	assert_int_equal(ports.rx[2][0], 0);
	/* Of equals one near a port; the first port's worker is left to it. */
	WORKERS(0, 0, 1, 1);
	port("bond0", 1, 1);
	place_ports();
	assert_string_equal(place("wg0"), "3/0");
	assert_string_equal(place("wg1"), "1/3");
}

static void rules_are_kept(void **state)
{
	(void)state;
	WORKERS(0, 0, 0);
	port("bond0", 0, 3);
	port("lan0", 0, 1);
	rule("wg0 seal 12");
	rule("wg1 open 11");
	rule("wg2 10");
	rule("bond0 rx1 12");
	rule("bond0 tx 11");
	rule("lan0 10");
	place_ports();
	assert_int_equal(ports.rx[0][0], 0);
	assert_int_equal(ports.rx[0][1], 2);
	assert_int_equal(ports.rx[0][2], 1);
	assert_int_equal(ports.tap[0], 0);
	assert_int_equal(ports.tx[0], 1);
	assert_int_equal(ports.rx[1][0], 0);
	assert_int_equal(ports.tap[1], 0);
	assert_string_equal(place("wg0"), "2/1");
	assert_string_equal(place("wg1"), "2/1");
	assert_string_equal(place("wg2"), "0/0");
	assert_non_null(placement_rule(&plan, "wg2", PLACEMENT_OPEN, 0));
	assert_null(placement_rule(&plan, "wg0", PLACEMENT_OPEN, 0));
	assert_null(placement_rule(&plan, "bond0", PLACEMENT_RX, 2));
	assert_int_equal(placement_worker(&plan, 12), 2);
	assert_int_equal(placement_worker(&plan, 13), -1);
}

static void texts(void **state)
{
	static const char *const bad[] = {"", "wg0", "wg0 seal", "wg0 seal 1 2", "wg0 middle 1",
		"a/b 1", "averyverylongname 1", "wg0 1024", "wg0 -1", "wg0 seal x", ". 1",
		"wg0 rxx 1", "wg0 rx123 1"};
	struct placement_parts a, b;
	struct wb_err err;
	uint16_t cpu;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(placement_parse(bad[i], &a, &cpu, &err), -EINVAL);
		assert_non_null(strstr(err.text, "expected"));
	}
	assert_int_equal(placement_parse("bond0   rx1\t7", &a, &cpu, &err), 0);
	assert_string_equal(a.name, "bond0");
	assert_int_equal(a.parts, PLACEMENT_RX);
	assert_int_equal(a.queue, 1);
	assert_int_equal(cpu, 7);
	assert_int_equal(placement_parts_check(&a, 2, &err), 0);
	assert_int_equal(placement_parts_check(&a, 1, &err), -EINVAL);
	assert_string_equal(
		err.text, "bond0 has no rx queue 1, expected rx0 to rx0 (see rx-queues)");
	assert_int_equal(placement_parts_check(&a, 0, &err), -EINVAL);
	assert_string_equal(err.text, "bond0 is a tunnel, expected seal or open of it");
	assert_int_equal(placement_parse("bond0 rx2 7", &b, &cpu, &err), 0);
	assert_false(placement_overlap(&a, &b));
	assert_int_equal(placement_parse("bond0 rx 7", &b, &cpu, &err), 0);
	assert_true(placement_overlap(&a, &b));
	assert_int_equal(placement_parse("bond0 7", &b, &cpu, &err), 0);
	assert_true(placement_overlap(&a, &b));
	assert_int_equal(placement_parse("bond1 7", &b, &cpu, &err), 0);
	assert_false(placement_overlap(&a, &b));
}

static void names(void **state)
{
	char name[PLACEMENT_NAME_MAX];

	(void)state;
	placement_stage_name("seal", "wg0", -1, name);
	assert_string_equal(name, "seal:wg0");
	placement_stage_name("rx", "fifteen-letters", 15, name);
	assert_string_equal(name, "rx15:fifteen-letters");
}

static void put(const char *directory, const char *path, const char *text)
{
	char whole[256];
	FILE *file;

	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		snprintf(whole, sizeof(whole), "%s/%.*s", directory, (int)(slash - path), path);
		mkdir(whole, 0700);
	}
	snprintf(whole, sizeof(whole), "%s/%s", directory, path);
	file = fopen(whole, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void nodes(void **state)
{
	char sys[] = "/tmp/wb_numa_XXXXXX", command[64];

	(void)state;
	assert_non_null(mkdtemp(sys));
	put(sys, "devices/system/cpu/cpu3/node2", "");
	put(sys, "devices/system/cpu/cpu4/online", "1\n");
	put(sys, "bus/pci/devices/0000:01:00.0/numa_node", "1\n");
	put(sys, "bus/pci/devices/0000:02:00.0/numa_node", "-1\n");
	put(sys, "bus/pci/devices/0000:03:00.0/numa_node", "");
	assert_int_equal(numa_of_cpu(sys, 3), 2);
	assert_int_equal(numa_of_cpu(sys, 4), -1);
	assert_int_equal(numa_of_cpu(sys, 5), -1);
	assert_int_equal(numa_of_pci(sys, "0000:01:00.0"), 1);
	assert_int_equal(numa_of_pci(sys, "0000:02:00.0"), -1);
	assert_int_equal(numa_of_pci(sys, "0000:03:00.0"), -1);
	assert_int_equal(numa_of_pci(sys, "0000:04:00.0"), -1);
	snprintf(command, sizeof(command), "rm -r %s", sys);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_worker_has_all),
		cmocka_unit_test(two_workers_share_a_tunnel),
		cmocka_unit_test(the_first_of_three_is_left_to_the_ports),
		cmocka_unit_test(many_tunnels_are_even),
		cmocka_unit_test(a_rule_does_not_tip_the_scales),
		cmocka_unit_test(ports_stay_on_their_node),
		cmocka_unit_test(rules_are_kept),
		cmocka_unit_test(texts),
		cmocka_unit_test(names),
		cmocka_unit_test(nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
