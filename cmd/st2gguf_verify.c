/* st2gguf --verify: the check itself. See st2gguf_verify.h. */
#include "st2gguf_verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libinfer/sample_text.h>

#define USUAL_WINDOW 512

int verify_usage(const struct cli_program *p, const struct verify_opts *o, bool vocab_only)
{
	const struct divergence_limits *l = &o->limits;

	if (!o->asked && (l->max_kld_given || l->min_top1_given || l->max_ppl_ratio_given || o->max_error_given))
		return cli_usage_error(p, "--max-kld, --min-top1, --max-ppl-ratio and --max-error need --verify");
	if (!o->asked && o->report)
		return cli_usage_error(p, "--report needs --verify");
	if (o->report && !strcmp(o->report, "-"))
		return cli_usage_error(p, "--report: name a file");
	if (o->asked && vocab_only)
		return cli_usage_error(p, "--vocab-only writes no tensors: there is nothing to --verify");
	if (o->n_ctx == 1 || o->n_ctx > INT32_MAX)
		return cli_usage_error(p, "--ctx is at least 2 and at most 2147483647");
	return CLI_OK;
}

static bool wants_predictions(const struct verify_opts *o)
{
	return o->text || o->limits.max_kld_given || o->limits.min_top1_given || o->limits.max_ppl_ratio_given;
}

/* Once: standard input can be read once. */
static bool read_text(struct verify *v, const struct cli_program *p, struct fmt_err *err)
{
	v->text = infer_sample_text();
	if (!v->o->text)
		return true;
	v->own = cli_read(v->o->text, &v->text.n, err);
	v->text.p = v->own;
	if (v->own)
		cli_note_text(p, v->o->text, v->own, v->text.n);
	return v->own != NULL;
}

/* The text in tokens of one side. */
static bool tokenize(const struct verify *v, const struct fmt_view *view, struct infer_tokens *ids, struct fmt_err *err)
{
	struct infer_tokenizer *t = infer_tokenizer_create(view, err);
	bool ok = t && infer_tokenize(t, v->text.p, v->text.n, INFER_TOK_PARSE_SPECIAL | INFER_TOK_ADD_SPECIAL, ids, err);

	infer_tokenizer_destroy(t);
	return ok;
}

static bool set_windows(struct verify *v, const struct fmt_view *view, struct fmt_err *err)
{
	struct infer_model *m = infer_model_describe(view, err);
	uint32_t own = m ? infer_n_ctx_train(m) : 0;
	uint32_t size = v->o->n_ctx ? (uint32_t)v->o->n_ctx : own < USUAL_WINDOW ? own : USUAL_WINDOW;

	infer_model_destroy(m);
	if (!m || !tokenize(v, view, &v->ids, err))
		return false;
	if (v->ids.n >= 2 && v->ids.n < size)
		size = (uint32_t)v->ids.n; /* a cache for more would be memory for nothing */
	return infer_windows_init(&v->windows, INFER_METHOD_HUGGING_FACE, v->ids.ids, v->ids.n, size, 0, -1, err);
}

/* A model that cannot be run here still has tensors. */
static bool prepare_run(struct verify *v, const struct conversion *c, struct fmt_err *err)
{
	if (c->view->is_adapter)
		fmt_fail(&v->why, FMT_UNSUPPORTED, FMT_NO_OFFSET, "an adapter alone predicts nothing");
	v->runs = !v->why.code && set_windows(v, c->view, &v->why);
	if (v->runs)
		return true;
	if (wants_predictions(v->o) || (v->why.code != FMT_UNSUPPORTED && v->why.code != FMT_MISSING)) {
		*err = v->why;
		return false;
	}
	cli_note(c->program, "note: --verify compares tensors only: %s", v->why.msg);
	return true;
}

static struct fmt_str str(const char *s)
{
	return (struct fmt_str){ s, strlen(s) };
}

static void add_number(struct verify *v, size_t *n, const char *key, double x)
{
	v->keys[(*n)++] = (struct fmt_kv){ str(key), { .type = FMT_KV_F32, .as.f = (double)(float)x } };
}

static void add_count(struct verify *v, size_t *n, const char *key, uint64_t x)
{
	v->keys[(*n)++] = (struct fmt_kv){ str(key), { .type = FMT_KV_U32, .as.u = x < UINT32_MAX ? x : UINT32_MAX } };
}

/* The keys with what is known: nothing but zeros before the run. */
static size_t fill_keys(struct verify *v, uint64_t n_tensors)
{
	const char *slash = v->o->text ? strrchr(v->o->text, '/') : NULL, *text = slash ? slash + 1 : v->o->text;
	size_t n = 0;

	add_number(v, &n, "verify.error", quant_error_relative(&v->sum));
	add_number(v, &n, "verify.error.max", n_tensors ? (double)v->relative[v->worst] : 0);
	v->keys[n++] = (struct fmt_kv){ FMT_STR("verify.error.tensors"),
	                                { .type = FMT_KV_ARR, .elem = FMT_KV_F32, .n = n_tensors, .as.data = v->relative } };
	add_count(v, &n, "verify.departures", v->n_departs + v->trace.n_departs);
	if (!v->runs)
		return n;
	v->keys[n++] = (struct fmt_kv){ FMT_STR("verify.text"), { .type = FMT_KV_STR, .as.s = str(text ? text : "built-in") } };
	add_count(v, &n, "verify.context", v->windows.size);
	add_count(v, &n, "verify.tokens", v->d.n);
	v->keys[n++] = (struct fmt_kv){ FMT_STR("verify.same_ids"), { .type = FMT_KV_BOOL, .as.b = v->same_ids } };
	add_number(v, &n, "verify.kld.mean", infer_sum_mean(&v->d.kl));
	add_number(v, &n, "verify.kld.error", infer_sum_error(&v->d.kl));
	add_number(v, &n, "verify.kld.q99", infer_divergence_kl_quantile(&v->d, 0.99));
	add_number(v, &n, "verify.kld.max", infer_divergence_kl_quantile(&v->d, 1));
	add_number(v, &n, "verify.top1", divergence_percent(&v->d, v->d.n_same_top));
	add_number(v, &n, "verify.perplexity", infer_perplexity(&v->d.nll));
	add_number(v, &n, "verify.reference_perplexity", infer_perplexity(&v->d.base));
	return n;
}

bool verify_begin(struct verify *v, const struct verify_opts *o, struct conversion *c, struct fmt_err *err)
{
	uint64_t n = c->view->n_tensors;

	v->o = o;
	if (!read_text(v, c->program, err) || !prepare_run(v, c, err))
		return false;
	v->errors = calloc(n + 1, sizeof *v->errors);
	v->relative = calloc(n + 1, sizeof *v->relative);
	if (!v->errors || !v->relative)
		return fmt_fail_nomem(err, (n + 1) * sizeof *v->errors);
	c->late_keys = v->keys;
	c->n_late_keys = fill_keys(v, n);
	return true;
}

void verify_finish(struct verify *v)
{
	infer_tokens_finish(&v->ids);
	infer_divergence_finish(&v->d);
	infer_trace_finish(&v->trace);
	free(v->own);
	free(v->errors);
	free(v->relative);
	*v = (struct verify){ .o = NULL };
}

static void judge(struct verify *v, const struct conversion *c)
{
	for (uint64_t i = 0; i < c->view->n_tensors; i++) {
		const struct quant_error *e = &v->errors[i];
		double relative = quant_error_relative(e);

		v->relative[i] = (float)relative;
		v->sum.difference += e->difference;
		v->sum.reference += e->reference;
		if (!(v->relative[i] <= v->relative[v->worst]))
			v->worst = i;
		if (!(relative <= quant_error_explained(&c->view->tensors[i], c->adapters.lora, c->types[i])) && !v->n_departs++)
			v->first_departs = i;
	}
}

static bool compare_tensors(struct verify *v, const struct conversion *c, const struct fmt_view *output, struct fmt_err *err)
{
	struct cli_progress progress;
	struct quant_compare q = {
		.reference = { c->view, c->adapters.lora },
		.other = { output, NULL },
		.pool = c->pool,
		.stop = st2gguf_stop(),
		.progress = cli_progress_update,
		.progress_ctx = &progress,
	};
	bool ok;

	cli_progress_start(&progress, c->program, "reading back", "weights");
	ok = quant_compare_run(&q, v->errors, err);
	cli_progress_end(&progress);
	if (ok)
		judge(v, c);
	return ok;
}

static bool diverge(struct verify *v, const struct conversion *c, const struct infer_model *source, const struct infer_model *output,
                    struct fmt_err *err)
{
	struct infer_run *reference = infer_run_create(source, v->windows.size, 0, err);
	struct infer_run *run = reference ? infer_run_create(output, v->windows.size, 0, err) : NULL;
	struct cli_progress progress;
	bool ok = run;

	if (ok) {
		cli_progress_start(&progress, c->program, "running", "windows");
		v->windows.progress = cli_progress_update;
		v->windows.user = &progress;
		v->windows.stop = st2gguf_stop();
		ok = infer_compare(reference, run, &v->windows, &v->d, err);
		cli_progress_end(&progress);
	}
	infer_run_destroy(reference);
	infer_run_destroy(run);
	return ok;
}

/* Where in the model they part; not at all but for rounding, if all is well. */
static bool trace(struct verify *v, const struct infer_model *source, const struct infer_model *output, struct fmt_err *err)
{
	uint32_t n = v->ids.n < UINT32_MAX ? (uint32_t)v->ids.n : UINT32_MAX;

	v->traced = infer_trace_compare(source, output, v->ids.ids, n, &v->trace, &v->parting);
	if (v->parting.code && v->parting.code != FMT_MISMATCH)
		*err = v->parting;
	return !err->code;
}

static bool run_both(struct verify *v, const struct conversion *c, const struct fmt_view *output, struct fmt_err *err)
{
	struct infer_tokens ids = { 0 };
	struct infer_model *source = infer_model_create_adapted(c->view, c->adapters.lora, c->pool, err);
	struct infer_model *m = source ? infer_model_create(output, c->pool, err) : NULL;
	bool ok = m && tokenize(v, output, &ids, err) && diverge(v, c, source, m, err) && trace(v, source, m, err);

	v->same_ids = ok && ids.n == v->ids.n && !memcmp(ids.ids, v->ids.ids, ids.n * sizeof *ids.ids);
	infer_tokens_finish(&ids);
	infer_model_destroy(m);
	infer_model_destroy(source);
	return ok;
}

/* Strings stay what they were. */
static bool write_keys(struct verify *v, struct conversion *c, struct fmt_sink *sink, struct fmt_err *err)
{
	struct fmt_writer *w = c->parts[0].writer;
	size_t n = fill_keys(v, c->view->n_tensors);

	for (size_t i = 0; i < n; i++)
		if (v->keys[i].value.type != FMT_KV_STR && !fmt_writer_kv_replace(w, &v->keys[i], err))
			return false;
	return fmt_writer_header(w, sink, err);
}

/* Paths of what has no names yet. paths: room for one per part, zeroed */
static bool nameless_paths(const struct conversion *c, struct fmt_sink *const *sinks, char **paths, struct fmt_err *err)
{
	for (size_t i = 0; i < c->n_parts; i++) {
		paths[i] = fmt_sink_path(sinks[i], c->parts[i].file_bytes, err);
		if (!paths[i])
			return false;
	}
	return true;
}

/* An error about a file without a name is about the one that a person knows. */
static void rename_error(const struct conversion *c, char *const *paths, struct fmt_err *err)
{
	for (size_t i = 0; i < c->n_parts && paths[i]; i++) {
		if (strcmp(err->file, paths[i]))
			continue;
		snprintf(err->file, sizeof err->file, "%s", c->parts[i].path);
		return;
	}
}

static bool read_back(struct verify *v, struct conversion *c, char *const *paths, struct fmt_err *err)
{
	struct fmt_view_opts opts = { .parts = (const char *const *)paths, .n_parts = (uint32_t)c->n_parts };
	struct fmt_view *output = fmt_view_open(paths[0], &opts, err);
	bool ok = output && compare_tensors(v, c, output, err) && (!v->runs || run_both(v, c, output, err));

	fmt_view_close(output);
	return ok;
}

bool verify_run(struct verify *v, struct conversion *c, struct fmt_sink *const *sinks, struct fmt_err *err)
{
	char **paths = calloc(c->n_parts, sizeof *paths);
	bool ok = paths ? nameless_paths(c, sinks, paths, err) && read_back(v, c, paths, err)
	                : fmt_fail_nomem(err, c->n_parts * sizeof *paths);

	if (!ok && paths)
		rename_error(c, paths, err);
	for (size_t i = 0; paths && i < c->n_parts; i++)
		free(paths[i]);
	free(paths);
	return ok && write_keys(v, c, sinks[0], err);
}

size_t verify_limits(const struct verify *v, struct limit *limits)
{
	size_t n = v->runs ? divergence_limits(&v->o->limits, &v->d, limits) : 0;
	double worst = v->relative[v->worst];

	if (v->o->max_error_given)
		limits[n++] = (struct limit){ "max-error", v->o->max_error, worst, worst <= v->o->max_error };
	return n;
}

static void note_tensors(const struct verify *v, const struct conversion *c)
{
	struct fmt_str first = c->view->tensors[v->first_departs].name;

	cli_note(c->program, "%zu tensor%s further from the source than rounding to the type explains: '%.*s'%s", v->n_departs,
	         v->n_departs == 1 ? " is" : "s are", (int)first.n, first.p, v->n_departs == 1 ? "" : " and others");
}

static void note_parts(const struct verify *v, const struct conversion *c)
{
	const struct infer_part *p = v->trace.parts;
	struct fmt_str name;
	char where[32] = "";

	while (!p->departs)
		p++;
	name = p->tensor ? p->tensor->name : str(p->op);
	if (!p->tensor && p->layer >= 0)
		snprintf(where, sizeof where, " of layer %" PRId32, p->layer);
	cli_note(c->program, "%zu operation%s further from the source's than rounding explains: '%.*s'%s%s (llm-run --compare --layers "
	         "shows all)", v->trace.n_departs, v->trace.n_departs == 1 ? " is" : "s are", (int)name.n, name.p, where,
	         v->trace.n_departs == 1 ? "" : " and others");
}

int verify_check(const struct verify *v, const struct conversion *c)
{
	struct limit limits[DIVERGENCE_LIMITS + 1];
	int status = limits_check(c->program, limits, verify_limits(v, limits));
	bool other_ids = v->runs && !v->same_ids, no_numbers = v->runs && !isfinite(infer_sum_mean(&v->d.kl));

	if (v->n_departs)
		note_tensors(v, c);
	if (v->trace.n_departs)
		note_parts(v, c);
	if (v->parting.code)
		cli_note(c->program, "%s", v->parting.msg);
	if (other_ids)
		cli_note(c->program, "the output turns the text into other tokens than the source does");
	if (no_numbers)
		cli_note(c->program, "the predictions are no numbers");
	return v->n_departs || v->trace.n_departs || v->parting.code || other_ids || no_numbers ? CLI_CHECK : status;
}
