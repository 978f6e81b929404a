/* llm-mem --fit: what fits into so much memory, buffers included, and what to do where nothing does. */
#include <inttypes.h>

#include "llm_mem.h"

/* A model that does not say what it was trained for is asked up to here. */
#define FAR_CONTEXT (UINT64_C(1) << 24)

struct fmt_fit mem_question(const struct mem_report *r, const struct fmt_cache_opts *o)
{
	struct fmt_fit f = { .e = &r->e, .runtime = r->runtime, .keep = o->keep, .memory = r->fit, .margin = r->margin };

	f.runtime.k_type = f.runtime.v_type = o->type;
	f.runtime.context = o->context;
	f.runtime.sequences = o->sequences;
	return f;
}

uint64_t mem_most_context(const struct mem_report *r)
{
	uint64_t most = r->e.context ? r->e.context : FAR_CONTEXT;

	return r->fit_context > most ? r->fit_context : most;
}

bool mem_fits(const struct mem_report *r, const struct mem_weights *w, const struct fmt_cache_opts *o)
{
	struct fmt_fit f = mem_question(r, o);

	return fmt_fit_holds(&f, fmt_fit_taken(&f, w->tensor_bytes, o->context, o->sequences));
}

static struct fmt_fit asked(const struct mem_report *r)
{
	struct fmt_cache_opts o = r->cache;

	o.context = r->fit_context;
	return mem_question(r, &o);
}

static uint64_t experts_of(const struct mem_weights *w)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < w->parts.n_layers; i++)
		n += w->parts.layers[i].experts; /* a part of tensor_bytes */
	return n;
}

/* The mildest smaller type of cache that makes w fit. */
static bool smaller_cache(const struct fmt_fit *f, const struct mem_weights *w, enum fmt_type *type)
{
	static const enum fmt_type smaller[] = { FMT_F16, FMT_Q8_0, FMT_Q5_1, FMT_Q5_0, FMT_Q4_1, FMT_Q4_0 };
	uint64_t as_it_is = fmt_fit_taken(f, w->tensor_bytes, f->runtime.context, f->runtime.sequences);
	struct fmt_fit other = *f;

	for (size_t i = 0; i < sizeof smaller / sizeof *smaller && f->e->layers_known; i++) {
		uint64_t taken;

		other.runtime.k_type = other.runtime.v_type = *type = smaller[i];
		taken = fmt_fit_taken(&other, w->tensor_bytes, f->runtime.context, f->runtime.sequences);
		if (taken < as_it_is && fmt_fit_holds(&other, taken))
			return true;
	}
	return false;
}

/* The largest that fits of what any model may be given; those for models trained so are no advice. */
static void other_quant(struct mem_report *r, const struct fmt_fit *f, struct mem_advice *a)
{
	static const char *const any[] = {
		"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "Q2_K", "IQ3_XXS", "IQ3_XS", "Q3_K_S", "IQ3_M", "Q3_K_M",
		"Q3_K_L", "IQ4_XS", "Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K", "Q8_0", "BF16",
	};
	struct fmt_err ignored = { .code = FMT_OK };
	uint64_t beside = fmt_fit_taken(f, 0, f->runtime.context, f->runtime.sequences);

	if (fmt_fit_holds(f, beside))
		a->quant = mem_largest_quant(r, any, sizeof any / sizeof *any, f->memory - f->margin - beside, &a->quant_bytes, &ignored);
}

/* Nothing fits. */
static void advise(struct mem_report *r, const struct fmt_fit *f)
{
	struct mem_advice *a = &r->advice;
	uint64_t experts;

	a->nearest = &r->weights[0];
	for (size_t i = 1; i < r->n_weights; i++)
		if (r->weights[i].taken < a->nearest->taken)
			a->nearest = &r->weights[i];
	a->missing = a->nearest->taken - (f->margin <= f->memory ? f->memory - f->margin : 0);
	a->context = a->nearest->fits;
	a->smaller_cache = smaller_cache(f, a->nearest, &a->cache_type);
	experts = experts_of(a->nearest);
	a->experts = experts && fmt_fit_holds(f, a->nearest->taken - experts);
	other_quant(r, f, a);
}

bool mem_fit(struct mem_report *r, struct fmt_err *err)
{
	struct fmt_fit f = asked(r);
	struct fmt_runtime_bytes beside;

	if (!fmt_fit_beside(&f, f.runtime.context, f.runtime.sequences, &beside, err))
		return false;
	for (size_t i = 0; i < r->n_weights; i++) {
		struct mem_weights *w = &r->weights[i];

		w->taken = fmt_fit_taken(&f, w->tensor_bytes, f.runtime.context, f.runtime.sequences);
		w->ok = fmt_fit_holds(&f, w->taken);
		w->fits = fmt_fit_context(&f, w->tensor_bytes, mem_most_context(r));
		w->sequences = fmt_fit_sequences(&f, w->tensor_bytes, FMT_MAX_SEQUENCES);
		if (w->ok && (!r->best || w->tensor_bytes > r->best->tensor_bytes))
			r->best = w;
	}
	if (!r->best)
		advise(r, &f);
	return true;
}

const char *mem_fits_upto(const struct mem_report *r, const struct mem_weights *w, char *text)
{
	if (!w->fits)
		return "none";
	return r->e.layers_known && !r->token_elems && !r->e.context ? "any" : cli_thousands(w->fits, text);
}

static void row(const struct mem_report *r, const struct mem_weights *w)
{
	uint64_t room = r->fit - r->margin;
	char taken[32], left[32], context[32], spare[36];

	snprintf(spare, sizeof spare, "%s%s", w->ok ? "" : "-", cli_bytes(w->ok ? room - w->taken : w->taken - room, left));
	printf("  %-9s %12s %12s %17s %12" PRIu64 "\n", w->name,
	       w->taken == UINT64_MAX ? "too large" : cli_bytes(w->taken, taken), spare, mem_fits_upto(r, w, context),
	       w->sequences);
}

static void advice(const struct mem_report *r)
{
	const struct mem_advice *a = &r->advice;
	char text[32];

	printf("  nearest is %s, %s too large; it would fit with\n", a->nearest->name, cli_bytes(a->missing, text));
	if (a->context)
		printf("    at most %s tokens: --ctx %" PRIu64 "\n", cli_thousands(a->context, text), a->context);
	if (a->smaller_cache)
		printf("    a smaller cache: --kv %s\n", fmt_type_info(a->cache_type)->name);
	if (a->quant)
		printf("    a smaller type, %s of weights: --quant %s\n", cli_bytes(a->quant_bytes, text), a->quant);
	if (a->experts)
		printf("    the experts in the CPU's memory: --gpu in place of --fit, and --cpu-moe\n");
	if (!a->context && !a->smaller_cache && !a->quant && !a->experts)
		printf("    no single change, but several, or more memory\n");
}

void mem_print_fit(const struct mem_report *r)
{
	char have[32], margin[32], context[32], left[32];
	bool buffers = r->e.layers_known && r->cache.keep == FMT_KEEP_LLAMA_CPP;

	printf("\nfits into %s, %s left free, at %s tokens", cli_bytes(r->fit, have), cli_bytes(r->margin, margin),
	       cli_thousands(r->fit_context, context));
	if (r->cache.sequences > 1)
		printf(" x %" PRIu64, r->cache.sequences);
	printf("\n  %-9s %12s %12s %17s %12s\n", "type", buffers ? "with buffers" : "all", "to spare",
	       "longest context", "sequences");
	for (size_t i = 0; i < r->n_weights; i++)
		row(r, &r->weights[i]);
	if (!r->e.layers_known)
		printf("  of the weights alone: what the layers keep is not known\n");
	printf("%s at %s tokens: ", have, context);
	if (r->best)
		printf("%s fits, with %s to spare\n", r->best->name, cli_bytes(r->fit - r->margin - r->best->taken, left));
	else
		printf("nothing fits\n");
	if (!r->best)
		advice(r);
}

/* What would make the nearest fit, each alone: an object with the one thing that is other than asked for. */
static void json_advice(const struct mem_report *r, struct cli_json *j)
{
	const struct mem_advice *a = &r->advice;

	cli_json_cstr(j, "nearest", a->nearest->name);
	cli_json_u64(j, "missing_bytes", a->missing);
	cli_json_object(j, "would_fit");
	if (a->context)
		cli_json_u64(j, "context", a->context);
	if (a->smaller_cache)
		cli_json_cstr(j, "kv_type", fmt_type_info(a->cache_type)->name);
	if (a->quant)
		cli_json_cstr(j, "quant", a->quant);
	if (a->experts)
		cli_json_bool(j, "cpu_moe", true);
	cli_json_close(j, '}');
}

void mem_json_fit(const struct mem_report *r, struct cli_json *j)
{
	cli_json_object(j, "fit");
	cli_json_u64(j, "bytes", r->fit);
	cli_json_u64(j, "margin_bytes", r->margin);
	cli_json_u64(j, "context", r->fit_context);
	cli_json_u64(j, "sequences", r->cache.sequences);
	cli_json_cstr(j, "policy", fmt_keep_name(r->cache.keep));
	cli_json_bool(j, "fits", r->best != NULL);
	if (r->best)
		cli_json_cstr(j, "best", r->best->name);
	else
		json_advice(r, j);
	cli_json_array(j, "quants");
	for (size_t i = 0; i < r->n_weights; i++) {
		const struct mem_weights *w = &r->weights[i];

		cli_json_object(j, NULL);
		cli_json_cstr(j, "quant", w->name);
		cli_json_bool(j, "fits", w->ok);
		if (w->taken != UINT64_MAX)
			cli_json_u64(j, "needed_bytes", w->taken);
		cli_json_u64(j, "longest_context", w->fits);
		cli_json_u64(j, "most_sequences", w->sequences);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
	cli_json_close(j, '}');
}
