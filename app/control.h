/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The control thread: one event loop for handshakes, timers, the kernel's routes and neighbours,
 * and signals. All functions here are its own.
 */
#ifndef WB_APP_CONTROL_H
#define WB_APP_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tree.h"
#include "kernel/mirror.h"
#include "kernel/netlink.h"
#include "kernel/rib.h"
#include "noise/ratelimit.h"
#include "wg/peer.h"

#include "gateway.h"
#include "neighbours.h"
#include "retire.h"

RB_HEAD(deadline_tree, peer_timer);
STAILQ_HEAD(removal_list, removal);

/** Control's timer of a peer, and what it waits for. */
struct peer_timer {
	RB_ENTRY(peer_timer) entry;
	struct wb_peer *peer;
	uint64_t deadline;	 /**< ns; UINT64_MAX: not in the tree */
	uint64_t look_again;	 /**< ns, when all stores from before it fell asleep are seen */
	bool initiation_pending; /**< to be sent as soon as the endpoint's next hop is known */
	char *host; /**< the endpoint's name in the tunnel's file; NULL: none, or an address */
	uint16_t host_port;
	bool host_asked; /**< names.c is asking the resolver */
};

struct control {
	struct gateway *gateway;
	struct retire_queue *retire;
	struct wb_retire retire_handle;
	int epoll_fd;
	int signal_fd;

	/* peers.c */
	struct deadline_tree deadlines;
	struct peer_timer *timers[WB_PEERS_MAX]; /**< by peer id */

	struct removal_list removals; /**< removal.c: peers on their way out */

	struct names *names;
	_Atomic bool ended;			  /**< everything is down: the loop is to end */
	void (*on_signal)(void *arg, int signal); /**< SIGINT, SIGTERM or SIGHUP came */
	void *on_signal_arg;

	/* handshake.c */
	uint64_t under_load_until;   /**< ns */
	struct wb_ratelimit sources; /**< of handshakes, while under load */

	/* ways.c */
	bool nested;		 /**< some peer is reached through another one's tunnel */
	uint64_t path_mtu_check; /**< ns, the first moment something told may be forgotten */

	struct groups *groups;	     /**< groups.c */
	struct paths *paths;	     /**< paths.c */
	struct balance *balance;     /**< balance.c */
	struct moves *moves;	     /**< moves.c */
	struct rebalance *rebalance; /**< rebalance.c */
	bool paths_stale;	     /**< tunnels or groups came or went */

	/* routes.c */
	bool sources_dirty; /**< an address of ours came or went */
	struct wb_netlink *netlink;
	struct wb_mirror *mirror;
	struct wb_rib *rib;
	struct neighbours *neighbours;
	bool ways_dirty; /**< something changed that endpoints' ways depend on */
	uint64_t neighbours_refreshed;
};

/** Runs until `ended` is set. Returns 0. */
int control_run(struct control *control);

/** Makes control's state: netlink, signals, the retire queue. On failure nothing is left. */
int control_create(struct gateway *gateway, struct control **out, struct wb_err *err);

/** Frees it; no worker may run. NULL is ignored. */
void control_destroy(struct control *control);

/* handshake.c */

/** Sends an initiation to a peer, or keeps it pending until the way to it is known. */
void handshake_begin(struct control *control, struct wb_peer *peer, uint64_t now);

/** Takes a message of type 1, 2 or 3 from the workers; frees the mbuf. */
void handshake_receive(struct control *control, struct rte_mbuf *mbuf, uint64_t now);

/** Has the seal stage send a keepalive. */
void handshake_keepalive(struct control *control, struct wb_peer *peer);

/* peers.c */

/** Makes a peer's timer. Returns 0, or -ENOMEM. */
int peer_timer_add(struct control *control, struct wb_peer *peer);
void peer_timer_remove(struct control *control, struct wb_peer *peer);

/** Sends a keepalive now, or begins a handshake if there is no key. */
void peer_keepalive_now(struct control *control, struct wb_peer *peer, uint64_t now);

void peer_timers_free(struct control *control);

/** Does what a worker asked for. */
void peer_event(struct control *control, const struct event *event, uint64_t now);

/** Runs the timers of a peer now and sets its next deadline. */
void peer_timers_run(struct control *control, struct wb_peer *peer, uint64_t now);

/** Runs all timers that are due; returns the next deadline, UINT64_MAX for none. */
uint64_t peers_run_due(struct control *control, uint64_t now);

/** A session was derived: tells the timers, and takes up what waited for it. */
void peer_session_begun(struct control *control, struct wb_peer *peer, uint64_t now);

/** The peer is there, somebody says. Our own address is the kernel's choice. */
void peer_moved_to(
	struct control *control, struct wb_peer *peer, const struct wb_endpoint *endpoint);

/** An authenticated packet came from here: the peer is there now. */
void peer_moved(struct control *control, struct wb_peer *peer, const struct wb_endpoint *remote,
	const struct wb_addr *local);

/* removal.c */

/** Adds a peer with its timer. */
int peer_add(struct control *control, struct wb_tunnel *tunnel, const struct wb_key *public_key,
	const struct wb_key *psk, struct wb_peer **out, struct wb_err *err);

/** Takes a peer away: at once for everybody but the workers, which let go of it in a moment. The
 * caller publishes the tunnel's allowed IPs. Returns 0, or -ENOMEM: it is still there. */
int peer_remove(struct control *control, struct wb_peer *peer, struct wb_err *err);

/** Takes removals further. Called every round. */
void removals_poll(struct control *control);

/** Ends all removals; no worker may run, and nothing be retired. */
void removals_finish(struct control *control);

/* ways.c */

/**
 * Finds the way to a peer's endpoint: the kernel's route, the next hop's MAC, our source address;
 * publishes the header template, or takes it away while the next hop is unknown.
 * @return true if the peer can be reached.
 */
bool way_update(struct control *control, struct wb_peer *peer);

/** way_update() for every peer of a tunnel that has an endpoint, and of all tunnels. */
void ways_update_tunnel(struct control *control, struct wb_tunnel *tunnel);
void ways_update_all(struct control *control, uint64_t now);

/** A tunnel is on its way out: no other one's packets go through it any more. */
void ways_leave_tunnel(struct control *control, unsigned id);

/** A router says that packets to an endpoint are too long for its next link; believed for ten
 * minutes, if they may be ours. */
void way_path_mtu(struct control *control, const struct event *event, uint64_t now);

/** Forgets what was told too long ago. Called every round. */
void ways_path_mtus_forget(struct control *control, uint64_t now);

/* links.c */

/** A link of the kernel's changed: if it is under one of our ports, its frames go elsewhere. */
void links_carrier(struct control *control, const char *ifname, bool carrier);

/** Runs LACP and measures rates. Called every round. */
void links_poll(struct control *control, uint64_t now);

/** Takes leave of LACP partners; workers still run, for a moment more. */
void links_leave(struct control *control);

/* routes.c */

/** Reads the kernel's state into the FIB and follows it from now on. */
int routes_start(struct control *control, struct wb_err *err);
void routes_stop(struct control *control);

/** Chooses the addresses ICMP errors come from anew, if ours have changed. Called every round. */
void routes_icmp_sources(struct control *control);

/** A tunnel's TUN has lost its place in gateway->tunnels: the FIB forgets the tunnel. */
void routes_link_gone(struct control *control, int ifindex);

/** Asks the kernel to prove the neighbours the fast path uses, since it sees none of the packets
 * that would make it do so. Called from time to time. */
void routes_refresh_neighbours(struct control *control, uint64_t now);

/** The MAC of a resolved neighbour behind a port's TAP. False: not known. */
bool routes_neighbour(
	const struct control *control, unsigned port, const struct wb_addr *addr, uint8_t mac[6]);

#endif
