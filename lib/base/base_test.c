/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <cmocka.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/key.h"

static void prefix_round_trip(void **state)
{
	static const char *const texts[] = {
		"0.0.0.0/0", "10.1.2.3/8", "192.0.2.1/32", "::/0", "2001:db8::1/64", "fe80::1/128"};
	char out[WB_PREFIX_STRLEN];
	struct wb_prefix prefix;

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(wb_prefix_parse(texts[i], &prefix), 0);
		assert_string_equal(wb_prefix_format(&prefix, out), texts[i]);
	}
}

static void prefix_refuses(void **state)
{
	static const char *const texts[] = {"", "/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/",
		"10.0.0.0/ 8", "10.0.0/8", "::/129", "::g/1", "10.0.0.0/8/8", "1.2.3.4/000008"};
	struct wb_prefix prefix;

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(wb_prefix_parse(texts[i], &prefix), -EINVAL);
}

static void prefix_masks_and_contains(void **state)
{
	struct wb_prefix prefix;
	struct wb_addr addr;
	char out[WB_PREFIX_STRLEN];

	(void)state;
	assert_int_equal(wb_prefix_parse("10.255.255.255/12", &prefix), 0);
	wb_prefix_mask(&prefix);
	assert_string_equal(wb_prefix_format(&prefix, out), "10.240.0.0/12");
	assert_int_equal(wb_addr_parse("10.241.0.1", &addr), 0);
	assert_true(wb_prefix_contains(&prefix, &addr));
	assert_int_equal(wb_addr_parse("10.0.0.1", &addr), 0);
	assert_false(wb_prefix_contains(&prefix, &addr));
	assert_int_equal(wb_addr_parse("::1", &addr), 0);
	assert_false(wb_prefix_contains(&prefix, &addr));
}

static void endpoint_round_trip(void **state)
{
	char out[WB_ENDPOINT_STRLEN];
	struct wb_endpoint endpoint;

	(void)state;
	assert_int_equal(wb_endpoint_parse("192.0.2.7:51820", &endpoint), 0);
	assert_string_equal(wb_endpoint_format(&endpoint, out), "192.0.2.7:51820");
	assert_int_equal(wb_endpoint_parse("[2001:db8::7]:1", &endpoint), 0);
	assert_string_equal(wb_endpoint_format(&endpoint, out), "[2001:db8::7]:1");
	assert_int_equal(wb_endpoint_parse("2001:db8::7:1", &endpoint), -EINVAL);
	assert_int_equal(wb_endpoint_parse("[192.0.2.7]:1", &endpoint), -EINVAL);
	assert_int_equal(wb_endpoint_parse("192.0.2.7:0", &endpoint), -EINVAL);
	assert_int_equal(wb_endpoint_parse("192.0.2.7:65536", &endpoint), -EINVAL);
	assert_int_equal(wb_endpoint_parse("192.0.2.7", &endpoint), -EINVAL);
	assert_int_equal(wb_endpoint_parse("[", &endpoint), -EINVAL);
	assert_int_equal(wb_endpoint_parse("[:1", &endpoint), -EINVAL);
}

static void key_round_trip(void **state)
{
	static const char text[] = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
	char out[WB_KEY_STRLEN];
	struct wb_key key, other;

	(void)state;
	assert_int_equal(wb_key_parse(text, &key), 0);
	assert_string_equal(wb_key_format(&key, out), text);
	other = key;
	assert_true(wb_key_equal(&key, &other));
	other.bytes[31] ^= 1;
	assert_false(wb_key_equal(&key, &other));
	wb_key_wipe(&key);
	assert_true(wb_key_is_zero(&key));
	assert_int_equal(
		wb_key_parse("yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk", &key), -EINVAL);
	assert_int_equal(
		wb_key_parse("!Anz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=", &key), -EINVAL);
}

static void error_text(void **state)
{
	struct wb_err err;

	(void)state;
	assert_int_equal(wb_err_set(&err, ENOENT, "no %s", "bread"), -ENOENT);
	assert_string_equal(err.text, "no bread");
	assert_int_equal(wb_err_prefix(&err, -ENOENT, "shop %d", 7), -ENOENT);
	assert_string_equal(err.text, "shop 7: no bread");
	assert_int_equal(wb_err_set(NULL, EINVAL, "unheard"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefix_round_trip),
		cmocka_unit_test(prefix_refuses),
		cmocka_unit_test(prefix_masks_and_contains),
		cmocka_unit_test(endpoint_round_trip),
		cmocka_unit_test(key_round_trip),
		cmocka_unit_test(error_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
