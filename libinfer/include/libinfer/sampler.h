/* Choosing the next token. The same seed gives the same text on every machine. */
#ifndef LIBINFER_SAMPLER_H
#define LIBINFER_SAMPLER_H

#include <libfmt/err.h>
#include <stdint.h>

struct infer_sampler_opts {
	float temp;      /* 0: greedy (the first of equal logits) */
	uint32_t top_k;  /* 0: off */
	float top_p;     /* 1: off */
	float min_p;     /* 0: off */
	uint64_t seed;
};

struct infer_sampler;
struct infer_sampler *infer_sampler_create(const struct infer_sampler_opts *o, uint32_t n_vocab, struct fmt_err *err);
void infer_sampler_destroy(struct infer_sampler *s); /* NULL is fine */
uint64_t infer_sampler_bytes(uint32_t n_vocab); /* that it allocates */
int32_t infer_sample(struct infer_sampler *s, const float *logits); /* [vocab] */

#endif
