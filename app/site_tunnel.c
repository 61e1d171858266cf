/* SPDX-License-Identifier: BSD-3-Clause */
/* One tunnel up, down, or changed: the steps of wg-quick(8), in its order. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apply.h"
#include "file_set.h"
#include "hooks.h"
#include "icmp.h"
#include "names.h"
#include "site.h"
#include "tunnels.h"

/* The workers need no more than milliseconds to let go of a tunnel. */
#define PATIENCE_MS 10000

/* A name that is not found now is no reason not to start: the peer may find us, and the name is
 * asked for again when there is something to send. */
static void hosts_resolve(struct site *site, struct wb_wgquick *file)
{
	struct wb_err err;

	for (unsigned i = 0; i < file->n_peers; i++)
		if (wb_wgquick_resolve(file->path, &file->peers[i], &err) < 0)
			dprintf(site->log, "wirebraid: notice: %s\n", err.text);
}

/* As wg-quick: what fits through the narrowest way to a peer's endpoint, sealed and over IPv6. */
static uint16_t tunnel_mtu(const struct site *site, const struct wb_wgquick *file)
{
	const struct gateway *gateway = site->gateway;
	uint32_t mtu = wb_config_tunnel_mtu(site->config, file);

	for (unsigned i = 0; file->mtu == 0 && i < file->n_peers; i++) {
		struct wb_wayfinding ask = {
			.dst = file->peers[i].endpoint.addr, .mark = CONFIG_DEFAULT_TABLE};
		struct wb_way way;

		if (ask.dst.family != 0 && wb_netlink_way(site->netlink, &ask, &way, NULL) == 0 &&
			gateway_port_by_ifindex(gateway, way.ifindex) >= 0 && way.mtu >= 1280 &&
			way.mtu - WB_CONFIG_SEAL_OVERHEAD < mtu)
			mtu = way.mtu - WB_CONFIG_SEAL_OVERHEAD;
	}
	return (uint16_t)mtu;
}

/* Whether a file asks for IPv6 inside its tunnel. */
static bool wants_ip6(const struct wb_wgquick *file)
{
	for (unsigned i = 0; i < file->n_addresses; i++)
		if (file->addresses[i].addr.family == AF_INET6)
			return true;
	for (unsigned i = 0; i < file->n_peers; i++)
		for (unsigned j = 0; j < file->peers[i].n_allowed; j++)
			if (file->peers[i].allowed[j].addr.family == AF_INET6)
				return true;
	return false;
}

/* Whether a tunnel can have this MTU: buffers were made at start, and Linux takes IPv6 away from an
 * interface with less than its least MTU. */
static int mtu_check(
	const struct site *site, const struct wb_wgquick *file, uint16_t mtu, struct wb_err *err)
{
	if (mtu < IP6_LEAST_MTU && wants_ip6(file))
		return wb_err_set(err, EINVAL,
			"%s: MTU %u is too small for IPv6, expected at least %u, or IPv4 alone",
			file->path, mtu, IP6_LEAST_MTU);
	if (mtu <= site->gateway->mtu_max)
		return 0;
	return wb_err_set(err, EINVAL,
		"%s: MTU %u does not fit into the buffers made at start, expected at most %u, or a "
		"restart",
		file->path, mtu, site->gateway->mtu_max);
}

/* Applies a set to a tunnel, and tells the timers which hosts the endpoints come from. */
static int set_apply(struct site *site, unsigned id, const struct wb_wgquick *file,
	struct wb_uapi_set *set, struct wb_err *err)
{
	struct gateway *gateway = site->gateway;
	struct wb_tunnel *tunnel = gateway->tunnels[id].tunnel;
	int rc = set == NULL ? wb_err_set(err, ENOMEM, "%s: no memory for its peers", file->name)
			     : tunnel_apply(gateway->control, tunnel, set, err);

	for (unsigned i = 0; rc == 0 && i < file->n_peers; i++)
		names_note(gateway->control,
			wb_tunnel_peer_find(tunnel, &file->peers[i].public_key),
			file->peers[i].host, file->peers[i].port);
	wb_uapi_set_free(set);
	return rc;
}

static int open_locked(
	struct site *site, const struct wb_wgquick *file, uint16_t mtu, struct wb_err *err)
{
	struct gateway *gateway = site->gateway;
	int id;

	gateway_lock(gateway);
	id = tunnel_open(gateway->control, file->name, mtu, err);
	gateway_unlock(gateway);
	return id;
}

static int configure_locked(
	struct site *site, unsigned id, const struct wb_wgquick *file, struct wb_err *err)
{
	int rc;

	gateway_lock(site->gateway);
	rc = set_apply(site, id, file, file_set_whole(file), err);
	gateway_unlock(site->gateway);
	return rc;
}

/* Without its socket a tunnel works all the same. */
static void serve(struct site *site, const char *name)
{
	struct wb_err err;

	if (uapi_serve(site->uapi, name, &err) < 0)
		dprintf(site->log, "wirebraid: notice: %s\n", err.text);
}

static int bring_up(struct site *site, unsigned id, struct wb_wgquick *file, struct wb_err *err)
{
	int ifindex = site->gateway->tunnels[id].ifindex, rc;

	serve(site, file->name);
	rc = hooks_run(&file->hooks[WB_HOOK_PRE_UP], file->name, site->log, err);
	if (rc == 0)
		rc = configure_locked(site, id, file, err);
	if (rc == 0)
		rc = site_addresses_change(
			site, ifindex, NULL, 0, file->addresses, file->n_addresses, err);
	if (rc < 0)
		return rc;
	hooks_dns_set(file, site->log);
	site->files[id] = file;
	rc = site_routes_sync(site, err);
	if (rc == 0)
		rc = hooks_run(&file->hooks[WB_HOOK_POST_UP], file->name, site->log, err);
	return rc;
}

int site_tunnel_up(struct site *site, struct wb_wgquick *file, struct wb_err *err)
{
	struct wb_err ignored;
	uint16_t mtu;
	int id, rc;

	hosts_resolve(site, file);
	mtu = tunnel_mtu(site, file);
	rc = mtu_check(site, file, mtu, err);
	if (rc < 0)
		return rc;
	id = open_locked(site, file, mtu, err);
	if (id < 0)
		return id;
	rc = bring_up(site, (unsigned)id, file, err);
	if (rc < 0)
		site_tunnel_down(site, (unsigned)id, true, &ignored);
	return rc < 0 ? rc : 0;
}

static bool lingers(struct site *site, const char *name)
{
	bool there;

	gateway_lock(site->gateway);
	there = tunnel_lingers(site->gateway, name);
	gateway_unlock(site->gateway);
	return there;
}

static int close_and_wait(struct site *site, unsigned id, const char *name, struct wb_err *err)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	int rc;

	gateway_lock(site->gateway);
	rc = tunnel_close(site->gateway->control, id, err);
	gateway_unlock(site->gateway);
	for (unsigned ms = 0; rc == 0 && lingers(site, name); ms++) {
		if (ms == PATIENCE_MS)
			return wb_err_set(err, ETIMEDOUT, "%s: workers do not let go of it", name);
		nanosleep(&moment, NULL);
	}
	return rc;
}

static void save(struct site *site, unsigned id, const struct wb_wgquick *file)
{
	struct wb_wgquick *now;
	struct wb_err err = {.text = "no memory"};

	gateway_lock(site->gateway);
	now = file_of_tunnel(site->gateway->tunnels[id].tunnel, file);
	gateway_unlock(site->gateway);
	if (now == NULL || wb_wgquick_save(now, file->path, &err) < 0)
		dprintf(site->log, "wirebraid: %s: SaveConfig: %s\n", file->name, err.text);
	wb_wgquick_free(now);
}

int site_tunnel_down(struct site *site, unsigned id, bool force, struct wb_err *err)
{
	struct wb_wgquick *file = site->files[id];
	char name[IFNAMSIZ];
	int rc = 0;

	memcpy(name, site->gateway->tunnels[id].tunnel->name, sizeof(name));
	if (file != NULL) {
		rc = hooks_run(&file->hooks[WB_HOOK_PRE_DOWN], name, site->log, err);
		if (rc < 0 && !force)
			return rc;
		if (file->save)
			save(site, id, file);
	}
	/* Routes first: what is spread over several tunnels goes on over the others. */
	site->files[id] = NULL;
	site_routes_sync(site, err);
	uapi_unserve(site->uapi, name);
	rc = close_and_wait(site, id, name, err);
	if (file == NULL || rc < 0)
		return rc;
	hooks_dns_unset(file, site->log);
	return hooks_run(&file->hooks[WB_HOOK_POST_DOWN], name, site->log, err);
}

static int mtu_change(struct site *site, int ifindex, const struct wb_wgquick *before,
	const struct wb_wgquick *file, struct wb_err *err)
{
	uint16_t mtu = tunnel_mtu(site, file);

	if (before->mtu == file->mtu && mtu == tunnel_mtu(site, before))
		return 0;
	if (mtu_check(site, file, mtu, err) < 0)
		return -EINVAL;
	/* The mirror tells the tunnel. */
	return wb_netlink_mtu_set(site->netlink, ifindex, mtu, err);
}

static bool same_texts(const struct wb_texts *a, const struct wb_texts *b)
{
	bool same = a->n == b->n;

	for (unsigned i = 0; same && i < a->n; i++)
		same = strcmp(a->texts[i], b->texts[i]) == 0;
	return same;
}

static void dns_change(
	struct site *site, const struct wb_wgquick *before, const struct wb_wgquick *file)
{
	if (same_texts(&before->dns, &file->dns) &&
		same_texts(&before->dns_search, &file->dns_search))
		return;
	hooks_dns_unset(before, site->log);
	hooks_dns_set(file, site->log);
}

int site_tunnel_change(struct site *site, unsigned id, struct wb_wgquick *file, struct wb_err *err)
{
	struct gateway *gateway = site->gateway;
	struct wb_wgquick *before = site->files[id];
	int ifindex = gateway->tunnels[id].ifindex, rc;

	hosts_resolve(site, file);
	gateway_lock(gateway);
	rc = set_apply(site, id, file,
		file_set_difference(gateway->tunnels[id].tunnel, before, file), err);
	gateway_unlock(gateway);
	if (rc == 0)
		rc = site_addresses_change(site, ifindex, before->addresses, before->n_addresses,
			file->addresses, file->n_addresses, err);
	if (rc == 0)
		rc = mtu_change(site, ifindex, before, file, err);
	dns_change(site, before, file);
	/* Even if that failed: who puts the old file back compares with this one. */
	site->files[id] = file;
	return rc;
}
