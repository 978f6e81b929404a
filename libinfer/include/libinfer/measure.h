/* How well a model predicts, and how far one model's predictions are from another's. All in nats and in double, summed
 * in the order of the tokens. */
#ifndef LIBINFER_MEASURE_H
#define LIBINFER_MEASURE_H

#include <libinfer/infer.h>

/* Surprise at `id`: -log softmax(logits)[id], of logits [n_vocab]. */
double infer_nll(const float *logits, uint32_t n_vocab, int32_t id);

struct infer_divergence {
	uint64_t n;          /* positions compared */
	double kl_sum;       /* of the Kullback-Leibler divergences KL(reference || model); the mean is kl_sum / n */
	double kl_max;
	uint64_t n_same_top; /* positions where both have the same first largest logit */
	double max_diff;     /* largest absolute difference of two logits */
};

/* Adds one position: logits [n_vocab] of both. A logit that is not a number makes the sums so. */
void infer_divergence_add(struct infer_divergence *d, const float *reference, const float *logits, uint32_t n_vocab);

/* Feeds ids to both runs in windows of `window` tokens, each from an empty cache, and adds every position to *d.
 * reference and run: both with a context of at least `window`; another vocabulary is an error */
bool infer_compare(struct infer_run *reference, struct infer_run *run, const int32_t *ids, uint64_t n, uint32_t window,
                   struct infer_divergence *d, struct fmt_err *err);

/* Mean infer_nll of tokens 1 .. window-1 of each whole window, given those before it in the window. A last window that
 * is not whole is left out. *n_scored: how many tokens that were. */
bool infer_mean_nll(struct infer_run *run, const int32_t *ids, uint64_t n, uint32_t window, double *mean,
                    uint64_t *n_scored, struct fmt_err *err);

#endif
