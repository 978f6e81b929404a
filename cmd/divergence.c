/* How far two models are apart, in words and as JSON. See divergence.h. */
#include "divergence.h"

#include <inttypes.h>
#include <string.h>

static const struct {
	const char *name, *json;
	double q;
} quantiles[] = {
	{ "99.9 %", "q99_9", 0.999 }, { "99 %", "q99", 0.99 }, { "95 %", "q95", 0.95 }, { "90 %", "q90", 0.9 },
	{ "median", "median", 0.5 }, { "10 %", "q10", 0.1 }, { "5 %", "q5", 0.05 }, { "1 %", "q1", 0.01 },
	{ "0.1 %", "q0_1", 0.001 },
};
enum { N_QUANTILES = sizeof quantiles / sizeof *quantiles, N_UPPER = 5 };

void divergence_json_windows(struct cli_json *j, const struct infer_windows *w)
{
	cli_json_cstr(j, "method", w->method == INFER_METHOD_HUGGING_FACE ? "hf" : "llama.cpp");
	cli_json_u64(j, "context", w->size);
	cli_json_u64(j, "stride", w->step);
	cli_json_u64(j, "windows", w->n_windows);
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

const char *divergence_text(const char *file)
{
	return !file ? "a built-in text" : !strcmp(file, "-") ? "standard input" : file;
}

double divergence_percent(const struct infer_divergence *d, uint64_t n)
{
	return d->n ? 100 * (double)n / (double)d->n : 0;
}

size_t divergence_limits(const struct divergence_limits *given, const struct infer_divergence *d, struct limit *limits)
{
	double ratio = infer_perplexity(&d->nll) / infer_perplexity(&d->base), mean = infer_sum_mean(&d->kl);
	double top = divergence_percent(d, d->n_same_top);
	size_t n = 0;

	if (given->max_kld_given)
		limits[n++] = (struct limit){ "max-kld", given->max_kld, mean, mean <= given->max_kld };
	if (given->min_top1_given)
		limits[n++] = (struct limit){ "min-top1", given->min_top1, top, top >= given->min_top1 };
	if (given->max_ppl_ratio_given)
		limits[n++] = (struct limit){ "max-ppl-ratio", given->max_ppl_ratio, ratio, ratio <= given->max_ppl_ratio };
	return n;
}

int limits_check(const struct cli_program *p, const struct limit *limits, size_t n)
{
	int status = CLI_OK;

	for (size_t i = 0; i < n; i++) {
		if (limits[i].holds)
			continue;
		cli_note(p, "--%s %g does not hold: %g", limits[i].name, limits[i].allowed, limits[i].found);
		status = CLI_CHECK;
	}
	return status;
}

void limits_json(struct cli_json *j, const struct limit *limits, size_t n)
{
	cli_json_array(j, "limits");
	for (size_t i = 0; i < n; i++) {
		cli_json_object(j, NULL);
		cli_json_cstr(j, "limit", limits[i].name);
		cli_json_f64(j, "value", limits[i].allowed);
		cli_json_f64(j, "found", limits[i].found);
		cli_json_bool(j, "holds", limits[i].holds);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

/* The bounds are those of common quantizations: 8 bits stay
 * below the first, 4 bits below the third. */
const char *divergence_verdict(const struct infer_divergence *d)
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

/* Rounding may leave a little less than nothing of what is nothing. */
static double shown(double kl)
{
	return kl < 0 && kl > -5e-7 ? 0 : kl;
}

void divergence_print(struct infer_divergence *d)
{
	double ratio = infer_perplexity(&d->nll) / infer_perplexity(&d->base), error;

	infer_divergence_log_ratio(d, &error);
	printf("%s\n\n", divergence_verdict(d));
	printf("tokens compared         %" PRIu64 "\n", d->n);
	printf("mean KL divergence      %.6f +/- %.6f nats\n", shown(infer_sum_mean(&d->kl)), infer_sum_error(&d->kl));
	printf("  largest               %.6f\n", shown(infer_divergence_kl_quantile(d, 1)));
	for (int i = 0; i < N_UPPER; i++)
		printf("  %-22s%.6f\n", quantiles[i].name, shown(infer_divergence_kl_quantile(d, quantiles[i].q)));
	printf("same most likely token  %.2f %% (%" PRIu64 " of %" PRIu64 ")\n", divergence_percent(d, d->n_same_top), d->n_same_top, d->n);
	printf("  among the first five  %.2f %%\n", divergence_percent(d, d->n_in_top_5));
	printf("perplexity              %.4f +/- %.4f\n", infer_perplexity(&d->nll), infer_perplexity_error(&d->nll));
	printf("  %-22s%.4f +/- %.4f\n", d->has_logits ? "of the reference" : "in the base file", infer_perplexity(&d->base),
	       infer_perplexity_error(&d->base));
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

static void json_quantiles(struct cli_json *j, const char *key, struct infer_divergence *d,
                           double (*quantile)(struct infer_divergence *d, double q), int n)
{
	cli_json_object(j, key);
	for (int i = 0; i < n; i++)
		cli_json_f64(j, quantiles[i].json, quantile(d, quantiles[i].q));
	cli_json_close(j, '}');
}

void divergence_json(struct cli_json *j, struct infer_divergence *d)
{
	double error, ratio = infer_divergence_log_ratio(d, &error);

	cli_json_u64(j, "tokens", d->n);
	cli_json_f64(j, "mean_kl_divergence", infer_sum_mean(&d->kl));
	cli_json_f64(j, "mean_kl_divergence_error", infer_sum_error(&d->kl));
	cli_json_f64(j, "max_kl_divergence", infer_divergence_kl_quantile(d, 1));
	json_quantiles(j, "kl_divergence", d, infer_divergence_kl_quantile, N_QUANTILES);
	cli_json_u64(j, "same_top", d->n_same_top);
	cli_json_u64(j, "in_top_5", d->n_in_top_5);
	json_perplexity(j, "perplexity", &d->nll);
	json_perplexity(j, "reference_perplexity", &d->base);
	cli_json_f64(j, "log_ppl_ratio", ratio);
	cli_json_f64(j, "log_ppl_ratio_error", error);
	cli_json_f64(j, "correlation", infer_divergence_correlation(d));
	cli_json_f64(j, "mean_p_change", infer_sum_mean(&d->p));
	cli_json_f64(j, "mean_p_change_error", infer_sum_error(&d->p));
	cli_json_f64(j, "rms_p_change", infer_root_mean(&d->p2));
	cli_json_f64(j, "min_p_change", infer_divergence_p_quantile(d, 0));
	cli_json_f64(j, "max_p_change", infer_divergence_p_quantile(d, 1));
	json_quantiles(j, "p_change", d, infer_divergence_p_quantile, N_QUANTILES);
	if (d->has_logits)
		cli_json_f64(j, "max_logit_difference", d->max_diff);
	cli_json_cstr(j, "verdict", divergence_verdict(d));
}
