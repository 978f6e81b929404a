/* GPTQ, as AutoGPTQ and GPTQModel store it. Codes are packed into words of 32 bits down the columns, 3 bits across words too;
 * zero points along the rows. x = (code - zero point) * scale, and g_idx says which group a column is in. The first version
 * stores zero points less one; checkpoint_format gptq_v2 as they are.
 * Source: AutoGPTQ qlinear_cuda_old.py, GPTQModel's convert_gptq_v1_to_v2_format. */
#include <inttypes.h>

#include "packed.h"

enum { CODES, ZEROS, SCALES, LIST };

/* What config.json says, or else, of a module with settings of its own, what the number of words leaves. */
static bool read_bits(struct packed_search *s, const struct fmt_tensor *t, unsigned *bits)
{
	uint64_t tried[] = { 0, 2, 3, 4, 8 };

	*bits = 0;
	if (!packed_setting(s, s->settings, "bits", &tried[0]))
		return false;
	for (size_t i = 0; !*bits && i < sizeof tried / sizeof *tried; i++)
		if ((i || tried[0] == 2 || tried[0] == 3 || tried[0] == 4 || tried[0] == 8) && t->n_dims == 2 &&
		    t->dims[1] == s->rows && t->dims[0] == packed_parts(s->cols * tried[i], 32))
			*bits = (unsigned)tried[i];
	return *bits || packed_fail(s, FMT_MISMATCH, t, "no packing of 2, 3, 4 or 8 bits gives a matrix of [%" PRIu64 ", %" PRIu64
	                            "] this shape", s->rows, s->cols);
}

static bool check_format(struct packed_search *s, bool *less_one)
{
	struct fmt_str format = json_str(json_get(s->settings, "checkpoint_format"));

	*less_one = !fmt_str_is(format, "gptq_v2");
	return !format.n || !*less_one || fmt_str_is(format, "gptq") ||
	       fmt_fail(s->err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "config.json: quantization_config.checkpoint_format '%.*s' is not read "
	                "(gptq and gptq_v2 are)", (int)(format.n < 40 ? format.n : 40), format.p);
}

/* The groups of columns: of g_idx, if it is there, else neighbours. */
static bool find_groups(struct packed_search *s, const struct fmt_tensor *scales, const struct fmt_tensor *list)
{
	uint64_t n = scales->dims[0];

	if (scales->n_dims != 2 || !n)
		return packed_fail(s, FMT_MISMATCH, scales, "expected a matrix of groups by rows");
	if (!packed_shape(s, scales, n, s->rows) || !packed_floats(s, scales))
		return false;
	if (list && (!packed_words(s, list) || !packed_shape(s, list, s->cols, 0)))
		return false;
	return packed_group(s, scales, "group_size", n, &s->m->group);
}

static void spread(struct packed_search *s, struct packed_plane *p, uint64_t n)
{
	p->spread = s->m->list ? PACKED_LIST : PACKED_COLS;
	p->group = s->m->group;
	p->n_items = n;
}

enum packed_found packed_gptq_find(struct packed_search *s, bool less_one)
{
	const struct fmt_tensor *codes = packed_take(s, CODES, ".qweight"), *zeros, *scales, *list;
	struct packed_plane *p;
	uint64_t zero_words, n;
	unsigned bits = 0;

	if (!codes)
		return PACKED_NOT;
	zeros = packed_need(s, ZEROS, ".qzeros");
	scales = packed_need(s, SCALES, ".scales");
	list = packed_take(s, LIST, ".g_idx");
	if (!zeros || !scales || !packed_words(s, codes) || !read_bits(s, codes, &bits) ||
	    !find_groups(s, scales, list))
		return PACKED_FAILED;
	n = scales->dims[0];
	zero_words = packed_parts(s->rows * bits, 32);
	if (!packed_words(s, zeros) || !packed_shape(s, zeros, n, zero_words))
		return PACKED_FAILED;
	s->m->bits = bits;
	s->m->late = true;
	s->m->list = list ? LIST : 0;

	p = packed_plane(s, CODES, FMT_BF16, FMT_JOIN_MUL);
	p->at = (struct packed_place){ .row_stride = 32, .stride = bits, .word_step = 32 * s->rows, .width = bits };
	p->values = s->tables->numbers + 128;

	p = packed_plane(s, ZEROS, FMT_BF16, FMT_JOIN_SUB);
	p->at = (struct packed_place){ .row_stride = bits, .stride = 32 * zero_words, .width = bits };
	p->values = s->tables->numbers + 128 + less_one;
	spread(s, p, n);

	p = packed_plane(s, SCALES, scales->type, FMT_JOIN_MUL);
	p->at = packed_dense(scales, 1);
	p->at.stride *= s->rows;
	spread(s, p, n);
	return PACKED_FOUND;
}

static enum packed_found find(struct packed_search *s)
{
	bool less_one = false;

	return check_format(s, &less_one) ? packed_gptq_find(s, less_one) : PACKED_FAILED;
}

const struct packed_scheme packed_gptq = { .method = "gptq", .find = find };
