/* SPDX-License-Identifier: BSD-3-Clause */
/* The WireGuard at the far end of each tunnel: handshakes in both roles, sessions. */
#include "memif_load.h"

#include <string.h>
#include <time.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <sodium.h>

#include "wg/transport.h"

uint64_t load_nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * WB_SECOND + (uint64_t)now.tv_nsec;
}

void load_tunnel_init(struct load_tunnel *tunnel, unsigned number, const struct wb_key *private_key,
	const struct wb_key *gateway)
{
	memset(tunnel, 0, sizeof(*tunnel));
	tunnel->number = number;
	tunnel->latest = -1;
	wb_noise_identity_set(&tunnel->identity, private_key);
	wb_noise_peer_init(&tunnel->peer, &tunnel->identity, gateway, NULL);
}

/* Index 0 is nobody's. The session that we seal under keeps its place. */
static uint32_t index_make(struct load_tunnel *tunnel)
{
	if ((int)(tunnel->next_session % LOAD_SESSIONS) == tunnel->latest)
		tunnel->next_session++;
	return 1 + tunnel->number * LOAD_SESSIONS + tunnel->next_session++ % LOAD_SESSIONS;
}

struct load_session *load_session_find(
	struct load *load, uint32_t receiver, struct load_tunnel **tunnel)
{
	uint32_t place = receiver - 1;
	struct load_session *session;

	if (place >= load->n_tunnels * LOAD_SESSIONS)
		return NULL;
	*tunnel = &load->tunnels[place / LOAD_SESSIONS];
	session = &(*tunnel)->sessions[place % LOAD_SESSIONS];
	return session->valid ? session : NULL;
}

/* Under a session that the gateway began we may send only once it has (paper, section 5.4.4): of
 * two handshakes that cross, it may have dropped its own. We seal under those that we began. */
static void session_begin(struct load_tunnel *tunnel, struct wb_noise_session *derived, bool ours)
{
	unsigned place = (derived->local_index - 1) % LOAD_SESSIONS;
	struct load_session *session = &tunnel->sessions[place];

	*session = (struct load_session){
		.valid = true,
		.local_index = derived->local_index,
		.remote_index = derived->remote_index,
		.birth = rte_rdtsc(),
	};
	wb_aead_key_set(&session->send_key, &derived->send_key);
	wb_aead_key_set(&session->receive_key, &derived->receive_key);
	if (ours)
		tunnel->latest = (int)place;
	sodium_memzero(derived, sizeof(*derived));
}

static void message_send(
	struct load *load, struct load_tunnel *tunnel, const void *message, unsigned length)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(load->pool);
	uint8_t frame[512], *at;
	unsigned total;

	if (mbuf == NULL)
		return;
	at = load_outer_write(load, tunnel, frame, length);
	memcpy(at, message, length);
	total = (unsigned)(at - frame) + length;
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)total), frame, total);
	load_send(load, LOAD_WAN, mbuf);
	tunnel->kept_alive = rte_rdtsc();
}

void load_keepalive(struct load *load, struct load_tunnel *tunnel)
{
	struct load_session *session = &tunnel->sessions[tunnel->latest];
	uint8_t message[sizeof(struct wb_msg_transport) + WB_AEAD_TAG_LEN];
	struct wb_msg_transport header = {
		.type = rte_cpu_to_le_32(WB_MSG_TRANSPORT),
		.receiver = rte_cpu_to_le_32(session->remote_index),
		.counter = rte_cpu_to_le_64(session->counter),
	};
	struct wb_aead_op op = {
		.data = message + sizeof(header),
		.counter = session->counter++,
		.key = &session->send_key,
	};

	memcpy(message, &header, sizeof(header));
	wb_aead_seal_burst(load->aead, &op, 1);
	message_send(load, tunnel, message, sizeof(message));
}

static void initiate(struct load *load, struct load_tunnel *tunnel)
{
	struct wb_msg_initiation message;
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	if (wb_noise_initiation_create(&tunnel->identity, &tunnel->peer, index_make(tunnel), &wall,
		    load_nanoseconds(), &message) == 0)
		message_send(load, tunnel, &message, sizeof(message));
	tunnel->initiated = rte_rdtsc();
}

static bool younger(const struct load *load, const struct load_tunnel *tunnel, double age)
{
	if (tunnel->latest < 0)
		return false;
	return (double)(rte_rdtsc() - tunnel->sessions[tunnel->latest].birth) <
		age * (double)load->hz;
}

unsigned load_sessions_renew(struct load *load, double age)
{
	unsigned missing = 0;

	for (unsigned i = 0; i < load->n_tunnels; i++) {
		struct load_tunnel *tunnel = &load->tunnels[i];

		if (younger(load, tunnel, age))
			continue;
		missing++;
		if (tunnel->initiated == 0 || rte_rdtsc() - tunnel->initiated > load->hz)
			initiate(load, tunnel);
	}
	return missing;
}

static void answer(struct load *load, struct load_tunnel *tunnel, const void *message)
{
	struct wb_noise_initiation opened;
	struct wb_noise_session session;
	struct wb_msg_response response;
	uint64_t now = load_nanoseconds();

	if (wb_noise_initiation_open(&tunnel->identity, message, &opened) == 0 &&
		wb_key_equal(&opened.remote_static, &tunnel->peer.remote_static) &&
		wb_noise_initiation_accept(&tunnel->identity, &tunnel->peer, &opened, now) == 0 &&
		wb_noise_response_create(&tunnel->identity, &tunnel->peer, index_make(tunnel), now,
			&response, &session) == 0) {
		session_begin(tunnel, &session, false);
		message_send(load, tunnel, &response, sizeof(response));
	}
	sodium_memzero(&opened, sizeof(opened));
}

static void take_response(struct load *load, struct load_tunnel *tunnel, const void *message)
{
	struct wb_noise_session session;

	if (wb_noise_response_consume(&tunnel->identity, &tunnel->peer, message, &session) < 0)
		return;
	session_begin(tunnel, &session, true);
	load_keepalive(load, tunnel);
}

void load_handshake(
	struct load *load, struct load_tunnel *tunnel, const void *message, uint32_t length)
{
	switch (wb_message_type(message, length)) {
	case WB_MSG_INITIATION:
		answer(load, tunnel, message);
		break;
	case WB_MSG_RESPONSE:
		take_response(load, tunnel, message);
		break;
	case WB_MSG_COOKIE_REPLY:
		wb_cookie_reply_consume(&tunnel->peer.cookie, message, load_nanoseconds());
		break;
	default:
		break;
	}
}
