/* Q5_0: 32 codes of 5 bits under one half-float scale, x = d (q - 16). */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "blocks.h"
#include "flat.h"
#include "half_inline.h"
#include "kernels.h"
#include "fifth_bit.h"

/* Where the extreme element is put: on either end of the codes, or past it, clipped. */
static const float ends[] = { -16 / 0.92f, -16, 15 / 0.92f, 15 / 0.98f };
static const float more_ends[] = { -16 / 0.86f, -16 / 0.9f, -16 / 0.94f, -16 / 0.97f, -16, -16 / 1.03f,
	                           15 / 0.86f,  15 / 0.9f,  15 / 0.94f,  15 / 0.97f,  15,  15 / 1.03f };

static const struct quant_flat_signed how = {
	.shape = { .elems = 32, .block_lanes = 1, .blend = 0, .magnitude = 3 },
	.grid = { .lo = -16, .hi = 15 },
	.plan = { { ends, N_OF(ends) }, { more_ends, N_OF(more_ends) } },
};

static void pack(const struct quant_flat_codes *c, int l, unsigned char *out)
{
	memcpy(out + offsetof(struct block_q5_0, d), &c->d[l], sizeof(c->d[l]));
	memcpy(out + offsetof(struct block_q5_0, qh), &c->fifth[l], sizeof(c->fifth[l]));
	memcpy(out + offsetof(struct block_q5_0, qs), c->nibbles[l], sizeof(c->nibbles[l]));
}

static void unpack(const struct block_q5_0 *b, float *x)
{
	float d = quant_f16_widen(b->d);
	uint8_t q[32];

	quant_fifth_unpack(b->qs, b->qh, q);
	for (int i = 0; i < 32; i++)
		x[i] = d * (float)(q[i] - 16);
}

static void q5_0_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct quant_flat_codes c;
	unsigned char *out = dst;

	assert(n % QUANT_ELEMS_Q5_0 == 0);
	for (size_t col = 0; col < n; col += QUANT_LANES * QUANT_ELEMS_Q5_0) {
		int n_blocks = QUANT_AT(flat_signed)(&how, x, &imp, col, n, &c);

		for (int l = 0; l < n_blocks; l++, out += sizeof(struct block_q5_0))
			pack(&c, l, out);
	}
}

static void q5_0_decode(const void *src, float *x, size_t n)
{
	struct block_q5_0 b;

	assert(n % QUANT_ELEMS_Q5_0 == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_Q5_0; i++, x += QUANT_ELEMS_Q5_0) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		unpack(&b, x);
	}
}

const struct quant_type QUANT_AT(q5_0) = {
	.type = FMT_Q5_0, .encode = q5_0_encode, .decode = q5_0_decode, .uses_weights = true
};
