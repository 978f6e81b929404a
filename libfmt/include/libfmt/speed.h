/* Bounds of speed, from bytes and operations alone. No program is faster; how near one comes is not said here.
 *
 * Generating one sequence reads, per token, every weight that the token passes, one row of the embedding, the keys and
 * values of all tokens before it, and reads and writes the recurrent state: a device cannot do so faster than its
 * memory gives bytes. Reading a prompt multiplies, per token, each of these weights once, and its queries with the keys
 * and values before it: a device cannot do so faster than it multiplies. */
#ifndef LIBFMT_SPEED_H
#define LIBFMT_SPEED_H

#include <libfmt/estimate.h>

/* Bytes that one token reads of a tensor that takes n_bytes in its type: its share of the experts; of an input
 * embedding one row, and all of it once more where it is the output matrix too. No sum of them is larger than
 * all tensors and a row. */
uint64_t fmt_speed_tensor_bytes(const struct fmt_estimate *e, const struct fmt_view_tensor *t, uint64_t n_bytes);

struct fmt_step {
	uint64_t weights;
	uint64_t cache;    /* keys and values: read */
	uint64_t state;    /* read and written */
	uint64_t total;
};

/* Bytes that the token after o->context others moves. Windows are kept to (FMT_KEEP_IDEAL), whatever o->keep says.
 * weights  the sum of fmt_speed_tensor_bytes
 * returns false with *err set as fmt_estimate_cache does */
bool fmt_speed_step(const struct fmt_estimate *e, uint64_t weights, const struct fmt_cache_opts *o, struct fmt_step *s,
                    struct fmt_err *err);

struct fmt_prompt {
	double linear;    /* operations: two per weight of the layers that a token passes, times tokens */
	double attention; /* two per element of queries with keys, and of scores with values, for each pair of tokens */
	double output;    /* the output matrix, for the last token */
	double total;
};

/* Floating-point operations of a prompt of n tokens of one sequence, which are read at once. The recurrences of state
 * spaces and linear attention themselves are left out, so that the bound stays one. e->layers_known is needed. */
void fmt_speed_prompt(const struct fmt_estimate *e, const struct fmt_view *v, uint64_t n, struct fmt_prompt *p);

#endif
