/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

#define KEY0 "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define KEY1 "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
/* KEY0's public key. */
#define OWN0 "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw="

#define WG0   "[Interface]\nPrivateKey = " KEY0 "\nListenPort = 51820\n"
#define WG1   "[Interface]\nPrivateKey = " KEY1 "\nListenPort = 51821\n"
#define PEER  "[Peer]\nPublicKey = " KEY1 "\n"
#define LAN   "[port lan0]\ndevice = net_null0\n"
#define BOND  "[bond bond0]\nmember = kernel:eth7\n"
#define GATE  "[gateway]\n"
#define FILES GATE "tunnel = wg0.conf\ntunnel = wg1.conf\n"

static char directory[64];
static struct wb_config *config;
static struct wb_err err;

static const char *path_of(const char *name)
{
	static char path[96];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *out = fopen(path_of(name), "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
	chmod(path_of(name), 0600);
}

static int load(const char *gateway, const char *wg0, const char *wg1)
{
	put("gateway.conf", gateway);
	put("wg0.conf", wg0 != NULL ? wg0 : WG0);
	put("wg1.conf", wg1 != NULL ? wg1 : WG1);
	return wb_config_load(path_of("gateway.conf"), &config, &err);
}

/* The message less the directory, wherever that stands. */
static const char *plain(const char *text)
{
	static char out[sizeof(err.text)];
	size_t length = strlen(directory), used = 0;

	while (*text != '\0') {
		if (strncmp(text, directory, length) == 0 && text[length] == '/')
			text += length + 1;
		else
			out[used++] = *text++;
	}
	out[used] = '\0';
	return out;
}

static const char *prefix(const struct wb_prefix *prefix_)
{
	static char text[WB_PREFIX_STRLEN];

	return wb_prefix_format(prefix_, text);
}

static void whole_file(void **state)
{
	char text[1024];
	cpu_set_t cpus;
	int cpu = 0;

	(void)state;
	sched_getaffinity(0, sizeof(cpus), &cpus);
	while (!CPU_ISSET(cpu, &cpus))
		cpu++;
	snprintf(text, sizeof(text),
		"# ours\n[gateway]\nname = site-a ; prefix\npoll = always\nmemory = 512\n"
		"tunnel = wg1.conf\ntunnel = %s/%s/wg0.conf\n[lcores]\ncontrol = %d\nworkers = %d\n"
		"[ecmp]\nhash = symmetric\ninner = on\nidle = 2s\nunbalanced = 1500ms\n"
		"[bond bond0]\nmember = 0000:01:00.0\nmember = kernel:eth1\n"
		"member = net_memif0,socket=/run/a#b,role=server\nhash = layer2+3\n"
		"lacp-rate = slow\nlacp-select = bandwidth\nlacp-key = 7\n"
		"lacp-system-priority = 100\nlacp-port-priority = 0\nmin-links = 3\nbalance = "
		"auto\n"
		"address = 192.0.2.1/24\naddress = 2001:db8::1/64\n"
		"gateway = 192.0.2.254\ngateway = fe80::1\nmtu = 9000\n"
		"offload = off\n"
		"[port lan0]\ndevice = kernel:eth2\naddress = 10.1.0.1/24\naddress = fe80::5/64\n"
		"address = 10.1.0.2/24\n",
		getcwd((char[512]){0}, 512), directory, cpu, cpu);
	assert_int_equal(load(text, WG0 PEER "Endpoint = a:1\n", WG1 "MTU = 1300\n"), 0);
	assert_string_equal(config->name, "site-a");
	assert_true(config->poll_always);
	assert_int_equal(config->memory_mib, 512);
	assert_int_equal(config->control_cpu, cpu);
	assert_int_equal(config->n_workers, 1);
	assert_int_equal(config->workers[0], cpu);
	assert_true(config->ecmp.symmetric);
	assert_true(config->ecmp.inner);
	assert_int_equal(config->ecmp.idle_ms, 2000);
	assert_int_equal(config->ecmp.unbalanced_ms, 1500);
	assert_int_equal(config->n_tunnels, 2);
	assert_string_equal(config->tunnels[0]->name, "wg1");
	assert_string_equal(config->tunnels[1]->name, "wg0");
	assert_int_equal(wb_config_tunnel_mtu(config, config->tunnels[0]), 1300);
	assert_int_equal(wb_config_tunnel_mtu(config, config->tunnels[1]), 1420);
	assert_int_equal(config->n_ports, 2);
	assert_true(config->ports[0].bond);
	assert_int_equal(config->ports[0].n_members, 3);
	assert_string_equal(
		config->ports[0].members[2].text, "net_memif0,socket=/run/a#b,role=server");
	assert_int_equal(config->ports[0].policy, WB_BOND_LAYER23);
	assert_true(config->ports[0].lacp.slow);
	assert_int_equal(config->ports[0].lacp.select, WB_LACP_BANDWIDTH);
	assert_int_equal(config->ports[0].lacp.key, 7);
	assert_int_equal(config->ports[0].lacp.system_priority, 100);
	assert_int_equal(config->ports[0].lacp.port_priority, 0);
	assert_int_equal(config->ports[0].lacp.min_links, 3);
	assert_true(config->ports[0].balance);
	assert_string_equal(prefix(&config->ports[0].addresses[1]), "2001:db8::1/64");
	assert_int_equal(config->ports[0].gateway4.bytes[3], 254);
	assert_int_equal(config->ports[0].gateway6.bytes[15], 1);
	assert_int_equal(config->ports[0].mtu, 9000);
	assert_false(config->ports[0].offload);
	assert_false(config->ports[1].bond);
	assert_int_equal(config->ports[1].n_addresses, 3);
	assert_int_equal(config->ports[1].mtu, 1500);
	assert_true(config->ports[1].offload);
	/* wg1 has no peer. */
	assert_int_equal(config->notices.n, 1);
	wb_config_free(config);
}

static void defaults(void **state)
{
	(void)state;
	assert_int_equal(load(LAN, NULL, NULL), 0);
	assert_string_equal(config->name, "wirebraid");
	assert_false(config->poll_always);
	assert_false(config->ecmp.symmetric);
	assert_false(config->ecmp.inner);
	assert_int_equal(config->ecmp.idle_ms, 100);
	assert_int_equal(config->ecmp.unbalanced_ms, 0);
	assert_int_equal(config->control_cpu, -1);
	assert_int_equal(config->n_places, 0);
	assert_true(config->rebalance);
	assert_int_equal(config->n_workers, 1);
	assert_int_equal(config->ports[0].policy, WB_BOND_LAYER34);
	assert_int_equal(config->notices.n, 1);
	assert_string_equal(
		plain(config->notices.texts[0]), "gateway.conf: names no tunnel; it only routes");
	wb_config_free(config);
}

static void __attribute__((format(printf, 3, 4)))
append(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	assert_true((size_t)vsnprintf(text + used, size - used, format, args) < size - used);
	va_end(args);
}

struct mistake {
	const char *text, *wg0, *wg1, *message;
};

static void told(const struct mistake *mistakes, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int rc = load(mistakes[i].text, mistakes[i].wg0, mistakes[i].wg1);

		if (rc == 0)
			fail_msg("accepted, expected: %s", mistakes[i].message);
		assert_string_equal(plain(err.text), mistakes[i].message);
	}
}

#define TOLD(list) told(list, sizeof(list) / sizeof((list)[0]))

static void mistakes_in_sections(void **state)
{
	static const struct mistake list[] = {
		{"", NULL, NULL,
			"gateway.conf: describes no port, expected at least one [bond NAME] or "
			"[port NAME]"},
		{"name = x\n", NULL, NULL,
			"gateway.conf:1: 'name' stands before any section, expected [NAME] first"},
		{"[gatway]\n", NULL, NULL,
			"gateway.conf:1: [gatway] is not known, expected [gateway], [lcores], "
			"[ecmp], [paths], [path TUNNEL], [bond NAME] or [port NAME]"},
		{"[gateway a]\n", NULL, NULL,
			"gateway.conf:1: [gateway a] is not known, expected [gateway], [lcores], "
			"[ecmp], [paths], [path TUNNEL], [bond NAME] or [port NAME]"},
		{GATE "[lcores]\n" GATE, NULL, NULL,
			"gateway.conf:3: [gateway] began in line 1 already, expected it once"},
		{"[lcores]\n\n[lcores]\n", NULL, NULL,
			"gateway.conf:3: [lcores] began in line 1 already, expected it once"},
		{"[bond]\n", NULL, NULL,
			"gateway.conf:1: '' names no interface, expected [bond NAME] with 1 to 15 "
			"letters, digits and _=+.-"},
		{"[port sixteenletters16]\n", NULL, NULL,
			"gateway.conf:1: 'sixteenletters16' names no interface, expected [port "
			"NAME] "
			"with 1 to 15 letters, digits and _=+.-"},
		{"[port a/b]\n", NULL, NULL,
			"gateway.conf:1: 'a/b' names no interface, expected [port NAME] with 1 to "
			"15 "
			"letters, digits and _=+.-"},
		{"[port a,b]\n", NULL, NULL,
			"gateway.conf:1: 'a,b' names no interface, expected [port NAME] with 1 to "
			"15 "
			"letters, digits and _=+.-"},
		{"[port ..]\n", NULL, NULL,
			"gateway.conf:1: '..' names no interface, expected [port NAME] with 1 to "
			"15 "
			"letters, digits and _=+.-"},
		{LAN "[bond lan0]\n", NULL, NULL,
			"gateway.conf:3: lan0 was described in line 1 already, expected another "
			"name"},
		{GATE "colour = red\n", NULL, NULL,
			"gateway.conf:2: 'colour' is no setting of [gateway], expected name, poll, "
			"memory, mss-clamp or tunnel"},
		{GATE "name = Site\n", NULL, NULL,
			"gateway.conf:2: name 'Site' is not valid, expected 1 to 32 of a-z, 0-9 "
			"and -"},
		{GATE "name =\n", NULL, NULL,
			"gateway.conf:2: name '' is not valid, expected 1 to 32 of a-z, 0-9 and -"},
		{GATE "name = a\n\nname = a\n", NULL, NULL,
			"gateway.conf:4: name was set in line 2 already, expected it once"},
		{GATE "poll = never\n", NULL, NULL,
			"gateway.conf:2: 'never' is not known, expected adaptive or always"},
		{GATE "memory = 63\n", NULL, NULL,
			"gateway.conf:2: '63' is out of range, expected 64 to 1048576"},
		{GATE "memory = 1G\n", NULL, NULL,
			"gateway.conf:2: '1G' is out of range, expected 64 to 1048576"},
		{"[lcores]\nwork = 1\n", NULL, NULL,
			"gateway.conf:2: 'work' is no setting of [lcores], expected control, "
			"workers, place or balance"},
		{"[lcores]\nworkers = 3-1\n", NULL, NULL,
			"gateway.conf:2: '3-1' is no list of numbers up to 1023, expected "
			"something "
			"like 1,3-5"},
		{"[lcores]\nworkers = 1024\n", NULL, NULL,
			"gateway.conf:2: '1024' is no list of numbers up to 1023, expected "
			"something "
			"like 1,3-5"},
		{"[lcores]\nworkers =\n", NULL, NULL,
			"gateway.conf:2: workers names no CPU, expected a list like 1,3-5"},
		{"[lcores]\nworkers = 0-64\n", NULL, NULL,
			"gateway.conf:2: too many workers, expected at most 64"},
		{"[lcores]\nworkers = 0\nworkers = 1\n", NULL, NULL,
			"gateway.conf:3: workers was set in line 2 already, expected it once"},
		{"[lcores]\ncontrol = -1\n", NULL, NULL,
			"gateway.conf:2: '-1' is out of range, expected 0 to 1023"},
		{"[lcores]\nbalance = on\n", NULL, NULL,
			"gateway.conf:2: 'on' is not known, expected off or auto"},
		{"[lcores]\nplace = wg0\n", NULL, NULL,
			"gateway.conf:2: 'wg0' places nothing, expected NAME [PART] CPU, as in wg0 "
			"seal 2"},
		{"[lcores]\nplace = wg0 middle 1\n", NULL, NULL,
			"gateway.conf:2: 'middle' is no part, expected seal or open of a tunnel, "
			"or "
			"rx, "
			"rx0, tap or tx of a port"},
		{"[lcores]\nplace = wg0 1\nplace = wg1 1\nplace = wg0 seal 2\n", NULL, NULL,
			"gateway.conf:4: 'wg0 seal 2': that was placed in line 2 already, expected "
			"it "
			"once"},
	};

	(void)state;
	TOLD(list);
}

/* CPU 1023 is none of this machine's, so that what is wrong with it is wrong everywhere. */
static void places_are_checked(void **state)
{
	char text[512];
	cpu_set_t cpus;
	int cpu = 0;

	(void)state;
	sched_getaffinity(0, sizeof(cpus), &cpus);
	while (!CPU_ISSET(cpu, &cpus))
		cpu++;
	snprintf(text, sizeof(text), "[lcores]\nworkers = %d\nplace = wg0 1023\n" LAN, cpu);
	assert_int_equal(load(text, NULL, NULL), -EINVAL);
	assert_string_equal(plain(err.text),
		"gateway.conf:3: wg0 is placed on CPU 1023, which is no worker's, expected one of "
		"workers");
	snprintf(
		text, sizeof(text), "[lcores]\nworkers = %d\nplace = lan0 seal %d\n" LAN, cpu, cpu);
	assert_int_equal(load(text, NULL, NULL), -EINVAL);
	assert_string_equal(
		plain(err.text), "gateway.conf:3: lan0 is a port, expected rx, tap or tx of it");
	snprintf(text, sizeof(text), "[lcores]\nworkers = %d\nplace = later tx %d\n" LAN, cpu, cpu);
	assert_int_equal(load(text, NULL, NULL), -EINVAL);
	assert_string_equal(
		plain(err.text), "gateway.conf:3: later is a tunnel, expected seal or open of it");
	snprintf(text, sizeof(text),
		"[lcores]\nworkers = %d\nplace = lan0 rx3 %d\n" LAN "rx-queues = 3\n", cpu, cpu);
	assert_int_equal(load(text, NULL, NULL), -EINVAL);
	assert_string_equal(plain(err.text),
		"gateway.conf:3: lan0 has no rx queue 3, expected rx0 to rx2 (see rx-queues)");
	/* A tunnel may come later. */
	snprintf(text, sizeof(text),
		"[lcores]\nworkers = %d\nplace = later seal %d\nplace = later open %d\n"
		"place = lan0 rx0 %d\nbalance = off\n" LAN,
		cpu, cpu, cpu, cpu);
	assert_int_equal(load(text, NULL, NULL), 0);
	assert_int_equal(config->n_places, 3);
	assert_false(config->rebalance);
	wb_config_free(config);
}

static void mistakes_in_ecmp(void **state)
{
	static const struct mistake list[] = {
		{"[ecmp]\nweight = 1\n", NULL, NULL,
			"gateway.conf:2: 'weight' is no setting of [ecmp], expected hash, inner, "
			"idle or unbalanced"},
		{"[paths]\nweight = 1\n", NULL, NULL,
			"gateway.conf:2: 'weight' is no setting of [paths], expected probe, "
			"probe-interval, probe-missed, probe-recover, slow-start, degraded-loss, "
			"degraded-rtt or handshake-age"},
		{"[paths]\nprobe = 10.0.0.1\n", NULL, NULL,
			"gateway.conf:2: '10.0.0.1' is not known, expected auto or off"},
		{"[paths]\nprobe-interval = 19ms\n", NULL, NULL,
			"gateway.conf:2: '19ms' is no time or out of range, expected 20ms to 2s"},
		{"[paths]\ndegraded-loss = 2\n", NULL, NULL,
			"gateway.conf:2: '2' is no percentage or out of range, expected 0% to "
			"50.0%"},
		{"[paths]\ndegraded-loss = 50.1%\n", NULL, NULL,
			"gateway.conf:2: '50.1%' is no percentage or out of range, expected 0% to "
			"50.0%"},
		{"[paths]\nslow-start = off\nslow-start = 1s\n", NULL, NULL,
			"gateway.conf:3: slow-start was set in line 2 already, expected it once"},
		{"[path wg0]\nprobe = wg1\n", NULL, NULL,
			"gateway.conf:2: 'wg1' is nobody to probe, expected auto, off or an "
			"address"},
		{"[path wg0]\n[path wg0]\n", NULL, NULL,
			"gateway.conf:2: [path wg0] began in line 1 already, expected it once"},
		{"[path a-name-that-is-long]\n", NULL, NULL,
			"gateway.conf:1: 'a-name-that-is-long' names no tunnel, expected [path "
			"TUNNEL] with its name"},
		{"[ecmp]\nhash = layer2\n", NULL, NULL,
			"gateway.conf:2: 'layer2' is not known, expected flow or symmetric"},
		{"[ecmp]\ninner = yes\n", NULL, NULL,
			"gateway.conf:2: 'yes' is not known, expected off or on"},
		{"[ecmp]\nidle = 100\n", NULL, NULL,
			"gateway.conf:2: '100' is no time or out of range, expected 10ms to 60s"},
		{"[ecmp]\nidle = 9ms\n", NULL, NULL,
			"gateway.conf:2: '9ms' is no time or out of range, expected 10ms to 60s"},
		{"[ecmp]\nunbalanced = 3601s\n", NULL, NULL,
			"gateway.conf:2: '3601s' is no time or out of range, expected 1s to 3600s"},
		{"[ecmp]\nidle = 1s\nidle = 1s\n", NULL, NULL,
			"gateway.conf:3: idle was set in line 2 already, expected it once"},
		{"[ecmp]\n\n[ecmp]\n", NULL, NULL,
			"gateway.conf:3: [ecmp] began in line 1 already, expected it once"},
		{"[ecmp a]\n", NULL, NULL,
			"gateway.conf:1: [ecmp a] is not known, expected [gateway], [lcores], "
			"[ecmp], [paths], [path TUNNEL], [bond NAME] or [port NAME]"},
	};

	(void)state;
	TOLD(list);
}

/* What [path NAME] does not say is as [paths] has it, wherever that stands. */
static void paths_inherit(void **state)
{
	const struct config_paths *paths;

	(void)state;
	assert_int_equal(
		load(GATE LAN "[path wg0]\nprobe = 10.99.0.2\nprobe-missed = 7\n"
			      "[path wg1]\nslow-start = off\n"
			      "[paths]\nprobe = off\nprobe-interval = 250ms\ndegraded-loss = 3.5%\n"
			      "degraded-rtt = 80ms\nhandshake-age = 200s\n",
			WG0 PEER "Endpoint = a:1\n", WG1),
		0);
	paths = &config->paths;
	assert_true(paths->probe_off);
	assert_int_equal(paths->n, 2);
	assert_string_equal(paths->path[0].tunnel, "wg0");
	assert_int_equal(paths->path[0].probe, CONFIG_PROBE_TARGET);
	assert_int_equal(paths->path[0].target.bytes[3], 2);
	assert_int_equal(paths->path[0].health.missed, 7);
	assert_int_equal(paths->path[0].health.interval_ms, 250);
	assert_int_equal(paths->path[0].health.slow_start_ms, paths->health.slow_start_ms);
	assert_int_equal(paths->path[1].probe, CONFIG_PROBE_INHERIT);
	assert_int_equal(paths->path[1].health.missed, paths->health.missed);
	assert_int_equal(paths->path[1].health.slow_start_ms, 0);
	assert_int_equal(paths->path[1].health.degraded_loss, 35);
	assert_int_equal(paths->path[1].health.degraded_rtt_ms, 80);
	assert_int_equal(paths->path[1].health.handshake_age_s, 200);
	wb_config_free(config);
}

static void mistakes_in_ports(void **state)
{
	static const struct mistake list[] = {
		{"[port lan0]\n", NULL, NULL,
			"gateway.conf:1: lan0 has no device, expected at least one"},
		{"[bond bond0]\nmtu = 1500\n", NULL, NULL,
			"gateway.conf:1: bond0 has no member, expected at least one"},
		{"[port lan0]\nmember = net_null0\n", NULL, NULL,
			"gateway.conf:2: 'member' is no setting of [port], expected device, "
			"address, "
			"gateway, mtu, rx-queues or offload"},
		{"[bond bond0]\ndevice = net_null0\n", NULL, NULL,
			"gateway.conf:2: 'device' is no setting of [bond], expected member, hash, "
			"lacp-rate, lacp-select, lacp-key, lacp-system-priority, "
			"lacp-port-priority, min-links, balance, address, gateway, mtu, "
			"rx-queues or offload"},
		{LAN "hash = layer2\n", NULL, NULL,
			"gateway.conf:3: 'hash' is no setting of [port], expected device, address, "
			"gateway, mtu, rx-queues or offload"},
		{LAN "device = net_null1\n", NULL, NULL,
			"gateway.conf:3: device was set in line 2 already, expected it once"},
		{"[port lan0]\ndevice = eth0\n", NULL, NULL,
			"gateway.conf:2: 'eth0' is no device, expected a PCI address "
			"(0000:01:00.0), "
			"kernel:INTERFACE, or a DPDK vdev (net_...)"},
		{"[port lan0]\ndevice = kernel:\n", NULL, NULL,
			"gateway.conf:2: '' is no interface name, expected kernel:NAME with 1 to "
			"15 "
			"characters"},
		{"[bond bond0]\nhash = layer4\n", NULL, NULL,
			"gateway.conf:2: 'layer4' is not known, expected layer2, layer2+3 or "
			"layer3+4"},
		{"[bond bond0]\nlacp-rate = 1\n", NULL, NULL,
			"gateway.conf:2: '1' is not known, expected fast or slow"},
		{BOND "lacp-select = best\n", NULL, NULL,
			"gateway.conf:3: 'best' is not known, expected stable, bandwidth or "
			"count"},
		{BOND "lacp-key = 1024\n", NULL, NULL,
			"gateway.conf:3: '1024' is out of range, expected 0 to 1023"},
		{BOND "lacp-system-priority = 65536\n", NULL, NULL,
			"gateway.conf:3: '65536' is out of range, expected 0 to 65535"},
		{BOND "min-links = 17\n", NULL, NULL,
			"gateway.conf:3: '17' is out of range, expected 0 to 16"},
		{BOND "min-links = 2\n", NULL, NULL,
			"gateway.conf:3: min-links 2, but bond0 has 1 members, expected no more"},
		{BOND "mtu = 1279\n", NULL, NULL,
			"gateway.conf:3: '1279' is out of range, expected 1280 to 9216"},
		{BOND "mtu = 1500\nmtu = 9000\n", NULL, NULL,
			"gateway.conf:4: mtu was set in line 3 already, expected it once"},
		{BOND "member = net_null0,a=1\n" LAN, NULL, NULL,
			"gateway.conf:5: net_null0 is used in line 3 already, expected another "
			"device"},
		{BOND "[port lan0]\ndevice = kernel:eth7\n", NULL, NULL,
			"gateway.conf:4: kernel:eth7 is used in line 2 already, expected another "
			"device"},
		{"[bond a]\nmember = 0000:0A:00.0\nmember = 0a:00.0\n", NULL, NULL,
			"gateway.conf:3: 0a:00.0 is used in line 2 already, expected another "
			"device"},
		{"[bond eth7]\nmember = kernel:eth7\n", NULL, NULL,
			"gateway.conf:1: eth7 is the name of a device in line 2, expected another"},
		{LAN "offload = on\n", NULL, NULL,
			"gateway.conf:3: 'on' is not known, expected off or auto"},
		{LAN "offload = off\noffload = auto\n", NULL, NULL,
			"gateway.conf:4: offload was set in line 3 already, expected it once"},
		{LAN "rx-queues = 0\n", NULL, NULL,
			"gateway.conf:3: '0' is out of range, expected 1 to 16"},
		{"[port lan0]\nrx-queues = 2\ndevice = kernel:eth1\n", NULL, NULL,
			"gateway.conf:2: rx-queues 2, but kernel:eth1 (line 3) has one, in which "
			"the "
			"kernel keeps the order, expected 1"},
	};

	(void)state;
	TOLD(list);
}

static void mistakes_in_addresses(void **state)
{
	static const struct mistake list[] = {
		{LAN "address = 10.1.0.1/33\n", NULL, NULL,
			"gateway.conf:3: '10.1.0.1/33' is no address, expected one like "
			"192.0.2.1/24 or 2001:db8::1/64"},
		{LAN "address = 10.1.0.1/24 10.2.0.1/24\n", NULL, NULL,
			"gateway.conf:3: '10.1.0.1/24 10.2.0.1/24' is no address, expected one "
			"like "
			"192.0.2.1/24 or 2001:db8::1/64"},
		{LAN "address = 10.1.0.0/24\n", NULL, NULL,
			"gateway.conf:3: 10.1.0.0/24 is no host's address, expected one"},
		{LAN "address = 10.1.0.255/24\n", NULL, NULL,
			"gateway.conf:3: 10.1.0.255/24 is no host's address, expected one"},
		{LAN "address = 127.0.0.1/8\n", NULL, NULL,
			"gateway.conf:3: 127.0.0.1/8 is no host's address, expected one"},
		{LAN "address = 224.0.0.1/24\n", NULL, NULL,
			"gateway.conf:3: 224.0.0.1/24 is no host's address, expected one"},
		{LAN "address = ::1/128\n", NULL, NULL,
			"gateway.conf:3: ::1/128 is no host's address, expected one"},
		{LAN "address = ff02::1/64\n", NULL, NULL,
			"gateway.conf:3: ff02::1/64 is no host's address, expected one"},
		{LAN "address = 10.1.0.1/24\naddress = 10.1.0.1/16\n", NULL, NULL,
			"gateway.conf:4: 10.1.0.1/16 was given in line 3 already, expected it "
			"once"},
		{BOND "address = 10.1.2.1/24\n" LAN "mtu = 1500\naddress = 10.1.0.1/16\n", NULL,
			NULL,
			"gateway.conf:7: 10.1.0.1/16 of lan0 overlaps 10.1.2.1/24 of bond0 (line "
			"3), "
			"expected a network for each port"},
		{BOND "address = 2001:db8::1/48\n" LAN "address = 2001:db8:0:7::1/64\n", NULL, NULL,
			"gateway.conf:6: 2001:db8:0:7::1/64 of lan0 overlaps 2001:db8::1/48 of "
			"bond0 "
			"(line 3), expected a network for each port"},
		{LAN "gateway = 10.1.0.254/24\n", NULL, NULL,
			"gateway.conf:3: '10.1.0.254/24' is no address, expected one like "
			"192.0.2.1 "
			"or 2001:db8::1"},
		{LAN "gateway = 10.1.0.254\n", NULL, NULL,
			"gateway.conf:3: gateway 10.1.0.254 of lan0 is not on its link, expected "
			"an "
			"address within one of its networks"},
		{LAN "address = 10.1.0.1/24\n\ngateway = 10.1.1.254\n", NULL, NULL,
			"gateway.conf:5: gateway 10.1.1.254 of lan0 is not on its link, expected "
			"an "
			"address within one of its networks"},
		{LAN "address = 10.1.0.1/24\ngateway = 10.1.0.1\n", NULL, NULL,
			"gateway.conf:4: gateway 10.1.0.1 of lan0 is its own address, expected "
			"another router's"},
		{LAN "gateway = fe80::1\ngateway = fe80::2\n", NULL, NULL,
			"gateway.conf:4: an IPv6 gateway was set in line 3 already, expected it "
			"once"},
		{BOND "address = 10.1.0.1/24\ngateway = 10.1.0.2\n" LAN
		      "address = 10.2.0.1/24\ngateway = 10.2.0.2\n",
			NULL, NULL,
			"gateway.conf:8: the IPv4 gateway was set in line 4 already, expected one "
			"for "
			"all ports"},
		{BOND "gateway = fe80::1\n" LAN "gateway = fe80::2\n", NULL, NULL,
			"gateway.conf:6: the IPv6 gateway was set in line 3 already, expected one "
			"for "
			"all ports"},
	};

	(void)state;
	TOLD(list);
}

static void mistakes_in_tunnels(void **state)
{
	static const struct mistake list[] = {
		{GATE "tunnel =\n", NULL, NULL,
			"gateway.conf:2: tunnel names no file, expected a path"},
		{GATE "tunnel = wg2.conf\n" LAN, NULL, NULL,
			"gateway.conf:2: tunnel file wg2.conf is not there, expected a wg-quick "
			"file"},
		{GATE "tunnel = gateway.conf\n" LAN, NULL, NULL,
			"gateway.conf:1: [gateway] is not known, expected [Interface] or [Peer]"},
		{GATE "tunnel = .\n" LAN, NULL, NULL,
			".: names no tunnel, expected a file INTERFACE.conf with at most 15 "
			"letters, "
			"digits and _=+.-"},
		{FILES LAN, WG0 "[Peer]\nPublicKey = " OWN0 "\n", NULL,
			"wg0.conf:4: this [Peer] has the tunnel's own key, expected the other "
			"side's"},
		{FILES LAN, NULL, "[Interface]\n\n\nListenPort = 51820\nPrivateKey = " KEY1 "\n",
			"wg1.conf:4: ListenPort 51820 is that of wg0.conf:3, expected another"},
		{FILES "tunnel = wg0.conf\n" LAN, NULL, NULL,
			"wg0.conf: there is a tunnel wg0 already (wg0.conf), expected another "
			"name"},
		{FILES "[bond wg1]\nmember = net_null0\n", NULL, NULL,
			"wg1.conf: tunnel wg1 has the name of a port (gateway.conf:4), expected "
			"another"},
		{FILES "[bond bond0]\nmember = kernel:wg0\n", NULL, NULL,
			"wg0.conf: tunnel wg0 has the name of a device (gateway.conf:5), expected "
			"another"},
		{FILES LAN, WG0 "Mtu = x\n", NULL,
			"wg0.conf:4: 'x' is out of range, expected 576 to 9216"},
	};

	(void)state;
	TOLD(list);
	assert_int_equal(wb_config_load("/nowhere/gateway.conf", &config, &err), -ENOENT);
	assert_string_equal(err.text, "/nowhere/gateway.conf: No such file or directory");
}

static void absent_cpus_are_told(void **state)
{
	char expected[256];
	cpu_set_t cpus;

	(void)state;
	sched_getaffinity(0, sizeof(cpus), &cpus);
	if (CPU_ISSET(1023, &cpus))
		skip();
	assert_int_equal(load("[lcores]\nworkers = 1023\n" LAN, NULL, NULL), -EINVAL);
	snprintf(expected, sizeof(expected),
		"gateway.conf:2: worker CPU 1023 is not there, or not for this process, expected "
		"one "
		"of the %d it may use",
		CPU_COUNT(&cpus));
	assert_string_equal(plain(err.text), expected);
	assert_int_equal(load("[lcores]\n\ncontrol = 1023\n" LAN, NULL, NULL), -EINVAL);
	snprintf(expected, sizeof(expected),
		"gateway.conf:3: control CPU 1023 is not there, or not for this process, expected "
		"one "
		"of the %d it may use",
		CPU_COUNT(&cpus));
	assert_string_equal(plain(err.text), expected);
}

static void limits_are_told(void **state)
{
	char text[8192] = GATE;

	(void)state;
	for (unsigned i = 0; i <= CONFIG_TUNNELS_MAX; i++)
		append(text, sizeof(text), "tunnel = wg%u.conf\n", i);
	assert_int_equal(load(text, NULL, NULL), -EINVAL);
	assert_string_equal(
		plain(err.text), "gateway.conf:66: too many tunnels, expected at most 64");
	text[0] = '\0';
	for (unsigned i = 0; i <= CONFIG_PORTS_MAX; i++)
		append(text, sizeof(text), "[port p%u]\n", i);
	assert_int_equal(load(text, NULL, NULL), -EINVAL);
	assert_string_equal(
		plain(err.text), "gateway.conf:17: too many ports, expected at most 16");
	strcpy(text, "[bond b]\n");
	for (unsigned i = 0; i <= CONFIG_MEMBERS_MAX; i++)
		append(text, sizeof(text), "member = net_null%u\n", i);
	assert_int_equal(load(text, NULL, NULL), -EINVAL);
	assert_string_equal(
		plain(err.text), "gateway.conf:18: too many members, expected at most 16");
	strcpy(text, "[bond b]\n");
	for (unsigned i = 0; i <= CONFIG_ADDRESSES_MAX; i++)
		append(text, sizeof(text), "address = 10.%u.0.1/24\n", i);
	assert_int_equal(load(text, NULL, NULL), -EINVAL);
	assert_string_equal(
		plain(err.text), "gateway.conf:34: too many addresses, expected at most 32");
}

/* "TABLE PREFIX TUNNELS; ..." */
static const char *routes_text(void)
{
	static char text[1024];
	struct config_route *routes;
	unsigned n;

	text[0] = '\0';
	assert_int_equal(
		wb_config_routes(config->tunnels, config->n_tunnels, &routes, &n, &err), 0);
	for (unsigned i = 0; i < n; i++) {
		append(text, sizeof(text), "%u %s", routes[i].table, prefix(&routes[i].prefix));
		for (unsigned j = 0; j < routes[i].n_tunnels; j++)
			append(text, sizeof(text), " %u", routes[i].tunnels[j]);
		append(text, sizeof(text), "; ");
	}
	free(routes);
	return text;
}

static void same_allowed_ips_make_a_group(void **state)
{
	static const char peers0[] =
		WG0 PEER "AllowedIPs = 10.2.0.7/24, 10.3.0.0/24, 2001:db8::/32, 0.0.0.0/0\n"
			 "[Peer]\nPublicKey = " KEY0 "\nAllowedIPs = 10.2.0.0/24, 10.4.0.0/24\n";
	char other[512];

	(void)state;
	sprintf(other,
		"%s[Peer]\nPublicKey = %s\nAllowedIPs = 10.2.0.0/24, 10.2.0.0/16, 0.0.0.0/0\n", WG1,
		KEY0);
	assert_int_equal(load(FILES LAN, peers0, other), 0);
	assert_string_equal(routes_text(),
		"254 10.2.0.0/16 1; 254 10.2.0.0/24 0 1; 254 10.3.0.0/24 0; "
		"254 10.4.0.0/24 0; 254 2001:db8::/32 0; 51820 0.0.0.0/0 0 1; ");
	wb_config_free(config);

	/* Tables are apart, and "off" has no routes. */
	sprintf(other, "%sTable = 7\n[Peer]\nPublicKey = %s\nAllowedIPs = 10.2.0.0/24, 0.0.0.0/0\n",
		WG1, KEY0);
	assert_int_equal(load(FILES LAN, WG0 PEER "AllowedIPs = 10.2.0.0/24\n", other), 0);
	assert_string_equal(routes_text(), "7 0.0.0.0/0 1; 7 10.2.0.0/24 1; 254 10.2.0.0/24 0; ");
	wb_config_free(config);
	assert_int_equal(
		load(FILES LAN, WG0 "Table = off\n" PEER "AllowedIPs = 10.2.0.0/24\n", other), 0);
	assert_string_equal(routes_text(), "7 0.0.0.0/0 1; 7 10.2.0.0/24 1; ");
	wb_config_free(config);
}

static void what_needs_a_restart(void **state)
{
	static const struct {
		const char *setting, *told;
	} list[] = {
		{"offload = off\n",
			"gateway.conf:1: offload of port lan0 cannot change without a restart"},
		{"mtu = 9000\n",
			"gateway.conf:1: mtu of port lan0 cannot change without a restart"},
		{"address = 10.1.0.1/24\n", NULL},
	};
	struct wb_config *before;

	(void)state;
	assert_int_equal(load(LAN, NULL, NULL), 0);
	before = config;
	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), LAN "%s", list[i].setting);
		assert_int_equal(load(text, NULL, NULL), 0);
		assert_int_equal(wb_config_same_gateway(before, config, &err),
			list[i].told == NULL ? 0 : -EBUSY);
		if (list[i].told != NULL)
			assert_string_equal(plain(err.text), list[i].told);
		wb_config_free(config);
	}
	wb_config_free(before);
}

static void too_long_tunnel_mtu_is_noticed(void **state)
{
	(void)state;
	assert_int_equal(load(GATE "tunnel = wg0.conf\n" LAN, WG0 "MTU = 1440\n" PEER, NULL), 0);
	assert_int_equal(config->notices.n, 0);
	wb_config_free(config);
	assert_int_equal(load(GATE "tunnel = wg0.conf\n" LAN, WG0 "MTU = 1441\n" PEER, NULL), 0);
	assert_int_equal(config->notices.n, 1);
	assert_non_null(strstr(plain(config->notices.texts[0]),
		"wg0.conf:4: MTU 1441 leaves no room for sealing in the 1500 of lan0"));
	wb_config_free(config);
}

static int setup(void **state)
{
	(void)state;
	strcpy(directory, "config_test.XXXXXX");
	return sodium_init() < 0 || mkdtemp(directory) == NULL;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path_of("gateway.conf"));
	unlink(path_of("wg0.conf"));
	unlink(path_of("wg1.conf"));
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_file),
		cmocka_unit_test(defaults),
		cmocka_unit_test(mistakes_in_sections),
		cmocka_unit_test(places_are_checked),
		cmocka_unit_test(mistakes_in_ecmp),
		cmocka_unit_test(paths_inherit),
		cmocka_unit_test(mistakes_in_ports),
		cmocka_unit_test(mistakes_in_addresses),
		cmocka_unit_test(mistakes_in_tunnels),
		cmocka_unit_test(absent_cpus_are_told),
		cmocka_unit_test(limits_are_told),
		cmocka_unit_test(same_allowed_ips_make_a_group),
		cmocka_unit_test(what_needs_a_restart),
		cmocka_unit_test(too_long_tunnel_mtu_is_noticed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
