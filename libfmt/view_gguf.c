/* A GGUF as a view: everything as it is, and what its architecture's description calls each tensor. */
#include <string.h>

#include "view_impl.h"

int32_t view_layer_of(struct fmt_str name, struct fmt_str *rest)
{
	uint32_t layer = 0;
	size_t i = 4;

	*rest = name;
	if (name.n < 6 || memcmp(name.p, "blk.", 4))
		return -1;
	while (i < name.n && i < 12 && name.p[i] >= '0' && name.p[i] <= '9')
		layer = layer * 10 + (uint32_t)(name.p[i++] - '0');
	if (i == 4 || i == name.n || name.p[i] != '.')
		return -1;
	*rest = (struct fmt_str){ name.p + i + 1, name.n - i - 1 };
	return (int32_t)layer;
}

static const struct arch_tensor *row_in(const struct arch_tensor *row, struct fmt_str rest)
{
	for (; row && row->role; row++)
		if (fmt_str_is(rest, row->gguf))
			return row;
	return NULL;
}

/* The description's row of a tensor; NULL: it has none. */
static const struct arch_tensor *row_of(const struct fmt_arch *arch, int32_t layer, struct fmt_str rest)
{
	const struct arch_tensor *row = arch ? row_in(layer < 0 ? arch->globals : arch->layers, rest) : NULL;

	if (row || !arch || layer < 0)
		return row;
	for (const struct arch_tensor *const *part = arch->parts; !row && part && *part; part++)
		row = row_in(*part, rest);
	return row ? row : row_in(arch->next, rest);
}

/* How many of the file's tensors a description knows. */
static uint64_t n_known(const struct fmt_arch *arch, const struct fmt_model *m)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < m->n_tensors; i++) {
		struct fmt_str rest;
		int32_t layer = view_layer_of(m->tensors[i].name, &rest);

		n += row_of(arch, layer, rest) != NULL;
	}
	return n;
}

/* The description of a GGUF in a table, if it knows more of the tensors than the best one before it. */
static const struct fmt_arch *better_arch(const struct fmt_arch *const *table, struct fmt_str name, const struct fmt_model *m,
                                          const struct fmt_arch *best)
{
	uint64_t most = best ? n_known(best, m) : 0;

	for (; *table && (!best || most < m->n_tensors); table++) {
		uint64_t n = *table != best && fmt_str_is(name, (*table)->gguf) ? n_known(*table, m) : 0;

		if (n > most) {
			best = *table;
			most = n;
		}
	}
	return best;
}

/* Several may have its name (Llama and Mixtral): the one that knows most of the tensors. One that can only be counted will do
 * where nothing is read. */
static const struct fmt_arch *choose_arch(struct fmt_str name, const struct fmt_model *m, bool plan_only)
{
	const struct fmt_arch *best = better_arch(arch_table, name, m, fmt_arch_by_gguf(name));

	return best || !plan_only ? best : better_arch(arch_counted, name, m, NULL);
}

static void describe(const struct fmt_view *v, const struct fmt_tensor *from, struct fmt_view_tensor *t)
{
	struct fmt_str rest;
	int32_t layer = view_layer_of(from->name, &rest);
	const struct arch_tensor *row = row_of(v->arch, layer, rest);

	*t = (struct fmt_view_tensor){
		.name = from->name, .role = row ? row->role : FMT_ROLE_NONE, .part = fmt_component_of(from->name), .layer = layer, .type = from->type,
		.n_dims = from->n_dims, .n_elems = from->n_elems, .n_bytes = from->n_bytes, .file = from->file,
	};
	memcpy(t->dims, from->dims, sizeof t->dims);
	t->second_half = row && (row->move == MOVE_SECOND || row->move == MOVE_LINEAR_Z);
	/* what is F32 in a file of other types was kept so; one dimension always is */
	t->keep_f32 = from->n_dims < 2 || fmt_str_ends(from->name, "_norm.weight");
}

bool view_gguf(struct fmt_view *v, const struct fmt_view_opts *opts, struct fmt_err *err)
{
	struct fmt_view_impl *im = v->impl;
	const struct fmt_value *x;

	im->gguf = opts->parts ? fmt_model_open_shards(opts->parts, opts->n_parts, err) : fmt_model_open(v->path, err);
	if (!im->gguf)
		return false;
	v->weights = im->gguf;
	v->kv = im->gguf->kv;
	v->n_kv = im->gguf->n_kv;
	x = fmt_model_get(im->gguf, "general.architecture");
	if (x && x->type == FMT_KV_STR)
		v->arch_name = x->as.s;
	v->arch = choose_arch(v->arch_name, im->gguf, opts->plan_only);
	x = fmt_model_get(im->gguf, "general.type");
	v->is_adapter = x && x->type == FMT_KV_STR && fmt_str_is(x->as.s, "adapter");
	x = fmt_model_get(im->gguf, VIEW_TOKENIZER_KEY);
	if (x && x->type == FMT_KV_STR)
		v->tokenizer_json = x->as.s;
	if (opts->vocab_only)
		return true;
	im->mem.limit_bytes += im->gguf->n_tensors * (sizeof *im->tensors + sizeof *im->sources);
	im->tensors = fmt_arena_alloc(&im->mem, im->gguf->n_tensors, sizeof *im->tensors, err);
	im->sources = fmt_arena_alloc(&im->mem, im->gguf->n_tensors, sizeof *im->sources, err);
	if (err->code)
		return false;
	for (uint64_t i = 0; i < im->gguf->n_tensors; i++) {
		describe(v, &im->gguf->tensors[i], &im->tensors[i]);
		im->sources[i] = (struct view_source){ .tensor = &im->gguf->tensors[i], .n_parts = 1 };
	}
	v->tensors = im->tensors;
	v->n_tensors = im->gguf->n_tensors;
	return true;
}
