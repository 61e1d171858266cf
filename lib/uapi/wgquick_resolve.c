/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netdb.h>

#include "uapi/wgquick.h"

int wb_wgquick_host_resolve(
	const char *host, uint16_t port, struct wb_endpoint *out, struct wb_err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
	struct addrinfo *found;
	int rc;

	out->port = port;
	if (wb_addr_parse(host, &out->addr) == 0)
		return 0;
	rc = getaddrinfo(host, NULL, &hints, &found);
	if (rc != 0)
		return wb_err_set(
			err, ENOENT, "host '%s' is not found: %s", host, gai_strerror(rc));
	if (found->ai_family == AF_INET6)
		out->addr = wb_addr_v6(
			&((const struct sockaddr_in6 *)(const void *)found->ai_addr)->sin6_addr);
	else
		out->addr = wb_addr_v4(((const struct sockaddr_in *)(const void *)found->ai_addr)
					       ->sin_addr.s_addr);
	freeaddrinfo(found);
	return 0;
}

int wb_wgquick_resolve(const char *path, struct wb_wgquick_peer *peer, struct wb_err *err)
{
	int rc;

	if (peer->host == NULL)
		return 0;
	rc = wb_wgquick_host_resolve(peer->host, peer->port, &peer->endpoint, err);
	return rc == 0 ? 0 : wb_err_prefix(err, rc, "%s:%u", path, peer->endpoint_line);
}
