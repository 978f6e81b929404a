/* llm-run --perplexity, --compare, --kld and others: how well a model predicts a text, and how far it is from a reference. */
#include <inttypes.h>
#include <string.h>

#include "cli_page.h"
#include "llm_run.h"

#define USUAL_WINDOW 512

bool is_measuring(const struct options *o)
{
	return o->perplexity || o->compare || o->kld || o->experts || choices_asked(&o->choice);
}

static bool has_limits(const struct options *o)
{
	return o->limits.max_kld_given || o->limits.min_top1_given || o->limits.max_ppl_ratio_given;
}

/* What goes with multiple choice, of which one is asked for. */
static int tasks_options(const struct cli_program *p, const struct options *o)
{
	if (!o->file || o->prompt || o->chat.file || o->ids || o->as_ids || o->no_special)
		return cli_usage_error(p, "the tasks are text in a file: -f FILE, and no other prompt");
	if (o->method || o->stride || o->chunks)
		return cli_usage_error(p, "tasks are run one by one: no --method, --stride or --chunks");
	return CLI_OK;
}

int measuring_options(const struct cli_program *p, struct options *o)
{
	int choices = choices_asked(&o->choice);

	if ((o->perplexity != NULL) + (o->compare != NULL) + (o->kld != NULL) + o->experts + choices > 1)
		return cli_usage_error(p, "only one of --perplexity, --compare, --kld, --experts, --hellaswag, --winogrande and --multiple-choice "
		                       "at a time");
	if (is_measuring(o) && (o->logits || o->n_given))
		return cli_usage_error(p, "--perplexity, --compare and what else measures generate nothing, and write no --logits");
	if (!choice_tasks_fit(&o->choice))
		return cli_usage_error(p, "--hellaswag-tasks needs --hellaswag, and so for the others; 1 task is the least");
	if (choices && tasks_options(p, o))
		return CLI_USAGE;
	if (!is_measuring(o) && (o->method || o->stride || o->chunks))
		return cli_usage_error(p, "--method, --stride and --chunks need --perplexity or --compare");
	if (o->experts && (o->method || o->stride))
		return cli_usage_error(p, "--experts scores nothing: no --method, no --stride");
	if (o->layers && (!o->compare || has_limits(o)))
		return cli_usage_error(p, "--layers needs --compare, and has limits of its own");
	if (o->report && !o->compare)
		return cli_usage_error(p, "--report needs --compare");
	if (o->report && !strcmp(o->report, "-"))
		return cli_usage_error(p, "--report: name a file");
	if (o->save_logits && !o->perplexity)
		return cli_usage_error(p, "--save-logits needs --perplexity");
	if (has_limits(o) && !o->compare && !o->kld)
		return cli_usage_error(p, "--max-kld, --min-top1 and --max-ppl-ratio need --compare or --kld");
	if (o->method && strcmp(o->method, "llama.cpp") && strcmp(o->method, "hf"))
		return cli_usage_error(p, "--method is llama.cpp or hf");
	if (o->kld && (o->prompt || o->chat.file || o->file || o->ids || o->n_ctx || o->method || o->stride))
		return cli_usage_error(p, "--kld takes text and windows from the base file");
	if (o->save_logits && (o->stride || (o->method && strcmp(o->method, "llama.cpp"))))
		return cli_usage_error(p, "--save-logits writes llama-perplexity's windows: no --stride, no --method hf");
	if (is_measuring(o) && (o->n_ctx == 1 || o->stride > (o->n_ctx ? o->n_ctx : USUAL_WINDOW)))
		return cli_usage_error(p, "--ctx is at least 2 here, and --stride at most --ctx");
	if (o->as_ids && !o->file && !o->perplexity)
		return cli_usage_error(p, "--as-ids needs a FILE");
	if (o->perplexity && (o->prompt || o->chat.file || o->file || o->ids))
		return cli_usage_error(p, "--perplexity FILE has the text: no -p, -f or --ids");
	if (o->perplexity)
		o->file = o->perplexity;
	return CLI_OK;
}

/* What llama.cpp puts first in every window: the token that the tokenizer puts before a text. */
static bool find_bos(const struct options *o, const struct loaded *l, int32_t *bos, struct fmt_err *err)
{
	*bos = -1;
	return !l->tokenizer || o->no_special || o->as_ids || o->ids || infer_windows_bos(l->tokenizer, bos, err);
}

static uint32_t window(const struct options *o, uint32_t own)
{
	return o->n_ctx ? (uint32_t)o->n_ctx : own < USUAL_WINDOW ? own : USUAL_WINDOW;
}

static bool set_windows(const struct options *o, const struct loaded *l, const struct infer_tokens *ids, uint32_t own,
                        struct infer_windows *w, struct fmt_err *err)
{
	const char *method = o->method ? o->method : o->compare || o->experts ? "hf" : "llama.cpp";
	int32_t bos;

	if (!find_bos(o, l, &bos, err) ||
	    !infer_windows_init(w, strcmp(method, "hf") ? INFER_METHOD_LLAMA_CPP : INFER_METHOD_HUGGING_FACE, ids->ids, ids->n,
	                        window(o, own), (uint32_t)o->stride, bos, err))
		return false;
	if (o->chunks && o->chunks < w->n_windows)
		w->n_windows = o->chunks;
	return true;
}

static void watch(const struct cli_program *p, struct infer_windows *w, struct cli_progress *progress)
{
	cli_progress_start(progress, p, "windows", "windows");
	w->progress = cli_progress_update;
	w->user = progress;
}

static bool measure_perplexity(const struct options *o, struct infer_run *run, struct infer_windows *w, uint32_t n_vocab,
                               struct infer_sum *nll, struct fmt_err *err)
{
	struct fmt_logits_shape shape = { w->size, n_vocab, (uint32_t)w->n_windows };
	struct fmt_sink *base = NULL;
	uint64_t n_bytes = 0;
	bool ok = true;

	if (o->save_logits)
		ok = (w->n_windows <= INT32_MAX && fmt_logits_bytes(&shape, &n_bytes)) ||
		     fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the text is too long for --save-logits");
	if (ok && o->save_logits)
		ok = (base = fmt_sink_create(o->save_logits, o->force, err)) && fmt_logits_write_header(base, &shape, w->ids, err);
	ok = ok && infer_measure_nll(run, w, nll, base, &shape, err);
	if (ok && base)
		return fmt_sink_commit(base, n_bytes, err);
	fmt_sink_abort(base);
	return ok;
}

static bool run_perplexity(const struct cli_program *p, const struct options *o, const char *path, const struct loaded *l,
                           const struct infer_tokens *ids, struct fmt_err *err)
{
	struct infer_sum nll = { 0 };
	struct infer_windows w;
	struct cli_progress progress;
	struct measured m = { .model = path, .windows = &w };
	struct infer_run *run;
	bool ok;

	if (!set_windows(o, l, ids, infer_n_ctx_train(l->model), &w, err))
		return false;
	run = infer_run_create(l->model, w.size, (uint32_t)o->n_batch, err);
	if (!run)
		return false;
	watch(p, &w, &progress);
	ok = measure_perplexity(o, run, &w, infer_n_vocab(l->model), &nll, err);
	cli_progress_end(&progress);
	infer_run_destroy(run);
	if (ok)
		report_perplexity(p, &m, &nll);
	return ok;
}

static bool same_ids(const struct options *o, const struct loaded *reference, const struct infer_tokens *ids,
                     struct fmt_err *err)
{
	struct infer_tokens other = { 0 };
	bool ok = o->ids || o->as_ids || prompt_ids(o, reference, &other, err);
	uint64_t same = 0;

	while (ok && same < ids->n && same < other.n && ids->ids[same] == other.ids[same])
		same++;
	if (ok && !o->ids && !o->as_ids && (same < ids->n || same < other.n))
		ok = fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "the tokenizers%s differ: the text is %" PRIu64 " tokens for the model and %"
		              PRIu64 " for the reference, of which the first %" PRIu64 " are the same",
		              o->chat.file ? " or chat templates" : "", ids->n, other.n, same);
	infer_tokens_finish(&other);
	return ok;
}

/* Both models are there; or a base file with the windows set. */
static bool diverge(const struct cli_program *p, const struct options *o, const struct loaded *l, const struct loaded *reference,
                    struct fmt_logits *base, struct infer_windows *w, struct infer_divergence *d, struct fmt_err *err)
{
	struct infer_run *run = infer_run_create(l->model, w->size, (uint32_t)o->n_batch, err), *other = NULL;
	struct cli_progress progress;
	bool ok = run && (base || (other = infer_run_create(reference->model, w->size, (uint32_t)o->n_batch, err)));

	if (ok) {
		watch(p, w, &progress);
		ok = base ? infer_compare_base(base, run, w, d, err) : infer_compare(other, run, w, d, err);
		cli_progress_end(&progress);
	}
	infer_run_destroy(run);
	infer_run_destroy(other);
	return ok;
}

static bool run_compare(const struct cli_program *p, const struct options *o, const char *path, const struct loaded *l,
                        struct quant_pool *pool, const struct infer_tokens *ids, int *status, struct fmt_err *err)
{
	struct loaded reference = { 0 };
	struct infer_divergence d = { 0 };
	struct infer_windows w;
	struct measured m = { .model = path, .reference = o->compare, .windows = &w };
	bool ok = (!o->report || page_check(o->report, o->force, err)) &&
	          load(&reference, o->compare, NULL, !o->ids && !o->as_ids, pool, err) && same_ids(o, &reference, ids, err);

	if (ok && (!o->layers || o->report)) {
		uint32_t a = infer_n_ctx_train(l->model), b = infer_n_ctx_train(reference.model);

		ok = set_windows(o, l, ids, a < b ? a : b, &w, err) && diverge(p, o, l, &reference, NULL, &w, &d, err);
	}
	if (ok && o->report)
		ok = write_page(p, o, &m, l, &reference, pool, ids, &d, err);
	if (ok && o->layers)
		ok = run_layers(p, l, &reference, path, o->compare, ids, status, err);
	else if (ok)
		*status = report_divergence(p, o, &m, &d);
	infer_divergence_finish(&d);
	unload(&reference);
	return ok;
}

static bool run_kld(const struct cli_program *p, const struct options *o, const char *path, const struct loaded *l, int *status,
                    struct fmt_err *err)
{
	struct fmt_logits *base = fmt_logits_open(o->kld, err);
	struct infer_divergence d = { 0 };
	struct infer_windows w;
	struct measured m = { .model = path, .reference = o->kld, .windows = &w };
	int32_t bos;
	bool ok = base && find_bos(o, l, &bos, err) &&
	          infer_windows_init(&w, INFER_METHOD_LLAMA_CPP, base->ids, (uint64_t)base->shape.n_ctx * base->shape.n_windows,
	                             base->shape.n_ctx, 0, bos, err);

	if (ok && o->chunks && o->chunks < w.n_windows)
		w.n_windows = o->chunks;
	ok = ok && diverge(p, o, l, NULL, base, &w, &d, err);
	if (ok)
		*status = report_divergence(p, o, &m, &d);
	infer_divergence_finish(&d);
	fmt_logits_close(base);
	return ok;
}

static bool run_expert_use(const struct cli_program *p, const struct options *o, const char *path, const struct loaded *l,
                           const struct infer_tokens *ids, struct fmt_err *err)
{
	struct infer_windows w;

	return set_windows(o, l, ids, infer_n_ctx_train(l->model), &w, err) && run_experts(p, o, path, l, &w, err);
}

bool run_measure(const struct cli_program *p, const struct options *o, const char *path, const struct loaded *l,
                 struct quant_pool *pool, const struct infer_tokens *ids, int *status, struct fmt_err *err)
{
	*status = CLI_OK;
	if (choices_asked(&o->choice))
		return run_choice(p, o, path, l, err);
	return o->perplexity ? run_perplexity(p, o, path, l, ids, err)
	       : o->kld      ? run_kld(p, o, path, l, status, err)
	       : o->experts  ? run_expert_use(p, o, path, l, ids, err)
	                     : run_compare(p, o, path, l, pool, ids, status, err);
}
