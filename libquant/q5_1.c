/* Q5_1: 32 codes of 5 bits with a half-float scale and offset, x = d q + m. */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "blocks.h"
#include "flat.h"
#include "half_inline.h"
#include "kernels.h"
#include "fifth_bit.h"

static const float steps[] = { 31.3f };
static const float offsets[] = { -0.05f, 0.35f };
static const float more_steps[] = { 28.5f, 29.5f, 30.3f, 31, 31.7f, 32.4f, 33.2f, 34.2f };
static const float more_offsets[] = { 0, -0.5f, 0.5f };

static const struct quant_flat_min how = {
	.shape = { .elems = 32, .block_lanes = 1, .blend = 0, .magnitude = 3 },
	.search = { { .top = 31, .free_min = true, .steps = steps, .n_steps = N_OF(steps),
	              .offsets = offsets, .n_offsets = N_OF(offsets) },
	            { .top = 31, .free_min = true, .steps = more_steps, .n_steps = N_OF(more_steps),
	              .offsets = more_offsets, .n_offsets = N_OF(more_offsets) } },
};

static void pack(const struct quant_flat_codes *c, int l, unsigned char *out)
{
	memcpy(out + offsetof(struct block_q5_1, d), &c->d[l], sizeof(c->d[l]));
	memcpy(out + offsetof(struct block_q5_1, m), &c->m[l], sizeof(c->m[l]));
	memcpy(out + offsetof(struct block_q5_1, qh), &c->fifth[l], sizeof(c->fifth[l]));
	memcpy(out + offsetof(struct block_q5_1, qs), c->nibbles[l], sizeof(c->nibbles[l]));
}

static void unpack(const struct block_q5_1 *b, float *x)
{
	float d = quant_f16_widen(b->d), m = quant_f16_widen(b->m);
	uint8_t q[32];

	quant_fifth_unpack(b->qs, b->qh, q);
	for (int i = 0; i < 32; i++)
		x[i] = d * (float)q[i] + m;
}

static void q5_1_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct quant_flat_codes c;
	unsigned char *out = dst;

	assert(n % QUANT_ELEMS_Q5_1 == 0);
	for (size_t col = 0; col < n; col += QUANT_LANES * QUANT_ELEMS_Q5_1) {
		int n_blocks = QUANT_AT(flat_min)(&how, x, &imp, col, n, &c);

		for (int l = 0; l < n_blocks; l++, out += sizeof(struct block_q5_1))
			pack(&c, l, out);
	}
}

static void q5_1_decode(const void *src, float *x, size_t n)
{
	struct block_q5_1 b;

	assert(n % QUANT_ELEMS_Q5_1 == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_Q5_1; i++, x += QUANT_ELEMS_Q5_1) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		unpack(&b, x);
	}
}

const struct quant_type QUANT_AT(q5_1) = {
	.type = FMT_Q5_1, .encode = q5_1_encode, .decode = q5_1_decode, .uses_weights = true
};
