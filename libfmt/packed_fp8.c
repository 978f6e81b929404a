/* Floats of 8 bits under the name that the matrix has anyway, and factors beside them: NAME_scale_inv (DeepSeek) or NAME_scale
 * (all others), by which elements are multiplied in both. config.json may name blocks of rows and columns. */
#include "packed.h"

enum { CODES, SCALES };

static bool read_sides(struct packed_search *s, const struct fmt_tensor *t, uint64_t *rows, uint64_t *cols)
{
	const struct json *sides = json_get(s->settings, "weight_block_size"), *first = json_first(sides);

	*rows = *cols = 0;
	if (!first || (json_u64(first, rows) && json_u64(json_next(first), cols) && *rows && *cols))
		return true;
	return packed_fail(s, FMT_MALFORMED, t, "quantization_config.weight_block_size: expected two whole numbers above 0");
}

static enum packed_found find(struct packed_search *s)
{
	const struct fmt_tensor *t = packed_look(s, ".weight"), *scales;
	uint64_t rows, cols;

	if (!t || (t->type != FMT_F8_E4M3 && t->type != FMT_F8_E5M2))
		return PACKED_NOT;
	packed_take(s, CODES, ".weight");
	scales = packed_take(s, SCALES, packed_look(s, ".weight_scale") ? ".weight_scale" : packed_look(s, ".qscale_weight") ?
	                     ".qscale_weight" : ".weight_scale_inv");
	if (!packed_shape(s, t, s->rows, s->cols))
		return PACKED_FAILED;
	if (!scales) {
		packed_fail(s, FMT_MISSING, t, "its scales are missing (the same name and _scale_inv or _scale)");
		return PACKED_FAILED;
	}
	if (!packed_floats(s, scales) || !read_sides(s, t, &rows, &cols))
		return PACKED_FAILED;
	s->m->bits = 8;
	s->m->group = cols;
	packed_plane(s, CODES, t->type, FMT_JOIN_MUL)->at = packed_dense(t, s->cols);
	return packed_grid(s, packed_plane(s, SCALES, scales->type, FMT_JOIN_MUL), rows, cols) ? PACKED_FOUND : PACKED_FAILED;
}

const struct packed_scheme packed_fp8 = { .method = "fp8", .find = find };
