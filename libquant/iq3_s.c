/* IQ3_S: superblocks of eight sub-blocks of 32, each eight points of a grid of four elements and 512 points; a sign per
 * element. */
#include <assert.h>
#include <string.h>

#include "blocks.h"
#include "grid_search.h"
#include "half_inline.h"
#include "iq3.h"
#include "kernels.h"

#define LEVELS { 1, 3, 5, 7, 9, 11, 13, 15 }

/* Scales of a sub-block, over its root mean square. */
static const float ladder[] = { 0.08f, 0.092f, 0.107f, 0.124f, 0.144f, 0.17f, 0.2f, 0.24f, 0.3f, 0.38f };

static const struct quant_grid_type type = {
	.points = quant_grid_iq3_s, .n_points = 512, .dims = 4, .levels = LEVELS, .n_levels = 8,
	.signs = GRID_SIGNS_FREE, .sub = 32, .n_codes = 16, .step = 1, .blend = 1.0f, .magnitude = 2,
	.ladder = ladder, .n_ladder = N_OF(ladder), .first = 4, .later = 1, .restore = { 1, 1 },
};

static void pack(const struct quant_grid_fit *fit, struct block_iq3_s *b)
{
	memset(b, 0, sizeof(*b));
	b->d = fit->d;
	for (int i = 0; i < 64; i++) {
		b->points[i] = (uint8_t)fit->point[i];
		b->qh[i / 8] = (uint8_t)(b->qh[i / 8] | fit->point[i] >> 8 << i % 8);
	}
	memcpy(b->signs, fit->signs, sizeof(b->signs));
	for (int i = 0; i < 4; i++)
		b->scales[i] = (uint8_t)(fit->k[2 * i] | fit->k[2 * i + 1] << 4);
}

/* Code of point `quad` of 64. */
static uint32_t point_of(const struct block_iq3_s *b, int quad)
{
	return quant_grid_iq3_s[b->points[quad] | (b->qh[quad / 8] >> quad % 8 & 1) << 8];
}

static void unpack(const struct block_iq3_s *b, float *x)
{
	float d = quant_f16_widen(b->d);

	for (int g = 0; g < 32; g++, x += 8) {
		int k = b->scales[g / 8] >> 4 * (g / 4 % 2) & 15;

		quant_iq3_group((struct quant_iq3_levels){ 1, 2, 0 }, d * (float)(1 + 2 * k), point_of(b, 2 * g),
		                point_of(b, 2 * g + 1), b->signs[g], x);
	}
}

static void iq3_s_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct quant_grid_chunks chunks;
	struct quant_grid_fit fit;
	struct block_iq3_s b;

	assert(n % QUANT_SB == 0);
	QUANT_AT(grid_chunks)(&type, &chunks);
	for (size_t i = 0; i < n / QUANT_SB; i++) {
		QUANT_AT(encode_grid)(&type, &chunks, x + i * QUANT_SB, &imp, i * QUANT_SB, &fit);
		pack(&fit, &b);
		memcpy((unsigned char *)dst + i * sizeof(b), &b, sizeof(b));
	}
}

static void iq3_s_decode(const void *src, float *x, size_t n)
{
	struct block_iq3_s b;

	assert(n % QUANT_SB == 0);
	for (size_t i = 0; i < n / QUANT_SB; i++, x += QUANT_SB) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		unpack(&b, x);
	}
}

const struct quant_type QUANT_AT(iq3_s) = {
	.type = FMT_IQ3_S, .encode = iq3_s_encode, .decode = iq3_s_decode, .uses_weights = true
};
