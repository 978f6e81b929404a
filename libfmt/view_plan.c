/* From a description and a checkpoint's tensors to the tensors of a virtual GGUF. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rope_factors.h"
#include "text_part.h"
#include "view_plan.h"

const char *view_show_shape(const uint64_t *dims, uint32_t n_dims, char *out)
{
	size_t n = 0;

	out[0] = 0;
	for (uint32_t i = 0; i < n_dims && n < VIEW_SHAPE_BYTES; i++)
		n += (size_t)snprintf(out + n, VIEW_SHAPE_BYTES - n, "%s%" PRIu64, i ? ", " : "", dims[i]);
	return out;
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
	return isfinite(*scale) || plan_fail_tensor(p, FMT_MALFORMED, t, "no scale: not finite, or 0 to divide by");
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
	    plan_is_lacking(p, row, layer))
		return true;
	if (!view_grow(p->im, p->n, &p->cap, p->err) || !describe(p, row, layer, &t))
		return false;
	if (!p->weights) {
		t.type = row->hf ? p->type : FMT_F32;
	} else if (row->hf) {
		if (!plan_find_source(p, row, layer, &t, &src))
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
		return plan_fail_tensor(p, FMT_MISMATCH, t, "no place for it in this architecture and config.json");
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
