/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "crypto/handshake_crypto.h"
#include "noise/cookie.h"

#define NOW (500 * WB_SECOND)

static struct wb_cookie_checker checker;
static struct wb_cookie_peer sender;
static struct wb_endpoint source;
static struct wb_msg_initiation message;

static int setup(void **state)
{
	struct wb_key private_key, public_key;

	(void)state;
	wb_dh_generate(&private_key);
	wb_dh_public(&public_key, &private_key);
	memset(&sender, 0, sizeof(sender));
	wb_cookie_keys_set(&sender.keys, &public_key);
	wb_cookie_checker_init(&checker, &sender.keys, NOW);
	wb_endpoint_parse("192.0.2.1:7", &source);
	memset(&message, 0x5a, sizeof(message));
	return 0;
}

static enum wb_mac_verdict check(uint64_t now)
{
	return wb_cookie_check(&checker, &message, sizeof(message), &source, now);
}

static void get_cookie(uint64_t now)
{
	struct wb_msg_cookie_reply reply;

	wb_cookie_macs_add(&sender, &message, sizeof(message), now);
	wb_cookie_reply_create(&checker, &message, sizeof(message), &source, now, &reply);
	assert_int_equal(reply.receiver, message.sender);
	assert_int_equal(wb_cookie_reply_consume(&sender, &reply, now), 0);
	wb_cookie_macs_add(&sender, &message, sizeof(message), now);
}

static void cookie_proves_the_source(void **state)
{
	(void)state;
	wb_cookie_macs_add(&sender, &message, sizeof(message), NOW);
	assert_int_equal(check(NOW), WB_MAC_VALID);
	get_cookie(NOW);
	assert_int_equal(check(NOW), WB_MAC_VALID_WITH_COOKIE);
}

static void cookie_is_for_one_address_and_port(void **state)
{
	(void)state;
	get_cookie(NOW);
	source.port = 8;
	assert_int_equal(check(NOW), WB_MAC_VALID);
	wb_endpoint_parse("192.0.2.2:7", &source);
	assert_int_equal(check(NOW), WB_MAC_VALID);
	wb_endpoint_parse("[2001:db8::1]:7", &source);
	assert_int_equal(check(NOW), WB_MAC_VALID);
	get_cookie(NOW);
	assert_int_equal(check(NOW), WB_MAC_VALID_WITH_COOKIE);
}

static void cookies_age(void **state)
{
	(void)state;
	get_cookie(NOW);
	assert_int_equal(check(NOW + WB_COOKIE_LIFETIME - 1), WB_MAC_VALID_WITH_COOKIE);
	assert_int_equal(check(NOW + WB_COOKIE_LIFETIME), WB_MAC_VALID);
	/* The sender stops a little earlier. */
	wb_cookie_macs_add(
		&sender, &message, sizeof(message), NOW + WB_COOKIE_LIFETIME - WB_COOKIE_LATENCY);
	assert_int_equal(check(NOW + 1), WB_MAC_VALID);
	/* A new secret makes old cookies worthless. */
	get_cookie(NOW + WB_COOKIE_LIFETIME + 1);
	assert_int_equal(check(NOW + WB_COOKIE_LIFETIME + 2), WB_MAC_VALID_WITH_COOKIE);
}

static void forged_replies_are_refused(void **state)
{
	struct wb_msg_cookie_reply reply, forged;

	(void)state;
	wb_cookie_macs_add(&sender, &message, sizeof(message), NOW);
	wb_cookie_reply_create(&checker, &message, sizeof(message), &source, NOW, &reply);
	for (unsigned i = 8; i < sizeof(forged); i++) {
		forged = reply;
		((uint8_t *)&forged)[i] ^= 4;
		assert_int_equal(wb_cookie_reply_consume(&sender, &forged, NOW), -EBADMSG);
	}
	assert_false(sender.have_cookie);
	assert_int_equal(wb_cookie_reply_consume(&sender, &reply, NOW), 0);
	/* Nothing was sent since: a second one was not asked for. */
	assert_int_equal(wb_cookie_reply_consume(&sender, &reply, NOW), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(cookie_proves_the_source, setup),
		cmocka_unit_test_setup(cookie_is_for_one_address_and_port, setup),
		cmocka_unit_test_setup(cookies_age, setup),
		cmocka_unit_test_setup(forged_replies_are_refused, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
