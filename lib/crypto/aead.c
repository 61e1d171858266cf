/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/aead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <intel-ipsec-mb.h>
#include <sodium.h>

#define NONCE_LEN 12

/* Texts of so many bytes go through the library together while the lines of those behind them come:
 * more lines than can be on their way at once would make the cipher wait for them. */
#define CHUNK 1024

/* Of longer texts the first bytes are asked for. The processor sees by then how it goes on. */
#define ASKED 1536

#define CACHE_LINE 64

struct wb_aead_ctx {
	IMB_MGR *manager;
	uint8_t nonces[WB_AEAD_BURST_MAX][16]; /* 12 bytes each are used */
	uint8_t tags[WB_AEAD_BURST_MAX][WB_AEAD_TAG_LEN];
};

struct wb_aead_ctx *wb_aead_create(struct wb_err *err)
{
	struct wb_aead_ctx *ctx = calloc(1, sizeof(*ctx));

	if (ctx == NULL || (ctx->manager = alloc_mb_mgr(0)) == NULL) {
		free(ctx);
		wb_err_set(err, ENOMEM, "no memory for the cipher library's state");
		return NULL;
	}
	init_mb_mgr_auto(ctx->manager, NULL);
	if (imb_get_errno(ctx->manager) != 0) {
		wb_err_set(err, ENOTSUP, "intel-ipsec-mb does not start: %s",
			imb_get_strerror(imb_get_errno(ctx->manager)));
		wb_aead_destroy(ctx);
		return NULL;
	}
	return ctx;
}

void wb_aead_destroy(struct wb_aead_ctx *ctx)
{
	if (ctx == NULL)
		return;
	free_mb_mgr(ctx->manager);
	sodium_memzero(ctx, sizeof(*ctx));
	free(ctx);
}

const char *wb_aead_arch(const struct wb_aead_ctx *ctx)
{
	switch (ctx->manager->used_arch) {
	case IMB_ARCH_AVX512:
		return "AVX512";
	case IMB_ARCH_AVX2:
		return "AVX2";
#if IMB_VERSION_NUM < IMB_VERSION(2, 0, 0)
	case IMB_ARCH_AVX:
		return "AVX";
#endif
	default:
		return "SSE";
	}
}

void wb_aead_key_set(struct wb_aead_key *key, const struct wb_key *bytes)
{
	memcpy(key->bytes, bytes->bytes, sizeof(key->bytes));
}

void wb_aead_key_wipe(struct wb_aead_key *key)
{
	sodium_memzero(key, sizeof(*key));
}

static void nonce_write(uint8_t *nonce, uint64_t counter)
{
	uint64_t wire = htole64(counter);

	memset(nonce, 0, 4);
	memcpy(nonce + 4, &wire, sizeof(wire));
}

/* Where the library writes a text's tag: behind it, or where the one that came is compared with it.
 */
static uint8_t *tag_place(struct wb_aead_ctx *ctx, const struct wb_aead_op *op, unsigned slot,
	IMB_CIPHER_DIRECTION direction)
{
	return direction == IMB_DIR_ENCRYPT ? op->data + op->len : ctx->tags[slot];
}

#if IMB_VERSION_NUM >= IMB_VERSION(1, 5, 0)

/* The call for several texts under one key: it spares what a job costs beside its cipher. */
static void run(struct wb_aead_ctx *ctx, const struct wb_aead_op *ops, unsigned at, unsigned end,
	IMB_CIPHER_DIRECTION direction)
{
	const void *sources[WB_AEAD_BURST_MAX], *nonces[WB_AEAD_BURST_MAX];
	void *targets[WB_AEAD_BURST_MAX], *outs[WB_AEAD_BURST_MAX];
	const void *aads[WB_AEAD_BURST_MAX] = {NULL};
	uint64_t lengths[WB_AEAD_BURST_MAX];
	unsigned same;

	for (unsigned i = at; i < end; i++) {
		nonce_write(ctx->nonces[i], ops[i].counter);
		nonces[i] = ctx->nonces[i];
		sources[i] = targets[i] = ops[i].data;
		lengths[i] = ops[i].len;
		outs[i] = tag_place(ctx, &ops[i], i, direction);
	}
	for (unsigned i = at; i < end; i += same) {
		for (same = 1; i + same < end && ops[i + same].key == ops[i].key; same++)
			;
		imb_quic_chacha20_poly1305(ctx->manager, ops[i].key->bytes, direction, &targets[i],
			&sources[i], &lengths[i], &nonces[i], aads, 0, &outs[i], same);
	}
}

#else

static void job_write(struct wb_aead_ctx *ctx, IMB_JOB *job, const struct wb_aead_op *op,
	unsigned slot, IMB_CIPHER_DIRECTION direction)
{
	nonce_write(ctx->nonces[slot], op->counter);
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->cipher_direction = direction;
	job->chain_order =
		direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->enc_keys = op->key->bytes;
	job->dec_keys = op->key->bytes;
	job->key_len_in_bytes = WB_KEY_LEN;
	job->u.CHACHA20_POLY1305.aad = NULL;
	job->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
	job->src = op->data;
	job->dst = op->data;
	job->iv = ctx->nonces[slot];
	job->iv_len_in_bytes = NONCE_LEN;
	job->cipher_start_src_offset_in_bytes = 0;
	job->msg_len_to_cipher_in_bytes = op->len;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = op->len;
	job->auth_tag_output = tag_place(ctx, op, slot, direction);
	job->auth_tag_output_len_in_bytes = WB_AEAD_TAG_LEN;
#if IMB_VERSION_NUM >= IMB_VERSION(1, 4, 0)
	imb_set_session(ctx->manager, job);
#endif
}

/* As one burst of jobs, a dozen cycles a text cheaper than one by one. For this cipher the library
 * works at once; nothing here relies on it, since a job finds its place by the tag's address. */
static void run(struct wb_aead_ctx *ctx, const struct wb_aead_op *ops, unsigned at, unsigned end,
	IMB_CIPHER_DIRECTION direction)
{
	IMB_JOB *jobs[WB_AEAD_BURST_MAX];
	unsigned got;

	for (; at < end; at += got) {
		/* Fewer at the end of the library's ring. */
		got = IMB_GET_NEXT_BURST(ctx->manager, end - at, jobs);
		for (unsigned i = 0; i < got; i++)
			job_write(ctx, jobs[i], &ops[at + i], at + i, direction);
		IMB_SUBMIT_BURST_NOCHECK(ctx->manager, got, jobs);
		while (IMB_FLUSH_BURST(ctx->manager, WB_AEAD_BURST_MAX, jobs) > 0)
			;
	}
}

#endif

/* Asks for the lines of texts and tags, and to write them. A port or another core wrote them last:
 * the cipher would wait for one after the other, and ask twice, to read and to write. */
static void fetch(const struct wb_aead_op *ops, unsigned at, unsigned end)
{
	for (; at < end; at++) {
		unsigned len = ops[at].len + WB_AEAD_TAG_LEN, asked = len < ASKED ? len : ASKED;

		for (unsigned i = 0; i < asked; i += CACHE_LINE)
			__builtin_prefetch(ops[at].data + i, 1);
		__builtin_prefetch(ops[at].data + len - 1, 1);
	}
}

static unsigned chunk_end(const struct wb_aead_op *ops, unsigned at, unsigned n)
{
	for (unsigned bytes = 0; at < n && bytes < CHUNK; at++)
		bytes += ops[at].len;
	return at;
}

static void run_all(struct wb_aead_ctx *ctx, const struct wb_aead_op *ops, unsigned n,
	IMB_CIPHER_DIRECTION direction)
{
	unsigned at = 0, end = chunk_end(ops, 0, n), next;

	fetch(ops, at, end);
	for (; at < n; at = end, end = next) {
		next = chunk_end(ops, end, n);
		fetch(ops, end, next);
		run(ctx, ops, at, end, direction);
	}
}

void wb_aead_seal_burst(struct wb_aead_ctx *ctx, struct wb_aead_op *ops, unsigned n)
{
	run_all(ctx, ops, n, IMB_DIR_ENCRYPT);
}

/* In a time that says nothing of where they differ; in the place of sodium_memcmp(), which takes 60
 * cycles. */
static bool tags_equal(const uint8_t *a, const uint8_t *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

unsigned wb_aead_open_burst(struct wb_aead_ctx *ctx, struct wb_aead_op *ops, unsigned n)
{
	unsigned good = 0;

	run_all(ctx, ops, n, IMB_DIR_DECRYPT);
	for (unsigned i = 0; i < n; i++) {
		ops[i].ok = tags_equal(ctx->tags[i], ops[i].data + ops[i].len);
		good += ops[i].ok;
	}
	return good;
}
