/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Changes to a live tunnel, as wg(8) asks for them: keys, port, mark, peers, allowed IPs. What is
 * not mentioned is not touched, and loses no packet. Under the gateway's lock.
 */
#ifndef WB_APP_APPLY_H
#define WB_APP_APPLY_H

#include "base/err.h"
#include "uapi/uapi.h"

#include "control.h"

/**
 * Applies a set to a tunnel.
 * @return 0; -EADDRINUSE: the port is another tunnel's, -ENOSPC: too many peers: nothing was
 * changed. -ENOMEM: some of it was.
 */
int tunnel_apply(struct control *control, struct wb_tunnel *tunnel, const struct wb_uapi_set *set,
	struct wb_err *err);

#endif
