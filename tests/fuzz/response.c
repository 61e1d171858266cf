/* SPDX-License-Identifier: BSD-3-Clause */
/* Responses to an initiation of ours: bytes as they come, a good one with bits changed, and sealed
 * ones with contents of the fuzzer's choice. */
#include <errno.h>

#include "crypto/handshake_crypto.h"
#include "fuzz.h"
#include "noise_seal.h"
#include "wg/transport.h"

enum { OUR_INDEX = 0x01020304, THEIR_INDEX = 0x0a0b0c0d };

static struct seal_sides fresh;
static struct wb_msg_response good;
static struct wb_noise_session theirs;
static struct wb_noise_handshake accepted;

/* We have sent an initiation, they have accepted it. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct timespec wall = {.tv_sec = 1700000000};
	struct wb_msg_initiation initiation;
	struct wb_noise_initiation opened;

	(void)argc, (void)argv;
	fuzz_random_fix();
	seal_sides_make(&fresh);
	FUZZ_CHECK(wb_noise_initiation_create(
			   &fresh.us, &fresh.peer, OUR_INDEX, &wall, WB_SECOND, &initiation) == 0);
	FUZZ_CHECK(wb_noise_initiation_open(&fresh.them, &initiation, &opened) == 0);
	FUZZ_CHECK(wb_noise_initiation_accept(&fresh.them, &fresh.their, &opened, WB_SECOND) == 0);
	accepted = fresh.their.handshake;
	FUZZ_CHECK(wb_noise_response_create(
			   &fresh.them, &fresh.their, THEIR_INDEX, WB_SECOND, &good, &theirs) == 0);
	return 0;
}

/* Returns whether it was taken; if not, nothing may have changed. */
static bool receive(const uint8_t *bytes, size_t length, struct wb_noise_session *session)
{
	struct wb_noise_peer peer = fresh.peer;
	int rc;

	if (wb_message_type(bytes, (uint32_t)length) != WB_MSG_RESPONSE)
		return false;
	rc = wb_noise_response_consume(&fresh.us, &peer, (const void *)bytes, session);
	if (rc < 0) {
		FUZZ_CHECK(rc == -EBADMSG);
		FUZZ_CHECK(memcmp(&peer, &fresh.peer, sizeof(peer)) == 0);
		return false;
	}
	FUZZ_CHECK(session->local_index == OUR_INDEX && session->initiator);
	FUZZ_CHECK(peer.handshake.state == WB_NOISE_IDLE);
	/* Taken once only. */
	FUZZ_CHECK(wb_noise_response_consume(&fresh.us, &peer, (const void *)bytes, session) < 0);
	return true;
}

static void raw(struct fuzz_input *input)
{
	struct wb_noise_session session;
	size_t length;
	uint8_t *bytes = fuzz_rest(input, sizeof(good), &length);

	receive(bytes, length, &session);
	free(bytes);
}

static void changed(struct fuzz_input *input)
{
	uint8_t bits[sizeof(good)], *bytes = fuzz_copy(&good, sizeof(good));
	struct wb_noise_session session;
	bool same = true;

	fuzz_take(input, bits, sizeof(bits));
	for (size_t i = 0; i < sizeof(bits); i++)
		bytes[i] ^= bits[i];
	/* The sender's index and the MACs are in no tag. */
	for (size_t i = 0; i < sizeof(bits) - sizeof(struct wb_msg_macs); i++)
		same = same && (bits[i] == 0 || (i >= 4 && i < 8));
	FUZZ_CHECK(receive(bytes, sizeof(good), &session) == same);
	if (same) {
		FUZZ_CHECK(wb_key_equal(&session.send_key, &theirs.receive_key));
		FUZZ_CHECK(wb_key_equal(&session.receive_key, &theirs.send_key));
	}
	free(bytes);
}

static void sealed(struct fuzz_input *input)
{
	struct seal_response contents = {.psk = fresh.peer.psk, .receiver = OUR_INDEX};
	uint8_t how = fuzz_u8(input);
	struct wb_noise_session session;
	struct wb_msg_response message;
	bool right;

	contents.sender = fuzz_u32(input);
	fuzz_take(input, contents.ephemeral.bytes, WB_KEY_LEN);
	wb_dh_clamp(&contents.ephemeral);
	if (how & 1)
		contents.receiver = fuzz_u32(input);
	if (how & 2)
		fuzz_take(input, contents.psk.bytes, WB_KEY_LEN);
	if (!seal_response(&contents, &accepted, &fresh.us.public_key, &message))
		return;
	right = contents.receiver == OUR_INDEX && wb_key_equal(&contents.psk, &fresh.peer.psk);
	FUZZ_CHECK(receive((const uint8_t *)&message, sizeof(message), &session) == right);
	if (right)
		FUZZ_CHECK(session.remote_index == contents.sender);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.at = data, .left = size};

	switch (fuzz_u8(&input) % 3) {
	case 0:
		raw(&input);
		break;
	case 1:
		changed(&input);
		break;
	default:
		sealed(&input);
	}
	return 0;
}
