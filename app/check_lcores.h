/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * `wirebraid check` on the lcore plan.
 */
#ifndef WB_APP_CHECK_LCORES_H
#define WB_APP_CHECK_LCORES_H

#include "config.h"

/** Prints which worker will run what, by the names that `wirebraid show lcores` has for it. */
void check_lcores_print(const struct wb_config *config);

#endif
