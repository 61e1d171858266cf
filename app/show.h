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

void show_ports_print(const json_t *ports);
void show_tunnels_print(const json_t *tunnels);
void show_routes_print(const json_t *routes);
void show_paths_print(const json_t *paths);
void show_groups_print(const json_t *groups);
void show_drops_print(const json_t *drops);
void show_lcores_print(const json_t *lcores);

#endif
