/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "ini/ini.h"
#include "ini/value.h"
#include "uapi/wgquick_parts.h"

enum section {
	SECTION_NONE,
	SECTION_INTERFACE,
	SECTION_PEER,
};

/** What may stand once in [Interface], and then once in each [Peer]. */
static const char *const single[] = {"PrivateKey", "ListenPort", "FwMark", "MTU", "Table",
	"PublicKey", "PresharedKey", "Endpoint", "PersistentKeepalive"};

#define SINGLES	      (sizeof(single) / sizeof(single[0]))
#define SINGLES_PEER  5 /**< the first of [Peer]'s */
#define SINGLE_SECRET 0 /**< PrivateKey's */

struct loader {
	struct wb_wgquick *file;
	struct wb_notices *notices;
	enum section section;
	bool have_interface;
	/** Lines where what may stand once did, by place in `single`; those of the last [Peer]. */
	unsigned lines[SINGLES];
};

/* Room for one more element of an array that doubles. */
static void *room(void *array, unsigned n, size_t size)
{
	if (n != 0 && (n & (n - 1)) != 0)
		return array;
	return reallocarray(array, n == 0 ? 1 : n * 2, size);
}

static int set_key(const char *key, const char *value, struct wb_key *out, struct wb_err *err)
{
	if (wb_key_parse(value, out) == 0)
		return 0;
	/* The value may be a secret with one letter missing: it is not repeated. */
	return wb_err_set(err, EINVAL, "%s is no key, expected 44 characters of base64", key);
}

/* All zeros is how wg(8) says "none". */
static int set_private_key(struct wb_wgquick *file, const char *value, struct wb_err *err)
{
	int rc = set_key("PrivateKey", value, &file->private_key, err);

	if (rc == 0 && wb_key_is_zero(&file->private_key))
		return wb_err_set(
			err, EINVAL, "PrivateKey is all zeros, expected one by wg genkey");
	return rc;
}

static int add_prefixes(
	struct wb_prefix **list, unsigned *n, char *value, bool mask, struct wb_err *err)
{
	char *rest = value, *item;

	while ((item = wb_value_next(&rest)) != NULL) {
		struct wb_prefix *grown = room(*list, *n, sizeof(**list));

		if (grown == NULL)
			return wb_err_set(err, ENOMEM, "no memory");
		*list = grown;
		if (wb_value_prefix(item, &grown[*n], err) < 0)
			return -EINVAL;
		if (mask)
			wb_prefix_mask(&grown[*n]);
		++*n;
	}
	return 0;
}

static int set_u16(const char *value, uint32_t min, uint32_t max, uint16_t *out, struct wb_err *err)
{
	uint32_t number;
	int rc = wb_value_unsigned(value, min, max, &number, err);

	if (rc == 0)
		*out = (uint16_t)number;
	return rc;
}

static int set_table(struct wb_wgquick *file, const char *value, struct wb_err *err)
{
	if (strcmp(value, "auto") == 0) {
		file->table_kind = WB_TABLE_AUTO;
		return 0;
	}
	if (strcmp(value, "off") == 0) {
		file->table_kind = WB_TABLE_OFF;
		return 0;
	}
	file->table_kind = WB_TABLE_NUMBER;
	if (wb_value_unsigned(value, 1, UINT32_MAX, &file->table, NULL) == 0)
		return 0;
	return wb_err_set(
		err, EINVAL, "Table '%.40s' is not known, expected auto, off or a number", value);
}

static int set_fwmark(struct wb_wgquick *file, const char *value, struct wb_err *err)
{
	if (strcmp(value, "off") == 0) {
		file->fwmark = 0;
		return 0;
	}
	return wb_value_unsigned(value, 0, UINT32_MAX, &file->fwmark, err);
}

static int add_text(struct wb_texts *list, const char *text, struct wb_err *err)
{
	char **texts = room(list->texts, list->n, sizeof(*texts));

	if (texts == NULL)
		return wb_err_set(err, ENOMEM, "no memory");
	list->texts = texts;
	texts[list->n] = strdup(text);
	return texts[list->n] != NULL && ++list->n > 0 ? 0 : wb_err_set(err, ENOMEM, "no memory");
}

/* Addresses of servers, and domains to search in. */
static int add_dns(struct wb_wgquick *file, char *value, struct wb_err *err)
{
	char *rest = value, *item;
	struct wb_addr addr;
	int rc = 0;

	while (rc == 0 && (item = wb_value_next(&rest)) != NULL) {
		if (wb_addr_parse(item, &addr) == 0)
			rc = add_text(&file->dns, item, err);
		else if (*item != '\0' &&
			item[strspn(item,
				"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"0123456789_.-")] == '\0')
			rc = add_text(&file->dns_search, item, err);
		else
			rc = wb_err_set(err, EINVAL,
				"DNS '%.60s' is not valid, expected an address or a domain", item);
	}
	return rc;
}

static int set_save(struct wb_wgquick *file, const char *value, struct wb_err *err)
{
	file->save = strcasecmp(value, "true") == 0;
	if (file->save || strcasecmp(value, "false") == 0)
		return 0;
	return wb_err_set(
		err, EINVAL, "SaveConfig '%.20s' is not valid, expected true or false", value);
}

/* The list of commands a key adds to; NULL: it is no hook. */
static struct wb_texts *hook_list(struct wb_wgquick *file, const char *key)
{
	static const char *const names[WB_HOOKS] = {
		[WB_HOOK_PRE_UP] = "PreUp",
		[WB_HOOK_POST_UP] = "PostUp",
		[WB_HOOK_PRE_DOWN] = "PreDown",
		[WB_HOOK_POST_DOWN] = "PostDown",
	};

	for (unsigned i = 0; i < WB_HOOKS; i++)
		if (strcasecmp(key, names[i]) == 0)
			return &file->hooks[i];
	return NULL;
}

static int interface_key(
	struct loader *loader, const char *key, char *value, unsigned line, struct wb_err *err)
{
	struct wb_wgquick *file = loader->file;

	if (strcasecmp(key, "PrivateKey") == 0)
		return set_private_key(file, value, err);
	if (strcasecmp(key, "ListenPort") == 0) {
		file->listen_line = line;
		return set_u16(value, 0, 65535, &file->listen_port, err);
	}
	if (strcasecmp(key, "FwMark") == 0)
		return set_fwmark(file, value, err);
	if (strcasecmp(key, "Address") == 0)
		return add_prefixes(&file->addresses, &file->n_addresses, value, false, err);
	if (strcasecmp(key, "MTU") == 0) {
		file->mtu_line = line;
		return set_u16(value, 576, 9216, &file->mtu, err);
	}
	if (strcasecmp(key, "Table") == 0)
		return set_table(file, value, err);
	if (strcasecmp(key, "DNS") == 0)
		return add_dns(file, value, err);
	if (strcasecmp(key, "SaveConfig") == 0)
		return set_save(file, value, err);
	if (hook_list(file, key) != NULL)
		return add_text(hook_list(file, key), value, err);
	return wb_err_set(err, EINVAL,
		"'%.40s' is no setting of [Interface], expected PrivateKey, ListenPort, Address, "
		"MTU, Table, FwMark or another of wg-quick(8)",
		key);
}

static int set_endpoint(
	struct wb_wgquick_peer *peer, char *value, unsigned line, struct wb_err *err)
{
	char *colon = strrchr(value, ':'), *host = value;
	size_t length = colon != NULL ? (size_t)(colon - value) : 0;

	if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
		host++;
		length -= 2;
	} else if (memchr(host, ':', length) != NULL) {
		length = 0;
	}
	if (length == 0 || strcspn(host, "[]") < length ||
		set_u16(colon + 1, 1, 65535, &peer->port, NULL) < 0)
		return wb_err_set(err, EINVAL,
			"Endpoint '%.60s' is not valid, expected HOST:PORT or [IPV6]:PORT", value);
	free(peer->host);
	peer->host = strndup(host, length);
	peer->endpoint_line = line;
	return peer->host != NULL ? 0 : wb_err_set(err, ENOMEM, "no memory");
}

static int peer_key(
	struct loader *loader, const char *key, char *value, unsigned line, struct wb_err *err)
{
	struct wb_wgquick_peer *peer = &loader->file->peers[loader->file->n_peers - 1];

	if (strcasecmp(key, "PublicKey") == 0)
		return set_key(key, value, &peer->public_key, err);
	if (strcasecmp(key, "PresharedKey") == 0) {
		int rc = set_key(key, value, &peer->preshared_key, err);

		peer->has_psk = rc == 0 && !wb_key_is_zero(&peer->preshared_key);
		return rc;
	}
	if (strcasecmp(key, "AllowedIPs") == 0)
		return add_prefixes(&peer->allowed, &peer->n_allowed, value, true, err);
	if (strcasecmp(key, "Endpoint") == 0)
		return set_endpoint(peer, value, line, err);
	if (strcasecmp(key, "PersistentKeepalive") == 0) {
		if (strcmp(value, "off") == 0) {
			peer->keepalive = 0;
			return 0;
		}
		return set_u16(value, 0, 65535, &peer->keepalive, err);
	}
	return wb_err_set(err, EINVAL,
		"'%.40s' is no setting of [Peer], expected PublicKey, PresharedKey, AllowedIPs, "
		"Endpoint or PersistentKeepalive",
		key);
}

static int once(struct loader *loader, const char *key, unsigned line, struct wb_err *err)
{
	for (unsigned i = 0; i < SINGLES; i++) {
		if (strcasecmp(key, single[i]) != 0)
			continue;
		if (loader->lines[i] != 0)
			return wb_err_set(err, EINVAL,
				"%s was set in line %u already, expected it once", single[i],
				loader->lines[i]);
		loader->lines[i] = line;
	}
	return 0;
}

static int on_key(void *arg, const char *key, char *value, unsigned line, struct wb_err *err)
{
	struct loader *loader = arg;
	int rc;

	if (loader->section == SECTION_INTERFACE)
		rc = interface_key(loader, key, value, line, err);
	else
		rc = peer_key(loader, key, value, line, err);
	return rc < 0 ? rc : once(loader, key, line, err);
}

static int on_section(
	void *arg, const char *name, const char *argument, unsigned line, struct wb_err *err)
{
	struct loader *loader = arg;
	struct wb_wgquick *file = loader->file;
	struct wb_wgquick_peer *peers;

	if (strcasecmp(name, "Interface") == 0 && *argument == '\0') {
		loader->section = SECTION_INTERFACE;
		loader->have_interface = true;
		return 0;
	}
	if (strcasecmp(name, "Peer") != 0 || *argument != '\0')
		return wb_err_set(err, EINVAL,
			"[%.30s%s%.30s] is not known, expected [Interface] or [Peer]", name,
			*argument != '\0' ? " " : "", argument);
	peers = room(file->peers, file->n_peers, sizeof(*peers));
	if (peers == NULL)
		return wb_err_set(err, ENOMEM, "no memory");
	file->peers = peers;
	memset(&peers[file->n_peers], 0, sizeof(*peers));
	peers[file->n_peers++].line = line;
	memset(&loader->lines[SINGLES_PEER], 0,
		sizeof(loader->lines) - SINGLES_PEER * sizeof(line));
	loader->section = SECTION_PEER;
	return 0;
}

static int name_from_path(struct wb_wgquick *file, struct wb_err *err)
{
	const char *base = strrchr(file->path, '/');
	size_t length;

	base = base != NULL ? base + 1 : file->path;
	length = strlen(base);
	if (length <= 5 || strcmp(base + length - 5, ".conf") != 0 ||
		length - 5 >= sizeof(file->name) ||
		strspn(base,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=+.-") !=
			length)
		return wb_err_set(err, EINVAL,
			"%s: names no tunnel, expected a file INTERFACE.conf with at most 15 "
			"letters, digits and _=+.-",
			file->path);
	memcpy(file->name, base, length - 5);
	return 0;
}

static void mode_check(const struct wb_wgquick *file, struct wb_notices *notices)
{
	struct stat status;

	if (stat(file->path, &status) == 0 && (status.st_mode & 077) != 0)
		wb_notices_add(notices,
			"%s: others than its owner may access it, and it holds a key; "
			"chmod 600 is advised",
			file->path);
}

int wb_wgquick_load(
	const char *path, struct wb_wgquick **out, struct wb_notices *notices, struct wb_err *err)
{
	struct loader loader = {.notices = notices};
	const struct wb_ini_reader reader = {.section = on_section, .key = on_key, .arg = &loader};
	struct wb_wgquick *file = calloc(1, sizeof(*file));
	int rc;

	if (file == NULL || (file->path = strdup(path)) == NULL) {
		free(file);
		return wb_err_set(err, ENOMEM, "%s: no memory", path);
	}
	loader.file = file;
	rc = name_from_path(file, err);
	if (rc == 0)
		rc = wb_ini_read(path, &reader, err);
	if (rc == 0 && !loader.have_interface)
		rc = wb_err_set(err, EINVAL, "%s: has no [Interface], expected one", path);
	file->has_private_key = loader.lines[SINGLE_SECRET] != 0;
	if (rc == 0 && !file->has_private_key && file->hooks[WB_HOOK_POST_UP].n == 0)
		wb_notices_add(notices,
			"%s: has no PrivateKey, and no PostUp that could set it: the tunnel is "
			"mute until wg(8) does",
			path);
	if (rc == 0)
		rc = wb_wgquick_peers_check(file, err);
	if (rc == 0)
		rc = wb_wgquick_claims_check(file, notices, err);
	if (rc < 0) {
		wb_wgquick_free(file);
		return rc;
	}
	mode_check(file, notices);
	*out = file;
	return 0;
}

static void texts_free(struct wb_texts *list)
{
	for (unsigned i = 0; i < list->n; i++)
		free(list->texts[i]);
	free(list->texts);
}

void wb_wgquick_free(struct wb_wgquick *file)
{
	if (file == NULL)
		return;
	for (unsigned i = 0; i < file->n_peers; i++) {
		wb_key_wipe(&file->peers[i].preshared_key);
		free(file->peers[i].allowed);
		free(file->peers[i].host);
	}
	wb_key_wipe(&file->private_key);
	for (unsigned i = 0; i < WB_HOOKS; i++)
		texts_free(&file->hooks[i]);
	texts_free(&file->dns);
	texts_free(&file->dns_search);
	free(file->peers);
	free(file->addresses);
	free(file->path);
	free(file);
}
