/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The one parser of INI files: the gateway's configuration and wg-quick's files. Lines of any
 * length; a comment begins with '#'. Where the file's kind has ';' for comments too, both begin one
 * only at the start of a line or behind a blank.
 */
#ifndef WB_INI_INI_H
#define WB_INI_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/** Files longer than this are refused. */
#define WB_INI_SIZE_MAX (64u << 20)

/** What reads the file. Each call returns 0, or a negative errno with err set to what is wrong and
 * what was expected; the parser puts "file:line" in front. */
struct wb_ini_reader {
	/** "[NAME]" or "[NAME ARGUMENT]"; argument is "" if there is none. */
	int (*section)(void *arg, const char *name, const char *argument, unsigned line,
		struct wb_err *err);
	/** "KEY = VALUE" inside a section, both without blanks around. `value` may be changed. */
	int (*key)(void *arg, const char *key, char *value, unsigned line, struct wb_err *err);
	void *arg;
	bool semicolon_comments;
};

/** Reads a file. The bytes are wiped afterwards: they may hold keys.
 * @return 0, or a negative errno; err says "FILE:LINE: ..." or "FILE: ...". */
int wb_ini_read(const char *path, const struct wb_ini_reader *reader, struct wb_err *err);

/** The same for bytes in memory, which are changed. */
int wb_ini_parse(const char *path, char *text, size_t length, const struct wb_ini_reader *reader,
	struct wb_err *err);

#endif
