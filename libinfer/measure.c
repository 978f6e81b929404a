/* Likelihoods and divergences. See <libinfer/measure.h>. */
#include <libinfer/measure.h>

#include "elementary.h"
#include "run.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* log(sum(exp(x))), and where the first of the largest is. */
static double log_sum_exp(const float *x, uint32_t n, uint32_t *top)
{
	uint32_t best = 0;
	double sum = 0;

	for (uint32_t i = 1; i < n; i++)
		best = x[i] > x[best] ? i : best;
	for (uint32_t i = 0; i < n; i++)
		sum += infer_exp((double)x[i] - (double)x[best]);
	*top = best;
	return (double)x[best] + infer_log(sum);
}

double infer_nll(const float *logits, uint32_t n_vocab, int32_t id)
{
	uint32_t top;

	return log_sum_exp(logits, n_vocab, &top) - (double)logits[id];
}

void infer_sum_add(struct infer_sum *s, double weight, double x)
{
	s->n++;
	s->weight += weight;
	s->sum += weight * x;
	s->sum2 += weight * x * x;
}

double infer_sum_mean(const struct infer_sum *s)
{
	return s->n ? s->sum / s->weight : 0;
}

double infer_sum_error(const struct infer_sum *s)
{
	double mean = infer_sum_mean(s), variance = s->n ? s->sum2 / s->weight - mean * mean : 0;

	return s->n > 1 && variance > 0 ? sqrt(variance / (double)(s->n - 1)) : 0;
}

double infer_root_mean(const struct infer_sum *s)
{
	return sqrt(infer_sum_mean(s));
}

double infer_perplexity(const struct infer_sum *nll)
{
	return infer_exp(infer_sum_mean(nll));
}

double infer_perplexity_error(const struct infer_sum *nll)
{
	return infer_perplexity(nll) * infer_sum_error(nll);
}

struct nll_work {
	struct infer_sum *nll;
	uint32_t n_vocab;
	struct fmt_sink *base;
	const struct fmt_logits_shape *shape;
};

static bool add_nll(void *user, const struct infer_row *row, struct fmt_err *err)
{
	struct nll_work *w = user;
	uint32_t top;
	double log_sum = log_sum_exp(row->logits[0], w->n_vocab, &top);

	infer_sum_add(w->nll, row->weight, log_sum - (double)row->logits[0][row->id]);
	return !w->base || fmt_logits_write_row(w->base, w->shape, row->number, row->logits[0], log_sum, err);
}

bool infer_measure_nll(struct infer_run *run, const struct infer_windows *w, struct infer_sum *nll, struct fmt_sink *base,
                       const struct fmt_logits_shape *shape, struct fmt_err *err)
{
	struct nll_work work = { .nll = nll, .n_vocab = run->model->n_vocab, .base = base, .shape = shape };

	return infer_windows_run(w, &run, 1, add_nll, &work, err);
}

void infer_divergence_finish(struct infer_divergence *d)
{
	free(d->kls);
	free(d->ps);
	*d = (struct infer_divergence){ .n = 0 };
}

static bool keep(struct infer_divergence *d, double kl, double p, struct fmt_err *err)
{
	if (d->n == d->cap) {
		uint64_t cap = d->cap ? 2 * d->cap : 4096;
		float *kls = realloc(d->kls, cap * sizeof *kls), *ps;

		d->kls = kls ? kls : d->kls;
		ps = realloc(d->ps, cap * sizeof *ps);
		d->ps = ps ? ps : d->ps;
		if (!kls || !ps)
			return fmt_fail_nomem(err, 2 * cap * sizeof *ps);
		d->cap = cap;
	}
	d->kls[d->n] = (float)kl;
	d->ps[d->n] = (float)p;
	d->n++;
	d->sorted = false;
	return true;
}

/* Whether fewer than five are larger than x[i], of those that are equal the earlier ones. */
static bool in_top_5(const float *x, uint32_t n, uint32_t i)
{
	unsigned larger = 0;

	for (uint32_t j = 0; j < n && larger < 5; j++)
		larger += x[j] > x[i] || (x[j] == x[i] && j < i);
	return larger < 5;
}

/* What both ways of stating the reference come to. base: log of the reference's probability of the token */
static bool add(struct infer_divergence *d, double kl, double log_base, double log_own, uint32_t top_base, uint32_t top_own,
                const float *logits, uint32_t n_vocab, struct fmt_err *err)
{
	double p = infer_exp(log_own) - infer_exp(log_base);

	infer_sum_add(&d->kl, 1, kl);
	infer_sum_add(&d->nll, 1, -log_own);
	infer_sum_add(&d->base, 1, -log_base);
	infer_sum_add(&d->p, 1, p);
	infer_sum_add(&d->p2, 1, p * p);
	d->nll_base += log_own * log_base;
	d->n_same_top += top_base == top_own;
	d->n_in_top_5 += in_top_5(logits, n_vocab, top_base);
	return keep(d, kl, p, err);
}

bool infer_divergence_add(struct infer_divergence *d, const float *reference, const float *logits, uint32_t n_vocab, int32_t id,
                          struct fmt_err *err)
{
	uint32_t top_p, top_q;
	double log_p = log_sum_exp(reference, n_vocab, &top_p), log_q = log_sum_exp(logits, n_vocab, &top_q), kl = 0;

	d->has_logits = true;
	for (uint32_t i = 0; i < n_vocab; i++) {
		double p = (double)reference[i] - log_p, q = (double)logits[i] - log_q;

		kl += infer_exp(p) * (p - q);
		d->max_diff = fmax(d->max_diff, fabs((double)reference[i] - (double)logits[i]));
	}
	kl = kl < 0 ? 0 : kl; /* by rounding only */
	return add(d, kl, (double)reference[id] - log_p, (double)logits[id] - log_q, top_p, top_q, logits, n_vocab, err);
}

/* Rounded to steps and cut off, the probabilities do not add up to 1, so that single divergences may be below 0. */
bool infer_divergence_add_log_p(struct infer_divergence *d, const float *log_p, float least, const float *logits,
                                uint32_t n_vocab, int32_t id, struct fmt_err *err)
{
	uint32_t top_p = 0, top_q;
	double log_q = log_sum_exp(logits, n_vocab, &top_q), kl = 0;

	for (uint32_t i = 0; i < n_vocab; i++) {
		double p = (double)log_p[i];

		top_p = log_p[i] > log_p[top_p] ? i : top_p;
		if (log_p[i] > least)
			kl += infer_exp(p) * (p - ((double)logits[i] - log_q));
	}
	return add(d, kl, (double)log_p[id], (double)logits[id] - log_q, top_p, top_q, logits, n_vocab, err);
}

static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	if (isnan(x) || isnan(y))
		return isnan(x) - isnan(y);
	return (x > y) - (x < y);
}

static double quantile(struct infer_divergence *d, const float *values, double q)
{
	double at = q * (double)(d->n ? d->n - 1 : 0);
	uint64_t i = (uint64_t)at, next = i + 1 < d->n ? i + 1 : i;

	if (!d->n)
		return 0;
	if (!d->sorted) {
		qsort(d->kls, d->n, sizeof *d->kls, by_value);
		qsort(d->ps, d->n, sizeof *d->ps, by_value);
		d->sorted = true;
	}
	return (double)values[i] + (at - (double)i) * ((double)values[next] - (double)values[i]);
}

double infer_divergence_kl_quantile(struct infer_divergence *d, double q)
{
	return quantile(d, d->kls, q);
}

double infer_divergence_p_quantile(struct infer_divergence *d, double q)
{
	return quantile(d, d->ps, q);
}

static double covariance_of_means(const struct infer_divergence *d)
{
	double mean = d->n ? d->nll_base / (double)d->n : 0;

	return d->n > 1 ? (mean - infer_sum_mean(&d->nll) * infer_sum_mean(&d->base)) / (double)(d->n - 1) : 0;
}

double infer_divergence_log_ratio(const struct infer_divergence *d, double *error)
{
	double a = infer_sum_error(&d->nll), b = infer_sum_error(&d->base), variance = a * a + b * b - 2 * covariance_of_means(d);

	*error = variance > 0 ? sqrt(variance) : 0;
	return infer_sum_mean(&d->nll) - infer_sum_mean(&d->base);
}

double infer_divergence_correlation(const struct infer_divergence *d)
{
	double product = infer_sum_error(&d->nll) * infer_sum_error(&d->base);

	return product > 0 ? covariance_of_means(d) / product : 0;
}

struct compare_work {
	struct infer_divergence *d;
	uint32_t n_vocab;
	struct fmt_logits *base;
	float *log_p; /* [vocab] of the base */
};

static bool add_row(void *user, const struct infer_row *row, struct fmt_err *err)
{
	struct compare_work *w = user;

	return infer_divergence_add(w->d, row->logits[0], row->logits[1], w->n_vocab, row->id, err);
}

static bool add_base_row(void *user, const struct infer_row *row, struct fmt_err *err)
{
	struct compare_work *w = user;
	float least = 0;

	return fmt_logits_next(w->base, w->log_p, &least, err) &&
	       infer_divergence_add_log_p(w->d, w->log_p, least, row->logits[0], w->n_vocab, row->id, err);
}

static bool vocabularies_differ(uint32_t own, uint32_t reference, struct fmt_err *err)
{
	return own != reference &&
	       !fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "the vocabularies differ, so predictions cannot be compared: %" PRIu32
	                 " tokens, and %" PRIu32 " in the reference", own, reference);
}

bool infer_compare_base(struct fmt_logits *base, struct infer_run *run, const struct infer_windows *w,
                        struct infer_divergence *d, struct fmt_err *err)
{
	uint32_t n_vocab = run->model->n_vocab;
	struct compare_work work = { .d = d, .n_vocab = n_vocab, .base = base };
	bool ok;

	if (vocabularies_differ(n_vocab, base->shape.n_vocab, err))
		return false;
	work.log_p = malloc(n_vocab * sizeof *work.log_p);
	ok = work.log_p ? infer_windows_run(w, &run, 1, add_base_row, &work, err)
	                : fmt_fail_nomem(err, n_vocab * sizeof *work.log_p);
	free(work.log_p);
	return ok;
}

bool infer_compare(struct infer_run *reference, struct infer_run *run, const struct infer_windows *w, struct infer_divergence *d,
                   struct fmt_err *err)
{
	struct infer_run *runs[2] = { reference, run };
	struct compare_work work = { .d = d, .n_vocab = run->model->n_vocab };

	return !vocabularies_differ(run->model->n_vocab, reference->model->n_vocab, err) &&
	       infer_windows_run(w, runs, 2, add_row, &work, err);
}
