/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The telemetry commands by subject. Each is given what stands behind the command's comma ("" if
 * nothing does) and fills `data`; it runs under the gateway's lock.
 *
 * rte_telemetry's limits: 128 bytes a string, 256 entries a dict, 512 an array, 16 KiB a reply.
 * Hence one command that lists names, and one that tells of one of them.
 */
#ifndef WB_APP_TELEMETRY_COMMANDS_H
#define WB_APP_TELEMETRY_COMMANDS_H

#include <rte_telemetry.h>
#include <rte_version.h>

#include "gateway.h"

/* 23.03 renamed the calls for unsigned numbers. */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
#define rte_tel_data_add_dict_u64 rte_tel_data_add_dict_uint
#endif

typedef int (*telemetry_fn)(struct gateway *gateway, const char *params, struct rte_tel_data *data);

/** "/wirebraid/ports": names. "/wirebraid/port,NAME". "/wirebraid/member,NAME:INDEX". */
int telemetry_ports(struct gateway *gateway, const char *params, struct rte_tel_data *data);
int telemetry_port(struct gateway *gateway, const char *params, struct rte_tel_data *data);
int telemetry_member(struct gateway *gateway, const char *params, struct rte_tel_data *data);

/** "/wirebraid/tunnels": names. "/wirebraid/tunnel,NAME". "/wirebraid/peer,NAME:INDEX".
 * "/wirebraid/allowed,NAME:INDEX:FROM": up to 256 prefixes of a peer. */
int telemetry_tunnels(struct gateway *gateway, const char *params, struct rte_tel_data *data);
int telemetry_tunnel(struct gateway *gateway, const char *params, struct rte_tel_data *data);
int telemetry_peer(struct gateway *gateway, const char *params, struct rte_tel_data *data);
int telemetry_allowed(struct gateway *gateway, const char *params, struct rte_tel_data *data);

/** "/wirebraid/routes,FROM": up to 64 prefixes that lead into tunnels. "/wirebraid/route,PREFIX":
 * the tunnels of one. */
int telemetry_routes(struct gateway *gateway, const char *params, struct rte_tel_data *data);
int telemetry_route(struct gateway *gateway, const char *params, struct rte_tel_data *data);

/** "/wirebraid/paths": the tunnels that are paths. "/wirebraid/path,NAME": how one is.
 * "/wirebraid/path_event,NAME:INDEX": what happened to it, the latest first.
 * "/wirebraid/path_history,NAME:SPAN": the last minute by second (0), the last hour by minute (1).
 */
int telemetry_paths(struct gateway *gateway, const char *params, struct rte_tel_data *data);
int telemetry_path(struct gateway *gateway, const char *params, struct rte_tel_data *data);
int telemetry_path_event(struct gateway *gateway, const char *params, struct rte_tel_data *data);
int telemetry_path_history(struct gateway *gateway, const char *params, struct rte_tel_data *data);

/** "/wirebraid/groups,FROM": up to 256 ids of groups. "/wirebraid/group,ID".
 * "/wirebraid/group_path,ID:INDEX": a tunnel of one. */
int telemetry_groups(struct gateway *gateway, const char *params, struct rte_tel_data *data);
int telemetry_group(struct gateway *gateway, const char *params, struct rte_tel_data *data);
int telemetry_group_path(struct gateway *gateway, const char *params, struct rte_tel_data *data);

/** "/wirebraid/spread,PORT": what a bond's members carry. "/wirebraid/spread_move,INDEX": tunnels
 * moved between members, the latest first. "/wirebraid/arrivals,TUNNEL:PORT_INDEX": a tunnel's
 * packets sent and received by each member of a port. */
int telemetry_spread(struct gateway *gateway, const char *params, struct rte_tel_data *data);
int telemetry_spread_move(struct gateway *gateway, const char *params, struct rte_tel_data *data);
int telemetry_arrivals(struct gateway *gateway, const char *params, struct rte_tel_data *data);

/** "/wirebraid/lcores": numbers of workers. "/wirebraid/lcore,NUMBER". "/wirebraid/stage,
 * NUMBER:INDEX": what one of its stages took. "/wirebraid/stage_move,INDEX": stages moved between
 * workers, the latest first. */
int telemetry_lcores(struct gateway *gateway, const char *params, struct rte_tel_data *data);
int telemetry_lcore(struct gateway *gateway, const char *params, struct rte_tel_data *data);
int telemetry_stage(struct gateway *gateway, const char *params, struct rte_tel_data *data);
int telemetry_stage_move(struct gateway *gateway, const char *params, struct rte_tel_data *data);

/** Adds a list of numbers to a dict. */
void telemetry_numbers_put(
	struct rte_tel_data *data, const char *name, const uint64_t *values, unsigned n);

/** The index of a port with this name; -1: none has it. */
int telemetry_port_index(const struct gateway *gateway, const char *name);

/** "NAME:INDEX" or "NAME:INDEX:FROM" taken apart; missing numbers are 0. */
void telemetry_split(const char *params, char *name, size_t size, unsigned *index, unsigned *from);

#endif
