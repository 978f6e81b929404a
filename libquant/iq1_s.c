/* IQ1_S: superblocks of eight sub-blocks of 32, each four points of a grid of eight elements and 2048 points; levels
 * -1, 0, 1, all of a sub-block shifted by an eighth one way or the other. */
#include <assert.h>
#include <string.h>

#include "blocks.h"
#include "grid_search.h"
#include "half_inline.h"
#include "iq1.h"
#include "kernels.h"

/* Scales of a sub-block, over its root mean square. */
static const float ladder[] = { 0.85f, 0.98f, 1.12f, 1.28f, 1.5f, 1.8f, 2.2f, 2.8f, 3.6f, 4.8f };

static const struct quant_grid_type type = {
	.points = quant_grid_iq1_s, .n_points = 2048, .dims = 8, .levels = IQ1_LEVELS, .n_levels = 3,
	.signs = GRID_SIGNS_NONE, .delta = IQ1_DELTA, .delta_elems = 32, .sub = 32, .n_codes = 8, .step = 1,
	.blend = 0.1f, .magnitude = 2,
	.ladder = ladder, .n_ladder = N_OF(ladder), .first = 3, .later = 0, .restore = { 0.25f, 0.5f },
};

static void pack(const struct quant_grid_fit *fit, struct block_iq1_s *b)
{
	b->d = fit->d;
	for (int j = 0; j < 8; j++) {
		unsigned h = (unsigned)fit->k[j] << 12 | (unsigned)fit->minus[4 * j] << 15;

		for (int g = 0; g < 4; g++) {
			b->points[4 * j + g] = (uint8_t)fit->point[4 * j + g];
			h |= (unsigned)(fit->point[4 * j + g] >> 8) << 3 * g;
		}
		b->qh[j] = (uint16_t)h;
	}
}

static void unpack(const struct block_iq1_s *b, float *x)
{
	float d = quant_f16_widen(b->d);

	for (int j = 0; j < 8; j++) {
		float s = d * (float)(2 * (b->qh[j] >> 12 & 7) + 1);

		for (int g = 0; g < 4; g++, x += 8)
			quant_iq1_group(s, b->points[4 * j + g] | (b->qh[j] >> 3 * g & 7) << 8, b->qh[j] >> 15, x);
	}
}

static void iq1_s_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct quant_grid_chunks chunks;
	struct quant_grid_fit fit;
	struct block_iq1_s b;

	assert(n % QUANT_SB == 0);
	QUANT_AT(grid_chunks)(&type, &chunks);
	for (size_t i = 0; i < n / QUANT_SB; i++) {
		QUANT_AT(encode_grid)(&type, &chunks, x + i * QUANT_SB, &imp, i * QUANT_SB, &fit);
		pack(&fit, &b);
		memcpy((unsigned char *)dst + i * sizeof(b), &b, sizeof(b));
	}
}

static void iq1_s_decode(const void *src, float *x, size_t n)
{
	struct block_iq1_s b;

	assert(n % QUANT_SB == 0);
	for (size_t i = 0; i < n / QUANT_SB; i++, x += QUANT_SB) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		unpack(&b, x);
	}
}

const struct quant_type QUANT_AT(iq1_s) = {
	.type = FMT_IQ1_S, .encode = iq1_s_encode, .decode = iq1_s_decode, .uses_weights = true
};
