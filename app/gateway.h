/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The gateway as a whole: what control builds, and workers read.
 */
#ifndef WB_APP_GATEWAY_H
#define WB_APP_GATEWAY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>

#include "fib/fib.h"
#include "kernel/tuntap.h"
#include "port/port.h"
#include "stats/counters.h"
#include "wg/tunnel.h"

#include "config.h"
#include "placement.h"
#include "plan.h"

/** A port and its TAP. */
struct gateway_port {
	struct wb_port *port;
	struct wb_tuntap *tap;
	int ifindex;  /**< of the TAP */
	uint16_t mtu; /**< bytes of an IP packet */
	bool balance; /**< control moves tunnels between members (balance.c) */
	uint8_t mac[6];
	uint64_t believed; /**< what its driver tells of checksums (ip_check.h) */
};

/** Our addresses that ICMP errors come from; family 0: there is none. */
struct icmp_sources {
	struct wb_addr v4, v6;
};

/** A tunnel's TUN, and how far it is on its way out. */
struct gateway_tunnel {
	struct wb_tunnel *tunnel; /**< NULL: no tunnel has this id */
	struct wb_tuntap *tun;
	_Atomic(struct icmp_sources *) icmp_sources;
	int ifindex;	   /**< of the TUN; 0: no route leads there any more */
	unsigned removals; /**< peers on their way out */
	bool closing;
	bool unreachable; /**< no worker sends packets to its stages any more */
	bool stopping;	  /**< its stages were taken from the workers */
	bool stopped;	  /**< no worker runs them any more */
};

struct gateway {
	/* Read by workers. */
	struct plan plan;
	struct gateway_port ports[PORTS_MAX];
	struct gateway_tunnel tunnels[WB_TUNNELS_MAX];
	uint16_t n_ports;
	struct wb_tunnels *wg;
	struct wb_fib *fib;
	struct rte_mempool *pool;    /**< packets of workers */
	struct rte_ring *handshakes; /**< messages of types 1 to 3, workers → control */
	struct rte_rcu_qsbr *qsbr;
	uint64_t probe_cookie; /**< that replies to our probes bring back */
	bool poll_always;
	bool mss_clamp;
	uint8_t flow_options; /**< WB_FLOW_SYMMETRIC, WB_FLOW_INNER */
	atomic_bool stopping;

	/* Control's own. */
	struct placement placement;   /**< what the plan is made by */
	bool rebalance;		      /**< tunnels move away from workers with too much to do */
	uint64_t group_idle;	      /**< ns after which a bucket in use may move */
	uint64_t group_force;	      /**< ns after which it must; 0: never */
	uint16_t mtu_max;	      /**< of tunnels: what the packets' buffers have room for */
	struct wb_counters *counters; /**< one for each worker, then control's */
	struct wb_counters *control_count;
	struct rte_mempool *control_pool; /**< packets that control makes: it alone takes from it */
	struct control *control;
	pthread_mutex_t lock; /**< by gateway_lock() */
	atomic_uint waiting;  /**< threads that want the lock */
};

/** Takes the lock that all but the workers work under: control for each round, other threads for
 * moments. Control lets go of it for those who wait, however much it has to do. */
static inline void gateway_lock(struct gateway *gateway)
{
	atomic_fetch_add(&gateway->waiting, 1);
	pthread_mutex_lock(&gateway->lock);
	atomic_fetch_sub(&gateway->waiting, 1);
}

static inline void gateway_unlock(struct gateway *gateway)
{
	pthread_mutex_unlock(&gateway->lock);
}

/** The port or tunnel whose netdev has this index; -1: none. */
static inline int gateway_port_by_ifindex(const struct gateway *gateway, int ifindex)
{
	for (unsigned i = 0; i < gateway->n_ports; i++)
		if (gateway->ports[i].ifindex == ifindex)
			return (int)i;
	return -1;
}

static inline int gateway_tunnel_by_ifindex(const struct gateway *gateway, int ifindex)
{
	for (unsigned i = 0; i < gateway->wg->n; i++)
		if (gateway->tunnels[i].ifindex == ifindex)
			return (int)i;
	return -1;
}

#endif
