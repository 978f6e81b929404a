/* AWQ, version gemm. Codes of 4 bits are packed into words of 32 along the outputs, eight of them in the order that its kernel
 * likes; zero points likewise. x = (code - zero point) * scale.
 * Source: AutoAWQ, awq/modules/linear/gemm.py. */
#include "packed.h"

enum { CODES, ZEROS, SCALES };

/* In which four bits of a word each of eight rows is. */
static const uint8_t order[8] = { 0, 4, 1, 5, 2, 6, 3, 7 };

static bool check_version(struct packed_search *s)
{
	struct fmt_str version = json_str(json_get(s->settings, "version"));

	return !version.n || fmt_str_is(version, "gemm") || fmt_str_is(version, "GEMM") ||
	       fmt_fail(s->err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "config.json: quantization_config.version '%.*s' of AWQ is not read "
	                "(gemm is)", (int)(version.n < 40 ? version.n : 40), version.p);
}

/* n items of a row, which are a word of each of as many rows of words. */
static struct packed_place words(uint64_t n_words)
{
	return (struct packed_place){ .row_per = 8, .row_step = 32, .row_stride = 4, .row_order = order, .stride = 32 * n_words,
		.width = 4 };
}

static enum packed_found find(struct packed_search *s)
{
	const struct fmt_tensor *codes = packed_take(s, CODES, ".qweight"), *zeros, *scales;
	uint64_t n_words = s->rows / 8, n;
	struct packed_plane *p;

	if (!codes)
		return PACKED_NOT;
	zeros = packed_need(s, ZEROS, ".qzeros");
	scales = packed_need(s, SCALES, ".scales");
	if (!zeros || !scales || !check_version(s))
		return PACKED_FAILED;
	if (s->rows % 8) {
		packed_fail(s, FMT_MISMATCH, codes, "its outputs are no whole number of words");
		return PACKED_FAILED;
	}
	n = scales->dims[0];
	if (!packed_words(s, codes) || !packed_shape(s, codes, s->cols, n_words) || !packed_floats(s, scales) ||
	    !packed_shape(s, scales, n, s->rows) || !packed_words(s, zeros) || !packed_shape(s, zeros, n, n_words) ||
	    !packed_group(s, scales, "group_size", n, &s->m->group))
		return PACKED_FAILED;
	s->m->bits = 4;

	p = packed_plane(s, CODES, FMT_BF16, FMT_JOIN_MUL);
	p->at = words(n_words);
	p->values = s->tables->numbers + 128;

	p = packed_plane(s, ZEROS, FMT_BF16, FMT_JOIN_SUB);
	p->at = words(n_words);
	p->values = s->tables->numbers + 128;
	p->spread = PACKED_COLS;
	p->group = s->m->group;

	p = packed_plane(s, SCALES, scales->type, FMT_JOIN_MUL);
	p->at = packed_dense(scales, 1);
	p->at.stride *= s->rows;
	p->spread = PACKED_COLS;
	p->group = s->m->group;
	return PACKED_FOUND;
}

const struct packed_scheme packed_awq = { .method = "awq", .find = find };
