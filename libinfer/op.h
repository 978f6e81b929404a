/* The operations that forward passes are written in. T is r->n_tok, the tokens of the batch; matrices are row major.
 *
 * None allocates, reads files or can fail. Each spreads its work over the run's pool, by whole results, never inside a
 * sum: the bits of a token's row do not depend on threads, on the CPU, or on which tokens share its batch. */
#ifndef LIBINFER_OP_H
#define LIBINFER_OP_H

#include "run.h"

/* What each operation of this file that writes floats for others to read ends with: the result, n rows of `width` one after the
 * other, is looked at for values that are not finite, and shown to who watches. w: NULL, or of no tensor: the operation has no
 * weight. */
void op_done(struct infer_run *r, const char *op, const struct infer_w *w, float *y, size_t n, size_t width, bool added);
/* The same of rows that are `stride` apart. */
void op_done_part(struct infer_run *r, const char *op, const struct infer_w *w, float *y, size_t n, size_t width, size_t stride,
                  bool added);

/* x [T, D] = rows r->ids of w [vocab, D]. */
void op_embed(struct infer_run *r, float *x, const struct infer_w *w);

/* x [T, D] += rows r->pos .. r->pos + T - 1 of w [positions, D]. */
void op_add_positions(struct infer_run *r, float *x, const struct infer_w *w);

/* x *= factor, n elements of every token. */
void op_scale(struct infer_run *r, float *x, size_t n, float factor);

/* x, but not above limit nor below -limit, n elements of every token; as it is where limit is 0. */
void op_clip(struct infer_run *r, float *x, size_t n, float limit);

/* x = cap * tanh(x / cap), n elements of every token; as it is where cap is 0. */
void op_softcap(struct infer_run *r, float *x, size_t n, float cap);

/* x = 0, n elements of every token. */
void op_clear(struct infer_run *r, float *x, size_t n);

/* x += y, n elements of every token. */
void op_add(struct infer_run *r, float *x, const float *y, size_t n);

/* y [T, D] = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * w + bias, per token; y may be x. Sums in double, eight
 * partial sums. */
void op_layernorm(struct infer_run *r, float *y, const float *x, const struct infer_w *w);

/* The same of the model's width, w all 1 and no bias. */
void op_layernorm_bare(struct infer_run *r, float *y, const float *x);

/* The same in place for every head of each token's x [T, n_heads * head], w [n_heads, head]; nothing where the model has no
 * such weight. */
void op_heads_layernorm(struct infer_run *r, float *x, const struct infer_w *w);

/* y [T, D] = x / sqrt(mean(x^2) + eps) * w, per token; y may be x. Sum of squares in double, eight partial sums. */
void op_rmsnorm(struct infer_run *r, float *y, const float *x, const struct infer_w *w);

/* op_rmsnorm in place, of the first elements of every token's x [T, width], as many as w has; nothing where the model has no such
 * weight. */
void op_rmsnorm_part(struct infer_run *r, float *x, size_t width, const struct infer_w *w);

/* The same of the narrow vectors of latent attention, whose norms have an epsilon of their own: 1e-6, whatever the model's is. */
void op_latent_norm(struct infer_run *r, float *x, size_t width, const struct infer_w *w);

/* The same in place for the heads of every token's x [T, n_heads * d_k], each for itself where w is [d_k], all together
 * where it is [n_heads * d_k]; nothing where the model has no such weight. */
void op_headnorm(struct infer_run *r, float *x, uint32_t n_heads, const struct infer_w *w);

/* The same of every head, w all 1. */
void op_headnorm_bare(struct infer_run *r, float *x, uint32_t n_heads);

/* x *= 1 + scale * ln(1 + floor(position / length)), n elements of every token: the model's temperature (arXiv:2501.19399). */
void op_temperature(struct infer_run *r, float *x, size_t n);

/* y [T, rows] = x [T, cols] W' + bias, W [rows, cols] of any type, decoded to float32 as it is used. */
void op_linear(struct infer_run *r, float *y, const float *x, const struct infer_w *w);
/* y += x W' + bias */
void op_linear_add(struct infer_run *r, float *y, const float *x, const struct infer_w *w);

/* r->q [T, Hq * d_k], r->k [T, Hk * d_k], r->v [T, Hk * d_v] of the layer, from one matrix that has their rows in this order. */
void op_qkv(struct infer_run *r, const float *x, const struct infer_w *w);

/* op_linear with rows of a stack of matrices: group by group, rows first .. first + n - 1 of x with one of them. */
void op_linear_groups(struct infer_run *r, float *y, const float *x, const struct infer_w *w,
                      const struct infer_group *groups, size_t n_groups);

/* y [T, H, y_width] = for every head of x [T, H, x_width] its own matrix times its first elements; w is a stack of H matrices.
 * What else is in a row of y stays. */
void op_linear_heads(struct infer_run *r, float *y, size_t y_width, const float *x, size_t x_width, const struct infer_w *w);

/* Turns the first rope.n_dims of every head of x [T, n_heads * d_k], in the model's pairs, by the tokens' positions;
 * nothing in a layer that knows none. */
void op_rope(struct infer_run *r, float *x, uint32_t n_heads);
/* The same of heads x [T, n_heads, width]: rope.n_dims elements that begin with element `from` of each. */
void op_rope_part(struct infer_run *r, float *x, uint32_t n_heads, size_t width, size_t from);
/* The sines and cosines of the batch's positions, for op_rope: once per batch. */
void op_rope_angles(struct infer_run *r);

/* y [T, Hq * d_v]: causal attention of q [T, Hq * d_k] over the cache of the layer, to which k [T, Hk * d_k] and
 * v [T, Hk * d_v] are added first: softmax(cap(q k' * scale)) v within the layer's window, where scale and cap are the
 * model's. Query heads share key heads in runs of Hq / Hk. */
void op_attend(struct infer_run *r, float *y, const float *q, const float *k, const float *v);

/* The same where each head has a score more, of nothing: element h of sinks [Hq]. It takes a part of the weight, as large as a
 * key's of that score would be. */
void op_attend_sinks(struct infer_run *r, float *y, const float *q, const float *k, const float *v, const struct infer_w *sinks);

/* Latent attention (arXiv:2405.04434), with the matrix that would widen keys applied to queries instead. C is the width of
 * the vector that is kept of a token, R of what turns beside it, N of what does not turn in a query.
 * y [T, Hq, C + R] = for every head of q [T, Hq, N + R] its matrix of w [Hq, C, N] times the first part, and the second. */
void op_latent_queries(struct infer_run *r, float *y, const float *q, const struct infer_w *w);
/* y [T, Hq, C]: causal attention of q [T, Hq, C + R] over the cache of the layer, to which kv [T, C + R] is added first; the
 * values are the first C of what is kept. Scale and cap are the model's. */
void op_attend_latent(struct infer_run *r, float *y, const float *q, const float *kv);

/* g [T, F] = silu(x Wgate') * (x Wup'), biases included; uses r->u. */
void op_swiglu(struct infer_run *r, float *g, const float *x, const struct infer_w *gate, const struct infer_w *up);

/* The same with GELU by its tanh formula (arXiv:1606.08415) in place of SiLU. */
void op_geglu(struct infer_run *r, float *g, const float *x, const struct infer_w *gate, const struct infer_w *up);
/* g [T, F] = gelu(x Wup' + bias) by either formula. */
void op_gelu(struct infer_run *r, float *g, const float *x, const struct infer_w *up, enum infer_gelu kind);

/* g = silu(g) * u, n_rows rows of n. */
void op_silu_mul(struct infer_run *r, float *g, const float *u, size_t n_rows, size_t n);

/* g = gelu(g) * u by its tanh formula, n_rows rows of n. */
void op_gelu_mul(struct infer_run *r, float *g, const float *u, size_t n_rows, size_t n);

/* g = a sigmoid(1.702 a) (b + 1) of a = min(g, 7) and b = u within +-7, n_rows rows of n (arXiv:2508.10925). */
void op_clamped_mul(struct infer_run *r, float *g, const float *u, size_t n_rows, size_t n);

/* g = max(g, 0)^2, n_rows rows of n. */
void op_relu_squared(struct infer_run *r, float *g, size_t n_rows, size_t n);

/* g [T, n] *= sigmoid(gate [T]), per token. */
void op_sigmoid_gate(struct infer_run *r, float *g, size_t n, const float *gate);

/* Chooses the experts of every token of x [T, D] (arXiv:1701.06538): softmax of x Wrouter' over all experts, the n_used
 * largest (of equal ones the first), which are made to add up to 1 where the model asks for it. Result: r->route. */
void op_route(struct infer_run *r, const float *x, const struct infer_w *router);
/* The same with the rest of struct infer_moe: scores by a sigmoid, a correction [n_experts] to them that counts in the choice
 * but not in the weights (where the model has it), groups, and a factor (arXiv:2412.19437). */
void op_route_corrected(struct infer_run *r, const float *x, const struct infer_w *router, const struct infer_w *correction);
/* The same by SparseMixer (arXiv:2409.12136): the largest score, and then the largest of the others; each weighs what a softmax
 * gives it over those that are left and not further below it than 2 * jitter of the larger of it and their own size. */
void op_route_mixed(struct infer_run *r, const float *x, const struct infer_w *router);
/* y [T, D] += sum over each token's experts e, in ascending order, of weight * (silu(x Wgate_e') * (x Wup_e')) Wdown_e'; or,
 * where the model weighs the input, with weight * x for x and no weight outside. Uses r->route, r->g and r->u. */
void op_experts_add(struct infer_run *r, float *y, const float *x, const struct infer_w *gate, const struct infer_w *up,
                    const struct infer_w *down);

/* Its steps, for another activation: r->g and r->u = x Wgate_e' and x Wup_e', biases included, a row for each token and expert of
 * r->route (up NULL: r->g alone); and y += sum of weight * (r->g Wdown_e' + bias). x and y are as wide as the experts' weights. */
void op_experts_in(struct infer_run *r, const float *x, const struct infer_w *gate, const struct infer_w *up);
void op_experts_out(struct infer_run *r, float *y, const struct infer_w *down);

/* Recurrent layers. Each works through the tokens of the batch in order, from what the layer kept of those before, and keeps
 * what the next ones need: the same steps in the same order however tokens are split into batches. I is the width of the layer,
 * N the numbers that are kept per element of it, C the channels of the convolution.
 * y [T, C] = silu(sum over j of w[c, j] * x[t - kernel + 1 + j, c] + bias), w [C, kernel]; y is not x. */
void op_conv(struct infer_run *r, float *y, const float *x, const struct infer_w *w);

/* Selective scan (arXiv:2312.00752), per element i of I and n of N, with d = softplus(step):
 * state = exp(d A[i, n]) * state + d x B[n];  y = (sum over n of state * C[n] + D[i] x) * silu(z).
 * x, z, step [T, I]; bc [T, 2 * N]: B and C; A [I, N], D [I]. Sums in eight partial sums. */
void op_selective_scan(struct infer_run *r, float *y, const float *x, const float *z, const float *step, const float *bc,
                       const struct infer_w *a, const struct infer_w *d);

/* The same with a scalar A for each of H heads (arXiv:2405.21060): d = softplus(step + bias), and heads share B and C in runs of
 * H / groups. d is held within the model's limits, where it has any. xbc [T, C]: x [I], then B and C [groups, N]; step [T, H];
 * A, D, bias [H]. No gate. */
void op_ssd_scan(struct infer_run *r, float *y, const float *xbc, const float *step, const struct infer_w *a,
                 const struct infer_w *d, const struct infer_w *bias);

/* The gated delta rule (arXiv:2412.06464), per head: its state [I / H, N] forgets by exp(A softplus(step + bias)), then goes a
 * part sigmoid(beta) of the way to giving v for k; y = what it gives for q. q and k are made unit vectors (with 1e-6 under the
 * root), q is divided by sqrt(N) too. qkv [T, C]: q and k [groups, N], v [I]; step, beta [T, H]; A, bias [H]. Heads share q and k
 * in runs of H / groups, or take them in turn. */
void op_delta_rule(struct infer_run *r, float *y, const float *qkv, const float *step, const float *beta, const struct infer_w *a,
                   const struct infer_w *bias);

/* y [T, H, n]: each head's norm by w [n], then y * silu(z). */
void op_headnorm_gated(struct infer_run *r, float *y, const float *z, const struct infer_w *w);

/* Rows of groups x [T, n_groups, 2 n] in two: first and second [T, n_groups, n]. */
void op_halves(struct infer_run *r, float *first, float *second, const float *x, size_t n_groups, size_t n);

/* y *= sigmoid(gate), n elements of every token. */
void op_sigmoid_mul(struct infer_run *r, float *y, const float *gate, size_t n);

/* y = y * silu(z), then a norm of each group of I: w [groups, I / groups]. */
void op_gated_groupnorm(struct infer_run *r, float *y, const float *z, const struct infer_w *w);

/* Shows what would go into w, x [T, w.cols], to whoever watches, and multiplies nothing. */
void op_watch(struct infer_run *r, const float *x, const struct infer_w *w);

/* After the last layer, x [T, D]. Keeps only the tokens whose logits are wanted: moves their rows to the front and makes T their
 * number. */
void op_wanted(struct infer_run *r, float *x);

/* Floats of scratch that each worker needs for a matrix of `cols` columns, and for attention over n_ctx positions with
 * `group` query heads per key head. */
size_t op_linear_scratch(size_t cols, size_t n_batch);
size_t op_attend_scratch(size_t group, size_t n_ctx);
/* That `group` of a layer. */
size_t op_attend_group(const struct infer_model *m, const struct infer_layer *l);

#endif
