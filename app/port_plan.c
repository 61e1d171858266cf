/* SPDX-License-Identifier: BSD-3-Clause */
#include "port_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Our address towards another one by this port: that of the network it is in, or, where the port
 * has the gateway of its family, the first. Family 0: it does not leave by this port. */
static struct wb_addr source_towards(const struct config_port *port, const struct wb_addr *to)
{
	const struct wb_addr *gateway = to->family == AF_INET ? &port->gateway4 : &port->gateway6;

	for (unsigned i = 0; i < port->n_addresses; i++)
		if (wb_prefix_contains(&port->addresses[i], to))
			return port->addresses[i].addr;
	for (unsigned i = 0; gateway->family != 0 && i < port->n_addresses; i++)
		if (port->addresses[i].addr.family == to->family)
			return port->addresses[i].addr;
	return (struct wb_addr){.family = 0};
}

/* Whether another port has the address on its link. */
static bool on_link_elsewhere(
	const struct wb_config *config, const struct config_port *port, const struct wb_addr *to)
{
	for (unsigned i = 0; i < config->n_ports; i++)
		for (unsigned j = 0; j < config->ports[i].n_addresses; j++)
			if (&config->ports[i] != port &&
				wb_prefix_contains(&config->ports[i].addresses[j], to))
				return true;
	return false;
}

static bool tunnel_take(struct wb_config *config, const struct config_port *port,
	const struct wb_wgquick *tunnel, struct wb_spread_tunnel *out)
{
	const struct wb_wgquick_peer *peer = &tunnel->peers[0];

	if (tunnel->n_peers != 1 || peer->host == NULL ||
		wb_addr_parse(peer->host, &out->there) < 0) {
		wb_notices_add(&config->notices,
			"%s: not planned: it needs one peer with an address as its endpoint",
			tunnel->path);
		return false;
	}
	out->here = source_towards(port, &out->there);
	out->port_here = tunnel->listen_port;
	out->port_there = peer->port;
	return out->here.family != 0 && !on_link_elsewhere(config, port, &out->there);
}

static enum wb_far_hash same_hash(enum wb_bond_policy policy)
{
	return policy == WB_BOND_LAYER34 ? WB_FAR_PMD_LAYER34 : WB_FAR_PMD_LAYER23;
}

/* A plan being made, among all tunnels. */
struct making {
	const struct wb_config *config;
	const struct port_plan *plan;
};

static bool in_plan(const struct port_plan *plan, const struct wb_wgquick *tunnel)
{
	for (unsigned i = 0; i < plan->n; i++)
		if (plan->tunnels[i] == tunnel)
			return true;
	return false;
}

/* Whether a tunnel that is not in the plan has a port. */
static bool taken(void *arg, uint16_t port)
{
	const struct making *making = arg;

	for (unsigned i = 0; i < making->config->n_tunnels; i++)
		if (making->config->tunnels[i]->listen_port == port &&
			!in_plan(making->plan, making->config->tunnels[i]))
			return true;
	return false;
}

void port_plan_make(struct wb_config *config, const struct config_port *port,
	const struct port_plan_far *far, struct port_plan *plan)
{
	struct making making = {.config = config, .plan = plan};

	memset(plan, 0, sizeof(*plan));
	plan->port = port;
	plan->sides = (struct wb_spread_sides){
		.hash_here = port->policy,
		.links_here = port->n_members,
		.hash_there = far->hash_given ? far->hash : same_hash(port->policy),
		.links_there = far->links != 0 ? far->links : port->n_members,
	};
	for (unsigned i = 0; i < config->n_tunnels; i++)
		if (tunnel_take(config, port, config->tunnels[i], &plan->now[plan->n]))
			plan->tunnels[plan->n++] = config->tunnels[i];
	memcpy(plan->proposed, plan->now, sizeof(plan->proposed));
	wb_spread_choose(&plan->sides, plan->proposed, plan->n, far->base_port, taken, &making);
	plan->judged_now = wb_spread_judge(&plan->sides, plan->now, plan->n);
	plan->judged_proposed = wb_spread_judge(&plan->sides, plan->proposed, plan->n);
}

/* What is lost to unevenness: whole bonds count before those with one link less. */
static unsigned badness(const struct wb_spread_judgement *judgement)
{
	unsigned over[4] = {judgement->leaves, judgement->returns, judgement->leaves_one_down,
		judgement->returns_one_down};
	unsigned sum = 0;

	for (unsigned i = 0; i < 4; i++)
		sum += (over[i] > 1 ? over[i] - 1 : 0) * (i < 2 ? 100 : 1);
	return sum;
}

bool port_plan_is_better(const struct port_plan *plan)
{
	/* Two tunnels on one port cannot be as they are. */
	for (unsigned i = 0; i < plan->n; i++)
		if (plan->now[i].port_here == 0)
			return true;
	return badness(&plan->judged_proposed) < badness(&plan->judged_now);
}

/* One line of a file with the value behind its "=" changed; what follows the value, as a comment,
 * stays. False: there is no such line any more. */
static bool value_write(FILE *out, const char *line, const char *value)
{
	const char *at = strchr(line, '='), *end;

	if (at == NULL)
		return false;
	at++;
	at += strspn(at, " \t");
	end = at + strcspn(at, " \t\r\n#");
	fprintf(out, "%.*s%s%s", (int)(at - line), line, value, end);
	return true;
}

static bool line_write(const struct port_plan *plan, unsigned index, unsigned number,
	const char *line, bool *listens, FILE *out)
{
	const struct wb_wgquick *tunnel = plan->tunnels[index];
	const struct wb_spread_tunnel *ports = &plan->proposed[index];
	const struct wb_endpoint endpoint = {.addr = ports->there, .port = ports->port_there};
	char text[WB_ENDPOINT_STRLEN];

	if (number == tunnel->listen_line) {
		snprintf(text, sizeof(text), "%u", ports->port_here);
		return value_write(out, line, text);
	}
	if (number == tunnel->peers[0].endpoint_line)
		return value_write(out, line, wb_endpoint_format(&endpoint, text));
	fputs(line, out);
	if (!*listens && strncasecmp(line + strspn(line, " \t"), "[interface]", 11) == 0) {
		fprintf(out, "ListenPort = %u\n", ports->port_here);
		*listens = true;
	}
	return true;
}

static bool lines_write(const struct port_plan *plan, unsigned index, FILE *in, FILE *out)
{
	bool good = true, listens = plan->tunnels[index]->listen_line != 0;
	char *line = NULL;
	size_t size = 0;

	for (unsigned number = 1; good && getline(&line, &size, in) >= 0; number++)
		good = line_write(plan, index, number, line, &listens, out);
	/* There was a private key in it. */
	if (line != NULL)
		explicit_bzero(line, size);
	free(line);
	if (!good)
		errno = EBUSY;
	return good;
}

static bool copy(const struct port_plan *plan, unsigned index, FILE *in, FILE *out)
{
	struct stat status;

	return lines_write(plan, index, in, out) && !ferror(in) && fflush(out) == 0 &&
		!ferror(out) && fstat(fileno(in), &status) == 0 &&
		fchmod(fileno(out), status.st_mode & 07777) == 0 &&
		fchown(fileno(out), status.st_uid, status.st_gid) == 0 && fsync(fileno(out)) == 0;
}

/* A file beside the one in place: what a link leads to is changed, and not the link. */
struct written {
	char *path, *temporary;
};

static void written_free(struct written *written)
{
	if (written->temporary != NULL)
		unlink(written->temporary);
	free(written->temporary);
	free(written->path);
	*written = (struct written){NULL, NULL};
}

static int write_beside(
	const struct port_plan *plan, unsigned index, struct written *written, struct wb_err *err)
{
	const char *path = plan->tunnels[index]->path;
	FILE *in = NULL, *out = NULL;
	int fd = -1, rc = 0;

	written->path = realpath(path, NULL);
	if (written->path != NULL && asprintf(&written->temporary, "%s.XXXXXX", written->path) < 0)
		written->temporary = NULL;
	if (written->temporary != NULL)
		fd = mkostemp(written->temporary, O_CLOEXEC); /* mode 0600 */
	if (fd >= 0) {
		in = fopen(written->path, "re");
		out = fdopen(fd, "w");
	}
	if (in == NULL || out == NULL || !copy(plan, index, in, out))
		rc = wb_err_set(err, errno != 0 ? errno : EIO, "%s: cannot be changed: %s", path,
			strerror(errno));
	if (in != NULL)
		fclose(in);
	if (out != NULL)
		fclose(out);
	else if (fd >= 0)
		close(fd);
	return rc;
}

bool port_plan_changes(const struct port_plan *plan, unsigned i)
{
	return plan->now[i].port_here != plan->proposed[i].port_here ||
		plan->now[i].port_there != plan->proposed[i].port_there;
}

int port_plan_apply(const struct port_plan *plan, struct wb_err *err)
{
	struct written written[CONFIG_TUNNELS_MAX] = {{NULL, NULL}};
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < plan->n; i++)
		if (port_plan_changes(plan, i))
			rc = write_beside(plan, i, &written[i], err);
	/* All are there: now they take their places. */
	for (unsigned i = 0; rc == 0 && i < plan->n; i++) {
		if (written[i].temporary == NULL)
			continue;
		if (rename(written[i].temporary, written[i].path) < 0)
			rc = wb_err_set(err, errno, "%s: cannot be replaced: %s", written[i].path,
				strerror(errno));
	}
	for (unsigned i = 0; i < plan->n; i++)
		written_free(&written[i]);
	return rc;
}
