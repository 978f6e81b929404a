/* The plan of a conversion: a type for every tensor, and the layout of the file. llm-mem makes it too, from
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
		if (v->tensors[i].keep_f32 || v->tensors[i].type == FMT_MXFP4 || v->tensors[i].type == FMT_NVFP4)
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

		c->types[i] = !c->ask.keep_blocks && c->recipe ? c->recipe->base : t->op == FMT_OP_NONE ? t->type : FMT_F32;
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
	if (!c->recipe && !c->ask.overrides && !c->ask.output_given && !c->ask.embedding_given) {
		/* a copy asks nothing of the metadata, which may be of a kind that recipes do not understand */
		for (uint64_t i = 0; i < n; i++) {
			c->types[i] = c->view->tensors[i].type;
			c->why[i] = quant_recipe_kept;
		}
		return true;
	}
	if (!c->model)
		return quant_recipe_plan(c->view, c->recipe, &c->ask, c->types, c->why, err);
	quant_recipe_plan_of(c->model, c->recipe, &c->ask, c->types, c->why);
	return true;
}

static bool lay_out(struct conversion *c, struct fmt_err *err)
{
	c->writer = fmt_writer_create(FMT_OUT_GGUF, err);
	if (!c->writer || !st2gguf_write_keys(c, c->writer, err))
		return false;
	for (uint64_t i = 0; i < c->view->n_tensors; i++) {
		const struct fmt_view_tensor *vt = &c->view->tensors[i];
		uint32_t index;

		if (!fmt_writer_tensor(c->writer, vt->name, c->types[i], vt->n_dims, vt->dims, &index, err))
			return false;
	}
	return fmt_writer_layout(c->writer, &c->file_bytes, err);
}

bool st2gguf_plan(struct conversion *c, struct fmt_err *err)
{
	return plan_types(c, err) && lay_out(c, err);
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
