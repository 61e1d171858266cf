/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "uapi/uapi.h"

struct wb_uapi_set *wb_uapi_set_create(void)
{
	return calloc(1, sizeof(struct wb_uapi_set));
}

void wb_uapi_set_free(struct wb_uapi_set *set)
{
	if (set == NULL)
		return;
	for (unsigned i = 0; i < set->n_peers; i++)
		free(set->peers[i].allowed);
	if (set->peers != NULL)
		sodium_memzero(set->peers, set->n_peers * sizeof(*set->peers));
	free(set->peers);
	sodium_memzero(set, sizeof(*set));
	free(set);
}

struct wb_uapi_peer *wb_uapi_set_peer_add(struct wb_uapi_set *set, const struct wb_key *public_key)
{
	unsigned room = set->peers_room * 2 + 4;
	struct wb_uapi_peer *larger;

	if (set->n_peers == set->peers_room) {
		/* Not realloc(): it would leave preshared keys behind. */
		larger = calloc(room, sizeof(*larger));
		if (larger == NULL)
			return NULL;
		if (set->n_peers > 0) {
			memcpy(larger, set->peers, set->n_peers * sizeof(*larger));
			sodium_memzero(set->peers, set->n_peers * sizeof(*larger));
		}
		free(set->peers);
		set->peers = larger;
		set->peers_room = room;
	}
	memset(&set->peers[set->n_peers], 0, sizeof(*set->peers));
	set->peers[set->n_peers].public_key = *public_key;
	return &set->peers[set->n_peers++];
}

int wb_uapi_peer_allowed_add(struct wb_uapi_peer *peer, const struct wb_prefix *prefix, bool remove)
{
	unsigned room = peer->allowed_room * 2 + 4;
	struct wb_uapi_allowed *larger;

	if (peer->n_allowed == peer->allowed_room) {
		larger = realloc(peer->allowed, room * sizeof(*larger));
		if (larger == NULL)
			return -ENOMEM;
		peer->allowed = larger;
		peer->allowed_room = room;
	}
	peer->allowed[peer->n_allowed].prefix = *prefix;
	peer->allowed[peer->n_allowed++].remove = remove;
	return 0;
}

static int hex_key(const char *value, struct wb_key *key)
{
	size_t length;

	/* libsodium's takes the same time whatever the key. */
	if (strlen(value) != 2 * WB_KEY_LEN ||
		sodium_hex2bin(
			key->bytes, WB_KEY_LEN, value, 2 * WB_KEY_LEN, NULL, &length, NULL) != 0 ||
		length != WB_KEY_LEN)
		return -EINVAL;
	return 0;
}

static int number(const char *value, uint32_t max, uint32_t *out)
{
	uint64_t sum = 0;

	if (*value == '\0' || strlen(value) > 10)
		return -EINVAL;
	for (; *value != '\0'; value++) {
		if (*value < '0' || *value > '9')
			return -EINVAL;
		sum = sum * 10 + (uint64_t)(*value - '0');
	}
	*out = (uint32_t)sum;
	return sum <= max ? 0 : -EINVAL;
}

static int number16(const char *value, uint16_t *out)
{
	uint32_t wide = 0;
	int rc = number(value, UINT16_MAX, &wide);

	*out = (uint16_t)wide;
	return rc;
}

static int truth(const char *value, bool *out)
{
	*out = true;
	return strcmp(value, "true") == 0 ? 0 : -EINVAL;
}

/* ADDRESS:PORT or [ADDRESS]:PORT; changes the text. */
static int endpoint(char *value, struct wb_endpoint *out)
{
	char *colon = strrchr(value, ':'), *address = value;
	size_t length;

	if (colon == NULL || number16(colon + 1, &out->port) < 0)
		return -EINVAL;
	*colon = '\0';
	length = strlen(address);
	if (*address == '[') {
		if (length < 3 || address[length - 1] != ']')
			return -EINVAL;
		address[length - 1] = '\0';
		address++;
	}
	if (wb_addr_parse(address, &out->addr) < 0)
		return -EINVAL;
	return (address != value) == (out->addr.family == AF_INET6) ? 0 : -EINVAL;
}

static int allowed(const char *value, struct wb_uapi_peer *peer)
{
	bool remove = *value == '-';
	struct wb_prefix prefix;

	/* As wireguard-go: a bare address is no prefix here. */
	if (strchr(value, '/') == NULL ||
		wb_prefix_parse(value + (remove || *value == '+'), &prefix) < 0)
		return -EINVAL;
	wb_prefix_mask(&prefix);
	return wb_uapi_peer_allowed_add(peer, &prefix, remove);
}

static int protocol_version(const char *value)
{
	return strcmp(value, "1") == 0 ? 0 : -EINVAL;
}

static int device_key(struct wb_uapi_set *set, const char *key, char *value)
{
	if (strcmp(key, "private_key") == 0) {
		set->private_key_set = true;
		return hex_key(value, &set->private_key);
	}
	if (strcmp(key, "listen_port") == 0) {
		set->listen_port_set = true;
		return number16(value, &set->listen_port);
	}
	if (strcmp(key, "fwmark") == 0) {
		set->fwmark_set = true;
		return number(value, UINT32_MAX, &set->fwmark);
	}
	if (strcmp(key, "replace_peers") == 0)
		return truth(value, &set->replace_peers);
	return -ENOENT;
}

static int peer_key(struct wb_uapi_peer *peer, const char *key, char *value)
{
	if (strcmp(key, "allowed_ip") == 0)
		return allowed(value, peer);
	if (strcmp(key, "preshared_key") == 0) {
		peer->psk_set = true;
		return hex_key(value, &peer->psk);
	}
	if (strcmp(key, "endpoint") == 0) {
		peer->endpoint_set = true;
		return endpoint(value, &peer->endpoint);
	}
	if (strcmp(key, "persistent_keepalive_interval") == 0) {
		peer->keepalive_set = true;
		return number16(value, &peer->keepalive);
	}
	if (strcmp(key, "replace_allowed_ips") == 0)
		return truth(value, &peer->replace_allowed);
	if (strcmp(key, "remove") == 0)
		return truth(value, &peer->remove);
	if (strcmp(key, "update_only") == 0)
		return truth(value, &peer->update_only);
	if (strcmp(key, "protocol_version") == 0)
		return protocol_version(value);
	return -ENOENT;
}

/* A public key begins the lines of a peer. */
static int line_read(
	struct wb_uapi_set *set, struct wb_uapi_peer **peer, const char *key, char *value)
{
	struct wb_key public_key;
	int rc;

	if (strcmp(key, "public_key") == 0) {
		rc = hex_key(value, &public_key);
		if (rc < 0)
			return rc;
		*peer = wb_uapi_set_peer_add(set, &public_key);
		return *peer == NULL ? -ENOMEM : 0;
	}
	return *peer == NULL ? device_key(set, key, value) : peer_key(*peer, key, value);
}

/* The message names the key, never the value: it may be a secret. */
static int refuse(struct wb_err *err, int rc, unsigned line, const char *key)
{
	if (rc == -ENOENT)
		return wb_err_set(
			err, EINVAL, "line %u: no setting '%.32s' is expected here", line, key);
	return wb_err_set(err, -rc, "line %u: the value of %s is wrong", line, key);
}

static int lines_read(char *text, struct wb_uapi_set *set, struct wb_err *err)
{
	struct wb_uapi_peer *peer = NULL;
	unsigned number_of_line = 0;
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) != NULL) {
		char *value = strchr(line, '=');
		int rc;

		number_of_line++;
		if (*line == '\0' && rest == NULL)
			break;
		if (value == NULL)
			return wb_err_set(
				err, EPROTO, "line %u: expected KEY=VALUE", number_of_line);
		*value++ = '\0';
		rc = line_read(set, &peer, line, value);
		if (rc < 0)
			return refuse(err, rc, number_of_line, line);
	}
	return 0;
}

int wb_uapi_set_parse(char *text, size_t length, struct wb_uapi_set **out, struct wb_err *err)
{
	struct wb_uapi_set *set;
	int rc;

	if (memchr(text, '\0', length) != NULL)
		return wb_err_set(err, EPROTO, "a zero byte, expected lines of text");
	set = wb_uapi_set_create();
	if (set == NULL)
		return wb_err_set(err, ENOMEM, "no memory for a request");
	text[length] = '\0';
	rc = lines_read(text, set, err);
	if (rc < 0)
		wb_uapi_set_free(set);
	else
		*out = set;
	return rc;
}
