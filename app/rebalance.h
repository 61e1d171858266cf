/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * With `[lcores] balance = auto`: when a worker has too much to do and another has room, half of a
 * tunnel moves to that. Control's, under the gateway's lock.
 */
#ifndef WB_APP_REBALANCE_H
#define WB_APP_REBALANCE_H

#include "control.h"

struct rebalance;

struct rebalance *rebalance_create(void);
void rebalance_free(struct rebalance *rebalance);

/** Looks once a second. Called every round. */
void rebalance_poll(struct control *control, uint64_t now);

#endif
