/* IQ2_XXS: superblocks of eight sub-blocks of 32, each four points of a grid of eight elements and 256 points; signs of
 * which an even number is negative. */
#include <assert.h>
#include <string.h>

#include "blocks.h"
#include "grid_search.h"
#include "half_inline.h"
#include "iq2.h"
#include "kernels.h"

/* Scales of a sub-block, over its root mean square. */
static const float ladder[] = { 0.034f, 0.039f, 0.044f, 0.050f, 0.057f, 0.065f, 0.075f, 0.088f, 0.105f, 0.130f };

static const struct quant_grid_type type = {
	.points = quant_grid_iq2_xxs, .n_points = 256, .dims = 8, .levels = IQ2_LEVELS, .n_levels = 3,
	.signs = GRID_SIGNS_EVEN, .sub = 32, .n_codes = 16, .step = 0.125f, .blend = 0.05f, .magnitude = 6,
	.ladder = ladder, .n_ladder = N_OF(ladder), .first = 7, .later = 3, .restore = { 0.4f, 0.65f },
};

static void pack(const struct quant_grid_fit *fit, struct block_iq2_xxs *b)
{
	b->d = fit->d;
	for (int j = 0; j < 8; j++) {
		uint32_t word = (uint32_t)fit->k[j] << 28;

		for (int g = 0; g < 4; g++) {
			b->sub[j].points[g] = (uint8_t)fit->point[4 * j + g];
			word |= (uint32_t)(fit->signs[4 * j + g] & 127) << 7 * g;
		}
		b->sub[j].signs[0] = (uint16_t)word;
		b->sub[j].signs[1] = (uint16_t)(word >> 16);
	}
}

static void unpack(const struct block_iq2_xxs *b, float *x)
{
	float d = quant_f16_widen(b->d);

	for (int j = 0; j < 8; j++) {
		uint32_t word = b->sub[j].signs[0] | (uint32_t)b->sub[j].signs[1] << 16;
		float s = d * (0.5f + (float)(word >> 28)) * 0.25f;

		for (int g = 0; g < 4; g++, x += 8)
			quant_iq2_group(s, quant_grid_iq2_xxs[b->sub[j].points[g]],
			                quant_even_signs(word >> 7 * g & 127), x);
	}
}

static void iq2_xxs_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct quant_grid_chunks chunks;
	struct quant_grid_fit fit;
	struct block_iq2_xxs b;

	assert(n % QUANT_SB == 0);
	QUANT_AT(grid_chunks)(&type, &chunks);
	for (size_t i = 0; i < n / QUANT_SB; i++) {
		QUANT_AT(encode_grid)(&type, &chunks, x + i * QUANT_SB, &imp, i * QUANT_SB, &fit);
		pack(&fit, &b);
		memcpy((unsigned char *)dst + i * sizeof(b), &b, sizeof(b));
	}
}

static void iq2_xxs_decode(const void *src, float *x, size_t n)
{
	struct block_iq2_xxs b;

	assert(n % QUANT_SB == 0);
	for (size_t i = 0; i < n / QUANT_SB; i++, x += QUANT_SB) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		unpack(&b, x);
	}
}

const struct quant_type QUANT_AT(iq2_xxs) = {
	.type = FMT_IQ2_XXS, .encode = iq2_xxs_encode, .decode = iq2_xxs_decode, .uses_weights = true
};
