/* compressed-tensors (vLLM's format). config.json has groups of settings, each for the modules that it targets; which of them
 * holds for a module is seen from its tensors, as each format has types, names and shapes of its own:
 *
 *     weight_packed I32     pack-quantized: signed codes of 2 to 8 bits, plus half their range, in words along each row
 *     weight_packed U8      nvfp4-pack-quantized; mxfp4-pack-quantized where there is no scale of the whole matrix
 *     weight I8             int-quantized, naive-quantized
 *     weight F8             float-quantized, naive-quantized
 *
 * x = (code - zero point) * scale, with a scale for the matrix, per row, per group of a row, or per block.
 * Source: compressed-tensors 0.12, compressors/quantized_compressors and quantization/lifecycle/forward.py. */
#include <inttypes.h>
#include <stdlib.h>

#include "packed.h"

enum { CODES, SCALES, ZEROS, LIST, SHAPE };

/* Bits of codes by which a row takes the words that it does: whole codes per word. */
static bool read_bits(struct packed_search *s, const struct fmt_tensor *t, unsigned *bits)
{
	uint64_t tried[PACKED_MAX_NUMBERS];
	size_t n = packed_numbers(s, "num_bits", tried);

	for (size_t i = 0; i < n; i++) {
		if (tried[i] < 1 || tried[i] > 8)
			continue;
		*bits = (unsigned)tried[i];
		if (t->n_dims == 2 && t->dims[0] == s->rows && t->dims[1] == packed_parts(s->cols, 32 / *bits))
			return true;
	}
	return packed_fail(s, FMT_MISMATCH, t, "no num_bits in config.json gives a matrix of [%" PRIu64 ", %" PRIu64 "] this shape",
	                   s->rows, s->cols);
}

/* The file repeats the shape, as two numbers. */
static bool check_shape(struct packed_search *s)
{
	const struct fmt_tensor *t = packed_take(s, SHAPE, ".weight_shape");
	int64_t shape[2] = { 0 };

	if (!t)
		return true;
	if (t->type != FMT_I64 || t->n_elems != 2)
		return packed_fail(s, FMT_UNSUPPORTED, t, "expected two I64");
	if (!fmt_tensor_read(s->weights, t, 0, 1, shape, s->err))
		return false;
	return ((uint64_t)shape[0] == s->rows && (uint64_t)shape[1] == s->cols) ||
	       packed_fail(s, FMT_MISMATCH, t, "the matrix is [%" PRId64 ", %" PRId64 "], config.json asks for [%" PRIu64 ", %" PRIu64
	                   "]", shape[0], shape[1], s->rows, s->cols);
}

/* The group of each column, unless it was left at -1, which is to say that neighbours are one. */
static bool find_list(struct packed_search *s)
{
	const struct fmt_tensor *t = packed_take(s, LIST, ".weight_g_idx");
	int32_t first = 0;
	struct fmt_tensor one;

	if (!t)
		return true;
	if (!packed_words(s, t) || !packed_shape(s, t, s->cols, 0))
		return false;
	one = fmt_tensor_piece(t, 0, 1);
	if (!fmt_tensor_read(s->weights, &one, 0, 1, &first, s->err))
		return false;
	s->m->list = first == -1 ? 0 : LIST;
	return true;
}

static void by_list(struct packed_search *s, struct packed_plane *p, uint64_t n)
{
	if (s->m->list && p->group < s->cols) {
		p->spread = PACKED_LIST;
		p->n_items = n;
	}
}

/* Zero points have the shape of the scales; packed ones are so down the rows. `values` of codes of `bits`. */
static bool find_zeros(struct packed_search *s, const struct packed_plane *scales, unsigned bits, const uint16_t *values)
{
	const struct fmt_tensor *t = packed_take(s, ZEROS, ".weight_zero_point");
	uint64_t n = packed_parts(s->cols, scales->group);
	struct packed_plane *p;

	if (!t)
		return true;
	p = packed_plane(s, ZEROS, FMT_BF16, FMT_JOIN_SUB);
	p->spread = PACKED_COLS;
	p->group = scales->group;
	if (t->type == FMT_I8) {
		p->values = s->tables->bytes;
		return packed_grid(s, p, scales->at.row_per, scales->group < s->cols ? scales->group : 0);
	}
	p->at = (struct packed_place){ .row_per = 32 / bits, .row_step = 32 * n, .row_stride = bits, .stride = 32, .width = bits };
	p->values = values;
	return packed_words(s, t) && packed_shape(s, t, packed_parts(s->rows, 32 / bits), n);
}

/* Codes, zero points and scales, which are looked for in another order. */
static enum packed_found join(struct packed_search *s, const struct packed_plane *codes, unsigned bits)
{
	const struct fmt_tensor *t = packed_need(s, SCALES, ".weight_scale");
	struct packed_plane scales = { .tensor = SCALES };
	uint64_t n;

	if (!t || !packed_floats(s, t) || !packed_shared(s, &scales, "group_size") || !find_list(s))
		return PACKED_FAILED;
	scales.is = (struct fmt_plane){ t->type, FMT_JOIN_MUL };
	n = packed_parts(s->cols, scales.group);
	s->m->bits = bits;
	s->m->planes[s->m->n_planes++] = *codes;
	if (!find_zeros(s, &scales, bits, codes->values))
		return PACKED_FAILED;
	s->m->planes[s->m->n_planes++] = scales;
	for (uint32_t i = 1; i < s->m->n_planes; i++)
		by_list(s, &s->m->planes[i], n);
	return PACKED_FOUND;
}

static enum packed_found find_packed(struct packed_search *s)
{
	const struct fmt_tensor *t = packed_take(s, CODES, ".weight_packed");
	struct packed_plane codes = { .is = { FMT_BF16, FMT_JOIN_MUL }, .tensor = CODES };
	unsigned bits = 0;

	if (!packed_words(s, t) || !read_bits(s, t, &bits) || !check_shape(s))
		return PACKED_FAILED;
	s->m->late = true;
	codes.at = packed_bits(bits, 32 * t->dims[1]);
	codes.at.per = 32 / bits;
	codes.at.step = 32;
	codes.values = s->tables->numbers + 128 - (1 << (bits - 1));
	return join(s, &codes, bits);
}

static enum packed_found find_bytes(struct packed_search *s)
{
	const struct fmt_tensor *t = packed_take(s, CODES, ".weight");
	struct packed_plane codes = { .is = { FMT_BF16, FMT_JOIN_MUL }, .tensor = CODES, .at = packed_dense(t, s->cols) };

	codes.values = s->tables->bytes;
	return packed_shape(s, t, s->rows, s->cols) ? join(s, &codes, 8) : PACKED_FAILED;
}

/* One of the blocks that the settings name, if the scales have its shape. */
static bool try_blocks(struct packed_search *s, const struct json *from, const struct fmt_tensor *t, uint64_t *rows, uint64_t *cols)
{
	const struct json *first = json_first(json_get(from, "block_structure"));

	if (first && json_u64(first, rows) && json_u64(json_next(first), cols) && *rows && *cols && t->n_dims == 2 &&
	    t->dims[0] == packed_parts(s->rows, *rows) && t->dims[1] == packed_parts(s->cols, *cols))
		return true;
	for (const struct json *j = json_is(from, JSON_OBJECT) ? json_first(from) : NULL; j; j = json_next(j))
		if (try_blocks(s, j, t, rows, cols))
			return true;
	return false;
}

static enum packed_found find_floats(struct packed_search *s)
{
	const struct fmt_tensor *t = packed_take(s, CODES, ".weight"), *scales = packed_need(s, SCALES, ".weight_scale");
	uint64_t rows = 0, cols = 0;
	struct packed_plane *p;
	bool ok;

	if (!scales || !packed_floats(s, scales) || !packed_shape(s, t, s->rows, s->cols))
		return PACKED_FAILED;
	s->m->bits = 8;
	packed_plane(s, CODES, t->type, FMT_JOIN_MUL)->at = packed_dense(t, s->cols);
	p = packed_plane(s, SCALES, scales->type, FMT_JOIN_MUL);
	if (try_blocks(s, s->settings, scales, &rows, &cols))
		s->m->group = cols;
	if (rows && cols && s->m->group)
		ok = packed_grid(s, p, rows, cols);
	else
		ok = packed_shared(s, p, "group_size");
	return ok ? PACKED_FOUND : PACKED_FAILED;
}

/* 32 elements of E2M1 and an exponent: GGUF has such blocks too, which they become unless their rows are taken apart. */
static enum packed_found find_mxfp4(struct packed_search *s)
{
	const struct fmt_tensor *t = packed_take(s, CODES, ".weight_packed"), *scales = packed_need(s, SCALES, ".weight_scale");
	struct packed_plane *p;

	if (!scales)
		return PACKED_FAILED;
	if (s->cols % 32 || (scales->type != FMT_U8 && scales->type != FMT_F8_E8M0)) {
		packed_fail(s, FMT_UNSUPPORTED, t, "MXFP4 has rows of whole groups of 32, and U8 scales");
		return PACKED_FAILED;
	}
	if (!packed_shape(s, t, s->rows, s->cols / 2) || !packed_shape(s, scales, s->rows, s->cols / 32))
		return PACKED_FAILED;
	s->m->bits = 4;
	s->m->group = 32;
	s->m->block = s->blocks ? FMT_MXFP4 : FMT_F32;
	p = packed_plane(s, CODES, s->blocks ? FMT_U8 : FMT_BF16, FMT_JOIN_MUL);
	p->at = packed_bits(4, 4 * s->cols);
	p->values = s->blocks ? NULL : s->tables->e2m1;
	p = packed_plane(s, SCALES, s->blocks ? FMT_U8 : FMT_F8_E8M0, FMT_JOIN_MUL);
	p->at = packed_dense(scales, s->cols / 32);
	p->spread = PACKED_COLS;
	p->group = 32;
	return PACKED_FOUND;
}

static enum packed_found find(struct packed_search *s)
{
	static const struct packed_nvfp4_names names = { ".weight_packed", ".weight_global_scale", ".input_global_scale", FMT_JOIN_DIV };
	const struct fmt_tensor *packed = packed_look(s, ".weight_packed"), *plain = packed_look(s, ".weight");

	if (packed && packed->type == FMT_U8)
		return packed_look(s, names.over) ? packed_nvfp4(s, &names) : find_mxfp4(s);
	if (packed)
		return find_packed(s);
	if (plain && plain->type == FMT_I8)
		return find_bytes(s);
	return plain && (plain->type == FMT_F8_E4M3 || plain->type == FMT_F8_E5M2) ? find_floats(s) : PACKED_NOT;
}

const struct packed_scheme packed_compressed = { .method = "compressed-tensors", .find = find };
