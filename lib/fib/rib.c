/* SPDX-License-Identifier: BSD-3-Clause */
#include "fib/rib.h"

#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_rib.h>
#include <rte_rib6.h>

static void read4(const struct rte_rib_node *at, struct wb_rib_node *node)
{
	uint32_t ip = 0;

	rte_rib_get_ip(at, &ip);
	rte_rib_get_depth(at, &node->prefix.len);
	rte_rib_get_nh(at, &node->id);
	node->prefix.addr = wb_addr_v4(htonl(ip));
}

static void read6(const struct rte_rib6_node *at, struct wb_rib_node *node)
{
	uint8_t ip[16] = {0};

	rte_rib6_get_ip(at, ip);
	rte_rib6_get_depth(at, &node->prefix.len);
	rte_rib6_get_nh(at, &node->id);
	node->prefix.addr = wb_addr_v6(ip);
}

bool wb_rib_find(const struct wb_fib *fib, const struct wb_prefix *prefix, struct wb_rib_node *node)
{
	*node = (struct wb_rib_node){0};
	if (prefix->addr.family == AF_INET) {
		struct rte_rib_node *at = rte_rib_lookup_exact(rte_fib_get_rib(fib->v4),
							       ntohl(prefix->addr.v4), prefix->len);

		if (at)
			read4(at, node);
		node->at = at;
	} else {
		struct rte_rib6_node *at = rte_rib6_lookup_exact(rte_fib6_get_rib(fib->v6),
								 prefix->addr.bytes, prefix->len);

		if (at)
			read6(at, node);
		node->at = at;
	}
	return node->at != NULL;
}

bool wb_rib_next(const struct wb_fib *fib, const struct wb_prefix *block, struct wb_rib_node *node)
{
	do {
		if (block->addr.family == AF_INET) {
			struct rte_rib_node *at =
				rte_rib_get_nxt(rte_fib_get_rib(fib->v4), ntohl(block->addr.v4),
						block->len, node->at, RTE_RIB_GET_NXT_ALL);

			if (at)
				read4(at, node);
			node->at = at;
		} else {
			struct rte_rib6_node *at =
				rte_rib6_get_nxt(rte_fib6_get_rib(fib->v6), block->addr.bytes,
						 block->len, node->at, RTE_RIB6_GET_NXT_ALL);

			if (at)
				read6(at, node);
			node->at = at;
		}
	} while (node->at && wb_prefix_equal(&node->prefix, block));
	return node->at != NULL;
}
