/* llm-mem: what will it take? Parameters, weights in every type and cache at every context, from config.json alone. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "llm_mem.h"
#include "st2gguf.h"

/* Contexts and batches past these are slips of the keyboard. */
#define MAX_CONTEXT (UINT64_C(1) << 40)
#define MAX_SEQUENCES (UINT64_C(1) << 20)

struct options {
	const char *quant, *contexts, *kv, *policy, *runtime, *imatrix, *flash, *svg, *html, *gpu;
	uint64_t sequences, batch, ubatch, fit, margin, cpu_experts;
	bool fit_given, csv, force, margin_given, cpu_moe, cpu_experts_given;
};

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* "4096,32K" */
static bool parse_contexts(struct mem_report *r, const char *text, struct fmt_err *err)
{
	for (const char *p = text;; p++) {
		size_t n = strcspn(p, ",");
		uint64_t value = 0;
		char one[32];

		snprintf(one, sizeof one, "%.*s", (int)(n < 31 ? n : 31), p);
		if (n > 31 || strchr(one, '.') || !cli_size(one, &value) || value == 0 || value > MAX_CONTEXT)
			return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--ctx: '%s' is no number of tokens (4096, 32K, 4096,32768)", one);
		if (r->n_contexts == MEM_MAX_CONTEXTS)
			return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--ctx: at most %d contexts at a time", MEM_MAX_CONTEXTS);
		r->contexts[r->n_contexts++] = value;
		p += n;
		if (!*p)
			break;
	}
	qsort(r->contexts, r->n_contexts, sizeof *r->contexts, by_size);
	return true;
}

/* A short, a middling and the trained context. */
static void usual_contexts(struct mem_report *r)
{
	static const uint64_t usual[] = { 4096, 32768 };
	uint64_t most = r->e.context ? r->e.context : 131072;

	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
		if (usual[i] < most)
			r->contexts[r->n_contexts++] = usual[i];
	r->contexts[r->n_contexts++] = most;
}

/* Types that caches are kept in. */
static bool cache_type(const char *name, enum fmt_type *t)
{
	static const enum fmt_type known[] = {
		FMT_F32, FMT_F16, FMT_BF16, FMT_Q8_0, FMT_Q5_1, FMT_Q5_0, FMT_Q4_1, FMT_Q4_0, FMT_IQ4_NL, FMT_F8_E4M3,
	};

	if (!strcmp(name, "fp8"))
		name = "F8_E4M3";
	if (!fmt_type_from_name(name, strlen(name), t))
		return false;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i] == *t)
			return true;
	return false;
}

/* The word at *p, which moves past it and its comma; false where there is none. A word that is too long is cut short,
 * and so is unknown. */
static bool next_word(const char **p, char *word, size_t size)
{
	size_t n = strcspn(*p, ",");

	if (!**p)
		return false;
	snprintf(word, size, "%.*s", (int)(n < size ? n : size), *p);
	*p += n + ((*p)[n] == ',');
	return true;
}

/* "F16,Q8_0". Returns what could not be read, or NULL. */
static const char *parse_cache_types(struct mem_report *r, const char *text, char *word, size_t size)
{
	word[0] = 0;
	while (next_word(&text, word, size))
		if (r->n_cache_types == MEM_MAX_CACHE_TYPES || !cache_type(word, &r->cache_types[r->n_cache_types++]))
			return word;
	r->cache.type = r->cache_types[0];
	return r->n_cache_types ? NULL : word;
}

/* "ideal,llama.cpp" */
static const char *parse_policies(struct mem_report *r, const char *text, char *word, size_t size)
{
	word[0] = 0;
	while (next_word(&text, word, size))
		if (r->n_keeps == FMT_KEEP_COUNT || !fmt_keep_from_name(word, &r->keeps[r->n_keeps++]))
			return word;
	r->cache.keep = r->keeps[0];
	return r->n_keeps ? NULL : word;
}

static bool has_suffix(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

/* The directory of a safetensors file, to be freed; NULL where the path is none, or out of memory. */
static char *weights_dir(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = has_suffix(path, ".safetensors") ? strdup(path) : NULL;

	if (!dir)
		return NULL;
	if (!slash)
		strcpy(dir, "."); /* the name before ".safetensors" may be empty, its end is not */
	else
		dir[slash == path ? 1 : slash - path] = 0;
	return dir;
}

/* A GGUF is opened as it is; a directory, or that of a safetensors file, through its config.json, with its tokenizer
 * where it has one, since that is part of the file; any other file is a config.json and nothing else. */
static struct fmt_view *open_model(struct mem_report *r, struct fmt_err *err)
{
	struct fmt_view_opts opts = { .plan_only = true };
	struct fmt_err first = { .code = FMT_OK };
	char *dir_of_file = weights_dir(r->path);
	const char *path = dir_of_file ? dir_of_file : r->path;
	struct fmt_view *v;
	struct stat st;
	bool dir = !stat(path, &st) && S_ISDIR(st.st_mode);

	opts.no_tokenizer = !dir;
	v = fmt_view_open(path, &opts, &first);
	if (v && dir) { /* what st2gguf would say about it is not asked for here */
		struct fmt_err said = { 0 };

		st2gguf_tokens(v, ST2GGUF_EMBED_AUTO, false, &said);
	}
	r->files_known = v && (!v->from_dir || (dir && !v->counted_only));
	if (!v && dir && first.code != FMT_UNSUPPORTED && first.code != FMT_NOMEM) {
		/* a directory without a tokenizer, or with one that is not supported, can still be counted */
		opts.no_tokenizer = true;
		v = fmt_view_open(path, &opts, err);
	} else if (!v) {
		*err = first;
	}
	free(dir_of_file);
	return v;
}

static bool prepare(struct mem_report *r, const struct options *o, struct fmt_err *err)
{
	if (!fmt_estimate_init(&r->e, r->view, err) || !fmt_stored_init(&r->stored, r->view, &r->e, err)) {
		fmt_err_file(err, r->path);
		return false;
	}
	if (o->contexts && !parse_contexts(r, o->contexts, err))
		return false;
	if (!o->contexts)
		usual_contexts(r);
	if (o->imatrix && !(r->imatrix = fmt_imatrix_open(o->imatrix, err)))
		return false;
	if (!mem_own_init(r, err)) {
		fmt_err_file(err, r->path);
		return false;
	}
	if (!mem_weigh(r, o->quant, err) || !mem_cache(r, err) || !mem_runtime(r, err) || !mem_train(r, err))
		return false;
	r->fit_context = r->contexts[o->contexts ? r->n_contexts - 1 : 0];
	if (o->fit_given) {
		r->fit = o->fit;
		r->margin = o->margin_given ? o->margin : fmt_fit_margin(o->fit);
		return mem_fit(r, err);
	}
	return !r->cards.o.n_devices || mem_gpu(r, err);
}

static void print_notes(const struct mem_report *r)
{
	char n[32];

	for (uint32_t i = 0; i < r->view->n_notes; i++)
		cli_note(r->program, "note: %s", r->view->notes[i]);
	if (r->view->counted_only)
		cli_note(r->program, "note: st2gguf does not convert '%.*s' yet; the sizes are what its recipes give such tensors",
		         (int)r->view->arch_name.n, r->view->arch_name.p);
	if (r->e.context && r->contexts[r->n_contexts - 1] > r->e.context)
		cli_note(r->program, "note: the model was trained for %s tokens", cli_thousands(r->e.context, n));
}

static bool is_stdout(const char *path)
{
	return path && !strcmp(path, "-");
}

static bool print(const struct mem_report *r, const struct options *o, struct fmt_err *err)
{
	if ((o->svg && !mem_write_picture(r, o->svg, false, o->force, err)) ||
	    (o->html && !mem_write_picture(r, o->html, true, o->force, err)))
		return false;
	if (is_stdout(o->svg) || is_stdout(o->html))
		return true;
	if (o->csv)
		return mem_print_csv(r, err);
	if (r->program->json)
		return mem_print_json(r, err);
	if (r->train.kind)
		mem_train_text(r);
	else
		mem_print_text(r);
	return mem_speed_print(r, NULL, err) && mem_convert_print(r, NULL, err) && (!r->explain || mem_explain(r, NULL, err));
}

/* What --fit or --gpu asks; true where neither is given. */
static bool fits(const struct mem_report *r)
{
	return (!r->fit && !r->cards.o.n_devices) || (r->train.kind ? mem_train_fits(r) : r->best != NULL);
}

static bool asks_for_sizes(const struct mem_report *r, const struct options *o)
{
	return !o->fit_given && !o->gpu && !o->csv && !o->svg && !o->html && !r->train.kind && !r->layers && !r->explain;
}

/* Weights without a config.json, of which nothing but their sizes is asked. */
static bool is_bare(const struct mem_report *r, const struct options *o, bool *is_dir)
{
	char *dir_of_file = weights_dir(r->path), path[4096];
	const char *dir = dir_of_file ? dir_of_file : r->path;
	struct stat st;
	int n = snprintf(path, sizeof path, "%s/config.json", dir);
	bool there = n < 0 || (size_t)n >= sizeof path || stat(dir, &st) || !S_ISDIR(st.st_mode) || !stat(path, &st);

	*is_dir = !dir_of_file;
	free(dir_of_file);
	return !there && asks_for_sizes(r, o);
}

/* Of an adapter there is what is stored, and no more: what a run takes is its model's. */
static int run_adapter(struct mem_report *r, const struct options *o, bool dir)
{
	struct fmt_err err = { .code = FMT_OK };
	bool ok = asks_for_sizes(r, o) ? mem_print_header(r, dir, &err)
	                               : fmt_fail(&err, FMT_USAGE, FMT_NO_OFFSET, "an adapter, of which only the stored size is "
	                                          "known: ask of its model (--train lora counts what training one takes)");

	fmt_err_file(&err, r->path);
	return ok ? CLI_OK : cli_fail(r->program, &err);
}

static int run(struct mem_report *r, const struct options *o)
{
	struct fmt_err err = { .code = FMT_OK }, bare = { .code = FMT_OK };
	struct fmt_view *v = open_model(r, &err);
	bool is_dir = false;
	bool ok;
	int status;

	if (!v && is_bare(r, o, &is_dir) && mem_print_header(r, is_dir, &bare))
		return CLI_OK;
	r->view = v;
	if (v && v->is_adapter) {
		status = run_adapter(r, o, v->from_dir);
		fmt_view_close(v);
		return status;
	}
	ok = v && prepare(r, o, &err);
	if (ok) {
		print_notes(r);
		mem_compare(r);
		ok = print(r, o, &err);
	}
	status = !ok ? cli_fail(r->program, &err) : fits(r) ? CLI_OK : CLI_CHECK;
	mem_own_finish(r);
	fmt_imatrix_close(r->imatrix);
	mem_weights_finish(r);
	fmt_estimate_finish(&r->e);
	fmt_view_close(v);
	return status;
}

/* What --fit and --gpu come with. */
static bool place_options(struct mem_report *r, const struct options *o, struct fmt_err *err)
{
	bool experts = o->cpu_moe || o->cpu_experts_given;

	if (o->fit_given && o->fit == 0)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--fit: nothing fits into 0 bytes");
	if (o->fit_given && o->gpu)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--fit is one piece of memory, --gpu is several: one of them");
	if (o->margin_given && !o->fit_given && !o->gpu)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--margin is left free of --fit or --gpu");
	if (o->fit_given && o->margin_given && o->margin >= o->fit)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--margin: nothing is left of --fit");
	if (experts && !o->gpu)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--cpu-moe and --n-cpu-moe say what is not on a --gpu");
	if (!o->gpu)
		return true;
	if (r->cache.keep != FMT_KEEP_LLAMA_CPP || o->csv || r->train.kind ||
	    (r->runtime.runtime != FMT_RUNTIME_LLAMA_CPP && r->runtime.runtime != FMT_RUNTIME_LLAMA_CPP_0_7))
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--gpu is how llama.cpp spreads a model: no other --policy or --runtime, "
		                "no --train and no --csv");
	r->cards.o.cpu_experts = o->cpu_moe ? UINT64_MAX : o->cpu_experts;
	r->cards.o.find_experts = !experts;
	return mem_cards_parse(&r->cards, o->gpu, o->margin_given ? &o->margin : NULL, err);
}

int main(int argc, char **argv)
{
	struct options o = { .policy = "llama.cpp", .runtime = "llama.cpp", .flash = "auto", .sequences = 1, .ubatch = 512 };
	struct mem_report r = { .train = MEM_TRAIN_DEFAULTS };
	struct mem_train *t = &r.train;
	struct fmt_err err = { .code = FMT_OK };
	struct cli_program p = {
		.name = "llm-mem",
		.usage = "llm-mem [--quant TYPE,...] [--ctx N,...] [--fit SIZE] CONFIG|DIRECTORY|GGUF|SAFETENSORS",
		.about = "What a model takes, from its config.json alone: parameters, weights in each type, cache at each context.",
		.examples = "  llm-mem config.json                      an overview\n"
		            "  llm-mem config.json --fit 24GiB --ctx 32K  what fits; exit status 1: nothing\n"
		            "  llm-mem config.json --gpu rtx4090,24G      how it is spread, and llama.cpp's options\n"
		            "  llm-mem config.json --quant all --json   every type, for a program\n"
		            "  llm-mem config.json --explain --html memory.html   a page with charts and products",
	};
	struct cli_opt opts[] = {
		{ CLI_STRING, 'q', "quant", "TYPE,...", &o.quant, "types and recipes as st2gguf has them, or all", NULL },
		{ CLI_STRING, 0, "imatrix", "FILE", &o.imatrix, "the importance matrix that st2gguf will be given, which some\n"
		  "types and keys of a file depend on", NULL },
		{ CLI_STRING, 'c', "ctx", "N,...", &o.contexts, "contexts in tokens; 32K is 32768", NULL },
		{ CLI_STRING, 0, "kv", "TYPE", &o.kv, "type of keys and values: F32 F16 BF16 Q8_0 Q5_1 Q5_0 Q4_1 Q4_0\n"
		  "IQ4_NL fp8; default: F16, of assay F32; with --csv a list", NULL },
		{ CLI_UINT, 0, "parallel", "N", &o.sequences, "sequences of that context at once; default: 1", NULL },
		{ CLI_STRING, 0, "policy", "NAME", &o.policy, "whose cache is added to the weights: ideal, no_window or\n"
		  "llama.cpp; default: llama.cpp; with --csv a list", NULL },
		{ CLI_STRING, 0, "runtime", "NAME", &o.runtime, "whose buffers come on top: llama.cpp, llama.cpp-0.7, vllm,\n"
		  "transformers or assay, which is llm-run; default: llama.cpp", NULL },
		{ CLI_UINT, 0, "batch", "N", &o.batch, "tokens that a runtime takes at once; default: its own", NULL },
		{ CLI_UINT, 0, "ubatch", "N", &o.ubatch, "tokens that llama.cpp computes at once; default: 512", NULL },
		{ CLI_UINT, 't', "threads", "N", &p.threads, "of llm-run, with --runtime assay; default: CPUs that may be used", NULL },
		{ CLI_STRING, 0, "flash-attn", "WORD", &o.flash, "on, off or auto; off: scores of attention are kept too", NULL },
		{ CLI_FLAG, 0, "swa-full", NULL, &r.runtime.swa_full, "llama.cpp's sliding layers keep the whole context too", NULL },
		{ CLI_SIZE, 0, "fit", "SIZE", &o.fit, "what fits into so much, buffers included: 24GiB", &o.fit_given },
		{ CLI_STRING, 0, "gpu", "CARD,...", &o.gpu, "spread over cards as llama.cpp does: 24G,24G,8G or names,\n"
		  "rtx4090,rtx3060-12g, 8xh100; list prints the names", NULL },
		{ CLI_SIZE, 0, "margin", "SIZE", &o.margin, "leave so much of --fit, or of each --gpu, free; default: 1GiB, of\n"
		  "less than 8GiB an eighth", &o.margin_given },
		{ CLI_FLAG, 0, "cpu-moe", NULL, &o.cpu_moe, "with --gpu: all experts stay in the CPU's memory", NULL },
		{ CLI_UINT, 0, "n-cpu-moe", "N", &o.cpu_experts, "with --gpu: those of the first N layers do; default: as few as\n"
		  "make the rest fit", &o.cpu_experts_given },
		{ CLI_FLAG, 0, "layers", NULL, &r.layers, "the layers, one by one", NULL },
		{ CLI_FLAG, 0, "explain", NULL, &r.explain, "each figure as its product, the keys of config.json behind it,\n"
		  "and what was taken for those that are not there", NULL },
		{ CLI_FLAG, 0, "json", NULL, &p.json, "print JSON", NULL },
		{ CLI_FLAG, 0, "csv", NULL, &o.csv,
		  "print a table: a row per type, context, --kv and --policy; with --train a row of that", NULL },
		{ CLI_STRING, 0, "svg", "FILE", &o.svg, "write a chart of memory over context as well; -: to stdout", NULL },
		{ CLI_STRING, 0, "html", "FILE", &o.html, "write a page with the chart and tables as well; -: to stdout", NULL },
		{ CLI_FLAG, 0, "force", NULL, &o.force, "replace these files if they exist", NULL },
		{ CLI_FLAG, 0, "quiet", NULL, &p.quiet, "print no notes", NULL },
		{ CLI_UINT, 0, "convert", "THREADS", &r.convert.threads, "disk and memory that st2gguf needs, with so many threads",
		  &r.convert.given },
		{ CLI_GROUP, 0, NULL, NULL, NULL, "speed", NULL },
		{ CLI_STRING, 0, "speed", "CARD", &r.speed.card, "the bounds of a card: rtx4090, h100; by the next two", NULL },
		{ CLI_REAL, 0, "bandwidth", "GB/S", &r.speed.bandwidth, "of memory: tokens per second at most", &r.speed.bandwidth_given },
		{ CLI_REAL, 0, "tflops", "N", &r.speed.tflops, "dense, 16 bits: how fast a prompt is read at most",
		  &r.speed.tflops_given },
		{ CLI_GROUP, 0, NULL, NULL, NULL, "training", NULL },
		{ CLI_STRING, 0, "train", "KIND", &t->kind, "what training takes instead: full, lora, qlora", NULL },
		{ CLI_STRING, 0, "optimizer", "NAME", &t->optimizer, "adamw, adamw8bit, paged-adamw8bit, sgd, sgd-momentum,\n"
		  "adafactor, lion, muon; default: adamw", &t->given },
		{ CLI_UINT, 0, "rank", "N", &t->rank, "of adapters; default: 16", &t->given },
		{ CLI_STRING, 0, "lora-targets", "NAME,...", &t->targets, "all, qv, attention, or modules: q_proj,down_proj;\n"
		  "default: all linear ones of the layers but experts and routers", &t->given },
		{ CLI_STRING, 0, "precision", "TYPE", &t->precision, "bf16 or fp16 (mixed: a float32 copy for the optimizer), fp32;\n"
		  "default: bf16", &t->given },
		{ CLI_STRING, 0, "gradients", "TYPE", &t->gradients, "same as the weights, or fp32; default: same", &t->given },
		{ CLI_UINT, 0, "micro-batch", "N", &t->micro_batch, "sequences at once on each device; default: 1", &t->given },
		{ CLI_UINT, 0, "seq", "N", &t->seq, "tokens of each; default: 2048", &t->given },
		{ CLI_STRING, 0, "attention", "KIND", &t->attention, "flash (SDPA too), or eager, which stores scores;\n"
		  "default: flash", &t->given },
		{ CLI_STRING, 0, "checkpointing", "KIND", &t->checkpointing, "none, full (a layer keeps its input), selective (scores\n"
		  "are computed again); default: none", &t->given },
		{ CLI_UINT, 0, "devices", "N", &t->devices, "that the model is trained on; default: 1", &t->given },
		{ CLI_UINT, 0, "zero", "STAGE", &t->zero, "of ZeRO: 0, 1, 2, 3; default: 0", &t->zero_given },
		{ CLI_STRING, 0, "fsdp", "KIND", &t->fsdp, "full, grad-op or no: as the stages 3, 2, 0", &t->given },
		{ CLI_STRING, 0, "offload", "PART", &t->offload, "optimizer, params or both, to the host's memory", &t->given },
		{ 0 },
	};
	char word[24];
	int n = argc;

	p.opts = opts;
	r.program = &p;
	cli_parse(&p, &n, argv);
	if (o.gpu && !strcmp(o.gpu, "list")) {
		mem_cards_list(&p);
		return cli_finish(&p, CLI_OK);
	}
	if (n != 1)
		return cli_usage_error(&p, n ? "one model at a time" : "no model given");
	r.path = argv[1];
	if (!fmt_runtime_from_name(o.runtime, &r.runtime.runtime))
		return cli_usage_error(&p, "unknown runtime '%s' for --runtime; known are llama.cpp, llama.cpp-0.7, vllm, transformers, "
		                       "assay", o.runtime);
	if (!o.kv)
		o.kv = r.runtime.runtime == FMT_RUNTIME_ASSAY ? "F32" : "F16";
	if (parse_cache_types(&r, o.kv, word, sizeof word))
		return cli_usage_error(&p, "unknown type '%s' for --kv; known are F32, F16, BF16, Q8_0, Q5_1, Q5_0, Q4_1, Q4_0, "
		                       "IQ4_NL, fp8", word);
	if (parse_policies(&r, o.policy, word, sizeof word))
		return cli_usage_error(&p, "unknown policy '%s' for --policy; known are ideal, no_window, llama.cpp", word);
	if (!fmt_flash_from_name(o.flash, &r.runtime.flash))
		return cli_usage_error(&p, "unknown word '%s' for --flash-attn; known are on, off, auto", o.flash);
	if (o.csv && (p.json || r.explain || r.layers))
		return cli_usage_error(&p, "--csv is a table and nothing else: no --json, --explain or --layers");
	if (is_stdout(o.svg) + is_stdout(o.html) + p.json + o.csv > 1)
		return cli_usage_error(&p, "stdout is one of --svg -, --html -, --json and --csv");
	if (!o.csv && (r.n_cache_types > 1 || r.n_keeps > 1))
		return cli_usage_error(&p, "several types or policies of cache make a table: --csv");
	if (o.sequences == 0 || o.sequences > MAX_SEQUENCES || o.ubatch == 0 || o.ubatch > MAX_CONTEXT)
		return cli_usage_error(&p, "--parallel and --ubatch: numbers from 1 up");
	if (o.batch > MAX_CONTEXT)
		return cli_usage_error(&p, "--batch: a number of tokens");
	if (!t->kind && (t->given || t->zero_given))
		return cli_usage_error(&p, "options of training without --train: full, lora or qlora");
	if (!mem_train_options(t, &err) || !mem_speed_options(&r.speed, &err) || !mem_convert_options(&r.convert, &err))
		return cli_finish(&p, cli_fail(&p, &err));
	if (!place_options(&r, &o, &err))
		return cli_usage_error(&p, "%s", err.msg);
	r.cache.sequences = o.sequences;
	r.cache.ubatch = o.ubatch;
	r.runtime.batch = o.batch;
	r.own.batch = o.batch;
	r.own.threads = p.threads;
	r.runtime.ubatch = o.ubatch;
	return cli_finish(&p, run(&r, &o));
}
