/* llm-run --experts: which experts a text goes to, layer by layer. */
#include <inttypes.h>
#include <math.h>

#include <libinfer/experts.h>

#include "llm_run.h"

/* 1 where all experts are chosen alike, 0 where one takes everything. */
static double balance(const struct infer_expert_use *use, uint32_t n_experts)
{
	return n_experts > 1 ? use->entropy / log2(n_experts) : 1;
}

/* Up to a line of them. */
static void print_never(const struct infer_expert_use *use, uint32_t n_experts)
{
	uint32_t shown = 0;

	for (uint32_t e = 0; e < n_experts && shown < 8; e++)
		if (!use->chosen[e])
			printf("%s%" PRIu32, shown++ ? ", " : "  ", e);
	if (shown < use->n_never)
		printf(", and %" PRIu32 " more", use->n_never - shown);
}

static void print(const struct infer_experts *x)
{
	printf("%" PRIu64 " tokens, each to %" PRIu32 " of %" PRIu32 " experts\n\n", x->n_tokens, x->n_used, x->n_experts);
	printf("layer  balance  entropy  busiest         never used\n");
	for (uint32_t i = 0; i < x->n_layers; i++) {
		const struct infer_expert_use *use = &x->layers[i];

		printf("%5" PRIu32 "%9.3f%9.3f  %-5" PRIu32 "%7.2f %%  %" PRIu32, use->layer, balance(use, x->n_experts), use->entropy,
		       use->busiest, 100 * use->share, use->n_never);
		if (use->n_never)
			print_never(use, x->n_experts);
		putchar('\n');
	}
}

static void json(const struct infer_experts *x, const char *path, const struct infer_windows *w)
{
	struct cli_json j;

	cli_json_start(&j, stdout);
	cli_json_object(&j, NULL);
	cli_json_cstr(&j, "model", path);
	cli_json_u64(&j, "context", w->size);
	cli_json_u64(&j, "windows", w->n_windows);
	cli_json_u64(&j, "tokens", x->n_tokens);
	cli_json_u64(&j, "experts", x->n_experts);
	cli_json_u64(&j, "experts_per_token", x->n_used);
	cli_json_array(&j, "layers");
	for (uint32_t i = 0; i < x->n_layers; i++) {
		const struct infer_expert_use *use = &x->layers[i];

		cli_json_object(&j, NULL);
		cli_json_u64(&j, "layer", use->layer);
		cli_json_f64(&j, "entropy", use->entropy);
		cli_json_f64(&j, "balance", balance(use, x->n_experts));
		cli_json_u64(&j, "busiest", use->busiest);
		cli_json_f64(&j, "busiest_share", use->share);
		cli_json_u64(&j, "never_used", use->n_never);
		cli_json_array(&j, "chosen");
		for (uint32_t e = 0; e < x->n_experts; e++)
			cli_json_u64(&j, NULL, use->chosen[e]);
		cli_json_close(&j, ']');
		cli_json_close(&j, '}');
	}
	cli_json_close(&j, ']');
	cli_json_close(&j, '}');
	cli_json_end(&j);
}

bool run_experts(const struct cli_program *p, const struct options *o, const char *path, const struct loaded *l,
                 struct infer_windows *w, struct fmt_err *err)
{
	struct infer_experts x = { 0 };
	struct infer_run *run = infer_run_create(l->model, w->size, (uint32_t)o->n_batch, err);
	struct cli_progress progress;
	bool ok = run != NULL;

	if (ok) {
		cli_progress_start(&progress, p, "windows", "windows");
		w->progress = cli_progress_update;
		w->user = &progress;
		ok = infer_experts_count(run, w, &x, err);
		cli_progress_end(&progress);
	}
	if (ok && p->json)
		json(&x, path, w);
	else if (ok)
		print(&x);
	infer_experts_finish(&x);
	infer_run_destroy(run);
	return ok;
}
