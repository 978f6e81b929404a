/* HQQ. The matrix is taken as rows of one group each (axis 1) or as columns of one group each (axis 0), which does not change
 * the order of its elements; then the first part of it, a half for 4 bits, goes into the highest bits of all bytes, the next
 * into those below, and so on; 3 bits make ten parts, in words of 32 bits. x = (code - zero point) * scale, where a zero point
 * need not be whole.
 * Source: hqq/core/quantize.py, hqq/core/bitpack.py. */
#include <inttypes.h>
#include <string.h>

#include "packed.h"

enum { CODES, SCALES, ZEROS };

/* A number that the module's own tensor has, else the settings in config.json. */
static bool read_number(struct packed_search *s, const char *end, const char *key, int64_t *out)
{
	const struct json *q = json_get(json_get(s->settings, "quant_config"), "weight_quant_params");
	const struct fmt_tensor *t = packed_look(s, end);

	*out = -1;
	if (!t)
		return json_i64(json_get(q, key), out) ||
		       fmt_fail(s->err, FMT_MISSING, FMT_NO_OFFSET, "tensor '%s%s' is missing", s->module, end);
	s->used[t - s->weights->tensors] = true;
	if (t->n_elems != 1 || (t->type != FMT_I32 && t->type != FMT_I64))
		return packed_fail(s, FMT_UNSUPPORTED, t, "expected one whole number");
	*out = 0;
	if (!fmt_tensor_read(s->weights, t, 0, 1, out, s->err))
		return false;
	if (t->type == FMT_I32)
		*out = (int32_t)*out;
	return true;
}

/* Those of the module that say nothing new. */
static void take_others(struct packed_search *s)
{
	static const char *const ends[] = {
		".group_size", ".shape", ".packing", ".unpack_view_dtype", ".view_as_float", ".quant_scale", ".quant_zero",
		".compute_dtype", ".offload_meta", ".encoded_state_dict", ".stores_quant_config", ".channel_wise", ".optimize",
		".round_zero",
	};

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		const struct fmt_tensor *t = packed_look(s, ends[i]);

		if (t)
			s->used[t - s->weights->tensors] = true;
	}
}

/* Into how many parts a matrix is cut; 0: not read. */
static uint64_t parts_of(int64_t bits)
{
	return bits == 8 || bits == 4 || bits == 2 || bits == 1 ? (uint64_t)(8 / bits) : bits == 3 ? 10 : 0;
}

static bool check_codes(struct packed_search *s, const struct fmt_tensor *t, uint64_t n_parts)
{
	uint64_t n = s->rows * s->cols, width = t->n_dims == 2 ? t->dims[1] : 0;

	if (t->type != (n_parts == 10 ? FMT_I32 : FMT_U8))
		return packed_fail(s, FMT_UNSUPPORTED, t, "its type is %s, codes are U8, or I32 of 3 bits", fmt_type_info(t->type)->name);
	return (width && n % width == 0 && t->dims[0] == packed_parts(n / width, n_parts) && (n / width % n_parts == 0 || n_parts == 10)) ||
	       packed_fail(s, FMT_MISMATCH, t, "of another size than a matrix of [%" PRIu64 ", %" PRIu64 "] asks for", s->rows, s->cols);
}

/* Axis 1: each item is for `group` elements; axis 0: items are those of a row of groups, over and over. */
static void place(struct packed_plane *p, const struct fmt_tensor *t, bool by_rows, uint64_t group)
{
	p->at = packed_dense(t, 0);
	p->at.flat = true;
	if (by_rows) {
		p->spread = PACKED_FLAT;
		p->group = group;
	} else {
		p->at.per = t->n_elems;
	}
}

static enum packed_found find(struct packed_search *s)
{
	const struct fmt_tensor *codes = packed_take(s, CODES, ".W_q"), *scales, *zeros;
	uint64_t n = s->rows * s->cols, n_parts, group;
	int64_t bits = 0, axis = 0;
	struct packed_plane *p;

	if (!codes)
		return PACKED_NOT;
	scales = packed_need(s, SCALES, ".scale");
	zeros = packed_need(s, ZEROS, ".zero");
	if (!scales || !zeros || !read_number(s, ".nbits", "nbits", &bits) || !read_number(s, ".axis", "axis", &axis))
		return PACKED_FAILED;
	take_others(s);
	n_parts = parts_of(bits);
	if (!n_parts || (axis != 0 && axis != 1)) {
		packed_fail(s, FMT_UNSUPPORTED, codes, "%" PRId64 " bits along axis %" PRId64 " are not read (1, 2, 3, 4 or 8 along 0 or 1 "
		            "are)", bits, axis);
		return PACKED_FAILED;
	}
	if (!packed_floats(s, scales) || !packed_floats(s, zeros) || !check_codes(s, codes, n_parts))
		return PACKED_FAILED;
	if (!scales->n_elems || n % scales->n_elems || zeros->n_elems != scales->n_elems) {
		packed_fail(s, FMT_MISMATCH, zeros->n_elems != scales->n_elems ? zeros : scales, "%" PRIu64 " groups do not divide a matrix "
		            "of [%" PRIu64 ", %" PRIu64 "]", zeros->n_elems != scales->n_elems ? zeros->n_elems : scales->n_elems, s->rows,
		            s->cols);
		return PACKED_FAILED;
	}
	group = n / scales->n_elems;
	s->m->bits = (unsigned)bits;
	s->m->group = group;

	p = packed_plane(s, CODES, FMT_BF16, FMT_JOIN_MUL);
	p->at = (struct packed_place){ .flat = true, .base = (n_parts - 1) * (uint64_t)bits, .per = codes->n_elems,
		.step = -(uint64_t)bits, .stride = bits == 3 ? 32 : 8, .width = (unsigned)bits };
	p->values = s->tables->numbers + 128;
	place(packed_plane(s, ZEROS, zeros->type, FMT_JOIN_SUB), zeros, axis == 1, group);
	place(packed_plane(s, SCALES, scales->type, FMT_JOIN_MUL), scales, axis == 1, group);
	return PACKED_FOUND;
}

const struct packed_scheme packed_hqq = { .method = "hqq", .find = find };
