/* SPDX-License-Identifier: BSD-3-Clause */
/* What is placed, as people write it: "wg0 seal 2". */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ini/value.h"
#include "placement.h"

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=+.-"

/* The greatest CPU of a configuration's lists. */
#define CPU_MAX 1023

static int part_parse(const char *text, struct placement_parts *what, struct wb_err *err)
{
	static const char *const words[] = {"rx", "tap", "tx", "seal", "open", NULL};
	unsigned choice;

	what->queue = -1;
	if (strncmp(text, "rx", 2) == 0 && strlen(text) <= 4 && text[2] != '\0' &&
		strspn(text + 2, "0123456789") == strlen(text + 2)) {
		what->parts = PLACEMENT_RX;
		what->queue = atoi(text + 2);
		return 0;
	}
	if (wb_value_choice(text, words, &choice, NULL) < 0)
		return wb_err_set(err, EINVAL,
			"'%.40s' is no part, expected seal or open of a tunnel, or rx, rx0, tap or "
			"tx of a port",
			text);
	what->parts = 1u << choice;
	return 0;
}

int placement_parse(
	const char *text, struct placement_parts *what, uint16_t *cpu, struct wb_err *err)
{
	char words[3][64], more;
	int n = sscanf(text, "%63s %63s %63s %c", words[0], words[1], words[2], &more);
	size_t length = n > 0 ? strlen(words[0]) : 0;
	uint32_t number;
	int rc = 0;

	if (n != 2 && n != 3)
		return wb_err_set(err, EINVAL,
			"'%.60s' places nothing, expected NAME [PART] CPU, as in wg0 seal 2", text);
	if (length >= IFNAMSIZ || strspn(words[0], NAME_CHARACTERS) != length ||
		strcmp(words[0], ".") == 0 || strcmp(words[0], "..") == 0)
		return wb_err_set(err, EINVAL,
			"'%.40s' names no interface, expected 1 to 15 letters, digits and _=+.-",
			words[0]);
	memset(what, 0, sizeof(*what));
	memcpy(what->name, words[0], length + 1);
	what->parts = PLACEMENT_ALL;
	what->queue = -1;
	if (n == 3)
		rc = part_parse(words[1], what, err);
	if (rc == 0)
		rc = wb_value_unsigned(words[n - 1], 0, CPU_MAX, &number, err);
	if (rc == 0)
		*cpu = (uint16_t)number;
	return rc;
}

int placement_parts_check(const struct placement_parts *what, unsigned queues, struct wb_err *err)
{
	unsigned right = queues > 0 ? PLACEMENT_PORT : PLACEMENT_TUNNEL;

	if ((what->parts & right) == 0)
		return wb_err_set(err, EINVAL, "%s is a %s, expected %s", what->name,
			queues > 0 ? "port" : "tunnel",
			queues > 0 ? "rx, tap or tx of it" : "seal or open of it");
	if (what->queue >= 0 && (unsigned)what->queue >= queues)
		return wb_err_set(err, EINVAL,
			"%s has no rx queue %d, expected rx0 to rx%u (see rx-queues)", what->name,
			what->queue, queues - 1);
	return 0;
}

bool placement_overlap(const struct placement_parts *a, const struct placement_parts *b)
{
	unsigned common = a->parts & b->parts;

	if (strcmp(a->name, b->name) != 0 || common == 0)
		return false;
	return common != PLACEMENT_RX || a->queue < 0 || b->queue < 0 || a->queue == b->queue;
}
