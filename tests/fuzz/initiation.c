/* SPDX-License-Identifier: BSD-3-Clause */
/* Initiations: bytes as they come, bytes with the right mac1, a good one with bits changed, and
 * sealed ones with contents of the fuzzer's choice. Several of them, one after the other, for what
 * they leave behind. */
#include <errno.h>

#include "crypto/handshake_crypto.h"
#include "fuzz.h"
#include "noise_seal.h"
#include "wg/transport.h"

enum { MESSAGES_MAX = 6 };

static struct seal_sides fresh;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	fuzz_random_fix();
	seal_sides_make(&fresh);
	return 0;
}

/* What the peer must know after the messages so far. */
struct expected {
	uint8_t latest[WB_TAI64N_LEN];
	uint64_t last;
};

static void contents_take(struct fuzz_input *input, struct seal_initiation *contents)
{
	uint8_t how = fuzz_u8(input);

	contents->static_private = fresh.them.private_key;
	contents->static_public = fresh.them.public_key;
	if (how & 1)
		fuzz_take(input, contents->static_private.bytes, WB_KEY_LEN);
	if (how & 2)
		fuzz_take(input, contents->static_public.bytes, WB_KEY_LEN);
	memset(contents->ephemeral.bytes, fuzz_u8(input), WB_KEY_LEN);
	wb_dh_clamp(&contents->ephemeral);
	contents->sender = fuzz_u32(input);
	fuzz_take(input, contents->timestamp, sizeof(contents->timestamp));
}

static void answer(struct seal_sides *sides, uint32_t sender, uint64_t now)
{
	struct wb_noise_session session;
	struct wb_msg_response response;

	FUZZ_CHECK(sides->peer.handshake.state == WB_NOISE_INITIATION_CONSUMED);
	if (wb_noise_response_create(&sides->us, &sides->peer, 7, now, &response, &session) < 0)
		return;
	FUZZ_CHECK(session.remote_index == sender && session.local_index == 7);
	FUZZ_CHECK(!session.initiator);
	FUZZ_CHECK(sides->peer.handshake.state == WB_NOISE_IDLE);
	/* Answered once only. */
	FUZZ_CHECK(wb_noise_response_create(
			   &sides->us, &sides->peer, 8, now, &response, &session) == -EINVAL);
}

/* The way a message takes through the gateway. Returns whether it was accepted. */
static bool receive(struct seal_sides *sides, struct wb_cookie_checker *checker,
	const uint8_t *bytes, size_t length, uint64_t now)
{
	static const struct wb_endpoint source = {.addr = {.family = AF_INET}, .port = 9};
	struct wb_noise_initiation opened;
	struct wb_noise_peer before = sides->peer;
	bool accepted = false;

	if (wb_message_type(bytes, (uint32_t)length) != WB_MSG_INITIATION ||
		wb_cookie_check(checker, bytes, (uint32_t)length, &source, now) == WB_MAC_INVALID)
		return false;
	if (wb_noise_initiation_open(&sides->us, (const void *)bytes, &opened) == 0 &&
		wb_key_equal(&opened.remote_static, &sides->peer.remote_static))
		accepted = wb_noise_initiation_accept(&sides->us, &sides->peer, &opened, now) == 0;
	if (accepted)
		answer(sides, opened.remote_index, now);
	else
		FUZZ_CHECK(memcmp(&before, &sides->peer, sizeof(before)) == 0);
	return accepted;
}

static void sealed(struct seal_sides *sides, struct wb_cookie_checker *checker,
	struct fuzz_input *input, struct expected *expected, uint64_t now)
{
	struct seal_initiation contents;
	struct wb_msg_initiation message;
	struct wb_noise_initiation opened;
	bool theirs, good;

	contents_take(input, &contents);
	if (!seal_initiation(&contents, &sides->us.public_key, &message))
		return;
	FUZZ_CHECK(wb_noise_initiation_open(&sides->us, &message, &opened) == 0);
	FUZZ_CHECK(wb_key_equal(&opened.remote_static, &contents.static_public));
	FUZZ_CHECK(opened.remote_index == contents.sender);
	wb_dh_clamp(&contents.static_private);
	theirs = wb_key_equal(&contents.static_private, &sides->them.private_key) &&
		wb_key_equal(&contents.static_public, &sides->them.public_key);
	good = theirs && memcmp(contents.timestamp, expected->latest, WB_TAI64N_LEN) > 0 &&
		(expected->last == 0 ||
			now - expected->last >= WB_SECOND / WB_INITIATIONS_PER_SECOND);
	FUZZ_CHECK(
		receive(sides, checker, (const uint8_t *)&message, sizeof(message), now) == good);
	if (!good)
		return;
	memcpy(expected->latest, contents.timestamp, WB_TAI64N_LEN);
	expected->last = now;
	FUZZ_CHECK(!receive(
		sides, checker, (const uint8_t *)&message, sizeof(message), now + WB_SECOND));
}

/* Without a change, a good message; with any, none. mac2 is nobody's business here. */
static void changed(struct seal_sides *sides, struct wb_cookie_checker *checker,
	struct fuzz_input *input, bool mac1_mended, uint64_t now)
{
	struct seal_initiation contents = {.static_private = fresh.them.private_key,
		.static_public = fresh.them.public_key,
		.timestamp = {0xff},
		.sender = 5};
	uint8_t bits[sizeof(struct wb_msg_initiation)], *bytes;
	struct wb_msg_initiation message;
	bool same = true;

	memset(contents.ephemeral.bytes, 0x44, WB_KEY_LEN);
	FUZZ_CHECK(seal_initiation(&contents, &sides->us.public_key, &message));
	fuzz_take(input, bits, sizeof(bits));
	bytes = fuzz_copy(&message, sizeof(message));
	for (size_t i = 0; i < sizeof(bits); i++)
		bytes[i] ^= bits[i];
	/* The sender's index and a right mac1 are in no tag; nor is the ephemeral's last bit, but
	 * the hash covers that. */
	for (size_t i = 8; i < sizeof(bits) - sizeof(struct wb_msg_macs); i++)
		same = same && bits[i] == 0;
	if (mac1_mended)
		seal_mac1(&sides->us.public_key, bytes, sizeof(message));
	if (receive(sides, checker, bytes, sizeof(message), now))
		FUZZ_CHECK(same && (bits[0] | bits[1] | bits[2] | bits[3]) == 0);
	free(bytes);
}

static void raw(struct seal_sides *sides, struct wb_cookie_checker *checker,
	struct fuzz_input *input, bool mac1_mended, uint64_t now)
{
	size_t length;
	uint8_t *bytes = fuzz_rest(input, sizeof(struct wb_msg_initiation), &length);

	if (mac1_mended && length == sizeof(struct wb_msg_initiation))
		seal_mac1(&sides->us.public_key, bytes, (uint32_t)length);
	receive(sides, checker, bytes, length, now);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.at = data, .left = size};
	struct seal_sides sides = fresh;
	struct wb_cookie_checker checker;
	struct expected expected = {.last = 0};
	uint64_t now = WB_SECOND;

	fuzz_random_fix();
	wb_cookie_checker_init(&checker, &sides.us.keys, now);
	for (unsigned n = 0; n < MESSAGES_MAX && input.left > 0; n++) {
		uint8_t mode = fuzz_u8(&input);

		now += fuzz_u8(&input) * (WB_SECOND / 100);
		switch (mode % 5) {
		case 0:
		case 1:
			raw(&sides, &checker, &input, mode % 5 == 1, now);
			break;
		case 2:
		case 3:
			changed(&sides, &checker, &input, mode % 5 == 3, now);
			/* It may have been accepted, with the latest of all timestamps. */
			return 0;
		default:
			sealed(&sides, &checker, &input, &expected, now);
		}
	}
	return 0;
}
