/* SPDX-License-Identifier: BSD-3-Clause */
#include "wg/keypair.h"

#include <rte_malloc.h>
#include <sodium.h>

#include "wg/tunnel.h"

struct wb_keypair *wb_keypair_create(
	const struct wb_noise_session *session, struct wb_peer *peer, uint64_t now)
{
	struct wb_keypair *keypair =
		rte_zmalloc("wb_keypair", sizeof(*keypair), RTE_CACHE_LINE_SIZE);

	if (keypair == NULL)
		return NULL;
	keypair->entry.index = session->local_index;
	keypair->entry.kind = WB_INDEX_KEYPAIR;
	keypair->entry.tunnel = peer->tunnel->id;
	keypair->entry.peer = peer;
	keypair->initiator = keypair->seal.initiator = session->initiator;
	keypair->birth = keypair->seal.birth = now;
	keypair->seal.remote_index = session->remote_index;
	wb_aead_key_set(&keypair->seal.key, &session->send_key);
	wb_aead_key_set(&keypair->receive_key, &session->receive_key);
	return keypair;
}

void wb_keypair_free(void *object)
{
	if (object == NULL)
		return;
	sodium_memzero(object, sizeof(struct wb_keypair));
	rte_free(object);
}
