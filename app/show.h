/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The parts of `wirebraid show`: each gathers one JSON document from the gateway, and prints one as
 * tables of at most 80 columns.
 */
#ifndef WB_APP_SHOW_H
#define WB_APP_SHOW_H

#include "client.h"

/** NULL, and err, if the gateway does not answer. */
json_t *show_ports_gather(struct client *client, struct wb_err *err);
json_t *show_tunnels_gather(struct client *client, struct wb_err *err);
json_t *show_routes_gather(struct client *client, struct wb_err *err);
json_t *show_paths_gather(struct client *client, struct wb_err *err);
json_t *show_groups_gather(struct client *client, struct wb_err *err);
json_t *show_drops_gather(struct client *client, struct wb_err *err);
json_t *show_lcores_gather(struct client *client, struct wb_err *err);

/** A tunnel's packets by member; what each port knows of it. */
json_t *show_arrivals_gather(struct client *client, const char *tunnel);
void show_arrivals_print(const json_t *ports);

/** Tunnels that were moved between members; printed are those of one. */
json_t *show_moves_gather(struct client *client);
void show_moves_print(const json_t *moves, const char *tunnel);

/** What a bond's members carry. */
void show_spread_print(const json_t *spread);

void show_ports_print(const json_t *ports);
void show_tunnels_print(const json_t *tunnels);
void show_routes_print(const json_t *routes);
void show_paths_print(const json_t *paths);
void show_groups_print(const json_t *groups);
void show_drops_print(const json_t *drops);
void show_lcores_print(const json_t *lcores);

#endif
