/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames as a port receives them, through the rx stage: what is for a tunnel, what is forwarded,
 * what the kernel gets. Every frame has one owner at the end, and the counters know of it.
 * Reassembly is DPDK's and stays outside: a fragment for us is dropped here. */
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_ring.h>
#include <rte_udp.h>

#include "fuzz.h"

#include "fib/flow_hash.h"
#include "forward.h"
#include "gateway.h"
#include "ip_check.h"
#include "reassembly.h"
#include "stages.h"
#include "wg/transport.h"

enum { FRAME_MAX = 2048, TUNNEL_PORT = 51820, RING_SIZE = 64 };

/* Where packets may go to. */
enum { TO_TX, TO_TAP, TO_OPEN, TO_SEAL, STAGES };

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1}, their_mac[6] = {2, 0, 0, 0, 0, 2};

/* One for each kind of next hop, in both families. */
static const struct {
	const char *prefix;
	struct wb_nh_spec spec;
} routes[] = {
	{"192.0.2.1/32", {.type = WB_NH_LOCAL}},
	{"10.2.0.0/16", {.type = WB_NH_TUNNEL}},
	{"10.1.0.9/32", {.type = WB_NH_PORT, .dst_mac = {2, 0, 0, 0, 0, 2}, .src_mac = {2}}},
	{"198.51.100.0/24", {.type = WB_NH_DROP}},
	{"2001:db8::1/128", {.type = WB_NH_LOCAL}},
	{"2001:db8:2::/48", {.type = WB_NH_TUNNEL}},
	{"2001:db8:1::9/128", {.type = WB_NH_PORT, .dst_mac = {2, 0, 0, 0, 0, 2}, .src_mac = {2}}},
	{"2001:db8:3::/48", {.type = WB_NH_DROP}},
};

enum { ROUTES = sizeof(routes) / sizeof(routes[0]) };

static struct gateway gateway;
static struct worker worker;
static struct stage stage;
static struct wb_port port;
static struct outbox outboxes[STAGES];
static struct taken to_open, to_seal;
static struct wb_counters *counters;
static struct wb_addr destinations[ROUTES];

/* The frames of an input. `mbufs` have a second reference, ours: what is freed stays to be seen. */
static struct rte_mbuf *mbufs[BURST];
static uint8_t *originals[BURST];
static uint16_t lengths[BURST];
static unsigned seen[BURST], n_frames;

void worker_flush_one(struct worker *of, uint16_t stage_id)
{
	(void)of, (void)stage_id;
	abort(); /* no outbox gets more than a burst */
}

bool worker_tell(struct worker *of, const struct event *event)
{
	(void)of;
	FUZZ_CHECK(event->kind == EVENT_PATH_MTU && event->tunnel == 0);
	return true;
}

bool reassembly_wanted6(const uint8_t *l3, uint32_t len)
{
	struct wb_flow flow;

	return wb_flow_parse(l3, len, &flow) == 0 && (flow.flags & WB_FLOW_FRAG) != 0;
}

struct rte_mbuf *reassembly_add(struct reassembly *table, struct worker *of, struct rte_mbuf *mbuf)
{
	(void)table;
	worker_drop(of, mbuf, WB_DROP_REASSEMBLY);
	return NULL;
}

void reassembly_expire(struct reassembly *table, struct worker *of)
{
	(void)table, (void)of;
}

static uint16_t receive(void *queue, struct rte_mbuf **out, uint16_t room)
{
	(void)queue;
	FUZZ_CHECK(n_frames <= room);
	memcpy(out, mbufs, n_frames * sizeof(*out));
	return (uint16_t)n_frames;
}

static void port_make(void)
{
	static void *data[1], *callbacks[1];

	rte_eth_fp_ops[0].rx_pkt_burst = receive;
	rte_eth_fp_ops[0].rxq.data = data;
	rte_eth_fp_ops[0].rxq.clbk = callbacks;
	gateway.ports[0].port = &port;
	gateway.ports[0].mtu = 1500;
	gateway.n_ports = 1;
	memcpy(gateway.ports[0].mac, our_mac, sizeof(our_mac));
}

static void routes_make(void)
{
	const struct wb_fib_config config = {.retire = NULL};
	struct wb_prefix prefix;

	FUZZ_CHECK(wb_fib_create(&config, &gateway.fib, NULL) == 0);
	for (unsigned i = 0; i < ROUTES; i++) {
		FUZZ_CHECK(wb_prefix_parse(routes[i].prefix, &prefix) == 0);
		FUZZ_CHECK(wb_fib_route_set(gateway.fib, &prefix, &routes[i].spec, NULL) == 0);
		destinations[i] = prefix.addr;
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct stage_list *list = calloc(1, sizeof(*list));

	(void)argc, (void)argv;
	port_make();
	routes_make();
	gateway.wg = calloc(1, sizeof(*gateway.wg));
	gateway.handshakes = aligned_alloc(64, (size_t)rte_ring_get_memsize(RING_SIZE));
	counters = wb_counters_create(1);
	FUZZ_CHECK(gateway.wg != NULL && gateway.handshakes != NULL && counters != NULL &&
		list != NULL);
	list->own[TO_OPEN] = list->own[TO_SEAL] = true;
	FUZZ_CHECK(rte_ring_init(gateway.handshakes, "handshakes", RING_SIZE,
			   RING_F_SP_ENQ | RING_F_SC_DEQ) == 0);
	gateway.wg->n = 1;
	gateway.wg->by_udp_port[TUNNEL_PORT] = 1;
	gateway.plan.tx[0] = TO_TX;
	gateway.plan.tap[0] = TO_TAP;
	gateway.plan.open[0] = TO_OPEN;
	gateway.plan.seal[0] = TO_SEAL;
	worker.gateway = &gateway;
	worker.out = outboxes;
	worker.to_open = &to_open;
	worker.to_seal = &to_seal;
	worker.list = list;
	worker.count = counters;
	return 0;
}

/* What a fuzzer does not guess: our MAC, an address with a route, the header's checksum. */
static void frame_mend(uint8_t *frame, uint16_t length, uint8_t how)
{
	const struct wb_addr *to = &destinations[how >> 4 & 7];
	struct rte_ipv4_hdr *ip = (void *)(frame + RTE_ETHER_HDR_LEN);

	if ((how & 1) == 0 || length < RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv6_hdr))
		return;
	memcpy(frame, our_mac, sizeof(our_mac));
	if ((how & 2) != 0 && *(uint8_t *)ip >> 4 == 4 && to->family == AF_INET)
		memcpy(&ip->dst_addr, to->bytes, 4);
	if ((how & 2) != 0 && *(uint8_t *)ip >> 4 == 6 && to->family == AF_INET6)
		memcpy(((struct rte_ipv6_hdr *)ip)->dst_addr, to->bytes, 16);
	if (*(uint8_t *)ip >> 4 != 4 || rte_ipv4_hdr_len(ip) > length - RTE_ETHER_HDR_LEN)
		return;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, rte_ipv4_hdr_len(ip));
}

/* An mbuf over memory that ends where the frame ends. */
static void frame_make(struct fuzz_input *input)
{
	uint8_t how = fuzz_u8(input);
	uint16_t length = fuzz_u16(input) % FRAME_MAX;
	struct rte_mbuf *mbuf = calloc(1, sizeof(*mbuf));
	uint8_t *frame;

	if (length > input->left)
		length = (uint16_t)input->left;
	FUZZ_CHECK(mbuf != NULL);
	mbuf->buf_addr = malloc(RTE_PKTMBUF_HEADROOM + length);
	FUZZ_CHECK(mbuf->buf_addr != NULL);
	mbuf->buf_len = (uint16_t)(RTE_PKTMBUF_HEADROOM + length);
	mbuf->data_off = RTE_PKTMBUF_HEADROOM;
	mbuf->data_len = length;
	mbuf->pkt_len = length;
	mbuf->nb_segs = 1;
	rte_mbuf_refcnt_set(mbuf, 2);
	frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	fuzz_take(input, frame, length);
	frame_mend(frame, length, how);
	originals[n_frames] = fuzz_copy(frame, length);
	lengths[n_frames] = length;
	seen[n_frames] = 0;
	mbufs[n_frames++] = mbuf;
}

/* As it came, but for what lies behind the packet. */
static void tap_check(unsigned i)
{
	FUZZ_CHECK(rte_pktmbuf_data_len(mbufs[i]) <= lengths[i]);
	FUZZ_CHECK(memcmp(rte_pktmbuf_mtod(mbufs[i], void *), originals[i],
			   rte_pktmbuf_data_len(mbufs[i])) == 0);
}

/* A message with its outer headers in front of it, and of the type that this way is for. */
static void message_check(unsigned i, bool data)
{
	const struct packet *packet = packet_of(mbufs[i]);
	const uint8_t *message = rte_pktmbuf_mtod(mbufs[i], const uint8_t *);
	enum wb_msg_type type = wb_message_type(message, rte_pktmbuf_data_len(mbufs[i]));
	const uint8_t *l3 = message - packet->outer;
	const struct rte_udp_hdr *udp = (const void *)(message - sizeof(*udp));

	FUZZ_CHECK(
		rte_be_to_cpu_16(udp->dgram_len) == sizeof(*udp) + rte_pktmbuf_data_len(mbufs[i]));
	FUZZ_CHECK(rte_be_to_cpu_16(udp->dst_port) == TUNNEL_PORT);
	FUZZ_CHECK(type != WB_MSG_INVALID && (type == WB_MSG_TRANSPORT) == data);
	FUZZ_CHECK(packet->port == 0 && packet->tunnel == 0);
	FUZZ_CHECK(l3 == (uint8_t *)mbufs[i]->buf_addr + RTE_PKTMBUF_HEADROOM + RTE_ETHER_HDR_LEN);
	FUZZ_CHECK(packet->outer == 8 + (*l3 >> 4 == 4 ? (l3[0] & 15) * 4 : 40));
	FUZZ_CHECK(message + rte_pktmbuf_data_len(mbufs[i]) <= l3 - RTE_ETHER_HDR_LEN + lengths[i]);
}

/* A good packet, one hop older. */
static void forwarded_check(unsigned i)
{
	const uint8_t *before = originals[i] + RTE_ETHER_HDR_LEN;
	const uint8_t *after = rte_pktmbuf_mtod(mbufs[i], const uint8_t *);
	unsigned at = *after >> 4 == 4 ? 8 : 7;

	FUZZ_CHECK(after[at] == before[at] - 1 && after[at] > 0);
	FUZZ_CHECK(ip_check(mbufs[i]) == 0);
}

static void port_check(unsigned i)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(mbufs[i], const void *);

	FUZZ_CHECK(memcmp(&ether->dst_addr, their_mac, sizeof(their_mac)) == 0);
	FUZZ_CHECK(rte_pktmbuf_adj(mbufs[i], RTE_ETHER_HDR_LEN) != NULL);
	FUZZ_CHECK(rte_pktmbuf_data_len(mbufs[i]) <= gateway.ports[0].mtu);
	forwarded_check(i);
}

static unsigned place_of(const struct rte_mbuf *mbuf)
{
	unsigned i = 0;

	while (i < n_frames && mbufs[i] != mbuf)
		i++;
	FUZZ_CHECK(i < n_frames);
	seen[i]++;
	return i;
}

static void sent_check(unsigned to, struct rte_mbuf *mbuf)
{
	unsigned i = place_of(mbuf);

	switch (to) {
	case TO_TX:
		port_check(i);
		break;
	case TO_TAP:
		tap_check(i);
		break;
	case TO_OPEN:
		message_check(i, true);
		break;
	default:
		forwarded_check(i);
	}
}

/* What was handed over without a ring. */
static unsigned taken_check(const struct taken *taken, unsigned to)
{
	for (unsigned n = 0; n < taken->n; n++) {
		FUZZ_CHECK(taken->stages[n] == to);
		sent_check(to, taken->mbufs[n]);
	}
	return taken->n;
}

static void owners_check(void)
{
	uint64_t under_way = taken_check(&to_open, TO_OPEN) + taken_check(&to_seal, TO_SEAL);
	uint64_t counted;
	void *mbuf;

	for (unsigned to = 0; to < STAGES; to++) {
		for (unsigned n = 0; n < outboxes[to].n; n++)
			sent_check(to, outboxes[to].mbufs[n]);
		under_way += outboxes[to].n;
	}
	while (rte_ring_dequeue(gateway.handshakes, &mbuf) == 0)
		message_check(place_of(mbuf), false);
	for (unsigned i = 0; i < n_frames; i++)
		FUZZ_CHECK(seen[i] + (2 - rte_mbuf_refcnt_read(mbufs[i])) == 1);
	counted = wb_counters_kind_sum(counters, 1, WB_KIND_OUT) +
		wb_counters_kind_sum(counters, 1, WB_KIND_DROP);
	FUZZ_CHECK(wb_counters_kind_sum(counters, 1, WB_KIND_IN) == n_frames);
	FUZZ_CHECK(counted + under_way == n_frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.at = data, .left = size};

	memset(counters, 0, sizeof(*counters));
	memset(outboxes, 0, sizeof(outboxes));
	memset(&stage, 0, sizeof(stage));
	to_open.n = to_seal.n = 0;
	to_open.room = to_seal.room = size % 2 == 0 ? TAKEN_MAX : 0;
	worker.n_touched = 0;
	worker.news_credit = 0;
	n_frames = 0;
	while (input.left > 0 && n_frames < BURST)
		frame_make(&input);
	FUZZ_CHECK(stage_rx_run(&stage, &worker) == n_frames);
	owners_check();
	for (unsigned i = 0; i < n_frames; i++) {
		free(mbufs[i]->buf_addr);
		free(mbufs[i]);
		free(originals[i]);
	}
	return 0;
}
