/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Inside lib/fib: the lookup tables of DPDK, their sizes, and their renewal. Control thread.
 */
#ifndef WB_FIB_TABLES_H
#define WB_FIB_TABLES_H

#include "fib/fib.h"

/** Makes both tables by the configuration. On failure wb_tables_free() frees what is there.
 * @return 0, -EINVAL, -EEXIST or -ENOMEM. */
int wb_tables_create(struct wb_fib *fib, const struct wb_fib_config *config, struct wb_err *err);

/** Frees both. */
void wb_tables_free(struct wb_fib *fib);

/**
 * Replaces the IPv6 table by a copy. rte_fib6 (22.11) reserves second-level tables for a route
 * longer than 24 bits when it comes, and forgets to give the reservation back when it goes, so
 * after some thousand neighbours it would refuse every new one. Needs the memory of a second table
 * for as long as it takes.
 * @return 0; -ENOSPC: the table is full, not worn; -ENOMEM: no memory for a second one.
 */
int wb_tables_rebuild6(struct wb_fib *fib);

#endif
