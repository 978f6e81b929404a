/* IQ1_M: IQ1_S's grid with sixteen sub-blocks of 16, and a shift for every eight elements. */
#include <assert.h>
#include <string.h>

#include "blocks.h"
#include "grid_search.h"
#include "half_inline.h"
#include "iq1.h"
#include "kernels.h"

/* Scales of a sub-block, over its root mean square. */
static const float ladder[] = { 1, 1.5f, 2.2f, 3.4f };

static const struct quant_grid_type type = {
	.points = quant_grid_iq1_s, .n_points = 2048, .dims = 8, .levels = IQ1_LEVELS, .n_levels = 3,
	.signs = GRID_SIGNS_NONE, .delta = IQ1_DELTA, .delta_elems = 8, .sub = 16, .n_codes = 8, .step = 1,
	.blend = 0.5f, .magnitude = 2,
	.ladder = ladder, .n_ladder = N_OF(ladder), .first = 2, .later = 0, .restore = { 0.5f, 0.75f },
};

static void pack(const struct quant_grid_fit *fit, struct block_iq1_m *b)
{
	memset(b, 0, sizeof(*b));
	for (int g = 0; g < 32; g++) {
		unsigned nibble = (unsigned)(fit->point[g] >> 8) | (unsigned)fit->minus[g] << 3;

		b->points[g] = (uint8_t)fit->point[g];
		b->qh[g / 2] = (uint8_t)(b->qh[g / 2] | nibble << 4 * (g % 2));
	}
	for (int j = 0; j < 16; j++)
		b->scales[j / 4] = (uint16_t)(b->scales[j / 4] | fit->k[j] << 3 * (j % 4));
	for (int i = 0; i < 4; i++)
		b->scales[i] = (uint16_t)(b->scales[i] | (fit->d >> 4 * i & 15) << 12);
}

static void unpack(const struct block_iq1_m *b, float *x)
{
	unsigned d = 0;

	for (int i = 0; i < 4; i++)
		d |= (unsigned)(b->scales[i] >> 12) << 4 * i;
	for (int g = 0; g < 32; g++, x += 8) {
		int nibble = b->qh[g / 2] >> 4 * (g % 2) & 15, k = b->scales[g / 8] >> 3 * (g / 2 % 4) & 7;

		quant_iq1_group(quant_f16_widen((uint16_t)d) * (float)(2 * k + 1), b->points[g] | (nibble & 7) << 8,
		                nibble >> 3, x);
	}
}

static void iq1_m_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct quant_grid_chunks chunks;
	struct quant_grid_fit fit;
	struct block_iq1_m b;

	assert(n % QUANT_SB == 0);
	QUANT_AT(grid_chunks)(&type, &chunks);
	for (size_t i = 0; i < n / QUANT_SB; i++) {
		QUANT_AT(encode_grid)(&type, &chunks, x + i * QUANT_SB, &imp, i * QUANT_SB, &fit);
		pack(&fit, &b);
		memcpy((unsigned char *)dst + i * sizeof(b), &b, sizeof(b));
	}
}

static void iq1_m_decode(const void *src, float *x, size_t n)
{
	struct block_iq1_m b;

	assert(n % QUANT_SB == 0);
	for (size_t i = 0; i < n / QUANT_SB; i++, x += QUANT_SB) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		unpack(&b, x);
	}
}

const struct quant_type QUANT_AT(iq1_m) = {
	.type = FMT_IQ1_M, .encode = iq1_m_encode, .decode = iq1_m_decode, .uses_weights = true
};
