/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "crypto/handshake_crypto.h"
#include "noise/handshake.h"
#include "noise/handshake_vectors.h"

#define NOW (77 * WB_SECOND)
#define N   (sizeof(vectors) / sizeof(vectors[0]))

static struct wb_key next_ephemeral;

static void fixed_ephemeral(struct wb_key *key)
{
	*key = next_ephemeral;
}

static struct wb_key key_of(const uint8_t bytes[WB_KEY_LEN])
{
	struct wb_key key;

	memcpy(key.bytes, bytes, sizeof(key.bytes));
	return key;
}

/* One side of a vector: its identity and its view of the other. */
static void side(const struct handshake_vector *v, bool initiator, struct wb_noise_identity *self,
	struct wb_noise_peer *peer)
{
	struct wb_key own = key_of(initiator ? v->initiator : v->responder);
	struct wb_key other = key_of(initiator ? v->responder : v->initiator);
	struct wb_key psk = key_of(v->psk), other_public;

	wb_dh_public(&other_public, &other);
	wb_noise_identity_set(self, &own);
	wb_noise_peer_init(peer, self, &other_public, &psk);
}

static void initiate(const struct handshake_vector *v, struct wb_noise_identity *self,
	struct wb_noise_peer *peer, struct wb_msg_initiation *out)
{
	const struct timespec wall = {.tv_sec = v->seconds, .tv_nsec = v->nanoseconds};

	side(v, true, self, peer);
	if (v->with_cookie) {
		memcpy(peer->cookie.cookie, v->cookie, sizeof(peer->cookie.cookie));
		peer->cookie.have_cookie = true;
		peer->cookie.cookie_birth = NOW;
	}
	next_ephemeral = key_of(v->initiator_ephemeral);
	wb_noise_ephemeral_source(fixed_ephemeral);
	assert_int_equal(
		wb_noise_initiation_create(self, peer, v->initiator_index, &wall, NOW, out), 0);
	wb_noise_ephemeral_source(NULL);
}

static void initiator_agrees_with_vectors(void **state)
{
	struct wb_noise_identity self;
	struct wb_noise_peer peer;
	struct wb_noise_session session;
	struct wb_msg_initiation initiation;
	struct wb_msg_response response;
	struct wb_msg_cookie_reply reply;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		const struct handshake_vector *v = &vectors[i];

		initiate(v, &self, &peer, &initiation);
		assert_memory_equal(&initiation, v->initiation, sizeof(initiation));
		memcpy(&reply, v->cookie_reply, sizeof(reply));
		assert_int_equal(wb_cookie_reply_consume(&peer.cookie, &reply, NOW), 0);
		assert_memory_equal(peer.cookie.cookie, v->replied_cookie, WB_MAC_LEN);
		memcpy(&response, v->response, sizeof(response));
		assert_int_equal(wb_noise_response_consume(&self, &peer, &response, &session), 0);
		assert_memory_equal(session.send_key.bytes, v->initiator_sends, WB_KEY_LEN);
		assert_memory_equal(session.receive_key.bytes, v->initiator_receives, WB_KEY_LEN);
		assert_true(session.initiator);
		assert_int_equal(session.local_index, v->initiator_index);
		assert_int_equal(session.remote_index, v->responder_index);
	}
}

static int take_initiation(const struct wb_noise_identity *self, struct wb_noise_peer *peer,
	const void *message, uint64_t now)
{
	struct wb_noise_initiation opened;
	struct wb_msg_initiation initiation;
	int rc;

	memcpy(&initiation, message, sizeof(initiation));
	rc = wb_noise_initiation_open(self, &initiation, &opened);
	if (rc < 0)
		return rc;
	if (!wb_key_equal(&opened.remote_static, &peer->remote_static))
		return -ENOENT;
	return wb_noise_initiation_accept(self, peer, &opened, now);
}

static void responder_agrees_with_vectors(void **state)
{
	struct wb_noise_identity self;
	struct wb_noise_peer peer;
	struct wb_noise_session session;
	struct wb_msg_response response;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		const struct handshake_vector *v = &vectors[i];

		side(v, false, &self, &peer);
		assert_int_equal(take_initiation(&self, &peer, v->initiation, NOW), 0);
		next_ephemeral = key_of(v->responder_ephemeral);
		wb_noise_ephemeral_source(fixed_ephemeral);
		assert_int_equal(wb_noise_response_create(&self, &peer, v->responder_index, NOW,
					 &response, &session),
			0);
		wb_noise_ephemeral_source(NULL);
		assert_memory_equal(&response, v->response, sizeof(response));
		assert_memory_equal(session.send_key.bytes, v->initiator_receives, WB_KEY_LEN);
		assert_memory_equal(session.receive_key.bytes, v->initiator_sends, WB_KEY_LEN);
		assert_false(session.initiator);
	}
}

static void every_flipped_byte_of_an_initiation_is_refused(void **state)
{
	struct wb_noise_identity self;
	struct wb_noise_peer peer, before;
	uint8_t message[sizeof(struct wb_msg_initiation)];

	(void)state;
	side(&vectors[1], false, &self, &peer);
	before = peer;
	/* The type and the sender's index are covered by the MACs alone. */
	for (unsigned i = 8; i < sizeof(message) - sizeof(struct wb_msg_macs); i++) {
		memcpy(message, vectors[1].initiation, sizeof(message));
		message[i] ^= 0x10;
		assert_true(take_initiation(&self, &peer, message, NOW) < 0);
		assert_memory_equal(&peer, &before, sizeof(peer));
	}
}

static void macs_cover_every_byte(void **state)
{
	const struct wb_endpoint source = {.port = 1};
	struct wb_noise_identity self;
	struct wb_noise_peer peer;
	struct wb_cookie_checker checker;
	uint8_t message[sizeof(struct wb_msg_initiation)];

	(void)state;
	side(&vectors[0], false, &self, &peer);
	wb_cookie_checker_init(&checker, &self.keys, NOW);
	memcpy(message, vectors[0].initiation, sizeof(message));
	assert_int_equal(
		wb_cookie_check(&checker, message, sizeof(message), &source, NOW), WB_MAC_VALID);
	for (unsigned i = 0; i < sizeof(message) - WB_MAC_LEN; i++) {
		memcpy(message, vectors[0].initiation, sizeof(message));
		message[i] ^= 1;
		assert_int_equal(wb_cookie_check(&checker, message, sizeof(message), &source, NOW),
			WB_MAC_INVALID);
	}
}

static void every_flipped_byte_of_a_response_is_refused_and_harmless(void **state)
{
	struct wb_noise_identity self;
	struct wb_noise_peer peer;
	struct wb_noise_session session;
	struct wb_msg_initiation initiation;
	struct wb_msg_response response;

	(void)state;
	initiate(&vectors[3], &self, &peer, &initiation);
	for (unsigned i = 8; i < sizeof(response) - sizeof(struct wb_msg_macs); i++) {
		memcpy(&response, vectors[3].response, sizeof(response));
		((uint8_t *)&response)[i] ^= 0x80;
		/* X25519 ignores the highest bit of a point; the hash does not. */
		assert_int_equal(
			wb_noise_response_consume(&self, &peer, &response, &session), -EBADMSG);
	}
	memcpy(&response, vectors[3].response, sizeof(response));
	assert_int_equal(wb_noise_response_consume(&self, &peer, &response, &session), 0);
	/* A second time there is no handshake to answer. */
	assert_int_equal(wb_noise_response_consume(&self, &peer, &response, &session), -EBADMSG);
}

static void replayed_initiation_is_refused(void **state)
{
	struct wb_noise_identity self;
	struct wb_noise_peer peer;

	(void)state;
	side(&vectors[0], false, &self, &peer);
	assert_int_equal(take_initiation(&self, &peer, vectors[0].initiation, NOW), 0);
	assert_int_equal(
		take_initiation(&self, &peer, vectors[0].initiation, NOW + WB_SECOND), -EALREADY);
}

static void flood_of_one_peer_is_limited(void **state)
{
	struct wb_noise_identity self, other;
	struct wb_noise_peer peer, us;
	struct wb_msg_initiation message;
	struct timespec wall = {.tv_sec = 2000000000};

	(void)state;
	side(&vectors[0], false, &self, &peer);
	side(&vectors[0], true, &other, &us);
	assert_int_equal(wb_noise_initiation_create(&other, &us, 1, &wall, NOW, &message), 0);
	assert_int_equal(take_initiation(&self, &peer, &message, NOW), 0);
	wall.tv_sec++;
	assert_int_equal(wb_noise_initiation_create(&other, &us, 1, &wall, NOW, &message), 0);
	assert_int_equal(
		take_initiation(&self, &peer, &message, NOW + WB_SECOND / 50 - 1), -EAGAIN);
	assert_int_equal(take_initiation(&self, &peer, &message, NOW + WB_SECOND / 50), 0);
}

static void wrong_psk_is_refused(void **state)
{
	struct wb_noise_identity self;
	struct wb_noise_peer peer;
	struct wb_noise_session session;
	struct wb_msg_initiation initiation;
	struct wb_msg_response response;

	(void)state;
	initiate(&vectors[1], &self, &peer, &initiation);
	peer.psk.bytes[0] ^= 1;
	memcpy(&response, vectors[1].response, sizeof(response));
	assert_int_equal(wb_noise_response_consume(&self, &peer, &response, &session), -EBADMSG);
}

static void own_key_and_low_order_peers_are_unusable(void **state)
{
	struct wb_noise_identity self;
	struct wb_noise_peer peer;
	struct wb_key zero = {{0}}, one = {{1}};
	struct wb_msg_initiation message;
	const struct timespec wall = {.tv_sec = 1};

	(void)state;
	side(&vectors[0], true, &self, &peer);
	assert_true(peer.usable);
	wb_noise_peer_init(&peer, &self, &self.public_key, NULL);
	assert_false(peer.usable);
	wb_noise_peer_init(&peer, &self, &zero, NULL);
	assert_false(peer.usable);
	wb_noise_peer_init(&peer, &self, &one, NULL);
	assert_false(peer.usable);
	assert_int_equal(
		wb_noise_initiation_create(&self, &peer, 1, &wall, NOW, &message), -EINVAL);
}

static void low_order_ephemeral_is_refused(void **state)
{
	struct wb_noise_identity self;
	struct wb_noise_peer peer;
	uint8_t message[sizeof(struct wb_msg_initiation)];

	(void)state;
	side(&vectors[0], false, &self, &peer);
	memcpy(message, vectors[0].initiation, sizeof(message));
	memset(message + 8, 0, 32);
	assert_int_equal(take_initiation(&self, &peer, message, NOW), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initiator_agrees_with_vectors),
		cmocka_unit_test(responder_agrees_with_vectors),
		cmocka_unit_test(every_flipped_byte_of_an_initiation_is_refused),
		cmocka_unit_test(macs_cover_every_byte),
		cmocka_unit_test(every_flipped_byte_of_a_response_is_refused_and_harmless),
		cmocka_unit_test(replayed_initiation_is_refused),
		cmocka_unit_test(flood_of_one_peer_is_limited),
		cmocka_unit_test(wrong_psk_is_refused),
		cmocka_unit_test(own_key_and_low_order_peers_are_unusable),
		cmocka_unit_test(low_order_ephemeral_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
