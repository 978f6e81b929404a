/* A LoRA adapter's directory, as PEFT writes it, seen as the GGUF that llama.cpp has of it.
 *
 * An adapter knows its modules by the checkpoint's names. Which tensor of the GGUF each is, and how its rows move on the way,
 * the base's config.json and description say: B has the rows of the matrix that it changes, so it moves as that would. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <libfmt/utf8.h>

#include "hf_weights.h"
#include "view_adapter.h"

/* The tensors of one part of a stack, or of a matrix; NULL: there are none. */
struct pair {
	const struct fmt_tensor *a, *b, *magnitude;
	bool embedding; /* A has the columns that B has elsewhere */
};

bool view_is_adapter(const char *path)
{
	char text[4096];
	struct stat st;
	int n = snprintf(text, sizeof text, "%s/adapter_config.json", path);

	return n > 0 && (size_t)n < sizeof text && !stat(text, &st);
}

bool adapter_fail(struct adapter *a, enum fmt_code code, const struct fmt_tensor *t, const char *what)
{
	fmt_fail(a->err, code, FMT_NO_OFFSET, "tensor '%.*s': %s", (int)t->name.n, t->name.p, what);
	fmt_err_file(a->err, a->m->files[t->file]);
	return false;
}

const struct fmt_tensor *adapter_look(struct adapter *a, const char *name)
{
	static const char *const before[] = { "base_model.model.", "" };
	const char *prefix = a->base->arch->base_prefix;
	size_t bare = prefix && !strncmp(name, prefix, strlen(prefix)) ? strlen(prefix) : 0;
	const struct fmt_tensor *t = NULL;

	for (size_t i = 0; !t && i < 4; i++) {
		char text[VIEW_NAME_BYTES + 80];
		int n = snprintf(text, sizeof text, "%s%s", before[i / 2], name + (i % 2 ? bare : 0));

		t = fmt_model_find(a->m, (struct fmt_str){ text, (size_t)n });
	}
	return t;
}

static const struct fmt_tensor *look(struct adapter *a, const char *name)
{
	const struct fmt_tensor *t = adapter_look(a, name);

	if (t)
		a->used[t - a->m->tensors] = true;
	return t;
}

/* A module's tensor: the first of several endings that is there. */
static const struct fmt_tensor *find(struct adapter *a, struct fmt_str module, const char *const *ends, size_t n_ends)
{
	const struct fmt_tensor *t = NULL;

	for (size_t i = 0; !t && i < n_ends; i++) {
		char name[VIEW_NAME_BYTES + 60];

		snprintf(name, sizeof name, "%.*s%s", (int)module.n, module.p, ends[i]);
		t = look(a, name);
	}
	return t;
}

#define FIND(a, module, ...)                                                                                           \
	find(a, module, (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static struct pair find_pair(struct adapter *a, struct fmt_str module)
{
	struct pair p = { .a = FIND(a, module, ".lora_A.weight", ".lora_A.default.weight") };

	if (!p.a) {
		p.a = FIND(a, module, ".lora_embedding_A", ".lora_embedding_A.default");
		p.embedding = p.a != NULL;
	}
	p.b = p.embedding ? FIND(a, module, ".lora_embedding_B", ".lora_embedding_B.default")
	                  : FIND(a, module, ".lora_B.weight", ".lora_B.default.weight");
	p.magnitude = FIND(a, module, ".lora_magnitude_vector", ".lora_magnitude_vector.weight",
	                   ".lora_magnitude_vector.default.weight", ".lora_magnitude_vector.default");
	return p;
}

static bool check_tensor(struct adapter *a, const struct fmt_tensor *t, uint64_t rows, uint64_t cols)
{
	char text[160];

	if (t->type != FMT_F32 && t->type != FMT_F16 && t->type != FMT_BF16)
		return adapter_fail(a, FMT_UNSUPPORTED, t, "an adapter's tensors are F32, F16 or BF16");
	if (t->n_dims == 2 && t->dims[0] == rows && t->dims[1] == cols)
		return true;
	snprintf(text, sizeof text, t->n_dims == 2 ? "the shape is [%" PRIu64 ", %" PRIu64 "], the base asks for [%" PRIu64 ", %" PRIu64
	         "]: an adapter of another model" : "not a matrix", t->dims[0], t->dims[1], rows, cols);
	return adapter_fail(a, FMT_MISMATCH, t, text);
}

/* Both halves are there, of one rank, and fit the module's [rows, cols]. */
static bool check_pair(struct adapter *a, const struct pair *p, uint64_t rows, uint64_t cols)
{
	uint64_t rank = p->a->n_dims ? p->a->dims[0] : 0;

	if (!p->b)
		return adapter_fail(a, FMT_MISSING, p->a, "its other half (lora_B) is missing");
	if (!rank)
		return adapter_fail(a, FMT_MALFORMED, p->a, "its rank is 0");
	if (p->magnitude ? !a->peft.dora : a->peft.dora && !p->embedding)
		return adapter_fail(a, FMT_MISMATCH, p->a, a->peft.dora ? "its lora_magnitude_vector is missing (use_dora is true)"
		                   : "it has a lora_magnitude_vector, but use_dora is not true");
	if (p->magnitude && p->magnitude->n_elems != rows)
		return adapter_fail(a, FMT_MISMATCH, p->magnitude, "it has not one magnitude for each row of the base's matrix");
	return p->embedding ? check_tensor(a, p->a, rank, rows) && check_tensor(a, p->b, cols, rank)
	                    : check_tensor(a, p->a, rank, cols) && check_tensor(a, p->b, rows, rank);
}

bool adapter_add(struct adapter *a, const struct fmt_view_tensor *of, const char *end, const uint64_t dims[4], float factor,
                 struct view_source src)
{
	struct fmt_view_tensor t = { .part = of->part, .layer = of->layer, .type = src.tensor->type, .n_elems = 1,
		                     .op = factor == 1 ? FMT_OP_NONE : FMT_OP_FACTOR, .factor = factor };
	char name[160];
	int n = snprintf(name, sizeof name, "%.*s%s", (int)of->name.n, of->name.p, end);

	t.name = fmt_arena_str(&a->im->mem, (struct fmt_str){ name, (size_t)n }, a->err);
	if (!t.name.p || !view_grow(a->im, a->n, &a->cap, a->err))
		return false;
	for (; dims[t.n_dims]; t.n_dims++) {
		t.dims[t.n_dims] = dims[t.n_dims];
		t.n_elems *= dims[t.n_dims];
	}
	t.n_bytes = t.n_elems * fmt_type_info(t.type)->block_bytes;
	a->im->tensors[a->n] = t;
	a->im->sources[a->n++] = src;
	return true;
}

static struct view_source one(const struct fmt_tensor *t, enum arch_move move)
{
	return (struct view_source){ .tensor = t, .n_parts = 1, .move = move };
}

/* The keys of latent attention are transposed: the rows of A stand for those of B, head by head. */
static bool add_latent_k(struct adapter *a, const struct fmt_view_tensor *of, const struct pair *p, float factor)
{
	uint64_t rank = p->a->dims[0], heads = of->dims[0], latent = of->dims[1], keys = of->dims[2];
	struct view_source from_b = one(p->b, MOVE_LATENT_K);

	view_set_heads(&a->base->impl->conf, &from_b);
	return adapter_add(a, of, ".lora_a", (const uint64_t[4]){ heads, rank, keys }, factor, from_b) &&
	       adapter_add(a, of, ".lora_b", (const uint64_t[4]){ latent, rank }, 1, one(p->a, MOVE_TRANSPOSE));
}

static bool add_embedding(struct adapter *a, const struct fmt_view_tensor *of, const struct pair *p, float factor)
{
	uint64_t rank = p->a->dims[0];

	return adapter_add(a, of, ".lora_a", (const uint64_t[4]){ of->dims[0], rank }, 1, one(p->a, MOVE_TRANSPOSE)) &&
	       adapter_add(a, of, ".lora_b", (const uint64_t[4]){ of->dims[1], rank }, factor, one(p->b, MOVE_NONE));
}

static bool can_move(enum arch_move move, bool magnitude)
{
	switch (move) {
	case MOVE_NONE:
	case MOVE_TRANSPOSE: /* of a matrix whose halves PEFT has the right way round already */
	case MOVE_ROPE_Q:
	case MOVE_ROPE_K:
	case MOVE_QKV:
	case MOVE_TILE_ROWS:
	case MOVE_TILE_VALUES:
	case MOVE_TILE_COLUMNS: /* of A */
		return true;
	case MOVE_FIRST:
	case MOVE_SECOND:
	case MOVE_LATENT_V:
		return !magnitude;
	default:
		return false;
	}
}

/* An ordinary matrix: A as it is, B and the magnitudes with the rows' order. */
static bool add_matrix(struct adapter *a, const struct fmt_view_tensor *of, const struct arch_tensor *row, const struct pair *p,
                       float factor)
{
	uint64_t rank = p->a->dims[0], rows = of->dims[of->n_dims - 2];
	bool of_a = row->move == MOVE_TILE_COLUMNS;
	struct view_source from_a = one(p->a, of_a ? row->move : MOVE_NONE);
	struct view_source from_b = one(p->b, of_a || row->move == MOVE_TRANSPOSE ? MOVE_NONE : row->move), magnitude = from_b;

	view_set_heads(&a->base->impl->conf, &from_a);
	view_set_heads(&a->base->impl->conf, &from_b);
	view_set_heads(&a->base->impl->conf, &magnitude);
	magnitude.tensor = p->magnitude;
	if (!can_move(row->move, p->magnitude != NULL))
		return adapter_fail(a, FMT_UNSUPPORTED, p->a, "adapters of such tensors are not supported");
	return adapter_add(a, of, ".lora_a", (const uint64_t[4]){ rank, p->a->dims[1] }, 1, from_a) &&
	       adapter_add(a, of, ".lora_b", row->move == MOVE_LATENT_V ? (const uint64_t[4]){ of->dims[0], rows, rank }
	                                                         : (const uint64_t[4]){ rows, rank }, factor, from_b) &&
	       (!p->magnitude || adapter_add(a, of, ".lora_magnitude", (const uint64_t[4]){ rows }, 1, magnitude));
}

/* A stack: pairs of its matrices, all of one rank; those that have none stay as they are. first: one that has */
static bool add_stack(struct adapter *a, const struct fmt_view_tensor *of, const struct pair *pairs, uint64_t first, float factor)
{
	const struct pair *lead = &pairs[first];
	uint64_t n = of->dims[0], rank = lead->a->dims[0];
	const struct fmt_tensor **parts[3];
	struct view_source src[3];

	for (int k = 0; k < 3; k++) {
		parts[k] = fmt_arena_alloc(&a->im->mem, n, sizeof **parts, a->err);
		if (!parts[k])
			return false;
		for (uint64_t i = 0; i < n; i++)
			parts[k][i] = k == 0 ? pairs[i].a : k == 1 ? pairs[i].b : pairs[i].magnitude;
		src[k] = (struct view_source){ .tensor = parts[k][first], .stack = parts[k], .n_parts = n };
	}
	for (uint64_t i = first + 1; i < n; i++)
		if (pairs[i].a && (pairs[i].a->dims[0] != rank || pairs[i].a->type != lead->a->type || pairs[i].b->type != lead->b->type))
			return adapter_fail(a, FMT_UNSUPPORTED, pairs[i].a, "another rank or type than that of the experts before");
	return adapter_add(a, of, ".lora_a", (const uint64_t[4]){ n, rank, of->dims[2] }, 1, src[0]) &&
	       adapter_add(a, of, ".lora_b", (const uint64_t[4]){ n, of->dims[1], rank }, factor, src[1]) &&
	       (!lead->magnitude || adapter_add(a, of, ".lora_magnitude", (const uint64_t[4]){ n, of->dims[1] }, 1, src[2]));
}

/* "model.layers.0.self_attn.q_proj.weight" without its end. */
static struct fmt_str module_of(const char *name)
{
	struct fmt_str s = { name, strlen(name) };

	s.n -= fmt_str_ends(s, ".weight") ? strlen(".weight") : 0;
	return s;
}

static bool add_pairs(struct adapter *a, const struct fmt_view_tensor *of, const struct arch_tensor *row)
{
	struct view_shape shape = view_row_shape(&a->base->impl->conf, row, of);
	bool stacked = strchr(row->hf, '*') != NULL, turned = row->move == MOVE_TRANSPOSE;
	uint64_t n = stacked ? of->dims[0] : 1, n_found = 0, first = 0;
	struct pair *pairs = fmt_arena_alloc(&a->im->mem, n, sizeof *pairs, a->err);
	float factor = 1, own = 1;

	if (!pairs || shape.n != 2)
		return pairs != NULL;
	for (uint64_t i = 0; i < n; i++) {
		char name[VIEW_NAME_BYTES];
		struct fmt_str module;

		view_row_name(a->base->arch, &a->base->impl->conf, row, of->layer, i, name);
		module = module_of(name);
		pairs[i] = find_pair(a, module);
		if (!pairs[i].a)
			continue;
		if (!check_pair(a, &pairs[i], shape.dims[turned], shape.dims[!turned]) ||
		    !peft_factor(&a->peft, module, pairs[i].a->dims[0], &own, a->err))
			return false;
		if (n_found && own != factor)
			return adapter_fail(a, FMT_UNSUPPORTED, pairs[i].a, "another alpha than that of the experts before");
		factor = own;
		first = n_found++ ? first : i;
	}
	if (!n_found)
		return true;
	if (n_found < n && pairs[first].magnitude)
		return fmt_fail(a->err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tensor '%.*s': magnitudes for %" PRIu64 " of its %" PRIu64
		                " experts only", (int)of->name.n, of->name.p, n_found, n);
	return stacked                     ? add_stack(a, of, pairs, first, factor)
	       : pairs->embedding          ? add_embedding(a, of, pairs, factor)
	       : row->move == MOVE_LATENT_K && !pairs->magnitude ? add_latent_k(a, of, pairs, factor)
	                                   : add_matrix(a, of, row, pairs, factor);
}

/* What was trained as a whole (modules_to_save, biases) stands in the place of the base's. */
static bool add_whole(struct adapter *a, const struct fmt_view_tensor *of, const struct arch_tensor *row)
{
	struct view_shape want = view_row_shape(&a->base->impl->conf, row, of);
	char name[VIEW_NAME_BYTES];
	const struct fmt_tensor *t;
	const char *dot;
	struct fmt_view_tensor *made;

	if (strchr(row->hf, '*'))
		return true;
	view_row_name(a->base->arch, &a->base->impl->conf, row, of->layer, 0, name);
	dot = strrchr(name, '.');
	if (!dot)
		return true;
	t = look(a, name);
	for (int i = 0; !t && i < 3; i++) {
		static const char *const between[] = { "modules_to_save", "modules_to_save.default", "base_layer" };
		char other[VIEW_NAME_BYTES + 40];

		snprintf(other, sizeof other, "%.*s.%s%s", (int)(dot - name), name, between[i], dot);
		t = look(a, other);
	}
	if (!t)
		return true;
	if (t->n_dims != want.n || memcmp(t->dims, want.dims, want.n * sizeof *want.dims))
		return adapter_fail(a, FMT_MISMATCH, t, "another shape than the base's: an adapter of another model");
	if (t->type != FMT_F32 && t->type != FMT_F16 && t->type != FMT_BF16)
		return adapter_fail(a, FMT_UNSUPPORTED, t, "an adapter's tensors are F32, F16 or BF16");
	if (!adapter_add(a, of, "", of->dims, 1, one(t, row->move)))
		return false;
	made = &a->im->tensors[a->n - 1];
	made->op = row->op;
	made->role = of->role;
	made->keep_f32 = of->keep_f32;
	view_set_heads(&a->base->impl->conf, &a->im->sources[a->n - 1]);
	return true;
}

static bool add_all(struct adapter *a)
{
	for (uint64_t i = 0; i < a->base->n_tensors; i++) {
		const struct fmt_view_tensor *of = &a->base->tensors[i];
		const struct arch_tensor *row = a->base->impl->sources[i].row;

		if (row->hf && (!add_whole(a, of, row) || !add_pairs(a, of, row) || !adapter_experts(a, of, row)))
			return false;
	}
	for (uint64_t i = 0; i < a->m->n_tensors; i++)
		if (!a->used[i])
			return adapter_fail(a, FMT_MISMATCH, &a->m->tensors[i], "no place for it in the base: an adapter of another model");
	if (!a->n)
		return fmt_fail(a->err, FMT_MISSING, FMT_NO_OFFSET, "no tensor of an adapter is in it");
	a->v->tensors = a->im->tensors;
	a->v->n_tensors = a->n;
	return true;
}

static bool has_config(const char *dir)
{
	char text[4096];
	struct stat st;
	int n = snprintf(text, sizeof text, "%s/config.json", dir);

	return n > 0 && (size_t)n < sizeof text && !stat(text, &st);
}

/* The base's directory: as asked for, or as adapter_config.json names it, or of that name beside the adapter. */
static const char *find_base(struct adapter *a, const struct fmt_view_opts *opts)
{
	struct fmt_str name = a->peft.base;
	char *given, *slash, *parent, *beside, text[FMT_SHOW_BYTES];

	if (opts->base && has_config(opts->base))
		return opts->base;
	given = fmt_arena_bytes(&a->im->mem, name.p ? name.p : "", name.n, a->err);
	slash = given ? strrchr(given, '/') : NULL;
	parent = hf_path(&a->im->mem, a->v->path, "..", a->err);
	beside = parent ? hf_path(&a->im->mem, parent, slash ? slash + 1 : given, a->err) : NULL;
	if (!beside)
		return NULL;
	if (name.n && has_config(given))
		return given;
	if (name.n && has_config(beside))
		return beside;
	fmt_fail(a->err, FMT_MISSING, FMT_NO_OFFSET, "the config.json of its base (%s) is needed and not found, and a GGUF has none: "
	         "make the adapter a GGUF first (st2gguf ADAPTER --base DIR)", name.n ? fmt_show(name, text) : "which is not named");
	return NULL;
}

static struct fmt_model *open_weights(struct adapter *a)
{
	static const char *const names[] = { "adapter_model.safetensors", "adapter_model.bin" };
	struct stat st;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *path = hf_path(&a->im->mem, a->v->path, names[i], a->err);

		if (path && !stat(path, &st))
			return fmt_model_open(path, a->err);
	}
	fmt_fail(a->err, FMT_MISSING, FMT_NO_OFFSET, "neither adapter_model.safetensors nor adapter_model.bin is here");
	return NULL;
}

static bool add_keys(struct adapter *a)
{
	struct kv_list l = { .mem = &a->im->mem, .err = a->err };

	kv_str(&l, "general.architecture", a->base->arch_name);
	kv_str(&l, "general.type", FMT_STR("adapter"));
	kv_str(&l, "adapter.type", FMT_STR("lora"));
	kv_f32(&l, "adapter.lora.alpha", peft_alpha(&a->peft));
	a->v->kv = l.kv;
	a->v->n_kv = l.n;
	return !a->err->code;
}

bool view_adapter(struct fmt_view *v, const struct fmt_view_opts *opts, struct fmt_err *err)
{
	static const enum hf_file_id config[] = { HF_ADAPTER };
	struct fmt_view_opts plan = { .arch = opts->arch, .plan_only = true, .no_tokenizer = true };
	struct adapter a = { .v = v, .im = v->impl, .err = err };
	const char *base;

	v->from_dir = true;
	v->is_adapter = true;
	if (!hf_dir_open_files(&a.im->dir, &a.im->mem, v->path, config, 1, err))
		return false;
	if (!peft_read(hf_json(&a.im->dir, HF_ADAPTER), &a.peft, err)) {
		fmt_err_file(err, hf_file_path(&a.im->dir, HF_ADAPTER));
		return false;
	}
	a.m = v->weights = a.im->gguf = open_weights(&a);
	base = a.m ? find_base(&a, opts) : NULL;
	a.base = a.im->base = base ? fmt_view_open(base, &plan, err) : NULL;
	a.used = a.base ? fmt_arena_alloc(&a.im->mem, a.m->n_tensors, sizeof *a.used, err) : NULL;
	if (!a.used)
		return false;
	if (a.base->counted_only)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "its base can be counted, but not yet be converted");
	v->arch = a.base->arch;
	v->arch_name = a.base->arch_name;
	return add_keys(&a) && add_all(&a);
}
