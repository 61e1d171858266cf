/* SPDX-License-Identifier: BSD-3-Clause */
/* Cookie replies to an initiation of ours: bytes as they come, a good one with bits changed, and
 * sealed ones with a cookie of the fuzzer's choice. */
#include <errno.h>

#include "crypto/handshake_crypto.h"
#include "fuzz.h"
#include "noise_seal.h"
#include "wg/transport.h"

static const struct wb_endpoint source = {.addr = {.family = AF_INET6, .bytes = {0x20}}, .port = 9};

static struct seal_sides fresh;
static struct wb_msg_initiation sent;
static struct wb_cookie_checker checker;
static struct wb_msg_cookie_reply good;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct timespec wall = {.tv_sec = 1700000000};

	(void)argc, (void)argv;
	fuzz_random_fix();
	seal_sides_make(&fresh);
	wb_cookie_checker_init(&checker, &fresh.them.keys, WB_SECOND);
	FUZZ_CHECK(wb_noise_initiation_create(&fresh.us, &fresh.peer, 5, &wall, WB_SECOND, &sent) ==
		0);
	wb_cookie_reply_create(&checker, &sent, sizeof(sent), &source, WB_SECOND, &good);
	return 0;
}

/* What is sent next has a mac2 that counts, if the cookie was theirs, and until it is stale. */
static void send_next(struct wb_cookie_peer *peer, bool theirs, uint64_t now)
{
	struct wb_msg_initiation next = sent;
	enum wb_mac_verdict verdict;

	wb_cookie_macs_add(peer, &next, sizeof(next), now);
	verdict = wb_cookie_check(&checker, &next, sizeof(next), &source, now);
	FUZZ_CHECK(verdict != WB_MAC_INVALID);
	if (theirs && now < WB_SECOND + WB_COOKIE_LIFETIME - WB_COOKIE_LATENCY)
		FUZZ_CHECK(verdict == WB_MAC_VALID_WITH_COOKIE);
	if (now >= WB_SECOND + WB_COOKIE_LIFETIME)
		FUZZ_CHECK(verdict == WB_MAC_VALID);
}

static bool receive(const uint8_t *bytes, size_t length, bool theirs, uint64_t later)
{
	struct wb_cookie_peer peer = fresh.peer.cookie, before = peer;

	if (wb_message_type(bytes, (uint32_t)length) != WB_MSG_COOKIE_REPLY)
		return false;
	if (wb_cookie_reply_consume(&peer, (const void *)bytes, WB_SECOND) < 0) {
		FUZZ_CHECK(memcmp(&peer, &before, sizeof(peer)) == 0);
		return false;
	}
	FUZZ_CHECK(peer.have_cookie && peer.cookie_birth == WB_SECOND);
	/* One message, one cookie. */
	FUZZ_CHECK(wb_cookie_reply_consume(&peer, (const void *)bytes, WB_SECOND) == -EBADMSG);
	send_next(&peer, theirs, WB_SECOND + later);
	return true;
}

static void raw(struct fuzz_input *input)
{
	size_t length;
	uint8_t *bytes = fuzz_rest(input, sizeof(good), &length);

	receive(bytes, length, false, 0);
	free(bytes);
}

static void changed(struct fuzz_input *input, uint64_t later)
{
	uint8_t bits[sizeof(good)], *bytes = fuzz_copy(&good, sizeof(good));
	bool same = true;

	fuzz_take(input, bits, sizeof(bits));
	for (size_t i = 0; i < sizeof(bits); i++)
		bytes[i] ^= bits[i];
	/* The receiver's index finds the peer; it is in no tag. */
	for (size_t i = 0; i < sizeof(bits); i++)
		same = same && (bits[i] == 0 || (i >= 4 && i < 8));
	FUZZ_CHECK(receive(bytes, sizeof(good), true, later) == same);
	free(bytes);
}

static void sealed(struct fuzz_input *input, uint64_t later)
{
	uint8_t cookie[WB_MAC_LEN], mac1[WB_MAC_LEN];
	struct wb_msg_cookie_reply reply = good;
	bool asked = fuzz_u8(input) % 4 != 0;

	fuzz_take(input, reply.nonce, sizeof(reply.nonce));
	fuzz_take(input, cookie, sizeof(cookie));
	memcpy(mac1, sent.macs.mac1, sizeof(mac1));
	if (!asked)
		mac1[0] ^= 1;
	wb_xfield_seal(reply.sealed_cookie, cookie, sizeof(cookie), mac1, sizeof(mac1), reply.nonce,
		fresh.them.keys.cookie);
	FUZZ_CHECK(receive((const uint8_t *)&reply, sizeof(reply), false, later) == asked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.at = data, .left = size};
	uint8_t mode = fuzz_u8(&input);
	uint64_t later = fuzz_u8(&input) * WB_SECOND;

	if (mode % 3 == 0)
		raw(&input);
	else if (mode % 3 == 1)
		changed(&input, later);
	else
		sealed(&input, later);
	return 0;
}
