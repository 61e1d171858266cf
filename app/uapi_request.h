/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * One request of the userspace API, answered.
 */
#ifndef WB_APP_UAPI_REQUEST_H
#define WB_APP_UAPI_REQUEST_H

#include "uapi/uapi.h"

#include "gateway.h"

/**
 * Answers a request. Takes the gateway's lock.
 * @param name    of the tunnel.
 * @param request from "get=1" or "set=1" up to the empty line, which is not in it; room for a NUL
 *                behind it. Changed.
 * @param answer  gets the text, "errno=" and the empty line included.
 */
void uapi_request(struct gateway *gateway, const char *name, char *request, size_t length,
	struct wb_uapi_text *answer);

#endif
