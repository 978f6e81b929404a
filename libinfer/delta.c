/* Adapters beside a weight: y = W x + B (A x), with W as it is stored. See bind.h. */
#include "bind.h"

#include <stdlib.h>

/* As many matrices as the weight has, of a tensor with two dimensions or a stack of experts. */
static bool has_all(const struct infer_w *w, const struct fmt_view_tensor *t)
{
	return t->n_dims == w->tensor->n_dims && (t->n_dims == 2 || t->dims[0] == w->n_stacked);
}

bool infer_delta_fits(const struct infer_w *w, const struct quant_lora_step *steps)
{
	for (const struct quant_lora_step *s = steps; s; s = s->next)
		if (s->whole || s->magnitude || s->embedding || !has_all(w, s->a) || !has_all(w, s->b))
			return false;
	/* heads of latent attention are a stack too, but their products are computed otherwise */
	return w->tensor->role != FMT_ROLE_ATTN_LATENT_K && w->tensor->role != FMT_ROLE_ATTN_LATENT_V;
}

static struct infer_w matrices(const struct infer_w *w, size_t rows, size_t cols, const struct fmt_view_tensor *t)
{
	return (struct infer_w){ .tensor = t, .n_stacked = w->n_stacked, .rows = rows, .cols = cols };
}

static bool load_floats(struct infer_w *w, const struct quant_lora_step *s, float factor, struct fmt_err *err)
{
	size_t n = w->n_stacked * w->rows * w->cols;
	float *x = quant_lora_floats(s->adapter, w->tensor, 0, w->n_stacked * w->rows, err);

	for (size_t i = 0; x && i < n; i++)
		x[i] *= factor;
	w->f32 = w->owned = x;
	return x != NULL;
}

bool infer_delta_load(struct infer_w *w, const struct quant_lora_step *steps, bool described, struct fmt_err *err)
{
	struct infer_delta **at = &w->deltas;

	for (const struct quant_lora_step *s = steps; s; s = s->next, at = &(*at)->next) {
		struct infer_delta *d = calloc(1, sizeof *d);

		*at = d;
		if (!d)
			return fmt_fail_nomem(err, sizeof *d);
		d->a = matrices(w, (size_t)s->rank, w->cols, s->a);
		d->b = matrices(w, w->rows, (size_t)s->rank, s->b);
		w->copied_bytes += (s->a->n_elems + s->b->n_elems) * sizeof(float);
		if (!described && (!load_floats(&d->a, s, 1, err) || !load_floats(&d->b, s, s->scale, err)))
			return false;
	}
	return true;
}

void infer_delta_free(struct infer_delta *d)
{
	for (struct infer_delta *next; d; d = next) {
		next = d->next;
		free(d->a.owned);
		free(d->b.owned);
		free(d);
	}
}
