/* IQ3_XXS: superblocks of eight sub-blocks of 32, each eight points of a grid of four elements and 256 points; signs of
 * which an even number in eight is negative. */
#include <assert.h>
#include <string.h>

#include "blocks.h"
#include "grid_search.h"
#include "half_inline.h"
#include "iq3.h"
#include "kernels.h"

#define LEVELS { 4, 12, 20, 28, 36, 44, 52, 62 }

/* Scales of a sub-block, over its root mean square. */
static const float ladder[] = { 0.020f, 0.023f, 0.027f, 0.031f, 0.036f, 0.042f, 0.050f, 0.060f, 0.075f, 0.095f };

static const struct quant_grid_type type = {
	.points = quant_grid_iq3_xxs, .n_points = 256, .dims = 4, .levels = LEVELS, .n_levels = 8,
	.signs = GRID_SIGNS_EVEN, .sub = 32, .n_codes = 16, .step = 0.25f, .blend = 1.5f, .magnitude = 2,
	.ladder = ladder, .n_ladder = N_OF(ladder), .first = 5, .later = 3, .restore = { 0.8f, 1 },
};

static void pack(const struct quant_grid_fit *fit, struct block_iq3_xxs *b)
{
	b->d = fit->d;
	for (int i = 0; i < 64; i++)
		b->points[i] = (uint8_t)fit->point[i];
	for (int j = 0; j < 8; j++) {
		uint32_t word = (uint32_t)fit->k[j] << 28;

		for (int g = 0; g < 4; g++)
			word |= (uint32_t)(fit->signs[4 * j + g] & 127) << 7 * g;
		memcpy(b->signs + 4 * j, &word, 4);
	}
}

static void unpack(const struct block_iq3_xxs *b, float *x)
{
	float d = quant_f16_widen(b->d);

	for (int j = 0; j < 8; j++) {
		uint32_t word;
		float s;

		memcpy(&word, b->signs + 4 * j, 4);
		s = d * (0.5f + (float)(word >> 28)) * 0.5f;
		for (int g = 0; g < 4; g++, x += 8) {
			const uint8_t *points = b->points + 8 * j + 2 * g;

			quant_iq3_group((struct quant_iq3_levels){ 4, 8, 2 }, s, quant_grid_iq3_xxs[points[0]],
			                quant_grid_iq3_xxs[points[1]], quant_even_signs(word >> 7 * g & 127), x);
		}
	}
}

static void iq3_xxs_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct quant_grid_chunks chunks;
	struct quant_grid_fit fit;
	struct block_iq3_xxs b;

	assert(n % QUANT_SB == 0);
	QUANT_AT(grid_chunks)(&type, &chunks);
	for (size_t i = 0; i < n / QUANT_SB; i++) {
		QUANT_AT(encode_grid)(&type, &chunks, x + i * QUANT_SB, &imp, i * QUANT_SB, &fit);
		pack(&fit, &b);
		memcpy((unsigned char *)dst + i * sizeof(b), &b, sizeof(b));
	}
}

static void iq3_xxs_decode(const void *src, float *x, size_t n)
{
	struct block_iq3_xxs b;

	assert(n % QUANT_SB == 0);
	for (size_t i = 0; i < n / QUANT_SB; i++, x += QUANT_SB) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		unpack(&b, x);
	}
}

const struct quant_type QUANT_AT(iq3_xxs) = {
	.type = FMT_IQ3_XXS, .encode = iq3_xxs_encode, .decode = iq3_xxs_decode, .uses_weights = true
};
