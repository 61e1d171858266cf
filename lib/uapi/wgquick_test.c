/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "uapi/wgquick.h"

#define KEY  "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define KEY2 "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
#define HEAD "[Interface]\nPrivateKey = " KEY "\n"
#define PEER "[Peer]\nPublicKey = " KEY2 "\n"

static char directory[64], path[96];
static struct wb_notices notices;
static struct wb_wgquick *file;

static int load(const char *text, struct wb_err *err)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
	chmod(path, 0600);
	wb_notices_free(&notices);
	return wb_wgquick_load(path, &file, &notices, err);
}

static void whole_file(void **state)
{
	struct wb_err err;

	(void)state;
	assert_int_equal(
		load("[Interface] # us\nprivatekey=" KEY "\nListenPort = 51820\nFwMark = 0xca6c\n"
		     "Address = 10.0.0.1/24, fd00::1/64\nAddress = 10.0.1.1\nMTU = 1380\n"
		     "Table = 1234\nDNS = 1.1.1.1\nPostUp = echo a; echo b\n\n" PEER
		     "PresharedKey = " KEY "\nAllowedIPs = 10.9.9.9/16, fd01::/64\n"
		     "AllowedIPs = 0.0.0.0/0\nEndpoint = 192.0.2.1:51821\n"
		     "PersistentKeepalive = 25\n[Peer]\nPublicKey = " KEY "\nAllowedIPs =\n"
		     "Endpoint = [2001:db8::1]:7\nPersistentKeepalive = off\n",
			&err),
		0);
	assert_string_equal(file->name, "wgt0");
	assert_int_equal(file->listen_port, 51820);
	assert_int_equal(file->fwmark, 0xca6c);
	assert_int_equal(file->n_addresses, 3);
	assert_int_equal(file->mtu, 1380);
	assert_int_equal(file->table_kind, WB_TABLE_NUMBER);
	assert_int_equal(file->table, 1234);
	assert_int_equal(file->n_peers, 2);
	assert_true(file->peers[0].has_psk);
	assert_int_equal(file->peers[0].n_allowed, 3);
	assert_int_equal(file->peers[0].allowed[0].addr.bytes[2], 0); /* host bits masked */
	assert_int_equal(file->peers[0].keepalive, 25);
	assert_int_equal(file->peers[1].n_allowed, 0);
	assert_int_equal(file->peers[1].keepalive, 0);
	assert_int_equal(wb_wgquick_resolve(path, &file->peers[0], &err), 0);
	assert_int_equal(file->peers[0].endpoint.port, 51821);
	assert_int_equal(wb_wgquick_resolve(path, &file->peers[1], &err), 0);
	assert_int_equal(file->peers[1].endpoint.addr.family, AF_INET6);
	assert_int_equal(file->dns.n, 1);
	assert_int_equal(file->hooks[WB_HOOK_POST_UP].n, 1);
	assert_string_equal(file->hooks[WB_HOOK_POST_UP].texts[0], "echo a; echo b");
	assert_int_equal(notices.n, 0);
	wb_wgquick_free(file);
}

static void open_key_file_is_noticed(void **state)
{
	struct wb_err err;

	(void)state;
	assert_int_equal(load(HEAD, &err), 0);
	wb_wgquick_free(file);
	assert_int_equal(notices.n, 0);
	chmod(path, 0644);
	assert_int_equal(wb_wgquick_load(path, &file, &notices, &err), 0);
	assert_int_equal(notices.n, 1);
	wb_wgquick_free(file);
}

static void contested_allowed_ips_are_noticed(void **state)
{
	struct wb_err err;

	(void)state;
	assert_int_equal(
		load(HEAD PEER "AllowedIPs = 10.0.0.0/8, 10.0.0.0/8\n[Peer]\nPublicKey = " KEY
			       "\nAllowedIPs = 10.1.0.0/16\nAllowedIPs = 10.9.9.9/8\n",
			&err),
		0);
	wb_wgquick_free(file);
	assert_int_equal(notices.n, 1);
	assert_non_null(strstr(notices.texts[0],
		"wgt0.conf:6: 10.0.0.0/8 is allowed for this [Peer] and the one in line 3; this "
		"one "
		"has it"));
}

/* Each [Peer] may have each of its settings; a list may come in several lines. */
static void settings_repeat_where_they_may(void **state)
{
	struct wb_err err;

	(void)state;
	assert_int_equal(
		load(HEAD "Address = 10.0.0.1\nAddress = 10.0.0.2\nDNS = 1.1.1.1\n"
			  "DNS = 1.0.0.1\n" PEER "Endpoint = a:1\nPersistentKeepalive = 1\n"
			  "[Peer]\nPublicKey = " KEY "\nEndpoint = b:1\n"
			  "PersistentKeepalive = 1\n",
			&err),
		0);
	assert_int_equal(file->n_addresses, 2);
	assert_int_equal(file->dns.n, 2);
	assert_int_equal(file->n_peers, 2);
	assert_int_equal(notices.n, 0);
	wb_wgquick_free(file);
}

/* People keep the key elsewhere, and set it with PostUp. */
static void a_key_may_come_later(void **state)
{
	struct wb_err err;

	(void)state;
	assert_int_equal(load("[Interface]\nPostUp = wg set %i private-key /etc/key\n", &err), 0);
	assert_false(file->has_private_key);
	assert_int_equal(notices.n, 0);
	wb_wgquick_free(file);
	assert_int_equal(load("[Interface]\n", &err), 0);
	assert_int_equal(notices.n, 1);
	wb_wgquick_free(file);
}

/* What is saved reads as what it was. */
static void saved_files_read_the_same(void **state)
{
	struct wb_wgquick *first;
	struct wb_err err;
	struct stat status;

	(void)state;
	assert_int_equal(
		load(HEAD "ListenPort = 7\nFwMark = 0x10\nAddress = 10.0.0.1/24, fd00::1/64\n"
			  "MTU = 1300\nTable = 7\nSaveConfig = true\nDNS = 1.1.1.1, lan\n"
			  "PreUp = a %i\nPostUp = b\nPostUp = c\nPreDown = d\nPostDown = e\n" PEER
			  "PresharedKey = " KEY "\nAllowedIPs = 10.9.0.0/16, fd01::/64\n"
			  "Endpoint = [2001:db8::1]:9\nPersistentKeepalive = 25\n"
			  "[Peer]\nPublicKey = " KEY "\nEndpoint = host.example:8\n",
			&err),
		0);
	first = file;
	assert_int_equal(wb_wgquick_save(first, path, &err), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(wb_wgquick_load(path, &file, &notices, &err), 0);
	assert_int_equal(file->listen_port, 7);
	assert_int_equal(file->fwmark, 16);
	assert_int_equal(file->mtu, 1300);
	assert_int_equal(file->table, 7);
	assert_true(file->save);
	assert_int_equal(file->n_addresses, 2);
	assert_memory_equal(file->addresses, first->addresses, 2 * sizeof(*file->addresses));
	assert_string_equal(file->dns.texts[0], "1.1.1.1");
	assert_string_equal(file->dns_search.texts[0], "lan");
	for (unsigned i = 0; i < WB_HOOKS; i++) {
		assert_int_equal(file->hooks[i].n, first->hooks[i].n);
		for (unsigned j = 0; j < file->hooks[i].n; j++)
			assert_string_equal(file->hooks[i].texts[j], first->hooks[i].texts[j]);
	}
	assert_int_equal(file->n_peers, 2);
	assert_true(wb_key_equal(&file->private_key, &first->private_key));
	assert_true(wb_key_equal(&file->peers[0].preshared_key, &first->peers[0].preshared_key));
	assert_int_equal(file->peers[0].n_allowed, 2);
	assert_int_equal(file->peers[0].keepalive, 25);
	assert_string_equal(file->peers[0].host, "2001:db8::1");
	assert_string_equal(file->peers[1].host, "host.example");
	assert_int_equal(file->peers[1].port, 8);
	wb_wgquick_free(first);
	wb_wgquick_free(file);
}

static unsigned files_there(void)
{
	DIR *list = opendir(directory);
	unsigned n = 0;

	assert_non_null(list);
	for (struct dirent *entry; (entry = readdir(list)) != NULL;)
		n += entry->d_name[0] != '.';
	closedir(list);
	return n;
}

static void saving_opens_no_file_to_others(void **state)
{
	static const struct {
		mode_t before, after;
	} modes[] = {{0600, 0600}, {0644, 0600}, {0400, 0400}, {0440, 0400}, {0777, 0600}};
	struct wb_err err;
	struct stat status;

	(void)state;
	assert_int_equal(load(HEAD, &err), 0);
	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(path, modes[i].before), 0);
		assert_int_equal(wb_wgquick_save(file, path, &err), 0);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 07777, modes[i].after);
	}
	wb_wgquick_free(file);
}

/* What cannot be put in place leaves nothing behind. */
static void failed_saves_leave_all_as_it_was(void **state)
{
	char deeper[128];
	struct wb_err err;

	(void)state;
	assert_int_equal(load(HEAD, &err), 0);
	snprintf(deeper, sizeof(deeper), "%s/nowhere/wgt0.conf", directory);
	assert_int_equal(wb_wgquick_save(file, deeper, &err), -ENOENT);
	snprintf(deeper, sizeof(deeper), "%s/taken", directory);
	assert_int_equal(mkdir(deeper, 0700), 0);
	assert_int_equal(wb_wgquick_save(file, deeper, &err), -EISDIR);
	assert_non_null(strstr(err.text, "/taken: cannot be saved: Is a directory"));
	assert_int_equal(rmdir(deeper), 0);
	assert_int_equal(files_there(), 1);
	wb_wgquick_free(file);
}

static void mistakes_are_told(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"", ": has no [Interface], expected one"},
		{HEAD "DNS = 1.1.1.1, a b\n",
			":3: DNS 'a b' is not valid, expected an address or a domain"},
		{HEAD "DNS = ,lan\n", ":3: DNS '' is not valid, expected an address or a domain"},
		{HEAD "SaveConfig = yes\n",
			":3: SaveConfig 'yes' is not valid, expected true or false"},
		{"[Interface]\nPrivateKey = abc\n",
			":2: PrivateKey is no key, expected 44 characters of base64"},
		{"[Wireguard]\n", ":1: [Wireguard] is not known, expected [Interface] or [Peer]"},
		{"[Peer x]\n", ":1: [Peer x] is not known, expected [Interface] or [Peer]"},
		{HEAD "ListenPort = 65536\n", ":3: '65536' is out of range, expected 0 to 65535"},
		{HEAD "ListenPort = x\n", ":3: 'x' is out of range, expected 0 to 65535"},
		{HEAD "MTU = 100\n", ":3: '100' is out of range, expected 576 to 9216"},
		{HEAD "Table = main\n",
			":3: Table 'main' is not known, expected auto, off or a number"},
		{HEAD "Address = 10.0.0.300/24\n",
			":3: '10.0.0.300/24' is no address, expected one like 192.0.2.1/24 or "
			"2001:db8::1/64"},
		{HEAD "Colour = red\n",
			":3: 'Colour' is no setting of [Interface], expected PrivateKey, "
			"ListenPort, "
			"Address, MTU, Table, FwMark or another of wg-quick(8)"},
		{HEAD "[Peer]\n", ":3: this [Peer] has no PublicKey, expected one"},
		{HEAD PEER "AllowedIPs = 10.0.0.0/33\n",
			":5: '10.0.0.0/33' is no address, expected one like 192.0.2.1/24 or "
			"2001:db8::1/64"},
		{HEAD PEER "Endpoint = 192.0.2.1\n",
			":5: Endpoint '192.0.2.1' is not valid, expected HOST:PORT or [IPV6]:PORT"},
		{HEAD PEER "Endpoint = 2001:db8::1:51820\n",
			":5: Endpoint '2001:db8::1:51820' is not valid, expected HOST:PORT or "
			"[IPV6]:PORT"},
		{HEAD PEER "Endpoint = a:0\n",
			":5: Endpoint 'a:0' is not valid, expected HOST:PORT or [IPV6]:PORT"},
		{HEAD PEER "PersistentKeepalive = 70000\n",
			":5: '70000' is out of range, expected 0 to 65535"},
		{HEAD PEER "PrivateKey = " KEY "\n",
			":5: 'PrivateKey' is no setting of [Peer], expected PublicKey, "
			"PresharedKey, AllowedIPs, Endpoint or PersistentKeepalive"},
		{HEAD "PrivateKey = " KEY2 "\n",
			":3: PrivateKey was set in line 2 already, expected it once"},
		{"[Interface]\nPrivateKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
			":2: PrivateKey is all zeros, expected one by wg genkey"},
		{HEAD "ListenPort = 1\nlistenport = 1\n",
			":4: ListenPort was set in line 3 already, expected it once"},
		{HEAD "MTU = 1400\n[Peer]\n[Interface]\nMTU = 1400\n",
			":6: MTU was set in line 3 already, expected it once"},
		{HEAD "Table = off\nTable = auto\n",
			":4: Table was set in line 3 already, expected it once"},
		{HEAD "Table = 0\n", ":3: Table '0' is not known, expected auto, off or a number"},
		{HEAD "MTU = 9217\n", ":3: '9217' is out of range, expected 576 to 9216"},
		{HEAD "ListenPort =\n", ":3: '' is out of range, expected 0 to 65535"},
		{HEAD "FwMark = on\n", ":3: 'on' is out of range, expected 0 to 4294967295"},
		{HEAD "FwMark = 0x100000000\n",
			":3: '0x100000000' is out of range, expected 0 to 4294967295"},
		{HEAD "PublicKey = " KEY "\n",
			":3: 'PublicKey' is no setting of [Interface], expected PrivateKey, "
			"ListenPort, Address, MTU, Table, FwMark or another of wg-quick(8)"},
		{"PrivateKey = " KEY "\n",
			":1: 'PrivateKey' stands before any section, expected [NAME] first"},
		{HEAD "Address = 10.0.0.1/24,,\n",
			":3: '' is no address, expected one like 192.0.2.1/24 or 2001:db8::1/64"},
		{HEAD PEER "PresharedKey = " KEY "=\n",
			":5: PresharedKey is no key, expected 44 characters of base64"},
		{HEAD "[Peer]\nPublicKey =\n",
			":4: PublicKey is no key, expected 44 characters of base64"},
		{HEAD PEER "PublicKey = " KEY "\n",
			":5: PublicKey was set in line 4 already, expected it once"},
		{HEAD PEER "Endpoint = a:1\nEndpoint = b:1\n",
			":6: Endpoint was set in line 5 already, expected it once"},
		{HEAD PEER "Endpoint = :51820\n",
			":5: Endpoint ':51820' is not valid, expected HOST:PORT or [IPV6]:PORT"},
		{HEAD PEER "Endpoint = [2001:db8::1]\n",
			":5: Endpoint '[2001:db8::1]' is not valid, expected HOST:PORT or "
			"[IPV6]:PORT"},
		{HEAD PEER "Endpoint = [[a]]:1\n",
			":5: Endpoint '[[a]]:1' is not valid, expected HOST:PORT or [IPV6]:PORT"},
		{HEAD PEER "Endpoint = a:65536\n",
			":5: Endpoint 'a:65536' is not valid, expected HOST:PORT or [IPV6]:PORT"},
		{HEAD PEER "PersistentKeepalive = on\n",
			":5: 'on' is out of range, expected 0 to 65535"},
		{HEAD PEER "AllowedIPs = 10.0.0.0/8 10.1.0.0/16\n",
			":5: '10.0.0.0/8 10.1.0.0/16' is no address, expected one like "
			"192.0.2.1/24 or 2001:db8::1/64"},
		{HEAD PEER PEER,
			":5: this [Peer] has the PublicKey of the one in line 3, expected one "
			"section for a peer"},
	};
	char expected[512];
	struct wb_err err;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(load(cases[i].text, &err), -EINVAL);
		snprintf(expected, sizeof(expected), "%s%s", path, cases[i].message);
		assert_string_equal(err.text, expected);
	}
}

static void names_come_from_the_file(void **state)
{
	struct wb_err err;

	(void)state;
	assert_int_equal(
		wb_wgquick_load("/etc/averyverylongname.conf", &file, &notices, &err), -EINVAL);
	assert_int_equal(wb_wgquick_load("/etc/.conf", &file, &notices, &err), -EINVAL);
	assert_int_equal(wb_wgquick_load("/etc/wg0", &file, &notices, &err), -EINVAL);
	assert_int_equal(wb_wgquick_load("/nowhere/wg0.conf", &file, &notices, &err), -ENOENT);
	assert_string_equal(err.text, "/nowhere/wg0.conf: No such file or directory");
}

static void many_allowed_ips_on_one_line(void **state)
{
	enum { MANY = 130561 };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct wb_err err;

	(void)state;
	assert_non_null(out);
	fprintf(out, HEAD PEER "AllowedIPs = ");
	for (unsigned i = 0; i < MANY; i++)
		fprintf(out, "%s10.%u.%u.%u/32", i == 0 ? "" : ", ", i >> 16, i >> 8 & 255,
			i & 255);
	fclose(out);
	assert_int_equal(load(text, &err), 0);
	assert_int_equal(file->peers[0].n_allowed, MANY);
	wb_wgquick_free(file);
	free(text);
}

static int setup(void **state)
{
	(void)state;
	strcpy(directory, "wgquick_test.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return 1;
	sprintf(path, "%s/wgt0.conf", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	wb_notices_free(&notices);
	unlink(path);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_file),
		cmocka_unit_test(open_key_file_is_noticed),
		cmocka_unit_test(contested_allowed_ips_are_noticed),
		cmocka_unit_test(settings_repeat_where_they_may),
		cmocka_unit_test(a_key_may_come_later),
		cmocka_unit_test(saved_files_read_the_same),
		cmocka_unit_test(saving_opens_no_file_to_others),
		cmocka_unit_test(failed_saves_leave_all_as_it_was),
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(names_come_from_the_file),
		cmocka_unit_test(many_allowed_ips_on_one_line),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
