/* IQ4_NL: 32 codes of 4 bits for sixteen uneven levels, under one half-float scale. */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "blocks.h"
#include "flat.h"
#include "half_inline.h"
#include "kernels.h"
#include "iq4_levels.h"

/* Where the extreme element is put: on either outer level, short of it, or past it, clipped. */
static const float ends[] = { -127 / 0.87f, -127 / 0.93f, -127, -127 / 1.08f, -127 / 1.16f,
	                      113 / 0.87f,  113 / 0.93f,  113,  113 / 1.08f,  113 / 1.16f };

static const struct quant_flat_signed how = {
	.shape = { .elems = 32, .block_lanes = 1, .blend = 0.5f, .magnitude = 2 },
	.grid = { .iq4 = true },
	.plan = { { ends, N_OF(ends) }, { ends, N_OF(ends) } },
};

static void pack(const struct quant_flat_codes *c, int l, unsigned char *out)
{
	memcpy(out + offsetof(struct block_iq4_nl, d), &c->d[l], sizeof(c->d[l]));
	memcpy(out + offsetof(struct block_iq4_nl, qs), c->nibbles[l], sizeof(c->nibbles[l]));
}

static void unpack(const struct block_iq4_nl *b, float *x)
{
	float d = quant_f16_widen(b->d);

	for (int i = 0; i < 16; i++) {
		x[i] = d * (float)quant_iq4_level[b->qs[i] & 15];
		x[i + 16] = d * (float)quant_iq4_level[b->qs[i] >> 4];
	}
}

static void iq4_nl_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct quant_flat_codes c;
	unsigned char *out = dst;

	assert(n % QUANT_ELEMS_IQ4_NL == 0);
	for (size_t col = 0; col < n; col += QUANT_LANES * QUANT_ELEMS_IQ4_NL) {
		int n_blocks = QUANT_AT(flat_signed)(&how, x, &imp, col, n, &c);

		for (int l = 0; l < n_blocks; l++, out += sizeof(struct block_iq4_nl))
			pack(&c, l, out);
	}
}

static void iq4_nl_decode(const void *src, float *x, size_t n)
{
	struct block_iq4_nl b;

	assert(n % QUANT_ELEMS_IQ4_NL == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_IQ4_NL; i++, x += QUANT_ELEMS_IQ4_NL) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		unpack(&b, x);
	}
}

const struct quant_type QUANT_AT(iq4_nl) = {
	.type = FMT_IQ4_NL, .encode = iq4_nl_encode, .decode = iq4_nl_decode, .uses_weights = true
};
