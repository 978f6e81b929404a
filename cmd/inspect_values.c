/* gguf-inspect --check: numbers that are not finite, in floats and in the scales of quantized blocks. Only bits are
 * looked at; what a block means is libquant's business. Sources of the layouts: ggml-common.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

#define PIECE_BYTES (UINT64_C(1) << 20)

/* Half floats in a block of each type: their offsets in bytes. */
static const struct scales {
	enum fmt_type type;
	unsigned n, at[2];
} scales[] = {
	{ FMT_F16, 1, { 0 } },     { FMT_Q4_0, 1, { 0 } },    { FMT_Q4_1, 2, { 0, 2 } },   { FMT_Q5_0, 1, { 0 } },
	{ FMT_Q5_1, 2, { 0, 2 } }, { FMT_Q8_0, 1, { 0 } },    { FMT_Q2_K, 2, { 80, 82 } }, { FMT_Q3_K, 1, { 108 } },
	{ FMT_Q4_K, 2, { 0, 2 } }, { FMT_Q5_K, 2, { 0, 2 } }, { FMT_Q6_K, 1, { 208 } },    { FMT_IQ2_XXS, 1, { 0 } },
	{ FMT_IQ2_XS, 1, { 0 } },  { FMT_IQ2_S, 1, { 0 } },   { FMT_IQ3_XXS, 1, { 0 } },   { FMT_IQ3_S, 1, { 0 } },
	{ FMT_IQ1_S, 1, { 0 } },   { FMT_IQ4_NL, 1, { 0 } },  { FMT_IQ4_XS, 1, { 0 } },    { FMT_TQ1_0, 1, { 52 } },
	{ FMT_TQ2_0, 1, { 64 } },  { FMT_Q1_0, 1, { 0 } },    { FMT_Q2_0, 1, { 0 } },
};

static uint64_t little(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static bool bad_half(uint64_t h)
{
	return (h & 0x7c00) == 0x7c00;
}

/* IQ1_M spreads its half float over the top nibbles of four words. */
static bool bad_iq1_m(const uint8_t *block)
{
	uint64_t h = 0;

	for (unsigned i = 0; i < 4; i++)
		h |= (uint64_t)(block[48 + 2 * i + 1] >> 4) << 4 * i;
	return bad_half(h);
}

static const struct scales *scales_of(enum fmt_type type)
{
	for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++)
		if (scales[i].type == type)
			return &scales[i];
	return NULL;
}

/* s    of the type, or NULL */
static bool bad_block(enum fmt_type type, const struct scales *s, const uint8_t *p)
{
	switch (type) {
	case FMT_F32:
		return (little(p, 4) & 0x7f800000) == 0x7f800000;
	case FMT_BF16:
		return (little(p, 2) & 0x7f80) == 0x7f80;
	case FMT_F64:
		return (little(p, 8) & UINT64_C(0x7ff0000000000000)) == UINT64_C(0x7ff0000000000000);
	case FMT_C64:
		return (little(p, 4) & 0x7f800000) == 0x7f800000 || (little(p + 4, 4) & 0x7f800000) == 0x7f800000;
	case FMT_F8_E4M3:
		return (*p & 0x7f) == 0x7f; /* no infinities */
	case FMT_F8_E5M2:
		return (*p & 0x7c) == 0x7c;
	case FMT_F8_E4M3FNUZ:
	case FMT_F8_E5M2FNUZ:
		return *p == 0x80;
	case FMT_F8_E8M0:
		return *p == 0xff;
	case FMT_IQ1_M:
		return bad_iq1_m(p);
	default: /* without scales: integers, and types all of whose bit patterns are numbers */
		return s && (bad_half(little(p + s->at[0], 2)) || (s->n > 1 && bad_half(little(p + s->at[1], 2))));
	}
}

static void report(struct inspect *in, const struct inspect_tensor *t, uint64_t n_bad, uint64_t first)
{
	uint64_t cols = t->n_dims ? t->dims[t->n_dims - 1] : 1;
	uint32_t elems = fmt_type_info(t->type)->block_elems;
	char name[100], count[32];

	inspect_found(in, "non-finite", "%s: %s %s not finite; the first is in row %" PRIu64 ", column %" PRIu64,
	              inspect_shown(t->name, name), cli_thousands(n_bad, count),
	              elems > 1 ? n_bad == 1 ? "block is" : "blocks are" : n_bad == 1 ? "value is" : "values are",
	              first * elems / cols, first * elems % cols);
}

bool inspect_check_values(struct inspect *in, const struct inspect_tensor *t, struct fmt_err *err)
{
	uint64_t rows = fmt_tensor_rows(t->stored), row_bytes = rows ? t->n_bytes / rows : 0;
	const struct scales *s = scales_of(t->type);
	uint64_t block_bytes = fmt_type_info(t->type)->block_bytes, piece, n, n_bad = 0, first = 0, block = 0;
	uint8_t *buf;

	if (!row_bytes)
		return true;
	piece = row_bytes < PIECE_BYTES ? PIECE_BYTES / row_bytes : 1;
	piece = piece < rows ? piece : rows;
	buf = malloc((size_t)(piece * row_bytes));
	if (!buf)
		return fmt_fail_nomem(err, piece * row_bytes);
	for (uint64_t row = 0; row < rows; row += n) {
		n = piece < rows - row ? piece : rows - row;
		if (!fmt_tensor_read(in->model, t->stored, row, n, buf, err)) {
			free(buf);
			return false;
		}
		for (const uint8_t *p = buf; p < buf + n * row_bytes; p += block_bytes, block++)
			if (bad_block(t->type, s, p) && !n_bad++)
				first = block;
	}
	free(buf);
	if (n_bad)
		report(in, t, n_bad, first);
	return true;
}
