/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The gateway's configuration: its own INI file and the tunnels' files it names, read and checked
 * as a whole before anything is started.
 */
#ifndef WB_APP_CONFIG_H
#define WB_APP_CONFIG_H

#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "lacp/lacp.h"
#include "port/bond_hash.h"
#include "port/device.h"
#include "uapi/wgquick.h"

#include "config_path.h"
#include "placement.h"

#define CONFIG_PORTS_MAX     16
#define CONFIG_MEMBERS_MAX   16
#define CONFIG_ADDRESSES_MAX 32
#define CONFIG_TUNNELS_MAX   64
#define CONFIG_CPUS_MAX	     1024
#define CONFIG_WORKERS_MAX   64
#define CONFIG_NAME_MAX	     33

/** Bytes of IPv6, UDP and transport message around an inner packet. */
#define WB_CONFIG_SEAL_OVERHEAD 80

/** The table wg-quick's default routes are in, and the mark that passes it by. */
#define CONFIG_DEFAULT_TABLE 51820

struct config_member {
	struct wb_device device;
	char text[WB_DEVICE_TEXT_MAX];
	unsigned line;
};

/** [bond NAME] or [port NAME]. */
struct config_port {
	char name[IFNAMSIZ];
	bool bond;
	struct config_member members[CONFIG_MEMBERS_MAX];
	unsigned n_members;
	enum wb_bond_policy policy;
	struct wb_lacp_config lacp; /**< of a bond; its system is not set */
	unsigned min_links_line;
	bool balance; /**< of a bond: source ports of tunnels change until they spread */
	struct wb_prefix addresses[CONFIG_ADDRESSES_MAX];
	unsigned address_lines[CONFIG_ADDRESSES_MAX];
	unsigned n_addresses;
	struct wb_addr gateway4; /**< family 0: none */
	struct wb_addr gateway6;
	unsigned gateway4_line, gateway6_line;
	uint16_t mtu;
	uint16_t rx_queues;
	unsigned rx_queues_line;
	bool offload; /**< drivers make and look at checksums, if they can */
	unsigned line;
};

/** [ecmp]: how flows are told apart, and when they move between tunnels. */
struct config_ecmp {
	bool symmetric;		/**< both directions of a flow have one hash */
	bool inner;		/**< flows inside of VXLAN, Geneve, GRE and IP in IP count */
	uint32_t idle_ms;	/**< a flow moves when it has paused for so long */
	uint32_t unbalanced_ms; /**< and then though it has not; 0: never */
};

struct wb_config {
	char *path;
	char name[CONFIG_NAME_MAX];
	bool poll_always;
	bool mss_clamp; /**< lower the MSS of TCP SYNs to what fits tunnels */
	uint32_t memory_mib;
	struct config_ecmp ecmp;
	struct config_paths paths;
	int control_cpu; /**< -1: any */
	unsigned control_line;
	uint16_t workers[CONFIG_WORKERS_MAX];
	unsigned n_workers;
	unsigned workers_line; /**< 0: chosen here */
	struct placement_rule places[PLACEMENT_RULES_MAX];
	unsigned n_places;
	bool rebalance; /**< tunnels move between workers when one is overloaded */
	struct config_port ports[CONFIG_PORTS_MAX];
	unsigned n_ports;
	struct wb_wgquick *tunnels[CONFIG_TUNNELS_MAX];
	unsigned n_tunnels;
	struct wb_notices notices;
};

/** A prefix and the tunnels that have it among their peers' allowed IPs. */
struct config_route {
	struct wb_prefix prefix;
	uint32_t table;
	uint16_t n_tunnels;
	uint8_t tunnels[CONFIG_TUNNELS_MAX]; /**< places in the array of files, ascending */
};

/** Reads everything. On failure err says FILE:LINE, what is wrong, and what was expected. */
int wb_config_load(const char *path, struct wb_config **out, struct wb_err *err);

/** Wipes the keys and frees. NULL is ignored. */
void wb_config_free(struct wb_config *config);

/** The routes that tunnels' files ask for, sorted; tunnels with the same prefix share one.
 * @param tunnels up to CONFIG_TUNNELS_MAX files; some may be NULL.
 * @param routes  gets an array to be freed with free(). */
int wb_config_routes(struct wb_wgquick *const *tunnels, unsigned n_tunnels,
	struct config_route **routes, unsigned *n, struct wb_err *err);

/** Whether two routes are of the same prefix in the same table: their order, 0 if so. */
int wb_config_route_compare(const struct config_route *a, const struct config_route *b);

/** Whether a tunnel's file goes together with the ports and tunnels of a configuration. */
int wb_config_tunnel_check(
	const struct wb_config *config, const struct wb_wgquick *tunnel, struct wb_err *err);

/** Whether two configurations differ in their tunnels, or ports' addresses, alone.
 * @return 0; -EBUSY: err names what cannot be changed without a restart. */
int wb_config_same_gateway(
	const struct wb_config *before, const struct wb_config *after, struct wb_err *err);

/** The CPUs this process may use, as they were when this was first asked. */
void wb_config_cpus(cpu_set_t *cpus);

/** What the lcore plan is made of; NUMA nodes are asked of the kernel. */
void wb_config_placement(const struct wb_config *config, struct placement *out);

/** The MTU of a tunnel: its file's, or what fits into the smallest port over IPv6. */
uint16_t wb_config_tunnel_mtu(const struct wb_config *config, const struct wb_wgquick *tunnel);

#endif
