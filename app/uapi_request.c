/* SPDX-License-Identifier: BSD-3-Clause */
#include "uapi_request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apply.h"
#include "tunnels.h"

static void put_allowed(void *arg, const struct wb_prefix *prefix)
{
	wb_uapi_put_allowed(arg, prefix);
}

static void put_peer(struct wb_uapi_text *answer, const struct wb_peer *peer)
{
	const struct wb_uapi_peer_state state = {
		.public_key = &peer->public_key,
		.psk = &peer->noise.psk,
		.endpoint = peer->endpoint,
		.handshake_s = (uint64_t)peer->handshaken.tv_sec,
		.handshake_ns = (uint32_t)peer->handshaken.tv_nsec,
		.tx_bytes = __atomic_load_n(&peer->seal.bytes, __ATOMIC_RELAXED) +
			peer->control_tx_bytes,
		.rx_bytes = __atomic_load_n(&peer->open.bytes, __ATOMIC_RELAXED) +
			peer->control_rx_bytes,
		.keepalive = (uint16_t)(peer->timers.keepalive_interval / NS_PER_SECOND),
	};

	wb_uapi_put_peer(answer, &state);
	wb_allowedips_table_of_peer(peer->tunnel->table, peer->id, put_allowed, answer);
}

static int get(const struct wb_tunnel *tunnel, struct wb_uapi_text *answer)
{
	wb_uapi_put_device(answer, tunnel->identity.present ? &tunnel->identity.private_key : NULL,
		tunnel->listen_port, tunnel->fwmark);
	for (uint32_t i = 0; i < tunnel->n_peers; i++)
		put_peer(answer, tunnel->peers[i]);
	return 0;
}

static int set(struct gateway *gateway, struct wb_tunnel *tunnel, const struct wb_uapi_set *changes,
	struct wb_err *err)
{
	return tunnel_apply(gateway->control, tunnel, changes, err);
}

/* The changes are read before the lock is taken: that is most of the work. */
void uapi_request(struct gateway *gateway, const char *name, char *request, size_t length,
	struct wb_uapi_text *answer)
{
	struct wb_uapi_set *changes = NULL;
	struct wb_err err = {.text = ""};
	int id, rc = 0;

	if (length >= 6 && memcmp(request, "set=1\n", 6) == 0)
		rc = wb_uapi_set_parse(request + 6, length - 6, &changes, &err);
	else if (length != 6 || memcmp(request, "get=1\n", 6) != 0)
		rc = wb_err_set(&err, EPROTO, "expected get=1 or set=1");
	if (rc == 0) {
		gateway_lock(gateway);
		id = tunnel_id(gateway, name);
		if (id < 0)
			rc = wb_err_set(&err, ENODEV, "the tunnel is gone");
		else if (changes != NULL)
			rc = set(gateway, gateway->tunnels[id].tunnel, changes, &err);
		else
			rc = get(gateway->tunnels[id].tunnel, answer);
		gateway_unlock(gateway);
	}
	wb_uapi_set_free(changes);
	if (rc < 0)
		fprintf(stderr, "wirebraid: wg(8) on %s: %s\n", name, err.text);
	wb_uapi_put_errno(answer, rc);
}
