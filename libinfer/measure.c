/* Likelihoods and divergences. */
#include <libinfer/measure.h>

#include "elementary.h"
#include "run.h"

#include <math.h>
#include <stdlib.h>

/* Logits are made and looked at so many positions at a time: large vocabularies take a megabyte for each. */
enum { POSITIONS = 32 };

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

void infer_divergence_add(struct infer_divergence *d, const float *reference, const float *logits, uint32_t n_vocab)
{
	uint32_t top_p, top_q;
	double log_p = log_sum_exp(reference, n_vocab, &top_p), log_q = log_sum_exp(logits, n_vocab, &top_q), kl = 0;

	for (uint32_t i = 0; i < n_vocab; i++) {
		double p = (double)reference[i] - log_p, q = (double)logits[i] - log_q;

		kl += infer_exp(p) * (p - q);
		d->max_diff = fmax(d->max_diff, fabs((double)reference[i] - (double)logits[i]));
	}
	if (kl < 0) /* by rounding only */
		kl = 0;
	d->n++;
	d->kl_sum += kl;
	d->kl_max = fmax(d->kl_max, kl);
	d->n_same_top += top_p == top_q;
}

static float *logits_alloc(const struct infer_run *r, struct fmt_err *err)
{
	size_t n = r->model->n_vocab;
	float *logits = n > SIZE_MAX / POSITIONS / sizeof(float) ? NULL : malloc(n * POSITIONS * sizeof *logits);

	if (!logits)
		fmt_fail_nomem(err, (uint64_t)n * POSITIONS * sizeof *logits);
	return logits;
}

/* The next positions of a window: how many of `n` left, and a cache emptied where a window begins. */
static uint32_t next_piece(struct infer_run *r, uint64_t left, uint32_t window)
{
	uint32_t n = POSITIONS;

	if (infer_run_pos(r) == window)
		infer_run_reset(r);
	n = window - infer_run_pos(r) < n ? window - infer_run_pos(r) : n;
	return left < n ? (uint32_t)left : n;
}

static bool compare_pieces(struct infer_run *runs[2], float *logits[2], const int32_t *ids, uint64_t n, uint32_t window,
                           struct infer_divergence *d, struct fmt_err *err)
{
	uint32_t n_vocab = runs[0]->model->n_vocab, piece;

	for (uint64_t done = 0; done < n; done += piece) {
		for (int i = 0; i < 2; i++) {
			piece = next_piece(runs[i], n - done, window);
			if (!infer_eval(runs[i], ids + done, piece, true, logits[i], err))
				return false;
		}
		for (size_t t = 0; t < piece; t++)
			infer_divergence_add(d, logits[0] + t * n_vocab, logits[1] + t * n_vocab, n_vocab);
	}
	return true;
}

bool infer_compare(struct infer_run *reference, struct infer_run *run, const int32_t *ids, uint64_t n, uint32_t window,
                   struct infer_divergence *d, struct fmt_err *err)
{
	struct infer_run *runs[2] = { reference, run };
	float *logits[2] = { 0 };
	bool ok;

	if (reference->model->n_vocab != run->model->n_vocab)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET,
		                "the vocabularies differ, so predictions cannot be compared: %u tokens, and %u in the "
		                "reference",
		                run->model->n_vocab, reference->model->n_vocab);
	infer_run_reset(reference);
	infer_run_reset(run);
	ok = (logits[0] = logits_alloc(reference, err)) && (logits[1] = logits_alloc(run, err)) &&
	     compare_pieces(runs, logits, ids, n, window, d, err);
	free(logits[0]);
	free(logits[1]);
	return ok;
}

bool infer_mean_nll(struct infer_run *run, const int32_t *ids, uint64_t n, uint32_t window, double *mean,
                    uint64_t *n_scored, struct fmt_err *err)
{
	uint32_t n_vocab = run->model->n_vocab, piece;
	float *logits = logits_alloc(run, err);
	uint64_t whole = n - n % window;
	double sum = 0;

	infer_run_reset(run);
	*n_scored = 0;
	for (uint64_t done = 0; logits && done < whole; done += piece) {
		piece = next_piece(run, whole - done, window);
		if (!infer_eval(run, ids + done, piece, true, logits, err)) {
			free(logits);
			return false;
		}
		for (uint64_t t = done; t < done + piece; t++)
			if ((t + 1) % window) {
				sum += infer_nll(logits + (t - done) * n_vocab, n_vocab, ids[t + 1]);
				++*n_scored;
			}
	}
	free(logits);
	*mean = *n_scored ? sum / (double)*n_scored : 0;
	return logits != NULL;
}
