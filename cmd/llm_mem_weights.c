/* llm-mem: bytes of weights and cache. */
#include <stdlib.h>
#include <string.h>

#include <libquant/transcode.h>

#include "llm_mem.h"
#include "st2gguf.h"

/* Keys, values and state at a context, under a policy. */
static bool cache_at(const struct mem_report *r, enum fmt_keep keep, uint64_t context, uint64_t *kv, uint64_t *state,
                     struct fmt_err *err)
{
	struct fmt_cache_opts o = r->cache;

	o.keep = keep;
	o.context = context;
	return fmt_estimate_cache(&r->e, &o, kv, state, err);
}

bool mem_cache(struct mem_report *r, struct fmt_err *err)
{
	if (!r->e.layers_known)
		return true;
	for (int keep = 0; keep < FMT_KEEP_COUNT; keep++)
		for (size_t i = 0; i < r->n_contexts; i++)
			if (!cache_at(r, (enum fmt_keep)keep, r->contexts[i], &r->kv[keep][i], &r->state, err))
				return false;
	return fmt_estimate_per_token(&r->e, &r->token_elems, &r->token_elems_beyond, err);
}

static bool learn(struct mem_report *r, struct fmt_err *err)
{
	if (!r->recipes)
		r->recipes = quant_recipe_learn(r->view, err);
	return r->recipes != NULL;
}

/* recipe NULL: every tensor as it is. */
static bool weigh(struct mem_report *r, const struct quant_recipe *recipe, struct fmt_err *err)
{
	struct conversion c = { .program = r->program, .view = r->view, .recipe = recipe, .imatrix = r->imatrix,
		                    .ask = { .imatrix = r->imatrix != NULL } };
	struct mem_weights *w = &r->weights[r->n_weights];
	bool ok = r->n_weights < MEM_MAX_TYPES || fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--quant: too many types");

	if (!ok || (recipe && !learn(r, err)))
		return false;
	c.model = r->recipes;
	ok = st2gguf_plan(&c, err);
	if (ok) {
		*w = (struct mem_weights){ .name = recipe ? recipe->name : "as stored", .file_bytes = c.file_bytes };
		r->n_weights++;
		ok = fmt_parts_init(&w->parts, &r->e, err);
		for (uint64_t i = 0; ok && i < r->view->n_tensors; i++) { /* the layout's sum did not overflow */
			uint64_t bytes = fmt_writer_bytes(c.writer, (uint32_t)i);

			ok = fmt_parts_add(&w->parts, &r->view->tensors[i], bytes, err);
			w->tensor_bytes += bytes;
			w->token_bytes += fmt_speed_tensor_bytes(&r->e, &r->view->tensors[i], bytes);
			w->elems_of[c.types[i]] += r->view->tensors[i].n_elems;
			w->tensors_of[c.types[i]]++;
		}
		w->thread_bytes = quant_transcode_thread_bytes(r->view, c.types);
	}
	st2gguf_plan_finish(&c);
	return ok;
}

bool mem_file_bytes(const struct mem_report *r, const struct quant_recipe *recipe, uint64_t *bytes, struct fmt_err *err)
{
	struct conversion c = { .program = r->program, .view = r->view, .recipe = recipe, .model = r->recipes };
	bool ok = st2gguf_plan(&c, err);

	*bytes = c.file_bytes;
	st2gguf_plan_finish(&c);
	return ok;
}

/* Bytes of all tensors in these types, whose rows are whole blocks; false: past 64 bits. */
static bool contents(const struct fmt_view *v, const enum fmt_type *types, uint64_t *sum)
{
	*sum = 0;
	for (uint64_t i = 0; i < v->n_tensors; i++) {
		uint64_t bytes = 0;

		if (!fmt_row_bytes(types[i], v->tensors[i].n_elems, &bytes) || *sum > UINT64_MAX - bytes)
			return false;
		*sum += bytes;
	}
	return true;
}

const char *mem_largest_quant(struct mem_report *r, const char *const *names, size_t n, uint64_t most, uint64_t *bytes,
                              struct fmt_err *err)
{
	enum fmt_type *types = calloc(r->view->n_tensors + 1, sizeof *types);
	const struct quant_recipe_opts opts = { .imatrix = r->imatrix != NULL };
	const char *largest = NULL;

	if (!types)
		fmt_fail_nomem(err, (r->view->n_tensors + 1) * sizeof *types);
	*bytes = 0;
	for (size_t i = 0; types && learn(r, err) && i < n; i++) {
		uint64_t sum;

		quant_recipe_plan_of(r->recipes, quant_recipe_find(names[i]), &opts, types, NULL);
		if (!contents(r->view, types, &sum) || sum > most || sum <= *bytes)
			continue;
		largest = names[i];
		*bytes = sum;
	}
	free(types);
	return largest;
}

void mem_weights_finish(struct mem_report *r)
{
	quant_recipe_forget(r->recipes);
	r->recipes = NULL;
	for (size_t i = 0; i < r->n_weights; i++)
		fmt_parts_finish(&r->weights[i].parts);
	r->n_weights = 0;
}

static bool weigh_named(struct mem_report *r, const char *name, size_t n, struct fmt_err *err)
{
	const struct quant_recipe *recipe;
	char copy[32];

	if (n < sizeof copy) {
		memcpy(copy, name, n);
		copy[n] = 0;
		recipe = quant_recipe_find(copy);
		if (recipe)
			return weigh(r, recipe, err);
	}
	return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "unknown type '%.*s' for --quant (st2gguf --help lists them; all: each of "
	                "them)", (int)(n < 60 ? n : 60), name);
}

/* What people choose among, the largest first. */
static bool weigh_usual(struct mem_report *r, struct fmt_err *err)
{
	static const char *const usual[] = { "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K" };

	if (!weigh(r, st2gguf_auto(r->view), err))
		return false;
	for (size_t i = 0; r->view->from_dir && i < sizeof usual / sizeof *usual; i++)
		if (!weigh(r, quant_recipe_find(usual[i]), err))
			return false;
	return true;
}

bool mem_weigh(struct mem_report *r, const char *quant, struct fmt_err *err)
{
	size_t n_recipes;
	const struct quant_recipe *all = quant_recipe_list(&n_recipes);

	if (!quant)
		return weigh_usual(r, err);
	if (!strcmp(quant, "all")) {
		for (size_t i = 0; i < n_recipes; i++)
			if (!weigh(r, &all[i], err))
				return false;
		return true;
	}
	for (const char *p = quant;; p++) {
		size_t n = strcspn(p, ",");

		if (!weigh_named(r, p, n, err))
			return false;
		p += n;
		if (!*p)
			return true;
	}
}

const char *mem_keep_name(const struct mem_report *r, enum fmt_keep keep)
{
	return keep == FMT_KEEP_LLAMA_CPP ? fmt_runtime_name(r->runtime.runtime) : fmt_keep_name(keep);
}

/* The runtime's buffers; those of the report's own contexts are worked out already. */
static bool buffers_at(const struct mem_report *r, const struct fmt_cache_opts *o, struct fmt_runtime_bytes *b,
                       struct fmt_err *err)
{
	struct fmt_runtime_opts runtime = r->runtime;

	for (size_t i = 0; i < r->n_contexts; i++)
		if (r->contexts[i] == o->context && o->type == runtime.k_type && o->sequences == runtime.sequences) {
			*b = r->buffers[i];
			return true;
		}
	runtime.k_type = runtime.v_type = o->type;
	runtime.context = o->context;
	runtime.sequences = o->sequences;
	return fmt_runtime_bytes(&r->e, &runtime, b, err);
}

/* What stands beside the weights. */
static bool beside(const struct mem_report *r, const struct fmt_cache_opts *o, struct mem_sum *s, struct fmt_err *err)
{
	struct fmt_runtime_bytes b = { .kv = 0 };

	if (!r->e.layers_known)
		return true;
	if (o->keep != FMT_KEEP_LLAMA_CPP)
		return fmt_estimate_cache(&r->e, o, &s->kv, &s->state, err);
	if (!buffers_at(r, o, &b, err))
		return false;
	s->kv = b.kv;
	s->state = b.state;
	s->buffers = b.total - b.kv - b.state;
	return true;
}

bool mem_sum(const struct mem_report *r, const struct mem_weights *w, const struct fmt_cache_opts *o, struct mem_sum *s,
             struct fmt_err *err)
{
	*s = (struct mem_sum){ .weights = w ? w->tensor_bytes : 0 };
	if (!beside(r, o, s, err))
		return false;
	if (s->weights > UINT64_MAX - s->kv || s->weights + s->kv > UINT64_MAX - s->state ||
	    s->weights + s->kv + s->state > UINT64_MAX - s->buffers)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the sum of weights, cache and buffers does not fit into 64 bits");
	s->total = s->weights + s->kv + s->state + s->buffers;
	return true;
}
