/* SPDX-License-Identifier: BSD-3-Clause */
/* What a client of the userspace API may send. What is understood is written out again, and must
 * be understood as the same. */
#include <errno.h>

#include "fuzz.h"
#include "uapi/uapi.h"

static void put_key(FILE *out, const char *name, const struct wb_key *key)
{
	fprintf(out, "%s=", name);
	for (unsigned i = 0; i < WB_KEY_LEN; i++)
		fprintf(out, "%02X", key->bytes[i]);
	fputc('\n', out);
}

static struct wb_prefix masked(struct wb_prefix prefix)
{
	wb_prefix_mask(&prefix);
	return prefix;
}

static void put_peer(FILE *out, const struct wb_uapi_peer *peer)
{
	char text[WB_ENDPOINT_STRLEN];

	put_key(out, "public_key", &peer->public_key);
	if (peer->remove)
		fputs("remove=true\n", out);
	if (peer->update_only)
		fputs("update_only=true\n", out);
	if (peer->replace_allowed)
		fputs("replace_allowed_ips=true\n", out);
	if (peer->psk_set)
		put_key(out, "preshared_key", &peer->psk);
	if (peer->endpoint_set)
		fprintf(out, "endpoint=%s\n", wb_endpoint_format(&peer->endpoint, text));
	if (peer->keepalive_set)
		fprintf(out, "persistent_keepalive_interval=%u\n", peer->keepalive);
	for (unsigned i = 0; i < peer->n_allowed; i++) {
		const struct wb_prefix plain = masked(peer->allowed[i].prefix);

		FUZZ_CHECK(wb_prefix_equal(&plain, &peer->allowed[i].prefix));
		fprintf(out, "allowed_ip=%s%s\n", peer->allowed[i].remove ? "-" : "",
			wb_prefix_format(&peer->allowed[i].prefix, text));
	}
}

static char *written(const struct wb_uapi_set *set, size_t *length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, length);

	FUZZ_CHECK(out != NULL);
	if (set->private_key_set)
		put_key(out, "private_key", &set->private_key);
	if (set->listen_port_set)
		fprintf(out, "listen_port=%u\n", set->listen_port);
	if (set->fwmark_set)
		fprintf(out, "fwmark=%u\n", set->fwmark);
	if (set->replace_peers)
		fputs("replace_peers=true\n", out);
	for (unsigned i = 0; i < set->n_peers; i++)
		put_peer(out, &set->peers[i]);
	fclose(out);
	return text;
}

static void again(const struct wb_uapi_set *set)
{
	struct wb_uapi_set *second = NULL;
	size_t length, length_again;
	char *text = written(set, &length), *text_again, *copy = malloc(length + 1);

	FUZZ_CHECK(copy != NULL);
	memcpy(copy, text, length);
	FUZZ_CHECK(wb_uapi_set_parse(copy, length, &second, NULL) == 0);
	text_again = written(second, &length_again);
	FUZZ_CHECK(length == length_again && memcmp(text, text_again, length) == 0);
	wb_uapi_set_free(second);
	free(copy);
	free(text);
	free(text_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wb_uapi_set *set = NULL;
	char *text = malloc(size + 1);
	struct wb_err err = {.text = ""};
	int rc;

	FUZZ_CHECK(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	rc = wb_uapi_set_parse(text, size, &set, &err);
	FUZZ_CHECK(rc == 0 || rc == -EINVAL || rc == -EPROTO);
	if (rc == 0)
		again(set);
	else
		FUZZ_CHECK(set == NULL && err.text[0] != '\0');
	wb_uapi_set_free(set);
	free(text);
	return 0;
}
