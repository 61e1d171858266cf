/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "uapi/wgquick.h"

static void save_list(FILE *out, const char *key, const struct wb_texts *list)
{
	for (unsigned i = 0; i < list->n; i++)
		fprintf(out, "%s = %s\n", key, list->texts[i]);
}

static void save_key(FILE *out, const char *name, const struct wb_key *key)
{
	char text[WB_KEY_STRLEN];

	fprintf(out, "%s = %s\n", name, wb_key_format(key, text));
	sodium_memzero(text, sizeof(text));
}

static void save_interface(FILE *out, const struct wb_wgquick *file)
{
	char text[WB_PREFIX_STRLEN];

	fputs("[Interface]\n", out);
	for (unsigned i = 0; i < file->n_addresses; i++)
		fprintf(out, "Address = %s\n", wb_prefix_format(&file->addresses[i], text));
	save_list(out, "DNS", &file->dns);
	save_list(out, "DNS", &file->dns_search);
	if (file->mtu != 0)
		fprintf(out, "MTU = %u\n", file->mtu);
	if (file->table_kind == WB_TABLE_OFF)
		fputs("Table = off\n", out);
	if (file->table_kind == WB_TABLE_NUMBER)
		fprintf(out, "Table = %" PRIu32 "\n", file->table);
	if (file->save)
		fputs("SaveConfig = true\n", out);
	save_list(out, "PreUp", &file->hooks[WB_HOOK_PRE_UP]);
	save_list(out, "PostUp", &file->hooks[WB_HOOK_POST_UP]);
	save_list(out, "PreDown", &file->hooks[WB_HOOK_PRE_DOWN]);
	save_list(out, "PostDown", &file->hooks[WB_HOOK_POST_DOWN]);
	if (file->listen_port != 0)
		fprintf(out, "ListenPort = %u\n", file->listen_port);
	if (file->fwmark != 0)
		fprintf(out, "FwMark = 0x%" PRIx32 "\n", file->fwmark);
	if (file->has_private_key)
		save_key(out, "PrivateKey", &file->private_key);
}

static void save_peer(FILE *out, const struct wb_wgquick_peer *peer)
{
	char text[WB_PREFIX_STRLEN > WB_ENDPOINT_STRLEN ? WB_PREFIX_STRLEN : WB_ENDPOINT_STRLEN];

	fputs("\n[Peer]\n", out);
	save_key(out, "PublicKey", &peer->public_key);
	if (peer->has_psk)
		save_key(out, "PresharedKey", &peer->preshared_key);
	for (unsigned i = 0; i < peer->n_allowed; i++)
		fprintf(out, "%s%s%s", i == 0 ? "AllowedIPs = " : ", ",
			wb_prefix_format(&peer->allowed[i], text),
			i + 1 == peer->n_allowed ? "\n" : "");
	if (peer->host != NULL)
		fprintf(out,
			strchr(peer->host, ':') ? "Endpoint = [%s]:%u\n" : "Endpoint = %s:%u\n",
			peer->host, peer->port);
	else if (peer->endpoint.addr.family != 0)
		fprintf(out, "Endpoint = %s\n", wb_endpoint_format(&peer->endpoint, text));
	if (peer->keepalive != 0)
		fprintf(out, "PersistentKeepalive = %u\n", peer->keepalive);
}

/* Everything is on the disk before the old file goes. */
static bool write_all(FILE *out, const struct wb_wgquick *file)
{
	save_interface(out, file);
	for (unsigned i = 0; i < file->n_peers; i++)
		save_peer(out, &file->peers[i]);
	return fflush(out) == 0 && !ferror(out) && fsync(fileno(out)) == 0;
}

/* The owner's bits of the file in place, if there is one: what was read-only stays so. */
static mode_t mode_for(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? status.st_mode & 0600 : 0600;
}

int wb_wgquick_save(const struct wb_wgquick *file, const char *path, struct wb_err *err)
{
	char *temporary;
	FILE *out;
	int fd, rc = 0;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return wb_err_set(err, ENOMEM, "%s: no memory to save it", path);
	fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
	out = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (out == NULL || !write_all(out, file) || fchmod(fd, mode_for(path)) < 0 ||
		rename(temporary, path) < 0) {
		/* What stdio noted earlier may have no errno any more. */
		int errnum = errno != 0 ? errno : EIO;

		rc = wb_err_set(err, errnum, "%s: cannot be saved: %s", path, strerror(errnum));
		if (fd >= 0)
			unlink(temporary);
	}
	if (out != NULL)
		fclose(out);
	else if (fd >= 0)
		close(fd);
	free(temporary);
	return rc;
}
