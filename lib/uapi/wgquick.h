/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Tunnels' files, in the format of wg(8) and wg-quick(8).
 */
#ifndef WB_UAPI_WGQUICK_H
#define WB_UAPI_WGQUICK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/key.h"

/** Things the user should know that are no errors: a list of texts. */
struct wb_notices {
	char **texts;
	unsigned n;
};

/** Adds a notice, printf-style. Without a list nobody listens. */
void wb_notices_add(struct wb_notices *notices, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void wb_notices_free(struct wb_notices *notices);

enum wb_table_kind {
	WB_TABLE_AUTO,	 /**< the main table; for a default route wg-quick's own */
	WB_TABLE_OFF,	 /**< no routes */
	WB_TABLE_NUMBER, /**< this one */
};

/** A list of texts. */
struct wb_texts {
	char **texts;
	unsigned n;
};

/** When wg-quick(8) runs commands. */
enum wb_hook { WB_HOOK_PRE_UP, WB_HOOK_POST_UP, WB_HOOK_PRE_DOWN, WB_HOOK_POST_DOWN, WB_HOOKS };

struct wb_wgquick_peer {
	struct wb_key public_key;
	struct wb_key preshared_key;
	bool has_psk;
	struct wb_prefix *allowed; /**< masked */
	unsigned n_allowed;
	char *host; /**< endpoint's host, an address or a name; NULL none */
	uint16_t port;
	struct wb_endpoint endpoint; /**< by wb_wgquick_resolve(); family 0 before */
	uint16_t keepalive;	     /**< s; 0 off */
	unsigned line;
	unsigned endpoint_line;
};

struct wb_wgquick {
	char *path;
	char name[IFNAMSIZ];  /**< the file's name without directory and .conf */
	bool has_private_key; /**< false: someone sets it with wg(8) */
	struct wb_key private_key;
	uint16_t listen_port; /**< 0: any */
	unsigned listen_line;
	uint32_t fwmark;
	uint16_t mtu; /**< 0: chosen by the gateway */
	unsigned mtu_line;
	enum wb_table_kind table_kind;
	uint32_t table;
	bool save; /**< SaveConfig: the file is written anew when the tunnel goes down */
	struct wb_texts hooks[WB_HOOKS]; /**< commands, %i in them as it stands */
	struct wb_texts dns;		 /**< addresses of servers */
	struct wb_texts dns_search;	 /**< domains */
	struct wb_prefix *addresses;
	unsigned n_addresses;
	struct wb_wgquick_peer *peers;
	unsigned n_peers;
};

/** Reads and checks a file; what is likely not meant becomes a notice. On failure err says
 * FILE:LINE. Names are not resolved. */
int wb_wgquick_load(
	const char *path, struct wb_wgquick **out, struct wb_notices *notices, struct wb_err *err);

/** Wipes the keys and frees. NULL is ignored. */
void wb_wgquick_free(struct wb_wgquick *file);

/** Finds the endpoint's address; may wait for the resolver. A peer without endpoint is no error. */
int wb_wgquick_resolve(const char *path, struct wb_wgquick_peer *peer, struct wb_err *err);

/** The same for a host and port. err names neither file nor line. */
int wb_wgquick_host_resolve(
	const char *host, uint16_t port, struct wb_endpoint *out, struct wb_err *err);

/**
 * Writes a file as wg-quick's SaveConfig does, in place of the one there: at once or not at all,
 * readable by its owner only, and not by them if the one there was not.
 */
int wb_wgquick_save(const struct wb_wgquick *file, const char *path, struct wb_err *err);

#endif
