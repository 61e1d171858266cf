/* SPDX-License-Identifier: BSD-3-Clause */
/* What `wirebraid show` gathers from answers, and how it prints them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "show.h"

/* Stands for client.c: the answers by their commands; null for those it does not know. */
struct client {
	const json_t *answers;
};

json_t *client_ask(struct client *client, struct wb_err *err, const char *format, ...)
{
	char command[256];
	va_list args;
	json_t *answer;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	answer = json_object_get(client->answers, command);
	if (answer == NULL)
		wb_err_set(err, 71, "no answer to %s", command);
	return json_deep_copy(answer);
}

json_int_t client_int(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

const char *client_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

/* ' for " keeps the documents below readable. */
static json_t *document(const char *text)
{
	char *copy = strdup(text);
	json_error_t wrong;
	json_t *json;

	assert_non_null(copy);
	for (char *c = copy; *c != '\0'; c++)
		if (*c == '\'')
			*c = '"';
	json = json_loads(copy, 0, &wrong);
	if (json == NULL)
		fail_msg("%s at %d of %s", wrong.text, wrong.position, copy);
	free(copy);
	return json;
}

static char printed[16384];

/* What goes to standard output meanwhile. */
static const char *print(void (*fn)(const json_t *), const json_t *json)
{
	FILE *file = tmpfile();
	int saved = dup(STDOUT_FILENO);
	size_t length;

	assert_non_null(file);
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	fn(json);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	length = fread(printed, 1, sizeof(printed) - 1, file);
	printed[length] = '\0';
	fclose(file);
	return printed;
}

static void fits_80_columns(const char *text)
{
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");

		if (length > 80)
			fail_msg("%zu columns: %.*s", length, (int)length, text);
		text += length + (text[length] == '\n');
	}
}

static void has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no \"%s\" in:\n%s", part, text);
}

/* Answers of a bond with two members, of which the second is gone meanwhile. */
static void ports(void **state)
{
	json_t *answers =
		document("{'/wirebraid/ports': ['bond0', 'lan0'],"
			 " '/wirebraid/port,bond0': {'name': 'bond0', 'mac': '02:00:00:00:00:01',"
			 "  'mtu': 1500, 'bond': 1, 'hash': 'layer3+4', 'link': 1, 'members': 2,"
			 "  'distributing': 1, 'min_links': 16, 'system_priority': 65535,"
			 "  'rx_ipv4_checksums': 1, 'tx_udp_checksums': 1,"
			 "  'tx_queue': 3, 'tx_queue_size': 1023, 'tx_dropped': 18446744073709},"
			 " '/wirebraid/member,bond0:0': {'device': '0000:01:00.0', 'link': 1,"
			 "  'speed_mbps': 1000, 'distributing': 0, 'standing': 'other system',"
			 "  'state': 'ACTIVE,SHORT,AGG,SYNC,COLL,DIST,DEF,EXP', 'key': 65535,"
			 "  'port': 65535, 'port_priority': 65535,"
			 "  'partner_state': 'ACTIVE,SHORT,AGG,SYNC,COLL,DIST,DEF,EXP',"
			 "  'partner_system': '02:00:00:00:00:02', 'partner_key': 65535,"
			 "  'partner_system_priority': 65535, 'partner_port_priority': 65535,"
			 "  'partner_port': 65535, 'aggregator': 16, 'aggregator_active': 0,"
			 "  'actor_churns': 2, 'partner_churns': 3, 'changed_ms_ago': 61500,"
			 "  'rx_bytes': 1300000000, 'tx_bytes': 1023, 'rx_bits_s': 940000000,"
			 "  'rx_packets_s': 81200, 'tx_bits_s': 12, 'tx_packets_s': 1,"
			 "  'rx_errors': 3, 'tx_errors': 4, 'rx_missed': 7},"
			 " '/wirebraid/port,lan0': {'name': 'lan0', 'mac': '02:00:00:00:00:03',"
			 "  'mtu': 9000, 'bond': 0, 'link': 0, 'members': 0}}");
	struct client client = {.answers = answers};
	struct wb_err err;
	json_t *gathered = show_ports_gather(&client, &err);
	const char *text;

	(void)state;
	assert_int_equal(json_array_size(gathered), 2);
	assert_int_equal(
		json_array_size(json_object_get(json_array_get(gathered, 0), "members")), 1);
	text = print(show_ports_print, gathered);
	fits_80_columns(text);
	has(text,
		"bond0: bond of 802.3ad, hash layer3+4, 1 of 1 members distributing\n"
		"  MAC 02:00:00:00:00:01, MTU 1500, system priority 65535, min-links 16\n"
		"  offload: IPv4 checksums received, UDP checksums sent\n"
		"  queue to the port: 3 of 1023 packets, 18446744073709 dropped\n");
	has(text,
		"  member 0000:01:00.0: link up, 1000 Mbit/s, NOT distributing: other system\n"
		"    received 1.21 GiB; now 940.00 Mbit/s, 81.20 k packets/s, 94 %\n"
		"    sent     1023 B; now 12 bit/s, 1 packets/s, 0 %\n"
		"    errors   3 received, 4 sent; 7 missed\n"
		"    actor    ACTIVE,SHORT,AGG,SYNC,COLL,DIST,DEF,EXP; key 65535 port "
		"65535/65535\n");
	has(text,
		"    system   02:00:00:00:00:02, priority 65535\n"
		"    aggregator 16 (not in use), churns 2/3, changed 1 minute, 1 second ago\n");
	has(text, "\nlan0: port, link DOWN\n  MAC 02:00:00:00:00:03, MTU 9000\n  offload: none\n");
	json_decref(gathered);
	json_decref(answers);
}

#define KEY	"yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define LONG_V6 "2001:0db8:aaaa:bbbb:cccc:dddd:eeee:ffff"

static void tunnels(void **state)
{
	json_t *answers = document(
		"{'/wirebraid/tunnels': ['wg-b'],"
		" '/wirebraid/tunnel,wg-b': {'name': 'wg-b', 'public_key': '" KEY "',"
		"  'listen_port': 51820, 'mtu': 1420, 'fwmark': 51966, 'peers': 2,"
		"  'lcore_seal': 1, 'lcore_open': 2},"
		" '/wirebraid/peer,wg-b:0': {'public_key': '" KEY "', 'preshared_key': 1,"
		"  'endpoint': '[" LONG_V6 "]:51820', 'latest_handshake_s_ago': 63,"
		"  'rx_bytes': 1048576, 'tx_bytes': 92, 'rx_packets': 12345, 'tx_packets': 2,"
		"  'persistent_keepalive': 25, 'state': 'up', 'member': '0000:01:00.0'},"
		" '/wirebraid/allowed,wg-b:0:0': ['10.0.0.0/8', '" LONG_V6 "/128'],"
		" '/wirebraid/allowed,wg-b:0:2': ['10.1.0.0/16', '" LONG_V6 "/127'],"
		" '/wirebraid/allowed,wg-b:0:4': [],"
		" '/wirebraid/peer,wg-b:1': {'public_key': '" KEY "', 'preshared_key': 0,"
		"  'endpoint': '(none)', 'latest_handshake_s_ago': -1, 'state': 'idle',"
		"  'member': ''},"
		" '/wirebraid/allowed,wg-b:1:0': []}");
	struct client client = {.answers = answers};
	struct wb_err err;
	json_t *gathered = show_tunnels_gather(&client, &err), *peers;
	const char *text;
	char *second;

	(void)state;
	peers = json_object_get(json_array_get(gathered, 0), "peers");
	assert_int_equal(json_array_size(peers), 2);
	/* Pages are put together. */
	assert_int_equal(
		json_array_size(json_object_get(json_array_get(peers, 0), "allowed_ips")), 4);
	text = print(show_tunnels_print, gathered);
	fits_80_columns(text);
	has(text,
		"interface: wg-b\n  public key: " KEY "\n  private key: (hidden)\n"
		"  listening port: 51820\n  fwmark: 0xcafe\n");
	has(text, "  mtu: 1420, sealed on lcore 1, opened on lcore 2\n");
	has(text, "\npeer: " KEY "\n  preshared key: (hidden)\n  endpoint: [" LONG_V6 "]:51820\n");
	has(text, "  allowed ips: 10.0.0.0/8, " LONG_V6 "/128,\n               10.1.0.0/16, ");
	has(text, LONG_V6 "/127\n  latest handshake: 1 minute, 3 seconds ago\n");
	has(text, "  transfer: 1.00 MiB received, 92 B sent\n");
	has(text, "  packets: 12.35 k received, 2 sent\n");
	has(text, "  persistent keepalive: every 25 seconds\n");
	has(text, "  session: up, leaves by 0000:01:00.0\n");
	/* The one never heard of says no more than is known. */
	second = strstr(strstr(text, "peer: ") + 1, "peer: ");
	assert_non_null(second);
	has(second, "  allowed ips: (none)\n  transfer: 0 B received, 0 B sent\n");
	has(second, "  session: idle\n");
	assert_null(strstr(second, "preshared"));
	assert_null(strstr(second, "endpoint"));
	assert_null(strstr(second, "handshake"));
	assert_null(strstr(second, "keepalive"));
	json_decref(gathered);
	json_decref(answers);
}

/* Two pages; a tunnel told under a key of DPDK's; a path that is gone when it is asked. */
static void routes(void **state)
{
	json_t *answers = document(
		"{'/wirebraid/routes,0': ['10.2.0.0/16'], '/wirebraid/routes,1': ['" LONG_V6
		"/128'],"
		" '/wirebraid/routes,2': [],"
		" '/wirebraid/route,10.2.0.0/16': {'wg0': {'weight': 1, 'buckets': 512, 'up': 1,"
		"  'member': '0000:01:00.0', 'rx_bytes': 1, 'tx_bytes': 2048},"
		"  'id/1': {'tunnel': 'wg-b', 'weight': 2, 'buckets': 1024, 'up': 0,"
		"  'member': ''}}}");
	struct client client = {.answers = answers};
	struct wb_err err;
	json_t *gathered = show_routes_gather(&client, &err), *both;
	const char *text;

	(void)state;
	assert_int_equal(json_array_size(gathered), 2);
	both = json_object_get(json_array_get(gathered, 0), "tunnels");
	assert_int_equal(json_object_size(both), 2);
	assert_int_equal(client_int(json_object_get(both, "wg-b"), "buckets"), 1024);
	text = print(show_routes_print, gathered);
	fits_80_columns(text);
	has(text,
		"10.2.0.0/16\n"
		"  wg0             up   weight 1, 512 buckets, by 0000:01:00.0\n"
		"                  1 B received, 2.00 KiB sent\n"
		"  wg-b            DOWN weight 2, 1024 buckets\n");
	has(text, "\n" LONG_V6 "/128\n");
	json_decref(gathered);
	json_decref(answers);
}

/* One that was degraded lately, and one that nobody can be asked about. */
static void paths(void **state)
{
	json_t *answers = document(
		"{'/wirebraid/paths': ['wg0', 'wg1'],"
		" '/wirebraid/path,wg0': {'tunnel': 'wg0', 'peer': '" KEY "',"
		"  'member': '0000:01:00.0', 'target': '" LONG_V6 "', 'state': 'degraded',"
		"  'state_ms': 61500, 'share': 128, 'interval_ms': 100, 'events': 2,"
		"  'second': {'sent': 10, 'lost': 1, 'loss_per_mille': 100, 'rtt_min_us': 310,"
		"   'rtt_avg_us': 1400, 'rtt_p99_us': 99999, 'rtt_max_us': 2999999,"
		"   'jitter_us': 12}, 'minute': {'sent': 0}},"
		" '/wirebraid/path_event,wg0:0': {'ms_ago': 61500, 'from': 'up',"
		"  'to': 'degraded', 'reason': '9.8 % lost within 10 s'},"
		" '/wirebraid/path_history,wg0:0': {'sent': [10, 10, 0], 'lost': [0, 9, 0],"
		"  'rtt_avg_us': [1000, 500, 0]},"
		" '/wirebraid/path,wg1': {'tunnel': 'wg1', 'state': 'unknown', 'share': 256,"
		"  'state_ms': 0, 'events': 0}}");
	struct client client = {.answers = answers};
	struct wb_err err;
	json_t *gathered = show_paths_gather(&client, &err);
	const char *text;

	(void)state;
	assert_int_equal(json_array_size(gathered), 2);
	/* The second event was gone before it was asked for. */
	assert_int_equal(
		json_array_size(json_object_get(json_array_get(gathered, 0), "event_log")), 1);
	text = print(show_paths_print, gathered);
	fits_80_columns(text);
	has(text, "wg0: degraded, share 50 %, since 1 minute, 1 second ago\n");
	has(text, "  leaves by 0000:01:00.0\n  probes " LONG_V6 " each 100 ms\n");
	has(text,
		"  last        loss  RTT/ms min       avg       p99       max    jitter\n"
		"  second      10.0 %      0.310     1.400    99.999  2999.999     0.012\n"
		"  minute |\u2588x | 1.00 ms\n");
	has(text, "  1 minute, 1 second ago: degraded, was up\n    9.8 % lost within 10 s\n");
	has(text,
		"\nwg1: unknown, share 100 %, since Now\n"
		"  no address to probe is known; judged by handshakes and silence\n");
	json_decref(gathered);
	json_decref(answers);
}

/* Two pages; a group that is gone when it is asked for, and one in the midst of a change. */
static void groups(void **state)
{
	json_t *answers = document(
		"{'/wirebraid/groups,0': [3, 4], '/wirebraid/groups,2': [4294967],"
		" '/wirebraid/groups,3': [],"
		" '/wirebraid/group,3': {'id': 3, 'routes': 3, 'prefix': '10.2.0.0/16',"
		"  'buckets': 16384, 'moved': 12345, 'waiting': 81, 'paths': 3},"
		" '/wirebraid/group_path,3:0': {'tunnel': 'wg0', 'weight': 1, 'share': 256,"
		"  'buckets': 167, 'wanted': 86},"
		" '/wirebraid/group_path,3:1': {'tunnel': 'fifteen-letters', 'weight': 255,"
		"  'share': 0, 'buckets': 16384, 'wanted': 16384},"
		" '/wirebraid/group_path,3:2': {'tunnel': 'wg2', 'weight': 1, 'share': 128,"
		"  'buckets': 5, 'wanted': 86},"
		" '/wirebraid/group,4294967': {'id': 4294967, 'routes': 1, 'prefix': '" LONG_V6
		"/128', 'buckets': 256, 'moved': 0, 'waiting': 0, 'paths': 0}}");
	struct client client = {.answers = answers};
	struct wb_err err;
	json_t *gathered = show_groups_gather(&client, &err);
	const char *text;

	(void)state;
	assert_int_equal(json_array_size(gathered), 2);
	text = print(show_groups_print, gathered);
	fits_80_columns(text);
	has(text,
		"10.2.0.0/16 and 2 more\n"
		"  group 3: 16384 buckets, 12.35 k moved, 81 to move when idle\n"
		"  wg0             weight   1, share 100 %,   167 buckets of    86\n"
		"  fifteen-letters weight 255, share   0 %, 16384 buckets of 16384, DEAD\n"
		"  wg2             weight   1, share  50 %,     5 buckets of    86\n");
	has(text, "\n\n" LONG_V6 "/128\n  group 4294967: 256 buckets, 0 moved, ");
	json_decref(gathered);
	json_decref(answers);
}

static void drops(void **state)
{
	json_t *answers =
		document("{'/wirebraid/accounts': {'in': 10, 'out': 6, 'dropped': 3, 'held': 1},"
			 " '/wirebraid/drops': {'rx_short': 0, 'wg_replayed': 3},"
			 " '/wirebraid/info': {'no_mbuf': 0},"
			 " '/wirebraid/help': {'wg_replayed': 'seen before'}}");
	struct client client = {.answers = answers};
	struct wb_err err;
	json_t *gathered = show_drops_gather(&client, &err);

	(void)state;
	assert_string_equal(print(show_drops_print, gathered),
		"packets: 10 in, 6 out, 3 dropped, 1 held back\n"
		"dropped:\n"
		"  wg_replayed                    3  seen before\n"
		"worth knowing:\n"
		"  none\n");
	json_decref(gathered);
	json_decref(answers);
}

static void lcores(void **state)
{
	json_t *answers = document(
		"{'/wirebraid/lcores': [0, 1],"
		" '/wirebraid/lcore,0': {'lcore': 1, 'cpu': 3, 'busy_cycles': 8000,"
		"  'total_cycles': 64000, 'packets': 5000000, 'tsc_hz': 2000000000, 'moves': 2,"
		"  'pauses': 12345678, 'paused_us': 98765432100, 'longest_pause_us': 2123456,"
		"  'last_pause_ms_ago': 3600000,"
		"  'stages': ['rx:bond0', 'seal:a-long-tunnel1', 'tx:bond0']},"
		" '/wirebraid/stage,0:0': {'name': 'rx:bond0', 'cycles': 2000, 'packets': 10,"
		"  'bursts': 4},"
		" '/wirebraid/stage,0:1': {'name': 'seal:a-long-tunnel1', 'cycles': 0,"
		"  'packets': 0, 'bursts': 0},"
		/* The third was gone before it was asked for; the other one made no step yet. */
		" '/wirebraid/lcore,1': {'lcore': 2, 'cpu': 4, 'total_cycles': 0, 'moves': 1,"
		"  'stages': []},"
		" '/wirebraid/stage_move,0': {'ms_ago': 5000, 'what': 'open:wg0', 'from': 3, 'to': "
		"5,"
		"  'why': 'asked for'},"
		" '/wirebraid/stage_move,1': {'ms_ago': 6000, 'what': 'seal:a-long-tunnel1',"
		"  'from': 4, 'to': 3,"
		"  'why': 'CPU 4 was 100 % busy, CPU 3 10 %; expected are 60 % and 50 %'}}");
	struct client client = {.answers = answers};
	struct wb_err err;
	json_t *gathered = show_lcores_gather(&client, &err);
	const char *text = print(show_lcores_print, gathered);

	(void)state;
	fits_80_columns(text);
	has(text,
		"lcore 1 on CPU 3: busy 12.5 %, 5.00 M packet steps\n"
		"  kept from work 12345678 times: 98765432.1 ms in all, 2123.5 ms at most\n"
		"    the last time: 1 hour ago\n"
		"  stage                      packets a burst  cycles/p ns/packet % busy\n"
		"  rx:bond0                        10     2.5       200       100   25.0\n"
		"  seal:a-long-tunnel1     \n");
	has(text,
		"  moved here so far: 2; the last one 6 seconds ago: seal:a-long-tunnel1\n"
		"    from CPU 4: CPU 4 was 100 % busy, CPU 3 10 %; expected are 60 % and 50 %\n");
	has(text,
		"\nlcore 2 on CPU 4: busy 0.0 %, 0 packet steps\n"
		/* Nothing kept it from work; the move was too long ago to be told of. */
		"  moved here so far: 1\n");
	json_decref(gathered);
	json_decref(answers);
}

static void says_what_is_not_answered(void **state)
{
	json_t *answers = json_object();
	struct client client = {.answers = answers};
	struct wb_err err = {.text = ""};

	(void)state;
	assert_null(show_ports_gather(&client, &err));
	assert_string_equal(err.text, "no answer to /wirebraid/ports");
	assert_null(show_tunnels_gather(&client, &err));
	assert_string_equal(err.text, "no answer to /wirebraid/tunnels");
	assert_null(show_paths_gather(&client, &err));
	assert_string_equal(err.text, "no answer to /wirebraid/paths");
	assert_null(show_routes_gather(&client, &err));
	assert_string_equal(err.text, "no answer to /wirebraid/routes,0");
	assert_null(show_drops_gather(&client, &err));
	assert_string_equal(err.text, "no answer to /wirebraid/accounts");
	assert_null(show_lcores_gather(&client, &err));
	assert_string_equal(err.text, "no answer to /wirebraid/lcores");
	json_decref(answers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports),
		cmocka_unit_test(tunnels),
		cmocka_unit_test(routes),
		cmocka_unit_test(paths),
		cmocka_unit_test(groups),
		cmocka_unit_test(drops),
		cmocka_unit_test(lcores),
		cmocka_unit_test(says_what_is_not_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
