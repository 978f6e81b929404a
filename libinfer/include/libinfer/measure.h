/* How well a model predicts, and how far one model's predictions are from another's. All in nats and in double, summed
 * in the order of the tokens. */
#ifndef LIBINFER_MEASURE_H
#define LIBINFER_MEASURE_H

#include <libfmt/logits.h>
#include <libinfer/windows.h>

/* Surprise at `id`: -log softmax(logits)[id], of logits [n_vocab]. */
double infer_nll(const float *logits, uint32_t n_vocab, int32_t id);

/* A mean and how sure it is. The error is the standard error of the mean; 0 of fewer than two. */
struct infer_sum {
	uint64_t n;
	double weight, sum, sum2; /* weights; weighted values and their squares */
};
void infer_sum_add(struct infer_sum *s, double weight, double x);
double infer_sum_mean(const struct infer_sum *s);
double infer_sum_error(const struct infer_sum *s);
double infer_root_mean(const struct infer_sum *s); /* square root of the mean */

/* exp of a mean surprise, and its error. */
double infer_perplexity(const struct infer_sum *nll);
double infer_perplexity_error(const struct infer_sum *nll);

/* Adds the surprise at every scored token.
 * base   where not NULL, all predictions go to this sink too, as rows of a base file (<libfmt/logits.h>) of that shape */
bool infer_measure_nll(struct infer_run *run, const struct infer_windows *w, struct infer_sum *nll, struct fmt_sink *base,
                       const struct fmt_logits_shape *shape, struct fmt_err *err);

struct infer_divergence {
	uint64_t n;             /* tokens compared */
	struct infer_sum kl;    /* Kullback-Leibler divergence KL(reference || model) of the predictions */
	struct infer_sum nll, base; /* surprise of the model, and of the reference */
	double nll_base;        /* sum of the products of the two */
	struct infer_sum p, p2; /* change of the probability of the token that comes; its square */
	uint64_t n_same_top;    /* the first most likely token is the same */
	uint64_t n_in_top_5;    /* the reference's is among the model's first five */
	bool has_logits;        /* of both */
	double max_diff;        /* then: largest absolute difference of two */
	float *kls, *ps;        /* of each token, for quantiles */
	uint64_t cap;
	bool sorted;
};
void infer_divergence_finish(struct infer_divergence *d); /* a zeroed one is fine */

/* Adds one token: logits [n_vocab] of both. A logit that is not a number makes the sums so. */
bool infer_divergence_add(struct infer_divergence *d, const float *reference, const float *logits, uint32_t n_vocab, int32_t id,
                          struct fmt_err *err);

/* The same where of the reference there are logarithms of probabilities, of which those up to `least` are not known. */
bool infer_divergence_add_log_p(struct infer_divergence *d, const float *log_p, float least, const float *logits,
                                uint32_t n_vocab, int32_t id, struct fmt_err *err);

/* Value below which the share q of all lies, between two of them by their distance; 0 of none. Sorts them. */
double infer_divergence_kl_quantile(struct infer_divergence *d, double q);
double infer_divergence_p_quantile(struct infer_divergence *d, double q);

/* log of the ratio of the perplexities, model over reference, and its error; the correlation of the two. The same tokens are
 * hard for both, so that the ratio is known far better than either. */
double infer_divergence_log_ratio(const struct infer_divergence *d, double *error);
double infer_divergence_correlation(const struct infer_divergence *d);

/* Adds every scored token of a run, beside what a base file says of it. The windows are those of the file. */
bool infer_compare_base(struct fmt_logits *base, struct infer_run *run, const struct infer_windows *w,
                        struct infer_divergence *d, struct fmt_err *err);

/* Adds every scored token of two runs; another vocabulary is an error. */
bool infer_compare(struct infer_run *reference, struct infer_run *run, const struct infer_windows *w, struct infer_divergence *d,
                   struct fmt_err *err);

#endif
