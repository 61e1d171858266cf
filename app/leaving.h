/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * By which member of its port a peer's sealed packets leave. Control's, under the gateway's lock.
 */
#ifndef WB_APP_LEAVING_H
#define WB_APP_LEAVING_H

#include "gateway.h"

/** The index of the member, or -1 while there is no way, or the way is another tunnel.
 * @param port  if not NULL, gets the index of the port. */
int leaving_member(const struct gateway *gateway, const struct wb_peer *peer, unsigned *port);

/** Its device's name; "" if there is none. */
const char *leaving_member_name(const struct gateway *gateway, const struct wb_peer *peer);

/** The same if the tunnel's UDP port were another, or fewer members distributed: the PMD's hash.
 * @param local_port  host byte order.
 * @param members     how many distribute. */
unsigned leaving_place(const struct wb_port *port, const struct wb_outer *outer,
	uint16_t local_port, unsigned members);

#endif
