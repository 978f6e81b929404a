/* llm-imatrix: how strongly a text makes a model use each column of its weights. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <libinfer/importance.h>

#include "llm_imatrix.h"
#include "loaded.h"

struct options {
	const char *file, *output, *format;
	struct cli_list merge;
	uint64_t n_ctx, n_batch, chunks, from, save_every;
	bool parse_special, process_output, force, statistics, resume;
};

static bool merge_files(const struct options *o, struct fmt_imatrix_sums *sums, struct fmt_err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < o->merge.n; i++) {
		struct fmt_imatrix *im = fmt_imatrix_open(o->merge.items[i], err);

		ok = im && fmt_imatrix_sums_merge(sums, im, err);
		fmt_imatrix_close(im);
	}
	return ok;
}

static bool read_ids(const struct cli_program *p, const struct options *o, const struct loaded *l, struct infer_tokens *ids, struct fmt_err *err)
{
	unsigned flags = INFER_TOK_ADD_SPECIAL | (o->parse_special ? INFER_TOK_PARSE_SPECIAL : 0);
	size_t n = 0;
	char *text = cli_read(o->file, &n, err);
	bool ok = text && infer_tokenize(l->tokenizer, text, n, flags, ids, err);

	if (ok)
		cli_note_text(p, o->file, text, n);
	free(text);
	return ok;
}

/* Whole windows of the text from --from on, --chunks of them at most. */
static bool set_windows(const struct options *o, const struct loaded *l, const struct infer_tokens *ids, struct infer_windows *w,
                        struct fmt_err *err)
{
	int32_t bos = -1;

	if (!infer_windows_bos(l->tokenizer, &bos, err) ||
	    !infer_windows_init(w, INFER_METHOD_LLAMA_CPP, ids->ids, ids->n, (uint32_t)o->n_ctx, 0, bos, err))
		return false;
	if (o->from >= w->n_windows)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "the text has %" PRIu64 " windows of %" PRIu64 " tokens: --from %" PRIu64
		                " leaves none", w->n_windows, o->n_ctx, o->from);
	w->ids += o->from * w->step;
	w->n -= o->from * w->step;
	w->n_windows -= o->from;
	if (o->chunks && o->chunks < w->n_windows)
		w->n_windows = o->chunks;
	return true;
}

/* What is made, and of what. */
struct job {
	const struct cli_program *program;
	const struct options *o;
	const char *model; /* NULL: files are merged, and nothing is run */
	struct fmt_imatrix_sums *sums;
	struct unfinished unfinished;
	struct cli_progress progress;
	uint64_t n_windows, n_before; /* done before those that are being run */
};

static void show_progress(void *user, uint64_t done, uint64_t total)
{
	struct job *job = user;

	(void)total;
	cli_progress_update(&job->progress, job->n_before + done, job->n_windows);
}

/* Sums of two models are no sums. */
static bool fits_model(const struct fmt_imatrix_sums *sums, const struct fmt_view *v, struct fmt_err *err)
{
	for (uint64_t i = 0; i < sums->n_entries; i++) {
		struct fmt_str name = sums->entries[i].name;

		if (!fmt_view_find(v, name))
			return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "what is merged has an entry '%.*s', and the model no such weight: "
			                "it is of another model", (int)(name.n < 80 ? name.n : 80), name.p);
	}
	return true;
}

/* What the sums begin with: those of an earlier run, or of other files, and the name of this text. */
static bool begin(struct job *job, const struct fmt_view *v, const struct infer_windows *w, struct fmt_err *err)
{
	const struct options *o = job->o;
	struct fmt_str text = { o->file, strlen(o->file) };

	if (!unfinished_describe(&job->unfinished, job->model, w, o->process_output, &o->merge, err))
		return false;
	if (o->resume && unfinished_is_there(&job->unfinished)) {
		if (!unfinished_load(&job->unfinished, w, job->sums, &job->n_before, err))
			return false;
		cli_note(job->program, "%s: %" PRIu64 " of %" PRIu64 " windows are done", job->unfinished.path, job->n_before, w->n_windows);
		return true;
	}
	return merge_files(o, job->sums, err) && fits_model(job->sums, v, err) && fmt_imatrix_sums_dataset(job->sums, text, err);
}

/* So many windows at a time as are to be saved together. */
static bool run_windows(struct job *job, const struct infer_windows *all, struct infer_run *run, struct fmt_err *err)
{
	const struct options *o = job->o;
	uint64_t step = o->save_every ? o->save_every : all->n_windows;

	job->n_windows = all->n_windows;
	while (job->n_before < all->n_windows) {
		struct infer_windows w = *all;

		w.ids += job->n_before * w.step;
		w.n -= job->n_before * w.step;
		w.n_windows -= job->n_before;
		w.n_windows = w.n_windows < step ? w.n_windows : step;
		w.progress = show_progress;
		w.user = job;
		if (!infer_imatrix_collect(run, &w, o->process_output, job->sums, err))
			return false;
		job->n_before += w.n_windows;
		if (o->save_every && job->n_before < all->n_windows && !unfinished_save(&job->unfinished, job->sums, job->n_before, err))
			return false;
	}
	return true;
}

static bool collect(struct job *job, const struct loaded *l, struct fmt_err *err)
{
	struct infer_tokens ids = { 0 };
	struct infer_windows w;
	struct infer_run *run = NULL;
	bool ok = read_ids(job->program, job->o, l, &ids, err) && set_windows(job->o, l, &ids, &w, err) && begin(job, l->view, &w, err) &&
	          (run = infer_run_create(l->model, w.size, (uint32_t)job->o->n_batch, err));

	if (ok) {
		cli_progress_start(&job->progress, job->program, "windows", "windows");
		ok = run_windows(job, &w, run, err);
		cli_progress_end(&job->progress);
	}
	infer_run_destroy(run);
	infer_tokens_finish(&ids);
	return ok;
}

/* Layers for multi-token prediction that the file speaks of, and that are not run. */
static bool note_next(const struct job *job, const struct loaded *l, struct fmt_err *err)
{
	uint32_t n = 0;

	if (!fmt_view_u32(l->view, "nextn_predict_layers", -1, 0, &n, err))
		return false;
	if (n && !infer_n_next(l->model))
		cli_note(job->program, "note: of %" PRIu32 " layer%s for multi-token prediction there will be no entries: they are not in the "
		         "file, or not known", n, n == 1 ? "" : "s");
	return true;
}

static bool run_model(struct job *job, struct fmt_err *err)
{
	struct quant_pool *pool = quant_pool_create((unsigned)job->program->threads);
	struct loaded l = { .with_next = true };
	bool ok = pool ? load(&l, job->model, NULL, true, pool, err) && note_next(job, &l, err) && collect(job, &l, err)
	               : fmt_fail(err, FMT_NOMEM, FMT_NO_OFFSET, "cannot start threads");

	unload(&l);
	quant_pool_destroy(pool);
	return ok;
}

/* Work that was begun is not begun anew by mistake. */
static bool check_unfinished(const struct job *job, struct fmt_err *err)
{
	if (!job->o->save_every || job->o->resume || job->o->force || !unfinished_is_there(&job->unfinished))
		return true;
	fmt_fail(err, FMT_EXISTS, FMT_NO_OFFSET, "is there already: --resume goes on with it, --force begins anew");
	fmt_err_file(err, job->unfinished.path);
	return false;
}

/* The output is begun first, so that one that cannot be written costs no run. */
static bool make(struct job *job, struct fmt_err *err)
{
	const struct options *o = job->o;
	enum fmt_imatrix_layout layout = strcmp(o->format, "dat") ? FMT_IMATRIX_GGUF : FMT_IMATRIX_DAT;
	struct fmt_sink *sink = fmt_sink_create(o->output, o->force, err);
	uint64_t n_bytes = 0;
	bool ok = sink && check_unfinished(job, err) && (job->model ? run_model(job, err) : merge_files(o, job->sums, err)) &&
	          fmt_imatrix_sums_write(job->sums, layout, sink, &n_bytes, err);

	if (!ok) {
		fmt_sink_abort(sink);
		return false;
	}
	if (!fmt_sink_commit(sink, n_bytes, err))
		return false;
	if (o->save_every || o->resume)
		unfinished_remove(&job->unfinished);
	report_sums(job->program, o->output, job->sums);
	return true;
}

static bool do_job(const struct cli_program *p, const struct options *o, const char *model, struct fmt_err *err)
{
	struct job job = { .program = p, .o = o, .model = model, .sums = fmt_imatrix_sums_create((uint32_t)o->n_ctx, err) };
	bool ok = job.sums && unfinished_init(&job.unfinished, o->output, err) && make(&job, err);

	unfinished_finish(&job.unfinished);
	fmt_imatrix_sums_destroy(job.sums);
	return ok;
}

static int check_usage(const struct cli_program *p, const struct options *o, int n)
{
	if (o->statistics && (n != 1 || o->file || o->output || o->merge.n))
		return cli_usage_error(p, "--statistics takes one importance matrix, and nothing else");
	if (o->statistics)
		return CLI_OK;
	if (n > 1 || (!n && !o->merge.n))
		return cli_usage_error(p, n ? "one model at a time" : "no model given");
	if (n != (o->file != NULL))
		return cli_usage_error(p, n ? "no text given: use -f FILE" : "a text needs a model");
	if (!n && (o->save_every || o->resume))
		return cli_usage_error(p, "--save-every and --resume need a model: merging runs nothing");
	if (!o->output)
		return cli_usage_error(p, "no output given: use -o FILE");
	if (strcmp(o->format, "gguf") && strcmp(o->format, "dat"))
		return cli_usage_error(p, "--output-format is gguf or dat");
	if (o->n_ctx < 2 || o->n_ctx > INT32_MAX || o->n_batch > 65536)
		return cli_usage_error(p, "--ctx is at least 2 and at most 2147483647, --batch at most 65536");
	return CLI_OK;
}

/* Fills in the options from the command line; the number of operands is the result, they stand in argv from 1 on. */
static int parse(struct cli_program *p, struct options *o, int argc, char **argv)
{
	struct cli_opt opts[] = {
		{ .kind = CLI_GROUP, .help = "Text" },
		{ CLI_STRING, 'f', "file", "FILE", &o->file, "the text in FILE; - is standard input", NULL },
		{ CLI_UINT, 'c', "ctx", "N", &o->n_ctx, "tokens of a window (512); what is left of the text is not used", NULL },
		{ CLI_UINT, 0, "from", "N", &o->from, "skip the first N windows", NULL },
		{ CLI_UINT, 0, "chunks", "N", &o->chunks, "use N windows only", NULL },
		{ CLI_FLAG, 0, "parse-special", NULL, &o->parse_special, "\"<s>\" in the text is that token, not three letters", NULL },
		{ .kind = CLI_GROUP, .help = "Output" },
		{ CLI_STRING, 'o', "output", "OUT", &o->output, "where to write", NULL },
		{ CLI_STRING, 0, "output-format", "NAME", &o->format, "gguf, or dat, the older layout without counts (gguf)", NULL },
		{ CLI_FLAG, 0, "process-output", NULL, &o->process_output, "the output matrix too", NULL },
		{ CLI_LIST, 0, "merge", "FILE", &o->merge, "add what FILE has; may be given again", NULL },
		{ CLI_UINT, 0, "save-every", "N", &o->save_every, "after every N windows save what there is to OUT.partial", NULL },
		{ CLI_FLAG, 0, "resume", NULL, &o->resume, "go on with OUT.partial if it is there; changes no byte of OUT", NULL },
		{ CLI_FLAG, 0, "force", NULL, &o->force, "replace OUT if it exists", NULL },
		{ CLI_FLAG, 0, "statistics", NULL, &o->statistics, "print figures of each weight in IMATRIX", NULL },
		{ .kind = CLI_GROUP, .help = "Running" },
		{ CLI_UINT, 'b', "batch", "N", &o->n_batch, "tokens computed at once (64); changes no byte of the output", NULL },
		{ CLI_UINT, 't', "threads", "N", &p->threads, "threads (CPUs that may be used); changes no byte either", NULL },
		{ CLI_FLAG, 0, "json", NULL, &p->json, "one JSON document on standard output", NULL },
		{ CLI_FLAG, 'q', "quiet", NULL, &p->quiet, "no messages but errors", NULL },
		{ 0 },
	};

	p->name = "llm-imatrix";
	p->usage = "llm-imatrix [options] MODEL -f FILE -o OUT\nllm-imatrix [options] --merge FILE --merge FILE -o OUT\n"
	           "llm-imatrix [options] --statistics IMATRIX";
	p->about = "Runs MODEL, a GGUF or a Hugging Face directory, on a text and writes how strongly each column of\n"
	           "its weights is used: the importance matrix that st2gguf --imatrix and llama-quantize take.";
	p->examples = "  llm-imatrix model -f calibration.txt -o imatrix.gguf\n"
	              "  llm-imatrix model -f more.txt --merge imatrix.gguf -o both.gguf\n"
	              "  llm-imatrix --statistics imatrix.gguf";
	p->opts = opts;
	cli_parse(p, &argc, argv);
	p->opts = NULL;
	return argc;
}

int main(int argc, char **argv)
{
	struct options o = { .n_ctx = 512, .format = "gguf" };
	struct cli_program p = { 0 };
	struct fmt_err err = { 0 };
	int n = parse(&p, &o, argc, argv), status = check_usage(&p, &o, n);
	bool ok;

	if (!status) {
		ok = o.statistics ? report_statistics(&p, argv[1], &err) : do_job(&p, &o, n ? argv[1] : NULL, &err);
		status = ok ? CLI_OK : cli_fail(&p, &err);
	}
	free(o.merge.items);
	return cli_finish(&p, status);
}
