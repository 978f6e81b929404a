/* What llm-run measured, in words and as JSON. */
#include <inttypes.h>

#include "llm_run.h"

void report_perplexity(const struct cli_program *p, const struct measured *m, const struct infer_sum *nll)
{
	struct cli_json j;

	if (!p->json) {
		printf("perplexity  %.4f +/- %.5f\n", infer_perplexity(nll), infer_perplexity_error(nll));
		printf("  %.6f +/- %.6f nats per token, over %" PRIu64 " tokens in %" PRIu64 " window%s of %" PRIu32 "\n", infer_sum_mean(nll),
		       infer_sum_error(nll), nll->n, m->windows->n_windows, m->windows->n_windows == 1 ? "" : "s", m->windows->size);
		return;
	}
	cli_json_start(&j, stdout);
	cli_json_object(&j, NULL);
	cli_json_cstr(&j, "model", m->model);
	divergence_json_windows(&j, m->windows);
	cli_json_u64(&j, "tokens", nll->n);
	cli_json_f64(&j, "nll", infer_sum_mean(nll));
	cli_json_f64(&j, "nll_error", infer_sum_error(nll));
	cli_json_f64(&j, "perplexity", infer_perplexity(nll));
	cli_json_f64(&j, "error", infer_perplexity_error(nll));
	cli_json_close(&j, '}');
	cli_json_end(&j);
}

int report_divergence(const struct cli_program *p, const struct options *o, const struct measured *m, struct infer_divergence *d)
{
	struct limit limits[DIVERGENCE_LIMITS];
	size_t n = divergence_limits(&o->limits, d, limits);
	struct cli_json j;

	if (!p->json) {
		divergence_print(d);
		return limits_check(p, limits, n);
	}
	cli_json_start(&j, stdout);
	cli_json_object(&j, NULL);
	cli_json_cstr(&j, "model", m->model);
	cli_json_cstr(&j, "reference", m->reference);
	divergence_json_windows(&j, m->windows);
	divergence_json(&j, d);
	limits_json(&j, limits, n);
	if (o->report)
		cli_json_cstr(&j, "report", o->report);
	cli_json_close(&j, '}');
	cli_json_end(&j);
	return limits_check(p, limits, n);
}
