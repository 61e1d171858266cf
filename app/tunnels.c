/* SPDX-License-Identifier: BSD-3-Clause */
#include "tunnels.h"

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

#include "groups.h"

int tunnel_open(struct control *control, const char *name, uint16_t mtu, struct wb_err *err)
{
	struct gateway *gateway = control->gateway;
	struct gateway_tunnel *slot;
	struct wb_tunnel *tunnel;
	int rc = wb_tunnel_add(gateway->wg, name, mtu, clock_now(), &tunnel, err);

	if (rc < 0)
		return rc;
	slot = &gateway->tunnels[tunnel->id];
	memset(slot, 0, sizeof(*slot));
	rc = wb_tuntap_create(name, NULL, mtu, &slot->tun, err);
	if (rc < 0) {
		wb_tunnel_remove(gateway->wg, tunnel);
		return rc;
	}
	slot->tunnel = tunnel;
	slot->ifindex = slot->tun->ifindex;
	rc = plan_tunnel_add(gateway, tunnel->id, err);
	control->sources_dirty = true;
	if (rc == 0)
		return tunnel->id;
	wb_tuntap_destroy(slot->tun);
	memset(slot, 0, sizeof(*slot));
	wb_tunnel_remove(gateway->wg, tunnel);
	return rc;
}

static void is_unreachable(void *arg)
{
	((struct gateway_tunnel *)arg)->unreachable = true;
}

static void is_stopped(void *arg)
{
	((struct gateway_tunnel *)arg)->stopped = true;
}

int tunnel_close(struct control *control, unsigned id, struct wb_err *err)
{
	struct gateway *gateway = control->gateway;
	struct gateway_tunnel *slot = &gateway->tunnels[id];
	struct wb_tunnel *tunnel = slot->tunnel;
	int ifindex = slot->ifindex, rc = 0;

	while (rc == 0 && tunnel->n_peers > 0)
		rc = peer_remove(control, tunnel->peers[tunnel->n_peers - 1], err);
	if (rc < 0)
		return rc;
	slot->closing = true;
	control->paths_stale = true;
	wb_tunnel_ports_release(gateway->wg, tunnel);
	/* Routes that still lead there lead to the kernel from now on. */
	slot->ifindex = 0;
	routes_link_gone(control, ifindex);
	groups_path_share(control, (uint16_t)id, WB_GROUP_FULL);
	ways_leave_tunnel(control, id);
	wb_retire(&control->retire_handle, slot, is_unreachable);
	return 0;
}

bool tunnel_is_closing(const struct gateway *gateway, int ifindex)
{
	for (unsigned id = 0; id < WB_TUNNELS_MAX; id++)
		if (gateway->tunnels[id].closing && gateway->tunnels[id].tun->ifindex == ifindex)
			return true;
	return false;
}

bool tunnel_is_open(const struct gateway *gateway, unsigned id)
{
	return gateway->tunnels[id].tunnel != NULL && !gateway->tunnels[id].closing;
}

int tunnel_id(const struct gateway *gateway, const char *name)
{
	for (unsigned id = 0; id < WB_TUNNELS_MAX; id++)
		if (tunnel_is_open(gateway, id) &&
			strcmp(gateway->tunnels[id].tunnel->name, name) == 0)
			return (int)id;
	return -1;
}

bool tunnel_lingers(const struct gateway *gateway, const char *name)
{
	return wb_tunnel_find(gateway->wg, name) != NULL;
}

static void tunnel_end(struct gateway *gateway, struct gateway_tunnel *slot)
{
	struct wb_tunnel *tunnel = slot->tunnel;

	plan_tunnel_free(gateway, tunnel->id);
	rte_free(atomic_load(&slot->icmp_sources));
	wb_tuntap_destroy(slot->tun);
	wb_tunnel_remove(gateway->wg, tunnel);
	memset(slot, 0, sizeof(*slot));
}

void tunnels_poll(struct control *control)
{
	struct gateway *gateway = control->gateway;

	for (unsigned id = 0; id < WB_TUNNELS_MAX; id++) {
		struct gateway_tunnel *slot = &gateway->tunnels[id];

		if (!slot->closing)
			continue;
		if (slot->stopped) {
			tunnel_end(gateway, slot);
		} else if (slot->unreachable && slot->removals == 0 && !slot->stopping &&
			plan_tunnel_stop(gateway, id, NULL) == 0) {
			slot->stopping = true;
			wb_retire(&control->retire_handle, slot, is_stopped);
		}
	}
}

void tunnels_finish(struct gateway *gateway)
{
	for (unsigned id = 0; id < WB_TUNNELS_MAX; id++) {
		wb_tuntap_destroy(gateway->tunnels[id].tun);
		rte_free(atomic_load(&gateway->tunnels[id].icmp_sources));
		gateway->tunnels[id].tun = NULL;
	}
}
