/* Q4_0: 32 codes of 4 bits under one half-float scale, x = d (q - 8). */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "blocks.h"
#include "flat.h"
#include "half_inline.h"
#include "kernels.h"

/* Where the extreme element is put: on either end of the codes, or past it, clipped. */
static const float ends[] = { -8 / 0.87f, -8, 7 / 0.87f, 7 };
static const float more_ends[] = { -8 / 0.78f, -8 / 0.84f, -8 / 0.9f, -8 / 0.95f, -8, -8 / 1.05f,
	                           7 / 0.78f,  7 / 0.84f,  7 / 0.9f,  7 / 0.95f,  7,  7 / 1.05f };

static const struct quant_flat_signed how = {
	.shape = { .elems = 32, .block_lanes = 1, .blend = 0, .magnitude = 3 },
	.grid = { .lo = -8, .hi = 7 },
	.plan = { { ends, N_OF(ends) }, { more_ends, N_OF(more_ends) } },
};

static void pack(const struct quant_flat_codes *c, int l, unsigned char *out)
{
	memcpy(out + offsetof(struct block_q4_0, d), &c->d[l], sizeof(c->d[l]));
	memcpy(out + offsetof(struct block_q4_0, qs), c->nibbles[l], sizeof(c->nibbles[l]));
}

static void unpack(const struct block_q4_0 *b, float *x)
{
	float d = quant_f16_widen(b->d);

	for (int i = 0; i < 16; i++) {
		x[i] = d * (float)((b->qs[i] & 15) - 8);
		x[i + 16] = d * (float)((b->qs[i] >> 4) - 8);
	}
}

static void q4_0_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct quant_flat_codes c;
	unsigned char *out = dst;

	assert(n % QUANT_ELEMS_Q4_0 == 0);
	for (size_t col = 0; col < n; col += QUANT_LANES * QUANT_ELEMS_Q4_0) {
		int n_blocks = QUANT_AT(flat_signed)(&how, x, &imp, col, n, &c);

		for (int l = 0; l < n_blocks; l++, out += sizeof(struct block_q4_0))
			pack(&c, l, out);
	}
}

static void q4_0_decode(const void *src, float *x, size_t n)
{
	struct block_q4_0 b;

	assert(n % QUANT_ELEMS_Q4_0 == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_Q4_0; i++, x += QUANT_ELEMS_Q4_0) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		unpack(&b, x);
	}
}

const struct quant_type QUANT_AT(q4_0) = {
	.type = FMT_Q4_0, .encode = q4_0_encode, .decode = q4_0_decode, .uses_weights = true
};
