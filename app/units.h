/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Numbers as people read them. Each writes into `out` and returns it.
 */
#ifndef WB_APP_UNITS_H
#define WB_APP_UNITS_H

#include <stdint.h>

#define UNITS_STRLEN 48

/** "1.21 GiB", as wg(8) writes transfers. */
const char *units_bytes(uint64_t bytes, char out[UNITS_STRLEN]);

/** "12.3 M": packets, events. */
const char *units_count(uint64_t count, char out[UNITS_STRLEN]);

/** "940.00 Mbit/s". */
const char *units_rate(uint64_t bits_per_second, char out[UNITS_STRLEN]);

/** "1 hour, 2 minutes, 3 seconds ago", as wg(8) writes handshakes; "Now" for 0. */
const char *units_ago(uint64_t seconds, char out[UNITS_STRLEN]);

#endif
