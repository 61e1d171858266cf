/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/rtnetlink.h>

#include "kernel/rib.h"

static struct wb_rib *rib;
static unsigned changes;

static void changed(void *arg, const struct wb_prefix *prefix)
{
	(void)arg;
	(void)prefix;
	changes++;
}

static int setup(void **state)
{
	(void)state;
	changes = 0;
	rib = wb_rib_create(51820, changed, NULL);
	return rib == NULL;
}

static int teardown(void **state)
{
	(void)state;
	wb_rib_free(rib);
	return 0;
}

static struct wb_route route(const char *prefix, uint32_t table, uint32_t metric, int ifindex)
{
	struct wb_route r = {.table = table, .metric = metric, .type = RTN_UNICAST, .n_hops = 1};

	assert_int_equal(wb_prefix_parse(prefix, &r.prefix), 0);
	r.hops[0].ifindex = ifindex;
	return r;
}

static void set(const char *prefix, uint32_t table, uint32_t metric, int ifindex)
{
	struct wb_route r = route(prefix, table, metric, ifindex);

	assert_int_equal(wb_rib_set(rib, &r), 0);
}

static int best(const char *text)
{
	struct wb_prefix prefix;
	const struct wb_route *r;

	wb_prefix_parse(text, &prefix);
	r = wb_rib_best(rib, &prefix);
	return r != NULL ? r->hops[0].ifindex : 0;
}

static void lowest_metric_of_main(void **state)
{
	struct wb_route r;

	(void)state;
	assert_int_equal(best("10.0.0.0/8"), 0);
	set("10.0.0.0/8", WB_TABLE_MAIN, 100, 1);
	set("10.0.0.0/8", WB_TABLE_MAIN, 50, 2);
	set("10.0.0.0/8", WB_TABLE_MAIN, 70, 3);
	assert_int_equal(best("10.0.0.0/8"), 2);
	r = route("10.0.0.0/8", WB_TABLE_MAIN, 50, 2);
	wb_rib_del(rib, &r);
	assert_int_equal(best("10.0.0.0/8"), 3);
	set("10.0.0.0/8", WB_TABLE_MAIN, 70, 4);
	assert_int_equal(best("10.0.0.0/8"), 4);
}

static void other_tables_do_not_count_but_for_the_default(void **state)
{
	(void)state;
	set("10.0.0.0/8", 51820, 0, 1);
	set("10.0.0.0/8", 1000, 0, 1);
	assert_int_equal(best("10.0.0.0/8"), 0);
	set("0.0.0.0/0", WB_TABLE_MAIN, 0, 2);
	assert_int_equal(best("0.0.0.0/0"), 2);
	set("0.0.0.0/0", 51820, 0, 3);
	assert_int_equal(best("0.0.0.0/0"), 3);
	set("10.1.1.1/32", WB_TABLE_MAIN, 0, 4);
	set("10.1.1.1/32", WB_TABLE_LOCAL, 0, 5);
	assert_int_equal(best("10.1.1.1/32"), 5);
}

static void sweep_forgets_one_family(void **state)
{
	(void)state;
	set("10.0.0.0/8", WB_TABLE_MAIN, 0, 1);
	set("10.0.0.0/8", WB_TABLE_MAIN, 9, 1);
	set("11.0.0.0/8", WB_TABLE_MAIN, 0, 1);
	set("2001:db8::/32", WB_TABLE_MAIN, 0, 1);
	changes = 0;
	wb_rib_mark(rib, AF_INET);
	set("11.0.0.0/8", WB_TABLE_MAIN, 0, 1);
	set("12.0.0.0/8", WB_TABLE_MAIN, 0, 1);
	wb_rib_sweep(rib, AF_INET);
	assert_int_equal(best("10.0.0.0/8"), 0);
	assert_int_equal(best("11.0.0.0/8"), 1);
	assert_int_equal(best("12.0.0.0/8"), 1);
	assert_int_equal(best("2001:db8::/32"), 1);
	/* Twice for 10/8, once for the new one; what stays the same is no news. */
	assert_int_equal(changes, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lowest_metric_of_main, setup, teardown),
		cmocka_unit_test_setup_teardown(
			other_tables_do_not_count_but_for_the_default, setup, teardown),
		cmocka_unit_test_setup_teardown(sweep_forgets_one_family, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
