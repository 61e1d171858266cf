/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * What the harnesses share. Each of them is one file with LLVMFuzzerTestOneInput(): it takes bytes
 * for what a stranger may send, and besides what the sanitizers see it checks what must always be
 * true.
 */
#ifndef WB_FUZZ_H
#define WB_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** What must always be true; if it is not, the input is a finding. */
#define FUZZ_CHECK(condition)                                                                      \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);  \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/** The bytes of an input, taken from the front; behind its end there are zeros. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

void fuzz_take(struct fuzz_input *input, void *out, size_t length);
uint8_t fuzz_u8(struct fuzz_input *input);
uint16_t fuzz_u16(struct fuzz_input *input);
uint32_t fuzz_u32(struct fuzz_input *input);
uint64_t fuzz_u64(struct fuzz_input *input);

/** A copy in memory of exactly this length, so that a byte behind it is found out; free() it. */
uint8_t *fuzz_copy(const void *bytes, size_t length);

/** Takes up to `most` bytes into such a copy. */
uint8_t *fuzz_rest(struct fuzz_input *input, size_t most, size_t *length);

/** From here on libsodium's random numbers are the same in every run, so that findings repeat. */
void fuzz_random_fix(void);

/** The path of a file in a directory of this process, in memory where there is /dev/shm. The
 * directory goes at the end of the process. */
const char *fuzz_path(const char *name);

/** Makes a file of the bytes, for its owner only. */
void fuzz_file(const char *name, const void *bytes, size_t length);

#endif
