/* IQ2_XS: superblocks of sixteen sub-blocks of 16, each two points of a grid of eight elements and 512 points; signs of
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
	.points = quant_grid_iq2_xs, .n_points = 512, .dims = 8, .levels = IQ2_LEVELS, .n_levels = 3,
	.signs = GRID_SIGNS_EVEN, .sub = 16, .n_codes = 16, .step = 0.125f, .blend = 0.1f, .magnitude = 6,
	.ladder = ladder, .n_ladder = N_OF(ladder), .first = 11, .later = 3, .restore = { 0.6f, 0.8f },
};

static void pack(const struct quant_grid_fit *fit, struct block_iq2_xs *b)
{
	b->d = fit->d;
	for (int g = 0; g < 32; g++)
		b->groups[g] = (uint16_t)(fit->point[g] | (fit->signs[g] & 127) << 9);
	for (int i = 0; i < 8; i++)
		b->scales[i] = (uint8_t)(fit->k[2 * i] | fit->k[2 * i + 1] << 4);
}

static void unpack(const struct block_iq2_xs *b, float *x)
{
	float d = quant_f16_widen(b->d);

	for (int g = 0; g < 32; g++, x += 8) {
		int k = b->scales[g / 4] >> 4 * (g / 2 % 2) & 15;

		quant_iq2_group(d * (0.5f + (float)k) * 0.25f, quant_grid_iq2_xs[b->groups[g] & 511],
		                quant_even_signs(b->groups[g] >> 9), x);
	}
}

static void iq2_xs_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct quant_grid_chunks chunks;
	struct quant_grid_fit fit;
	struct block_iq2_xs b;

	assert(n % QUANT_SB == 0);
	QUANT_AT(grid_chunks)(&type, &chunks);
	for (size_t i = 0; i < n / QUANT_SB; i++) {
		QUANT_AT(encode_grid)(&type, &chunks, x + i * QUANT_SB, &imp, i * QUANT_SB, &fit);
		pack(&fit, &b);
		memcpy((unsigned char *)dst + i * sizeof(b), &b, sizeof(b));
	}
}

static void iq2_xs_decode(const void *src, float *x, size_t n)
{
	struct block_iq2_xs b;

	assert(n % QUANT_SB == 0);
	for (size_t i = 0; i < n / QUANT_SB; i++, x += QUANT_SB) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		unpack(&b, x);
	}
}

const struct quant_type QUANT_AT(iq2_xs) = {
	.type = FMT_IQ2_XS, .encode = iq2_xs_encode, .decode = iq2_xs_decode, .uses_weights = true
};
