/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * What no single line shows: whether the whole configuration agrees with itself.
 */
#ifndef WB_APP_CONFIG_CHECK_H
#define WB_APP_CONFIG_CHECK_H

#include "config.h"

/** Returns 0, or a negative errno; err says FILE:LINE. Adds notices. */
int config_check(struct wb_config *config, struct wb_err *err);

#endif
