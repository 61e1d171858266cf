/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "uapi/wgquick.h"

void wb_notices_add(struct wb_notices *notices, const char *format, ...)
{
	va_list args;
	char **texts, *text;
	int length;

	if (notices == NULL)
		return;
	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		return;
	texts = realloc(notices->texts, (notices->n + 1) * sizeof(*texts));
	if (texts == NULL) {
		free(text);
		return;
	}
	notices->texts = texts;
	notices->texts[notices->n++] = text;
}

void wb_notices_free(struct wb_notices *notices)
{
	for (unsigned i = 0; i < notices->n; i++)
		free(notices->texts[i]);
	free(notices->texts);
	*notices = (struct wb_notices){.n = 0};
}
