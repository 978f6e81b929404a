/* NVFP4: four times 16 E2M1 codes, each under an E4M3 scale without a sign.
 *
 * The scale that just holds the largest element is one of several that may be best: a few codes to either side are
 * tried, itself first, so that values that came from NVFP4 have no error. The block has no wider scale. */
#include <assert.h>
#include <string.h>

#include "blocks.h"
#include "fp4.h"
#include "half_inline.h"
#include "kernels.h"
#include "small.h"

enum { REACH = 6, TOP = 126 };

/* Half of what an E4M3 byte says, since the levels are doubled. The byte that means NaN gives 0; a sign is not looked
 * at, so that with one it is a number. */
static float scale_of(unsigned byte)
{
	unsigned e = byte >> 3 & 15, m = byte & 7;

	if (byte == 127)
		return 0;
	return e ? (float)(8 + m) * quant_f32_of((e + 127 - 7 - 3 - 1) << 23) : (float)m * 0x1p-10f;
}

/* The byte whose scale is nearest to s. */
static int nearest_byte(float s)
{
	int low = 0, high = TOP;

	while (low < high) {
		int middle = (low + high) / 2;

		if (scale_of((unsigned)middle) < s)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && s - scale_of((unsigned)low - 1) <= scale_of((unsigned)low) - s ? low - 1 : low;
}

static unsigned best_byte(const struct quant_small *s)
{
	int centre = nearest_byte(fabsf(s->extreme) * s->unit / 12), best = centre;
	float unit = 1 / s->unit, least = quant_fp4_error(s->x, s->w, 16, scale_of((unsigned)centre) * unit);

	for (int step = 1; step <= 2 * REACH && least > 0; step++) {
		int k = centre + (step % 2 ? (step + 1) / 2 : -step / 2);
		float err;

		if (k < 0 || k > TOP)
			continue;
		err = quant_fp4_error(s->x, s->w, 16, scale_of((unsigned)k) * unit);
		if (err < least) {
			least = err;
			best = k;
		}
	}
	return (unsigned)best;
}

static void encode_sub(const float *x, const struct quant_importance *imp, size_t col, uint8_t *scale, uint8_t qs[8])
{
	struct quant_small s;
	float d, is;

	QUANT_AT(small_load)(&s, x, imp, col, 16);
	*scale = (uint8_t)best_byte(&s);
	d = scale_of(*scale) / s.unit;
	is = d > 0 ? 1 / d : 0;
	for (int i = 0; i < 8; i++)
		qs[i] = (uint8_t)(quant_fp4_code(s.x[i] * is) | quant_fp4_code(s.x[i + 8] * is) << 4);
}

static void nvfp4_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct block_nvfp4 b;

	assert(n % QUANT_ELEMS_NVFP4 == 0);
	for (size_t col = 0; col < n; col += QUANT_ELEMS_NVFP4) {
		for (size_t j = 0; j < 4; j++)
			encode_sub(x + col + 16 * j, &imp, col + 16 * j, &b.scales[j], b.qs + 8 * j);
		memcpy((unsigned char *)dst + col / QUANT_ELEMS_NVFP4 * sizeof(b), &b, sizeof(b));
	}
}

static void nvfp4_decode(const void *src, float *x, size_t n)
{
	struct block_nvfp4 b;

	assert(n % QUANT_ELEMS_NVFP4 == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_NVFP4; i++) {
		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		for (int j = 0; j < 4; j++, x += 16) {
			float d = scale_of(b.scales[j]);

			for (int k = 0; k < 8; k++) {
				x[k] = d * (float)quant_fp4_level[b.qs[8 * j + k] & 15];
				x[k + 8] = d * (float)quant_fp4_level[b.qs[8 * j + k] >> 4];
			}
		}
	}
}

const struct quant_type QUANT_AT(nvfp4) = {
	.type = FMT_NVFP4, .encode = nvfp4_encode, .decode = nvfp4_decode, .uses_weights = true
};
