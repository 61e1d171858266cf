/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * What a tunnel's file asks of a tunnel, as the set of changes that wg(8) would send.
 */
#ifndef WB_APP_FILE_SET_H
#define WB_APP_FILE_SET_H

#include "uapi/uapi.h"
#include "uapi/wgquick.h"
#include "wg/tunnel.h"

/** All that is in a file whose hosts were resolved; for a tunnel that was just made. NULL when
 * memory is out. */
struct wb_uapi_set *file_set_whole(const struct wb_wgquick *file);

/**
 * The changes that make a live tunnel what its file says, and touch nothing that is so already
 * (`wg syncconf`). An endpoint is set only if the file's is another one than before: the peer may
 * have roamed since.
 * @param before the file as it was.
 * @return NULL when memory is out. Under the gateway's lock.
 */
struct wb_uapi_set *file_set_difference(
	struct wb_tunnel *tunnel, const struct wb_wgquick *before, const struct wb_wgquick *file);

/** A file with the interface's settings of another one and the peers of the live tunnel, as
 * SaveConfig keeps it. To be freed with wb_wgquick_free(); NULL when memory is out. Under the
 * gateway's lock. */
struct wb_wgquick *file_of_tunnel(const struct wb_tunnel *tunnel, const struct wb_wgquick *file);

/** The peer of this key in a file, or NULL. */
const struct wb_wgquick_peer *file_peer_find(
	const struct wb_wgquick *file, const struct wb_key *public_key);

#endif
