/* SPDX-License-Identifier: BSD-3-Clause */
#include "site.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "groups.h"
#include "moves.h"
#include "paths.h"
#include "tunnels.h"

int site_create(struct gateway *gateway, struct uapi *uapi, struct wb_config *config,
	struct site **out, struct wb_err *err)
{
	struct site *site = calloc(1, sizeof(*site));
	int rc;

	if (site == NULL)
		return wb_err_set(err, ENOMEM, "no memory for tunnels' files");
	rc = wb_netlink_open(&site->netlink, err);
	if (rc < 0) {
		free(site);
		return rc;
	}
	site->gateway = gateway;
	site->uapi = uapi;
	site->config = config;
	site->log = STDERR_FILENO;
	*out = site;
	return 0;
}

void site_destroy(struct site *site)
{
	if (site == NULL)
		return;
	wb_netlink_close(site->netlink);
	wb_config_free(site->config);
	free(site->routes);
	free(site);
}

int site_start(struct site *site, struct wb_err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < site->config->n_tunnels; i++)
		rc = site_tunnel_up(site, site->config->tunnels[i], err);
	return rc;
}

void site_stop(struct site *site)
{
	struct wb_err err;

	for (unsigned id = WB_TUNNELS_MAX; id-- > 0;)
		if (site->files[id] != NULL && site_tunnel_down(site, id, true, &err) < 0)
			dprintf(site->log, "wirebraid: %s\n", err.text);
}

static int id_of(const struct site *site, const char *name)
{
	for (unsigned id = 0; id < WB_TUNNELS_MAX; id++)
		if (site->files[id] != NULL && strcmp(site->files[id]->name, name) == 0)
			return (int)id;
	return -1;
}

static struct wb_wgquick *file_named(const struct wb_config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_tunnels; i++)
		if (strcmp(config->tunnels[i]->name, name) == 0)
			return config->tunnels[i];
	return NULL;
}

int site_up(struct site *site, struct wb_wgquick *file, struct wb_err *err)
{
	struct wb_config *config = site->config;
	int rc;

	if (id_of(site, file->name) >= 0)
		return wb_err_set(err, EEXIST, "%s is up already", file->name);
	if (config->n_tunnels == CONFIG_TUNNELS_MAX)
		return wb_err_set(err, ENOSPC, "more than %u tunnels", CONFIG_TUNNELS_MAX);
	rc = wb_config_tunnel_check(config, file, err);
	if (rc == 0)
		rc = site_tunnel_up(site, file, err);
	if (rc == 0)
		config->tunnels[config->n_tunnels++] = file;
	return rc;
}

/* Takes a file out of the configuration and frees it. */
static void file_drop(struct wb_config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_tunnels; i++)
		if (strcmp(config->tunnels[i]->name, name) == 0) {
			wb_wgquick_free(config->tunnels[i]);
			memmove(&config->tunnels[i], &config->tunnels[i + 1],
				(--config->n_tunnels - i) * sizeof(config->tunnels[0]));
			return;
		}
}

int site_down(struct site *site, const char *name, struct wb_err *err)
{
	int id = id_of(site, name), rc;

	if (id < 0)
		return wb_err_set(err, ENOENT, "%s is not up", name);
	rc = site_tunnel_down(site, (unsigned)id, false, err);
	if (site->files[id] == NULL)
		file_drop(site->config, name);
	return rc;
}

/* Two tunnels may swap their ports: all that change let go first. */
static int ports_release(struct site *site, const struct wb_config *config, struct wb_err *err)
{
	struct gateway *gateway = site->gateway;
	int rc = 0;

	gateway_lock(gateway);
	for (unsigned id = 0; rc == 0 && id < WB_TUNNELS_MAX; id++) {
		const struct wb_wgquick *file =
			site->files[id] == NULL ? NULL : file_named(config, site->files[id]->name);

		if (file != NULL && file->listen_port != 0 &&
			file->listen_port != gateway->tunnels[id].tunnel->listen_port)
			rc = wb_tunnel_port_set(gateway->wg, gateway->tunnels[id].tunnel, 0, err);
	}
	gateway_unlock(gateway);
	return rc;
}

/* Makes what runs, and was made by `before`, what another configuration says. */
static int converge(struct site *site, const struct wb_config *before,
	const struct wb_config *config, struct wb_err *err)
{
	int rc = site_ports_change(site, before, config, err);

	for (unsigned id = 0; rc == 0 && id < WB_TUNNELS_MAX; id++)
		if (site->files[id] != NULL && file_named(config, site->files[id]->name) == NULL)
			rc = site_tunnel_down(site, id, false, err);
	if (rc == 0)
		rc = ports_release(site, config, err);
	for (unsigned i = 0; rc == 0 && i < config->n_tunnels; i++) {
		struct wb_wgquick *file = config->tunnels[i];
		int id = id_of(site, file->name);

		rc = id < 0 ? site_tunnel_up(site, file, err)
			    : site_tunnel_change(site, (unsigned)id, file, err);
	}
	return rc == 0 ? site_routes_sync(site, err) : rc;
}

static void placement_set(struct site *site, const struct wb_config *config)
{
	struct placement placement;

	wb_config_placement(config, &placement);
	gateway_lock(site->gateway);
	site->gateway->placement = placement;
	gateway_unlock(site->gateway);
}

int site_reload(struct site *site, struct wb_err *err)
{
	struct wb_config *fresh;
	struct wb_err second;
	int rc = wb_config_load(site->config->path, &fresh, err);

	if (rc == 0) {
		rc = wb_config_same_gateway(site->config, fresh, err);
		if (rc < 0)
			wb_config_free(fresh);
	}
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < fresh->notices.n; i++)
		dprintf(site->log, "wirebraid: notice: %s\n", fresh->notices.texts[i]);
	/* Before new tunnels come: each is to begin where it belongs. */
	placement_set(site, fresh);
	rc = converge(site, site->config, fresh, err);
	if (rc < 0) {
		placement_set(site, site->config);
		if (converge(site, fresh, site->config, &second) < 0)
			wb_err_prefix(err, rc, "%s; and on the way back", second.text);
		wb_config_free(fresh);
		return rc;
	}
	site->gateway->mss_clamp = fresh->mss_clamp;
	gateway_lock(site->gateway);
	for (unsigned i = 0; i < fresh->n_ports; i++)
		site->gateway->ports[i].balance = fresh->ports[i].balance;
	groups_configure(site->gateway, &fresh->ecmp);
	paths_configure(site->gateway->control, fresh);
	site->gateway->rebalance = fresh->rebalance;
	gateway_unlock(site->gateway);
	if (move_to_places(site->gateway, &second) < 0)
		dprintf(site->log, "wirebraid: notice: %s\n", second.text);
	wb_config_free(site->config);
	site->config = fresh;
	return 0;
}
