/* What of a checkpoint is quantized, summed over the matrices of its view. */
#include <string.h>

#include "view_impl.h"

static void count_part(struct fmt_view_quantized *q, const struct packed *m)
{
	if (!q->n_elems || m->bits < q->least_bits)
		q->least_bits = m->bits;
	if (m->bits > q->most_bits)
		q->most_bits = m->bits;
	if (!q->n_elems || m->group < q->least_group)
		q->least_group = m->group;
	if (m->group > q->most_group)
		q->most_group = m->group;
	q->ordered = q->ordered || m->list;
	q->n_elems += m->rows * m->cols;
	q->n_bytes += m->n_bytes;
}

bool fmt_view_quantized(const struct fmt_view *v, struct fmt_view_quantized *q)
{
	static const struct packed mxfp4 = { .bits = 4, .group = 32 };

	*q = (struct fmt_view_quantized){ .method = json_str(json_get(v->impl->settings, "quant_method")) };
	if (!q->method.n && v->impl->scheme)
		q->method = (struct fmt_str){ v->impl->scheme->method, strlen(v->impl->scheme->method) };
	for (uint64_t i = 0; v->from_dir && i < v->n_tensors; i++) {
		const struct view_source *s = &v->impl->sources[i];
		const struct fmt_view_tensor *t = &v->tensors[i];

		if (s->exponents) {
			count_part(q, &mxfp4);
			q->n_elems += t->n_elems; /* it has no rows */
			q->n_bytes += t->n_bytes;
		} else if (s->packed) {
			for (uint64_t k = 0; k < s->n_parts; k++)
				count_part(q, s->packed[k].m);
		} else if (s->tensor) {
			q->n_left += t->n_elems;
			q->left_bytes += t->n_bytes;
		}
	}
	return q->n_elems != 0;
}
