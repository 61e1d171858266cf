/* SPDX-License-Identifier: BSD-3-Clause */
/* Transport messages: what a message is by its first bytes and its length, padding, the replay
 * window against a plain model, and the AEAD with bits changed. */
#include "crypto/aead.h"
#include "fuzz.h"
#include "wg/replay.h"
#include "wg/transport.h"

enum { COUNTERS_MAX = 600, TEXT_MAX = 2048 };

static struct wb_aead_ctx *aead;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct wb_err err;

	(void)argc, (void)argv;
	aead = wb_aead_create(&err);
	FUZZ_CHECK(aead != NULL);
	return 0;
}

static void classify(struct fuzz_input *input)
{
	static const uint32_t lengths[] = {0, 148, 92, 64};
	size_t length;
	uint8_t *bytes = fuzz_rest(input, TEXT_MAX, &length);
	enum wb_msg_type type = wb_message_type(bytes, (uint32_t)length);

	FUZZ_CHECK(type <= WB_MSG_TRANSPORT);
	if (type != WB_MSG_INVALID)
		FUZZ_CHECK(length >= 4 && bytes[0] == type && bytes[1] == 0 && bytes[2] == 0 &&
			bytes[3] == 0);
	if (type == WB_MSG_TRANSPORT)
		FUZZ_CHECK(length >= 32);
	else if (type != WB_MSG_INVALID)
		FUZZ_CHECK(length == lengths[type]);
	free(bytes);
}

static void pad(struct fuzz_input *input)
{
	uint32_t length = fuzz_u16(input), mtu = fuzz_u16(input);
	uint32_t padded = wb_transport_padded(length, mtu);

	FUZZ_CHECK(padded >= length && padded < length + 16);
	if (mtu != 0 && length <= mtu)
		FUZZ_CHECK(padded <= mtu && (padded % 16 == 0 || padded == mtu));
}

/* A list of what was seen: no ring, no blocks. */
static bool model_take(uint64_t *seen, unsigned *n, uint64_t counter)
{
	uint64_t greatest = 0;

	if (counter >= WB_REJECT_AFTER_MESSAGES)
		return false;
	for (unsigned i = 0; i < *n; i++) {
		if (seen[i] == counter)
			return false;
		if (seen[i] > greatest)
			greatest = seen[i];
	}
	if (*n > 0 && greatest >= counter && greatest - counter >= WB_REPLAY_WINDOW)
		return false;
	seen[(*n)++] = counter;
	return true;
}

static void replay(struct fuzz_input *input)
{
	struct wb_replay window = {.next = 0};
	uint64_t seen[COUNTERS_MAX], counter = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < COUNTERS_MAX && input->left > 0; i++) {
		uint8_t how = fuzz_u8(input);

		if (how < 100)
			counter += how;
		else if (how < 200)
			counter -= how - 100;
		else if (how < 220)
			counter += fuzz_u16(input);
		else if (how < 240)
			counter -= fuzz_u16(input);
		else if (how < 250)
			counter = fuzz_u64(input);
		else
			counter = WB_REJECT_AFTER_MESSAGES - how % 4;
		FUZZ_CHECK(
			wb_replay_check_and_set(&window, counter) == model_take(seen, &n, counter));
	}
}

static void seal_and_open(struct fuzz_input *input)
{
	struct wb_aead_key key;
	struct wb_key bytes;
	struct wb_aead_op op = {.key = &key};
	uint64_t flips, other;
	size_t length;
	uint8_t *text, *data;
	uint32_t at;

	fuzz_take(input, bytes.bytes, sizeof(bytes.bytes));
	wb_aead_key_set(&key, &bytes);
	op.counter = fuzz_u64(input);
	other = fuzz_u8(input) % 2 == 0 ? 0 : fuzz_u64(input);
	flips = fuzz_u64(input);
	at = fuzz_u16(input);
	text = fuzz_rest(input, TEXT_MAX, &length);
	data = malloc(length + WB_AEAD_TAG_LEN);
	FUZZ_CHECK(data != NULL);
	if (length > 0)
		memcpy(data, text, length);
	op.data = data;
	op.len = (uint32_t)length;
	wb_aead_seal_burst(aead, &op, 1);
	for (unsigned i = 0; i < 8; i++)
		data[(at + i) % (length + WB_AEAD_TAG_LEN)] ^= (uint8_t)(flips >> 8 * i);
	op.counter ^= other;
	wb_aead_open_burst(aead, &op, 1);
	FUZZ_CHECK(op.ok == (flips == 0 && other == 0));
	if (op.ok && length > 0)
		FUZZ_CHECK(memcmp(data, text, length) == 0);
	free(text);
	free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.at = data, .left = size};

	switch (fuzz_u8(&input) % 4) {
	case 0:
		classify(&input);
		break;
	case 1:
		pad(&input);
		break;
	case 2:
		replay(&input);
		break;
	default:
		seal_and_open(&input);
	}
	return 0;
}
