/* SPDX-License-Identifier: BSD-3-Clause */
#include "retire.h"

#include <stdlib.h>
#include <sys/queue.h>

struct retired {
	STAILQ_ENTRY(retired) entry;
	uint64_t token;
	void *object;
	void (*free_fn)(void *);
};

struct retire_queue {
	STAILQ_HEAD(, retired) list;
	struct rte_rcu_qsbr *qsbr;
	unsigned count;
};

struct retire_queue *retire_create(struct rte_rcu_qsbr *qsbr)
{
	struct retire_queue *queue = calloc(1, sizeof(*queue));

	if (queue == NULL)
		return NULL;
	STAILQ_INIT(&queue->list);
	queue->qsbr = qsbr;
	return queue;
}

void retire_later(void *arg, void *object, void (*free_fn)(void *))
{
	struct retire_queue *queue = arg;
	struct retired *retired = malloc(sizeof(*retired));

	if (retired == NULL) {
		/* No memory to remember it by: wait it out here. */
		rte_rcu_qsbr_synchronize(queue->qsbr, RTE_QSBR_THRID_INVALID);
		free_fn(object);
		return;
	}
	retired->object = object;
	retired->free_fn = free_fn;
	retired->token = rte_rcu_qsbr_start(queue->qsbr);
	STAILQ_INSERT_TAIL(&queue->list, retired, entry);
	queue->count++;
}

static void free_first(struct retire_queue *queue)
{
	struct retired *retired = STAILQ_FIRST(&queue->list);

	STAILQ_REMOVE_HEAD(&queue->list, entry);
	queue->count--;
	retired->free_fn(retired->object);
	free(retired);
}

unsigned retire_poll(struct retire_queue *queue)
{
	while (!STAILQ_EMPTY(&queue->list) &&
		rte_rcu_qsbr_check(queue->qsbr, STAILQ_FIRST(&queue->list)->token, false) == 1)
		free_first(queue);
	return queue->count;
}

void retire_flush(struct retire_queue *queue)
{
	while (!STAILQ_EMPTY(&queue->list))
		free_first(queue);
}

void retire_destroy(struct retire_queue *queue)
{
	if (queue == NULL)
		return;
	retire_flush(queue);
	free(queue);
}

struct wb_retire retire_handle(struct retire_queue *queue)
{
	return (struct wb_retire){.fn = retire_later, .arg = queue};
}
