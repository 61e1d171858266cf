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
#include <time.h>

#include "uapi/uapi.h"

#define ZEROS  "0000000000000000000000000000000000000000000000000000000000000000"
#define LOWER  "a8b1c2d3e4f5a6b7a8b1c2d3e4f5a6b7a8b1c2d3e4f5a6b7a8b1c2d3e4f5a668"
#define UPPER  "A8B1C2D3E4F5A6B7A8B1C2D3E4F5A6B7A8B1C2D3E4F5A6B7A8B1C2D3E4F5A668"
#define OTHER  "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0"
#define PUBLIC "public_key=" OTHER "\n"

static struct wb_uapi_set *set;
static struct wb_err err;

/* The buffer is as long as the parser may write, so that a sanitizer sees a byte more. */
static int parse_bytes(const char *text, size_t length)
{
	char *copy = malloc(length + 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, text, length);
	copy[length] = 'x';
	set = NULL;
	rc = wb_uapi_set_parse(copy, length, &set, &err);
	free(copy);
	return rc;
}

static int parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void tunnels_settings(void **state)
{
	struct wb_key key;

	(void)state;
	assert_int_equal(parse("private_key=" UPPER "\nlisten_port=51820\nfwmark=4294967295\n"
			       "replace_peers=true\n"),
		0);
	assert_true(set->private_key_set && set->listen_port_set && set->fwmark_set);
	assert_true(set->replace_peers);
	assert_int_equal(set->listen_port, 51820);
	assert_int_equal(set->fwmark, UINT32_MAX);
	assert_int_equal(set->n_peers, 0);
	key = set->private_key;
	assert_int_equal(key.bytes[0], 0xa8);
	assert_int_equal(key.bytes[31], 0x68);
	wb_uapi_set_free(set);
	assert_int_equal(parse("private_key=" LOWER "\nfwmark=0\n"), 0);
	assert_true(wb_key_equal(&set->private_key, &key));
	assert_true(set->fwmark_set);
	assert_false(set->listen_port_set || set->replace_peers);
	wb_uapi_set_free(set);
}

static void nothing_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_false(set->private_key_set || set->listen_port_set || set->fwmark_set);
	assert_int_equal(set->n_peers, 0);
	wb_uapi_set_free(set);
}

/* What Debian's wg(8) sends for `wg set`, and more. */
static void peers_settings(void **state)
{
	const struct wb_uapi_peer *peer;
	char text[WB_PREFIX_STRLEN];

	(void)state;
	assert_int_equal(parse("listen_port=5\n" PUBLIC "update_only=true\npreshared_key=" LOWER
			       "\nendpoint=[2001:db8::1]:9\npersistent_keepalive_interval=65535\n"
			       "replace_allowed_ips=true\nallowed_ip=10.1.2.3/8\n"
			       "allowed_ip=-fd00::1/64\nallowed_ip=0.0.0.0/0\nprotocol_version=1\n"
			       "public_key=" LOWER "\nremove=true\n"),
		0);
	assert_int_equal(set->n_peers, 2);
	peer = &set->peers[0];
	assert_true(peer->update_only && peer->psk_set && peer->endpoint_set);
	assert_true(peer->keepalive_set && peer->replace_allowed);
	assert_false(peer->remove);
	assert_int_equal(peer->keepalive, 65535);
	assert_int_equal(peer->public_key.bytes[0], 0xb0);
	assert_int_equal(peer->psk.bytes[0], 0xa8);
	assert_int_equal(peer->endpoint.port, 9);
	assert_int_equal(peer->endpoint.addr.family, AF_INET6);
	assert_int_equal(peer->n_allowed, 3);
	assert_string_equal(wb_prefix_format(&peer->allowed[0].prefix, text), "10.0.0.0/8");
	assert_false(peer->allowed[0].remove);
	assert_string_equal(wb_prefix_format(&peer->allowed[1].prefix, text), "fd00::/64");
	assert_true(peer->allowed[1].remove);
	assert_string_equal(wb_prefix_format(&peer->allowed[2].prefix, text), "0.0.0.0/0");
	peer = &set->peers[1];
	assert_true(peer->remove);
	assert_false(peer->update_only || peer->psk_set || peer->endpoint_set ||
		peer->keepalive_set || peer->replace_allowed);
	assert_int_equal(peer->n_allowed, 0);
	wb_uapi_set_free(set);
}

static void zeros_take_a_preshared_key_away(void **state)
{
	(void)state;
	assert_int_equal(parse(PUBLIC "preshared_key=" ZEROS "\nendpoint=192.0.2.1:65535\n"), 0);
	assert_true(set->peers[0].psk_set);
	assert_true(wb_key_is_zero(&set->peers[0].psk));
	assert_int_equal(set->peers[0].endpoint.addr.family, AF_INET);
	assert_int_equal(set->peers[0].endpoint.port, 65535);
	wb_uapi_set_free(set);
}

/* A public key begins a peer anew: its lines are done one after the other. */
static void a_peer_may_come_twice(void **state)
{
	(void)state;
	assert_int_equal(parse(PUBLIC "remove=true\n" PUBLIC "allowed_ip=10.0.0.0/8\n"), 0);
	assert_int_equal(set->n_peers, 2);
	assert_true(set->peers[0].remove);
	assert_false(set->peers[1].remove);
	wb_uapi_set_free(set);
}

static void values_out_of_bounds_are_refused(void **state)
{
	static const char *const texts[] = {
		"private_key=\n",
		"private_key=" LOWER "00\n",
		"private_key=" LOWER "0\n",
		"private_key=a8\n",
		"private_key=g8b1c2d3e4f5a6b7a8b1c2d3e4f5a6b7a8b1c2d3e4f5a6b7a8b1c2d3e4f5a668\n",
		"private_key= " LOWER "\n",
		"listen_port=65536\n",
		"listen_port=+5\n",
		"listen_port=-1\n",
		"listen_port= 5\n",
		"listen_port=5 \n",
		"listen_port=5\r\n",
		"listen_port=\n",
		"listen_port=99999999999999999999\n",
		"fwmark=4294967296\n",
		"fwmark=0x5\n",
		"replace_peers=false\n",
		"replace_peers=1\n",
		"public_key=b0\n",
		PUBLIC "remove=false\n",
		PUBLIC "update_only=yes\n",
		PUBLIC "replace_allowed_ips=\n",
		PUBLIC "preshared_key=" LOWER "z\n",
		PUBLIC "protocol_version=2\n",
		PUBLIC "protocol_version=01\n",
		PUBLIC "persistent_keepalive_interval=65536\n",
		PUBLIC "persistent_keepalive_interval=off\n",
		PUBLIC "endpoint=\n",
		PUBLIC "endpoint=192.0.2.1\n",
		PUBLIC "endpoint=192.0.2.1:\n",
		PUBLIC "endpoint=192.0.2.1:65536\n",
		PUBLIC "endpoint=[192.0.2.1]:5\n",
		PUBLIC "endpoint=2001:db8::1:5\n",
		PUBLIC "endpoint=[2001:db8::1:5\n",
		PUBLIC "endpoint=[]:5\n",
		PUBLIC "endpoint=[:5\n",
		PUBLIC "endpoint=host.example:5\n",
		PUBLIC "allowed_ip=\n",
		PUBLIC "allowed_ip=-\n",
		PUBLIC "allowed_ip=--10.0.0.0/8\n",
		PUBLIC "allowed_ip=10.0.0.0\n",
		PUBLIC "allowed_ip=10.0.0.0/33\n",
		PUBLIC "allowed_ip=fd00::/129\n",
		PUBLIC "allowed_ip=10.0.0.0/\n",
		PUBLIC "allowed_ip=10.0.0/8\n",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (parse(texts[i]) != -EINVAL)
			fail_msg("'%s' was not refused", texts[i]);
		assert_null(set);
	}
}

static void lines_of_no_protocol_are_refused(void **state)
{
	static const char *const texts[] = {
		"listen_port\n",
		"bogus=1\n",
		"=\n",
		"=1\n",
		"\n",
		"listen_port=5\n\nfwmark=1\n",
		"Listen_port=5\n",
		"listen_port =5\n",
		"protocol_version=1\n",
		"allowed_ip=10.0.0.0/8\n",
		"remove=true\n",
		PUBLIC "listen_port=5\n",
		PUBLIC "private_key=" LOWER "\n",
		PUBLIC "replace_peers=true\n",
		PUBLIC "last_handshake_time_sec=5\n",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		bool line = texts[i][strcspn(texts[i], "=\n")] == '=';

		/* A line whose key is none is "invalid", as wireguard-go says. */
		if (parse(texts[i]) !=
			(line && strstr(texts[i], "\n\n") == NULL ? -EINVAL : -EPROTO))
			fail_msg("'%s' was not refused", texts[i]);
		assert_null(set);
	}
	assert_int_equal(parse_bytes("listen_port=5\0\n", 15), -EPROTO);
	assert_int_equal(parse_bytes("\0", 1), -EPROTO);
}

static void messages_name_the_line_and_no_secret(void **state)
{
	(void)state;
	assert_int_equal(parse("listen_port=5\n" PUBLIC "preshared_key=" LOWER "f\n"), -EINVAL);
	assert_string_equal(err.text, "line 3: the value of preshared_key is wrong");
	assert_int_equal(parse("fwmark=1\nremove=true\n"), -EINVAL);
	assert_string_equal(err.text, "line 2: no setting 'remove' is expected here");
	assert_int_equal(parse("fwmark\n"), -EPROTO);
	assert_string_equal(err.text, "line 1: expected KEY=VALUE");
}

static uint64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Seconds under a sanitizer; a parser that looks at all lines for each takes minutes. */
static void large_requests_are_read_at_once(void **state)
{
	enum { ALLOWED = 130561, PEERS = 10000, LIMIT_MS = 5000 };
	char *text = NULL;
	size_t length;
	uint64_t begin;
	FILE *out = open_memstream(&text, &length);

	(void)state;
	assert_non_null(out);
	for (unsigned i = 0; i < PEERS; i++)
		fprintf(out, "public_key=%064x\npreshared_key=" LOWER "\nendpoint=192.0.2.1:%u\n",
			i + 1, i + 1);
	for (unsigned i = 0; i < ALLOWED; i++)
		fprintf(out, "allowed_ip=10.%u.%u.%u/32\n", i >> 16, i >> 8 & 255, i & 255);
	fclose(out);
	begin = milliseconds();
	assert_int_equal(parse_bytes(text, length), 0);
	assert_int_equal(set->n_peers, PEERS);
	assert_int_equal(set->peers[PEERS - 1].n_allowed, ALLOWED);
	for (unsigned i = 0; i < PEERS; i++)
		assert_int_equal(set->peers[i].endpoint.port, i + 1);
	wb_uapi_set_free(set);
	free(text);
	assert_true(milliseconds() - begin < LIMIT_MS);
}

static void sets_are_built_by_calls(void **state)
{
	struct wb_key key = {{1}};
	struct wb_uapi_peer *peer;
	struct wb_prefix prefix;

	(void)state;
	set = wb_uapi_set_create();
	assert_non_null(set);
	for (unsigned i = 0; i < 100; i++) {
		key.bytes[1] = (uint8_t)i;
		peer = wb_uapi_set_peer_add(set, &key);
		assert_non_null(peer);
		assert_false(peer->remove || peer->psk_set);
		peer->keepalive = (uint16_t)i;
		assert_int_equal(wb_prefix_parse("10.0.0.0/8", &prefix), 0);
		assert_int_equal(wb_uapi_peer_allowed_add(peer, &prefix, i % 2 != 0), 0);
	}
	assert_int_equal(set->n_peers, 100);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(set->peers[i].keepalive, i);
		assert_int_equal(set->peers[i].public_key.bytes[1], i);
		assert_int_equal(set->peers[i].n_allowed, 1);
		assert_int_equal(set->peers[i].allowed[0].remove, i % 2 != 0);
	}
	wb_uapi_set_free(set);
	wb_uapi_set_free(NULL);
}

/* The order, and the form of each line, are those of wireguard-go 0.0.20220316. */
static void answers_read_as_wireguard_gos(void **state)
{
	struct wb_key private_key, public_key, psk = {{0}};
	struct wb_uapi_peer_state peer = {.public_key = &public_key,
		.psk = &psk,
		.handshake_s = 1700000000,
		.handshake_ns = 5,
		.tx_bytes = UINT64_MAX,
		.rx_bytes = 7,
		.keepalive = 25};
	struct wb_uapi_text text = {0};
	struct wb_prefix prefix;

	(void)state;
	memset(private_key.bytes, 0xa8, sizeof(private_key.bytes));
	memset(public_key.bytes, 0xb0, sizeof(public_key.bytes));
	assert_int_equal(wb_endpoint_parse("[2001:db8::1]:9", &peer.endpoint), 0);
	assert_int_equal(wb_prefix_parse("fd00::/64", &prefix), 0);
	wb_uapi_put_device(&text, &private_key, 7777, 5);
	wb_uapi_put_peer(&text, &peer);
	wb_uapi_put_allowed(&text, &prefix);
	wb_uapi_put_errno(&text, 0);
	assert_false(text.failed);
	assert_int_equal(text.length, strnlen(text.bytes, text.capacity));
	assert_string_equal(text.bytes,
		"private_key=a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8a8\n"
		"listen_port=7777\nfwmark=5\n" PUBLIC "preshared_key=" ZEROS "\n"
		"protocol_version=1\nendpoint=[2001:db8::1]:9\n"
		"last_handshake_time_sec=1700000000\nlast_handshake_time_nsec=5\n"
		"tx_bytes=18446744073709551615\nrx_bytes=7\npersistent_keepalive_interval=25\n"
		"allowed_ip=fd00::/64\nerrno=0\n\n");
	wb_uapi_text_free(&text);
	assert_null(text.bytes);
}

static void what_is_not_there_is_not_told(void **state)
{
	struct wb_key key = {{1}}, psk = {{0}};
	struct wb_uapi_peer_state peer = {.public_key = &key, .psk = &psk};
	struct wb_uapi_text text = {0};

	(void)state;
	wb_uapi_put_device(&text, NULL, 0, 0);
	assert_int_equal(text.length, 0);
	wb_uapi_put_peer(&text, &peer);
	assert_null(strstr(text.bytes, "endpoint="));
	wb_uapi_text_free(&text);
	wb_uapi_put_errno(&text, -EPROTO);
	assert_string_equal(text.bytes, "errno=-71\n\n");
	wb_uapi_text_free(&text);
}

static void long_answers_stay_whole(void **state)
{
	enum { LINES = 20000 };
	struct wb_uapi_text text = {0};
	struct wb_prefix prefix;
	char *at;

	(void)state;
	assert_int_equal(wb_prefix_parse("10.0.0.0/8", &prefix), 0);
	for (unsigned i = 0; i < LINES; i++)
		wb_uapi_put_allowed(&text, &prefix);
	wb_uapi_put_errno(&text, 0);
	at = text.bytes;
	for (unsigned i = 0; i < LINES; i++, at += strlen("allowed_ip=10.0.0.0/8\n"))
		assert_memory_equal(at, "allowed_ip=10.0.0.0/8\n", 22);
	assert_string_equal(at, "errno=0\n\n");
	wb_uapi_text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tunnels_settings),
		cmocka_unit_test(nothing_changes_nothing),
		cmocka_unit_test(peers_settings),
		cmocka_unit_test(zeros_take_a_preshared_key_away),
		cmocka_unit_test(a_peer_may_come_twice),
		cmocka_unit_test(values_out_of_bounds_are_refused),
		cmocka_unit_test(lines_of_no_protocol_are_refused),
		cmocka_unit_test(messages_name_the_line_and_no_secret),
		cmocka_unit_test(large_requests_are_read_at_once),
		cmocka_unit_test(sets_are_built_by_calls),
		cmocka_unit_test(answers_read_as_wireguard_gos),
		cmocka_unit_test(what_is_not_there_is_not_told),
		cmocka_unit_test(long_answers_stay_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
