/* llm-mem for people: parameters with their shares, the cache at each context, and what every type comes to. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "llm_mem.h"

#define BAR 24 /* characters of a share of 100% */
#define COLUMNS 80

/* On one line of a terminal, or two. */
static void heading(const struct mem_report *r)
{
	char context[32], layers[32] = "", trained[64] = "";
	size_t width = strlen(r->path) + 2 + r->view->arch_name.n;

	if (r->e.layers_known)
		width += (size_t)snprintf(layers, sizeof layers, ", %" PRIu64 " layers", r->e.n_layers);
	if (r->e.context)
		width += (size_t)snprintf(trained, sizeof trained, ", trained for %s tokens", cli_thousands(r->e.context, context));
	cli_print_str(stdout, (struct fmt_str){ r->path, strlen(r->path) });
	fputs(width > COLUMNS ? "\n  " : "  ", stdout);
	cli_print_str(stdout, r->view->arch_name);
	printf("%s%s\n\n", layers, trained);
}

static void share(const char *name, uint64_t n, uint64_t total)
{
	double part = total ? (double)n / (double)total : 0;
	char count[32];

	printf("  %-16s %17s  %5.1f%%  ", name, cli_thousands(n, count), 100 * part);
	cli_print_bar(stdout, part, BAR);
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
		printf("                   %17s  %s: without the input embedding\n",
		       cli_thousands(e->active_without_input_embedding, count),
		       cli_count(e->active_without_input_embedding, short_count));
	}
	if (e->n_next_layers)
		printf("besides            %17s  multi-token prediction, %" PRIu64 " layer%s\n", cli_thousands(e->next_params, count),
		       e->n_next_layers, e->n_next_layers == 1 ? "" : "s");
	if (e->other.there)
		printf("besides            %17s  vision part%s\n", e->other.known ? cli_thousands(e->other.params, count) : "not known",
		       e->other.known ? "" : ": how many parameters it has cannot be said here");
	if (e->tied)
		printf("  the output matrix is the embedding, and counted once\n");
	putchar('\n');
}

/* The checkpoint as it is published: what is downloaded, and what such a runtime loads. */
static void stored(const struct mem_report *r)
{
	const struct fmt_stored *s = &r->stored;
	char bytes[32], count[32];

	if (!s->quantized)
		return;
	printf("as stored          ");
	cli_print_str(stdout, s->method);
	if (!s->known) {
		printf(": size not known (%s)\n\n", s->why);
		return;
	}
	printf(", %" PRIu64 " bits: %s%s bytes, %.2f bits per weight; %s are quantized\n\n", s->bits, s->about ? "about " : "",
	       cli_thousands(s->bytes, bytes), r->e.total ? 8.0 * (double)s->bytes / (double)r->e.total : 0,
	       cli_count(s->n_quantized, count));
}

/* The first columns of both tables are equally wide, so that contexts stand below each other. */
static int first_columns(const struct mem_report *r)
{
	return r->files_known ? 43 : 27;
}

static void contexts_row(const struct mem_report *r)
{
	char text[32];

	for (size_t i = 0; i < r->n_contexts; i++)
		printf(" %11s", cli_thousands(r->contexts[i], text));
}

static void cache_row(const struct mem_report *r, const char *about, const uint64_t *bytes)
{
	char text[32];

	printf("  %-*s", first_columns(r) - 2, about);
	for (size_t i = 0; i < r->n_contexts; i++)
		printf(" %11s", cli_bytes(bytes[i], text));
	putchar('\n');
}

static void cache(const struct mem_report *r)
{
	static const char *const about[FMT_KEEP_COUNT] = { "ideal", "no window", "llama.cpp" };
	uint64_t state[MEM_MAX_CONTEXTS];
	bool same = true;
	char text[32];

	if (!r->e.layers_known) {
		printf("cache              not known: the architecture is not described here\n\n");
		return;
	}
	if (!r->token_elems) {
		printf("no cache, but a state of %s at any context\n\n", cli_bytes(r->state, text));
		return;
	}
	printf("cache in %s", fmt_type_info(r->cache.type)->name);
	if (r->cache.sequences > 1)
		printf(", %" PRIu64 " sequences", r->cache.sequences);
	printf(", %s elements per token", cli_thousands(r->token_elems, text));
	if (r->token_elems_beyond != r->token_elems)
		printf(", %s past the window", cli_thousands(r->token_elems_beyond, text));
	printf("\n  %-*s", first_columns(r) - 2, "tokens");
	contexts_row(r);
	putchar('\n');
	for (int keep = 1; keep < FMT_KEEP_COUNT; keep++)
		same = same && !memcmp(r->kv[keep], r->kv[0], r->n_contexts * sizeof *r->kv[0]);
	if (same)
		cache_row(r, "under every policy", r->kv[0]);
	for (int keep = 0; keep < FMT_KEEP_COUNT && !same; keep++)
		cache_row(r, about[keep], r->kv[keep]);
	for (size_t i = 0; i < r->n_contexts; i++)
		state[i] = r->state;
	if (r->state)
		cache_row(r, "recurrent state besides", state);
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

	printf(r->cache.keep == FMT_KEEP_LLAMA_CPP ? "weights, cache and buffers (%s)"
	                                           : "weights and cache (%s), without a runtime's buffers",
	       mem_keep_name(r, r->cache.keep));
	printf("\n  %-9s %5s %9s", "type", "bits", "weights");
	if (r->files_known)
		printf(" %15s", "file, bytes");
	if (r->e.layers_known)
		contexts_row(r);
	putchar('\n');
	for (size_t k = 0; k < r->n_weights; k++) {
		const struct mem_weights *w = &r->weights[k];

		printf("  %-9s %5.2f %9s", w->name, r->e.total ? 8.0 * (double)w->tensor_bytes / (double)r->e.total : 0,
		       cli_bytes(w->tensor_bytes, text));
		if (r->files_known)
			printf(" %15s", cli_thousands(w->file_bytes, text));
		for (size_t i = 0; i < r->n_contexts && r->e.layers_known; i++)
			printf(" %11s", sum(r, w, r->contexts[i], text));
		putchar('\n');
	}
}

static bool same_layer(const struct fmt_layer *a, const struct fmt_layer *b)
{
	return a->kind == b->kind && a->experts == b->experts && a->params == b->params && a->n_heads == b->n_heads &&
	       a->n_kv_heads == b->n_kv_heads && a->k_dim == b->k_dim && a->v_dim == b->v_dim && a->latent == b->latent &&
	       a->window == b->window && a->conv_elems == b->conv_elems && a->state_elems == b->state_elems;
}

/* What a layer is and keeps. */
static void layer(const struct fmt_layer *l)
{
	if (l->kind == FMT_LAYER_FEED_FORWARD)
		printf("feed-forward");
	else if (!fmt_layer_attends(l))
		printf("%s, state of %" PRIu64 " + %" PRIu64 " elements", l->kind == FMT_LAYER_LINEAR ? "linear attention" : "mamba",
		       l->state_elems, l->conv_elems);
	else if (l->kind == FMT_LAYER_LATENT)
		printf("attention, %" PRIu64 " heads, %" PRIu64 " latent elements per token", l->n_heads, l->latent);
	else
		printf("attention, %" PRIu64 " heads, %" PRIu64 " KV heads of %" PRIu64 " + %" PRIu64, l->n_heads, l->n_kv_heads,
		       l->k_dim, l->v_dim);
	if (l->window)
		printf(", window %" PRIu64, l->window);
	printf("%s\n", l->experts ? "; experts" : "");
}

/* The numbers of the layers that are as the first of them: "0-2, 4-6", or "3-47, every 4th". */
static void numbers(const struct fmt_estimate *e, uint64_t first)
{
	uint64_t step = 0, before = first, n = 0;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (uint64_t i = first; i < e->n_layers; i++) { /* step: between all of them, 0: not the same */
		if (!same_layer(&e->layers[i], &e->layers[first]))
			continue;
		step = n == 1 ? i - before : n > 1 && i - before != step ? 0 : step;
		before = i;
		n++;
	}
	if (!f)
		return;
	fputs(n == 1 ? "number " : "numbers ", f);
	if (n > 2 && step > 1)
		fprintf(f, "%" PRIu64 "-%" PRIu64 ", every %" PRIu64 "%s", first, before, step,
		        step == 2 ? "nd" : step == 3 ? "rd" : "th");
	for (uint64_t i = first, end; (n <= 2 || step <= 1) && i < e->n_layers; i = end) {
		for (end = i; end < e->n_layers && same_layer(&e->layers[end], &e->layers[first]); end++)
			;
		if (end > i)
			fprintf(f, end == i + 1 ? "%s%" PRIu64 : "%s%" PRIu64 "-%" PRIu64, i == first ? "" : ", ", i, end - 1);
		else
			end++;
	}
	if (fclose(f) == 0)
		cli_print_wrapped(stdout, text, 4, 4);
	free(text);
}

/* Equal layers together, wherever they stand. */
static void layers(const struct fmt_estimate *e)
{
	char params[32];

	for (uint64_t i = 0; i < e->n_layers; i++) {
		uint64_t n = 0, j = 0;

		while (!same_layer(&e->layers[j], &e->layers[i]))
			j++;
		if (j < i)
			continue;
		for (; j < e->n_layers; j++)
			n += same_layer(&e->layers[j], &e->layers[i]);
		printf("\n%" PRIu64 " layer%s: ", n, n == 1 ? "" : "s");
		layer(&e->layers[i]);
		printf("    %s parameters%s\n    ", cli_thousands(e->layers[i].params, params), n == 1 ? "" : " each");
		numbers(e, i);
	}
}

void mem_print_text(const struct mem_report *r)
{
	heading(r);
	parameters(&r->e);
	stored(r);
	cache(r);
	weights(r);
	mem_runtime_text(r);
	if (r->fit)
		mem_print_fit(r);
	if (r->cards.o.n_devices)
		mem_print_gpu(r);
	if (r->layers)
		layers(&r->e);
}
