/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Frees what workers may still be reading once they all were quiescent (rte_rcu_qsbr).
 */
#ifndef WB_APP_RETIRE_H
#define WB_APP_RETIRE_H

#include <rte_rcu_qsbr.h>

#include "wg/retire.h"

struct retire_queue;

/** Makes the queue. Under the gateway's lock, as all calls here. NULL when memory is out. */
struct retire_queue *retire_create(struct rte_rcu_qsbr *qsbr);

/** Queues an object; the signature lib rooms are handed. `queue` is a struct retire_queue. */
void retire_later(void *queue, void *object, void (*free_fn)(void *));

/** Frees what may be freed by now; never waits. Returns how many objects still wait. */
unsigned retire_poll(struct retire_queue *queue);

/** Frees everything. No worker may run. */
void retire_flush(struct retire_queue *queue);

/** Frees everything and the queue. No worker may run. */
void retire_destroy(struct retire_queue *queue);

/** The queue as lib rooms want it. */
struct wb_retire retire_handle(struct retire_queue *queue);

#endif
