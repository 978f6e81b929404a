/* llm-mem --runtime assay: what llm-run takes, counted by libinfer itself, which lays out its buffers for a model that
 * is only described. */
#include <inttypes.h>
#include <string.h>

#include <libinfer/sampler.h>
#include <libinfer/tokenizer.h>

#include "llm_mem.h"

/* As llm-run takes them. */
#define MOST_CONTEXT INT32_MAX
#define MOST_BATCH 65536
#define MOST_THREADS 4096

static bool times(uint64_t *n, uint64_t sequences)
{
	if (*n > UINT64_MAX / sequences)
		return false;
	*n *= sequences;
	return true;
}

/* For fmt_runtime_opts.count: each sequence is a run of its own. */
static bool count(const void *ctx, const struct fmt_runtime_opts *o, struct fmt_runtime_bytes *b, struct fmt_err *err)
{
	const struct mem_own *own = ctx;
	uint64_t n_vocab = infer_n_vocab(own->model);
	struct infer_run_memory run;

	if (o->k_type != FMT_F32 || o->v_type != FMT_F32)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "llm-run has no cache of type %s, only of F32",
		                fmt_type_info(o->k_type != FMT_F32 ? o->k_type : o->v_type)->name);
	if (o->context > MOST_CONTEXT)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "a context of %" PRIu64 " tokens: llm-run takes %d at most", o->context,
		                MOST_CONTEXT);
	if (!infer_run_plan(own->model, (uint32_t)o->context, (uint32_t)own->batch, (unsigned)own->threads, &run, err))
		return false;
	b->kv = run.cache;
	b->state = run.state;
	b->compute = run.buffers;
	b->output = n_vocab * sizeof(float) + infer_sampler_bytes((uint32_t)n_vocab);
	b->other = own->tokenizer_bytes;
	return (times(&b->kv, o->sequences) && times(&b->state, o->sequences) && times(&b->compute, o->sequences) &&
	        times(&b->output, o->sequences)) ||
	       fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the size of cache and buffers does not fit into 64 bits");
}

static bool check_limits(const struct mem_own *own, struct fmt_err *err)
{
	if (own->batch > MOST_BATCH)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--batch: llm-run takes %d tokens at most", MOST_BATCH);
	return own->threads <= MOST_THREADS || fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--threads: at most %d", MOST_THREADS);
}

/* Of a checkpoint, tokenizer.json makes it; of the GGUF that becomes of it, the keys. */
static uint64_t tokenizer_bytes(const struct fmt_view *v, bool by_keys)
{
	struct fmt_err none = { .code = FMT_OK }; /* no tokenizer, or one that is not known: llm-run goes without as well */
	struct fmt_view asked = *v;
	struct infer_tokenizer *t;
	uint64_t n;

	if (by_keys && v->from_dir && !fmt_view_get(v, "tokenizer.huggingface.json")) /* which a GGUF of it would have too */
		asked.tokenizer_json = (struct fmt_str){ NULL, 0 };
	t = infer_tokenizer_create(&asked, &none);
	n = infer_tokenizer_bytes(t);

	infer_tokenizer_destroy(t);
	return n;
}

/* The model as it lies there, if llm-run takes it: its weights in the form they are stored in. */
static void stored_weights(struct mem_report *r)
{
	struct fmt_err none = { .code = FMT_OK };
	struct fmt_view *v = fmt_view_open(r->path, NULL, &none);
	struct infer_model *m = v ? infer_model_describe(v, &none) : NULL;

	r->own.runs_as_stored = m != NULL;
	if (m) {
		infer_weights_memory(m, &r->own.stored);
		r->own.stored_tokenizer_bytes = tokenizer_bytes(v, false);
	}
	infer_model_destroy(m);
	fmt_view_close(v);
}

bool mem_own_init(struct mem_report *r, struct fmt_err *err)
{
	struct mem_own *own = &r->own;

	if (r->runtime.runtime != FMT_RUNTIME_ASSAY)
		return true;
	own->threads = own->threads ? own->threads : quant_pool_default();
	if (!check_limits(own, err))
		return false;
	own->model = infer_model_describe(r->view, err);
	if (!own->model)
		return false;
	own->tokenizer_bytes = tokenizer_bytes(r->view, true);
	stored_weights(r);
	r->runtime.count = (struct fmt_runtime_count){ .bytes = count, .ctx = own };
	return true;
}

void mem_own_finish(struct mem_report *r)
{
	infer_model_destroy(r->own.model);
	r->own.model = NULL;
}

void mem_own_text(const struct mem_report *r)
{
	const struct mem_own *own = &r->own;
	char mapped[32], copied[32];

	if (!own->model)
		return;
	printf("  %" PRIu64 " tokens at once, %" PRIu64 " thread%s", own->batch ? own->batch : INFER_BATCH_DEFAULT, own->threads,
	       own->threads == 1 ? "" : "s");
	if (own->runs_as_stored)
		printf("\n  run as it is stored: weights of %s where they lie, %s copied", cli_bytes(own->stored.mapped, mapped),
		       cli_bytes(own->stored.copied, copied));
	putchar('\n');
}

void mem_own_json(const struct mem_report *r, struct cli_json *j)
{
	const struct mem_own *own = &r->own;

	if (!own->model)
		return;
	cli_json_u64(j, "batch", own->batch ? own->batch : INFER_BATCH_DEFAULT);
	cli_json_u64(j, "threads", own->threads);
	if (!own->runs_as_stored)
		return;
	cli_json_object(j, "as_stored");
	cli_json_u64(j, "mapped_bytes", own->stored.mapped);
	cli_json_u64(j, "copied_bytes", own->stored.copied);
	cli_json_u64(j, "other_bytes", own->stored_tokenizer_bytes);
	cli_json_close(j, '}');
}
