/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The stages: one file each, all called by worker lcores alone.
 */
#ifndef WB_APP_STAGES_H
#define WB_APP_STAGES_H

#include "kernel/tuntap.h"

#include "worker.h"

/** Polls a port, parses once, classifies: to a tunnel, onward, or to the kernel. */
unsigned stage_rx_run(struct stage *stage, struct worker *worker);

/** Takes transport data of one tunnel; stage_open_finish() opens it and forwards what was inside.
 */
unsigned stage_open_run(struct stage *stage, struct worker *worker);

/** Opens what open stages have taken. A worker calls it when it has run all of its own; they do
 * when there is little room left. */
void stage_open_finish(struct worker *worker);

/** Takes what is to leave by one tunnel; stage_seal_finish() seals it and gives it its outer
 * headers. */
unsigned stage_seal_run(struct stage *stage, struct worker *worker);

/** Seals what seal stages have taken, as stage_open_finish(). */
void stage_seal_finish(struct worker *worker);

/** A worker's part of them; free with rte_free(). NULL when memory is out. Control. */
struct open_burst *open_burst_create(void);
struct seal_burst *seal_burst_create(void);

/** Hands packets to a port's PMD, and keeps a bond's LACP served. */
unsigned stage_tx_run(struct stage *stage, struct worker *worker);

/** Between a port and its TAP netdev. */
unsigned stage_tap_run(struct stage *stage, struct worker *worker);

/** Between a tunnel and its TUN netdev. */
unsigned stage_tun_run(struct stage *stage, struct worker *worker);

/** What a worker asks after its devices with: an epoll descriptor, or -1. Control. */
int devices_open(void);

/** Has a worker ask after a device no more that is about to be closed. Control; the device's stage
 * has been marked as stopped. */
void device_forget(struct worker *worker, const struct wb_tuntap *device);

/** Notes which devices of the worker's stages can be read from. */
void devices_poll(struct worker *worker);

#endif
