/* llm-run: a model's own words, its logits, and how far it is from another. */
#include <stdlib.h>

#include "llm_run.h"

static bool run_memory(struct generation *g, const char *path, struct fmt_err *err)
{
	uint32_t n_ctx = 0;

	if (!prepare_run(g, &n_ctx, err))
		return false;
	print_memory(g, path);
	return true;
}

/* The prompt's file, if it is in one; once, before the models are. */
static bool read_prompt(const struct cli_program *p, struct options *o, struct fmt_err *err)
{
	const char *file = o->file ? o->file : o->chat.file;

	if (!file)
		return true;
	o->text = cli_read(file, &o->text_bytes, err);
	if (o->text && !o->as_ids && !o->chat.file)
		cli_note_text(p, file, o->text, o->text_bytes);
	return o->text != NULL;
}

static bool run_model(struct cli_program *p, struct options *o, const char *path, struct quant_pool *pool, int *status,
                      struct fmt_err *err)
{
	struct loaded l = { 0 };
	struct infer_tokens ids = { 0 };
	struct generation g = { .program = p, .o = o, .l = &l, .prompt = &ids };
	bool has_text = o->prompt || (o->file && !o->as_ids) || o->chat.file || (o->kld && !o->no_special) || uses_sample(o);
	bool prompted = (o->prompt || o->file || o->chat.file || o->ids || uses_sample(o)) && !choices_asked(&o->choice);
	bool ok = (!prompted || read_prompt(p, o, err)) && load(&l, path, &o->loras, has_text, pool, err) &&
	          (!prompted || prompt_ids(o, &l, &ids, err)) &&
	          (is_measuring(o) ? run_measure(p, o, path, &l, pool, &ids, status, err)
	           : o->memory     ? run_memory(&g, path, err)
	                           : run_prompt(&g, path, err));

	generation_finish(&g);
	infer_tokens_finish(&ids);
	unload(&l);
	return ok;
}

static int check_usage(const struct cli_program *p, struct options *o, int n)
{
	int sources, status = measuring_options(p, o);

	if (n != 1)
		return cli_usage_error(p, n ? "one model at a time" : "no model given");
	if (o->memory && (is_measuring(o) || o->logits))
		return cli_usage_error(p, "--memory runs nothing: it measures nothing and writes no logits");
	if (status)
		return status;
	sources = (o->prompt != NULL) + (o->file != NULL) + (o->ids != NULL) + (o->chat.file != NULL);
	if (sources > 1 || (!sources && !o->memory && !o->kld && !o->compare))
		return cli_usage_error(p, sources ? "only one of -p, -f, --chat and --ids makes a prompt"
		                                  : "no prompt given: use -p TEXT, -f FILE, --chat FILE or --ids");
	if ((o->chat.name || o->chat.now) && !o->chat.file)
		return cli_usage_error(p, "--template and --now need --chat");
	if (o->n_batch > 65536 || o->n_ctx > INT32_MAX || o->n > INT32_MAX || o->top_k > INT32_MAX)
		return cli_usage_error(p, "--batch is at most 65536; --ctx, -n and --top-k at most 2147483647");
	if ((o->logits && !o->n_given) || is_measuring(o))
		o->n = 0;
	return CLI_OK;
}

/* Fills in the options from the command line; the number of operands is the result, they stand in argv from 1 on. */
static int parse(struct cli_program *p, struct options *o, int argc, char **argv)
{
	struct cli_opt opts[] = {
		{ .kind = CLI_GROUP, .help = "Prompt" },
		{ CLI_STRING, 'p', "prompt", "TEXT", &o->prompt, "the text to go on from", NULL },
		{ CLI_STRING, 'f', "file", "FILE", &o->file, "the text in FILE; - is standard input", NULL },
		{ CLI_STRING, 0, "chat", "FILE", &o->chat.file,
		  "the conversation in FILE (JSON), as the model's own\nchat template writes it; only the answer is printed", NULL },
		{ CLI_STRING, 0, "template", "NAME", &o->chat.name, "which of the model's templates, if it has several", NULL },
		{ CLI_STRING, 0, "now", "TIME", &o->chat.now, "the time that the template sees: \"2026-01-15 12:34:56\"", NULL },
		{ CLI_STRING, 0, "ids", "1,2,3", &o->ids, "token ids instead of text", NULL },
		{ CLI_FLAG, 0, "no-special", NULL, &o->no_special, "add no BOS or the like to the text", NULL },
		{ .kind = CLI_GROUP, .help = "Generating" },
		{ CLI_UINT, 'n', "predict", "N", &o->n, "tokens to generate (128; with --logits 0)", &o->n_given },
		{ CLI_REAL, 0, "temp", "T", &o->temp,
		  "temperature; 0, the default, always takes the most\nlikely token: this program is for comparing models",
		  NULL },
		{ CLI_UINT, 0, "top-k", "K", &o->top_k, "only the K most likely tokens (0: off)", NULL },
		{ CLI_REAL, 0, "top-p", "P", &o->top_p, "only the most likely tokens that make up P (1: off)", NULL },
		{ CLI_REAL, 0, "min-p", "P", &o->min_p, "only tokens at least P times as likely as the first (0: off)",
		  NULL },
		{ CLI_UINT, 0, "seed", "S", &o->seed, "the same seed gives the same text everywhere (0)", NULL },
		{ CLI_FLAG, 0, "ignore-eos", NULL, &o->ignore_eos, "go on after an end token", NULL },
		{ CLI_FLAG, 0, "no-display-prompt", NULL, &o->no_echo, "print only what is generated", NULL },
		{ .kind = CLI_GROUP, .help = "Measuring" },
		{ CLI_STRING, 0, "logits", "OUT", &o->logits,
		  "write ids and logits of the prompt to OUT (safetensors)", NULL },
		{ CLI_FLAG, 0, "force", NULL, &o->force, "replace OUT if it exists", NULL },
		{ CLI_STRING, 0, "perplexity", "FILE", &o->perplexity,
		  "how well MODEL predicts the text in FILE, as\nllama-perplexity measures it", NULL },
		{ CLI_STRING, 0, "compare", "REF", &o->compare,
		  "how far MODEL's predictions on the prompt, or a built-in\ntext, are from those of the model REF", NULL },
		{ CLI_FLAG, 0, "layers", NULL, &o->layers,
		  "with --compare: where the two part, operation by\noperation; exit status 1 if anywhere", NULL },
		{ CLI_STRING, 0, "report", "OUT.html", &o->report,
		  "with --compare: also one page with the verdict, the\ndivergences, the layers and the tensors as pictures", NULL },
		{ CLI_FLAG, 0, "hellaswag", NULL, &o->choice.hellaswag,
		  "how often MODEL finds the right ending in the tasks of\n-f FILE, in llama-perplexity's format", NULL },
		{ CLI_UINT, 0, "hellaswag-tasks", "N", &o->choice.hellaswag_tasks, "of N tasks, those that llama-perplexity takes (400)",
		  &o->choice.tasks_given },
		{ CLI_FLAG, 0, "winogrande", NULL, &o->choice.winogrande, "the same of the gaps of WinoGrande's sentences", NULL },
		{ CLI_UINT, 0, "winogrande-tasks", "N", &o->choice.winogrande_tasks, "of N tasks (all)", &o->choice.tasks_given },
		{ CLI_FLAG, 0, "multiple-choice", NULL, &o->choice.multiple_choice,
		  "the same of questions in llama-perplexity's binary\nformat (ARC, MMLU, TruthfulQA)", NULL },
		{ CLI_UINT, 0, "multiple-choice-tasks", "N", &o->choice.multiple_choice_tasks, "of N tasks (all)", &o->choice.tasks_given },
		{ CLI_STRING, 0, "save-logits", "BASE", &o->save_logits,
		  "with --perplexity: all predictions to BASE, as\nllama-perplexity's --save-all-logits", NULL },
		{ CLI_STRING, 0, "kld", "BASE", &o->kld,
		  "like --compare, with what --save-logits or\nllama-perplexity wrote instead of REF and a text", NULL },
		{ CLI_STRING, 0, "method", "NAME", &o->method,
		  "llama.cpp: the second half of each window is scored\n(--perplexity); hf: every token but the first of each\n"
		  "window (--compare)", NULL },
		{ CLI_UINT, 0, "stride", "N", &o->stride, "windows begin every N tokens, and score N (--ctx)", NULL },
		{ CLI_UINT, 0, "chunks", "N", &o->chunks, "only the first N windows", NULL },
		{ CLI_FLAG, 0, "as-ids", NULL, &o->as_ids, "FILE holds token ids, 1,2,3", NULL },
		{ CLI_REAL, 0, "max-kld", "X", &o->limits.max_kld, "exit status 1 if the mean divergence is above X", &o->limits.max_kld_given },
		{ CLI_REAL, 0, "min-top1", "PERCENT", &o->limits.min_top1,
		  "or if both find the same token the most likely in\nfewer than so many of 100", &o->limits.min_top1_given },
		{ CLI_REAL, 0, "max-ppl-ratio", "X", &o->limits.max_ppl_ratio, "or if the perplexity is more than X times REF's",
		  &o->limits.max_ppl_ratio_given },
		{ CLI_FLAG, 0, "experts", NULL, &o->experts,
		  "which experts the prompt goes to: per layer how evenly,\nthe busiest, and those that are never used", NULL },
		{ CLI_FLAG, 0, "memory", NULL, &o->memory,
		  "what the run allocates, to the byte, and nothing else;\nwithout a prompt for --ctx or the model's whole context", NULL },
		{ .kind = CLI_GROUP, .help = "Running" },
		{ CLI_LIST, 0, "lora", "ADAPTER[=SCALE]", &o->loras,
		  "with a LoRA adapter, PEFT's directory or a GGUF, beside\nthe model; several in turn", NULL },
		{ CLI_UINT, 'c', "ctx", "N", &o->n_ctx,
		  "size of the context (what prompt and -n need), or of\na window that is measured (512)", NULL },
		{ CLI_UINT, 'b', "batch", "N", &o->n_batch,
		  "tokens computed at once (64); changes no bit of the result", NULL },
		{ CLI_UINT, 't', "threads", "N", &p->threads, "threads (CPUs that may be used); changes no bit either",
		  NULL },
		{ CLI_FLAG, 0, "json", NULL, &p->json, "one JSON document on standard output", NULL },
		{ CLI_FLAG, 'q', "quiet", NULL, &p->quiet, "no messages but errors", NULL },
		{ 0 },
	};

	p->name = "llm-run";
	p->usage = "llm-run [options] MODEL -p TEXT\nllm-run [options] MODEL --perplexity FILE\n"
	           "llm-run [options] MODEL --compare REF [-f FILE]\nllm-run [options] MODEL --kld BASE\n"
	           "llm-run [options] MODEL --experts -f FILE\nllm-run [options] MODEL --hellaswag -f FILE";
	p->about = "Runs MODEL, a GGUF or a Hugging Face directory, in float32 arithmetic whose results do not\n"
	           "depend on threads, batches or the CPU.";
	p->examples = "  llm-run model.gguf -p \"Once upon a time\" -n 64\n"
	              "  llm-run model-Q4_K_M.gguf --compare model\n"
	              "  llm-run model-Q4_K_M.gguf --perplexity wiki.test.raw\n"
	              "  llm-run model --ids 1,15043,3186 --logits logits.safetensors";
	p->opts = opts;
	cli_parse(p, &argc, argv);
	p->opts = NULL;
	return argc;
}

int main(int argc, char **argv)
{
	struct options o = { .n = 128, .top_p = 1, .chat = { .generate = true } };
	struct cli_program p = { 0 };
	struct fmt_err err = { 0 };
	struct quant_pool *pool;
	bool ok;
	int status = check_usage(&p, &o, parse(&p, &o, argc, argv));

	if (status)
		return status;
	pool = quant_pool_create((unsigned)p.threads);
	ok = pool ? run_model(&p, &o, argv[1], pool, &status, &err)
	          : fmt_fail(&err, FMT_NOMEM, FMT_NO_OFFSET, "cannot start threads");
	quant_pool_destroy(pool);
	free(o.loras.items);
	free(o.text);
	return cli_finish(&p, ok ? status : cli_fail(&p, &err));
}
