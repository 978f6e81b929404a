/* Which scheme a checkpoint is quantized by, and what the schemes share. See packed.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arch_conf.h"
#include "packed.h"
#include "view_impl.h"

static const struct packed_scheme *const schemes[] = {
	&packed_autoround,
	&packed_awq,
	&packed_bitnet,
	&packed_bnb,
	&packed_compressed,
	&packed_gptq,
	&packed_hqq,
	&packed_metal,
	&packed_modelopt,
};

/* Methods that are known not to be read, and what to do instead. */
static const struct {
	const char *method, *advice;
} others[] = {
	{ "aqlm", "codebooks of AQLM are not read; convert the model before quantization" },
	{ "eetq", "EETQ packs for one kernel; convert the model before quantization" },
	{ "fp_quant", "FP-Quant rotates weights; convert the model before quantization" },
	{ "higgs", "HIGGS rotates weights; convert the model before quantization" },
	{ "quanto", "save it dequantized first" },
	{ "quark", "export it with --custom_mode fp8 or awq, or convert the model before quantization" },
	{ "sinq", "convert the model before quantization" },
	{ "spqr", "convert the model before quantization" },
	{ "torchao", "its tensors are pickled classes; save it dequantized first" },
	{ "vptq", "codebooks of VPTQ are not read; convert the model before quantization" },
};

static bool fail_method(struct fmt_str method, struct fmt_err *err)
{
	const char *advice = "convert the model before quantization, or save it dequantized";

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (fmt_str_is(method, others[i].method))
			advice = others[i].advice;
	return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "quantization_config: weights quantized by '%.*s' are not "
	                "supported: %s", (int)(method.n < 60 ? method.n : 60), method.p ? method.p : "", advice);
}

bool packed_scheme_choose(const struct json *config, const struct json *modelopt, const struct packed_scheme **scheme,
                          const struct json **settings, struct fmt_err *err)
{
	static const char *const fp8[] = { "fp8", "fbgemm_fp8", "mxfp4" }; /* floats with scales; experts in blocks */
	const struct json *q = arch_conf_find(config, "quantization_config", 19);
	struct fmt_str method = json_str(json_get(q, "quant_method"));

	if (fmt_str_is(method, "intel/auto-round"))
		method = FMT_STR("auto-round");
	*scheme = NULL;
	*settings = q;
	if (!method.n && json_is(json_get(config, "quantization"), JSON_OBJECT)) { /* MLX names no method */
		*settings = json_get(config, "quantization");
		*scheme = &packed_mlx;
		return true;
	}
	if (!json_is(q, JSON_OBJECT) && json_is(json_get(modelopt, "quantization"), JSON_OBJECT)) {
		*settings = json_get(modelopt, "quantization");
		*scheme = &packed_modelopt;
		return true;
	}
	if (!json_is(q, JSON_OBJECT))
		return true;
	for (size_t i = 0; i < sizeof fp8 / sizeof *fp8; i++)
		if (fmt_str_is(method, fp8[i]))
			return true;
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (fmt_str_is(method, schemes[i]->method))
			*scheme = schemes[i];
	return *scheme || fail_method(method, err);
}

/* Integers up to 256 and the values of E2M1 are among BF16's. */
static uint16_t bf16(float f)
{
	uint32_t bits;

	memcpy(&bits, &f, sizeof bits);
	return (uint16_t)(bits >> 16);
}

void packed_tables_init(struct packed_tables *t)
{
	static const float e2m1[8] = { 0, 0.5f, 1, 1.5f, 2, 3, 4, 6 };

	for (int i = -128; i <= 256; i++)
		t->numbers[128 + i] = bf16((float)i);
	for (int i = 0; i < 256; i++)
		t->bytes[i] = bf16((float)(i < 128 ? i : i - 256));
	for (int i = 0; i < 16; i++)
		t->e2m1[i] = bf16(i < 8 ? e2m1[i] : -e2m1[i - 8]);
}

const struct fmt_tensor *packed_look(const struct packed_search *s, const char *end)
{
	char name[VIEW_NAME_BYTES + 64];
	size_t n = (size_t)snprintf(name, sizeof name, "%s%s", s->module, end), skip = s->base_prefix ? strlen(s->base_prefix) : 0;
	const struct fmt_tensor *t = fmt_model_find(s->weights, (struct fmt_str){ name, n });

	if (!t && skip && !strncmp(name, s->base_prefix, skip))
		t = fmt_model_find(s->weights, (struct fmt_str){ name + skip, n - skip });
	return t;
}

const struct fmt_tensor *packed_take(struct packed_search *s, unsigned at, const char *end)
{
	const struct fmt_tensor *t = packed_look(s, end);

	if (t) {
		s->used[t - s->weights->tensors] = true;
		s->m->n_bytes += t->n_bytes;
		s->part->tensors[at] = t;
	}
	return t;
}

const struct fmt_tensor *packed_need(struct packed_search *s, unsigned at, const char *end)
{
	const struct fmt_tensor *t = packed_take(s, at, end);

	if (!t) {
		fmt_fail(s->err, FMT_MISSING, FMT_NO_OFFSET, "tensor '%s%s' is missing, by which others of the module are decoded",
		         s->module, end);
		fmt_err_file(s->err, s->weights->n_files == 1 ? s->weights->files[0] : NULL);
	}
	return t;
}

bool packed_fail(struct packed_search *s, enum fmt_code code, const struct fmt_tensor *t, const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	fmt_fail(s->err, code, FMT_NO_OFFSET, "tensor '%.*s': %s", (int)t->name.n, t->name.p, text);
	fmt_err_file(s->err, s->weights->files[t->file]);
	return false;
}

bool packed_shape(struct packed_search *s, const struct fmt_tensor *t, uint64_t a, uint64_t b)
{
	struct view_shape want = { b ? 2 : 1, { a, b } };
	char have[VIEW_SHAPE_BYTES], text[VIEW_SHAPE_BYTES];

	if (t->n_dims == want.n && !memcmp(t->dims, want.dims, want.n * sizeof *t->dims))
		return true;
	return packed_fail(s, FMT_MISMATCH, t, "the shape is [%s], a matrix of [%" PRIu64 ", %" PRIu64 "] so packed asks for [%s]",
	                   view_show_shape(t->dims, t->n_dims, have), s->rows, s->cols, view_show_shape(want.dims, want.n, text));
}

static bool one_of(struct packed_search *s, const struct fmt_tensor *t, const enum fmt_type *types, const char *names)
{
	for (; *types != FMT_TYPE_COUNT; types++)
		if (t->type == *types)
			return true;
	return packed_fail(s, FMT_UNSUPPORTED, t, "its type is %s, expected %s", fmt_type_info(t->type)->name, names);
}

bool packed_floats(struct packed_search *s, const struct fmt_tensor *t)
{
	static const enum fmt_type types[] = { FMT_F32, FMT_F16, FMT_BF16, FMT_TYPE_COUNT };

	return one_of(s, t, types, "F32, F16 or BF16");
}

bool packed_words(struct packed_search *s, const struct fmt_tensor *t)
{
	static const enum fmt_type types[] = { FMT_I32, FMT_U32, FMT_TYPE_COUNT };

	return one_of(s, t, types, "I32");
}

struct packed_plane *packed_plane(struct packed_search *s, unsigned tensor, enum fmt_type type, enum fmt_join join)
{
	struct packed_plane *p = &s->m->planes[s->m->n_planes++];

	*p = (struct packed_plane){ .is = { type, join }, .tensor = tensor };
	return p;
}

struct packed_place packed_dense(const struct fmt_tensor *t, uint64_t n)
{
	unsigned width = fmt_type_info(t->type)->block_bytes * 8;

	return (struct packed_place){ .width = width, .stride = width, .row_stride = n * width };
}

struct packed_place packed_bits(unsigned width, uint64_t row_bits)
{
	return (struct packed_place){ .width = width, .stride = width, .row_stride = row_bits };
}

bool packed_grid(struct packed_search *s, struct packed_plane *p, uint64_t block_rows, uint64_t group)
{
	const struct fmt_tensor *t = s->part->tensors[p->tensor];
	uint64_t n_cols = packed_parts(s->cols, group);

	p->spread = PACKED_COLS;
	p->group = group ? group : s->cols;
	if (t->n_elems == 1 && s->rows * n_cols != 1) {
		p->at = packed_dense(t, 0);
		p->group = s->cols;
		return true;
	}
	if (t->n_elems == s->rows && t->dims[0] == s->rows && n_cols > 1)
		p->group = s->cols, n_cols = 1;
	p->at = packed_dense(t, n_cols);
	if (t->n_elems == s->rows && t->dims[0] == s->rows && n_cols == 1)
		return true;
	if (block_rows > 1) {
		p->at.row_per = block_rows;
		p->at.row_step = p->at.row_stride;
		p->at.row_stride = 0;
	}
	return packed_shape(s, t, packed_parts(s->rows, block_rows ? block_rows : 1), n_cols);
}

bool packed_setting(struct packed_search *s, const struct json *from, const char *key, uint64_t *out)
{
	const struct json *j = json_get(from, key);
	int64_t whole = 0;

	*out = 0;
	if (!j || json_is(j, JSON_NULL) || (json_i64(j, &whole) && whole == -1))
		return true;
	if (json_u64(j, out) && *out && *out <= UINT32_MAX)
		return true;
	return fmt_fail(s->err, FMT_MALFORMED, FMT_NO_OFFSET, "config.json: quantization_config.%s: expected a whole number above 0",
	                key);
}

/* Adds to a list of distinct numbers those that `key` has in objects inside, which are a few levels deep (JSON's own limit is
 * 128). What is no number above 0 counts as 0. */
static size_t collect(const struct json *from, const char *key, uint64_t *out, size_t n)
{
	const struct json *j = json_get(from, key);
	uint64_t number = 0;
	size_t i = 0;

	if (j) {
		if (!json_u64(j, &number) || number > UINT32_MAX)
			number = 0;
		while (i < n && out[i] != number)
			i++;
		if (i == n && n < PACKED_MAX_NUMBERS)
			out[n++] = number;
	}
	for (j = json_is(from, JSON_OBJECT) ? json_first(from) : NULL; j; j = json_next(j))
		if (json_is(j, JSON_OBJECT))
			n = collect(j, key, out, n);
	return n;
}

size_t packed_numbers(const struct packed_search *s, const char *key, uint64_t *out)
{
	return collect(s->settings, key, out, 0);
}

bool packed_group(struct packed_search *s, const struct fmt_tensor *t, const char *key, uint64_t n, uint64_t *group)
{
	uint64_t sizes[PACKED_MAX_NUMBERS + 1];
	size_t n_sizes = packed_numbers(s, key, sizes), n_fit = 0;

	if (!n_sizes)
		sizes[n_sizes++] = 0;
	for (size_t i = 0; i < n_sizes; i++) {
		uint64_t size = sizes[i] && sizes[i] < s->cols ? sizes[i] : s->cols;

		if (packed_parts(s->cols, size) != n || (n_fit && *group == size))
			continue;
		*group = size;
		n_fit++;
		if (!i && json_get(s->settings, key)) /* what holds where nothing else is said */
			break;
	}
	if (n_fit == 1)
		return true;
	return packed_fail(s, FMT_MISMATCH, t, "%" PRIu64 " groups for rows of %" PRIu64 ", %s", n, s->cols,
	                   n_fit ? "for which config.json has several sizes" : "which no group size in config.json gives");
}

bool packed_shared(struct packed_search *s, struct packed_plane *p, const char *key)
{
	const struct fmt_tensor *t = s->part->tensors[p->tensor];

	if (t->n_dims == 2 && t->dims[0] == s->rows && t->dims[1] > 1 && !packed_group(s, t, key, t->dims[1], &s->m->group))
		return false;
	return packed_grid(s, p, 0, s->m->group);
}

bool packed_same(const struct packed *a, const struct packed *b)
{
	if (a->block != b->block || a->n_planes != b->n_planes)
		return false;
	for (uint32_t i = 0; i < a->n_planes; i++)
		if (a->planes[i].is.type != b->planes[i].is.type || a->planes[i].is.join != b->planes[i].is.join)
			return false;
	return true;
}

enum packed_found packed_find(const struct packed_scheme *scheme, struct packed_search *s)
{
	enum packed_found found = scheme ? scheme->find(s) : PACKED_NOT;

	if (found == PACKED_NOT)
		found = packed_fp8.find(s);
	s->m->rows = s->rows;
	s->m->cols = s->cols;
	return found;
}
