/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * libbsd's red-black trees; their "static" form uses a macro that glibc does not have.
 */
#ifndef WB_BASE_TREE_H
#define WB_BASE_TREE_H

#include <bsd/sys/tree.h>

/** RB_GENERATE_STATIC, some of whose functions may stay unused. */
#define WB_RB_GENERATE(name, type, field, compare)                                                 \
	RB_GENERATE_INTERNAL(name, type, field, compare, static __attribute__((unused)))

#endif
