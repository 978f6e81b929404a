/* Q6_K: superblocks of sixteen sub-blocks of 16 codes of 6 bits, x = (d sc) (q - 32).
 *
 * In each half h of 128 elements, quarter r of 32: the low four bits of element l are in ql[64h + 32 (r mod 2) + l], the
 * low half of it for r < 2, the high half after; the top two are bits 2r.. of qh[32h + l]. */
#include <assert.h>
#include <string.h>

#include "blocks.h"
#include "half_inline.h"
#include "kernels.h"
#include "superblock.h"

/* Where the extreme element of a sub-block is put. */
static const float ends[] = { -32 / 0.975f, -32, -32 / 1.025f, -32 / 1.05f, 31 / 0.975f, 31, 31 / 1.025f, 31 / 1.05f };

static const struct quant_signed_type type = {
	.shape = { .elems = 16, .block_lanes = 16, .blend = 0.5f, .magnitude = -1 },
	.grid = { .lo = -32, .hi = 31 },
	.limit = 128,
	.plan = { { .ends = ends, .n_ends = N_OF(ends), .reach = 1, .rounds = 1 },
	          { .ends = ends, .n_ends = N_OF(ends), .reach = 1, .rounds = 1 } },
};

/* q: 256 codes in element order */
static void pack(const uint8_t *q, struct block_q6_k *b)
{
	for (int h = 0; h < 2; h++, q += 128) {
		for (int l = 0; l < 32; l++) {
			unsigned a = q[l], c = q[l + 32], d = q[l + 64], e = q[l + 96];

			b->ql[64 * h + l] = (uint8_t)((a & 15) | (d & 15) << 4);
			b->ql[64 * h + 32 + l] = (uint8_t)((c & 15) | (e & 15) << 4);
			b->qh[32 * h + l] = (uint8_t)(a >> 4 | c >> 4 << 2 | d >> 4 << 4 | e >> 4 << 6);
		}
	}
}

static void encode_block(const float *x, const struct quant_importance *imp, size_t col, struct block_q6_k *b)
{
	uint8_t q[QUANT_SB];
	struct quant_signed_fit fit;

	QUANT_AT(encode_signed)(&type, x, imp, col, QUANT_LANES, &fit, q);
	b->d = fit.d[0];
	for (int l = 0; l < QUANT_LANES; l++)
		b->scales[l] = (int8_t)fit.k[l];
	pack(q, b);
}

static void unpack(const struct block_q6_k *b, float *x)
{
	float d = quant_f16_widen(b->d);
	int8_t q[QUANT_SB];

	for (int h = 0; h < 2; h++) {
		for (int r = 0; r < 4; r++) {
			const uint8_t *ql = b->ql + 64 * h + 32 * (r & 1), *qh = b->qh + 32 * h;

			for (int l = 0; l < 32; l++)
				q[128 * h + 32 * r + l] = (int8_t)(((ql[l] >> 4 * (r / 2) & 15) | (qh[l] >> 2 * r & 3) << 4) - 32);
		}
	}
	for (int j = 0; j < 16; j++) {
		float s = d * (float)b->scales[j];

		for (int i = 16 * j; i < 16 * j + 16; i++)
			x[i] = s * (float)q[i];
	}
}

static void q6_k_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct block_q6_k b;

	assert(n % QUANT_SB == 0);
	for (size_t i = 0; i < n / QUANT_SB; i++) {
		encode_block(x + i * QUANT_SB, &imp, i * QUANT_SB, &b);
		memcpy((unsigned char *)dst + i * sizeof(b), &b, sizeof(b));
	}
}

static void q6_k_decode(const void *src, float *x, size_t n)
{
	struct block_q6_k b;

	assert(n % QUANT_ELEMS_Q6_K == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_Q6_K; i++, x += QUANT_ELEMS_Q6_K) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		unpack(&b, x);
	}
}

const struct quant_type QUANT_AT(q6_k) = {
	.type = FMT_Q6_K, .encode = q6_k_encode, .decode = q6_k_decode, .uses_weights = true
};
