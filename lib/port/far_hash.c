/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/far_hash.h"

#include <arpa/inet.h>
#include <string.h>

#include <rte_thash.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

const char *wb_far_hash_name(enum wb_far_hash hash)
{
	static const char *const names[] = {
		"pmd-layer2+3", "pmd-layer3+4", "linux-layer2+3", "linux-layer3+4", "toeplitz"};

	return names[hash];
}

bool wb_far_hash_sees_ports(enum wb_far_hash hash)
{
	return hash != WB_FAR_PMD_LAYER23 && hash != WB_FAR_LINUX_LAYER23;
}

/* An address as the kernel makes one word of it. */
static uint32_t word_of(const struct wb_addr *addr)
{
	uint64_t sum = addr->words[0] ^ addr->words[1];

	return addr->family == AF_INET ? addr->v4 : (uint32_t)(sum ^ sum >> 32);
}

static uint32_t linux_fold(uint32_t hash, const struct wb_bond_packet *packet)
{
	hash ^= word_of(&packet->destination.addr) ^ word_of(&packet->source.addr);
	hash ^= hash >> 16;
	return hash ^ hash >> 8;
}

static uint32_t linux_layer34(const struct wb_bond_packet *packet)
{
	const uint16_t ports[2] = {htons(packet->source.port), htons(packet->destination.port)};
	uint32_t hash;

	memcpy(&hash, ports, sizeof(hash));
	return linux_fold(hash, packet) >> 1;
}

static uint32_t linux_layer23(const struct wb_bond_packet *packet)
{
	uint32_t type = packet->source.addr.family == AF_INET ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;

	return linux_fold(type ^ packet->source_mac[5] ^ packet->destination_mac[5], packet);
}

static uint32_t toeplitz(const struct wb_bond_packet *packet)
{
	static const uint8_t key[40] = {0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
		0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
		0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
		0x6d, 0x5a};
	uint32_t words[9];
	unsigned each = packet->source.addr.family == AF_INET ? 1 : 4;

	memcpy(words, packet->source.addr.bytes, each * 4);
	memcpy(words + each, packet->destination.addr.bytes, each * 4);
	for (unsigned i = 0; i < 2 * each; i++)
		words[i] = ntohl(words[i]);
	words[2 * each] = (uint32_t)packet->source.port << 16 | packet->destination.port;
	return rte_softrss(words, 2 * each + 1, key) & 127;
}

uint32_t wb_far_hash(enum wb_far_hash hash, const struct wb_bond_packet *packet)
{
	switch (hash) {
	case WB_FAR_PMD_LAYER23:
		return wb_bond_hash(WB_BOND_LAYER23, packet);
	case WB_FAR_LINUX_LAYER23:
		return linux_layer23(packet);
	case WB_FAR_LINUX_LAYER34:
		return linux_layer34(packet);
	case WB_FAR_TOEPLITZ:
		return toeplitz(packet);
	case WB_FAR_PMD_LAYER34:
	default:
		return wb_bond_hash(WB_BOND_LAYER34, packet);
	}
}
