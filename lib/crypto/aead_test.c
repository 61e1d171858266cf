/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/aead.h"

#define TEXT_MAX 9000

static struct wb_aead_ctx *ctx;
static uint8_t texts[WB_AEAD_BURST_MAX][TEXT_MAX + WB_AEAD_TAG_LEN];
static uint8_t expected[TEXT_MAX + WB_AEAD_TAG_LEN];

static void reference_seal(uint8_t *out, const uint8_t *text, uint32_t len, uint64_t counter,
	const struct wb_aead_key *key)
{
	uint8_t nonce[12] = {0};

	for (unsigned i = 0; i < 8; i++)
		nonce[4 + i] = (uint8_t)(counter >> (8 * i));
	crypto_aead_chacha20poly1305_ietf_encrypt(
		out, NULL, text, len, NULL, 0, NULL, nonce, key->bytes);
}

static void random_key(struct wb_aead_key *key)
{
	struct wb_key bytes;

	randombytes_buf(bytes.bytes, sizeof(bytes.bytes));
	wb_aead_key_set(key, &bytes);
}

static void agrees_with_libsodium(uint32_t len)
{
	struct wb_aead_key key;
	struct wb_aead_op op = {.data = texts[0], .len = len, .key = &key};

	random_key(&key);
	randombytes_buf(&op.counter, sizeof(op.counter));
	randombytes_buf(texts[0], len);
	reference_seal(expected, texts[0], len, op.counter, &key);
	wb_aead_seal_burst(ctx, &op, 1);
	assert_memory_equal(texts[0], expected, len + WB_AEAD_TAG_LEN);
	assert_int_equal(wb_aead_open_burst(ctx, &op, 1), 1);
	assert_true(op.ok);
}

static void seals_every_length(void **state)
{
	(void)state;
	for (uint32_t len = 0; len <= 300; len++)
		agrees_with_libsodium(len);
	agrees_with_libsodium(1420);
	agrees_with_libsodium(8900);
}

static void seals_bursts_of_mixed_keys(void **state)
{
	struct wb_aead_key keys[7];
	struct wb_aead_op ops[WB_AEAD_BURST_MAX];
	static uint8_t wanted[WB_AEAD_BURST_MAX][2048 + WB_AEAD_TAG_LEN];

	(void)state;
	for (unsigned i = 0; i < 7; i++)
		random_key(&keys[i]);
	for (unsigned round = 0; round < 20; round++) {
		unsigned n = 1 + randombytes_uniform(WB_AEAD_BURST_MAX);

		for (unsigned i = 0; i < n; i++) {
			ops[i] = (struct wb_aead_op){.data = texts[i],
				.len = randombytes_uniform(2048),
				.counter = i,
				.key = &keys[i % 7]};
			randombytes_buf(texts[i], ops[i].len);
			reference_seal(wanted[i], texts[i], ops[i].len, i, ops[i].key);
		}
		wb_aead_seal_burst(ctx, ops, n);
		for (unsigned i = 0; i < n; i++)
			assert_memory_equal(texts[i], wanted[i], ops[i].len + WB_AEAD_TAG_LEN);
	}
}

static void finds_the_bad_ones(void **state)
{
	struct wb_aead_key key;
	struct wb_aead_op ops[WB_AEAD_BURST_MAX];

	(void)state;
	random_key(&key);
	for (unsigned i = 0; i < WB_AEAD_BURST_MAX; i++) {
		ops[i] = (struct wb_aead_op){
			.data = texts[i], .len = 5 * i, .counter = 1000 + i, .key = &key};
		memset(texts[i], (int)i, ops[i].len);
	}
	wb_aead_seal_burst(ctx, ops, WB_AEAD_BURST_MAX);
	for (unsigned i = 0; i < WB_AEAD_BURST_MAX; i += 3)
		texts[i][randombytes_uniform(ops[i].len + WB_AEAD_TAG_LEN)] ^=
			(uint8_t)(1u << randombytes_uniform(8));
	assert_int_equal(wb_aead_open_burst(ctx, ops, WB_AEAD_BURST_MAX), 64 - 22);
	for (unsigned i = 0; i < WB_AEAD_BURST_MAX; i++) {
		assert_int_equal(ops[i].ok, i % 3 != 0);
		for (unsigned j = 0; ops[i].ok && j < ops[i].len; j++)
			assert_int_equal(texts[i][j], i);
	}
}

static void counter_and_key_matter(void **state)
{
	struct wb_aead_key key, other;
	struct wb_aead_op op = {.data = texts[0], .len = 64, .counter = 5, .key = &key};

	(void)state;
	random_key(&key);
	random_key(&other);
	wb_aead_seal_burst(ctx, &op, 1);
	memcpy(expected, texts[0], 80);
	op.counter = 6;
	assert_int_equal(wb_aead_open_burst(ctx, &op, 1), 0);
	memcpy(texts[0], expected, 80);
	op.counter = 5;
	op.key = &other;
	assert_int_equal(wb_aead_open_burst(ctx, &op, 1), 0);
	memcpy(texts[0], expected, 80);
	op.key = &key;
	assert_int_equal(wb_aead_open_burst(ctx, &op, 1), 1);
}

static int setup(void **state)
{
	struct wb_err err;

	(void)state;
	ctx = wb_aead_create(&err);
	return ctx == NULL || sodium_init() < 0;
}

static int teardown(void **state)
{
	(void)state;
	wb_aead_destroy(ctx);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seals_every_length),
		cmocka_unit_test(seals_bursts_of_mixed_keys),
		cmocka_unit_test(finds_the_bad_ones),
		cmocka_unit_test(counter_and_key_matter),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
