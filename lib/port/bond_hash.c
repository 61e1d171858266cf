/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/bond_hash.h"

#include <arpa/inet.h>
#include <string.h>

static uint16_t mac_hash(const struct wb_bond_packet *packet)
{
	uint16_t a[3], b[3];

	memcpy(a, packet->source_mac, sizeof(a));
	memcpy(b, packet->destination_mac, sizeof(b));
	return (uint16_t)(a[0] ^ b[0] ^ a[1] ^ b[1] ^ a[2] ^ b[2]);
}

/* The XOR of all address words as they lie in memory; an IPv4 address is one word. */
static uint32_t address_hash(const struct wb_bond_packet *packet)
{
	uint64_t sum = packet->source.addr.words[0] ^ packet->source.addr.words[1] ^
		packet->destination.addr.words[0] ^ packet->destination.addr.words[1];

	return (uint32_t)sum ^ (uint32_t)(sum >> 32);
}

uint32_t wb_bond_hash(enum wb_bond_policy policy, const struct wb_bond_packet *packet)
{
	uint32_t hash;

	if (policy == WB_BOND_LAYER2) {
		hash = mac_hash(packet);
		return hash ^ hash >> 8;
	}
	hash = address_hash(packet);
	if (policy == WB_BOND_LAYER23)
		hash ^= mac_hash(packet);
	else
		hash ^= (uint16_t)(htons(packet->source.port) ^ htons(packet->destination.port));
	hash ^= hash >> 16;
	return hash ^ hash >> 8;
}

const char *wb_bond_policy_name(enum wb_bond_policy policy)
{
	static const char *const names[] = {"layer2", "layer2+3", "layer3+4"};

	return names[policy];
}
