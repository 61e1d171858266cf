/* SPDX-License-Identifier: BSD-3-Clause */
#include "ini/ini.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

/* wg(8) ends a line at any '#'. The gateway's file wants a blank before it: its device and file
 * names may hold one. */
static char *find_comment(char *text, bool semicolons)
{
	if (!semicolons)
		return strchr(text, '#');
	for (char *at = text; (at = strpbrk(at, "#;")) != NULL; at++)
		if (at == text || isspace((unsigned char)at[-1]))
			return at;
	return NULL;
}

static int parse_section(
	char *text, unsigned line, const struct wb_ini_reader *reader, struct wb_err *err)
{
	char *end = strchr(text, ']'), *argument;

	if (end == NULL || *trim(end + 1) != '\0')
		return wb_err_set(err, EINVAL, "'%.60s' is no section, expected [NAME]", text);
	*end = '\0';
	text = trim(text + 1);
	argument = text + strcspn(text, " \t");
	if (*argument != '\0')
		*argument++ = '\0';
	if (*text == '\0')
		return wb_err_set(err, EINVAL, "a section without a name, expected [NAME]");
	return reader->section(reader->arg, text, trim(argument), line, err);
}

static int parse_line(char *text, unsigned line, bool *inside, const struct wb_ini_reader *reader,
	struct wb_err *err)
{
	char *comment = find_comment(text, reader->semicolon_comments), *value;

	if (comment != NULL)
		*comment = '\0';
	text = trim(text);
	if (*text == '\0')
		return 0;
	if (*text == '[') {
		*inside = true;
		return parse_section(text, line, reader, err);
	}
	value = strchr(text, '=');
	if (value == NULL)
		return wb_err_set(err, EINVAL, "'%.60s' is no setting, expected KEY = VALUE", text);
	*value++ = '\0';
	text = trim(text);
	if (!*inside)
		return wb_err_set(err, EINVAL,
			"'%.60s' stands before any section, expected [NAME] first", text);
	if (*text == '\0')
		return wb_err_set(err, EINVAL, "a value without a key, expected KEY = VALUE");
	return reader->key(reader->arg, text, trim(value), line, err);
}

int wb_ini_parse(const char *path, char *text, size_t length, const struct wb_ini_reader *reader,
	struct wb_err *err)
{
	bool inside = false;
	unsigned line = 1;

	for (char *end = text + length; text < end; line++) {
		char *newline = memchr(text, '\n', (size_t)(end - text));
		char *stop = newline != NULL ? newline : end;
		int rc;

		if (memchr(text, '\0', (size_t)(stop - text)) != NULL)
			return wb_err_set(
				err, EINVAL, "%s:%u: a NUL byte, expected a text file", path, line);
		*stop = '\0';
		rc = parse_line(text, line, &inside, reader, err);
		if (rc < 0)
			return wb_err_prefix(err, rc, "%s:%u", path, line);
		text = stop + 1;
	}
	return 0;
}

/* Reads all of a file into memory of its own, with a byte to spare for the last line's end. */
static int slurp(const char *path, char **text, size_t *length, struct wb_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	ssize_t got;
	size_t have = 0;

	if (fd < 0 || fstat(fd, &status) < 0) {
		int rc = wb_err_set(err, errno, "%s: %s", path, strerror(errno));

		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (!S_ISREG(status.st_mode) || status.st_size > (off_t)WB_INI_SIZE_MAX) {
		close(fd);
		return wb_err_set(err, EINVAL, "%s: expected a regular file of at most %u MiB",
			path, WB_INI_SIZE_MAX >> 20);
	}
	*text = malloc((size_t)status.st_size + 1);
	if (*text == NULL) {
		close(fd);
		return wb_err_set(err, ENOMEM, "%s: no memory", path);
	}
	while (have < (size_t)status.st_size &&
		(got = read(fd, *text + have, (size_t)status.st_size - have)) > 0)
		have += (size_t)got;
	close(fd);
	*length = have;
	return 0;
}

int wb_ini_read(const char *path, const struct wb_ini_reader *reader, struct wb_err *err)
{
	size_t length = 0;
	char *text = NULL;
	int rc = slurp(path, &text, &length, err);

	if (rc < 0)
		return rc;
	rc = wb_ini_parse(path, text, length, reader, err);
	sodium_memzero(text, length);
	free(text);
	return rc;
}
