/* llm-mem for people: parameters with their shares, the cache at each context, and what every type comes to. */
#include <inttypes.h>
#include <string.h>

#include "llm_mem.h"

#define BAR 24 /* characters of a share of 100% */

static void heading(const struct mem_report *r)
{
	char context[32];

	cli_print_str(stdout, (struct fmt_str){ r->path, strlen(r->path) });
	printf("  ");
	cli_print_str(stdout, r->view->arch_name);
	if (r->e.layers_known)
		printf(", %" PRIu64 " layers", r->e.n_layers);
	if (r->e.context)
		printf(", trained for %s tokens", cli_thousands(r->e.context, context));
	printf("\n\n");
}

static void share(const char *name, uint64_t n, uint64_t total)
{
	double part = total ? (double)n / (double)total : 0;
	int bar = (int)(part * BAR + 0.5);
	char count[32];

	printf("  %-16s %17s  %5.1f%%  ", name, cli_thousands(n, count), 100 * part);
	for (int i = 0; i < bar; i++)
		putchar('#');
	putchar('\n');
}

static void parameters(const struct fmt_estimate *e)
{
	char count[32], short_count[32];

	printf("parameters         %17s  %s\n", cli_thousands(e->total, count), cli_count(e->total, short_count));
	for (int s = 0; s < FMT_SHARE_COUNT; s++)
		if (e->by_share[s])
			share(fmt_share_name((enum fmt_share)s), e->by_share[s], e->total);
	if (e->n_experts) {
		printf("active per token   %17s  %s: %" PRIu64 " of %" PRIu64 " experts\n", cli_thousands(e->active, count),
		       cli_count(e->active, short_count), e->n_experts_used, e->n_experts);
		printf("  without input embedding %10s\n", cli_thousands(e->active_without_input_embedding, count));
	}
	if (e->n_next_layers)
		printf("besides            %17s  multi-token prediction, %" PRIu64 " layer%s\n", cli_thousands(e->next_params, count),
		       e->n_next_layers, e->n_next_layers == 1 ? "" : "s");
	if (e->tied)
		printf("  the output matrix is the embedding, and counted once\n");
	putchar('\n');
}

static void cache(const struct mem_report *r)
{
	static const char *const about[FMT_KEEP_COUNT] = { "ideal", "no window", "llama.cpp" };
	char text[32];

	if (!r->e.layers_known) {
		printf("cache              not known: the architecture is not described here\n\n");
		return;
	}
	printf("cache in %s", fmt_type_info(r->cache.type)->name);
	if (r->cache.sequences > 1)
		printf(", %" PRIu64 " sequences", r->cache.sequences);
	printf(", %s elements per token", cli_thousands(r->token_elems, text));
	if (r->token_elems_beyond != r->token_elems)
		printf(", %s past the window", cli_thousands(r->token_elems_beyond, text));
	printf("\n  %-12s", "context");
	for (size_t i = 0; i < r->n_contexts; i++)
		printf(" %12s", cli_thousands(r->contexts[i], text));
	putchar('\n');
	for (int keep = 0; keep < FMT_KEEP_COUNT; keep++) {
		printf("  %-12s", about[keep]);
		for (size_t i = 0; i < r->n_contexts; i++)
			printf(" %12s", cli_bytes(r->kv[keep][i], text));
		putchar('\n');
	}
	if (r->state)
		printf("  recurrent state, at any context: %s\n", cli_bytes(r->state, text));
	putchar('\n');
}

/* Sums past 64 bits are shown as what they are not. */
static const char *sum(const struct mem_report *r, const struct mem_weights *w, uint64_t context, char *text)
{
	struct fmt_err ignored = { .code = FMT_OK };
	struct fmt_cache_opts o = r->cache;
	struct mem_sum s;

	o.context = context;
	return mem_sum(r, w, &o, &s, &ignored) ? cli_bytes(s.total, text) : "too large";
}

static void weights(const struct mem_report *r)
{
	char text[32];

	printf("weights and cache (%s), %s", fmt_keep_name(r->cache.keep), "without a runtime's buffers");
	printf("\n  %-10s %6s %12s", "type", "bits", "weights");
	if (r->files_known)
		printf(" %17s", "file, bytes");
	for (size_t i = 0; i < r->n_contexts && r->e.layers_known; i++)
		printf(" %12s", cli_thousands(r->contexts[i], text));
	if (r->fit)
		printf("  fits up to");
	putchar('\n');
	for (size_t k = 0; k < r->n_weights; k++) {
		const struct mem_weights *w = &r->weights[k];

		printf("  %-10s %6.2f %12s", w->name, r->e.total ? 8.0 * (double)w->tensor_bytes / (double)r->e.total : 0,
		       cli_bytes(w->tensor_bytes, text));
		if (r->files_known)
			printf(" %17s", cli_thousands(w->file_bytes, text));
		for (size_t i = 0; i < r->n_contexts && r->e.layers_known; i++)
			printf(" %12s", sum(r, w, r->contexts[i], text));
		if (r->fit)
			printf("  %10s", w->fits ? cli_thousands(w->fits, text) : "-");
		putchar('\n');
	}
}

static void fit(const struct mem_report *r)
{
	char have[32], context[32];

	printf("\n%s at %s tokens: ", cli_bytes(r->fit, have), cli_thousands(r->fit_context, context));
	if (r->best)
		printf("%s fits\n", r->best->name);
	else
		printf("nothing fits\n");
}

static bool same_layer(const struct fmt_layer *a, const struct fmt_layer *b)
{
	return a->kind == b->kind && a->experts == b->experts && a->params == b->params && a->n_heads == b->n_heads &&
	       a->n_kv_heads == b->n_kv_heads && a->k_dim == b->k_dim && a->v_dim == b->v_dim && a->latent == b->latent &&
	       a->window == b->window && a->conv_elems == b->conv_elems && a->state_elems == b->state_elems;
}

static void layer(const struct fmt_layer *l, uint64_t first, uint64_t last)
{
	char range[48], params[32];

	snprintf(range, sizeof range, first == last ? "%" PRIu64 : "%" PRIu64 "-%" PRIu64, first, last);
	printf("  %-9s %15s  ", range, cli_thousands(l->params, params));
	if (l->kind == FMT_LAYER_FEED_FORWARD)
		printf("feed-forward");
	else if (!fmt_layer_attends(l))
		printf("%s, state %" PRIu64 " + %" PRIu64, l->kind == FMT_LAYER_LINEAR ? "linear attention" : "mamba", l->state_elems,
		       l->conv_elems);
	else if (l->kind == FMT_LAYER_LATENT)
		printf("attention, %" PRIu64 " heads, %" PRIu64 " latent elements per token", l->n_heads, l->latent);
	else
		printf("attention, %" PRIu64 " heads, %" PRIu64 " of keys x (%" PRIu64 " + %" PRIu64 ")", l->n_heads, l->n_kv_heads,
		       l->k_dim, l->v_dim);
	if (l->window)
		printf(", window %" PRIu64, l->window);
	printf("%s\n", l->experts ? "; experts" : "");
}

/* Runs of equal layers in one line each. */
static void layers(const struct fmt_estimate *e)
{
	if (!e->n_layers)
		return;
	printf("\n  %-9s %15s\n", "layers", "parameters each");
	for (uint64_t first = 0, i = 1; i <= e->n_layers; i++) {
		if (i < e->n_layers && same_layer(&e->layers[i], &e->layers[first]))
			continue;
		layer(&e->layers[first], first, i - 1);
		first = i;
	}
}

void mem_print_text(const struct mem_report *r)
{
	heading(r);
	parameters(&r->e);
	cache(r);
	weights(r);
	if (r->fit)
		fit(r);
	if (r->layers)
		layers(&r->e);
}
