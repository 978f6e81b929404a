/* Q5_K: superblocks of eight sub-blocks of 32 codes of 5 bits, x = (d ks) q - (dmin km). */
#include <assert.h>
#include <string.h>

#include "blocks.h"
#include "half_inline.h"
#include "k_scales.h"
#include "kernels.h"
#include "superblock.h"

static const float steps[] = { 29, 30.4f, 31.3f, 32.4f };
static const float few_steps[] = { 29, 30.4f, 31.4f };
static const float offsets[] = { 0.1f, 0.5f };
static const float more_offsets[] = { -0.3f, 0.1f, 0.5f };

static const struct quant_min_type type = {
	.shape = { .elems = 32, .block_lanes = 8, .blend = 0.2f, .magnitude = 2 },
	.top = 31,
	.limit = 63,
	.plan = { { .steps = few_steps, .n_steps = N_OF(few_steps), .offsets = offsets, .n_offsets = N_OF(offsets),
	            .first = 4, .later = 4, .rounds = 1, .restore = 0.5f },
	          { .steps = steps, .n_steps = N_OF(steps), .offsets = more_offsets, .n_offsets = N_OF(more_offsets),
	            .first = 8, .later = 8, .rounds = 1, .restore = 0.5f } },
};

static void pack(const struct quant_min_fit *fit, uint8_t (*q)[QUANT_LANE_ELEMS], int lane, struct block_q5_k *b)
{
	uint8_t ks[8], km[8];

	for (int j = 0; j < 8; j++) {
		ks[j] = (uint8_t)fit->ks[lane + j];
		km[j] = (uint8_t)fit->km[lane + j];
	}
	b->d = fit->d[lane / 8];
	b->dmin = fit->dmin[lane / 8];
	quant_k_scales_write(ks, km, b->scales);
	for (int g = 0; g < 4; g++)
		for (int i = 0; i < 32; i++)
			b->qs[32 * g + i] = (uint8_t)((q[2 * g][i] & 15) | (q[2 * g + 1][i] & 15) << 4);
	for (int i = 0; i < 32; i++) {
		unsigned bits = 0;

		for (int j = 0; j < 8; j++)
			bits |= (unsigned)(q[j][i] >> 4) << j;
		b->qh[i] = (uint8_t)bits;
	}
}

static void encode_group(const float *x, const struct quant_importance *imp, size_t col, int n_blocks,
                         struct block_q5_k *b)
{
	uint8_t codes[QUANT_LANES][QUANT_LANE_ELEMS];
	struct quant_min_fit fit;

	QUANT_AT(encode_min)(&type, x, imp, col, 8 * n_blocks, &fit, codes[0]);
	for (int i = 0; i < n_blocks; i++)
		pack(&fit, codes + 8 * i, 8 * i, b + i);
}

static void unpack(const struct block_q5_k *b, float *x)
{
	float d = quant_f16_widen(b->d), dmin = quant_f16_widen(b->dmin);
	uint8_t ks[8], km[8];

	quant_k_scales_read(b->scales, ks, km);
	for (int j = 0; j < 8; j++, x += 32) {
		float s = d * (float)ks[j], m = dmin * (float)km[j];
		int shift = 4 * (j & 1);

		for (int i = 0; i < 32; i++) {
			int q = (b->qs[32 * (j / 2) + i] >> shift & 15) | (b->qh[i] >> j & 1) << 4;

			x[i] = s * (float)q - m;
		}
	}
}

static void q5_k_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	unsigned char *out = dst;

	assert(n % QUANT_SB == 0);
	for (size_t col = 0; col < n; col += 2 * QUANT_SB) {
		struct block_q5_k b[2];
		size_t n_blocks = n - col < 2 * QUANT_SB ? 1 : 2;

		encode_group(x + col, &imp, col, (int)n_blocks, b);
		memcpy(out, b, n_blocks * sizeof(*b));
		out += n_blocks * sizeof(*b);
	}
}

static void q5_k_decode(const void *src, float *x, size_t n)
{
	struct block_q5_k b;

	assert(n % QUANT_ELEMS_Q5_K == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_Q5_K; i++, x += QUANT_ELEMS_Q5_K) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		unpack(&b, x);
	}
}

const struct quant_type QUANT_AT(q5_k) = {
	.type = FMT_Q5_K, .encode = q5_k_encode, .decode = q5_k_decode, .uses_weights = true
};
