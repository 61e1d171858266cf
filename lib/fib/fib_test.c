/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fib/fib.h"

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1};

static struct wb_fib *new_fib(uint32_t max_routes)
{
	struct wb_fib_config config = {
		.max_routes4 = max_routes,
		.max_routes6 = max_routes,
	};
	struct wb_err err = {0};
	struct wb_fib *fib;

	if (wb_fib_create(&config, &fib, &err) < 0)
		fail_msg("%s", err.text);
	return fib;
}

static struct wb_prefix prefix(const char *text)
{
	struct wb_prefix out;

	assert_int_equal(wb_prefix_parse(text, &out), 0);
	return out;
}

static void set(struct wb_fib *fib, const char *text, struct wb_nh_spec spec)
{
	struct wb_prefix p = prefix(text);
	struct wb_err err;

	if (wb_fib_route_set(fib, &p, &spec, &err) < 0)
		fail_msg("%s", err.text);
}

static int del(struct wb_fib *fib, const char *text)
{
	struct wb_prefix p = prefix(text);

	return wb_fib_route_del(fib, &p, NULL);
}

static const struct wb_nexthop *lookup_addr(const struct wb_fib *fib, const struct wb_addr *addr)
{
	uint64_t id = UINT64_MAX;

	if (addr->family == AF_INET) {
		uint32_t ip = ntohl(addr->v4);

		wb_fib_lookup4_bulk(fib, &ip, &id, 1);
	} else {
		wb_fib_lookup6_bulk(fib, &addr->bytes, &id, 1);
	}
	return wb_fib_nexthop(fib, id);
}

static const struct wb_nexthop *lookup(const struct wb_fib *fib, const char *text)
{
	struct wb_addr addr;

	assert_int_equal(wb_addr_parse(text, &addr), 0);
	return lookup_addr(fib, &addr);
}

static void test_longest_prefix(void **state)
{
	struct wb_fib *fib = new_fib(100);

	(void)state;
	assert_int_equal(lookup(fib, "10.1.2.3")->type, WB_NH_KERNEL);
	set(fib, "0.0.0.0/0", wb_nh_tunnel(1));
	set(fib, "10.0.0.0/8", wb_nh_tunnel(2));
	set(fib, "10.1.2.0/24", wb_nh_kernel());
	set(fib, "10.1.2.3/32", wb_nh_port(3, our_mac, our_mac));
	set(fib, "10.1.2.1", wb_nh_local());
	assert_int_equal(lookup(fib, "192.0.2.1")->tunnel, 1);
	assert_int_equal(lookup(fib, "255.255.255.255")->tunnel, 1);
	assert_int_equal(lookup(fib, "10.255.0.1")->tunnel, 2);
	assert_int_equal(lookup(fib, "10.1.2.4")->type, WB_NH_KERNEL);
	assert_int_equal(lookup(fib, "10.1.2.3")->port, 3);
	assert_int_equal(lookup(fib, "10.1.2.1")->type, WB_NH_LOCAL);
	assert_int_equal(del(fib, "10.1.2.3"), 0);
	assert_int_equal(lookup(fib, "10.1.2.3")->type, WB_NH_KERNEL);
	assert_int_equal(del(fib, "10.1.2.0/24"), 0);
	assert_int_equal(lookup(fib, "10.1.2.3")->tunnel, 2);
	assert_int_equal(lookup(fib, "10.1.2.1")->type, WB_NH_LOCAL);
	assert_int_equal(del(fib, "10.1.2.3"), -ENOENT);
	assert_int_equal(del(fib, "0.0.0.0/0"), 0);
	assert_int_equal(lookup(fib, "192.0.2.1")->type, WB_NH_KERNEL);
	assert_int_equal(wb_fib_routes(fib, AF_INET), 2);
	wb_fib_destroy(fib);
}

static void test_longest_prefix6(void **state)
{
	struct wb_fib *fib = new_fib(100);

	(void)state;
	set(fib, "::/0", wb_nh_tunnel(1));
	set(fib, "2001:db8::/32", wb_nh_tunnel(2));
	set(fib, "2001:db8:0:1::/64", wb_nh_kernel());
	set(fib, "2001:db8:0:1::5", wb_nh_port(3, our_mac, our_mac));
	set(fib, "2001:db8:0:1::1", wb_nh_local());
	set(fib, "ff00::/8", wb_nh_drop());
	assert_int_equal(lookup(fib, "fe80::1")->tunnel, 1);
	assert_int_equal(lookup(fib, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")->type, WB_NH_DROP);
	assert_int_equal(lookup(fib, "2001:db8:ffff::1")->tunnel, 2);
	assert_int_equal(lookup(fib, "2001:db8:0:1::6")->type, WB_NH_KERNEL);
	assert_int_equal(lookup(fib, "2001:db8:0:1::5")->port, 3);
	assert_int_equal(lookup(fib, "2001:db8:0:1::1")->type, WB_NH_LOCAL);
	assert_int_equal(del(fib, "2001:db8:0:1::/64"), 0);
	assert_int_equal(lookup(fib, "2001:db8:0:1::6")->tunnel, 2);
	assert_int_equal(lookup(fib, "2001:db8:0:1::5")->port, 3);
	assert_int_equal(del(fib, "::/0"), 0);
	assert_int_equal(lookup(fib, "fe80::1")->type, WB_NH_KERNEL);
	assert_int_equal(wb_fib_routes(fib, AF_INET6), 4);
	wb_fib_destroy(fib);
}

static void test_set_again(void **state)
{
	struct wb_fib *fib = new_fib(100);
	struct wb_prefix p = prefix("192.0.2.0/24");
	struct wb_nh_spec group = wb_nh_group(1), wild = {.type = 99};
	struct wb_prefix bad = {.addr.family = AF_INET, .len = 33};

	(void)state;
	set(fib, "192.0.2.77/24", wb_nh_tunnel(1)); /* the host bits do not count */
	set(fib, "192.0.2.0/24", wb_nh_tunnel(2));
	assert_int_equal(wb_fib_routes(fib, AF_INET), 1);
	assert_int_equal(lookup(fib, "192.0.2.9")->tunnel, 2);
	assert_int_equal(wb_nh_count(fib->store), 4); /* the first was let go */
	/* What fails changes nothing. */
	assert_int_equal(wb_fib_route_set(fib, &p, &group, NULL), -ENOENT);
	assert_int_equal(wb_fib_route_set(fib, &p, &wild, NULL), -EINVAL);
	assert_int_equal(wb_fib_route_set(fib, &bad, &group, NULL), -EINVAL);
	assert_int_equal(lookup(fib, "192.0.2.9")->tunnel, 2);
	assert_int_equal(wb_fib_route_get(fib, &p)->tunnel, 2);
	bad.len = 0;
	assert_null(wb_fib_route_get(fib, &bad));
	bad.addr.family = 0;
	assert_int_equal(wb_fib_route_del(fib, &bad, NULL), -EINVAL);
	set(fib, "192.0.2.0/24", wb_nh_kernel());
	assert_int_equal(wb_nh_count(fib->store), 3);
	wb_fib_destroy(fib);
}

static void test_group_route(void **state)
{
	const struct wb_group_path paths[] = {{3, 1, WB_GROUP_FULL}, {4, 1, WB_GROUP_FULL}};
	struct wb_fib *fib = new_fib(100);
	struct wb_group *group, *next;

	(void)state;
	assert_int_equal(wb_group_build(1, paths, 2, 0, &group, NULL), 0);
	assert_int_equal(wb_fib_group_set(fib, group, NULL), 0);
	set(fib, "10.0.0.0/8", wb_nh_group(1));
	set(fib, "2001:db8::/32", wb_nh_group(1));
	assert_ptr_equal(lookup(fib, "10.9.9.9")->group, group);
	assert_ptr_equal(lookup(fib, "2001:db8::9"), lookup(fib, "10.9.9.9"));
	assert_int_equal(wb_group_build(1, paths + 1, 1, 0, &next, NULL), 0);
	assert_int_equal(wb_fib_group_set(fib, next, NULL), 0);
	assert_int_equal(wb_group_tunnel(lookup(fib, "10.9.9.9")->group, 5), 4);
	assert_int_equal(wb_group_tunnel(lookup(fib, "2001:db8::9")->group, 5), 4);
	assert_int_equal(wb_fib_group_refs(fib, 1), 2);
	assert_int_equal(del(fib, "10.0.0.0/8"), 0);
	assert_int_equal(wb_fib_groups_sweep(fib), 0);
	assert_int_equal(del(fib, "2001:db8::/32"), 0);
	assert_int_equal(wb_fib_groups_sweep(fib), 1);
	assert_null(wb_fib_group_find(fib, 1));
	wb_fib_destroy(fib);
}

static void test_limits(void **state)
{
	struct wb_fib_config config = {.max_routes6 = WB_FIB_MAX_ROUTES + 1};
	struct wb_fib *fib = new_fib(8), *other;
	struct wb_err err;

	(void)state;
	for (int round = 0; round < 2; round++) {
		struct wb_nh_spec spec = wb_nh_tunnel(7);
		char text[WB_PREFIX_STRLEN];
		struct wb_prefix p;

		for (int i = 0; i < 8; i++) {
			snprintf(
				text, sizeof(text), round ? "2001:db8:%d::%d" : "10.%d.0.%d", i, i);
			set(fib, text, spec);
		}
		p = prefix(round ? "fe80::/64" : "192.0.2.0/24");
		spec.tunnel = 8;
		assert_int_equal(wb_fib_route_set(fib, &p, &spec, &err), -ENOSPC);
		assert_non_null(strstr(err.text, round ? "fe80::/64" : "192.0.2.0/24"));
		set(fib, text, wb_nh_tunnel(9)); /* one there is can still change */
		assert_int_equal(lookup(fib, text)->tunnel, 9);
		assert_int_equal(del(fib, text), 0);
		assert_int_equal(wb_fib_route_set(fib, &p, &spec, &err), 0);
		assert_int_equal(del(fib, round ? "fe80::/64" : "192.0.2.0/24"), 0);
	}
	assert_int_equal(wb_fib_create(&config, &other, &err), -EINVAL);
	wb_fib_destroy(fib);
}

/* Many more routes come and go than there is room for at a time: nothing is lost on the way. */
static void test_churn_never_wears_out(void **state)
{
	struct wb_fib *fib = new_fib(8);
	struct wb_nh_spec spec = wb_nh_tunnel(1);

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct wb_prefix p4 = prefix("10.0.0.0/32"), p6 = prefix("2001:db8::/128");

		p4.addr.v4 ^= i * 0x01000193;
		p6.addr.words[0] ^= i * 0x01000193;
		p6.addr.words[1] ^= i;
		assert_int_equal(wb_fib_route_set(fib, &p4, &spec, NULL), 0);
		assert_int_equal(wb_fib_route_set(fib, &p6, &spec, NULL), 0);
		assert_int_equal(wb_fib_route_del(fib, &p4, NULL), 0);
		assert_int_equal(wb_fib_route_del(fib, &p6, NULL), 0);
	}
	wb_fib_destroy(fib);
}

/* Routes that meet at the last address, as a default route over two halves does. */
static void test_end_of_address_space(void **state)
{
	struct wb_fib *fib = new_fib(8);

	(void)state;
	set(fib, "0.0.0.0/1", wb_nh_tunnel(1));
	set(fib, "128.0.0.0/1", wb_nh_tunnel(2));
	set(fib, "0.0.0.0/0", wb_nh_tunnel(3));
	assert_int_equal(lookup(fib, "1.1.1.1")->tunnel, 1);
	assert_int_equal(lookup(fib, "255.255.255.255")->tunnel, 2);
	set(fib, "::/1", wb_nh_tunnel(1));
	set(fib, "8000::/1", wb_nh_tunnel(2));
	set(fib, "::/0", wb_nh_tunnel(3));
	assert_int_equal(lookup(fib, "::1")->tunnel, 1);
	assert_int_equal(lookup(fib, "ffff::ffff")->tunnel, 2);
	assert_int_equal(del(fib, "128.0.0.0/1"), 0);
	assert_int_equal(lookup(fib, "255.255.255.255")->tunnel, 3);
	wb_fib_destroy(fib);
}

/* --- against a plain list --- */

#define LIST_MAX 160

struct model {
	struct wb_prefix prefix[LIST_MAX];
	uint16_t tunnel[LIST_MAX];
	unsigned n;
};

static unsigned seed;

static unsigned pick(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

/* Prefixes crowd in few places, on table borders and at both ends of the address space. */
static struct wb_prefix random_prefix(uint16_t family)
{
	static const uint8_t lens4[] = {0, 1, 8, 9, 15, 16, 23, 24, 25, 26, 30, 31, 32, 32};
	static const uint8_t lens6[] = {
		0, 1, 8, 23, 24, 25, 32, 33, 40, 48, 63, 64, 65, 96, 120, 127, 128, 128};
	static const uint8_t bytes[] = {0, 1, 127, 128, 254, 255};
	struct wb_prefix p = {.addr.family = family};
	unsigned size = wb_addr_bits(&p.addr) / 8;
	uint8_t fill = pick(2) ? 0xff : 0;

	p.len = family == AF_INET ? lens4[pick(sizeof(lens4))] : lens6[pick(sizeof(lens6))];
	for (unsigned i = 0; i < size; i++)
		p.addr.bytes[i] = pick(4) ? fill : bytes[pick(sizeof(bytes))];
	wb_prefix_mask(&p);
	return p;
}

static int model_find(const struct model *model, const struct wb_prefix *p)
{
	for (unsigned i = 0; i < model->n; i++)
		if (wb_prefix_equal(&model->prefix[i], p))
			return (int)i;
	return -1;
}

/* The tunnel the list leads to, 0 for none. */
static uint16_t model_lookup(const struct model *model, const struct wb_addr *addr)
{
	uint16_t tunnel = 0;
	int len = -1;

	for (unsigned i = 0; i < model->n; i++) {
		const struct wb_prefix *p = &model->prefix[i];

		if (p->len > len && wb_prefix_contains(p, addr)) {
			len = p->len;
			tunnel = model->tunnel[i];
		}
	}
	return tunnel;
}

static void check_addr(
	const struct wb_fib *fib, const struct model *model, const struct wb_addr *addr)
{
	const struct wb_nexthop *nexthop = lookup_addr(fib, addr);
	uint16_t want = model_lookup(model, addr);
	char text[WB_ADDR_STRLEN];

	if (nexthop->type != (want ? WB_NH_TUNNEL : WB_NH_KERNEL) || nexthop->tunnel != want)
		fail_msg("%s: next hop %u/%u, expected tunnel %u", wb_addr_format(addr, text),
			nexthop->type, nexthop->tunnel, want);
}

/* The first and last address of every route, and their neighbours outside. */
static void check_all(const struct wb_fib *fib, const struct model *model)
{
	for (unsigned i = 0; i < model->n; i++) {
		struct wb_addr first = model->prefix[i].addr, last = first;
		unsigned bits = wb_addr_bits(&first);

		for (unsigned b = model->prefix[i].len; b < bits; b++)
			last.bytes[b / 8] |= (uint8_t)(0x80 >> b % 8);
		check_addr(fib, model, &first);
		check_addr(fib, model, &last);
		for (unsigned b = bits / 8; b-- > 0 && first.bytes[b]-- == 0;)
			;
		for (unsigned b = bits / 8; b-- > 0 && ++last.bytes[b] == 0;)
			;
		check_addr(fib, model, &first);
		check_addr(fib, model, &last);
	}
}

struct walk {
	const struct model *model;
	unsigned seen;
};

static int see(void *arg, const struct wb_prefix *p, const struct wb_nexthop *nexthop)
{
	struct walk *walk = arg;
	int at = model_find(walk->model, p);

	assert_true(at >= 0);
	assert_int_equal(nexthop->tunnel, walk->model->tunnel[at]);
	walk->seen++;
	return 0;
}

static int stop_at_third(void *arg, const struct wb_prefix *p, const struct wb_nexthop *nexthop)
{
	(void)p;
	(void)nexthop;
	return ++*(int *)arg == 3 ? 42 : 0;
}

static void random_life(uint16_t family)
{
	struct wb_fib *fib = new_fib(LIST_MAX);
	struct model model = {0};
	struct walk walk = {.model = &model};
	int stopped = 0;

	seed = family;
	for (unsigned step = 0; step < 4000; step++) {
		struct wb_prefix p = random_prefix(family);
		/* Few tunnels: neighbours often lead to the same one, and tables collapse. */
		struct wb_nh_spec spec = wb_nh_tunnel((uint16_t)(1 + pick(3)));
		int at = model_find(&model, &p);

		if (model.n > 100 || (model.n > 20 && pick(3) == 0)) {
			at = (int)pick(model.n);
			p = model.prefix[at];
			assert_int_equal(wb_fib_route_del(fib, &p, NULL), 0);
			model.n--;
			model.prefix[at] = model.prefix[model.n];
			model.tunnel[at] = model.tunnel[model.n];
		} else {
			struct wb_err err;

			if (wb_fib_route_set(fib, &p, &spec, &err) < 0)
				fail_msg("step %u: %s", step, err.text);
			if (at < 0) {
				at = (int)model.n++;
				model.prefix[at] = p;
			}
			model.tunnel[at] = spec.tunnel;
		}
		check_addr(fib, &model, &p.addr);
		if (step % 10 == 0)
			check_all(fib, &model);
	}
	wb_fib_foreach(fib, see, &walk);
	assert_int_equal(walk.seen, model.n);
	assert_int_equal(wb_fib_foreach(fib, stop_at_third, &stopped), 42);
	assert_int_equal(stopped, 3);
	while (model.n > 0)
		assert_int_equal(wb_fib_route_del(fib, &model.prefix[--model.n], NULL), 0);
	assert_int_equal(wb_fib_routes(fib, AF_INET) + wb_fib_routes(fib, AF_INET6), 0);
	assert_int_equal(wb_nh_count(fib->store), 3);
	wb_fib_destroy(fib);
}

static void test_random_life4(void **state)
{
	(void)state;
	random_life(AF_INET);
}

static void test_random_life6(void **state)
{
	(void)state;
	random_life(AF_INET6);
}

/* A burst of any length, and nothing written behind it. */
static void test_bulk(void **state)
{
	struct wb_fib *fib = new_fib(100);
	uint8_t ips6[67][16];
	uint64_t ids[68];
	uint32_t ips[67];

	(void)state;
	for (unsigned i = 0; i < 67; i++) {
		char text[WB_PREFIX_STRLEN];
		struct wb_prefix p;

		snprintf(text, sizeof(text), "10.0.%u.%u", i % 3, i);
		p = prefix(text);
		ips[i] = ntohl(p.addr.v4);
		set(fib, text, wb_nh_tunnel((uint16_t)i));
		snprintf(text, sizeof(text), "2001:db8::%x:%x", i % 3, i);
		p = prefix(text);
		memcpy(ips6[i], p.addr.bytes, 16);
		set(fib, text, wb_nh_tunnel((uint16_t)(i + 100)));
	}
	for (unsigned n = 0; n <= 67; n++) {
		memset(ids, 0xff, sizeof(ids));
		wb_fib_lookup4_bulk(fib, ips, ids, n);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(wb_fib_nexthop(fib, ids[i])->tunnel, i);
		assert_true(ids[n] == UINT64_MAX);
		memset(ids, 0xff, sizeof(ids));
		wb_fib_lookup6_bulk(fib, ips6, ids, n);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(wb_fib_nexthop(fib, ids[i])->tunnel, i + 100);
		assert_true(ids[n] == UINT64_MAX);
	}
	wb_fib_destroy(fib);
}

/* --- a worker reading while control changes --- */

/* Grace periods counted by the reader: one has passed when `quiescent` moved on by two. */
static struct {
	struct wb_fib *fib;
	_Atomic uint64_t quiescent;
	atomic_bool stop;
	uint64_t reads;
	uint64_t found;
	uint64_t wrong;
	struct {
		void *ptr;
		void (*free_fn)(void *);
		uint64_t since;
	} queue[65536];
	unsigned head, tail;
} race;

static void race_retire(void *arg, void *ptr, void (*free_fn)(void *))
{
	(void)arg;
	assert_true(race.tail < 65536);
	race.queue[race.tail].ptr = ptr;
	race.queue[race.tail].free_fn = free_fn;
	race.queue[race.tail++].since = race.quiescent;
}

static void race_free_due(void)
{
	while (race.head < race.tail && race.queue[race.head].since + 2 <= race.quiescent) {
		race.queue[race.head].free_fn(race.queue[race.head].ptr);
		race.head++;
	}
}

static void *race_reader(void *arg)
{
	uint32_t ips[32];
	uint8_t ips6[32][16] = {{0x20, 0x01, 0x0d, 0xb8}};
	cpu_set_t any;

	/* The EAL bound the main thread to one processor; this one may run beside it. */
	(void)arg;
	memset(&any, 0xff, sizeof(any));
	sched_setaffinity(0, sizeof(any), &any);
	for (unsigned i = 0; i < 32; i++) {
		ips[i] = 0x0a000000 + i * 0x100 + i;
		memcpy(ips6[i], ips6[0], 16);
		ips6[i][13] = ips6[i][15] = (uint8_t)i;
	}
	while (!race.stop) {
		uint64_t ids[64];

		wb_fib_lookup4_bulk(race.fib, ips, ids, 32);
		wb_fib_lookup6_bulk(race.fib, ips6, ids + 32, 32);
		/* Not atomic, so that the scheduler may come between, as on a loaded machine. */
		if (race.reads % 64 == 0)
			sched_yield();
		for (unsigned i = 0; i < 64; i++) {
			const struct wb_nexthop *nexthop = wb_fib_nexthop(race.fib, ids[i]);

			if (nexthop->type == WB_NH_KERNEL)
				continue;
			race.found++;
			if (nexthop->type != WB_NH_PORT || nexthop->port != i)
				race.wrong++;
		}
		race.reads++;
		race.quiescent++;
	}
	return NULL;
}

/* Neighbours come and go, each with its own next hop. A reader must find an address' own next
 * hop or KERNEL, never that of another one, whatever is reused in between. */
static void test_reader_never_sees_another(void **state)
{
	struct wb_fib_config config = {
		.max_routes4 = 64,
		.max_routes6 = 64,
		.retire = race_retire,
	};
	struct wb_err err;
	pthread_t reader;
	int rc;

	(void)state;
	if (wb_fib_create(&config, &race.fib, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(pthread_create(&reader, NULL, race_reader, NULL), 0);
	seed = 5;
	for (unsigned step = 0; step < 20000; step++) {
		unsigned i = pick(64);
		uint8_t mac[6] = {2, 0, 0, 0, (uint8_t)pick(256), (uint8_t)i};
		struct wb_nh_spec spec = wb_nh_port((uint16_t)i, mac, our_mac);
		struct wb_prefix p = {.addr.family = AF_INET, .len = 32};

		if (i < 32) {
			p.addr.v4 = htonl(0x0a000000 + i * 0x100 + i);
		} else {
			p = prefix("2001:db8::/128");
			p.addr.bytes[13] = p.addr.bytes[15] = (uint8_t)(i - 32);
		}
		if (wb_fib_route_get(race.fib, &p))
			rc = wb_fib_route_del(race.fib, &p, &err);
		else
			/* Full of what waits for a reader that is not running: let it. */
			while ((rc = wb_fib_route_set(race.fib, &p, &spec, &err)) == -ENOSPC) {
				race_free_due();
				sched_yield();
			}
		assert_int_equal(rc, 0);
		race_free_due();
	}
	race.stop = true;
	pthread_join(reader, NULL);
	assert_true(race.reads > 0);
	assert_true(race.found > 0);
	assert_int_equal(race.wrong, 0);
	wb_fib_destroy(race.fib);
	race.quiescent += 2;
	race_free_due();
	assert_int_equal(race.head, race.tail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longest_prefix),
		cmocka_unit_test(test_longest_prefix6),
		cmocka_unit_test(test_set_again),
		cmocka_unit_test(test_group_route),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_churn_never_wears_out),
		cmocka_unit_test(test_end_of_address_space),
		cmocka_unit_test(test_random_life4),
		cmocka_unit_test(test_random_life6),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_reader_never_sees_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
