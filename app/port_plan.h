/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The port plan of a configuration: which of its tunnels leave by a bond to a known address, and
 * how they and their answers spread over the members.
 */
#ifndef WB_APP_PORT_PLAN_H
#define WB_APP_PORT_PLAN_H

#include "port/spread.h"

#include "config.h"

/** A bond, and the tunnels that leave by it. */
struct port_plan {
	const struct config_port *port;
	struct wb_spread_sides sides;
	unsigned n;
	struct wb_wgquick *tunnels[CONFIG_TUNNELS_MAX];
	struct wb_spread_tunnel now[CONFIG_TUNNELS_MAX];
	struct wb_spread_tunnel proposed[CONFIG_TUNNELS_MAX];
	struct wb_spread_judgement judged_now, judged_proposed;
};

/** What is assumed of the other side. */
struct port_plan_far {
	bool hash_given; /**< else it is as ours */
	enum wb_far_hash hash;
	unsigned links;	    /**< 0: as many as ours */
	uint16_t base_port; /**< the least port to propose */
};

/** Tunnels with several peers, or whose peer is at no fixed address, are in no plan: they are told
 * of in `config`'s notices. */
void port_plan_make(struct wb_config *config, const struct config_port *port,
	const struct port_plan_far *far, struct port_plan *plan);

/** Whether the proposal is better than what there is. */
bool port_plan_is_better(const struct port_plan *plan);

/** Whether the proposal changes a tunnel's ports. */
bool port_plan_changes(const struct port_plan *plan, unsigned tunnel);

/** Writes the proposed ports into the tunnels' files: nothing else of them changes, and none does
 * if one cannot be written. */
int port_plan_apply(const struct port_plan *plan, struct wb_err *err);

#endif
