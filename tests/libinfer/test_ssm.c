/* Recurrent layers against their formulas in double; and the same bits however tokens are split into batches, for any number of
 * threads, and again after a reset. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "elementary.h"
#include "op.h"

/* Widths that are no multiple of any vector. */
enum { T = 9, HEADS = 6, GROUPS = 3, HEAD = 7, INNER = HEADS * HEAD, N = 11, KERNEL = 4, CHANNELS = INNER + 2 * GROUPS * N };

static uint64_t seed = 1;

static void fill(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		x[i] = (float)((int32_t)(seed >> 32) / 2147483648.0);
	}
}

static void assert_near(const float *got, const double *want, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(fabs((double)got[i] - want[i]) <= 2e-6 * (1 + fabs(want[i]))))
			fail_msg("element %zu is %.9g, not %.9g", i, (double)got[i], want[i]);
}

/* A run on a hand-made model of one recurrent layer. */
struct rig {
	struct infer_model model;
	struct infer_layer layer;
	struct infer_run run;
	float scratch[8 * 32];
	struct fmt_err err;
};

/* like: heads, groups and what else is not a size */
static void rig_init(struct rig *g, unsigned n_threads, struct infer_ssm like)
{
	memset(g, 0, sizeof *g);
	g->layer.recurrent = true;
	g->model = (struct infer_model){ .n_layers = 1, .d_model = INNER, .eps = 1e-5f, .layers = &g->layer };
	g->model.ssm = like;
	g->model.ssm.inner = INNER;
	g->model.ssm.state = N;
	g->model.ssm.kernel = KERNEL;
	g->run = (struct infer_run){ .model = &g->model, .n_batch = T, .scratch = g->scratch, .scratch_elems = 32 };
	g->run.pool = n_threads ? quant_pool_create(n_threads) : NULL;
	assert_true(infer_kv_init(&g->run.kv, &g->model, 1, &g->err));
	assert_int_equal(g->run.kv.n_bytes, ((KERNEL - 1) * infer_conv_width(&g->model.ssm) + INNER * N) * sizeof(float));
}

static void rig_finish(struct rig *g)
{
	infer_kv_finish(&g->run.kv);
	quant_pool_destroy(g->run.pool);
}

static struct infer_w weight(const float *w, size_t rows, size_t cols)
{
	return (struct infer_w){ .rows = rows, .cols = cols, .f32 = w };
}

static double silu(double x)
{
	return x / (1 + exp(-x));
}

/* Inputs of every operation here, and what they make of n tokens from t on. */
struct inputs {
	float x[T * CHANNELS], z[T * INNER], step[T * INNER], bc[T * 2 * N], conv[CHANNELS * KERNEL], conv_bias[CHANNELS];
	float a[INNER * N], d[INNER], bias[HEADS], norm[INNER];
};

static void fill_inputs(struct inputs *s)
{
	fill((float *)s, sizeof *s / sizeof(float));
	for (size_t i = 0; i < INNER * N; i++)
		s->a[i] = -1 - s->a[i]; /* A is negative */
}

typedef void some_fn(struct rig *g, const struct inputs *s, uint32_t t, float *y);

static void conv_some(struct rig *g, const struct inputs *s, uint32_t t, float *y)
{
	struct infer_w w = weight(s->conv, CHANNELS, KERNEL);

	w.bias = s->conv_bias;
	op_conv(&g->run, y + t * CHANNELS, s->x + t * CHANNELS, &w);
}

static void selective_some(struct rig *g, const struct inputs *s, uint32_t t, float *y)
{
	struct infer_w a = weight(s->a, INNER, N), d = weight(s->d, 1, INNER);

	op_selective_scan(&g->run, y + t * INNER, s->x + t * INNER, s->z + t * INNER, s->step + t * INNER, s->bc + t * 2 * N, &a, &d);
}

static void ssd_some(struct rig *g, const struct inputs *s, uint32_t t, float *y)
{
	struct infer_w a = weight(s->a, HEADS, 1), d = weight(s->d, HEADS, 1), bias = weight(s->bias, 1, HEADS);

	op_ssd_scan(&g->run, y + t * INNER, s->x + t * CHANNELS, s->step + t * HEADS, &a, &d, &bias);
}

static void delta_some(struct rig *g, const struct inputs *s, uint32_t t, float *y)
{
	struct infer_w a = weight(s->a, 1, HEADS), bias = weight(s->bias, 1, HEADS);

	op_delta_rule(&g->run, y + t * INNER, s->x + t * CHANNELS, s->step + t * HEADS, s->z + t * HEADS, &a, &bias);
}

/* All at once, whose result is in y; then in batches, with several numbers of threads, and twice with a reset between. */
static void run_all_ways(some_fn *fn, const struct inputs *s, float *y, size_t n, struct infer_ssm like)
{
	static const uint32_t cuts[][T] = { { T }, { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, { 2, 3, 4 }, { 5, 1, 3 } };
	static float again[T * CHANNELS];
	static struct rig g;

	for (unsigned n_threads = 0; n_threads <= 5; n_threads++)
		for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
			rig_init(&g, n_threads, like);
			for (int round = 0; round < 2; round++) {
				bool first = !n_threads && !c && !round;

				infer_kv_reset(&g.run.kv);
				for (uint32_t i = 0, t = 0; t < T; t += cuts[c][i++]) {
					g.run.n_tok = cuts[c][i];
					fn(&g, s, t, first ? y : again);
				}
				if (!first)
					assert_memory_equal(again, y, n * sizeof *y);
			}
			rig_finish(&g);
		}
}

static void convolution_is_its_formula(void **state)
{
	static struct inputs s;
	static float y[T * CHANNELS];
	static double want[T * CHANNELS];

	(void)state;
	fill_inputs(&s);
	run_all_ways(conv_some, &s, y, T * CHANNELS, (struct infer_ssm){ .heads = HEADS, .groups = GROUPS });
	for (int t = 0; t < T; t++)
		for (int c = 0; c < CHANNELS; c++) {
			double sum = s.conv_bias[c];

			for (int j = 0; j < KERNEL; j++)
				if (t + j >= KERNEL - 1)
					sum += (double)s.x[(t + j - KERNEL + 1) * CHANNELS + c] * s.conv[c * KERNEL + j];
			want[t * CHANNELS + c] = silu(sum);
		}
	assert_near(y, want, T * CHANNELS);
}

static void selective_scan_is_its_formula(void **state)
{
	static struct inputs s;
	static float y[T * INNER];
	static double want[T * INNER];

	(void)state;
	fill_inputs(&s);
	run_all_ways(selective_some, &s, y, T * INNER, (struct infer_ssm){ .heads = 0, .groups = 0 });
	for (int i = 0; i < INNER; i++) {
		double h[N] = { 0 };

		for (int t = 0; t < T; t++) {
			double x = s.x[t * INNER + i], step = log1p(exp(s.step[t * INNER + i])), sum = s.d[i] * x;

			for (int n = 0; n < N; n++) {
				h[n] = exp(step * s.a[i * N + n]) * h[n] + step * s.bc[t * 2 * N + n] * x;
				sum += h[n] * s.bc[t * 2 * N + N + n];
			}
			want[t * INNER + i] = sum * silu(s.z[t * INNER + i]);
		}
	}
	assert_near(y, want, T * INNER);
}

static void check_ssd_scan(float least, float most)
{
	static struct inputs s;
	static float y[T * INNER];
	static double want[T * INNER];

	fill_inputs(&s);
	run_all_ways(ssd_some, &s, y, T * INNER, (struct infer_ssm){ .heads = HEADS, .groups = GROUPS, .step_least = least, .step_most = most });
	for (int i = 0; i < INNER; i++) {
		int head = i / HEAD, group = head / (HEADS / GROUPS);
		double h[N] = { 0 };

		for (int t = 0; t < T; t++) {
			const float *b = s.x + t * CHANNELS + INNER + group * N, *c = b + GROUPS * N;
			double x = s.x[t * CHANNELS + i], step = log1p(exp((double)s.step[t * HEADS + head] + s.bias[head]));

			step = fmax(step, least);
			step = most > 0 ? fmin(step, most) : step;
			want[t * INNER + i] = s.d[head] * x;
			for (int n = 0; n < N; n++) {
				h[n] = exp(step * s.a[head]) * h[n] + step * b[n] * x;
				want[t * INNER + i] += h[n] * c[n];
			}
		}
	}
	assert_near(y, want, T * INNER);
}

static void ssd_scan_is_its_formula(void **state)
{
	(void)state;
	check_ssd_scan(0, 0);
	check_ssd_scan(0.6f, 0);
	check_ssd_scan(0, 0.8f);
	check_ssd_scan(0.6f, 0.8f);
}

static double length(const float *x)
{
	double sum = 1e-6;

	for (int n = 0; n < N; n++)
		sum += (double)x[n] * x[n];
	return sqrt(sum);
}

static void check_delta_rule(bool in_turn)
{
	static struct inputs s;
	static float y[T * INNER];
	double want[T * INNER] = { 0 };

	fill_inputs(&s);
	run_all_ways(delta_some, &s, y, T * INNER, (struct infer_ssm){ .heads = HEADS, .groups = GROUPS, .in_turn = in_turn });
	for (int i = 0; i < INNER; i++) {
		int head = i / HEAD, group = in_turn ? head % GROUPS : head / (HEADS / GROUPS);
		double h[N] = { 0 };

		for (int t = 0; t < T; t++) {
			const float *q = s.x + t * CHANNELS + group * N, *k = q + GROUPS * N;
			double change = s.x[t * CHANNELS + 2 * GROUPS * N + i], *out = &want[t * INNER + i];

			for (int n = 0; n < N; n++) {
				h[n] *= exp(s.a[head] * log1p(exp((double)s.step[t * HEADS + head] + s.bias[head])));
				change -= h[n] * k[n] / length(k);
			}
			change /= 1 + exp(-(double)s.z[t * HEADS + head]);
			for (int n = 0; n < N; n++) {
				h[n] += change * k[n] / length(k);
				*out += h[n] * q[n] / length(q) / sqrt(N);
			}
		}
	}
	assert_near(y, want, T * INNER);
}

static void delta_rule_is_its_formula(void **state)
{
	(void)state;
	check_delta_rule(false);
	check_delta_rule(true);
}

static void gated_norm_is_of_each_group(void **state)
{
	enum { GROUP = INNER / GROUPS };
	static struct inputs s;
	static struct rig g;
	static float y[T * INNER];
	static double want[T * INNER];
	struct infer_w w = weight(s.norm, GROUPS, GROUP);

	(void)state;
	fill_inputs(&s);
	memcpy(y, s.x, sizeof y);
	for (int at = 0; at < T * INNER; at += GROUP) {
		double sum = 0;

		for (int i = at; i < at + GROUP; i++) {
			want[i] = y[i] * silu(s.z[i]);
			sum += want[i] * want[i];
		}
		for (int i = at; i < at + GROUP; i++)
			want[i] *= s.norm[i % INNER] / sqrt(sum / GROUP + 1e-5);
	}
	rig_init(&g, 2, (struct infer_ssm){ .heads = HEADS, .groups = GROUPS });
	g.run.n_tok = T;
	op_gated_groupnorm(&g.run, y, s.z, &w);
	assert_near(y, want, T * INNER);
	rig_finish(&g);
}

static void softplus_keeps_its_digits(void **state)
{
	(void)state;
	for (double x = -87; /* below are subnormals */ x < 40; x += 0.0137) {
		double want = (float)x > 20 ? (float)x : log1p(exp((float)x));

		assert_true(fabs((double)infer_softplusf((float)x) - want) <= 1e-7 * want);
	}
	assert_true(infer_softplusf(-1000) == 0);
	assert_true(isnan(infer_softplusf(NAN)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(convolution_is_its_formula),
		cmocka_unit_test(selective_scan_is_its_formula),
		cmocka_unit_test(ssd_scan_is_its_formula),
		cmocka_unit_test(delta_rule_is_its_formula),
		cmocka_unit_test(gated_norm_is_of_each_group),
		cmocka_unit_test(softplus_keeps_its_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
