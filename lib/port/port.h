/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Ports: a bond in 802.3ad mode by DPDK's bonding PMD, or a single device. Control only.
 */
#ifndef WB_PORT_PORT_H
#define WB_PORT_PORT_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mempool.h>

#include "base/err.h"
#include "lacp/lacp.h"
#include "port/bond_hash.h"
#include "port/device.h"

#define WB_MEMBERS_MAX 16

/** Of each queue of each member: so many buffers wait in them. */
#define WB_PORT_DESCRIPTORS 1024

/** What to open. */
struct wb_port_config {
	const char *name;
	bool bond;
	unsigned n_members; /**< 1 for a single device */
	struct wb_device members[WB_MEMBERS_MAX];
	enum wb_bond_policy policy;
	struct wb_lacp_config lacp; /**< of a bond; its system is set here */
	uint16_t mtu;		    /**< bytes of an IP packet */
	uint16_t rx_queues;	    /**< 0: one */
	bool no_offload;	    /**< nothing is asked of drivers that can be done here */
};

struct wb_port_counters {
	uint64_t rx_packets, rx_bytes, rx_missed, rx_errors;
	uint64_t tx_packets, tx_bytes, tx_errors;
};

/** A second's. */
struct wb_port_rates {
	uint64_t rx_packets, rx_bits, tx_packets, tx_bits;
};

/** What rates are measured with. */
struct wb_port_meter {
	uint64_t at; /**< ns; 0: not yet */
	struct wb_port_counters last;
	struct wb_port_rates rates;
};

struct wb_member {
	uint16_t port_id;
	struct wb_device device;
	struct wb_port_meter meter;
	/** kernel: interfaces have lost their carrier, as the kernel tells. net_af_packet does not
	 * notice (DPDK 22.11), so that the bonding PMD does not either. */
	bool no_carrier;
};

struct rte_ring;

struct wb_port {
	char name[IFNAMSIZ];
	uint16_t port_id; /**< DPDK's, to receive from and send to */
	uint16_t mtu;
	uint16_t rx_queues;
	bool bond;
	bool udp_checksums; /**< it, or every member of the bond, makes them while sending */
	bool ip4_checksums; /**< and says of what it receives whether they are right */
	enum wb_bond_policy policy;
	uint8_t mac[6];
	struct wb_port_meter meter;
	unsigned n_members;
	struct wb_member members[WB_MEMBERS_MAX];
	struct wb_lacp *lacp;		/**< NULL: no bond */
	struct rte_ring *lacp_received; /**< LACPDUs for it */
	uint64_t lacp_next;		/**< ns, when it wants to be run again */
};

/** Opens and starts a port: as many rx queues as asked for, over which RSS spreads flows if the
 * driver has it, one tx queue, promiscuous, with the offloads that the driver has. On failure
 * nothing is left open. Different queues may be received from by different threads, also a bond's:
 * its driver keeps a state for each queue, and hands LACPDUs of all of them over by a ring for many
 * producers.
 * @param pool  where received packets go. */
int wb_port_open(const struct wb_port_config *config, struct rte_mempool *pool,
	struct wb_port **out, struct wb_err *err);

/** Stops and closes it. NULL is ignored. */
void wb_port_close(struct wb_port *port);

/** Notes whether a kernel interface has carrier. Returns true if it is a member and that is news.
 */
bool wb_port_carrier_set(struct wb_port *port, const char *ifname, bool carrier);

#endif
