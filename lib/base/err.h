/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * An error a person can act on. Functions that can fail on bad input take a `struct wb_err *`
 * as their last argument, fill it once, and return a negative errno.
 */
#ifndef WB_BASE_ERR_H
#define WB_BASE_ERR_H

/** One error message, without a trailing newline. Owned by the caller, usually on its stack. */
struct wb_err {
	char text[512];
};

/**
 * Sets the message, printf-style, cutting it at the size of the buffer.
 * @param err    where to put it; may be NULL, then nothing is kept.
 * @param errnum positive errno value to return negated.
 * @return -errnum, so that `return wb_err_set(err, EINVAL, "...")` reads well.
 */
int wb_err_set(struct wb_err *err, int errnum, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** Puts "CONTEXT: " in front of a message already set. Returns errnum unchanged (negative). */
int wb_err_prefix(struct wb_err *err, int errnum, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
