/* From a description and a checkpoint's tensors to the tensors of a virtual GGUF. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rope_factors.h"
#include "text_part.h"
#include "view_impl.h"

/* A plan while it is made: which of the checkpoint's tensors have been used. */
struct plan {
	struct fmt_view *v;
	struct fmt_view_impl *im;
	const struct arch_conf *conf;
	const struct fmt_model *weights; /* NULL: what config.json asks for is taken as there */
	bool *used;
	bool keep_nvfp4;
	enum fmt_type type; /* of all tensors, where there are no weights */
	uint64_t n, cap;
	struct fmt_err *err;
};

const char *view_show_shape(const uint64_t *dims, uint32_t n_dims, char *out)
{
	size_t n = 0;

	out[0] = 0;
	for (uint32_t i = 0; i < n_dims && n < VIEW_SHAPE_BYTES; i++)
		n += (size_t)snprintf(out + n, VIEW_SHAPE_BYTES - n, "%s%" PRIu64, i ? ", " : "", dims[i]);
	return out;
}

static bool fail_tensor(struct plan *p, enum fmt_code code, const struct fmt_tensor *t, const char *what)
{
	fmt_fail(p->err, code, FMT_NO_OFFSET, "tensor '%.*s': %s", (int)t->name.n, t->name.p, what);
	fmt_err_file(p->err, p->weights->files[t->file]);
	return false;
}

struct view_shape view_row_shape(const struct arch_conf *conf, const struct arch_tensor *row, const struct fmt_view_tensor *t)
{
	uint32_t skip = strchr(row->hf, '*') != NULL;
	struct view_shape s = { .n = t->n_dims - skip };

	if (row->from[0]) {
		for (s.n = 0; s.n < sizeof row->from / sizeof *row->from && row->from[s.n]; s.n++)
			s.dims[s.n] = conf->n[row->from[s.n]];
		return s;
	}
	memcpy(s.dims, t->dims + skip, s.n * sizeof *s.dims);
	if (row->move == MOVE_TRANSPOSE) {
		s.dims[0] = t->dims[1];
		s.dims[1] = t->dims[0];
	}
	return s;
}

static bool check_shape(struct plan *p, const struct fmt_tensor *t, const struct view_shape *want)
{
	char text[2 * VIEW_SHAPE_BYTES + 80], a[VIEW_SHAPE_BYTES], b[VIEW_SHAPE_BYTES];

	if (t->n_dims == want->n && !memcmp(t->dims, want->dims, want->n * sizeof *t->dims))
		return true;
	snprintf(text, sizeof text, "the shape is [%s], config.json asks for [%s]", view_show_shape(t->dims, t->n_dims, a),
	         view_show_shape(want->dims, want->n, b));
	return fail_tensor(p, FMT_MISMATCH, t, text);
}

static bool check_type(struct plan *p, const struct fmt_tensor *t)
{
	char text[120];

	switch (t->type) {
	case FMT_F32:
	case FMT_F16:
	case FMT_BF16:
	case FMT_F64:
		return true;
	default:
		snprintf(text, sizeof text, "weights of type %s are not supported (F32, F16, BF16, F64, F8_E4M3 and F8_E5M2 are)",
		         fmt_type_info(t->type)->name);
		return fail_tensor(p, FMT_UNSUPPORTED, t, text);
	}
}

/* The checkpoint's tensor of that name, with its base prefix or without, marked as used. */
static const struct fmt_tensor *take(struct plan *p, const char *name, const char *why)
{
	const struct fmt_tensor *t = text_part_find(p->weights, name);
	const char *base = p->v->arch->base_prefix;

	if (!t && base && !strncmp(name, base, strlen(base)))
		t = fmt_model_find(p->weights, (struct fmt_str){ name + strlen(base), strlen(name) - strlen(base) });
	if (!t) {
		fmt_fail(p->err, FMT_MISSING, FMT_NO_OFFSET, "tensor '%s' is missing%s", name, why);
		fmt_err_file(p->err, p->weights->n_files == 1 ? p->weights->files[0] : p->im->dir.path);
		return NULL;
	}
	p->used[t - p->weights->tensors] = true;
	return t;
}

/* A list of n factors in config.json's settings of rotary positions. */
static bool read_factors(struct plan *p, const char *name, float *factors, uint64_t n)
{
	const struct json *config = hf_json(&p->im->dir, HF_CONFIG), *list;
	char path[64];
	double f = 0;
	uint64_t i = 0;

	snprintf(path, sizeof path, "rope_parameters.%s", name);
	list = arch_conf_find(config, path, strlen(path));
	snprintf(path, sizeof path, "rope_scaling.%s", name);
	list = list ? list : arch_conf_find(config, path, strlen(path));
	for (const struct json *j = json_first(list); j && i < n && json_f64(j, &f) && f > 0 && f < 1e9; j = json_next(j))
		factors[i++] = (float)f;
	if (i == n && json_count(list) == n)
		return true;
	fmt_fail(p->err, FMT_MALFORMED, FMT_NO_OFFSET, "%s: expected a list of %" PRIu64 " numbers above 0", path, n);
	fmt_err_file(p->err, hf_file_path(&p->im->dir, HF_CONFIG));
	return false;
}

static bool make_factors(struct plan *p, const struct arch_tensor *row, struct view_source *src, uint64_t n)
{
	float *factors = fmt_arena_alloc(&p->im->mem, n, sizeof *factors, p->err);

	src->made = factors;
	if (!factors)
		return false;
	if (row->move != MAKE_ROPE_FACTORS)
		return read_factors(p, row->move == MAKE_ROPE_LONG ? "long_factor" : "short_factor", factors, n);
	rope_factors_llama3(p->conf, factors, n);
	return true;
}

bool view_grow(struct fmt_view_impl *im, uint64_t n, uint64_t *cap, struct fmt_err *err)
{
	uint64_t more = *cap ? 2 * *cap : 64;

	if (n < *cap)
		return true;
	im->tensors = fmt_arena_grow(&im->mem, im->tensors, *cap, more, sizeof *im->tensors, err);
	im->sources = fmt_arena_grow(&im->mem, im->sources, *cap, more, sizeof *im->sources, err);
	if (err->code)
		return false;
	*cap = more;
	return true;
}

/* What the reference converter writes as F32 whatever type is asked for: one dimension, norms, what is no "weight", and
 * small matrices that decide much. */
static bool stays_f32(const struct fmt_view_tensor *t)
{
	return t->n_dims < 2 || fmt_str_ends(t->name, "_norm.weight") || !fmt_str_ends(t->name, ".weight") ||
	       t->role == FMT_ROLE_MOE_ROUTER || t->role == FMT_ROLE_SHARED_ROUTER ||
	       t->role == FMT_ROLE_POSITION_EMBD || t->role == FMT_ROLE_SSM_CONV;
}

/* Name and shape of a row's tensor in the GGUF. All dimensions are bounded, so products cannot overflow. */
static bool describe(struct plan *p, const struct arch_tensor *row, int32_t layer, struct fmt_view_tensor *t)
{
	char name[96];

	if (layer < 0)
		snprintf(name, sizeof name, "%s", row->gguf);
	else
		snprintf(name, sizeof name, "blk.%" PRId32 ".%s", layer, row->gguf);
	*t = (struct fmt_view_tensor){ .role = row->role, .layer = layer, .type = FMT_F32, .n_elems = 1 };
	t->name = fmt_arena_str(&p->im->mem, (struct fmt_str){ name, strlen(name) }, p->err);
	for (size_t i = 0; i < sizeof row->dims / sizeof *row->dims && row->dims[i]; i++) {
		t->dims[t->n_dims] = arch_conf_in(p->conf, row->dims[i], layer);
		t->n_elems *= t->dims[t->n_dims++];
	}
	if (p->err->code)
		return false;
	t->part = fmt_component_of(t->name);
	t->second_half = row->move == MOVE_SECOND || row->move == MOVE_LINEAR_Z;
	t->keep_f32 = stays_f32(t);
	return true;
}

void view_row_name(const struct fmt_arch *arch, const struct arch_conf *conf, const struct arch_tensor *row, int32_t layer,
                   uint64_t part, char *name)
{
	const char *star = strchr(row->hf, '*');
	int n = star ? (int)(star - row->hf) : (int)strlen(row->hf);
	char prefix[64] = "", number[24] = "";

	if (layer >= 0)
		view_layer_prefix(arch, conf, row, layer, prefix, sizeof prefix);
	if (star)
		snprintf(number, sizeof number, "%" PRIu64, part);
	snprintf(name, VIEW_NAME_BYTES, "%s%.*s%s%s", prefix, n, row->hf, number, star ? star + 1 : "");
}

bool view_other_row(const struct fmt_arch *arch, const struct arch_conf *conf, const struct arch_tensor *row,
                    const struct fmt_view_tensor *t, char *name, struct view_shape *shape)
{
	struct arch_tensor as_one = *row;

	if (!row->other)
		return false;
	as_one.hf = row->other;
	view_row_name(arch, conf, &as_one, t->layer, 0, name);
	shape->n = t->n_dims;
	memcpy(shape->dims, t->dims, sizeof t->dims);
	shape->dims[1] *= row->other_move == MOVE_NONE ? 1 : 2;
	return true;
}

/* What stands for a quantized matrix in the plan: the name and the shape that it has when it is not. */
static const struct fmt_tensor *stand_in(struct plan *p, const struct packed_part *part, const char *name,
                                         const struct view_shape *shape)
{
	struct fmt_tensor *t = fmt_arena_alloc(&p->im->mem, 1, sizeof *t, p->err);

	if (!t)
		return NULL;
	*t = (struct fmt_tensor){ .type = packed_type(part->m), .n_dims = shape->n, .file = part->tensors[0]->file };
	t->name = fmt_arena_str(&p->im->mem, (struct fmt_str){ name, strlen(name) }, p->err);
	memcpy(t->dims, shape->dims, sizeof t->dims);
	t->n_elems = shape->dims[0] * shape->dims[1];
	return t->name.p ? t : NULL;
}

/* Whether the plan has a matrix's layout already; if not it takes it. Matrices of a stack seldom differ. */
static const struct packed *keep_layout(struct plan *p, const struct packed *m, const struct packed *known)
{
	struct packed *copy;

	if (known && !memcmp(m, known, sizeof *m))
		return known;
	copy = fmt_arena_alloc(&p->im->mem, 1, sizeof *copy, p->err);
	if (copy)
		*copy = *m;
	return copy;
}

/* Whether a matrix's rows are rows of the checkpoint, of as many columns. */
static bool keeps_rows(enum arch_move move)
{
	switch (move) {
	case MOVE_NONE:
	case MOVE_ROPE_Q:
	case MOVE_ROPE_K:
	case MOVE_QKV:
	case MOVE_LINEAR_QKV:
	case MOVE_LINEAR_Z:
	case MOVE_LATENT_V:
	case MOVE_FIRST:
	case MOVE_SECOND:
		return true;
	default:
		return false;
	}
}

/* Part `at` of a source, if the checkpoint has it quantized. false with p->err set, or without where it is not. */
static bool find_packed(struct plan *p, const char *name, const struct view_shape *shape, uint64_t at, struct view_source *src,
                        const struct fmt_tensor **t)
{
	struct packed_part part = { .number = 0 }, *parts = (struct packed_part *)src->packed;
	struct packed m;
	char module[VIEW_NAME_BYTES];
	size_t n = strlen(name), end = sizeof ".weight" - 1;
	struct packed_search s = {
		.weights = p->weights, .settings = p->im->settings, .tables = &p->im->tables, .module = module,
		.base_prefix = p->v->arch->base_prefix, .rows = shape->dims[0], .cols = shape->dims[1],
		.blocks = keeps_rows(src->move), .keep_nvfp4 = p->keep_nvfp4, .used = p->used, .m = &m, .part = &part, .err = p->err,
	};

	if (shape->n != 2 || n <= end || strcmp(name + n - end, ".weight"))
		return false;
	memcpy(module, name, n - end);
	module[n - end] = 0;
	memset(&m, 0, sizeof m);
	if (packed_find(p->im->scheme, &s) != PACKED_FOUND)
		return false;
	if (src->move == MOVE_TRANSPOSE)
		return fail_tensor(p, FMT_UNSUPPORTED, part.tensors[0], "a matrix whose rows are inputs cannot be quantized");
	if (src->move == MOVE_TILE_COLUMNS && m.block != FMT_F32 && shape->dims[1] / src->n_heads_kv % fmt_type_info(m.block)->block_elems)
		return fail_tensor(p, FMT_UNSUPPORTED, part.tensors[0], "its heads are no whole number of blocks");
	part.m = keep_layout(p, &m, at ? parts[0].m : NULL);
	if (!parts)
		src->packed = parts = fmt_arena_alloc(&p->im->mem, src->n_parts, sizeof *parts, p->err);
	if (!parts || !part.m)
		return false;
	parts[at] = part;
	*t = stand_in(p, &part, name, shape);
	if (at && !packed_same(part.m, parts[0].m))
		return fail_tensor(p, FMT_UNSUPPORTED, part.tensors[0], "quantized in another way than expert 0");
	return *t != NULL;
}

/* Finds one tensor of the checkpoint and sees that it is what the row asks for. */
static const struct fmt_tensor *find_part(struct plan *p, const struct arch_tensor *row, int32_t layer, uint64_t part,
                                          const struct view_shape *shape, struct view_source *src)
{
	const struct fmt_tensor *t = NULL;
	char name[VIEW_NAME_BYTES], why[80] = "";

	view_row_name(p->v->arch, p->conf, row, layer, part, name);
	if (find_packed(p, name, shape, part, src, &t))
		return t;
	if (p->err->code)
		return NULL;
	if (row->role == FMT_ROLE_OUTPUT)
		snprintf(why, sizeof why, " (config.json says tie_word_embeddings false)");
	else if (strchr(row->hf, '*'))
		snprintf(why, sizeof why, " (config.json says %" PRIu64 " experts)", p->conf->n[row->dims[0]]);
	t = take(p, name, why);
	if (!t || !check_shape(p, t, shape) || !check_type(p, t))
		return NULL;
	if (src->packed) {
		fail_tensor(p, FMT_UNSUPPORTED, t, "not quantized, unlike expert 0");
		return NULL;
	}
	return t;
}

/* All the tensors of a stack, of which config.json may ask for ARCH_MAX_HEADS: the first that is missing ends it. */
static bool find_stack(struct plan *p, const struct arch_tensor *row, int32_t layer, const struct view_shape *shape,
                       struct view_source *src, uint64_t n)
{
	const struct fmt_tensor **stack = fmt_arena_alloc(&p->im->mem, n, sizeof *stack, p->err);
	char text[120];

	src->n_parts = n;
	for (uint64_t i = 0; stack && i < n; i++) {
		stack[i] = find_part(p, row, layer, i, shape, src);
		if (!stack[i])
			return false;
		if (stack[i]->type == stack[0]->type)
			continue;
		snprintf(text, sizeof text, "its type is %s, that of expert 0 is %s", fmt_type_info(stack[i]->type)->name,
		         fmt_type_info(stack[0]->type)->name);
		return fail_tensor(p, FMT_UNSUPPORTED, stack[i], text);
	}
	src->stack = stack;
	src->tensor = stack ? stack[0] : NULL;
	return stack != NULL;
}

/* A stack in blocks of 32 elements: NAME_blocks and NAME_scales, rows and columns the other way round. */
static bool find_blocks(struct plan *p, const struct fmt_tensor *blocks, const char *name, const struct view_shape *shape,
                        struct view_source *src)
{
	struct view_shape want = { 4, { shape->dims[0], shape->dims[2], shape->dims[1] / 32, 16 } };
	char scales[VIEW_NAME_BYTES + 16];

	snprintf(scales, sizeof scales, "%s_scales", name);
	src->tensor = blocks;
	src->exponents = take(p, scales, "");
	p->used[blocks - p->weights->tensors] = true;
	if (!src->exponents || !check_shape(p, blocks, &want))
		return false;
	want.n = 3;
	if (shape->dims[1] % 32)
		return fail_tensor(p, FMT_MISMATCH, blocks, "rows are no whole number of blocks");
	if (blocks->type != FMT_U8 || src->exponents->type != FMT_U8)
		return fail_tensor(p, FMT_UNSUPPORTED, blocks, "blocks and scales are U8");
	return check_shape(p, src->exponents, &want);
}

/* The blocks of a row's tensor, if the checkpoint has it in blocks. */
static const struct fmt_tensor *blocks_of(struct plan *p, const struct arch_tensor *row, int32_t layer, char *name)
{
	char blocks[VIEW_NAME_BYTES + 16];
	int n;

	view_row_name(p->v->arch, p->conf, row, layer, 0, name);
	n = snprintf(blocks, sizeof blocks, "%s_blocks", name);
	return row->from[2] ? fmt_model_find(p->weights, (struct fmt_str){ blocks, (size_t)n }) : NULL;
}

void view_set_heads(const struct arch_conf *conf, struct view_source *src)
{
	src->n_heads = (uint32_t)conf->n[src->move == MOVE_ROPE_K ? P_HEADS_KV : P_HEADS];
	src->n_key_rows = conf->n[P_NOPE_DIM];
	if (src->move == MOVE_LINEAR_QKV || src->move == MOVE_LINEAR_Z) {
		src->n_heads = (uint32_t)conf->n[P_LIN_K_HEADS];
		src->n_key_rows = conf->n[P_LIN_K_DIM];
	}
	src->n_heads_kv = (uint32_t)conf->n[P_HEADS_KV];
	if (src->move == MOVE_TILE_ROWS || src->move == MOVE_TILE_VALUES || src->move == MOVE_TILE_COLUMNS) {
		src->n_heads = (uint32_t)conf->n[P_LIN_K_HEADS];
		src->n_heads_kv = (uint32_t)conf->n[P_LIN_V_HEADS];
		src->n_key_rows = conf->n[P_LIN_K_DIM];
		src->move = src->n_heads == src->n_heads_kv ? MOVE_NONE : src->move;
	}
}

/* What the checkpoint has by the row's other name: a stack as one tensor, maybe with what goes beside it.
 * returns false with p->err set, or without where it has it by the usual name */
static bool find_other(struct plan *p, const struct arch_tensor *row, const struct fmt_view_tensor *t, struct view_source *src)
{
	struct view_shape shape;
	char name[VIEW_NAME_BYTES];

	if (!view_other_row(p->v->arch, p->conf, row, t, name, &shape) || !text_part_find(p->weights, name))
		return false;
	src->move = row->other_move;
	src->tensor = take(p, name, "");
	return src->tensor && check_shape(p, src->tensor, &shape) && check_type(p, src->tensor);
}

static bool find_source(struct plan *p, const struct arch_tensor *row, int32_t layer, const struct fmt_view_tensor *t,
                        struct view_source *src)
{
	struct view_shape shape = view_row_shape(p->conf, row, t);
	const struct fmt_tensor *blocks;
	char name[VIEW_NAME_BYTES];

	view_set_heads(p->conf, src);
	src->n_parts = 1;
	blocks = blocks_of(p, row, layer, name);
	if (blocks)
		return find_blocks(p, blocks, name, &shape, src);
	if (find_other(p, row, t, src))
		return true;
	if (p->err->code)
		return false;
	if (!strchr(row->hf, '*'))
		src->tensor = find_part(p, row, layer, 0, &shape, src);
	else if (!find_stack(p, row, layer, &shape, src, t->dims[0]))
		return false;
	return src->tensor != NULL;
}

/* Whether the checkpoint is without a tensor that it may lack. */
static bool is_lacking(const struct plan *p, const struct arch_tensor *row, int32_t layer)
{
	char name[VIEW_NAME_BYTES];

	if (!row->may_lack || !p->weights)
		return false;
	view_row_name(p->v->arch, p->conf, row, layer, 0, name);
	return !text_part_find(p->weights, name);
}

static void plan_planes(struct fmt_view_tensor *t, const struct packed *m)
{
	t->op = FMT_OP_JOIN;
	t->n_planes = m->n_planes;
	for (uint32_t i = 0; i < m->n_planes; i++)
		t->planes[i] = m->planes[i].is;
}

/* A scale that a part has beside its blocks; 1 where it has none. */
static bool read_scale(struct plan *p, const struct packed_part *part, unsigned which, float *scale)
{
	const struct fmt_tensor *t = part->tensors[part->m->beside[which]];

	*scale = 1;
	if (!part->m->beside[which])
		return true;
	if (!fmt_tensor_read(p->weights, t, 0, 1, scale, p->err))
		return false;
	if (part->m->divides)
		*scale = 1 / *scale;
	return isfinite(*scale) || fail_tensor(p, FMT_MALFORMED, t, "no scale: not finite, or 0 to divide by");
}

/* What stands beside blocks of NVFP4: "NAME.scale" and the like, a number for each matrix; nothing where all are 1. */
static bool add_scale(struct plan *p, const struct fmt_view_tensor *of, const struct view_source *from, unsigned which, const char *end)
{
	struct fmt_view_tensor t = { .layer = of->layer, .part = of->part, .type = FMT_F32, .n_dims = 1, .dims = { from->n_parts },
		                     .n_elems = from->n_parts, .n_bytes = from->n_parts * sizeof(float), .keep_f32 = true };
	float *scales = fmt_arena_alloc(&p->im->mem, from->n_parts, sizeof *scales, p->err);
	char name[VIEW_NAME_BYTES];
	bool ones = true;
	int n = snprintf(name, sizeof name, "%.*s%s", (int)(of->name.n - strlen("weight")), of->name.p, end);

	if (!scales)
		return false;
	for (uint64_t i = 0; i < from->n_parts; i++) {
		if (!read_scale(p, &from->packed[i], which, &scales[i]))
			return false;
		ones = ones && scales[i] == 1;
	}
	if (ones)
		return true;
	t.name = fmt_arena_str(&p->im->mem, (struct fmt_str){ name, (size_t)n }, p->err);
	if (!t.name.p || !view_grow(p->im, p->n, &p->cap, p->err))
		return false;
	p->im->tensors[p->n] = t;
	p->im->sources[p->n++] = (struct view_source){ .made = scales, .beside = true };
	return true;
}

static bool add_row(struct plan *p, const struct arch_tensor *row, int32_t layer)
{
	struct fmt_view_tensor t;
	struct view_source src = { .row = row, .move = row->move };

	if (!arch_conf_when(p->conf, row->when) || (layer >= 0 && !arch_row_in(row, p->conf->layer[layer])) ||
	    is_lacking(p, row, layer))
		return true;
	if (!view_grow(p->im, p->n, &p->cap, p->err) || !describe(p, row, layer, &t))
		return false;
	if (!p->weights) {
		t.type = row->hf ? p->type : FMT_F32;
	} else if (row->hf) {
		if (!find_source(p, row, layer, &t, &src))
			return false;
		t.type = src.exponents ? FMT_MXFP4 : src.tensor->type;
		t.op = row->op;
		if (src.packed && src.packed->m->block == FMT_F32)
			plan_planes(&t, src.packed->m);
	} else if (!make_factors(p, row, &src, t.n_elems)) {
		return false;
	}
	t.n_bytes = t.n_elems / fmt_type_info(t.type)->block_elems * fmt_type_info(t.type)->block_bytes;
	p->im->tensors[p->n] = t;
	p->im->sources[p->n++] = src;
	return t.type != FMT_NVFP4 || (add_scale(p, &t, &src, PACKED_SCALE, "scale") &&
	                               add_scale(p, &t, &src, PACKED_INPUT_SCALE, "input_scale"));
}

static bool add_table(struct plan *p, const struct arch_tensor *table, int32_t layer)
{
	for (const struct arch_tensor *row = table; row && row->role; row++)
		if (!add_row(p, row, layer))
			return false;
	return true;
}

static bool add_all(struct plan *p)
{
	const struct fmt_arch *arch = p->v->arch;

	uint64_t n = p->conf->n[P_LAYERS], n_next = p->conf->n[P_NEXT_KEPT];

	if (!add_table(p, arch->globals, -1))
		return false;
	for (uint64_t layer = 0; layer < n + n_next; layer++) {
		if (!add_table(p, arch->layers, (int32_t)layer) || (layer >= n && !add_table(p, arch->next, (int32_t)layer)))
			return false;
		for (const struct arch_tensor *const *part = arch->parts; part && *part; part++)
			if (!add_table(p, *part, (int32_t)layer))
				return false;
	}
	return true;
}

/* Beside quantized weights: for inputs and caches, which are not quantized here. */
static bool is_scale_of_inputs(struct fmt_str name)
{
	static const char *const ends[] = { ".input_scale", ".input_scale_ub", ".input_zero_point", ".input_global_scale", ".activation_scale",
		                             ".qscale_act", ".k_scale", ".v_scale" };

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (fmt_str_ends(name, ends[i]))
			return true;
	return false;
}

/* Every tensor that no row took must be known to carry nothing. */
static bool check_left_over(struct plan *p)
{
	bool tied = p->conf->set[P_TIED] && p->conf->n[P_TIED];
	bool parts = text_part_is_one(p->weights);
	uint64_t n_next = 0, n_other = 0;

	for (uint64_t i = 0; i < p->weights->n_tensors; i++) {
		const struct fmt_tensor *t = &p->weights->tensors[i];
		const char *const *skip = p->v->arch->skip;

		if (p->used[i])
			continue;
		while (*skip && !fmt_str_ends(t->name, *skip))
			skip++;
		if (*skip || is_scale_of_inputs(t->name))
			continue;
		if (!p->v->arch->next && view_in_next_layer(p->v->arch, p->conf, t->name)) {
			n_next++;
			continue;
		}
		if (parts && text_part_is_other(t->name)) {
			n_other++;
			continue;
		}
		if (tied && fmt_str_ends(t->name, "lm_head.weight")) {
			if (!fmt_view_note(p->v, p->err, "lm_head.weight is left out: config.json ties it to the embedding"))
				return false;
			continue;
		}
		return fail_tensor(p, FMT_MISMATCH, t, "no place for it in this architecture and config.json");
	}
	if (n_other && !fmt_view_note(p->v, p->err, "%" PRIu64 " tensors of other parts than the language model are left out", n_other))
		return false;
	return !n_next || fmt_view_note(p->v, p->err, "%" PRIu64 " tensors for multi-token prediction are left out (layers from %" PRIu64
	                            " on)", n_next, p->conf->n[P_LAYERS]);
}

bool view_plan(struct fmt_view *v, bool keep_nvfp4, struct fmt_err *err)
{
	struct plan p = { .v = v, .im = v->impl, .conf = &v->impl->conf, .weights = v->weights, .keep_nvfp4 = keep_nvfp4,
	                  .err = err };

	p.used = fmt_arena_alloc(&p.im->mem, v->weights->n_tensors, sizeof *p.used, err);
	if (!p.used || !view_keep_next(v, err) || !add_all(&p) || !check_left_over(&p) || !view_order(v, p.n, err))
		return false;
	v->tensors = p.im->tensors;
	v->n_tensors = p.n;
	return true;
}

/* transformers 5 says dtype, 4 said torch_dtype. */
enum fmt_type view_config_type(const struct fmt_view *v)
{
	const struct json *config = hf_json(&v->impl->dir, HF_CONFIG);
	struct fmt_str name = json_str(arch_conf_find(config, "dtype", 5));

	if (!name.n)
		name = json_str(arch_conf_find(config, "torch_dtype", 11));
	return fmt_str_is(name, "float32") ? FMT_F32 : fmt_str_is(name, "float16") ? FMT_F16 : FMT_BF16;
}

/* A window that no text is long enough for. */
static bool note_window(struct fmt_view *v, struct fmt_err *err)
{
	const struct arch_conf *c = &v->impl->conf;
	const char *key = "sliding_window";
	bool windows = false;

	for (const struct arch_param_row *const *table = v->arch->params; *table; table++)
		for (const struct arch_param_row *row = *table; row->id != P_NONE; row++)
			key = row->id == P_WINDOW && row->config ? row->config : key;
	for (uint64_t i = 0; i < c->n[P_LAYERS]; i++)
		windows = windows || c->layer[i] & LAYER_WINDOW;
	return !windows || !c->set[P_CONTEXT] || c->n[P_WINDOW] <= c->n[P_CONTEXT] ||
	       fmt_view_note(v, err, "%s: the window (%" PRIu64 " tokens) is larger than the context (%" PRIu64 "): it never takes "
	                 "effect", key, c->n[P_WINDOW], c->n[P_CONTEXT]);
}

bool view_plan_config(struct fmt_view *v, struct fmt_err *err)
{
	struct plan p = { .v = v, .im = v->impl, .conf = &v->impl->conf, .type = view_config_type(v), .err = err };

	if (!add_all(&p))
		return false;
	v->tensors = p.im->tensors;
	v->n_tensors = p.n;
	return note_window(v, err) && (!json_is(arch_conf_find(hf_json(&v->impl->dir, HF_CONFIG), "vision_config", 13), JSON_OBJECT) ||
	       fmt_view_note(v, err, "sizes are those of the language model alone, without the vision part (vision_config)"));
}
