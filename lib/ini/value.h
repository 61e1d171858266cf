/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Values of INI files. Each call returns 0, or -EINVAL with "'VALUE' is ..., expected ...".
 */
#ifndef WB_INI_VALUE_H
#define WB_INI_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

/** A decimal number, or hexadecimal behind 0x, from min to max. */
int wb_value_unsigned(
	const char *text, uint32_t min, uint32_t max, uint32_t *out, struct wb_err *err);

/** A share as a percentage with at most one decimal, as 2% or 0.5%, up to max per mille. */
int wb_value_per_mille(const char *text, uint32_t max, uint32_t *out, struct wb_err *err);

/** A time with its unit, as 100ms or 30s, from min to max milliseconds. */
int wb_value_time(const char *text, uint32_t min, uint32_t max, uint32_t *ms, struct wb_err *err);

/** One of the words, which end with NULL; gives its place. */
int wb_value_choice(const char *text, const char *const *words, unsigned *out, struct wb_err *err);

/** A list like "1,3-5": each number not above max is set in `set`, which has max + 1 places. */
int wb_value_ranges(const char *text, uint32_t max, bool *set, struct wb_err *err);

/** A prefix; a bare address is a host's. */
int wb_value_prefix(const char *text, struct wb_prefix *out, struct wb_err *err);

/** An address. */
int wb_value_addr(const char *text, struct wb_addr *out, struct wb_err *err);

/** The next item of a list separated by commas, without blanks around it; NULL at the end. `*rest`
 * begins as the list and is changed. An empty list has no items. */
char *wb_value_next(char **rest);

#endif
