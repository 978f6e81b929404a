/* Each figure of llm-mem written as the product that it is. The numbers are those that were multiplied, from the same
 * tensors and layers; a test multiplies them again. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "llm_mem_figures.h"

/* Starts a figure; its expression goes to the stream until end(). NULL where there is no memory: all writes are then left
 * out, and figures_init fails. */
static struct figure *begin(struct figures *x, const char *title)
{
	struct figure *f;

	if (x->n == x->cap) {
		size_t cap = x->cap ? 2 * x->cap : 32;
		struct figure *list = realloc(x->list, cap * sizeof *list);

		if (!list) {
			x->no_memory = true;
			return NULL;
		}
		x->list = list;
		x->cap = cap;
	}
	f = &x->list[x->n];
	*f = (struct figure){ .share = -1 };
	x->f = open_memstream(&f->expression, &x->size);
	if (!x->f) {
		x->no_memory = true;
		return NULL;
	}
	snprintf(f->title, sizeof f->title, "%s", title);
	x->n++;
	return f;
}

static void end(struct figures *x, struct figure *f, uint64_t value)
{
	f->value = value;
	if (fclose(x->f) != 0)
		x->no_memory = true;
}

/* What a number rests on. */
static void rests_on(const struct figures *x, struct figure *f, enum fmt_number n)
{
	char unseen[FMT_TERMS_BYTES];

	fmt_explain_number(x->r->view, n, unseen, &f->used);
}

static bool same_shape(const struct fmt_tensor_kind *a, const struct fmt_tensor_kind *b)
{
	return a->first->n_dims == b->first->n_dims &&
	       !memcmp(a->first->dims, b->first->dims, a->first->n_dims * sizeof *a->first->dims);
}

static bool same_group(const struct fmt_tensor_kind *a, const struct fmt_tensor_kind *b)
{
	return a->share == b->share && a->n_tensors == b->n_tensors && (a->first->layer < 0) == (b->first->layer < 0);
}

static void shape(FILE *f, const struct fmt_view_tensor *t)
{
	if (t->n_dims == 0)
		fputs("1", f); /* a single number */
	for (uint32_t d = 0; d < t->n_dims; d++)
		fprintf(f, "%s%" PRIu64, d ? " x " : "", t->dims[d]);
}

/* Tensors that come equally often, each shape once: "32 layers x (2 x 4096 x 4096 + 2 x 1024 x 4096)". */
static void group(struct figures *x, size_t first, bool *done)
{
	const struct fmt_tensor_kind *k = x->kinds.kinds, *g = &k[first];
	size_t shapes = 0, count[FMT_MAX_KINDS] = { 0 };

	for (size_t i = first; i < x->kinds.n; i++) {
		size_t j = first;

		if (!same_group(&k[i], g))
			continue;
		while (!same_group(&k[j], g) || !same_shape(&k[j], &k[i]))
			j++;
		shapes += count[j]++ == 0;
		done[i] = true;
	}
	if (g->n_tensors > 1 || g->first->layer >= 0)
		fprintf(x->f, "%" PRIu64 " %s%s x ", g->n_tensors, g->first->layer >= 0 ? "layer" : "tensor",
		        g->n_tensors == 1 ? "" : "s");
	if (shapes > 1)
		fputc('(', x->f);
	for (size_t i = first; i < x->kinds.n; i++) {
		if (!count[i])
			continue;
		fputs(i > first ? " + " : "", x->f);
		if (count[i] > 1)
			fprintf(x->f, "%zu x ", count[i]);
		shape(x->f, k[i].first);
	}
	if (shapes > 1)
		fputc(')', x->f);
}

static void of_share(struct figures *x, enum fmt_share s)
{
	struct figure *f = begin(x, fmt_share_name(s));
	bool done[FMT_MAX_KINDS] = { false }, more = false;
	char unseen[FMT_TERMS_BYTES];

	if (!f)
		return;
	snprintf(f->name, sizeof f->name, "parameters.by_component.%s", fmt_share_name(s));
	f->share = (int)s;
	for (size_t i = 0; i < x->kinds.n; i++) {
		const struct fmt_tensor_kind *k = &x->kinds.kinds[i];

		if (k->share != s)
			continue;
		for (uint32_t d = 0; d < k->first->n_dims; d++)
			fmt_explain_dim(x->r->view, k->first, d, unseen, &f->used);
		if (k->first->layer >= 0)
			rests_on(x, f, FMT_NUMBER_LAYERS);
		if (done[i])
			continue;
		fputs(more ? " + " : "", x->f);
		group(x, i, done);
		more = true;
	}
	if (x->kinds.others[s])
		fprintf(x->f, "%s%" PRIu64 " of other tensors", more ? " + " : "", x->kinds.others[s]);
	if (s == FMT_SHARE_DENSE_FFN || s == FMT_SHARE_ROUTER || s == FMT_SHARE_ROUTED_EXPERTS || s == FMT_SHARE_SHARED_EXPERTS)
		rests_on(x, f, FMT_NUMBER_EXPERTS);
	if (s == FMT_SHARE_EMBEDDINGS)
		rests_on(x, f, FMT_NUMBER_TIED);
	end(x, f, x->r->e.by_share[s]);
}

void figures_add(struct figures *x, const char *name, const char *title, uint64_t value, const char *format, ...)
{
	struct figure *f = begin(x, title);
	va_list args;

	if (!f)
		return;
	snprintf(f->name, sizeof f->name, "%s", name);
	va_start(args, format);
	vfprintf(x->f, format, args);
	va_end(args);
	end(x, f, value);
}

static void total(struct figures *x)
{
	const struct fmt_estimate *e = &x->r->e;
	struct figure *f = begin(x, "parameters");
	bool more = false;

	if (!f)
		return;
	snprintf(f->name, sizeof f->name, "parameters.total");
	for (int s = 0; s < FMT_SHARE_COUNT; s++) {
		if (!e->by_share[s])
			continue;
		fprintf(x->f, "%s%" PRIu64 " %s", more ? " + " : "", e->by_share[s], fmt_share_name((enum fmt_share)s));
		more = true;
	}
	fputs(more ? "" : "0", x->f);
	end(x, f, e->total);
}

static void parameters(struct figures *x)
{
	const struct fmt_estimate *e = &x->r->e;
	uint64_t routed = e->by_share[FMT_SHARE_ROUTED_EXPERTS], embeddings = e->by_share[FMT_SHARE_EMBEDDINGS];

	for (int s = 0; s < FMT_SHARE_COUNT; s++)
		if (e->by_share[s])
			of_share(x, (enum fmt_share)s);
	total(x);
	if (e->n_experts && routed) {
		figures_add(x, "parameters.active", "active per token", e->active,
		         "%" PRIu64 " - %" PRIu64 " routed_experts + %" PRIu64 " / %" PRIu64 " experts x %" PRIu64 " per token",
		         e->total, routed, routed, e->n_experts, e->n_experts_used);
		if (!x->no_memory) {
			rests_on(x, &x->list[x->n - 1], FMT_NUMBER_EXPERTS);
			rests_on(x, &x->list[x->n - 1], FMT_NUMBER_EXPERTS_USED);
		}
	} else {
		figures_add(x, "parameters.active", "active per token", e->active, "%" PRIu64 " parameters", e->total);
	}
	figures_add(x, "parameters.active_without_input_embedding", "active, no input embedding",
	         e->active_without_input_embedding, "%" PRIu64 " active - %" PRIu64 " embeddings%s", e->active,
	         e->tied ? 0 : embeddings, e->tied ? " (they are the output matrix)" : "");
	figures_add(x, "parameters.non_embedding", "without embeddings and head", e->non_embedding,
	         "%" PRIu64 " - %" PRIu64 " embeddings - %" PRIu64 " lm_head", e->total, embeddings,
	         e->by_share[FMT_SHARE_LM_HEAD]);
}

static void next_layers(struct figures *x)
{
	const struct fmt_estimate *e = &x->r->e;

	if (!e->n_next_layers || !e->n_layers || !x->r->view->from_dir)
		return;
	figures_add(x, "multi_token_prediction.parameters", "multi-token prediction", e->next_params,
	         "%" PRIu64 " layers x (%" PRIu64 " as in the last + 2 x %" PRIu64 " x %" PRIu64 " + 3 norms x %" PRIu64 ")",
	         e->n_next_layers, e->layers[e->n_layers - 1].params, e->model_width, e->model_width, e->model_width);
	if (x->no_memory)
		return;
	rests_on(x, &x->list[x->n - 1], FMT_NUMBER_NEXT_LAYERS);
	rests_on(x, &x->list[x->n - 1], FMT_NUMBER_MODEL_WIDTH);
}

/* Whether two layers keep the same. */
static bool keeps_same(const struct fmt_layer *a, const struct fmt_layer *b)
{
	return fmt_layer_attends(a) == fmt_layer_attends(b) && a->n_kv_heads == b->n_kv_heads && a->k_dim == b->k_dim &&
	       a->v_dim == b->v_dim && a->latent == b->latent && a->window == b->window && a->conv_elems == b->conv_elems &&
	       a->state_elems == b->state_elems;
}

/* Layers that keep the same as the i-th, in *n; false: an earlier one stands for it. */
static bool first_of_its_kind(const struct fmt_estimate *e, uint64_t i, uint64_t *n)
{
	*n = 0;
	for (uint64_t j = 0; j < e->n_layers; j++) {
		if (!keeps_same(&e->layers[i], &e->layers[j]))
			continue;
		if (j < i)
			return false;
		++*n;
	}
	return true;
}

/* "2 x 8 heads x 128" */
static void per_token(struct figures *x, struct figure *f, const struct fmt_layer *l)
{
	if (l->latent)
		fprintf(x->f, "%" PRIu64 " latent", l->latent);
	else if (l->k_dim == l->v_dim)
		fprintf(x->f, "2 x %" PRIu64 " heads x %" PRIu64, l->n_kv_heads, l->k_dim);
	else
		fprintf(x->f, "%" PRIu64 " heads x (%" PRIu64 " + %" PRIu64 ")", l->n_kv_heads, l->k_dim, l->v_dim);
	rests_on(x, f, FMT_NUMBER_LAYERS);
	if (l->latent) {
		rests_on(x, f, FMT_NUMBER_LATENT);
	} else {
		rests_on(x, f, FMT_NUMBER_KV_HEADS);
		rests_on(x, f, FMT_NUMBER_HEAD_DIM);
	}
}

static void type_bytes(FILE *f, enum fmt_type type)
{
	const struct fmt_type_info *t = fmt_type_info(type);

	fprintf(f, " x %" PRIu32 " bytes", t->block_bytes);
	if (t->block_elems > 1)
		fprintf(f, " / %" PRIu32, t->block_elems);
}

static void tokens(struct figures *x, struct figure *f, const struct fmt_layer *l, const struct fmt_cache_opts *o)
{
	uint64_t cells = o->context;
	bool window = l->window && o->keep != FMT_KEEP_NO_WINDOW;

	fmt_estimate_cells(&x->r->e, l, o, &cells); /* it did not overflow when the cache was counted */
	fprintf(x->f, " x %" PRIu64 " %s", cells,
	        cells == o->context                       ? "tokens" :
	        window && o->keep == FMT_KEEP_LLAMA_CPP ? "cells for window and ubatch" :
	        window                                  ? "tokens of the window" :
	                                                  "cells");
	if (window)
		rests_on(x, f, FMT_NUMBER_WINDOW);
}

/* Keys and values of every layer; at a context, or per token where o is NULL. */
static void cache(struct figures *x, struct figure *f, const struct fmt_cache_opts *o)
{
	const struct fmt_estimate *e = &x->r->e;
	bool more = false;
	uint64_t n;

	for (uint64_t i = 0; i < e->n_layers; i++) {
		if (!fmt_layer_attends(&e->layers[i]) || !first_of_its_kind(e, i, &n))
			continue;
		fprintf(x->f, "%s%" PRIu64 " layer%s x ", more ? " + " : "", n, n == 1 ? "" : "s");
		per_token(x, f, &e->layers[i]);
		more = true;
		if (!o)
			continue;
		tokens(x, f, &e->layers[i], o);
		type_bytes(x->f, o->type);
		if (o->sequences > 1)
			fprintf(x->f, " x %" PRIu64 " sequences", o->sequences);
	}
	if (!more)
		fputs("0 layers with attention", x->f);
}

static void cache_at(struct figures *x, enum fmt_keep keep, size_t i)
{
	struct fmt_cache_opts o = x->r->cache;
	struct figure *f;
	char title[64], context[32];

	o.keep = keep;
	o.context = x->r->contexts[i];
	snprintf(title, sizeof title, "cache, %s tokens, %s", cli_thousands(o.context, context), fmt_keep_name(keep));
	f = begin(x, title);
	if (!f)
		return;
	snprintf(f->name, sizeof f->name, "kv_cache.bytes.%s.%" PRIu64, fmt_keep_name(keep), o.context);
	f->bytes = true;
	cache(x, f, &o);
	end(x, f, x->r->kv[keep][i]);
}

/* Under each policy, but not the same figure twice. */
static void caches(struct figures *x)
{
	const struct mem_report *r = x->r;
	struct figure *f = begin(x, "elements per token");

	if (!f)
		return;
	snprintf(f->name, sizeof f->name, "kv_cache.elements_per_token_all_layers");
	cache(x, f, NULL);
	end(x, f, r->token_elems);
	for (size_t i = 0; i < r->n_contexts; i++)
		for (int keep = 0; keep < FMT_KEEP_COUNT; keep++)
			if (keep == (int)r->cache.keep || r->kv[keep][i] != r->kv[r->cache.keep][i])
				cache_at(x, (enum fmt_keep)keep, i);
}

static void state(struct figures *x)
{
	const struct fmt_estimate *e = &x->r->e;
	struct figure *f = x->r->state ? begin(x, "recurrent state") : NULL;
	bool more = false;
	uint64_t n;

	if (!f)
		return;
	snprintf(f->name, sizeof f->name, "kv_cache.recurrent_state_bytes");
	f->bytes = true;
	for (uint64_t i = 0; i < e->n_layers; i++) {
		const struct fmt_layer *l = &e->layers[i];

		if (l->conv_elems + l->state_elems == 0 || !first_of_its_kind(e, i, &n))
			continue;
		fprintf(x->f, "%s%" PRIu64 " layers x (%" PRIu64 " + %" PRIu64 " of convolution) x 4 bytes", more ? " + " : "", n,
		        l->state_elems, l->conv_elems);
		if (x->r->cache.sequences > 1)
			fprintf(x->f, " x %" PRIu64 " sequences", x->r->cache.sequences);
		more = true;
	}
	rests_on(x, f, FMT_NUMBER_LAYERS);
	rests_on(x, f, FMT_NUMBER_STATE);
	rests_on(x, f, FMT_NUMBER_CONV_KERNEL);
	rests_on(x, f, FMT_NUMBER_CONV_WIDTH);
	end(x, f, x->r->state);
}

static void weights(struct figures *x, const struct mem_weights *w)
{
	char title[64];
	struct figure *f;
	bool more = false;

	snprintf(title, sizeof title, "weights %s", w->name);
	f = begin(x, title);
	if (!f)
		return;
	snprintf(f->name, sizeof f->name, "weights.%s.tensor_bytes", w->name);
	f->bytes = true;
	f->weights = w;
	for (int t = 0; t < FMT_TYPE_COUNT; t++) {
		if (!w->tensors_of[t])
			continue;
		fprintf(x->f, "%s%" PRIu64 " %s", more ? " + " : "", w->elems_of[t], fmt_type_info((enum fmt_type)t)->name);
		type_bytes(x->f, (enum fmt_type)t);
		more = true;
	}
	fputs(more ? "" : "0", x->f);
	end(x, f, w->tensor_bytes);
}

/* Everything at once, at each context. A sum past 64 bits is left out, as in the JSON. */
static void totals(struct figures *x, const struct mem_weights *w)
{
	struct fmt_cache_opts o = x->r->cache;

	for (size_t i = 0; i < x->r->n_contexts; i++) {
		struct fmt_err ignored = { .code = FMT_OK };
		struct mem_sum s;
		char name[80], title[64], context[32];

		o.context = x->r->contexts[i];
		if (!mem_sum(x->r, w, &o, &s, &ignored))
			continue;
		snprintf(name, sizeof name, "weights.%s.total_bytes.%" PRIu64, w->name, o.context);
		snprintf(title, sizeof title, "%s at %s tokens", w->name, cli_thousands(o.context, context));
		figures_add(x, name, title, s.total, "%" PRIu64 " of weights + %" PRIu64 " of cache + %" PRIu64 " of state + %" PRIu64
		         " of buffers", s.weights, s.kv, s.state, s.buffers);
		if (x->no_memory)
			return;
		x->list[x->n - 1].bytes = x->list[x->n - 1].plain = true;
	}
}

/* What the runtime takes beside the weights. */
static void buffers(struct figures *x, size_t i)
{
	const struct fmt_runtime_bytes *b = &x->r->buffers[i];
	char name[80], title[64], context[32];

	snprintf(name, sizeof name, "buffers.%" PRIu64 ".total_bytes", x->r->contexts[i]);
	snprintf(title, sizeof title, "beside the weights, %s tokens, %s", cli_thousands(x->r->contexts[i], context),
	         fmt_runtime_name(x->r->runtime.runtime));
	figures_add(x, name, title, b->total,
	            "%" PRIu64 " cache + %" PRIu64 " state + %" PRIu64 " compute + %" PRIu64 " output + %" PRIu64
	            " of its own", b->kv, b->state, b->compute, b->output, b->other);
	if (!x->no_memory)
		x->list[x->n - 1].bytes = true;
}

bool figures_init(struct figures *x, const struct mem_report *r, struct fmt_err *err)
{
	*x = (struct figures){ .r = r };
	if (!fmt_tensor_kinds_init(&x->kinds, r->view, &r->e, err))
		return false;
	parameters(x);
	next_layers(x);
	if (r->e.layers_known) {
		caches(x);
		state(x);
		for (size_t i = 0; i < r->n_contexts; i++)
			buffers(x, i);
	}
	for (size_t i = 0; i < r->n_weights; i++)
		weights(x, &r->weights[i]);
	for (size_t i = 0; i < r->n_weights && r->e.layers_known; i++)
		totals(x, &r->weights[i]);
	if (!figures_speed(x, err))
		return false;
	figures_training(x);
	return !x->no_memory || fmt_fail_nomem(err, x->cap * sizeof *x->list);
}

void figures_finish(struct figures *x)
{
	for (size_t i = 0; i < x->n; i++)
		free(x->list[i].expression);
	free(x->list);
	fmt_tensor_kinds_finish(&x->kinds);
	*x = (struct figures){ .n = 0 };
}
