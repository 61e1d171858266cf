/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fib/nexthop.h"

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 0xa}, mac_b[6] = {2, 0, 0, 0, 0, 0xb};

/* A grace period that ends when the test says so. */
static struct {
	void *ptr;
	void (*free_fn)(void *);
} pending[64];
static unsigned n_pending;

static void hold(void *arg, void *ptr, void (*free_fn)(void *))
{
	assert_ptr_equal(arg, pending);
	assert_true(n_pending < 64);
	pending[n_pending].ptr = ptr;
	pending[n_pending++].free_fn = free_fn;
}

static void end_grace(void)
{
	for (unsigned i = 0; i < n_pending; i++)
		pending[i].free_fn(pending[i].ptr);
	n_pending = 0;
}

static struct wb_nh_store *new_store(void)
{
	struct wb_nh_store *store;

	assert_int_equal(wb_nh_store_create(hold, pending, &store), 0);
	return store;
}

static uint16_t ref(struct wb_nh_store *store, struct wb_nh_spec spec)
{
	struct wb_err err;
	uint16_t id;

	assert_int_equal(wb_nh_ref(store, &spec, &id, &err), 0);
	return id;
}

static const struct wb_nexthop *get(struct wb_nh_store *store, uint64_t id)
{
	return wb_nh_get(wb_nh_store_table(store), id);
}

static struct wb_group *group(uint32_t id, uint16_t tunnel)
{
	struct wb_group_path path = {tunnel, 1, WB_GROUP_FULL};
	struct wb_group *out;

	assert_int_equal(wb_group_build(id, &path, 1, 0, &out, NULL), 0);
	return out;
}

static void test_fixed(void **state)
{
	struct wb_nh_store *store = new_store();

	(void)state;
	assert_int_equal(ref(store, wb_nh_kernel()), WB_NH_KERNEL);
	assert_int_equal(ref(store, wb_nh_local()), WB_NH_LOCAL);
	assert_int_equal(ref(store, wb_nh_drop()), WB_NH_DROP);
	for (unsigned id = 0; id < 3; id++) {
		assert_int_equal(get(store, id)->type, id);
		assert_int_equal(get(store, id)->id, id);
		wb_nh_unref(store, (uint16_t)id);
		assert_int_equal(get(store, id)->type, id);
	}
	/* No id, however wild, leads outside the table. */
	assert_int_equal(get(store, 1234)->type, WB_NH_KERNEL);
	assert_int_equal(get(store, UINT64_MAX)->type, WB_NH_KERNEL);
	assert_int_equal(wb_nh_count(store), 3);
	assert_int_equal(n_pending, 0);
	wb_nh_store_destroy(store);
}

static void test_shared(void **state)
{
	struct wb_nh_store *store = new_store();
	uint16_t a = ref(store, wb_nh_port(1, mac_a, mac_b));
	uint16_t b = ref(store, wb_nh_port(1, mac_b, mac_b));
	uint16_t c = ref(store, wb_nh_port(2, mac_a, mac_b));
	uint16_t d = ref(store, wb_nh_port(1, mac_a, mac_a));
	uint16_t t = ref(store, wb_nh_tunnel(1));

	(void)state;
	assert_int_equal(ref(store, wb_nh_port(1, mac_a, mac_b)), a);
	assert_true(a != b && a != c && b != c && a != d && b != d && c != d && t != a);
	assert_int_equal(get(store, a)->type, WB_NH_PORT);
	assert_int_equal(get(store, a)->port, 1);
	assert_memory_equal(get(store, a)->dst_mac, mac_a, 6);
	assert_memory_equal(get(store, a)->src_mac, mac_b, 6);
	assert_memory_equal(get(store, b)->dst_mac, mac_b, 6);
	assert_int_equal(get(store, t)->tunnel, 1);
	wb_nh_unref(store, a);
	assert_int_equal(n_pending, 0); /* one reference left */
	wb_nh_unref(store, a);
	assert_int_equal(n_pending, 1);
	end_grace();
	wb_nh_store_destroy(store);
}

static void test_id_rests_for_a_grace_period(void **state)
{
	struct wb_nh_store *store = new_store();
	uint16_t old = ref(store, wb_nh_port(1, mac_a, mac_b)), new, reused;

	(void)state;
	wb_nh_unref(store, old);
	/* A worker that looked it up before still finds the same next hop. */
	assert_int_equal(get(store, old)->type, WB_NH_PORT);
	assert_memory_equal(get(store, old)->dst_mac, mac_a, 6);
	new = ref(store, wb_nh_port(1, mac_a, mac_b));
	assert_int_not_equal(new, old);
	assert_int_equal(wb_nh_count(store), 5);
	end_grace();
	assert_int_equal(get(store, old)->type, WB_NH_KERNEL);
	assert_int_equal(wb_nh_count(store), 4);
	reused = ref(store, wb_nh_tunnel(9));
	assert_int_equal(reused, old);
	wb_nh_store_destroy(store);
}

static void test_full(void **state)
{
	struct wb_nh_spec spec = wb_nh_tunnel(0);
	struct wb_nh_store *store;
	struct wb_err err;
	uint16_t id;

	(void)state;
	assert_int_equal(wb_nh_store_create(NULL, NULL, &store), 0);
	for (unsigned i = 3; i < WB_NH_MAX; i++) {
		spec.tunnel = (uint16_t)i;
		assert_int_equal(wb_nh_ref(store, &spec, &id, &err), 0);
		assert_int_equal(get(store, id)->tunnel, i);
	}
	spec.tunnel = 1;
	assert_int_equal(wb_nh_ref(store, &spec, &id, &err), -ENOSPC);
	spec.tunnel = 77; /* one there is can still be shared */
	assert_int_equal(wb_nh_ref(store, &spec, &id, &err), 0);
	wb_nh_unref(store, id);
	wb_nh_unref(store, id);
	spec.tunnel = 1;
	assert_int_equal(wb_nh_ref(store, &spec, &id, &err), 0);
	assert_int_equal(get(store, id)->tunnel, 1);
	wb_nh_store_destroy(store);
}

static void test_group_replaced(void **state)
{
	struct wb_nh_store *store = new_store();
	const struct wb_nexthop *before;
	uint16_t id;

	(void)state;
	assert_int_equal(wb_nh_group_set(store, group(4, 10), NULL), 0);
	id = ref(store, wb_nh_group(4));
	before = get(store, id);
	assert_int_equal(wb_group_tunnel(before->group, 99), 10);
	assert_int_equal(wb_nh_group_set(store, group(4, 20), NULL), 0);
	/* The id leads to the new table; the old one is whole for those who have it. */
	assert_int_equal(wb_group_tunnel(get(store, id)->group, 99), 20);
	assert_int_equal(get(store, id)->id, id);
	assert_int_equal(wb_group_tunnel(before->group, 99), 10);
	assert_ptr_equal(wb_nh_group_find(store, 4), get(store, id)->group);
	assert_int_equal(n_pending, 2);
	end_grace();
	/* The release of what was replaced left the id alone. */
	assert_int_equal(wb_group_tunnel(get(store, id)->group, 99), 20);
	assert_int_equal(ref(store, wb_nh_group(4)), id);
	wb_nh_store_destroy(store);
}

static bool id_is(void *arg, struct wb_group *each)
{
	return each->id == *(const uint32_t *)arg;
}

static bool note(void *arg, struct wb_group *each)
{
	uint32_t *seen = arg;

	seen[++seen[0]] = each->id;
	return false;
}

/* Groups come in any order, are walked by their ids, and go when no route leads to them. */
static void test_groups_swept(void **state)
{
	static const uint32_t ids[] = {5, 4, 9};
	struct wb_nh_spec unknown = wb_nh_group(6);
	struct wb_nh_store *store = new_store();
	uint32_t wanted = 5, seen[8] = {0};
	const struct wb_nexthop *before;
	uint16_t id;

	(void)state;
	assert_int_equal(wb_nh_ref(store, &unknown, &id, NULL), -ENOENT);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
			wb_nh_group_set(store, group(ids[i], (uint16_t)(10 * ids[i])), NULL), 0);
	id = ref(store, wb_nh_group(4));
	assert_int_equal(ref(store, wb_nh_group(4)), id);
	ref(store, wb_nh_group(9));
	assert_int_equal(wb_nh_group_refs(store, 4), 2);
	assert_int_equal(wb_nh_group_refs(store, 5), 0);
	assert_int_equal(wb_nh_group_refs(store, 6), 0);
	assert_null(wb_nh_groups_walk(store, note, seen));
	assert_memory_equal(seen, ((const uint32_t[]){3, 4, 5, 9}), 4 * sizeof(seen[0]));
	assert_int_equal(wb_nh_groups_walk(store, id_is, &wanted)->id, 5);

	assert_int_equal(wb_nh_groups_sweep(store), 1);
	assert_null(wb_nh_group_find(store, 5));
	assert_null(wb_nh_groups_walk(store, id_is, &wanted));
	before = get(store, id);
	wb_nh_unref(store, id);
	assert_int_equal(wb_nh_groups_sweep(store), 0);
	wb_nh_unref(store, id);
	assert_int_equal(wb_nh_groups_sweep(store), 1);
	assert_null(wb_nh_group_find(store, 4));
	/* Who has it may still read it. */
	assert_int_equal(wb_group_tunnel(before->group, 1), 40);
	assert_int_equal(wb_group_tunnel(wb_nh_group_find(store, 9), 1), 90);
	end_grace();
	wb_nh_store_destroy(store);
}

/* The store may go before its last grace period ends: the sanitizers watch this one. */
static void test_destroyed_before_release(void **state)
{
	struct wb_nh_store *store = new_store();

	(void)state;
	assert_int_equal(wb_nh_group_set(store, group(4, 10), NULL), 0);
	wb_nh_unref(store, ref(store, wb_nh_group(4)));
	wb_nh_unref(store, ref(store, wb_nh_tunnel(1)));
	assert_int_equal(n_pending, 2);
	wb_nh_store_destroy(store);
	end_grace();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_id_rests_for_a_grace_period),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_group_replaced),
		cmocka_unit_test(test_groups_swept),
		cmocka_unit_test(test_destroyed_before_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
