/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/aead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <intel-ipsec-mb.h>
#include <sodium.h>

#define NONCE_LEN 12

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
	case IMB_ARCH_AVX:
		return "AVX";
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

/* Gives one text to the library. For this cipher it works at once and hands the jobs back in order;
 * nothing here relies on it: a job finds its place by the tag's address. */
static void submit(struct wb_aead_ctx *ctx, const struct wb_aead_op *op, unsigned slot,
	uint8_t *tag, IMB_CIPHER_DIRECTION direction)
{
	IMB_JOB *job = IMB_GET_NEXT_JOB(ctx->manager);

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
	job->auth_tag_output = tag;
	job->auth_tag_output_len_in_bytes = WB_AEAD_TAG_LEN;
	IMB_SUBMIT_JOB_NOCHECK(ctx->manager);
	/* Completed jobs need no look, but their slots must be given back. */
	while (IMB_GET_COMPLETED_JOB(ctx->manager) != NULL)
		;
}

static void finish(struct wb_aead_ctx *ctx)
{
	while (IMB_FLUSH_JOB(ctx->manager) != NULL)
		;
}

void wb_aead_seal_burst(struct wb_aead_ctx *ctx, struct wb_aead_op *ops, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		submit(ctx, &ops[i], i, ops[i].data + ops[i].len, IMB_DIR_ENCRYPT);
	finish(ctx);
}

unsigned wb_aead_open_burst(struct wb_aead_ctx *ctx, struct wb_aead_op *ops, unsigned n)
{
	unsigned good = 0;

	for (unsigned i = 0; i < n; i++)
		submit(ctx, &ops[i], i, ctx->tags[i], IMB_DIR_DECRYPT);
	finish(ctx);
	for (unsigned i = 0; i < n; i++) {
		ops[i].ok =
			sodium_memcmp(ctx->tags[i], ops[i].data + ops[i].len, WB_AEAD_TAG_LEN) == 0;
		good += ops[i].ok;
	}
	return good;
}
