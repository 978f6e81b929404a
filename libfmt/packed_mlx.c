/* MLX's affine quantization: codes of 2 to 8 bits along each row as one stream of bits in words of 32, a scale and a bias for
 * each group. x = code * scale + bias. Embedding and output matrix are quantized too.
 * transformers has it as "metal", where biases are called qbiases.
 * Source: mlx/ops.cpp (quantize, dequantize). */
#include <inttypes.h>

#include "packed.h"

enum { CODES, SCALES, BIASES };

static bool check_mode(struct packed_search *s)
{
	struct fmt_str mode = json_str(json_get(s->settings, "mode"));

	return !mode.n || fmt_str_is(mode, "affine") ||
	       fmt_fail(s->err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "config.json: quantization.mode '%.*s' of MLX is not read (affine is)",
	                (int)(mode.n < 40 ? mode.n : 40), mode.p);
}

static bool read_bits(struct packed_search *s, const struct fmt_tensor *t, unsigned *bits)
{
	uint64_t n = t->n_dims == 2 && t->dims[0] == s->rows && t->dims[1] <= s->cols ? t->dims[1] * 32 : 0;

	*bits = n % s->cols ? 0 : (unsigned)(n / s->cols);
	return (*bits >= 2 && *bits <= 8 && *bits != 7) ||
	       packed_fail(s, FMT_MISMATCH, t, "no packing of 2, 3, 4, 5, 6 or 8 bits gives a matrix of [%" PRIu64 ", %" PRIu64
	                   "] this shape", s->rows, s->cols);
}

static enum packed_found find(struct packed_search *s)
{
	const struct fmt_tensor *codes = packed_look(s, ".weight"), *scales, *biases;
	unsigned bits = 0;
	struct packed_plane *p;

	if (!codes || (codes->type != FMT_U32 && codes->type != FMT_I32))
		return PACKED_NOT;
	packed_take(s, CODES, ".weight");
	scales = packed_need(s, SCALES, ".scales");
	biases = packed_need(s, BIASES, packed_look(s, ".qbiases") ? ".qbiases" : ".biases");
	if (!check_mode(s) || !scales || !biases || !read_bits(s, codes, &bits))
		return PACKED_FAILED;
	s->m->bits = bits;
	p = packed_plane(s, CODES, FMT_BF16, FMT_JOIN_MUL);
	p->at = packed_bits(bits, 32 * codes->dims[1]);
	p->values = s->tables->numbers + 128;
	if (!packed_floats(s, scales) || !packed_floats(s, biases) ||
	    !packed_shared(s, packed_plane(s, SCALES, scales->type, FMT_JOIN_MUL), "group_size") ||
	    !packed_shared(s, packed_plane(s, BIASES, biases->type, FMT_JOIN_ADD), "group_size"))
		return PACKED_FAILED;
	return PACKED_FOUND;
}

const struct packed_scheme packed_mlx = { .method = "mlx", .find = find }, packed_metal = { .method = "metal", .find = find };
