/* bitsandbytes. 8 bits: a signed byte per element and a maximum per row, x = byte * maximum * (1 / 127).
 * 4 bits: codes of NF4 or FP4, two in a byte, the first in its high half, counted through the whole matrix; what codes stand
 * for is a table in the file, and a maximum for each block of them, x = level * maximum. With double quantization maxima are
 * bytes too: (level of the byte * maximum of 256 of them) + offset. A text beside the matrix has the sizes and the offset.
 * Source: bitsandbytes functional.py (QuantState, dequantize_4bit, int8_vectorwise_dequant). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "packed.h"

enum { CODES, LEVELS, MAXIMA, NESTED_LEVELS, NESTED_MAXIMA, STATE };

/* The longest text that is read; it has some 200 bytes. */
#define MAX_STATE_BYTES 4096

struct state {
	uint64_t block, nested_block;
	float offset;
};

static bool read_sizes(struct packed_search *s, const struct fmt_tensor *t, const struct json *j, bool nested, struct state *out)
{
	const struct json *rows = json_first(json_get(j, "shape"));
	uint64_t n_rows = 0, n_cols = 0;
	double offset = 0;

	if (!json_u64(json_get(j, "blocksize"), &out->block) || !out->block || out->block > UINT32_MAX ||
	    !json_u64(rows, &n_rows) || !json_u64(json_next(rows), &n_cols))
		return packed_fail(s, FMT_MALFORMED, t, "expected a text with blocksize and shape");
	if (n_rows != s->rows || n_cols != s->cols)
		return packed_fail(s, FMT_MISMATCH, t, "the matrix is [%" PRIu64 ", %" PRIu64 "], config.json asks for [%" PRIu64 ", %"
		                   PRIu64 "]", n_rows, n_cols, s->rows, s->cols);
	if (!nested)
		return true;
	if (!json_u64(json_get(j, "nested_blocksize"), &out->nested_block) || !out->nested_block ||
	    out->nested_block > UINT32_MAX || !json_f64(json_get(j, "nested_offset"), &offset))
		return packed_fail(s, FMT_MALFORMED, t, "expected a text with nested_blocksize and nested_offset");
	out->offset = (float)offset;
	return true;
}

static bool read_state(struct packed_search *s, const struct fmt_tensor *t, bool nested, struct state *out)
{
	char text[MAX_STATE_BYTES];
	struct fmt_err why = { .code = FMT_OK };
	struct json_doc *doc;
	bool ok;

	if (t->type != FMT_U8 || t->n_elems > sizeof text)
		return packed_fail(s, FMT_UNSUPPORTED, t, "expected a text of at most %d bytes", MAX_STATE_BYTES);
	if (!fmt_tensor_read(s->weights, t, 0, 1, text, s->err))
		return false;
	doc = json_parse(text, (size_t)t->n_elems, &why);
	ok = doc ? read_sizes(s, t, json_root(doc), nested, out) : packed_fail(s, FMT_MALFORMED, t, "%s", why.msg);
	json_free(doc);
	return ok;
}

static bool check_count(struct packed_search *s, const struct fmt_tensor *t, enum fmt_type type, uint64_t n)
{
	if (t->type != type)
		return packed_fail(s, FMT_UNSUPPORTED, t, "its type is %s, expected %s", fmt_type_info(t->type)->name,
		                   fmt_type_info(type)->name);
	return t->n_elems == n || packed_fail(s, FMT_MISMATCH, t, "%" PRIu64 " elements, a matrix of [%" PRIu64 ", %" PRIu64
	                                      "] asks for %" PRIu64, t->n_elems, s->rows, s->cols, n);
}

/* A plane of which items are for `group` elements each, wherever rows end. */
static void shared(struct packed_search *s, unsigned tensor, enum fmt_join join, unsigned width, uint64_t group)
{
	struct packed_plane *p = packed_plane(s, tensor, FMT_F32, join);

	p->at = packed_bits(width, 0);
	p->at.flat = true;
	p->spread = PACKED_FLAT;
	p->group = group;
}

static bool find_maxima(struct packed_search *s, const struct state *state, bool nested)
{
	const struct fmt_tensor *maxima = s->part->tensors[MAXIMA];
	uint64_t n = packed_parts(s->rows * s->cols, state->block);

	if (!nested) {
		shared(s, MAXIMA, FMT_JOIN_MUL, 32, state->block);
		return check_count(s, maxima, FMT_F32, n);
	}
	shared(s, MAXIMA, FMT_JOIN_MUL, 8, state->block);
	s->m->planes[0].values_in = NESTED_LEVELS;
	shared(s, NESTED_MAXIMA, FMT_JOIN_MUL, 32, state->block * state->nested_block);
	packed_plane(s, CODES, FMT_F32, FMT_JOIN_ADD)->constant = true;
	s->part->number = state->offset;
	return check_count(s, maxima, FMT_U8, n) && check_count(s, s->part->tensors[NESTED_LEVELS], FMT_F32, 256) &&
	       check_count(s, s->part->tensors[NESTED_MAXIMA], FMT_F32, packed_parts(n, state->nested_block));
}

static enum packed_found find_4_bits(struct packed_search *s, const char *text)
{
	const struct fmt_tensor *codes = packed_take(s, CODES, ".weight"), *maxima = packed_need(s, MAXIMA, ".weight.absmax");
	const struct fmt_tensor *levels = packed_need(s, LEVELS, ".weight.quant_map"), *about = packed_take(s, STATE, text);
	bool nested = packed_look(s, ".weight.nested_absmax") != NULL;
	struct state state = { .block = 0 };
	struct packed_plane *p;

	if (!codes || !maxima || !levels || (nested && (!packed_need(s, NESTED_LEVELS, ".weight.nested_quant_map") ||
	                                                !packed_need(s, NESTED_MAXIMA, ".weight.nested_absmax"))))
		return PACKED_FAILED;
	if (codes->n_bytes != packed_parts(s->rows * s->cols, 2)) {
		packed_fail(s, FMT_MISMATCH, codes, "%" PRIu64 " bytes, a matrix of [%" PRIu64 ", %" PRIu64 "] asks for %" PRIu64,
		            codes->n_bytes, s->rows, s->cols, packed_parts(s->rows * s->cols, 2));
		return PACKED_FAILED;
	}
	if (!check_count(s, levels, FMT_F32, 16) || !read_state(s, about, nested, &state) || !find_maxima(s, &state, nested))
		return PACKED_FAILED;
	s->m->bits = 4;
	s->m->group = state.block;
	p = packed_plane(s, CODES, FMT_F32, FMT_JOIN_MUL);
	p->at = packed_bits(4, 0);
	p->at.flat = true;
	p->at.flip = 4;
	p->values_in = LEVELS;
	return PACKED_FOUND;
}

/* The layout of the bytes: 0 is rows as they are, the only one that files have. */
static bool check_layout(struct packed_search *s)
{
	const struct fmt_tensor *t = packed_take(s, STATE, ".weight_format");
	uint8_t layout = 0;

	if (t && (t->type != FMT_U8 || t->n_elems != 1))
		return packed_fail(s, FMT_UNSUPPORTED, t, "expected one byte");
	return !t || (fmt_tensor_read(s->weights, t, 0, 1, &layout, s->err) &&
	              (!layout || packed_fail(s, FMT_UNSUPPORTED, t, "layout %u is not read (0, by rows, is)", layout)));
}

static enum packed_found find_8_bits(struct packed_search *s)
{
	const struct fmt_tensor *codes = packed_take(s, CODES, ".weight"), *maxima = packed_need(s, MAXIMA, ".SCB");
	struct packed_plane *p;

	if (!maxima || !packed_shape(s, codes, s->rows, s->cols) || !check_count(s, maxima, FMT_F32, s->rows) || !check_layout(s))
		return PACKED_FAILED;
	s->m->bits = 8;
	p = packed_plane(s, CODES, FMT_BF16, FMT_JOIN_MUL);
	p->at = packed_dense(codes, s->cols);
	p->values = s->tables->bytes;
	p = packed_plane(s, MAXIMA, FMT_F32, FMT_JOIN_MUL);
	p->at = packed_dense(maxima, 1);
	p->spread = PACKED_COLS;
	p->group = s->cols;
	packed_plane(s, CODES, FMT_F32, FMT_JOIN_MUL)->constant = true;
	s->part->number = 1.0f / 127;
	return PACKED_FOUND;
}

static enum packed_found find(struct packed_search *s)
{
	static const char *const texts[] = { ".weight.quant_state.bitsandbytes__nf4", ".weight.quant_state.bitsandbytes__fp4" };
	const struct fmt_tensor *t = packed_look(s, ".weight");

	for (int i = 0; i < 2; i++)
		if (t && packed_look(s, texts[i]))
			return find_4_bits(s, texts[i]);
	if (t && t->type == FMT_U8) {
		packed_fail(s, FMT_MISSING, t, "the text that says how it is quantized is missing (the same name and "
		            ".quant_state.bitsandbytes__nf4)");
		return PACKED_FAILED;
	}
	return t && t->type == FMT_I8 ? find_8_bits(s) : PACKED_NOT;
}

const struct packed_scheme packed_bnb = { .method = "bitsandbytes", .find = find };
