/* Which bytes of a block change places in a big endian GGUF: the fields of ggml-common.h's structs that are wider than
 * a byte, as a big endian machine would store them.
 *
 * Not known here are types whose code loads 32 bits from an array of narrower fields (Q5_0, Q5_1, IQ2_XXS, IQ3_XXS,
 * IQ1_M): a big endian machine and a converter that knows only the structs would write different bytes. */
#include <stdint.h>

#include "swap.h"

struct field {
	uint8_t width; /* bytes of a number; 0 ends the list */
	uint8_t count;
	uint16_t at;   /* in the block */
};

struct layout {
	bool known;
	struct field fields[3];
};

#define PLAIN(width_) { true, { { width_, 1, 0 } } }
#define BYTES         { true, { { 0, 0, 0 } } }

static const struct layout layouts[FMT_TYPE_COUNT] = {
	[FMT_F16] = PLAIN(2), [FMT_BF16] = PLAIN(2), [FMT_I16] = PLAIN(2), [FMT_U16] = PLAIN(2),
	[FMT_F32] = PLAIN(4), [FMT_I32] = PLAIN(4), [FMT_U32] = PLAIN(4),
	[FMT_F64] = PLAIN(8), [FMT_I64] = PLAIN(8), [FMT_U64] = PLAIN(8),
	[FMT_C64] = { true, { { 4, 2, 0 } } },
	[FMT_I8] = BYTES, [FMT_U8] = BYTES, [FMT_BOOL] = BYTES,
	[FMT_F8_E4M3] = BYTES, [FMT_F8_E5M2] = BYTES, [FMT_F8_E4M3FNUZ] = BYTES, [FMT_F8_E5M2FNUZ] = BYTES,
	[FMT_F8_E8M0] = BYTES, [FMT_F6_E2M3] = BYTES, [FMT_F6_E3M2] = BYTES, [FMT_F4] = BYTES,
	[FMT_Q4_0] = { true, { { 2, 1, 0 } } },                  /* d, quants */
	[FMT_Q4_1] = { true, { { 2, 2, 0 } } },                  /* d, m, quants */
	[FMT_Q8_0] = { true, { { 2, 1, 0 } } },                  /* d, quants */
	[FMT_Q8_1] = { true, { { 2, 2, 0 } } },                  /* d, s, quants */
	[FMT_Q2_K] = { true, { { 2, 2, 80 } } },                 /* scales, quants, d, dmin */
	[FMT_Q3_K] = { true, { { 2, 1, 108 } } },                /* high bits, quants, scales, d */
	[FMT_Q4_K] = { true, { { 2, 2, 0 } } },                  /* d, dmin, scales, quants */
	[FMT_Q5_K] = { true, { { 2, 2, 0 } } },                  /* d, dmin, scales, high bits, quants */
	[FMT_Q6_K] = { true, { { 2, 1, 208 } } },                /* quants, scales, d */
	[FMT_Q8_K] = { true, { { 4, 1, 0 }, { 2, 16, 260 } } },  /* d (float), quants, sums of 16 */
	[FMT_IQ4_NL] = { true, { { 2, 1, 0 } } },                /* d, quants */
	[FMT_IQ4_XS] = { true, { { 2, 2, 0 } } },                /* d, high scales, low scales, quants */
	[FMT_IQ1_S] = { true, { { 2, 1, 0 }, { 2, 8, 34 } } },   /* d, quants, high bits */
	[FMT_IQ2_XS] = { true, { { 2, 33, 0 } } },               /* d, quants of 16 bits, scales */
	[FMT_IQ2_S] = { true, { { 2, 1, 0 } } },                 /* d, bytes */
	[FMT_IQ3_S] = { true, { { 2, 1, 0 } } },                 /* d, bytes */
	[FMT_TQ1_0] = { true, { { 2, 1, 52 } } },                /* bytes, d */
	[FMT_TQ2_0] = { true, { { 2, 1, 64 } } },                /* bytes, d */
	[FMT_Q1_0] = { true, { { 2, 1, 0 } } },                  /* d, bits */
	[FMT_Q2_0] = { true, { { 2, 1, 0 } } },                  /* d, quants */
	[FMT_MXFP4] = BYTES,
	[FMT_NVFP4] = BYTES,
};

bool fmt_swap_known(enum fmt_type t)
{
	return layouts[t].known;
}

bool fmt_swap_is_trivial(enum fmt_type t)
{
	return layouts[t].known && !layouts[t].fields[0].width;
}

void fmt_swap_numbers(void *bytes, uint64_t n, unsigned width)
{
	uint8_t *p = bytes;

	for (uint64_t i = 0; i < n; i++, p += width) {
		for (unsigned j = 0; j < width / 2; j++) {
			uint8_t byte = p[j];

			p[j] = p[width - 1 - j];
			p[width - 1 - j] = byte;
		}
	}
}

void fmt_swap(enum fmt_type t, void *bytes, uint64_t n_bytes)
{
	const uint32_t block = fmt_type_info(t)->block_bytes;
	const struct field *fields = layouts[t].fields;
	uint8_t *p = bytes;

	if (fmt_swap_is_trivial(t))
		return;
	for (uint64_t at = 0; at + block <= n_bytes; at += block)
		for (size_t f = 0; f < 3 && fields[f].width; f++)
			fmt_swap_numbers(p + at + fields[f].at, fields[f].count, fields[f].width);
}
