/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Which worker is to run what: the lcore plan as a pure function of workers, ports and written
 * rules. `check` prints what comes of it, and `run` makes it. Needs no DPDK; any thread.
 */
#ifndef WB_APP_PLACEMENT_H
#define WB_APP_PLACEMENT_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define PLACEMENT_WORKERS_MAX 64
#define PLACEMENT_PORTS_MAX   16
#define PLACEMENT_QUEUES_MAX  16
#define PLACEMENT_RULES_MAX   256

/** Bytes of a stage's name, the end included: "rx15:" and an interface's. */
#define PLACEMENT_NAME_MAX 24

/** A NUMA node that is not known: near to all. */
#define PLACEMENT_NODE_ANY (-1)

/** What is placed as one: a tunnel's TUN goes with its seal. Bits, so that a rule can be about
 * several. */
enum placement_part {
	PLACEMENT_RX = 1,
	PLACEMENT_TAP = 2,
	PLACEMENT_TX = 4,
	PLACEMENT_SEAL = 8,
	PLACEMENT_OPEN = 16,
};

#define PLACEMENT_PORT	 (PLACEMENT_RX | PLACEMENT_TAP | PLACEMENT_TX)
#define PLACEMENT_TUNNEL (PLACEMENT_SEAL | PLACEMENT_OPEN)
#define PLACEMENT_ALL	 (PLACEMENT_PORT | PLACEMENT_TUNNEL)

/** Parts of a port or tunnel, as rules and orders name them: "wg0", "wg0 seal", "bond0 rx1". */
struct placement_parts {
	char name[IFNAMSIZ];
	unsigned parts; /**< bits of enum placement_part */
	int queue;	/**< the rx queue; -1: all */
};

/** "place = PARTS CPU". */
struct placement_rule {
	struct placement_parts what;
	uint16_t cpu;
	unsigned line;
};

struct placement {
	unsigned n_workers, n_ports, n_rules;
	struct {
		uint16_t cpu;
		int node;
	} workers[PLACEMENT_WORKERS_MAX];
	struct {
		char name[IFNAMSIZ];
		int node;
		unsigned queues; /**< of rx */
	} ports[PLACEMENT_PORTS_MAX];
	struct placement_rule rules[PLACEMENT_RULES_MAX];
};

/** Workers, by place, of the ports' stages. */
struct placement_of_ports {
	uint8_t rx[PLACEMENT_PORTS_MAX][PLACEMENT_QUEUES_MAX];
	uint8_t tap[PLACEMENT_PORTS_MAX];
	uint8_t tx[PLACEMENT_PORTS_MAX];
};

/** Stages that a worker has already. */
struct placement_load {
	unsigned rx, seals, opens;
};

/**
 * Places the ports. What no rule is about goes to a worker on the port's NUMA node, if there is
 * one: each rx queue to the one with the fewest, the others with the first queue.
 */
void placement_of_ports(const struct placement *placement, struct placement_of_ports *out);

/**
 * Places a tunnel. What no rule is about goes to the workers with the fewest stages, of equals to
 * one on a port's NUMA node; seal and open to different ones if there are two; not to the first
 * port's if there are three.
 * @param load n_workers of what the workers have by now; the tunnel is added.
 */
void placement_of_tunnel(const struct placement *placement, const char *name,
	struct placement_load *load, unsigned *seal, unsigned *open);

/** Counts what the ports are to their workers. */
void placement_ports_load(const struct placement *placement, const struct placement_of_ports *ports,
	struct placement_load *load);

/** The rule about a part; NULL: none. @param queue for PLACEMENT_RX. */
const struct placement_rule *placement_rule(
	const struct placement *placement, const char *name, enum placement_part part, int queue);

/** The place of the worker on a CPU; -1: there is none. */
int placement_worker(const struct placement *placement, unsigned cpu);

/** A stage's name: "seal:wg0", "rx:bond0", or "rx1:bond0" where there are several queues. */
void placement_stage_name(
	const char *kind, const char *object, int queue, char out[PLACEMENT_NAME_MAX]);

/**
 * Takes "NAME [PART] CPU" apart.
 * @return 0, or -EINVAL with what was expected.
 */
int placement_parse(
	const char *text, struct placement_parts *what, uint16_t *cpu, struct wb_err *err);

/** Whether parts can be those of a port with so many rx queues, or of a tunnel (0).
 * @return 0, or -EINVAL with what was expected. */
int placement_parts_check(const struct placement_parts *what, unsigned queues, struct wb_err *err);

/** Whether two rules or orders are about the same stage. */
bool placement_overlap(const struct placement_parts *a, const struct placement_parts *b);

#endif
