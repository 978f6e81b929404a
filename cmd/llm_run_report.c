/* What llm-run measured, in words and as JSON. */
#include <inttypes.h>

#include "llm_run.h"

static const struct {
	const char *name, *json;
	double q;
} quantiles[] = {
	{ "99.9 %", "q99_9", 0.999 }, { "99 %", "q99", 0.99 }, { "95 %", "q95", 0.95 }, { "90 %", "q90", 0.9 },
	{ "median", "median", 0.5 }, { "10 %", "q10", 0.1 }, { "5 %", "q5", 0.05 }, { "1 %", "q1", 0.01 },
	{ "0.1 %", "q0_1", 0.001 },
};
enum { N_QUANTILES = sizeof quantiles / sizeof *quantiles, N_UPPER = 5 };

static void json_windows(struct cli_json *j, const struct measured *m)
{
	cli_json_cstr(j, "method", m->windows->method == INFER_METHOD_HUGGING_FACE ? "hf" : "llama.cpp");
	cli_json_u64(j, "context", m->windows->size);
	cli_json_u64(j, "stride", m->windows->step);
	cli_json_u64(j, "windows", m->windows->n_windows);
}

static void json_perplexity(struct cli_json *j, const char *key, const struct infer_sum *nll)
{
	cli_json_object(j, key);
	cli_json_f64(j, "nll", infer_sum_mean(nll));
	cli_json_f64(j, "nll_error", infer_sum_error(nll));
	cli_json_f64(j, "perplexity", infer_perplexity(nll));
	cli_json_f64(j, "error", infer_perplexity_error(nll));
	cli_json_close(j, '}');
}

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
	json_windows(&j, m);
	cli_json_u64(&j, "tokens", nll->n);
	cli_json_f64(&j, "nll", infer_sum_mean(nll));
	cli_json_f64(&j, "nll_error", infer_sum_error(nll));
	cli_json_f64(&j, "perplexity", infer_perplexity(nll));
	cli_json_f64(&j, "error", infer_perplexity_error(nll));
	cli_json_close(&j, '}');
	cli_json_end(&j);
}

static double percent(uint64_t n, const struct infer_divergence *d)
{
	return d->n ? 100 * (double)n / (double)d->n : 0;
}

/* One limit each: what it is called, what was found, what is allowed, whether that holds. What is no number holds nowhere. */
struct limit {
	const char *name;
	double found, limit;
	bool given, ok;
};
enum { N_LIMITS = 3 };

static void limits(const struct options *o, const struct infer_divergence *d, struct limit *l)
{
	double ratio = infer_perplexity(&d->nll) / infer_perplexity(&d->base), mean = infer_sum_mean(&d->kl);
	double top = percent(d->n_same_top, d);

	l[0] = (struct limit){ "max-kld", mean, o->max_kld, o->max_kld_given, mean <= o->max_kld };
	l[1] = (struct limit){ "min-top1", top, o->min_top1, o->min_top1_given, top >= o->min_top1 };
	l[2] = (struct limit){ "max-ppl-ratio", ratio, o->max_ppl_ratio, o->max_ppl_ratio_given, ratio <= o->max_ppl_ratio };
}

int check_limits(const struct cli_program *p, const struct options *o, struct infer_divergence *d)
{
	struct limit l[N_LIMITS];
	int status = CLI_OK;

	limits(o, d, l);
	for (int i = 0; i < N_LIMITS; i++) {
		if (!l[i].given || l[i].ok)
			continue;
		cli_note(p, "--%s %g does not hold: %g", l[i].name, l[i].limit, l[i].found);
		status = CLI_CHECK;
	}
	return status;
}

/* What the figures say, for somebody who has not seen many. The bounds are those of common quantizations: 8 bits stay
 * below the first, 4 bits below the third. */
static const char *verdict(const struct infer_divergence *d)
{
	double kl = infer_sum_mean(&d->kl);

	return !(kl >= 0)   ? "not numbers: one of the two does not compute" :
	       kl == 0      ? "the same predictions, to the last bit" :
	       kl < 1e-8    ? "the same but for rounding" :
	       kl < 1e-3    ? "next to no difference" :
	       kl < 1e-2    ? "a small difference, as of 5 to 6 bits per weight" :
	       kl < 1e-1    ? "a visible difference, as of 3 to 4 bits per weight" :
	       kl < 1       ? "a large difference, as of 2 bits per weight" :
	                      "another model, or a broken one";
}

static void text_divergence(struct infer_divergence *d)
{
	double ratio = infer_perplexity(&d->nll) / infer_perplexity(&d->base), error;

	infer_divergence_log_ratio(d, &error);
	printf("%s\n\n", verdict(d));
	printf("tokens compared         %" PRIu64 "\n", d->n);
	printf("mean KL divergence      %.6f +/- %.6f nats\n", infer_sum_mean(&d->kl), infer_sum_error(&d->kl));
	printf("  largest               %.6f\n", infer_divergence_kl_quantile(d, 1));
	for (int i = 0; i < N_UPPER; i++)
		printf("  %-22s%.6f\n", quantiles[i].name, infer_divergence_kl_quantile(d, quantiles[i].q));
	printf("same most likely token  %.2f %% (%" PRIu64 " of %" PRIu64 ")\n", percent(d->n_same_top, d), d->n_same_top, d->n);
	printf("  among the first five  %.2f %%\n", percent(d->n_in_top_5, d));
	printf("perplexity              %.4f +/- %.4f\n", infer_perplexity(&d->nll), infer_perplexity_error(&d->nll));
	printf("  of the reference      %.4f +/- %.4f\n", infer_perplexity(&d->base), infer_perplexity_error(&d->base));
	printf("  ratio                 %.6f +/- %.6f, correlation %.2f %%\n", ratio, ratio * error,
	       100 * infer_divergence_correlation(d));
	printf("probability of the next token\n");
	printf("  mean change           %+.4f +/- %.4f %%\n", 100 * infer_sum_mean(&d->p), 100 * infer_sum_error(&d->p));
	printf("  root of mean square   %.4f %%\n", 100 * infer_root_mean(&d->p2));
	printf("  from, median, to      %+.3f, %+.3f, %+.3f %%\n", 100 * infer_divergence_p_quantile(d, 0),
	       100 * infer_divergence_p_quantile(d, 0.5), 100 * infer_divergence_p_quantile(d, 1));
	if (d->has_logits)
		printf("largest logit change    %.6f\n", d->max_diff);
}

static void json_limits(struct cli_json *j, const struct options *o, const struct infer_divergence *d)
{
	struct limit l[N_LIMITS];

	limits(o, d, l);
	cli_json_array(j, "limits");
	for (int i = 0; i < N_LIMITS; i++) {
		if (!l[i].given)
			continue;
		cli_json_object(j, NULL);
		cli_json_cstr(j, "limit", l[i].name);
		cli_json_f64(j, "value", l[i].limit);
		cli_json_f64(j, "found", l[i].found);
		cli_json_bool(j, "holds", l[i].ok);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

static void json_quantiles(struct cli_json *j, const char *key, struct infer_divergence *d,
                           double (*quantile)(struct infer_divergence *d, double q), int n)
{
	cli_json_object(j, key);
	for (int i = 0; i < n; i++)
		cli_json_f64(j, quantiles[i].json, quantile(d, quantiles[i].q));
	cli_json_close(j, '}');
}

static void json_divergence(const struct options *o, const struct measured *m, struct infer_divergence *d)
{
	double error, ratio = infer_divergence_log_ratio(d, &error);
	struct cli_json j;

	cli_json_start(&j, stdout);
	cli_json_object(&j, NULL);
	cli_json_cstr(&j, "model", m->model);
	cli_json_cstr(&j, "reference", m->reference);
	json_windows(&j, m);
	cli_json_u64(&j, "tokens", d->n);
	cli_json_f64(&j, "mean_kl_divergence", infer_sum_mean(&d->kl));
	cli_json_f64(&j, "mean_kl_divergence_error", infer_sum_error(&d->kl));
	cli_json_f64(&j, "max_kl_divergence", infer_divergence_kl_quantile(d, 1));
	json_quantiles(&j, "kl_divergence", d, infer_divergence_kl_quantile, N_QUANTILES);
	cli_json_u64(&j, "same_top", d->n_same_top);
	cli_json_u64(&j, "in_top_5", d->n_in_top_5);
	json_perplexity(&j, "perplexity", &d->nll);
	json_perplexity(&j, "reference_perplexity", &d->base);
	cli_json_f64(&j, "log_ppl_ratio", ratio);
	cli_json_f64(&j, "log_ppl_ratio_error", error);
	cli_json_f64(&j, "correlation", infer_divergence_correlation(d));
	cli_json_f64(&j, "mean_p_change", infer_sum_mean(&d->p));
	cli_json_f64(&j, "mean_p_change_error", infer_sum_error(&d->p));
	cli_json_f64(&j, "rms_p_change", infer_root_mean(&d->p2));
	cli_json_f64(&j, "min_p_change", infer_divergence_p_quantile(d, 0));
	cli_json_f64(&j, "max_p_change", infer_divergence_p_quantile(d, 1));
	json_quantiles(&j, "p_change", d, infer_divergence_p_quantile, N_QUANTILES);
	if (d->has_logits)
		cli_json_f64(&j, "max_logit_difference", d->max_diff);
	json_limits(&j, o, d);
	cli_json_cstr(&j, "verdict", verdict(d));
	cli_json_close(&j, '}');
	cli_json_end(&j);
}

void report_divergence(const struct cli_program *p, const struct options *o, const struct measured *m,
                       struct infer_divergence *d)
{
	if (p->json)
		json_divergence(o, m, d);
	else
		text_divergence(d);
}
