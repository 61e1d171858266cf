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

/* Ports of tunnels that are not in the plan. */
static bool taken(void *arg, uint16_t port)
{
	const struct wb_config *config = arg;

	for (unsigned i = 0; i < config->n_tunnels; i++)
		if (config->tunnels[i]->listen_port == port &&
			(config->tunnels[i]->n_peers != 1 ||
				config->tunnels[i]->peers[0].host == NULL))
			return true;
	return false;
}

void port_plan_make(struct wb_config *config, const struct config_port *port,
	const struct port_plan_far *far, struct port_plan *plan)
{
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
	wb_spread_choose(&plan->sides, plan->proposed, plan->n, far->base_port, taken, config);
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
 * stays. */
static void value_write(FILE *out, const char *line, const char *value)
{
	const char *at = strchr(line, '=') + 1;
	const char *end;

	at += strspn(at, " \t");
	end = at + strcspn(at, " \t\r\n#");
	fprintf(out, "%.*s%s%s", (int)(at - line), line, value, end);
}

static void lines_write(const struct port_plan *plan, unsigned index, FILE *in, FILE *out)
{
	const struct wb_wgquick *tunnel = plan->tunnels[index];
	const struct wb_spread_tunnel *ports = &plan->proposed[index];
	char text[WB_ENDPOINT_STRLEN], *line = NULL;
	const struct wb_endpoint endpoint = {.addr = ports->there, .port = ports->port_there};
	size_t size = 0;

	for (unsigned number = 1; getline(&line, &size, in) >= 0; number++) {
		if (number == tunnel->listen_line) {
			snprintf(text, sizeof(text), "%u", ports->port_here);
			value_write(out, line, text);
		} else if (number == tunnel->peers[0].endpoint_line) {
			value_write(out, line, wb_endpoint_format(&endpoint, text));
		} else {
			fputs(line, out);
			if (tunnel->listen_line == 0 &&
				strncasecmp(line + strspn(line, " \t"), "[interface]", 11) == 0)
				fprintf(out, "ListenPort = %u\n", ports->port_here);
		}
	}
	/* There was a private key in it. */
	if (line != NULL)
		explicit_bzero(line, size);
	free(line);
}

static bool copy(const struct port_plan *plan, unsigned index, FILE *in, FILE *out)
{
	struct stat status;

	lines_write(plan, index, in, out);
	return !ferror(in) && fflush(out) == 0 && !ferror(out) && fstat(fileno(in), &status) == 0 &&
		fchmod(fileno(out), status.st_mode & 07777) == 0 &&
		fchown(fileno(out), status.st_uid, status.st_gid) == 0 && fsync(fileno(out)) == 0;
}

int port_plan_apply(const struct port_plan *plan, unsigned index, struct wb_err *err)
{
	const char *path = plan->tunnels[index]->path;
	char *temporary;
	FILE *in = NULL, *out = NULL;
	int fd, rc = 0;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return wb_err_set(err, ENOMEM, "%s: no memory to change it", path);
	fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
	if (fd >= 0) {
		in = fopen(path, "re");
		out = fdopen(fd, "w");
	}
	if (in == NULL || out == NULL || !copy(plan, index, in, out) ||
		rename(temporary, path) < 0) {
		rc = wb_err_set(err, errno != 0 ? errno : EIO, "%s: cannot be changed: %s", path,
			strerror(errno));
		if (fd >= 0)
			unlink(temporary);
	}
	if (in != NULL)
		fclose(in);
	if (out != NULL)
		fclose(out);
	else if (fd >= 0)
		close(fd);
	free(temporary);
	return rc;
}
