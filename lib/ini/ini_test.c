/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ini/ini.h"
#include "ini/value.h"

static char seen[4096];

static int on_section(
	void *arg, const char *name, const char *argument, unsigned line, struct wb_err *err)
{
	(void)arg;
	(void)err;
	sprintf(seen + strlen(seen), "[%s|%s]%u ", name, argument, line);
	return 0;
}

static int on_key(void *arg, const char *key, char *value, unsigned line, struct wb_err *err)
{
	(void)arg;
	if (strcmp(key, "bad") == 0)
		return wb_err_set(err, EINVAL, "no good");
	sprintf(seen + strlen(seen), "%s=%s@%u ", key, value, line);
	return 0;
}

static int parse(const char *text, size_t length, bool semicolons, struct wb_err *err)
{
	const struct wb_ini_reader reader = {
		.section = on_section, .key = on_key, .semicolon_comments = semicolons};
	/* Exactly as long as it is, so that a sanitizer sees a step beyond; one for the NUL. */
	char *copy = malloc(length + 1);
	int rc;

	memcpy(copy, text, length);
	seen[0] = '\0';
	rc = wb_ini_parse("f.conf", copy, length, &reader, err);
	free(copy);
	return rc;
}

static void reads_sections_and_keys(void **state)
{
	static const char text[] = "# hello\n[gateway]\r\n name = x y ; no\n\n[bond  bond0 ]\n"
				   "a=\nb = c=d # e\n[z]";
	struct wb_err err;

	(void)state;
	assert_int_equal(parse(text, sizeof(text) - 1, true, &err), 0);
	assert_string_equal(seen, "[gateway|]2 name=x y@3 [bond|bond0]5 a=@6 b=c=d@7 [z|]8 ");
	assert_int_equal(parse("[i]\nk = a;b", 11, false, &err), 0);
	assert_string_equal(seen, "[i|]1 k=a;b@2 ");
	assert_int_equal(parse("[i]\nk = a#b;c #d\n ;e\n", 21, true, &err), 0);
	assert_string_equal(seen, "[i|]1 k=a#b;c@2 ");
	assert_int_equal(parse("[i]\nk = a#b;c #d\n", 17, false, &err), 0);
	assert_string_equal(seen, "[i|]1 k=a@2 ");
}

static void says_what_is_wrong_and_where(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"[a\n", "f.conf:1: '[a' is no section, expected [NAME]"},
		{"[a] b\n", "f.conf:1: '[a] b' is no section, expected [NAME]"},
		{"\n[]\n", "f.conf:2: a section without a name, expected [NAME]"},
		{"k = v\n", "f.conf:1: 'k' stands before any section, expected [NAME] first"},
		{"[a]\nnothing\n", "f.conf:2: 'nothing' is no setting, expected KEY = VALUE"},
		{"[a]\n= v\n", "f.conf:2: a value without a key, expected KEY = VALUE"},
		{"[a]\n\nbad = v\n", "f.conf:3: no good"},
	};
	struct wb_err err;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].text, strlen(cases[i].text), true, &err), -EINVAL);
		assert_string_equal(err.text, cases[i].message);
	}
	assert_int_equal(parse("[a]\nb\0 = c\n", 11, true, &err), -EINVAL);
	assert_string_equal(err.text, "f.conf:2: a NUL byte, expected a text file");
}

static void stands_noise(void **state)
{
	static const char letters[] = "[]=#;\n\r \tab\0\xff,";
	char text[64];
	struct wb_err err;

	(void)state;
	srand(2);
	for (unsigned round = 0; round < 100000; round++) {
		size_t length = (size_t)rand() % sizeof(text);

		for (size_t i = 0; i < length; i++)
			text[i] = letters[(size_t)rand() % (sizeof(letters) - 1)];
		parse(text, length, round % 2, &err);
	}
}

static void numbers_and_ranges(void **state)
{
	static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x", "1e3", "4294967296",
		"99999999999999999999", "9", "101"};
	bool set[9] = {false};
	struct wb_err err;
	uint32_t value;

	(void)state;
	assert_int_equal(wb_value_unsigned("010", 10, 100, &value, &err), 0);
	assert_int_equal(value, 10);
	assert_int_equal(wb_value_unsigned("0xca", 0, 1000, &value, &err), 0);
	assert_int_equal(value, 202);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(wb_value_unsigned(bad[i], 10, 100, &value, &err), -EINVAL);
	assert_string_equal(err.text, "'101' is out of range, expected 10 to 100");
	assert_int_equal(wb_value_ranges("0, 3-5,8", 8, set, &err), 0);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(set[i], i == 0 || (i >= 3 && i <= 5) || i == 8);
	assert_int_equal(wb_value_ranges("5-3", 8, set, &err), -EINVAL);
	assert_int_equal(wb_value_ranges("9", 8, set, &err), -EINVAL);
	assert_int_equal(wb_value_ranges("1,,2", 8, set, &err), -EINVAL);
}

static void times(void **state)
{
	static const char *const bad[] = {"", "5", "ms", "-1s", "5 s", "5m", "5sec", "0x5s", "9ms",
		"61s", "4294967296ms", "4294967295s", "99999999999999999999s"};
	struct wb_err err;
	uint32_t ms;

	(void)state;
	assert_int_equal(wb_value_time("10ms", 10, 60000, &ms, &err), 0);
	assert_int_equal(ms, 10);
	assert_int_equal(wb_value_time("60s", 10, 60000, &ms, &err), 0);
	assert_int_equal(ms, 60000);
	assert_int_equal(wb_value_time("60000ms", 10, 60000, &ms, &err), 0);
	assert_int_equal(ms, 60000);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(wb_value_time(bad[i], 10, 60000, &ms, &err), -EINVAL);
	assert_string_equal(err.text,
		"'99999999999999999999s' is no time or out of range, expected 10ms to 60s");
}

static void choices_and_lists(void **state)
{
	static const char *const words[] = {"layer2", "layer2+3", "layer3+4", NULL};
	char list[] = " a,b c , ,d", empty[] = "  ", *rest = list;
	struct wb_err err;
	unsigned choice;

	(void)state;
	assert_int_equal(wb_value_choice("layer3+4", words, &choice, &err), 0);
	assert_int_equal(choice, 2);
	assert_int_equal(wb_value_choice("layer4", words, &choice, &err), -EINVAL);
	assert_string_equal(
		err.text, "'layer4' is not known, expected layer2, layer2+3 or layer3+4");
	assert_string_equal(wb_value_next(&rest), "a");
	assert_string_equal(wb_value_next(&rest), "b c");
	assert_string_equal(wb_value_next(&rest), "");
	assert_string_equal(wb_value_next(&rest), "d");
	assert_null(wb_value_next(&rest));
	rest = empty;
	assert_null(wb_value_next(&rest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_sections_and_keys),
		cmocka_unit_test(says_what_is_wrong_and_where),
		cmocka_unit_test(stands_noise),
		cmocka_unit_test(numbers_and_ranges),
		cmocka_unit_test(times),
		cmocka_unit_test(choices_and_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
