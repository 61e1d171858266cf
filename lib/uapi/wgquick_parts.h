/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Between the files of wgquick; for nobody else.
 */
#ifndef WB_UAPI_WGQUICK_PARTS_H
#define WB_UAPI_WGQUICK_PARTS_H

#include "uapi/wgquick.h"

/** Every peer has a key, and no two have the same. */
int wb_wgquick_peers_check(const struct wb_wgquick *file, struct wb_err *err);

/** Notes prefixes that more than one peer has: as with wg(8) the later one has it, but that is
 * seldom what was meant. */
int wb_wgquick_claims_check(
	const struct wb_wgquick *file, struct wb_notices *notices, struct wb_err *err);

#endif
