/* SPDX-License-Identifier: BSD-3-Clause */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t random_state;
static char directory[128];

void fuzz_take(struct fuzz_input *input, void *out, size_t length)
{
	size_t there = length < input->left ? length : input->left;

	memset(out, 0, length);
	if (there > 0)
		memcpy(out, input->at, there);
	input->at += there;
	input->left -= there;
}

uint8_t fuzz_u8(struct fuzz_input *input)
{
	uint8_t value;

	fuzz_take(input, &value, sizeof(value));
	return value;
}

uint16_t fuzz_u16(struct fuzz_input *input)
{
	uint16_t value;

	fuzz_take(input, &value, sizeof(value));
	return value;
}

uint32_t fuzz_u32(struct fuzz_input *input)
{
	uint32_t value;

	fuzz_take(input, &value, sizeof(value));
	return value;
}

uint64_t fuzz_u64(struct fuzz_input *input)
{
	uint64_t value;

	fuzz_take(input, &value, sizeof(value));
	return value;
}

uint8_t *fuzz_copy(const void *bytes, size_t length)
{
	uint8_t *copy = malloc(length);

	FUZZ_CHECK(copy != NULL || length == 0);
	if (length > 0)
		memcpy(copy, bytes, length);
	return copy;
}

uint8_t *fuzz_rest(struct fuzz_input *input, size_t most, size_t *length)
{
	uint8_t *copy;

	*length = input->left < most ? input->left : most;
	copy = fuzz_copy(input->at, *length);
	input->at += *length;
	input->left -= *length;
	return copy;
}

static const char *random_name(void)
{
	return "the same every time";
}

/* splitmix64's step: any sequence that does not repeat soon will do. */
static uint32_t random_word(void)
{
	uint64_t mixed = random_state += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(mixed >> 32);
}

static void random_bytes(void *const out, const size_t length)
{
	for (size_t i = 0; i < length; i++)
		((uint8_t *)out)[i] = (uint8_t)random_word();
}

void fuzz_random_fix(void)
{
	static randombytes_implementation fixed = {
		.implementation_name = random_name, .random = random_word, .buf = random_bytes};
	static bool set;

	if (!set) {
		randombytes_set_implementation(&fixed);
		FUZZ_CHECK(sodium_init() >= 0);
		set = true;
	}
	random_state = 0;
}

static void directory_remove(void)
{
	DIR *list = opendir(directory);
	struct dirent *entry;

	while (list != NULL && (entry = readdir(list)) != NULL)
		unlinkat(dirfd(list), entry->d_name, 0);
	if (list != NULL)
		closedir(list);
	rmdir(directory);
}

static void directory_make(void)
{
	const char *parent = getenv("TMPDIR");

	if (parent == NULL)
		parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : P_tmpdir;
	snprintf(directory, sizeof(directory), "%s/wirebraid-fuzz.XXXXXX", parent);
	FUZZ_CHECK(mkdtemp(directory) != NULL);
	atexit(directory_remove);
}

const char *fuzz_path(const char *name)
{
	static char path[192];

	if (directory[0] == '\0')
		directory_make();
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

void fuzz_file(const char *name, const void *bytes, size_t length)
{
	int fd = open(fuzz_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(write(fd, bytes, length) == (ssize_t)length);
	close(fd);
}
