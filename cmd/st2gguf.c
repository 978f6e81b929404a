/* st2gguf: a model's directory, a checkpoint file or a GGUF becomes a GGUF, quantized or not, in one pass. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "cli_page.h"
#include "st2gguf_verify.h"

#define MAX_THREADS 4096 /* more is a slip of the keyboard */

struct options {
	const char *quant, *output, *name, *effort_name, *embed_name;
	enum st2gguf_embed embed;
	struct write_opts write;
	struct verify_opts verify;
	struct fmt_view_opts view;
	struct st2gguf_ask ask;
	struct cli_list loras;
	struct cli_list keys;
	struct st2gguf_split split;
	const char *prune;
	bool dry_run, explain, allow_requantize, strict;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool is_auto(const char *quant)
{
	return !quant || !strcasecmp(quant, "auto") || !strcasecmp(quant, "copy");
}

/* By name, or by the number that llama-quantize takes for it. */
static const struct quant_recipe *find_recipe(const char *quant)
{
	const struct quant_recipe *r = quant_recipe_find(quant);
	size_t n = strlen(quant);

	return r || !n || n > 3 || strspn(quant, "0123456789") < n ? r : quant_recipe_numbered(atoi(quant));
}

static bool is_block_type(enum fmt_type t)
{
	return fmt_type_info(t)->block_elems > 1;
}

/* One line each for what the user should know and would not see otherwise. */
static void print_notes(const struct conversion *c, const struct options *o)
{
	uint64_t n_again = 0;

	for (uint32_t i = 0; i < c->view->n_notes; i++)
		cli_note(c->program, "note: %s", c->view->notes[i]);
	for (size_t i = 0; i < c->adapters.n; i++)
		cli_note(c->program, "note: %s is merged into %" PRIu64 " tensors", c->adapters.views[i]->path,
		         adapters_changed(&c->adapters, i, c->view));
	for (uint64_t i = 0; i < c->view->n_tensors; i++)
		n_again += is_block_type(c->view->tensors[i].type) && c->view->tensors[i].type != c->types[i];
	if (n_again && !o->allow_requantize)
		cli_note(c->program, "note: %" PRIu64 " tensors are quantized already: quantizing the original would lose less",
		         n_again);
}

/* Errors that the user can do something about say what. */
static void add_hint(struct fmt_err *err)
{
	if (err->code == FMT_NONFINITE)
		strncat(err->msg, " (--allow-nonfinite converts it all the same)", sizeof err->msg - 1 - strlen(err->msg));
}

static bool start_threads(struct conversion *c, struct fmt_err *err)
{
	c->pool = quant_pool_create((unsigned)c->program->threads);
	return c->pool || fmt_fail(err, FMT_NOMEM, FMT_NO_OFFSET, "cannot start %" PRIu64 " threads", c->program->threads);
}

/* What cannot be written costs no run of a model. */
static bool check_places(const struct conversion *c, const struct options *o, struct fmt_err *err)
{
	if (o->verify.report && !page_check(o->verify.report, o->write.force, err))
		return false;
	if (o->ask.imatrix_from)
		fmt_sink_abort(fmt_sink_create(c->output, o->write.force, err));
	return !err->code;
}

static bool collect(struct conversion *c, const struct options *o, struct fmt_err *err)
{
	return !o->ask.imatrix_from || st2gguf_collect(c, o->ask.imatrix_from, o->verify.n_ctx, o->dry_run, err);
}

/* v  what is to be checked; NULL: nothing is */
static bool convert(struct conversion *c, const struct options *o, struct verify *v, struct fmt_err *err)
{
	double start = now();

	if (!st2gguf_plan(c, err) || !st2gguf_split(c, &o->split, err) || !st2gguf_ask_check(c, o->strict, o->dry_run, err))
		return false;
	print_notes(c, o);
	if (o->dry_run || (o->explain && !c->program->json))
		st2gguf_print_plan(c);
	if (o->dry_run)
		return true;
	if (!st2gguf_write(c, &o->write, v, err) || (o->verify.report && !verify_page(v, c, o->write.force, err)))
		return false;
	st2gguf_print_result(c, now() - start, v);
	return true;
}

static bool is_config(const char *source)
{
	static const char ending[] = ".json";
	size_t n = strlen(source), e = sizeof ending - 1;
	struct stat st;

	return n >= e && !strcasecmp(source + n - e, ending) && !(!stat(source, &st) && S_ISDIR(st.st_mode));
}

/* Blocks of NVFP4 are taken over where nothing else is asked for, or they are; adapters are merged into what they stand for. */
static bool keeps_nvfp4(const struct conversion *c, const struct options *o)
{
	bool keep = is_auto(o->quant) || (c->ask.output_given && c->ask.output == FMT_NVFP4);

	for (int i = 0; i < quant_overrides_count(c->overrides); i++)
		keep = keep || quant_overrides_type(c->overrides, i) == FMT_NVFP4;
	return keep && !o->loras.n;
}

/* A config.json alone says which tensors there will be, but has none: enough for a plan. */
static struct fmt_view *open_source(const struct conversion *c, const struct options *o, const char *source, struct fmt_err *err)
{
	const struct cli_program *p = c->program;
	struct fmt_view_opts opts = o->view;
	struct fmt_view *v;

	opts.may_lack_tokenizer = o->dry_run;
	opts.keep_nvfp4 = keeps_nvfp4(c, o);
	if (!is_config(source))
		return fmt_view_open(source, &opts, err);
	if (!o->dry_run) {
		fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "a config.json has no weights: give the directory, or --dry-run to see the "
		         "plan");
		fmt_err_file(err, source);
		return NULL;
	}
	opts.plan_only = opts.no_tokenizer = true;
	v = fmt_view_open(source, &opts, err);
	if (!v)
		return NULL;
	if (!v->counted_only) {
		cli_note(p, "note: the size is without a tokenizer, which config.json does not have");
		return v;
	}
	fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "%.*s can be counted (llm-mem), but not yet be converted or run",
	         (int)v->arch_name.n, v->arch_name.p);
	fmt_err_file(err, source);
	fmt_view_close(v);
	return NULL;
}

static int run(struct cli_program *p, const struct options *o, const char *source)
{
	struct conversion c = { .program = p, .name = o->name, .keys = o->keys.items, .n_keys = o->keys.n,
	                        .ask.keep_blocks = is_auto(o->quant) };
	struct verify verify = { 0 }, *check = o->verify.asked ? &verify : NULL;
	struct fmt_err err = { 0 };
	char *default_name = NULL;
	struct fmt_view *v = st2gguf_ask(&c, &o->ask, &err) ? open_source(&c, o, source, &err) : NULL;
	bool ok = v && (!o->prune || st2gguf_prune(&c, v, o->prune, &err));
	int status = CLI_OK;

	if (ok) {
		c.view = v;
		c.recipe = is_auto(o->quant) ? st2gguf_auto(v) : find_recipe(o->quant);
		default_name = o->output ? NULL : st2gguf_output_name(source, c.recipe, &err);
		c.output = o->output ? o->output : default_name;
		ok = c.output && st2gguf_adapter_check(v, c.recipe, &o->loras, &err) && adapters_open(&c.adapters, v, &o->loras, &err) &&
		     (v->is_adapter || st2gguf_tokens(v, o->embed, o->view.pre, &err)) &&
		     (o->dry_run || (check_places(&c, o, &err) && start_threads(&c, &err))) && collect(&c, o, &err) &&
		     (!check || verify_begin(check, &o->verify, &c, &err)) && convert(&c, o, check, &err);
	}
	if (ok && check && !o->dry_run)
		status = verify_check(check, &c);
	verify_finish(&verify);
	st2gguf_split_finish(&c);
	st2gguf_plan_finish(&c);
	st2gguf_ask_finish(&c);
	adapters_close(&c.adapters);
	quant_pool_destroy(c.pool);
	free(default_name);
	fmt_view_close(v);
	if (!ok) {
		st2gguf_die_of_signal();
		add_hint(&err);
		return cli_fail(p, &err);
	}
	return status;
}

/* "known are F32, BF16, ..." */
static int unknown_quant(const struct cli_program *p, const char *quant)
{
	char known[500] = "";
	size_t n_recipes, n = 0;
	const struct quant_recipe *r = quant_recipe_list(&n_recipes);

	for (size_t i = 0; i < n_recipes && n < sizeof known; i++)
		n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", r[i].name);
	return cli_usage_error(p, "unknown type '%s' for --quant; known are %s", quant, known);
}

static bool find_effort(const char *name, enum quant_effort *effort)
{
	static const char *const names[QUANT_EFFORTS] = {
		[QUANT_NORMAL] = "normal", [QUANT_FAST] = "fast", [QUANT_BEST] = "best"
	};

	for (int i = 0; i < QUANT_EFFORTS; i++) {
		if (strcmp(name, names[i]) == 0) {
			*effort = (enum quant_effort)i;
			return true;
		}
	}
	return false;
}

static bool find_embed(const char *name, enum st2gguf_embed *embed)
{
	static const char *const names[] = {
		[ST2GGUF_EMBED_AUTO] = "auto", [ST2GGUF_EMBED_ALWAYS] = "always", [ST2GGUF_EMBED_NEVER] = "never"
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(name, names[i]) == 0) {
			*embed = (enum st2gguf_embed)i;
			return true;
		}
	}
	return false;
}

static bool has_empty(const struct cli_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!*l->items[i])
			return true;
	return false;
}

/* What the table of options cannot say. returns 0, or the exit status */
static int check_usage(const struct cli_program *p, struct options *o, int n, char *const *sources)
{
	int status;

	if (n != 1)
		return n ? cli_usage_error(p, "one SOURCE at a time, not '%s' and '%s' (the output goes to -o)", sources[0], sources[1])
		         : cli_usage_error(p, "no SOURCE given");
	if (!is_auto(o->quant) && !find_recipe(o->quant))
		return unknown_quant(p, o->quant);
	if (o->effort_name && !find_effort(o->effort_name, &o->write.effort))
		return cli_usage_error(p, "unknown effort '%s'; known are fast, normal, best", o->effort_name);
	if (o->embed_name && !find_embed(o->embed_name, &o->embed))
		return cli_usage_error(p, "--embed-tokenizer: '%s' is not auto, always or never", o->embed_name);
	if (o->ask.output_type && o->ask.leave_output)
		return cli_usage_error(p, "--output-type and --leave-output ask for two things at once");
	if (o->ask.include.n && o->ask.exclude.n)
		return cli_usage_error(p, "either --include-weights or --exclude-weights");
	if (o->ask.imatrix && o->ask.imatrix_from)
		return cli_usage_error(p, "either --imatrix or --imatrix-from");
	if (o->ask.imatrix_from && o->verify.text && !strcmp(o->ask.imatrix_from, "-") && !strcmp(o->verify.text, "-"))
		return cli_usage_error(p, "standard input is one text: it is for --imatrix-from or for --verify");
	if (o->ask.imatrix_from && o->view.vocab_only)
		return cli_usage_error(p, "--vocab-only writes no tensors: nothing for --imatrix-from");
	if ((o->ask.include.n || o->ask.exclude.n) && !o->ask.imatrix && !o->ask.imatrix_from)
		return cli_usage_error(p, "--include-weights and --exclude-weights choose from --imatrix or --imatrix-from");
	if (has_empty(&o->ask.include) || has_empty(&o->ask.exclude))
		return cli_usage_error(p, "--include-weights, --exclude-weights: a part of tensors' names, not nothing");
	if (p->threads > MAX_THREADS)
		return cli_usage_error(p, "--threads: at most %d", MAX_THREADS);
	if (o->prune && o->loras.n)
		return cli_usage_error(p, "--prune-layers and --lora: an adapter is for the whole model; merge it first");
	status = st2gguf_split_usage(p, &o->split, o->view.vocab_only);
	return status ? status : verify_usage(p, &o->verify, o->view.vocab_only);
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct cli_program p = {
		.name = "st2gguf",
		.usage = "st2gguf [--quant TYPE] SOURCE [-o OUTPUT]\nst2gguf --dry-run [--quant TYPE] SOURCE",
		.about = "Converts a model's directory, a .safetensors or PyTorch file, or a GGUF into a GGUF, in one pass;\n"
		         "and the directory of a LoRA adapter into the GGUF that llama.cpp loads beside a model.\n"
		         "With --dry-run a config.json is enough.\n"
		         "TYPE: F32 BF16 F16 Q8_0 Q6_K Q5_K_M Q5_K_S Q5_1 Q5_0 Q4_K_M Q4_K_S Q4_1 Q4_0 IQ4_NL IQ4_XS\n"
		         "Q3_K_L Q3_K_M Q3_K_S IQ3_M IQ3_S IQ3_XS Q2_K MXFP4_MOE Q2_0 Q1_0 TQ2_0 TQ1_0; with --imatrix also\n"
		         "IQ3_XXS Q2_K_S IQ2_M IQ2_S IQ2_XS IQ2_XXS IQ1_M IQ1_S; or auto: as it is stored.",
		.examples = "  st2gguf --quant Q4_K_M SmolLM2-135M            writes SmolLM2-135M-Q4_K_M.gguf\n"
		            "  st2gguf --quant Q8_0 model-BF16.gguf -o model-Q8_0.gguf\n"
		            "  st2gguf --quant Q4_K_M base --lora adapter=0.8 -o merged-Q4_K_M.gguf\n"
		            "  st2gguf adapter --base base -o adapter.gguf\n"
		            "  st2gguf --dry-run --quant Q5_K_M SmolLM2-135M  the plan and the exact size",
	};
	struct cli_opt opts[] = {
		{ CLI_STRING, 'q', "quant", "TYPE", &o.quant, "the type or mix of types to write; default: auto", NULL },
		{ CLI_STRING, 'o', "output", "FILE", &o.output, "where to write; default: NAME-TYPE.gguf here", NULL },
		{ CLI_FLAG, 0, "force", NULL, &o.write.force, "replace the output if it exists", NULL },
		{ CLI_FLAG, 'n', "dry-run", NULL, &o.dry_run, "show the plan and the exact size, write nothing", NULL },
		{ CLI_FLAG, 0, "allow-nonfinite", NULL, &o.write.allow_nonfinite,
		  "convert NaN and infinity: kept in float types, 0 in blocks", NULL },
		{ CLI_GROUP, 0, NULL, NULL, NULL, "Types", NULL },
		{ CLI_STRING, 0, "imatrix", "FILE", &o.ask.imatrix, "importance matrix by llama-imatrix, .gguf or .dat", NULL },
		{ CLI_STRING, 0, "imatrix-from", "TEXT", &o.ask.imatrix_from,
		  "one that is made here: the source is run on the text in TEXT first", NULL },
		{ CLI_LIST, 0, "include-weights", "TEXT", &o.ask.include, "importance only for tensors with this in their names", NULL },
		{ CLI_LIST, 0, "exclude-weights", "TEXT", &o.ask.exclude, "importance for all but these", NULL },
		{ CLI_STRING, 0, "effort", "LEVEL", &o.effort_name, "fast, normal or best: more time for less error; default: normal",
		  NULL },
		{ CLI_LIST, 0, "tensor-type", "REGEX=TYPE", &o.ask.tensor_types,
		  "this type for tensors whose name has the expression: attn_v=Q8_0", NULL },
		{ CLI_STRING, 0, "tensor-type-file", "FILE", &o.ask.tensor_type_file, "the same from a file", NULL },
		{ CLI_STRING, 0, "output-type", "TYPE", &o.ask.output_type, "of the output matrix", NULL },
		{ CLI_STRING, 0, "embedding-type", "TYPE", &o.ask.embedding_type, "of the token embedding", NULL },
		{ CLI_FLAG, 0, "leave-output", NULL, &o.ask.leave_output, "the output matrix stays as it is", NULL },
		{ CLI_FLAG, 0, "pure", NULL, &o.ask.pure, "no mix: one type for all that can have it", NULL },
		{ CLI_FLAG, 0, "strict", NULL, &o.strict,
		  "a type that does not fit, an unused expression, missing importance:\nerrors, not notes", NULL },
		{ CLI_FLAG, 0, "explain", NULL, &o.explain, "show each tensor's type and the rule that chose it, as --dry-run does", NULL },
		{ CLI_GROUP, 0, NULL, NULL, NULL, "Several files, NAME-00001-of-00003.gguf and so on", NULL },
		{ CLI_STRING, 0, "split-max-size", "SIZE", &o.split.size,
		  "at most SIZE of tensors in each, 2G for two billion bytes; if there\nis more than one", NULL },
		{ CLI_UINT, 0, "split-max-tensors", "N", &o.split.max_tensors, "at most N tensors in each", &o.split.max_tensors_given },
		{ CLI_FLAG, 0, "no-tensor-first-split", NULL, &o.split.no_tensor_first, "the first with metadata alone", NULL },
		{ CLI_FLAG, 0, "keep-split", NULL, &o.split.keep, "the same tensors in each as in SOURCE, a GGUF in several files", NULL },
		{ CLI_GROUP, 0, NULL, NULL, NULL, "Checking", NULL },
		{ CLI_OPTIONAL, 0, "verify", "TEXT", &o.verify.text,
		  "read the output back, compare its tensors with the source's and\nits predictions on the text in TEXT, or a built-in one; the figures\n"
		  "go into the output, and the exit status is 1 if it is not sound", &o.verify.asked },
		{ CLI_UINT, 'c', "ctx", "N", &o.verify.n_ctx, "tokens of a window of the text, of --imatrix-from too; default: 512", NULL },
		{ CLI_REAL, 0, "max-kld", "X", &o.verify.limits.max_kld, "exit status 1 if the mean divergence is above X",
		  &o.verify.limits.max_kld_given },
		{ CLI_REAL, 0, "min-top1", "PERCENT", &o.verify.limits.min_top1,
		  "or if both find the same token the most likely in fewer\nthan so many of 100", &o.verify.limits.min_top1_given },
		{ CLI_REAL, 0, "max-ppl-ratio", "X", &o.verify.limits.max_ppl_ratio,
		  "or if the perplexity is more than X times the source's", &o.verify.limits.max_ppl_ratio_given },
		{ CLI_REAL, 0, "max-error", "X", &o.verify.max_error, "or if a tensor's relative error is above X", &o.verify.max_error_given },
		{ CLI_STRING, 0, "report", "OUT.html", &o.verify.report,
		  "one page with the verdict, the divergences, the layers and the\ntensors as pictures", NULL },
		{ CLI_GROUP, 0, NULL, NULL, NULL, "Adapters", NULL },
		{ CLI_LIST, 0, "lora", "ADAPTER[=SCALE]", &o.loras,
		  "merge a LoRA adapter, PEFT's directory or a GGUF, before\nquantizing; several in turn", NULL },
		{ CLI_STRING, 0, "base", "DIR", &o.view.base,
		  "SOURCE is an adapter: the model that it is for, of which\nconfig.json is read; default: as the adapter names it", NULL },
		{ CLI_GROUP, 0, NULL, NULL, NULL, "Model", NULL },
		{ CLI_STRING, 0, "name", "TEXT", &o.name, "the model's name, general.name", NULL },
		{ CLI_LIST, 0, "override-kv", "KEY=TYPE:VALUE", &o.keys,
		  "a key of the output; int, float, bool, str, or u8 to i64, f32, f64", NULL },
		{ CLI_STRING, 0, "prune-layers", "N,N,...", &o.prune, "without these layers, from 0; the others are numbered anew", NULL },
		{ CLI_STRING, 0, "arch", "NAME", &o.view.arch, "the architecture, whatever config.json says", NULL },
		{ CLI_STRING, 0, "pre", "NAME", &o.view.pre, "tokenizer.ggml.pre to write; default: found by itself", NULL },
		{ CLI_STRING, 0, "embed-tokenizer", "WHEN", &o.embed_name,
		  "auto, always or never: tokenizer.json goes into the output too;\ndefault: auto, if GGUF's own keys cannot say all of it", NULL },
		{ CLI_FLAG, 0, "vocab-only", NULL, &o.view.vocab_only, "metadata and tokenizer, no tensors", NULL },
		{ CLI_GROUP, 0, NULL, NULL, NULL, "The same under the names of convert_hf_to_gguf.py", NULL },
		{ CLI_STRING, 0, "outtype", "TYPE", &o.quant, "--quant", NULL },
		{ CLI_STRING, 0, "outfile", "FILE", &o.output, "--output", NULL },
		{ CLI_GROUP, 0, NULL, NULL, NULL, "The same under the names of llama-quantize", NULL },
		{ CLI_STRING, 0, "output-tensor-type", "TYPE", &o.ask.output_type, "--output-type", NULL },
		{ CLI_STRING, 0, "token-embedding-type", "TYPE", &o.ask.embedding_type, "--embedding-type", NULL },
		{ CLI_FLAG, 0, "leave-output-tensor", NULL, &o.ask.leave_output, "--leave-output", NULL },
		{ CLI_FLAG, 0, "allow-requantize", NULL, &o.allow_requantize, "no note where tensors are quantized already", NULL },
		{ CLI_GROUP, 0, NULL, NULL, NULL, "Running", NULL },
		{ CLI_UINT, 't', "threads", "N", &p.threads, "threads; default: all CPUs it may use", NULL },
		{ CLI_FLAG, 0, "json", NULL, &p.json, "print JSON", NULL },
		{ CLI_FLAG, 0, "quiet", NULL, &p.quiet, "print nothing but errors", NULL },
		{ 0 },
	};
	int n = argc, status;

	p.opts = opts;
	cli_parse(&p, &n, argv);
	status = check_usage(&p, &o, n, argv + 1);
	if (!status) {
		st2gguf_catch_signals();
		status = run(&p, &o, argv[1]);
	}
	free(o.ask.tensor_types.items);
	free(o.loras.items);
	free(o.ask.include.items);
	free(o.ask.exclude.items);
	free(o.keys.items);
	return cli_finish(&p, status);
}
