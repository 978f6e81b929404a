/* Q3_K: superblocks of sixteen sub-blocks of 16 codes of 3 bits, x = d (k - 32) (q - 4).
 *
 * The 6-bit k_j: its low four bits are the low (j < 8) or high half of scale byte j mod 8, its top two bits are bits
 * 2 (j / 4).. of scale byte 8 + j mod 4. */
#include <assert.h>
#include <string.h>

#include "blocks.h"
#include "half_inline.h"
#include "kernels.h"
#include "planes2.h"
#include "superblock.h"

/* Where the extreme element of a sub-block is put. */
static const float ends[] = { -4 / 0.72f, -4 / 0.82f, -4 / 0.92f, -4, 3 / 0.72f, 3 / 0.82f, 3 / 0.92f, 3 };
static const float weighted_ends[] = { -4 / 0.66f, -4 / 0.75f, -4 / 0.83f, -4 / 0.91f, -4,
	                               3 / 0.64f,  3 / 0.73f,  3 / 0.82f,  3 / 0.91f,  3 };

static const struct quant_signed_type type = {
	.shape = { .elems = 16, .block_lanes = 16, .blend = 0.2f, .magnitude = 8 },
	.grid = { .lo = -4, .hi = 3 },
	.limit = 32,
	.plan = { { .ends = ends, .n_ends = N_OF(ends), .reach = 1, .rounds = 1, .restore = 0.5f },
	          { .ends = weighted_ends, .n_ends = N_OF(weighted_ends), .reach = 1, .rounds = 1, .restore = 0.5f } },
};

static void pack_scales(const float k[16], uint8_t s[12])
{
	memset(s, 0, 12);
	for (int j = 0; j < 16; j++) {
		unsigned code = (unsigned)((int)k[j] + 32);

		s[j % 8] = (uint8_t)(s[j % 8] | (code & 15) << (j < 8 ? 0 : 4));
		s[8 + j % 4] = (uint8_t)(s[8 + j % 4] | code >> 4 << 2 * (j / 4));
	}
}

static int scale(const uint8_t s[12], int j)
{
	int low = j < 8 ? s[j] & 15 : s[j - 8] >> 4;

	return (low | (s[8 + j % 4] >> 2 * (j / 4) & 3) << 4) - 32;
}

static void encode_block(const float *x, const struct quant_importance *imp, size_t col, struct block_q3_k *b)
{
	uint8_t q[QUANT_SB];
	struct quant_signed_fit fit;

	QUANT_AT(encode_signed)(&type, x, imp, col, QUANT_LANES, &fit, q);
	b->d = fit.d[0];
	pack_scales(fit.k, b->scales);
	quant_planes2_pack(q, b->qs);
	for (int l = 0; l < 32; l++) {
		unsigned bits = 0;

		for (int j = 0; j < 8; j++)
			bits |= (unsigned)(q[32 * j + l] >> 2) << j;
		b->hmask[l] = (uint8_t)bits;
	}
}

static void unpack(const struct block_q3_k *b, float *x)
{
	float d = quant_f16_widen(b->d);
	uint8_t q[QUANT_SB];

	quant_planes2_unpack(b->qs, q);
	for (int k = 0; k < 8; k++)
		for (int l = 0; l < 32; l++)
			q[32 * k + l] = (uint8_t)(q[32 * k + l] | (b->hmask[l] >> k & 1) << 2);
	for (int j = 0; j < 16; j++) {
		float s = d * (float)scale(b->scales, j);

		for (int i = 16 * j; i < 16 * j + 16; i++)
			x[i] = s * (float)(q[i] - 4);
	}
}

static void q3_k_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct block_q3_k b;

	assert(n % QUANT_SB == 0);
	for (size_t i = 0; i < n / QUANT_SB; i++) {
		encode_block(x + i * QUANT_SB, &imp, i * QUANT_SB, &b);
		memcpy((unsigned char *)dst + i * sizeof(b), &b, sizeof(b));
	}
}

static void q3_k_decode(const void *src, float *x, size_t n)
{
	struct block_q3_k b;

	assert(n % QUANT_ELEMS_Q3_K == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_Q3_K; i++, x += QUANT_ELEMS_Q3_K) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		unpack(&b, x);
	}
}

const struct quant_type QUANT_AT(q3_k) = {
	.type = FMT_Q3_K, .encode = q3_k_encode, .decode = q3_k_decode, .uses_weights = true
};
