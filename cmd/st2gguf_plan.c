/* The plan of a conversion: a type for every tensor, the keys, and the layout of the file. llm-mem makes it too, from
 * config.json alone, so that both speak of the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "st2gguf.h"

const struct quant_recipe *st2gguf_auto(const struct fmt_view *v)
{
	enum fmt_type stored = FMT_F32;

	if (!v->from_dir)
		return NULL;
	for (uint64_t i = 0; i < v->n_tensors; i++) {
		if (v->tensors[i].keep_f32 || v->tensors[i].type == FMT_MXFP4)
			continue;
		stored = v->tensors[i].type;
		break;
	}
	if (stored != FMT_F32 && stored != FMT_F16)
		stored = FMT_BF16;
	return quant_recipe_find(fmt_type_info(stored)->name);
}

bool st2gguf_adapter_check(const struct fmt_view *v, const struct quant_recipe *recipe, const struct cli_list *loras,
                           struct fmt_err *err)
{
	const char *why = NULL;

	if (!v->is_adapter)
		return true;
	if (loras->n)
		why = "SOURCE is an adapter itself: --lora merges into a model";
	else if (recipe && fmt_type_info(recipe->base)->block_elems > 1)
		why = "the matrices of an adapter are too narrow for blocks: F32, F16, BF16 or auto";
	if (why)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "%s", why);
	for (uint64_t i = 0; i < v->n_tensors; i++) {
		const struct fmt_view_tensor *t = &v->tensors[i];

		if (fmt_str_ends(t->name, ".lora_a") || fmt_str_ends(t->name, ".lora_b"))
			continue;
		fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "%.*s: a GGUF adapter cannot hold %s; merge it: st2gguf BASE --lora %s",
		         (int)t->name.n, t->name.p, fmt_str_ends(t->name, ".lora_magnitude") ? "magnitudes (DoRA)" : "a whole tensor",
		         v->path);
		fmt_err_file(err, v->path);
		return false;
	}
	return true;
}

/* Adapters: the type that is asked for, where none is what is stored; what changes on the way keeps all its bits. */
static void plan_adapter(struct conversion *c)
{
	for (uint64_t i = 0; i < c->view->n_tensors; i++) {
		const struct fmt_view_tensor *t = &c->view->tensors[i];

		c->types[i] = !c->keep_blocks && c->recipe ? c->recipe->base : t->op == FMT_OP_NONE ? t->type : FMT_F32;
		c->why[i] = c->types[i] == t->type ? "kept" : "adapter";
	}
}

static bool plan_types(struct conversion *c, struct fmt_err *err)
{
	uint64_t n = c->view->n_tensors;

	c->types = calloc(n + 1, sizeof *c->types);
	c->why = calloc(n + 1, sizeof *c->why);
	if (!c->types || !c->why)
		return fmt_fail_nomem(err, (n + 1) * sizeof *c->why);
	if (c->view->is_adapter) {
		plan_adapter(c);
		return true;
	}
	if (c->recipe && c->model) {
		quant_recipe_plan_of(c->model, c->recipe, &c->ask, c->types, c->why);
		return true;
	}
	if (c->recipe && !quant_recipe_plan(c->view, c->recipe, &c->ask, c->types, c->why, err))
		return false;
	for (uint64_t i = 0; i < n; i++) {
		if (c->recipe && !(c->keep_blocks && c->view->tensors[i].type == FMT_MXFP4))
			continue;
		c->types[i] = c->view->tensors[i].type;
		c->why[i] = "kept";
	}
	return true;
}

/* Keys that say how the tensors are stored follow what is written; those of a split file would be wrong in one file. */
struct key_rule {
	const char *key;
	bool drop;       /* else `value` stands in its place, or at the end where the source has no such key */
	bool seen;
	struct fmt_value value;
};

static bool write_kv(struct conversion *c, struct key_rule *rules, size_t n_rules, const struct fmt_kv *kv,
                     struct fmt_err *err)
{
	struct fmt_kv changed = *kv;

	for (size_t i = 0; i < n_rules; i++) {
		if (!fmt_str_is(kv->key, rules[i].key))
			continue;
		if (rules[i].drop)
			return true;
		rules[i].seen = true;
		changed.value = rules[i].value;
	}
	return fmt_writer_kv(c->writer, &changed, err);
}

static struct fmt_value value_u32(uint64_t n)
{
	return (struct fmt_value){ .type = FMT_KV_U32, .as.u = n };
}

static struct fmt_value value_str(struct fmt_str s)
{
	return (struct fmt_value){ .type = FMT_KV_STR, .as.s = s };
}

/* Which importance matrix it was made with, under llama-quantize's keys. */
static size_t imatrix_keys(const struct fmt_imatrix *im, struct key_rule *rules)
{
	const char *slash = strrchr(im->path, '/'), *file = slash ? slash + 1 : im->path;
	size_t n = 0;

	rules[n++] = (struct key_rule){ .key = "quantize.imatrix.file", .value = value_str((struct fmt_str){ file, strlen(file) }) };
	if (im->dataset.n)
		rules[n++] = (struct key_rule){ .key = "quantize.imatrix.dataset", .value = value_str(im->dataset) };
	rules[n++] = (struct key_rule){ .key = "quantize.imatrix.entries_count", .value = value_u32(im->n_entries) };
	if (im->n_chunks)
		rules[n++] = (struct key_rule){ .key = "quantize.imatrix.chunks_count", .value = value_u32(im->n_chunks) };
	return n;
}

static bool write_keys(struct conversion *c, const char *name, struct fmt_err *err)
{
	struct key_rule rules[12] = {
		{ .key = "split.no", .drop = true },
		{ .key = "split.count", .drop = true },
		{ .key = "split.tensors.count", .drop = true },
	};
	size_t n = 3;

	if (c->recipe) {
		rules[n++] = (struct key_rule){ .key = "general.file_type", .value = value_u32((uint64_t)c->recipe->file_type) };
		/* GGML_QNT_VERSION: the layout of blocks since 2023 */
		rules[n++] = (struct key_rule){ .key = "general.quantization_version", .value = value_u32(2) };
	}
	if (c->imatrix)
		n += imatrix_keys(c->imatrix, rules + n);
	if (name)
		rules[n++] = (struct key_rule){ .key = "general.name", .value = value_str((struct fmt_str){ name, strlen(name) }) };
	for (uint64_t i = 0; i < c->view->n_kv; i++)
		if (!write_kv(c, rules, n, &c->view->kv[i], err))
			return false;
	for (size_t i = 0; i < n; i++) {
		struct fmt_kv kv = { .key = { rules[i].key, strlen(rules[i].key) }, .value = rules[i].value };

		if (!rules[i].drop && !rules[i].seen && !fmt_writer_kv(c->writer, &kv, err))
			return false;
	}
	return true;
}

static bool lay_out(struct conversion *c, const char *name, struct fmt_err *err)
{
	c->writer = fmt_writer_create(FMT_OUT_GGUF, err);
	if (!c->writer || !write_keys(c, name, err))
		return false;
	for (uint64_t i = 0; i < c->view->n_tensors; i++) {
		const struct fmt_view_tensor *vt = &c->view->tensors[i];
		uint32_t index;

		if (!fmt_writer_tensor(c->writer, vt->name, c->types[i], vt->n_dims, vt->dims, &index, err))
			return false;
	}
	return fmt_writer_layout(c->writer, &c->file_bytes, err);
}

bool st2gguf_plan(struct conversion *c, const char *name, struct fmt_err *err)
{
	return plan_types(c, err) && lay_out(c, name, err);
}

void st2gguf_plan_finish(struct conversion *c)
{
	fmt_writer_destroy(c->writer);
	free(c->types);
	free(c->why);
	c->writer = NULL;
	c->types = NULL;
	c->why = NULL;
}
