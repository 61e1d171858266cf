/* SPDX-License-Identifier: BSD-3-Clause */
/* rte_frag_table_del_expired_entries() is "experimental" up to DPDK 23.03. */
#define ALLOW_EXPERIMENTAL_API

#include "reassembly.h"

#include <netinet/in.h>

#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_ip_frag.h>
#include <rte_malloc.h>

#include "worker.h"

/* Datagrams under way at once; a bucket holds four of them. */
#define DATAGRAMS    512
#define BUCKET	     4
#define LIFE_SECONDS 1

struct reassembly {
	struct rte_ip_frag_tbl *table;
	struct rte_ip_frag_death_row dead;
	unsigned held;
};

struct reassembly *reassembly_create(void)
{
	struct reassembly *table = rte_zmalloc("reassembly", sizeof(*table), RTE_CACHE_LINE_SIZE);

	if (table == NULL)
		return NULL;
	table->table = rte_ip_frag_table_create(DATAGRAMS / BUCKET, BUCKET, DATAGRAMS,
		rte_get_tsc_hz() * LIFE_SECONDS, (int)rte_socket_id());
	if (table->table != NULL)
		return table;
	rte_free(table);
	return NULL;
}

void reassembly_destroy(struct reassembly *table)
{
	if (table == NULL)
		return;
	rte_ip_frag_table_destroy(table->table);
	rte_free(table);
}

unsigned reassembly_held(const struct reassembly *table)
{
	return table == NULL ? 0 : __atomic_load_n(&table->held, __ATOMIC_RELAXED);
}

static void held_change(struct reassembly *table, int by)
{
	__atomic_store_n(&table->held, table->held + (unsigned)by, __ATOMIC_RELAXED);
}

/* The fragment header right behind the IPv6 header, where it is in all packets that need none
 * else; NULL: there is none. */
static struct rte_ipv6_fragment_ext *fragment6(const uint8_t *l3, uint32_t len)
{
	const struct rte_ipv6_hdr *ip = (const void *)l3;

	if (ip->proto != IPPROTO_FRAGMENT || len < sizeof(*ip) + RTE_IPV6_FRAG_HDR_SIZE)
		return NULL;
	return (struct rte_ipv6_fragment_ext *)(uintptr_t)(ip + 1);
}

bool reassembly_wanted6(const uint8_t *l3, uint32_t len)
{
	const struct rte_ipv6_fragment_ext *fragment = fragment6(l3, len);

	return fragment != NULL && fragment->next_header == IPPROTO_UDP;
}

static void bury(struct reassembly *table, struct worker *worker)
{
	unsigned count = table->dead.cnt;

	if (count == 0)
		return;
	rte_ip_frag_free_death_row(&table->dead, 0);
	wb_count(worker->count, WB_DROP_REASSEMBLY, count);
	held_change(table, -(int)count);
}

static struct rte_mbuf *add4(struct reassembly *table, struct rte_mbuf *mbuf, uint64_t now)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, struct rte_ipv4_hdr *);

	mbuf->l3_len = rte_ipv4_hdr_len(ip);
	return rte_ipv4_frag_reassemble_packet(table->table, &table->dead, mbuf, now, ip);
}

static struct rte_mbuf *add6(struct reassembly *table, struct rte_mbuf *mbuf, uint64_t now)
{
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(mbuf, struct rte_ipv6_hdr *);
	struct rte_ipv6_fragment_ext *fragment =
		fragment6((const uint8_t *)ip, rte_pktmbuf_data_len(mbuf));

	mbuf->l3_len = sizeof(*ip) + RTE_IPV6_FRAG_HDR_SIZE;
	return rte_ipv6_frag_reassemble_packet(table->table, &table->dead, mbuf, now, ip, fragment);
}

/* Makes a chain of segments one packet, as if it had come in whole. */
static struct rte_mbuf *join(struct reassembly *table, struct worker *worker,
	struct rte_mbuf *whole, const struct rte_ether_hdr *ether)
{
	struct rte_ipv4_hdr *ip;
	unsigned pieces = whole->nb_segs;

	held_change(table, -(int)pieces);
	wb_count(worker->count, WB_OUT_REASSEMBLED, pieces - 1);
	/* What is longer than a buffer is no WireGuard's: it goes to the kernel as it is. */
	rte_pktmbuf_linearize(whole);
	ip = rte_pktmbuf_mtod(whole, struct rte_ipv4_hdr *);
	if (ip->version_ihl >> 4 == 4) {
		ip->hdr_checksum = 0;
		ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, rte_ipv4_hdr_len(ip));
	}
	memcpy((uint8_t *)ip - sizeof(*ether), ether, sizeof(*ether));
	return whole;
}

struct rte_mbuf *reassembly_add(
	struct reassembly *table, struct worker *worker, struct rte_mbuf *mbuf)
{
	const uint8_t *l3 = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	struct rte_ether_hdr ether;
	struct rte_mbuf *whole;
	uint64_t now = rte_rdtsc();

	memcpy(&ether, l3 - sizeof(ether), sizeof(ether));
	mbuf->l2_len = 0;
	held_change(table, 1);
	whole = *l3 >> 4 == 4 ? add4(table, mbuf, now) : add6(table, mbuf, now);
	bury(table, worker);
	return whole == NULL ? NULL : join(table, worker, whole, &ether);
}

void reassembly_expire(struct reassembly *table, struct worker *worker)
{
	if (table->held == 0)
		return;
	rte_ip_frag_table_del_expired_entries(table->table, &table->dead, rte_rdtsc());
	bury(table, worker);
}
