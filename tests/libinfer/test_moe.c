/* A mixture of experts against its formula in double; and the same bits for any thread count and batch. */
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

/* Widths that are no multiple of any vector. */
enum { T = 9, D = 37, F = 21, EXPERTS = 6, USED = 3 };

static uint64_t seed = 1;

static float random_float(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (float)((int32_t)(seed >> 32) / 2147483648.0);
}

static void fill(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = random_float();
}

/* A layer of nothing but experts, and inputs. */
struct rig {
	struct infer_model model;
	struct infer_layer layer;
	float router[EXPERTS * D], gate[EXPERTS * F * D], up[EXPERTS * F * D], down[EXPERTS * D * F];
	float x[T * D];
};

static void rig_init(struct rig *g, bool normalise)
{
	memset(g, 0, sizeof *g);
	g->layer = (struct infer_layer){ .n_head = 1, .n_head_kv = 1, .experts = true };
	g->model = (struct infer_model){ .n_layers = 1, .d_model = D, .d_k = 2, .d_v = 2, .n_ctx_train = T, .layers = &g->layer };
	g->model.moe = (struct infer_moe){ .n_experts = EXPERTS, .n_used = USED, .d_ff = F, .d_in = D, .normalise = normalise };
	fill(g->router, EXPERTS * D);
	fill(g->gate, EXPERTS * F * D);
	fill(g->up, EXPERTS * F * D);
	fill(g->down, EXPERTS * D * F);
	fill(g->x, T * D);
}

static struct infer_w stack(const float *w, size_t n, size_t rows, size_t cols)
{
	return (struct infer_w){ .n_stacked = n, .rows = rows, .cols = cols, .f32 = w };
}

/* y [T, D] = 1 + the mixture of all tokens, `batch` at a time. The run stays open for those who look into it. */
static struct infer_run *mixture(struct rig *g, unsigned n_threads, uint32_t batch, float *y)
{
	struct infer_w router = stack(g->router, 1, EXPERTS, D), gate = stack(g->gate, EXPERTS, F, D);
	struct infer_w up = stack(g->up, EXPERTS, F, D), down = stack(g->down, EXPERTS, D, F);
	struct fmt_err err = { 0 };
	struct infer_run *r;

	g->model.pool = n_threads ? quant_pool_create(n_threads) : NULL;
	r = infer_run_create(&g->model, T, batch, &err);
	assert_non_null(r);
	for (uint32_t t = 0; t < T; t += r->n_tok) {
		r->n_tok = T - t < batch ? T - t : batch;
		for (size_t i = 0; i < r->n_tok * D; i++)
			y[t * D + i] = 1;
		op_route(r, g->x + t * D, &router);
		op_experts_add(r, y + t * D, g->x + t * D, &gate, &up, &down);
	}
	return r;
}

static void close_run(struct infer_run *r)
{
	quant_pool_destroy(r->pool);
	infer_run_destroy(r);
}

static double dot(const float *a, const float *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)a[i] * b[i];
	return sum;
}

/* weight * one expert's block, added to y [D]. */
static void add_expert(const struct rig *g, size_t e, const float *x, double weight, double *y)
{
	float h[F];

	for (size_t f = 0; f < F; f++) {
		double a = dot(g->gate + (e * F + f) * D, x, D);

		h[f] = (float)(a / (1 + exp(-a)) * dot(g->up + (e * F + f) * D, x, D));
	}
	for (size_t d = 0; d < D; d++)
		y[d] += weight * dot(g->down + (e * D + d) * F, h, F);
}

static void formula(const struct rig *g, const float *x, double *y)
{
	double p[EXPERTS], sum = 0, all = 0;
	bool chosen[EXPERTS] = { false };

	for (size_t e = 0; e < EXPERTS; e++)
		sum += p[e] = exp(dot(g->router + e * D, x, D));
	for (size_t used = 0; used < USED; used++) {
		size_t best = EXPERTS;

		for (size_t e = 0; e < EXPERTS; e++)
			if (!chosen[e] && (best == EXPERTS || p[e] > p[best]))
				best = e;
		chosen[best] = true;
		all += p[best] / sum;
	}
	for (size_t d = 0; d < D; d++)
		y[d] = 1;
	for (size_t e = 0; e < EXPERTS; e++)
		if (chosen[e])
			add_expert(g, e, x, p[e] / sum / (g->model.moe.normalise ? all : 1), y);
}

static void a_mixture_equals_its_formula(void **state)
{
	static struct rig g;

	(void)state;
	for (int normalise = 0; normalise < 2; normalise++) {
		float y[T * D];

		rig_init(&g, normalise);
		close_run(mixture(&g, 0, T, y));
		for (size_t t = 0; t < T; t++) {
			double want[D];

			formula(&g, g.x + t * D, want);
			for (size_t d = 0; d < D; d++)
				if (!(fabs((double)y[t * D + d] - want[d]) <= 1e-4))
					fail_msg("token %zu, element %zu is %.9g, not %.9g", t, d, (double)y[t * D + d], want[d]);
		}
	}
}

static void threads_and_batches_change_nothing(void **state)
{
	static struct rig g;
	float want[T * D], y[T * D];

	(void)state;
	rig_init(&g, true);
	close_run(mixture(&g, 0, T, want));
	for (unsigned n_threads = 0; n_threads < 4; n_threads++)
		for (uint32_t batch = 1; batch <= T; batch++) {
			close_run(mixture(&g, n_threads, batch, y));
			assert_memory_equal(y, want, sizeof y);
		}
}

/* Of equal experts the first are taken; those that nobody chose have no rows. */
static void equal_experts_go_by_number(void **state)
{
	static struct rig g;
	float y[T * D];
	struct infer_run *r;

	(void)state;
	rig_init(&g, true);
	memset(g.router, 0, sizeof g.router);
	r = mixture(&g, 2, T, y);
	assert_int_equal(r->route.n_groups, USED);
	for (uint32_t i = 0; i < USED; i++) {
		assert_int_equal(r->route.groups[i].matrix, i);
		assert_int_equal(r->route.groups[i].first, i * T);
		assert_int_equal(r->route.groups[i].n, T);
	}
	for (uint32_t i = 0; i < T * USED; i++) {
		assert_int_equal(r->route.expert[i], i % USED);
		assert_int_equal(r->route.row[i], i % USED * T + i / USED);
		assert_true(r->route.weight[i] == (float)(1.0 / USED));
	}
	close_run(r);
}

/* DeepSeek's way to choose: groups of two experts by their best or their sum, with a correction that counts in the choice only.
 * Of all sets of experts that lie in the two best groups it is the one with the largest sum of scores. */
static void groups_and_corrections_choose(void **state)
{
	enum { GROUPS = 3, SIZE = EXPERTS / GROUPS };
	static const float correction[EXPERTS] = { 0.2f, -0.5f, 0.1f, 0.3f, -0.1f, 0.05f };
	static struct rig g;
	float y[T * D];

	(void)state;
	for (unsigned way = 0; way < 4; way++) {
		bool sigmoid = way & 1, sum = way & 2;
		struct infer_w router, bias = { .f32 = sigmoid ? correction : NULL };
		struct infer_run *r;

		rig_init(&g, sigmoid);
		g.model.moe.sigmoid = sigmoid;
		g.model.moe.n_groups = GROUPS;
		g.model.moe.n_groups_used = 2;
		g.model.moe.group_top = sum ? 2 : 1;
		g.model.moe.scale = 2.5f;
		r = mixture(&g, 0, T, y);
		router = stack(g.router, 1, EXPERTS, D);
		r->n_tok = T;
		op_route_corrected(r, g.x, &router, &bias);
		for (size_t t = 0; t < T; t++) {
			double p[EXPERTS], s[EXPERTS], group[GROUPS], best = -1e9, all = 0, weights = 0;
			size_t worst = 0;
			unsigned set = 0;

			for (size_t e = 0; e < EXPERTS; e++)
				all += p[e] = exp(dot(g.router + e * D, g.x + t * D, D));
			for (size_t e = 0; e < EXPERTS; e++) {
				p[e] = sigmoid ? p[e] / (1 + p[e]) : p[e] / all;
				s[e] = p[e] + (sigmoid ? (double)correction[e] : 0);
			}
			for (size_t k = 0; k < GROUPS; k++) {
				group[k] = sum ? s[2 * k] + s[2 * k + 1] : fmax(s[2 * k], s[2 * k + 1]);
				worst = group[k] < group[worst] ? k : worst;
			}
			for (unsigned m = 0; m < 1 << EXPERTS; m++) {
				double of_set = 0;
				size_t n = 0;

				for (size_t e = 0; e < EXPERTS; e++)
					if (m >> e & 1) {
						of_set += s[e];
						n += e / SIZE == worst ? EXPERTS : 1; /* not this one */
					}
				if (n == USED && of_set > best) {
					best = of_set;
					set = m;
				}
			}
			for (size_t e = 0; e < EXPERTS; e++)
				weights += set >> e & 1 ? p[e] : 0;
			for (size_t i = t * USED, e = 0; i < (t + 1) * USED; i++, e++) {
				while (!(set >> e & 1))
					e++;
				assert_int_equal(r->route.expert[i], e);
				assert_true(fabs((double)r->route.weight[i] - 2.5 * p[e] / (sigmoid ? weights : 1)) < 1e-5);
			}
		}
		close_run(r);
	}
}

/* A router that says nothing sensible: every token still has different experts, so that no group is longer than the batch. */
static void routers_of_nan_choose_different_experts(void **state)
{
	static const size_t nan_experts[][2] = { { 0, EXPERTS }, { 2, 4 }, { EXPERTS - 1, EXPERTS } };
	static struct rig g;
	float y[T * D];
	struct infer_run *r;

	(void)state;
	for (size_t k = 0; k < sizeof nan_experts / sizeof *nan_experts; k++) {
		rig_init(&g, true);
		for (size_t i = nan_experts[k][0] * D; i < nan_experts[k][1] * D; i++)
			g.router[i] = NAN;
		r = mixture(&g, 2, T, y);
		for (uint32_t i = 0; i < T * USED; i++)
			assert_true(r->route.expert[i] < EXPERTS && (i % USED == 0 || r->route.expert[i] > r->route.expert[i - 1]));
		for (uint32_t i = 0; i < r->route.n_groups; i++)
			assert_true(r->route.groups[i].n <= T);
		close_run(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mixture_equals_its_formula),
		cmocka_unit_test(threads_and_batches_change_nothing),
		cmocka_unit_test(equal_experts_go_by_number),
		cmocka_unit_test(groups_and_corrections_choose),
		cmocka_unit_test(routers_of_nan_choose_different_experts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
