/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The two far ends of a gateway's two memif ports, in one process that polls on one CPU:
 *
 *     plain packets → "lan" port ┐         ┌ "wan" port ← WireGuard's messages
 *                                 └ gateway ┘
 *
 * It is the host behind the gateway and the WireGuard at the other end of its tunnels. It asks for
 * nothing that only wirebraid has: any gateway that speaks memif and WireGuard can be put between.
 */
#ifndef WB_BENCH_MEMIF_LOAD_H
#define WB_BENCH_MEMIF_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "base/err.h"
#include "crypto/aead.h"
#include "memif_load_histogram.h"
#include "noise/handshake.h"

#define LOAD_TUNNELS_MAX 64
#define LOAD_BURST	 32
#define LOAD_MTU	 1420 /**< of the tunnels: decides the padding */

/** UDP ports of tunnel 0; the others' follow. */
#define LOAD_GATEWAY_PORT 51820
#define LOAD_FAR_PORT	  52820

/** Sessions of a tunnel that are kept, and their receiver indices: what the gateway still seals
 * under the one before is opened, too. */
#define LOAD_SESSIONS 8

enum load_side { LOAD_LAN, LOAD_WAN, LOAD_SIDES };

/** Our end of a port. */
struct load_port {
	uint16_t id;
	bool up; /**< memif is connected, and the gateway's MAC is known */
	bool connected;
	struct rte_ether_addr mac;
	struct rte_ether_addr gateway_mac;
	uint32_t address, gateway; /**< network byte order */
	uint8_t address6[16];
	uint64_t asked; /**< TSC, when ARP asked last */
};

struct load_session {
	bool valid;
	uint32_t local_index, remote_index;
	uint64_t birth;	  /**< TSC */
	uint64_t counter; /**< the next one to seal under */
	uint64_t highest; /**< one more than the greatest counter received */
	struct wb_aead_key send_key, receive_key;
};

/** The far end of one of the gateway's tunnels. */
struct load_tunnel {
	unsigned number;
	struct wb_noise_identity identity;
	struct wb_noise_peer peer;
	struct load_session sessions[LOAD_SESSIONS];
	unsigned next_session;
	int latest;	       /**< the session to seal under: we began it; -1 none */
	uint64_t initiated;    /**< TSC, our last initiation */
	uint64_t kept_alive;   /**< TSC, when we last sent anything */
	uint64_t came_through; /**< packets of the run with the number 0, which warm up */
};

/** What is in the last 16 bytes of every inner packet; the stamp is a TSC, or a place in a table
 * of them where the packet was sealed before it was sent. */
struct load_mark {
	uint64_t stamp;
	uint32_t run;
	uint32_t magic;
} __rte_packed;

#define LOAD_MAGIC UINT32_C(0x6d6c6f61)

struct load_stock;

struct load {
	struct load_port ports[LOAD_SIDES];
	struct load_tunnel *tunnels;
	unsigned n_tunnels;
	struct rte_mempool *pool;
	struct wb_aead_ctx *aead;
	uint64_t hz;
	size_t stock_bytes;
	struct load_stock *stock;
	bool sealed_ahead; /**< the stock is being sent: whatever is sealed now has a greater
			    * counter, and the rest of the stock would be too old behind it */
	uint32_t run;	   /**< number of the run that goes on */
};

/** A run, as it is asked for. */
struct load_order {
	bool in;       /**< tunnel → lan; else lan → tunnel */
	bool plain;    /**< lan → wan without a tunnel, as a router forwards; not in */
	unsigned size; /**< bytes of the inner packet; 0: a mix */
	unsigned flows;
	unsigned family; /**< 4 or 6, of the inner packets */
	bool open_all;	 /**< every sealed packet is opened, and its order looked at */
	double rate;	 /**< packets a second */
	double seconds;
};

/** And what came of it. */
struct load_result {
	uint64_t offered, refused, received, reordered, opened_bad, sampled;
	double seconds;	    /**< from the first packet sent to the last one */
	double received_in; /**< from the first packet sent to the last one received */
	double slipped;
	struct load_histogram latency;
};

/* memif_load_link.c: ports, ARP, neighbour discovery, and whatever else is not a run's. */

int load_ports_start(struct load *load, struct wb_err *err);

/** Connects, asks for MACs, keeps sessions alive. Cheap when there is nothing to do. */
void load_serve(struct load *load);

/** The gateway goes: what is known of it is of no use for the next one. */
void load_forget(struct load *load);

/** Receives what is there on a port, none of which is a run's. */
void load_poll(struct load *load, enum load_side side);

/** Looks at a frame that is not the run's, and frees it. */
void load_slow_path(struct load *load, enum load_side side, struct rte_mbuf *mbuf);

/** Sends a frame now; frees it if there is no room. */
bool load_send(struct load *load, enum load_side side, struct rte_mbuf *mbuf);

/* memif_load_peer.c: WireGuard. */

void load_tunnel_init(struct load_tunnel *tunnel, unsigned number, const struct wb_key *private_key,
	const struct wb_key *gateway);

/** Begins handshakes with tunnels whose session is older than so many seconds, and asks again every
 * second. Returns how many have no session of that age yet. */
unsigned load_sessions_renew(struct load *load, double age);

/** A message that is not transport data. */
void load_handshake(
	struct load *load, struct load_tunnel *tunnel, const void *message, uint32_t length);

/** The session of a transport message, or NULL. */
struct load_session *load_session_find(
	struct load *load, uint32_t receiver, struct load_tunnel **tunnel);

/** A gateway that hears nothing for 15 s takes us for dead and wants a new session. */
#define LOAD_KEEPALIVE_SECONDS 5

/** Sends a keepalive, which also shows the gateway that we have the session. */
void load_keepalive(struct load *load, struct load_tunnel *tunnel);

uint64_t load_nanoseconds(void);

/* memif_load_packet.c: frames. */

unsigned load_size_of(const struct load_order *order, uint64_t n);
unsigned load_size_min(unsigned family);

/** Writes an inner packet of flow number `flow` without its mark. */
void load_inner_write(const struct load *load, const struct load_order *order, uint8_t *at,
	unsigned size, unsigned flow, unsigned tunnel);

/** Where the mark of an inner packet is; NULL if there is none that is ours. */
struct load_mark *load_mark_find(uint8_t *inner, uint32_t length);

void load_ether_write(const struct load_port *port, uint8_t *frame, uint16_t type);

/** Ethernet, IPv4 and UDP towards a tunnel's port of the gateway. Returns where the message goes.
 */
uint8_t *load_outer_write(
	const struct load *load, const struct load_tunnel *tunnel, uint8_t *frame, unsigned length);

/* memif_load_stock.c: messages sealed before they are sent. */

struct load_stock_entry {
	uint64_t sent; /**< TSC */
	uint8_t *frame;
	uint32_t length;
};

struct load_stock {
	uint8_t *memory;
	struct load_stock_entry *entries;
	size_t room, n, entries_room;
};

int load_stock_fill(
	struct load *load, const struct load_order *order, uint64_t wanted, struct wb_err *err);

/* memif_load_run.c. */

/** Has packets come through each tunnel in the order's direction, however few: neighbours are
 * resolved, keys confirmed. */
int load_warm_up(struct load *load, const struct load_order *order, struct wb_err *err);

int load_run(struct load *load, const struct load_order *order, struct load_result *result,
	struct wb_err *err);

/** When the first packet was forwarded, ns of CLOCK_MONOTONIC: plain, and sealed. */
struct load_cold {
	uint64_t links, macs, plain, sealed;
};

/** Sends a packet a millisecond each way until both come through. */
int load_cold_start(struct load *load, double seconds, struct load_cold *cold, struct wb_err *err);

#endif
