/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages sealed before they are sent: sealing costs as much as the opening that is to be
 * measured, and no counter may be used twice, so a run towards the tunnel's inside lives on a
 * stock. */
#include "memif_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_byteorder.h>

#include "wg/transport.h"

/* Ethernet, IPv4, UDP, the message's header, its tag. */
#define AROUND (14 + 20 + 8 + 16 + 16)
#define ALIGN  64

static size_t frame_room(unsigned inner)
{
	return RTE_ALIGN_CEIL(AROUND + wb_transport_padded(inner, LOAD_MTU), ALIGN);
}

static int memory_make(struct load *load, struct wb_err *err)
{
	struct load_stock *stock = calloc(1, sizeof(*stock));

	if (stock == NULL)
		return wb_err_set(err, ENOMEM, "no memory");
	stock->memory = mmap(NULL, load->stock_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stock->memory == MAP_FAILED) {
		free(stock);
		return wb_err_set(
			err, ENOMEM, "no memory for a stock of %zu MiB", load->stock_bytes >> 20);
	}
	/* Huge pages of the ordinary kind, where there are some: reading it must not cost TLB
	 * misses that a packet of a NIC would not have. */
	madvise(stock->memory, load->stock_bytes, MADV_HUGEPAGE);
	stock->room = load->stock_bytes;
	load->stock = stock;
	return 0;
}

static int entries_make(struct load_stock *stock, uint64_t wanted, struct wb_err *err)
{
	struct load_stock_entry *entries;

	if (wanted <= stock->entries_room)
		return 0;
	entries = realloc(stock->entries, wanted * sizeof(*entries));
	if (entries == NULL)
		return wb_err_set(err, ENOMEM, "no memory for a stock of %lu packets", wanted);
	stock->entries = entries;
	stock->entries_room = wanted;
	return 0;
}

/* Lays one message out, still to be sealed. */
static void message_write(struct load *load, const struct load_order *order, uint64_t n,
	struct load_stock_entry *entry, struct wb_aead_op *op)
{
	unsigned flow = (unsigned)(n % order->flows), size = load_size_of(order, n);
	struct load_tunnel *tunnel = &load->tunnels[flow % load->n_tunnels];
	struct load_session *session = &tunnel->sessions[tunnel->latest];
	unsigned padded = wb_transport_padded(size, LOAD_MTU);
	unsigned length = (unsigned)sizeof(struct wb_msg_transport) + padded + WB_AEAD_TAG_LEN;
	uint8_t *at = load_outer_write(load, tunnel, entry->frame, length);
	struct wb_msg_transport header = {
		.type = rte_cpu_to_le_32(WB_MSG_TRANSPORT),
		.receiver = rte_cpu_to_le_32(session->remote_index),
		.counter = rte_cpu_to_le_64(session->counter),
	};
	struct load_mark *mark;

	memcpy(at, &header, sizeof(header));
	entry->length = (uint32_t)(at - entry->frame) + length;
	at += sizeof(header);
	memset(at + size, 0, padded - size);
	load_inner_write(load, order, at, size, flow, tunnel->number);
	mark = (void *)(at + size - sizeof(*mark));
	*mark = (struct load_mark){.stamp = n, .run = load->run, .magic = LOAD_MAGIC};
	*op = (struct wb_aead_op){
		.data = at,
		.len = padded,
		.counter = session->counter++,
		.key = &session->send_key,
	};
}

int load_stock_fill(
	struct load *load, const struct load_order *order, uint64_t wanted, struct wb_err *err)
{
	struct wb_aead_op ops[WB_AEAD_BURST_MAX];
	unsigned n_ops = 0;
	size_t used = 0;
	int rc = load->stock == NULL ? memory_make(load, err) : 0;

	if (rc == 0)
		rc = entries_make(load->stock, wanted, err);
	if (rc < 0)
		return rc;
	load->stock->n = 0;
	while (load->stock->n < wanted) {
		uint64_t n = load->stock->n;
		size_t room = frame_room(load_size_of(order, n));

		if (used + room > load->stock->room)
			break;
		load->stock->entries[n].frame = load->stock->memory + used;
		message_write(load, order, n, &load->stock->entries[n], &ops[n_ops++]);
		used += room;
		load->stock->n++;
		if (n_ops == RTE_DIM(ops)) {
			wb_aead_seal_burst(load->aead, ops, n_ops);
			n_ops = 0;
		}
	}
	wb_aead_seal_burst(load->aead, ops, n_ops);
	return 0;
}
