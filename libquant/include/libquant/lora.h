/* LoRA adapters beside the model whose tensors they change (arXiv:2106.09685). */
#ifndef LIBQUANT_LORA_H
#define LIBQUANT_LORA_H

#include <libfmt/view.h>

/* What one adapter does to one tensor W of the base, in this order: W becomes `whole`; W += scale B A; each row of W gets the
 * length that `magnitude` says (DoRA, arXiv:2402.09353). Shapes are those of <libfmt/view.h>, checked. */
struct quant_lora_step {
	const struct fmt_view *adapter;
	const struct fmt_view_tensor *whole, *a, *b, *magnitude; /* NULL: none; a and b are both there or neither */
	bool embedding;       /* A has a row for each row of W, B for each column */
	uint64_t rank;
	float scale;          /* alpha / rank, times what was asked for */
	struct quant_lora_step *next; /* of another adapter, after this one */
};

struct quant_lora;

/* The view outlives it. */
struct quant_lora *quant_lora_create(const struct fmt_view *base, struct fmt_err *err);
void quant_lora_destroy(struct quant_lora *l); /* NULL is fine */

/* An adapter more, after those that are there. It outlives `l`.
 * returns false with *err set: a tensor that the base does not have, shapes that do not fit, another architecture */
bool quant_lora_add(struct quant_lora *l, const struct fmt_view *adapter, float scale, struct fmt_err *err);

/* The steps for a tensor of the base; NULL: it stays as it is. `l` may be NULL. */
const struct quant_lora_step *quant_lora_steps(const struct quant_lora *l, const struct fmt_view_tensor *t);

/* quant_rows of the changed tensor. Sums run over the rank, in order. Any thread; allocates what one matrix A takes as floats. */
bool quant_lora_rows(const struct quant_lora *l, const struct fmt_view_tensor *t, uint64_t row, uint64_t n_rows, float *dst,
                     void *scratch, struct fmt_err *err);

/* All rows of an adapter's tensor as floats. returns memory to be freed; NULL with *err set */
float *quant_lora_floats(const struct fmt_view *adapter, const struct fmt_view_tensor *t, uint64_t row, uint64_t n_rows,
                         struct fmt_err *err);

#endif
