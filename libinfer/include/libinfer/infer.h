/* Running a model: float32 arithmetic, in an order that neither threads nor batches change. */
#ifndef LIBINFER_INFER_H
#define LIBINFER_INFER_H

#include <libfmt/view.h>
#include <libquant/pool.h>

struct infer_model; /* weights bound by role; read-only, shared by any number of runs */
struct infer_run;   /* one sequence: KV cache, buffers, position */

/* Binds the weights of a view. Both view and pool must outlive the model. NULL with *err set: an architecture without a
 * forward pass, a tensor missing, numbers that contradict each other. */
struct infer_model *infer_model_create(const struct fmt_view *v, struct quant_pool *pool, struct fmt_err *err);
void infer_model_destroy(struct infer_model *m); /* NULL is fine */
uint32_t infer_n_vocab(const struct infer_model *m);
uint32_t infer_n_ctx_train(const struct infer_model *m);

/* n_ctx    tokens the cache can hold; 0: the model's own context
 * n_batch  tokens computed at once; 0: 64. Changes speed and memory, never a bit of the result. */
struct infer_run *infer_run_create(const struct infer_model *m, uint32_t n_ctx, uint32_t n_batch, struct fmt_err *err);
void infer_run_destroy(struct infer_run *r); /* NULL is fine */
void infer_run_reset(struct infer_run *r);   /* forgets the sequence */
uint32_t infer_run_pos(const struct infer_run *r);

/* Appends n tokens to the sequence and computes their logits.
 * logits   [n, vocab] if all_logits, else [vocab] of the last token; may be NULL
 * returns false for an id outside the vocabulary or a full cache; the sequence is then unchanged */
bool infer_eval(struct infer_run *r, const int32_t *ids, uint32_t n, bool all_logits, float *logits,
                struct fmt_err *err);

#endif
