/* llama-perplexity's base file (--save-all-logits, --kl-divergence-base): a text and what a model predicted in it, 16 bits
 * for each token of the vocabulary.
 *
 * All little-endian: "_logits_"; n_ctx, n_vocab and n_windows as i32; the tokens of the windows as i32; then for each window
 * a row for each token that is scored, those after the first n_ctx / 2 + 1 of it. A row is two f32, a step and the least
 * logarithm of a probability, and a u16 for each token of the vocabulary, how many steps it is above the least, with one
 * more u16 where their number is odd. What is 16 below the most likely token, or further, has 0 steps. */
#ifndef LIBFMT_LOGITS_H
#define LIBFMT_LOGITS_H

#include <libfmt/sink.h>

struct fmt_logits_shape {
	uint32_t n_ctx, n_vocab, n_windows;
};

uint32_t fmt_logits_rows(const struct fmt_logits_shape *s); /* of one window */

struct fmt_logits {
	struct fmt_logits_shape shape;
	int32_t *ids;                  /* [n_windows, n_ctx] */
	struct fmt_logits_impl *impl;
};

/* NULL with *err set: no such file, or the sizes in it are not those of its bytes. */
struct fmt_logits *fmt_logits_open(const char *path, struct fmt_err *err);
void fmt_logits_close(struct fmt_logits *l); /* NULL is fine */

/* The next row, in the order of the file, as logarithms of probabilities.
 * log_p   out: [n_vocab]
 * least   out: those that are not above it are only known to be no more likely
 * returns false with *err set past the last row, or where a number is none */
bool fmt_logits_next(struct fmt_logits *l, float *log_p, float *least, struct fmt_err *err);

/* ---- Writing ---- */

/* Bytes of the whole file. false: 64 bits do not hold them. */
bool fmt_logits_bytes(const struct fmt_logits_shape *s, uint64_t *n_bytes);

/* ids: [n_windows, n_ctx] */
bool fmt_logits_write_header(struct fmt_sink *sink, const struct fmt_logits_shape *s, const int32_t *ids, struct fmt_err *err);

/* The row of that number, counted through all windows.
 * logits       [n_vocab]
 * log_sum_exp  log(sum(exp(logits))) */
bool fmt_logits_write_row(struct fmt_sink *sink, const struct fmt_logits_shape *s, uint64_t row, const float *logits,
                          double log_sum_exp, struct fmt_err *err);

#endif
