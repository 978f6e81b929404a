/* Latent attention over the narrow vectors equals attention over the keys and values that they stand for, in double; and the
 * bits are the same for any thread count and batch. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "op.h"

/* Widths that are no multiple of any vector; heads that are no multiple of those that a worker takes. */
enum { T = 11, H = 10, N = 5, R = 6, V = 7, C = 21, DK = N + R, KEPT = C + R };

static uint64_t seed = 1;

static void fill(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		x[i] = (float)((int32_t)(seed >> 32) / 2147483648.0);
	}
}

struct rig {
	struct infer_model model;
	struct infer_layer layer;
	float keys[H * C * N], values[H * V * C]; /* as attn_k_b and attn_v_b have them */
	float q[T * H * DK], kv[T * KEPT];
};

static void rig_init(struct rig *g)
{
	memset(g, 0, sizeof *g);
	g->layer = (struct infer_layer){ .n_head = H, .n_head_kv = 1 };
	g->model = (struct infer_model){ .n_layers = 1, .d_model = 4, .d_k = DK, .d_v = V, .n_ctx_train = T, .layers = &g->layer,
	                                 .attn_scale = 0.9f, .latent = { .width = C, .d_nope = N } };
	fill(g->keys, H * C * N);
	fill(g->values, H * V * C);
	fill(g->q, T * H * DK);
	fill(g->kv, T * KEPT);
}

static void attend(struct rig *g, unsigned n_threads, uint32_t batch, float *y /* [T, H, V] */)
{
	struct infer_w keys = { .n_stacked = H, .rows = C, .cols = N, .f32 = g->keys };
	struct infer_w values = { .n_stacked = H, .rows = V, .cols = C, .f32 = g->values };
	struct fmt_err err = { 0 };
	struct infer_run *r;

	g->model.pool = n_threads ? quant_pool_create(n_threads) : NULL;
	r = infer_run_create(&g->model, T, batch, &err);
	assert_non_null(r);
	for (uint32_t t = 0; t < T; t += r->n_tok) {
		r->pos = t;
		r->n_tok = T - t < batch ? T - t : batch;
		op_latent_queries(r, r->latent_q, g->q + t * H * DK, &keys);
		op_attend_latent(r, r->latent_y, r->latent_q, g->kv + t * KEPT);
		op_linear_heads(r, y + t * H * V, V, r->latent_y, C, &values);
	}
	infer_run_destroy(r);
	quant_pool_destroy(g->model.pool);
}

/* The score of a head of token t with token s: its key is made of what was kept of s. */
static double score(const struct rig *g, size_t t, size_t s, size_t head)
{
	const float *q = g->q + (t * H + head) * DK, *kept = g->kv + s * KEPT;
	double sum = 0;

	for (size_t i = 0; i < N; i++) {
		double key = 0;

		for (size_t c = 0; c < C; c++)
			key += (double)g->keys[(head * C + c) * N + i] * kept[c];
		sum += key * q[i];
	}
	for (size_t i = 0; i < R; i++)
		sum += (double)q[N + i] * kept[C + i];
	return sum * (double)g->model.attn_scale;
}

static double value(const struct rig *g, size_t s, size_t head, size_t i)
{
	double sum = 0;

	for (size_t c = 0; c < C; c++)
		sum += (double)g->values[(head * V + i) * C + c] * g->kv[s * KEPT + c];
	return sum;
}

static void it_equals_attention_to_whole_keys(void **state)
{
	static struct rig g;
	float y[T * H * V];

	(void)state;
	rig_init(&g);
	attend(&g, 2, 4, y);
	for (size_t t = 0; t < T; t++)
		for (size_t head = 0; head < H; head++) {
			double p[T], all = 0;

			for (size_t s = 0; s <= t; s++)
				all += p[s] = exp(score(&g, t, s, head));
			for (size_t i = 0; i < V; i++) {
				double want = 0, got = (double)y[(t * H + head) * V + i];

				for (size_t s = 0; s <= t; s++)
					want += p[s] / all * value(&g, s, head, i);
				if (!(fabs(got - want) <= 1e-5))
					fail_msg("token %zu, head %zu, element %zu is %.9g, not %.9g", t, head, i, got, want);
			}
		}
}

static void threads_and_batches_change_nothing(void **state)
{
	static struct rig g;
	float want[T * H * V], y[T * H * V];

	(void)state;
	rig_init(&g);
	attend(&g, 0, T, want);
	for (unsigned n_threads = 0; n_threads < 4; n_threads++)
		for (uint32_t batch = 1; batch <= T; batch++) {
			attend(&g, n_threads, batch, y);
			assert_memory_equal(y, want, sizeof y);
		}
}

/* What is kept of a token is one vector and what turns, however many heads there are. */
static void the_cache_is_narrow(void **state)
{
	static struct rig g;
	struct infer_kv kv;
	struct fmt_err err = { 0 };

	(void)state;
	rig_init(&g);
	assert_int_equal(infer_cache_k(&g.model), KEPT);
	assert_int_equal(infer_cache_v(&g.model), 0);
	assert_true(infer_kv_init(&kv, &g.model, T, &err));
	assert_ptr_equal(kv.v[0], kv.k[0] + T * KEPT);
	infer_kv_finish(&kv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_equals_attention_to_whole_keys),
		cmocka_unit_test(threads_and_batches_change_nothing),
		cmocka_unit_test(the_cache_is_narrow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
