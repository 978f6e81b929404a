/* llm-run --memory: what a run allocates, set up and counted, but not run. */
#include <inttypes.h>

#include "llm_run.h"

struct row {
	const char *name;
	const char *json; /* NULL: part of "weights" */
	uint64_t n_bytes;
};

static void print_json(const char *path, const struct infer_run_memory *run, const struct infer_weights_memory *weights,
                       const struct row *rows, size_t n_rows, uint64_t total)
{
	struct cli_json j;

	cli_json_start(&j, stdout);
	cli_json_object(&j, NULL);
	cli_json_cstr(&j, "model", path);
	cli_json_u64(&j, "context", run->n_ctx);
	cli_json_u64(&j, "batch", run->n_batch);
	cli_json_u64(&j, "threads", run->n_threads);
	cli_json_object(&j, "weights");
	cli_json_u64(&j, "mapped_bytes", weights->mapped);
	cli_json_u64(&j, "copied_bytes", weights->copied);
	cli_json_close(&j, '}');
	for (size_t i = 0; i < n_rows; i++)
		if (rows[i].json)
			cli_json_u64(&j, rows[i].json, rows[i].n_bytes);
	cli_json_u64(&j, "total_bytes", total);
	cli_json_close(&j, '}');
	cli_json_end(&j);
}

static void print_text(const struct infer_run_memory *run, const struct row *rows, size_t n_rows, uint64_t total)
{
	char context[32], text[32];

	printf("a context of %s tokens, %" PRIu32 " at once, %u thread%s\n", cli_thousands(run->n_ctx, context), run->n_batch,
	       run->n_threads, run->n_threads == 1 ? "" : "s");
	for (size_t i = 0; i < n_rows; i++)
		if (rows[i].n_bytes)
			printf("  %-24s %12s\n", rows[i].name, cli_bytes(rows[i].n_bytes, text));
	printf("  %-24s %12s\n", "total", cli_bytes(total, text));
}

void print_memory(const struct generation *g, const char *path)
{
	uint32_t n_vocab = infer_n_vocab(g->l->model);
	struct infer_weights_memory weights;
	struct infer_run_memory run;
	uint64_t total = 0;

	infer_weights_memory(g->l->model, &weights);
	infer_run_memory(g->run, &run);
	const struct row rows[] = {
		{ "weights, as they lie", NULL, weights.mapped },
		{ "weights, copied", NULL, weights.copied },
		{ "cache", "kv_bytes", run.cache },
		{ "state", "state_bytes", run.state },
		{ "buffers", "compute_bytes", run.buffers },
		{ "logits and sampler", "output_bytes", n_vocab * sizeof *g->logits + infer_sampler_bytes(n_vocab) },
		{ "tokenizer", "other_bytes", infer_tokenizer_bytes(g->l->tokenizer) },
	};
	const size_t n_rows = sizeof rows / sizeof *rows;

	for (size_t i = 0; i < n_rows; i++) /* all of it is in memory, so the sum is no large number */
		total += rows[i].n_bytes;
	if (g->program->json)
		print_json(path, &run, &weights, rows, n_rows, total);
	else
		print_text(&run, rows, n_rows, total);
}
