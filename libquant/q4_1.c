/* Q4_1: 32 codes of 4 bits with a half-float scale and offset, x = d q + m. */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "blocks.h"
#include "flat.h"
#include "half_inline.h"
#include "kernels.h"

static const float steps[] = { 15.4f };
static const float offsets[] = { -0.05f, 0.35f };
static const float more_steps[] = { 14.2f, 15, 15.8f, 17 };
static const float more_offsets[] = { -0.5f, -0.2f, 0.1f, 0.4f, 0.7f };

static const struct quant_flat_min how = {
	.shape = { .elems = 32, .block_lanes = 1, .blend = 0, .magnitude = 3 },
	.search = { { .top = 15, .free_min = true, .steps = steps, .n_steps = N_OF(steps),
	              .offsets = offsets, .n_offsets = N_OF(offsets) },
	            { .top = 15, .free_min = true, .steps = more_steps, .n_steps = N_OF(more_steps),
	              .offsets = more_offsets, .n_offsets = N_OF(more_offsets) } },
};

static void pack(const struct quant_flat_codes *c, int l, unsigned char *out)
{
	memcpy(out + offsetof(struct block_q4_1, d), &c->d[l], sizeof(c->d[l]));
	memcpy(out + offsetof(struct block_q4_1, m), &c->m[l], sizeof(c->m[l]));
	memcpy(out + offsetof(struct block_q4_1, qs), c->nibbles[l], sizeof(c->nibbles[l]));
}

static void unpack(const struct block_q4_1 *b, float *x)
{
	float d = quant_f16_widen(b->d), m = quant_f16_widen(b->m);

	for (int i = 0; i < 16; i++) {
		x[i] = d * (float)(b->qs[i] & 15) + m;
		x[i + 16] = d * (float)(b->qs[i] >> 4) + m;
	}
}

static void q4_1_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct quant_flat_codes c;
	unsigned char *out = dst;

	assert(n % QUANT_ELEMS_Q4_1 == 0);
	for (size_t col = 0; col < n; col += QUANT_LANES * QUANT_ELEMS_Q4_1) {
		int n_blocks = QUANT_AT(flat_min)(&how, x, &imp, col, n, &c);

		for (int l = 0; l < n_blocks; l++, out += sizeof(struct block_q4_1))
			pack(&c, l, out);
	}
}

static void q4_1_decode(const void *src, float *x, size_t n)
{
	struct block_q4_1 b;

	assert(n % QUANT_ELEMS_Q4_1 == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_Q4_1; i++, x += QUANT_ELEMS_Q4_1) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		unpack(&b, x);
	}
}

const struct quant_type QUANT_AT(q4_1) = {
	.type = FMT_Q4_1, .encode = q4_1_encode, .decode = q4_1_decode, .uses_weights = true
};
