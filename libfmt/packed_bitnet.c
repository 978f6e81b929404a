/* BitNet: -1, 0 and 1 as two bits each. A quarter of the rows lies in the lowest bits of all bytes, the next in the bits above
 * them, and so on. x = (code - 1) / scale; of autobitlinear layers, (code - 1) * scale.
 * Source: transformers, integrations/bitnet.py (unpack_weights, BitLinear, AutoBitLinear). */
#include "packed.h"

enum { CODES, SCALE };

static enum packed_found find(struct packed_search *s)
{
	bool automatic = fmt_str_is(json_str(json_get(s->settings, "linear_class")), "autobitlinear");
	const struct fmt_tensor *codes = packed_look(s, ".weight"), *scale;
	uint64_t quarter = packed_parts(s->rows, 4);
	struct packed_plane *p;

	if (automatic && fmt_str_is(json_str(json_get(s->settings, "quantization_mode")), "online")) {
		fmt_fail(s->err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "config.json: quantization_config.quantization_mode 'online' of BitNet: "
		         "weights are rounded to three values whenever they are used, which is not done here; save them so first");
		return PACKED_FAILED;
	}
	if (!codes || codes->type != FMT_U8)
		return PACKED_NOT;
	packed_take(s, CODES, ".weight");
	scale = packed_need(s, SCALE, ".weight_scale");
	if (!scale || !packed_floats(s, scale) || !packed_shape(s, codes, quarter, s->cols))
		return PACKED_FAILED;
	if (scale->n_elems != 1) {
		packed_fail(s, FMT_MISMATCH, scale, "expected one scale for the whole matrix");
		return PACKED_FAILED;
	}
	s->m->bits = 2;
	p = packed_plane(s, CODES, FMT_BF16, FMT_JOIN_MUL);
	p->at = (struct packed_place){ .row_per = quarter, .row_step = 2, .row_stride = 8 * s->cols, .stride = 8, .width = 2 };
	p->values = s->tables->numbers + 127;
	p = packed_plane(s, SCALE, scale->type, automatic ? FMT_JOIN_MUL : FMT_JOIN_DIV);
	p->at = packed_dense(scale, 0);
	p->spread = PACKED_COLS;
	p->group = s->cols;
	return PACKED_FOUND;
}

const struct packed_scheme packed_bitnet = { .method = "bitnet", .find = find };
