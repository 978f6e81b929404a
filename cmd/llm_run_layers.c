/* llm-run --compare --layers: where two models part. */
#include <inttypes.h>
#include <string.h>

#include <libinfer/trace.h>

#include "llm_run.h"

enum { MOST_SHOWN = 12 };

/* "blk.3.attn_q.weight (linear)", "layer 3: attention". */
static void print_part(const struct infer_part *p)
{
	int n;

	if (p->tensor) {
		cli_print_str(stdout, p->tensor->name);
		n = (int)p->tensor->name.n;
	} else if (p->layer >= 0) {
		n = printf("layer %" PRId32 ": %s", p->layer, p->op);
	} else {
		n = printf("%s", p->op);
	}
	printf("%*s", n < 30 ? 30 - n : 1, "");
}

static void print_departures(const struct infer_trace *t)
{
	size_t shown = 0;

	if (!t->n_departs) {
		printf("nowhere do the two part further than rounding to their types explains\n\n");
		return;
	}
	printf("%zu part%s further than rounding to the type explains; in the order in which they are computed:\n",
	       t->n_departs, t->n_departs == 1 ? " departs" : "s depart");
	printf("  %-30s%12s%12s%12s\n", "", "error", "explained", "cosine");
	for (size_t i = 0; i < t->n_parts && shown < MOST_SHOWN; i++) {
		const struct infer_part *p = &t->parts[i];

		if (!p->departs)
			continue;
		printf("  ");
		print_part(p);
		printf("%12.3g%12.3g%12.6f\n", p->error, p->limit, p->cosine);
		shown++;
	}
	if (t->n_departs > shown)
		printf("  and %zu more: --json has them all\n", t->n_departs - shown);
	putchar('\n');
}

static void print_layers(const struct infer_trace *t)
{
	printf("hidden state after each layer; in the layer, with the reference's inputs, the part furthest off\n");
	printf("  %5s%12s%12s   %-30s%12s%12s\n", "layer", "error", "cosine", "", "error", "cosine");
	for (uint32_t i = 0; i < t->n_layers; i++) {
		const struct infer_part *p = &t->parts[t->layers[i].worst];

		printf("  %5" PRIu32 "%12.3g%12.6f   ", i, t->layers[i].error, t->layers[i].cosine);
		print_part(p);
		printf("%12.3g%12.6f\n", p->error, p->cosine);
	}
}

static void json_part(struct cli_json *j, const char *key, const struct infer_part *p)
{
	cli_json_object(j, key);
	if (p->layer >= 0)
		cli_json_u64(j, "layer", (uint64_t)p->layer);
	if (p->tensor)
		cli_json_str(j, "tensor", p->tensor->name);
	cli_json_cstr(j, "operation", p->op);
	cli_json_f64(j, "relative_error", p->error);
	cli_json_f64(j, "explained", p->limit);
	cli_json_f64(j, "cosine", p->cosine);
	cli_json_bool(j, "departs", p->departs);
	cli_json_close(j, '}');
}

static void json(const struct infer_trace *t, const char *path, const char *reference)
{
	struct cli_json j;

	cli_json_start(&j, stdout);
	cli_json_object(&j, NULL);
	cli_json_cstr(&j, "model", path);
	cli_json_cstr(&j, "reference", reference);
	cli_json_u64(&j, "departures", t->n_departs);
	cli_json_array(&j, "layers");
	for (uint32_t i = 0; i < t->n_layers; i++) {
		cli_json_object(&j, NULL);
		cli_json_u64(&j, "layer", i);
		cli_json_f64(&j, "relative_error", t->layers[i].error);
		cli_json_f64(&j, "cosine", t->layers[i].cosine);
		json_part(&j, "worst", &t->parts[t->layers[i].worst]);
		cli_json_close(&j, '}');
	}
	cli_json_close(&j, ']');
	cli_json_array(&j, "parts");
	for (size_t i = 0; i < t->n_parts; i++)
		json_part(&j, NULL, &t->parts[i]);
	cli_json_close(&j, ']');
	cli_json_close(&j, '}');
	cli_json_end(&j);
}

bool run_layers(const struct cli_program *p, const struct loaded *l, const struct loaded *reference, const char *path,
                const char *reference_path, const struct infer_tokens *ids, int *status, struct fmt_err *err)
{
	struct infer_trace t = { .n_parts = 0 };
	uint32_t n = ids->n < UINT32_MAX ? (uint32_t)ids->n : UINT32_MAX;
	bool ok = infer_trace_compare(reference->model, l->model, ids->ids, n, &t, err);

	if (ok && p->json) {
		json(&t, path, reference_path);
	} else if (ok) {
		print_departures(&t);
		print_layers(&t);
	}
	if (ok && t.n_departs)
		*status = CLI_CHECK;
	infer_trace_finish(&t);
	return ok;
}
