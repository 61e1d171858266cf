/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control.h"
#include "leaving.h"
#include "tunnels.h"
#include "telemetry_commands.h"

#define PREFIXES_A_REPLY 256
#define ROUTES_A_REPLY	 64

static struct gateway_tunnel *find(struct gateway *gateway, const char *name)
{
	int id = tunnel_id(gateway, name);

	return id < 0 ? NULL : &gateway->tunnels[id];
}

int telemetry_tunnels(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	(void)params;
	rte_tel_data_start_array(data, RTE_TEL_STRING_VAL);
	for (unsigned i = 0; i < WB_TUNNELS_MAX; i++)
		if (tunnel_is_open(gateway, i))
			rte_tel_data_add_array_string(data, gateway->tunnels[i].tunnel->name);
	return 0;
}

/* What a peer sent and received; wg(8) counts handshakes too. */
struct transfer {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};

static void transfer_add(struct transfer *sum, const struct wb_peer *peer)
{
	sum->rx_packets += __atomic_load_n(&peer->open.packets, __ATOMIC_RELAXED);
	sum->rx_bytes +=
		__atomic_load_n(&peer->open.bytes, __ATOMIC_RELAXED) + peer->control_rx_bytes;
	sum->tx_packets += __atomic_load_n(&peer->seal.packets, __ATOMIC_RELAXED);
	sum->tx_bytes +=
		__atomic_load_n(&peer->seal.bytes, __ATOMIC_RELAXED) + peer->control_tx_bytes;
}

static struct transfer transfer_of(const struct wb_tunnel *tunnel)
{
	struct transfer sum = {0};

	for (uint32_t i = 0; i < tunnel->n_peers; i++)
		transfer_add(&sum, tunnel->peers[i]);
	return sum;
}

static void transfer_put(struct rte_tel_data *data, const struct transfer *transfer)
{
	rte_tel_data_add_dict_u64(data, "rx_packets", transfer->rx_packets);
	rte_tel_data_add_dict_u64(data, "rx_bytes", transfer->rx_bytes);
	rte_tel_data_add_dict_u64(data, "tx_packets", transfer->tx_packets);
	rte_tel_data_add_dict_u64(data, "tx_bytes", transfer->tx_bytes);
}

int telemetry_tunnel(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	const struct gateway_tunnel *slot = find(gateway, params);
	const struct plan *plan = &gateway->plan;
	const struct wb_tunnel *tunnel;
	struct transfer transfer;
	char key[WB_KEY_STRLEN];

	if (slot == NULL)
		return -ENOENT;
	tunnel = slot->tunnel;
	transfer = transfer_of(tunnel);
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_string(data, "name", tunnel->name);
	rte_tel_data_add_dict_string(
		data, "public_key", wb_key_format(&tunnel->identity.public_key, key));
	rte_tel_data_add_dict_int(data, "listen_port", tunnel->listen_port);
	rte_tel_data_add_dict_int(data, "mtu", gateway->wg->mtu[tunnel->id]);
	rte_tel_data_add_dict_u64(data, "fwmark", tunnel->fwmark);
	rte_tel_data_add_dict_int(data, "peers", (int)tunnel->n_peers);
	rte_tel_data_add_dict_int(data, "lcore_seal", plan->stages[plan->seal[tunnel->id]].lcore);
	rte_tel_data_add_dict_int(data, "lcore_open", plan->stages[plan->open[tunnel->id]].lcore);
	transfer_put(data, &transfer);
	return 0;
}

static struct wb_peer *peer_find(struct gateway *gateway, const char *params, unsigned *from)
{
	const struct gateway_tunnel *slot;
	char name[IFNAMSIZ];
	unsigned index;

	telemetry_split(params, name, sizeof(name), &index, from);
	slot = find(gateway, name);
	if (slot == NULL || index >= slot->tunnel->n_peers)
		return NULL;
	return slot->tunnel->peers[index];
}

static const char *state_of(const struct wb_peer *peer)
{
	const struct wb_keypair *current =
		atomic_load_explicit(&peer->current, memory_order_relaxed);

	if (current != NULL && wb_keypair_age(current->birth, clock_now()) < WB_REJECT_AFTER_TIME)
		return "up";
	if (peer->timers.handshaking)
		return "handshake";
	return "idle";
}

int telemetry_peer(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	struct wb_peer *peer;
	char key[WB_KEY_STRLEN], endpoint[WB_ENDPOINT_STRLEN];
	struct transfer transfer = {0};
	unsigned from;
	int ago = -1;

	peer = peer_find(gateway, params, &from);
	if (peer == NULL)
		return -ENOENT;
	transfer_add(&transfer, peer);
	if (peer->handshaken.tv_sec != 0)
		ago = (int)(time(NULL) - peer->handshaken.tv_sec);
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_string(data, "public_key", wb_key_format(&peer->public_key, key));
	rte_tel_data_add_dict_int(data, "preshared_key", peer->has_psk);
	rte_tel_data_add_dict_string(
		data, "endpoint", wb_endpoint_format(&peer->endpoint, endpoint));
	rte_tel_data_add_dict_int(data, "latest_handshake_s_ago", ago);
	rte_tel_data_add_dict_int(data, "persistent_keepalive",
		(int)(peer->timers.keepalive_interval / NS_PER_SECOND));
	rte_tel_data_add_dict_string(data, "state", state_of(peer));
	rte_tel_data_add_dict_string(data, "member", leaving_member_name(gateway, peer));
	transfer_put(data, &transfer);
	return 0;
}

/* Some of a peer's allowed IPs, from a place on. */
struct allowed_page {
	struct rte_tel_data *data;
	uint32_t peer_id;
	unsigned from, seen;
};

static void allowed_add(void *arg, const struct wb_prefix *prefix, uint32_t peer_id)
{
	struct allowed_page *page = arg;
	char text[WB_PREFIX_STRLEN];

	if (peer_id != page->peer_id)
		return;
	if (page->seen >= page->from && page->seen < page->from + PREFIXES_A_REPLY)
		rte_tel_data_add_array_string(page->data, wb_prefix_format(prefix, text));
	page->seen++;
}

int telemetry_allowed(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	struct allowed_page page = {.data = data};
	struct wb_peer *peer = peer_find(gateway, params, &page.from);

	if (peer == NULL)
		return -ENOENT;
	page.peer_id = peer->id;
	rte_tel_data_start_array(data, RTE_TEL_STRING_VAL);
	wb_allowedips_table_foreach(peer->tunnel->table, allowed_add, &page);
	return 0;
}

struct route_page {
	struct rte_tel_data *data;
	unsigned from, seen;
};

static int route_add(void *arg, const struct wb_prefix *prefix, const struct wb_nexthop *hop)
{
	struct route_page *page = arg;
	char text[WB_PREFIX_STRLEN];

	if (hop->type != WB_NH_GROUP && hop->type != WB_NH_TUNNEL)
		return 0;
	if (page->seen >= page->from && page->seen < page->from + ROUTES_A_REPLY)
		rte_tel_data_add_array_string(page->data, wb_prefix_format(prefix, text));
	page->seen++;
	return 0;
}

int telemetry_routes(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	struct route_page page = {.data = data, .from = (unsigned)strtoul(params, NULL, 10)};

	rte_tel_data_start_array(data, RTE_TEL_STRING_VAL);
	wb_fib_foreach(gateway->fib, route_add, &page);
	return 0;
}

/* The key of a tunnel: its name, or id/NUMBER where rte_telemetry does not take the name for one.
 * No tunnel has a slash in its name. */
static const char *tunnel_key(const struct wb_tunnel *tunnel, char out[16])
{
	static const char taken[] =
		"0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	if (tunnel->name[strspn(tunnel->name, taken)] == '\0')
		return tunnel->name;
	snprintf(out, 16, "id/%u", tunnel->id);
	return out;
}

static void tunnel_put(struct gateway *gateway, struct rte_tel_data *data, uint16_t id,
	unsigned weight, unsigned buckets)
{
	const struct wb_tunnel *tunnel = gateway->wg->by_id[id];
	struct rte_tel_data *path;
	struct transfer transfer;
	char key[16];

	if (!tunnel_is_open(gateway, id) || (path = rte_tel_data_alloc()) == NULL)
		return;
	transfer = transfer_of(tunnel);
	rte_tel_data_start_dict(path);
	rte_tel_data_add_dict_string(path, "tunnel", tunnel->name);
	rte_tel_data_add_dict_int(path, "weight", (int)weight);
	rte_tel_data_add_dict_int(path, "buckets", (int)buckets);
	rte_tel_data_add_dict_int(
		path, "up", tunnel->n_peers > 0 && strcmp(state_of(tunnel->peers[0]), "up") == 0);
	rte_tel_data_add_dict_string(path, "member",
		tunnel->n_peers > 0 ? leaving_member_name(gateway, tunnel->peers[0]) : "");
	transfer_put(path, &transfer);
	/* One that is refused, as the 257th, is still ours. */
	if (rte_tel_data_add_dict_container(data, tunnel_key(tunnel, key), path, 0) < 0)
		rte_tel_data_free(path);
}

int telemetry_route(struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	const struct wb_nexthop *hop;
	struct wb_prefix prefix;

	if (wb_prefix_parse(params, &prefix) < 0)
		return -EINVAL;
	hop = wb_fib_route_get(gateway->fib, &prefix);
	if (hop == NULL || (hop->type != WB_NH_GROUP && hop->type != WB_NH_TUNNEL))
		return -ENOENT;
	rte_tel_data_start_dict(data);
	if (hop->type == WB_NH_TUNNEL) {
		tunnel_put(gateway, data, hop->tunnel, 1, 1);
		return 0;
	}
	for (unsigned i = 0; i < hop->group->n_paths; i++)
		tunnel_put(gateway, data, hop->group->paths[i].tunnel, hop->group->paths[i].weight,
			hop->group->buckets[i]);
	return 0;
}
