/* What a checkpoint has for a row of the description: one tensor, a stack, or what a quantization left of them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text_part.h"
#include "view_plan.h"

bool plan_fail_tensor(struct plan *p, enum fmt_code code, const struct fmt_tensor *t, const char *what)
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
	return plan_fail_tensor(p, FMT_MISMATCH, t, text);
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
		return plan_fail_tensor(p, FMT_UNSUPPORTED, t, text);
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

	if (!row->other || strchr(row->other, '*'))
		return false;
	as_one.hf = row->other;
	view_row_name(arch, conf, &as_one, t->layer, 0, name);
	shape->n = t->n_dims;
	memcpy(shape->dims, t->dims, sizeof t->dims);
	shape->dims[1] *= row->other_move == MOVE_NONE ? 1 : 2;
	return true;
}

struct arch_tensor view_row_there(const struct fmt_arch *arch, const struct arch_conf *conf, const struct arch_tensor *row,
                                  int32_t layer, const struct fmt_model *m)
{
	struct arch_tensor there = *row;
	char name[VIEW_NAME_BYTES];

	if (!row->other || !strchr(row->other, '*'))
		return there;
	there.hf = row->other;
	view_row_name(arch, conf, &there, layer, 0, name);
	return text_part_find(m, name) ? there : *row;
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
		return plan_fail_tensor(p, FMT_UNSUPPORTED, part.tensors[0], "a matrix whose rows are inputs cannot be quantized");
	if (src->move == MOVE_TILE_COLUMNS && m.block != FMT_F32 && shape->dims[1] / src->n_heads_kv % fmt_type_info(m.block)->block_elems)
		return plan_fail_tensor(p, FMT_UNSUPPORTED, part.tensors[0], "its heads are no whole number of blocks");
	part.m = keep_layout(p, &m, at ? parts[0].m : NULL);
	if (!parts)
		src->packed = parts = fmt_arena_alloc(&p->im->mem, src->n_parts, sizeof *parts, p->err);
	if (!parts || !part.m)
		return false;
	parts[at] = part;
	*t = stand_in(p, &part, name, shape);
	if (at && !packed_same(part.m, parts[0].m))
		return plan_fail_tensor(p, FMT_UNSUPPORTED, part.tensors[0], "quantized in another way than expert 0");
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
		plan_fail_tensor(p, FMT_UNSUPPORTED, t, "not quantized, unlike expert 0");
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
		return plan_fail_tensor(p, FMT_UNSUPPORTED, stack[i], text);
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
		return plan_fail_tensor(p, FMT_MISMATCH, blocks, "rows are no whole number of blocks");
	if (blocks->type != FMT_U8 || src->exponents->type != FMT_U8)
		return plan_fail_tensor(p, FMT_UNSUPPORTED, blocks, "blocks and scales are U8");
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

bool plan_find_source(struct plan *p, const struct arch_tensor *row, int32_t layer, const struct fmt_view_tensor *t,
                        struct view_source *src)
{
	const struct arch_tensor there = view_row_there(p->v->arch, p->conf, row, layer, p->weights);
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
	else if (!find_stack(p, &there, layer, &shape, src, t->dims[0]))
		return false;
	return src->tensor != NULL;
}

bool plan_is_lacking(const struct plan *p, const struct arch_tensor *row, int32_t layer)
{
	char name[VIEW_NAME_BYTES];

	if (!row->may_lack || !p->weights)
		return false;
	view_row_name(p->v->arch, p->conf, row, layer, 0, name);
	return !text_part_find(p->weights, name);
}
