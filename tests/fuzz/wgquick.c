/* SPDX-License-Identifier: BSD-3-Clause */
/* A tunnel's file. What is understood is saved, and must be read as the same. */
#include <errno.h>

#include "fuzz.h"
#include "uapi/wgquick.h"

static bool same_texts(const struct wb_texts *a, const struct wb_texts *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (strcmp(a->texts[i], b->texts[i]) != 0)
			return false;
	return true;
}

static bool same_prefixes(
	const struct wb_prefix *a, unsigned n_a, const struct wb_prefix *b, unsigned n_b)
{
	if (n_a != n_b)
		return false;
	for (unsigned i = 0; i < n_a; i++)
		if (!wb_prefix_equal(&a[i], &b[i]))
			return false;
	return true;
}

static void peers_check(const struct wb_wgquick_peer *a, const struct wb_wgquick_peer *b)
{
	FUZZ_CHECK(wb_key_equal(&a->public_key, &b->public_key));
	FUZZ_CHECK(a->has_psk == b->has_psk);
	FUZZ_CHECK(!a->has_psk || wb_key_equal(&a->preshared_key, &b->preshared_key));
	FUZZ_CHECK(same_prefixes(a->allowed, a->n_allowed, b->allowed, b->n_allowed));
	FUZZ_CHECK((a->host == NULL) == (b->host == NULL));
	FUZZ_CHECK(a->host == NULL || (strcmp(a->host, b->host) == 0 && a->port == b->port));
	FUZZ_CHECK(a->keepalive == b->keepalive);
}

static void files_check(const struct wb_wgquick *a, const struct wb_wgquick *b)
{
	FUZZ_CHECK(a->has_private_key == b->has_private_key);
	FUZZ_CHECK(!a->has_private_key || wb_key_equal(&a->private_key, &b->private_key));
	FUZZ_CHECK(a->listen_port == b->listen_port && a->fwmark == b->fwmark && a->mtu == b->mtu);
	FUZZ_CHECK(a->table_kind == b->table_kind);
	FUZZ_CHECK(a->table_kind != WB_TABLE_NUMBER || a->table == b->table);
	FUZZ_CHECK(a->save == b->save);
	for (unsigned i = 0; i < WB_HOOKS; i++)
		FUZZ_CHECK(same_texts(&a->hooks[i], &b->hooks[i]));
	FUZZ_CHECK(same_texts(&a->dns, &b->dns) && same_texts(&a->dns_search, &b->dns_search));
	FUZZ_CHECK(same_prefixes(a->addresses, a->n_addresses, b->addresses, b->n_addresses));
	FUZZ_CHECK(a->n_peers == b->n_peers);
	for (unsigned i = 0; i < a->n_peers; i++)
		peers_check(&a->peers[i], &b->peers[i]);
}

static void again(const struct wb_wgquick *file)
{
	const char *path = fuzz_path("wg1.conf");
	struct wb_wgquick *second;
	struct wb_err err;
	int rc = wb_wgquick_save(file, path, &err);

	if (rc == 0)
		rc = wb_wgquick_load(path, &second, NULL, &err);
	if (rc < 0)
		fprintf(stderr, "%s\n", err.text);
	FUZZ_CHECK(rc == 0);
	files_check(file, second);
	wb_wgquick_free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wb_notices notices = {.n = 0};
	struct wb_err err = {.text = ""};
	struct wb_wgquick *file;
	int rc;

	fuzz_file("wg0.conf", data, size);
	rc = wb_wgquick_load(fuzz_path("wg0.conf"), &file, &notices, &err);
	FUZZ_CHECK(rc == 0 || (rc == -EINVAL && strstr(err.text, "wg0.conf") != NULL));
	if (rc == 0) {
		again(file);
		wb_wgquick_free(file);
	}
	wb_notices_free(&notices);
	return 0;
}
