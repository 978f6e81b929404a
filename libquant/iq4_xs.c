/* IQ4_XS: superblocks of eight sub-blocks of 32 codes for IQ4_NL's sixteen levels, x = d (k - 32) V[q].
 *
 * The 6-bit k_j: its low four bits are half j mod 2 of scales_l[j / 2], its top two bits 2j.. of scales_h. */
#include <assert.h>
#include <string.h>

#include "blocks.h"
#include "half_inline.h"
#include "iq4_levels.h"
#include "kernels.h"
#include "superblock.h"

/* Where the extreme element of a sub-block is put. */
static const float ends[] = { -127 / 0.87f, -127 / 0.93f, -127, -127 / 1.08f, -127 / 1.16f,
	                      113 / 0.87f,  113 / 0.93f,  113,  113 / 1.08f,  113 / 1.16f };

static const struct quant_signed_type type = {
	.shape = { .elems = 32, .block_lanes = 8, .blend = 0.3f, .magnitude = 2 },
	.grid = { .iq4 = true },
	.limit = 32,
	.plan = { { .ends = ends, .n_ends = N_OF(ends), .reach = 1, .rounds = 1 },
	          { .ends = ends, .n_ends = N_OF(ends), .reach = 1, .rounds = 1 } },
};

static void pack(const struct quant_signed_fit *fit, uint8_t (*q)[QUANT_LANE_ELEMS], int lane,
                 struct block_iq4_xs *b)
{
	unsigned high = 0;

	memset(b, 0, sizeof(*b));
	for (int j = 0; j < 8; j++) {
		unsigned k = (unsigned)((int)fit->k[lane + j] + 32);

		b->scales_l[j / 2] = (uint8_t)(b->scales_l[j / 2] | (k & 15) << 4 * (j % 2));
		high |= k >> 4 << 2 * j;
		for (int i = 0; i < 16; i++)
			b->qs[16 * j + i] = (uint8_t)(q[j][i] | q[j][i + 16] << 4);
	}
	b->scales_h = (uint16_t)high;
	b->d = fit->d[lane / 8];
}

static void encode_group(const float *x, const struct quant_importance *imp, size_t col, int n_blocks,
                         struct block_iq4_xs *b)
{
	uint8_t codes[QUANT_LANES][QUANT_LANE_ELEMS];
	struct quant_signed_fit fit;

	QUANT_AT(encode_signed)(&type, x, imp, col, 8 * n_blocks, &fit, codes[0]);
	for (int i = 0; i < n_blocks; i++)
		pack(&fit, codes + 8 * i, 8 * i, b + i);
}

static void unpack(const struct block_iq4_xs *b, float *x)
{
	float d = quant_f16_widen(b->d);

	for (int j = 0; j < 8; j++, x += 32) {
		int k = (b->scales_l[j / 2] >> 4 * (j % 2) & 15) | (b->scales_h >> 2 * j & 3) << 4;
		float s = d * (float)(k - 32);

		for (int i = 0; i < 16; i++) {
			x[i] = s * (float)quant_iq4_level[b->qs[16 * j + i] & 15];
			x[i + 16] = s * (float)quant_iq4_level[b->qs[16 * j + i] >> 4];
		}
	}
}

static void iq4_xs_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	unsigned char *out = dst;

	assert(n % QUANT_SB == 0);
	for (size_t col = 0; col < n; col += 2 * QUANT_SB) {
		struct block_iq4_xs b[2];
		size_t n_blocks = n - col < 2 * QUANT_SB ? 1 : 2;

		encode_group(x + col, &imp, col, (int)n_blocks, b);
		memcpy(out, b, n_blocks * sizeof(*b));
		out += n_blocks * sizeof(*b);
	}
}

static void iq4_xs_decode(const void *src, float *x, size_t n)
{
	struct block_iq4_xs b;

	assert(n % QUANT_ELEMS_IQ4_XS == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_IQ4_XS; i++, x += QUANT_ELEMS_IQ4_XS) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		unpack(&b, x);
	}
}

const struct quant_type QUANT_AT(iq4_xs) = {
	.type = FMT_IQ4_XS, .encode = iq4_xs_encode, .decode = iq4_xs_decode, .uses_weights = true
};
