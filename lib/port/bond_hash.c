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

#define ETHER_LEN 14
#define UDP	  17
#define TCP	  6

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void ports_read(struct wb_bond_packet *packet, const uint8_t *l4, const uint8_t *end)
{
	if (l4 + 4 > end)
		return;
	packet->source.port = get16(l4);
	packet->destination.port = get16(l4 + 2);
}

static void ip4_read(struct wb_bond_packet *packet, const uint8_t *ip, const uint8_t *end)
{
	unsigned header;

	if (ip + 20 > end)
		return;
	header = (ip[0] & 15u) * 4;
	packet->source.addr.family = packet->destination.addr.family = AF_INET;
	memcpy(packet->source.addr.bytes, ip + 12, 4);
	memcpy(packet->destination.addr.bytes, ip + 16, 4);
	/* Fragments have no ports, but for the first one, which must go where the others go. */
	if ((ip[9] == TCP || ip[9] == UDP) && (get16(ip + 6) & 0x3fff) == 0)
		ports_read(packet, ip + header, end);
}

static void ip6_read(struct wb_bond_packet *packet, const uint8_t *ip, const uint8_t *end)
{
	if (ip + 40 > end)
		return;
	packet->source.addr.family = packet->destination.addr.family = AF_INET6;
	memcpy(packet->source.addr.bytes, ip + 8, 16);
	memcpy(packet->destination.addr.bytes, ip + 24, 16);
	if (ip[6] == TCP || ip[6] == UDP)
		ports_read(packet, ip + 40, end);
}

uint32_t wb_bond_hash_frame(enum wb_bond_policy policy, const uint8_t *frame, uint32_t length)
{
	struct wb_bond_packet packet = {.source.port = 0};

	if (length < ETHER_LEN)
		return 0;
	memcpy(packet.destination_mac, frame, 6);
	memcpy(packet.source_mac, frame + 6, 6);
	if (get16(frame + 12) == 0x0800)
		ip4_read(&packet, frame + ETHER_LEN, frame + length);
	else if (get16(frame + 12) == 0x86dd)
		ip6_read(&packet, frame + ETHER_LEN, frame + length);
	return wb_bond_hash(policy, &packet);
}

const char *wb_bond_policy_name(enum wb_bond_policy policy)
{
	static const char *const names[] = {"layer2", "layer2+3", "layer3+4"};

	return names[policy];
}
