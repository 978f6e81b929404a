/* Running a model: float32 arithmetic, in an order that neither threads nor batches change. */
#ifndef LIBINFER_INFER_H
#define LIBINFER_INFER_H

#include <libfmt/view.h>
#include <libquant/lora.h>
#include <libquant/pool.h>

struct infer_model; /* weights bound by role; read-only, shared by any number of runs */
struct infer_run;   /* one sequence: KV cache, buffers, position */

/* Binds the weights of a view. Both view and pool must outlive the model. NULL with *err set: an architecture without a
 * forward pass, a tensor missing, numbers that contradict each other. */
struct infer_model *infer_model_create(const struct fmt_view *v, struct quant_pool *pool, struct fmt_err *err);
/* The same with adapters of that view beside it, or NULL; they outlive the model. Where a matrix only gets a product of two
 * narrow ones, these are computed beside it and the matrix stays as it is stored; any other change is made in a copy. */
struct infer_model *infer_model_create_adapted(const struct fmt_view *v, const struct quant_lora *lora, struct quant_pool *pool,
                                               struct fmt_err *err);
/* The same with its layers for multi-token prediction, where it has any. They run behind the others as long as somebody watches
 * (infer_run_watch), and change nothing: what they predict is not computed. infer_n_next says how many there are; 0 also where the
 * file's key speaks of some and they are not there, or nothing is known here of the architecture's. */
struct infer_model *infer_model_create_next(const struct fmt_view *v, const struct quant_lora *lora, struct quant_pool *pool,
                                            struct fmt_err *err);
uint32_t infer_n_next(const struct infer_model *m);
void infer_model_destroy(struct infer_model *m); /* NULL is fine */
uint32_t infer_n_vocab(const struct infer_model *m);
uint32_t infer_n_ctx_train(const struct infer_model *m);

/* The same without loading a weight: to be asked about its memory, and nothing else. A view that is plan_only will do. */
struct infer_model *infer_model_describe(const struct fmt_view *v, struct fmt_err *err);

/* Bytes of its weights. Of a plan_only view there is no file to lie in, and the figures mean nothing. */
struct infer_weights_memory {
	uint64_t mapped; /* used where they lie in the file, or in the view */
	uint64_t copied; /* in memory of the model's own: what has to be decoded, or put in order, before it can be used */
};
void infer_weights_memory(const struct infer_model *m, struct infer_weights_memory *memory);

enum { INFER_BATCH_DEFAULT = 64 };

/* n_ctx    tokens the cache can hold; 0: the model's own context
 * n_batch  tokens computed at once; 0: INFER_BATCH_DEFAULT. Changes speed and memory, never a bit of the result. */
struct infer_run *infer_run_create(const struct infer_model *m, uint32_t n_ctx, uint32_t n_batch, struct fmt_err *err);
void infer_run_destroy(struct infer_run *r); /* NULL is fine */
void infer_run_reset(struct infer_run *r);   /* forgets the sequence */

/* Forgets the tokens from position pos on. false, and nothing is done, where there are not so many, or where layers keep a state
 * of all tokens (Mamba and the like), which nothing is taken out of again, or those for multi-token prediction are run. */
bool infer_run_back(struct infer_run *r, uint32_t pos);
uint32_t infer_run_pos(const struct infer_run *r);

/* What goes into one matrix of a weight: n rows of `cols` values, each `stride` values after the one before, in the order of
 * the tokens. */
struct infer_inputs {
	const struct fmt_view_tensor *tensor;
	size_t n_stacked, matrix; /* of a stack: how many, and which of them */
	bool routed;              /* the stack is one of experts: each token goes to some of them only */
	const float *x;
	size_t n, cols, stride;
};
typedef void infer_watch_fn(void *user, const struct infer_inputs *in);

/* Calls fn before every product of tokens with a matrix, from the thread that evaluates; NULL: no longer. Rows that go into
 * several parts of one tensor are shown once. However the tokens are cut into batches, a matrix sees the same rows in the
 * same order. */
void infer_run_watch(struct infer_run *r, infer_watch_fn *fn, void *user);

/* What a run allocates, to the byte, but for some small tables. */
struct infer_run_memory {
	uint32_t n_ctx, n_batch; /* as they came out */
	unsigned n_threads;
	uint64_t cache;          /* keys and values of n_ctx tokens */
	uint64_t state;          /* of recurrent layers, whatever n_ctx */
	uint64_t buffers;        /* intermediate results of n_batch tokens, and a piece of scratch for each thread */
};
void infer_run_memory(const struct infer_run *r, struct infer_run_memory *memory);

/* The same before it is created, counted by the code that allocates it. m may be only described.
 * n_threads  1 or more: of the pool
 * returns false with *err set where infer_run_create would refuse, or run out of addresses */
bool infer_run_plan(const struct infer_model *m, uint32_t n_ctx, uint32_t n_batch, unsigned n_threads,
                    struct infer_run_memory *memory, struct fmt_err *err);

/* Appends n tokens to the sequence and computes their logits.
 * logits   [n, vocab] if all_logits, else [vocab] of the last token; may be NULL
 * returns false for an id outside the vocabulary or a full cache, the sequence is then unchanged; or where an operation gives
 * values that are not finite (FMT_NONFINITE), which the message names with its layer and its weight: the logits are then of no
 * use, and infer_run_reset begins anew */
bool infer_eval(struct infer_run *r, const int32_t *ids, uint32_t n, bool all_logits, float *logits,
                struct fmt_err *err);

#endif
