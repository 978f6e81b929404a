/* Q2_K: superblocks of sixteen sub-blocks of 16 codes of 2 bits, x = (d ks) q - (dmin km). */
#include <assert.h>
#include <string.h>

#include "blocks.h"
#include "half_inline.h"
#include "kernels.h"
#include "planes2.h"
#include "superblock.h"

static const float steps[] = { 2.3f, 2.7f, 3.1f, 3.6f, 4.3f };
static const float weighted_steps[] = { 2.2f, 2.6f, 3, 3.5f, 4.2f };
static const float weighted_offsets[] = { 0, 0.3f, 0.6f };

static const struct quant_min_type type = {
	.shape = { .elems = 16, .block_lanes = 16, .blend = 0.5f, .magnitude = 20 },
	.top = 3,
	.limit = 15,
	.plan = { { .steps = steps, .n_steps = N_OF(steps), .first = 4, .later = 6, .rounds = 1, .restore = 0.5f },
	          { .steps = weighted_steps, .n_steps = N_OF(weighted_steps),
	            .offsets = weighted_offsets, .n_offsets = N_OF(weighted_offsets), .narrow = 0.04f,
	            .first = 4, .later = 12, .last = 8, .rounds = 2, .restore = 0.6f } },
};

static void encode_block(const float *x, const struct quant_importance *imp, size_t col, struct block_q2_k *b)
{
	uint8_t q[QUANT_SB];
	struct quant_min_fit fit;

	QUANT_AT(encode_min)(&type, x, imp, col, QUANT_LANES, &fit, q);
	b->d = fit.d[0];
	b->dmin = fit.dmin[0];
	for (int l = 0; l < QUANT_LANES; l++)
		b->scales[l] = (uint8_t)((int)fit.ks[l] | (int)fit.km[l] << 4);
	quant_planes2_pack(q, b->qs);
}

static void unpack(const struct block_q2_k *b, float *x)
{
	float d = quant_f16_widen(b->d), dmin = quant_f16_widen(b->dmin);
	uint8_t q[QUANT_SB];

	quant_planes2_unpack(b->qs, q);
	for (int j = 0; j < 16; j++) {
		float s = d * (float)(b->scales[j] & 15), m = dmin * (float)(b->scales[j] >> 4);

		for (int i = 16 * j; i < 16 * j + 16; i++)
			x[i] = s * (float)q[i] - m;
	}
}

static void q2_k_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct block_q2_k b;

	assert(n % QUANT_SB == 0);
	for (size_t i = 0; i < n / QUANT_SB; i++) {
		encode_block(x + i * QUANT_SB, &imp, i * QUANT_SB, &b);
		memcpy((unsigned char *)dst + i * sizeof(b), &b, sizeof(b));
	}
}

static void q2_k_decode(const void *src, float *x, size_t n)
{
	struct block_q2_k b;

	assert(n % QUANT_ELEMS_Q2_K == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_Q2_K; i++, x += QUANT_ELEMS_Q2_K) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		unpack(&b, x);
	}
}

const struct quant_type QUANT_AT(q2_k) = {
	.type = FMT_Q2_K, .encode = q2_k_encode, .decode = q2_k_decode, .uses_weights = true
};
