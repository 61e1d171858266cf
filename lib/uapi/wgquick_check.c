/* SPDX-License-Identifier: BSD-3-Clause */
/* What can only be said of a tunnel's file as a whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "uapi/wgquick_parts.h"

static int by_key(const void *a, const void *b)
{
	const struct wb_wgquick_peer *const *left = a, *const *right = b;
	int order = memcmp((*left)->public_key.bytes, (*right)->public_key.bytes, WB_KEY_LEN);

	return order != 0 ? order
			  : ((*left)->line > (*right)->line) - ((*left)->line < (*right)->line);
}

int wb_wgquick_peers_check(const struct wb_wgquick *file, struct wb_err *err)
{
	const struct wb_wgquick_peer **order = calloc(file->n_peers + 1u, sizeof(*order));
	int rc = 0;

	if (order == NULL)
		return wb_err_set(err, ENOMEM, "%s: no memory", file->path);
	for (unsigned i = 0; i < file->n_peers; i++)
		order[i] = &file->peers[i];
	qsort(order, file->n_peers, sizeof(*order), by_key);
	for (unsigned i = 0; rc == 0 && i < file->n_peers; i++) {
		if (wb_key_is_zero(&order[i]->public_key))
			rc = wb_err_set(err, EINVAL,
				"%s:%u: this [Peer] has no PublicKey, expected one", file->path,
				order[i]->line);
		else if (i > 0 &&
			memcmp(&order[i]->public_key, &order[i - 1]->public_key, WB_KEY_LEN) == 0)
			rc = wb_err_set(err, EINVAL,
				"%s:%u: this [Peer] has the PublicKey of the one in line %u, "
				"expected one section for a peer",
				file->path, order[i]->line, order[i - 1]->line);
	}
	free(order);
	return rc;
}

/** An allowed IP and the peer that has it. */
struct claim {
	struct wb_prefix prefix;
	unsigned peer;
};

static int by_prefix(const void *a, const void *b)
{
	const struct claim *left = a, *right = b;
	int order = wb_prefix_compare(&left->prefix, &right->prefix);

	return order != 0 ? order : (left->peer > right->peer) - (left->peer < right->peer);
}

/* As with wg(8), the later peer has it; but that is seldom what was meant. */
int wb_wgquick_claims_check(
	const struct wb_wgquick *file, struct wb_notices *notices, struct wb_err *err)
{
	char text[WB_PREFIX_STRLEN];
	struct claim *claims;
	size_t n = 0;

	for (unsigned i = 0; i < file->n_peers; i++)
		n += file->peers[i].n_allowed;
	claims = calloc(n + 1, sizeof(*claims));
	if (claims == NULL)
		return wb_err_set(err, ENOMEM, "%s: no memory", file->path);
	n = 0;
	for (unsigned i = 0; i < file->n_peers; i++)
		for (unsigned j = 0; j < file->peers[i].n_allowed; j++)
			claims[n++] = (struct claim){file->peers[i].allowed[j], i};
	qsort(claims, n, sizeof(*claims), by_prefix);
	for (size_t i = 1; i < n; i++)
		if (claims[i].peer != claims[i - 1].peer &&
			wb_prefix_equal(&claims[i].prefix, &claims[i - 1].prefix))
			wb_notices_add(notices,
				"%s:%u: %s is allowed for this [Peer] and the one in line %u; this "
				"one has it",
				file->path, file->peers[claims[i].peer].line,
				wb_prefix_format(&claims[i].prefix, text),
				file->peers[claims[i - 1].peer].line);
	free(claims);
	return 0;
}
