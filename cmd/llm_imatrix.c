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
	uint64_t n_ctx, n_batch, chunks, from;
	bool parse_special, process_output, force, statistics;
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

static bool read_ids(const struct options *o, const struct loaded *l, struct infer_tokens *ids, struct fmt_err *err)
{
	unsigned flags = INFER_TOK_ADD_SPECIAL | (o->parse_special ? INFER_TOK_PARSE_SPECIAL : 0);
	size_t n = 0;
	char *text = cli_read(o->file, &n, err);
	bool ok = text && infer_tokenize(l->tokenizer, text, n, flags, ids, err);

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

static bool collect(const struct cli_program *p, const struct options *o, const struct loaded *l, struct fmt_imatrix_sums *sums,
                    struct fmt_err *err)
{
	struct infer_tokens ids = { 0 };
	struct infer_windows w;
	struct infer_run *run = NULL;
	struct cli_progress progress;
	bool ok = read_ids(o, l, &ids, err) && set_windows(o, l, &ids, &w, err) &&
	          (run = infer_run_create(l->model, w.size, (uint32_t)o->n_batch, err)) &&
	          fmt_imatrix_sums_dataset(sums, (struct fmt_str){ o->file, strlen(o->file) }, err);

	if (ok) {
		cli_progress_start(&progress, p, "windows");
		w.progress = cli_progress_update;
		w.user = &progress;
		ok = infer_imatrix_collect(run, &w, o->process_output, sums, err);
		cli_progress_end(&progress);
	}
	infer_run_destroy(run);
	infer_tokens_finish(&ids);
	return ok;
}

static bool run_model(const struct cli_program *p, const struct options *o, const char *path, struct fmt_imatrix_sums *sums,
                      struct fmt_err *err)
{
	struct quant_pool *pool = quant_pool_create((unsigned)p->threads);
	struct loaded l = { 0 };
	bool ok = pool ? load(&l, path, NULL, true, pool, err) && collect(p, o, &l, sums, err)
	               : fmt_fail(err, FMT_NOMEM, FMT_NO_OFFSET, "cannot start threads");

	unload(&l);
	quant_pool_destroy(pool);
	return ok;
}

/* The output is begun first, so that one that cannot be written costs no run.
 * path   the model; NULL: files are merged, and nothing is run */
static bool make(const struct cli_program *p, const struct options *o, const char *path, struct fmt_err *err)
{
	enum fmt_imatrix_layout layout = strcmp(o->format, "dat") ? FMT_IMATRIX_GGUF : FMT_IMATRIX_DAT;
	struct fmt_imatrix_sums *sums = fmt_imatrix_sums_create((uint32_t)o->n_ctx, err);
	struct fmt_sink *sink = sums ? fmt_sink_create(o->output, o->force, err) : NULL;
	uint64_t n_bytes = 0;
	bool ok = sink && merge_files(o, sums, err) && (!path || run_model(p, o, path, sums, err)) &&
	          fmt_imatrix_sums_write(sums, layout, sink, &n_bytes, err);

	if (ok)
		ok = fmt_sink_commit(sink, n_bytes, err);
	else
		fmt_sink_abort(sink);
	if (ok)
		report_sums(p, o->output, sums);
	fmt_imatrix_sums_destroy(sums);
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
		ok = o.statistics ? report_statistics(&p, argv[1], &err) : make(&p, &o, n ? argv[1] : NULL, &err);
		status = ok ? CLI_OK : cli_fail(&p, &err);
	}
	free(o.merge.items);
	return cli_finish(&p, status);
}
