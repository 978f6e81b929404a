/* Rotary position embedding (arXiv:2104.09864). A GGUF of Llama has q and k in an order in which neighbours turn together,
 * as in the paper; most others have it as Hugging Face's code does, where the two are half a head apart. */
#include "elementary.h"
#include "op.h"

struct rotation {
	const struct infer_run *r;
	float *x;
	uint32_t n_heads;
	size_t width, from; /* of a head; where in it the elements that turn begin */
	const float *sin, *cos; /* [T, half] */
};

/* sin_t and cos_t [T, half]. The angle is rounded to float32 before sin and cos, as Hugging Face's code computes it. */
static void angles(const struct infer_run *r, const float *inv_freq, float magnitude, float *sin_t, float *cos_t)
{
	size_t half = r->model->rope.n_dims / 2;

	for (uint32_t t = 0; t < r->n_tok; t++)
		for (size_t i = 0; i < half; i++) {
			float s, c;

			infer_sincosf((float)(r->pos + t) * inv_freq[i], &s, &c);
			sin_t[t * half + i] = s * magnitude;
			cos_t[t * half + i] = c * magnitude;
		}
}

void op_rope_angles(struct infer_run *r)
{
	const struct infer_rope *rope = &r->model->rope;
	bool far = rope->inv_freq_long && r->kv.n_ctx > rope->n_ctx_short;

	angles(r, far ? rope->inv_freq_long : rope->inv_freq, far ? rope->magnitude_long : rope->magnitude, r->sin, r->cos);
	if (rope->apart_in_windows)
		angles(r, rope->inv_freq_window, 1, r->sin_window, r->cos_window);
}

/* Turns n_pairs pairs, the two elements of each `apart`, the pairs `step`. */
static void rotate(float *x, size_t n_pairs, size_t step, size_t apart, const float *sin_t, const float *cos_t)
{
	for (size_t i = 0; i < n_pairs; i++) {
		float *p = x + i * step, a = p[0], b = p[apart];

		p[0] = a * cos_t[i] - b * sin_t[i];
		p[apart] = b * cos_t[i] + a * sin_t[i];
	}
}

static void rotate_token(void *ctx, uint64_t t, unsigned worker)
{
	const struct rotation *c = ctx;
	size_t half = c->r->model->rope.n_dims / 2;
	const float *sin_t = c->sin + t * half, *cos_t = c->cos + t * half;

	(void)worker;
	for (uint32_t head = 0; head < c->n_heads; head++) {
		float *x = c->x + (t * c->n_heads + head) * c->width + c->from;

		if (c->r->model->rope.pairs == INFER_HALVES)
			rotate(x, half, 1, half, sin_t, cos_t);
		else
			rotate(x, half, 2, 1, sin_t, cos_t);
	}
}

void op_rope_part(struct infer_run *r, float *x, uint32_t n_heads, size_t width, size_t from)
{
	const struct infer_layer *l = &r->model->layers[r->layer];
	bool own = l->window && r->model->rope.apart_in_windows;
	struct rotation c = { .r = r, .x = x, .n_heads = n_heads, .width = width, .from = from,
	                      .sin = own ? r->sin_window : r->sin, .cos = own ? r->cos_window : r->cos };

	if (!l->no_rope)
		quant_pool_run(r->pool, r->n_tok, rotate_token, &c);
	op_done(r, "rope", NULL, x, r->n_tok, n_heads * width, false);
}

void op_rope(struct infer_run *r, float *x, uint32_t n_heads)
{
	op_rope_part(r, x, n_heads, r->model->d_k, 0);
}
