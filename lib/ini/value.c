/* SPDX-License-Identifier: BSD-3-Clause */
#include "ini/value.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits only: no sign, no blanks, no octal. */
static bool number(const char *text, uint32_t *out)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	unsigned long long value;
	char *end;

	if (*digits == '\0' ||
		strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != strlen(digits))
		return false;
	errno = 0;
	value = strtoull(digits, &end, hex ? 16 : 10);
	if (errno != 0 || value > UINT32_MAX)
		return false;
	*out = (uint32_t)value;
	return true;
}

int wb_value_unsigned(
	const char *text, uint32_t min, uint32_t max, uint32_t *out, struct wb_err *err)
{
	uint32_t value;

	if (!number(text, &value) || value < min || value > max)
		return wb_err_set(
			err, EINVAL, "'%.60s' is out of range, expected %u to %u", text, min, max);
	*out = value;
	return 0;
}

/* "100ms", or "30s" where that is as good. */
static const char *time_text(uint32_t ms, char out[16])
{
	if (ms % 1000 == 0)
		snprintf(out, 16, "%us", ms / 1000);
	else
		snprintf(out, 16, "%ums", ms);
	return out;
}

int wb_value_time(const char *text, uint32_t min, uint32_t max, uint32_t *ms, struct wb_err *err)
{
	size_t length = strspn(text, "0123456789");
	uint64_t unit = strcmp(text + length, "ms") == 0 ? 1
		: strcmp(text + length, "s") == 0	 ? 1000
							 : 0;
	char digits[12] = "", least[16], most[16];
	uint32_t value;

	if (length < sizeof(digits))
		memcpy(digits, text, length);
	if (unit == 0 || !number(digits, &value) || value * unit < min || value * unit > max)
		return wb_err_set(err, EINVAL,
			"'%.60s' is no time or out of range, expected %s to %s", text,
			time_text(min, least), time_text(max, most));
	*ms = (uint32_t)(value * unit);
	return 0;
}

int wb_value_per_mille(const char *text, uint32_t max, uint32_t *out, struct wb_err *err)
{
	size_t whole = strspn(text, "0123456789");
	const char *rest = text + whole;
	char digits[8] = "";
	uint32_t value = 0, tenths = 0;
	bool good = whole > 0 && whole < sizeof(digits);

	if (good)
		memcpy(digits, text, whole);
	if (good && rest[0] == '.' && isdigit((unsigned char)rest[1])) {
		tenths = (uint32_t)(rest[1] - '0');
		rest += 2;
	}
	good = good && strcmp(rest, "%") == 0 && number(digits, &value);
	if (!good || value * 10 + tenths > max)
		return wb_err_set(err, EINVAL,
			"'%.60s' is no percentage or out of range, expected 0%% to %u.%u%%", text,
			max / 10, max % 10);
	*out = value * 10 + tenths;
	return 0;
}

int wb_value_choice(const char *text, const char *const *words, unsigned *out, struct wb_err *err)
{
	char list[200] = "";
	size_t used = 0;

	for (unsigned i = 0; words[i] != NULL; i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = i;
			return 0;
		}
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
				i == 0			       ? ""
					: words[i + 1] == NULL ? " or "
							       : ", ",
				words[i]);
	}
	return wb_err_set(err, EINVAL, "'%.60s' is not known, expected %s", text, list);
}

int wb_value_ranges(const char *text, uint32_t max, bool *set, struct wb_err *err)
{
	char copy[512], *rest = copy, *item;
	uint32_t first, last;

	if ((size_t)snprintf(copy, sizeof(copy), "%s", text) >= sizeof(copy))
		return wb_err_set(err, EINVAL, "the list is too long");
	while ((item = wb_value_next(&rest)) != NULL) {
		char *dash = strchr(item, '-');

		if (dash != NULL)
			*dash++ = '\0';
		if (!number(item, &first) || !number(dash != NULL ? dash : item, &last) ||
			first > last || last > max)
			return wb_err_set(err, EINVAL,
				"'%.60s' is no list of numbers up to %u, expected something like "
				"1,3-5",
				text, max);
		for (uint32_t i = first; i <= last; i++)
			set[i] = true;
	}
	return 0;
}

int wb_value_prefix(const char *text, struct wb_prefix *out, struct wb_err *err)
{
	if (wb_prefix_parse(text, out) == 0)
		return 0;
	return wb_err_set(err, EINVAL,
		"'%.60s' is no address, expected one like 192.0.2.1/24 or 2001:db8::1/64", text);
}

int wb_value_addr(const char *text, struct wb_addr *out, struct wb_err *err)
{
	if (wb_addr_parse(text, out) == 0)
		return 0;
	return wb_err_set(err, EINVAL,
		"'%.60s' is no address, expected one like 192.0.2.1 or 2001:db8::1", text);
}

char *wb_value_next(char **rest)
{
	char *item = *rest, *comma, *end;

	if (item == NULL)
		return NULL;
	while (isspace((unsigned char)*item))
		item++;
	comma = strchr(item, ',');
	if (comma == NULL && *item == '\0') {
		*rest = NULL;
		return NULL;
	}
	*rest = comma != NULL ? comma + 1 : NULL;
	end = comma != NULL ? comma : item + strlen(item);
	while (end > item && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return item;
}
