/* NVFP4: elements of E2M1, two in a byte, the first in its low half; an E4M3 scale for 16 of a row, and an F32 scale for the
 * whole matrix. x = (scale * that of the matrix) * element; compressed-tensors divides by that of the matrix.
 * Source: compressed-tensors nvfp4_quantized.py and forward.py; NVIDIA ModelOpt, nvfp4_tensor.py. */
#include "packed.h"

enum { CODES, SCALES, OVER };

enum packed_found packed_nvfp4(struct packed_search *s, const char *packed, const char *over, enum fmt_join join)
{
	const struct fmt_tensor *codes = packed_need(s, CODES, packed), *scales = packed_need(s, SCALES, ".weight_scale");
	const struct fmt_tensor *all = packed_need(s, OVER, over);
	struct packed_plane *p;

	if (!codes || !scales || !all)
		return PACKED_FAILED;
	if (s->cols % 16) {
		packed_fail(s, FMT_MISMATCH, codes, "rows are no whole number of groups of 16");
		return PACKED_FAILED;
	}
	if (scales->type != FMT_F8_E4M3 || codes->type != FMT_U8 || all->type != FMT_F32 || all->n_elems != 1) {
		packed_fail(s, FMT_UNSUPPORTED, codes, "NVFP4 has U8 elements, F8_E4M3 scales and one F32");
		return PACKED_FAILED;
	}
	if (!packed_shape(s, codes, s->rows, s->cols / 2) || !packed_shape(s, scales, s->rows, s->cols / 16))
		return PACKED_FAILED;
	s->m->bits = 4;
	s->m->group = 16;

	p = packed_plane(s, SCALES, FMT_F8_E4M3, FMT_JOIN_MUL);
	p->at = packed_dense(scales, s->cols / 16);
	p->spread = PACKED_COLS;
	p->group = 16;

	p = packed_plane(s, OVER, FMT_F32, join);
	p->at = packed_dense(all, 0);
	p->spread = PACKED_COLS;
	p->group = s->cols;

	p = packed_plane(s, CODES, FMT_BF16, FMT_JOIN_MUL);
	p->at = packed_bits(4, 4 * s->cols);
	p->values = s->tables->e2m1;
	return PACKED_FOUND;
}
