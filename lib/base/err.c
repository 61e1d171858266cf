/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int wb_err_set(struct wb_err *err, int errnum, const char *format, ...)
{
	va_list args;

	if (err == NULL)
		return -errnum;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return -errnum;
}

int wb_err_prefix(struct wb_err *err, int errnum, const char *format, ...)
{
	struct wb_err inner;
	va_list args;
	size_t used;

	if (err == NULL)
		return errnum;
	inner = *err;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", inner.text);
	return errnum;
}
