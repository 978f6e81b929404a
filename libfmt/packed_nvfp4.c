/* NVFP4: elements of E2M1, two in a byte, the first in its low half; an E4M3 scale for 16 of a row, and an F32 scale for the
 * whole matrix. x = (scale * that of the matrix) * element; compressed-tensors divides by that of the matrix.
 * Source: compressed-tensors nvfp4_quantized.py and forward.py; NVIDIA ModelOpt, nvfp4_tensor.py. */
#include "packed.h"

enum { CODES, SCALES, OVER, INPUTS };

static bool check(struct packed_search *s, const struct fmt_tensor *codes, const struct fmt_tensor *scales, const struct fmt_tensor *over)
{
	if (s->cols % 16)
		return packed_fail(s, FMT_MISMATCH, codes, "rows are no whole number of groups of 16");
	if (scales->type != FMT_F8_E4M3 || codes->type != FMT_U8 || over->type != FMT_F32 || over->n_elems != 1)
		return packed_fail(s, FMT_UNSUPPORTED, codes, "NVFP4 has U8 elements, F8_E4M3 scales and one F32");
	return packed_shape(s, codes, s->rows, s->cols / 2) && packed_shape(s, scales, s->rows, s->cols / 16);
}

/* Blocks of a GGUF: all but the scale of the matrix, which stands beside them. */
static void keep(struct packed_search *s, const struct packed_nvfp4_names *names)
{
	const struct fmt_tensor *inputs = packed_look(s, names->inputs);

	s->m->block = FMT_NVFP4;
	s->m->beside[PACKED_SCALE] = OVER;
	s->m->divides = names->join == FMT_JOIN_DIV;
	if (inputs && inputs->type == FMT_F32 && inputs->n_elems == 1 && packed_take(s, INPUTS, names->inputs))
		s->m->beside[PACKED_INPUT_SCALE] = INPUTS;
}

static struct packed_plane *add_codes(struct packed_search *s, enum fmt_type type)
{
	struct packed_plane *p = packed_plane(s, CODES, type, FMT_JOIN_MUL);

	p->at = packed_bits(4, 4 * s->cols);
	return p;
}

static void add_scales(struct packed_search *s, enum fmt_type type)
{
	struct packed_plane *p = packed_plane(s, SCALES, type, FMT_JOIN_MUL);

	p->at = packed_dense(s->part->tensors[SCALES], s->cols / 16);
	p->spread = PACKED_COLS;
	p->group = 16;
}

enum packed_found packed_nvfp4(struct packed_search *s, const struct packed_nvfp4_names *names)
{
	const struct fmt_tensor *codes = packed_need(s, CODES, names->codes), *scales = packed_need(s, SCALES, ".weight_scale");
	const struct fmt_tensor *over = packed_need(s, OVER, names->over);
	struct packed_plane *p;

	if (!codes || !scales || !over || !check(s, codes, scales, over))
		return PACKED_FAILED;
	s->m->bits = 4;
	s->m->group = 16;
	if (s->blocks && s->keep_nvfp4 && s->cols % fmt_type_info(FMT_NVFP4)->block_elems == 0) {
		keep(s, names);
		add_codes(s, FMT_U8);
		add_scales(s, FMT_U8);
		return PACKED_FOUND;
	}
	add_scales(s, FMT_F8_E4M3);
	p = packed_plane(s, OVER, FMT_F32, names->join);
	p->at = packed_dense(over, 0);
	p->spread = PACKED_COLS;
	p->group = s->cols;
	add_codes(s, FMT_BF16)->values = s->tables->e2m1;
	return PACKED_FOUND;
}
