/* The operations against their formulas in double; and the same bits for any CPU level, thread count and batch. */
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
enum { T = 7, D = 75, ROWS = 70, HEADS = 6, KV_HEADS = 3, DK = 10, DV = 14, CTX = 16, SCRATCH = 4096 };

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

static void assert_near(const float *got, const double *want, size_t n, double tolerance)
{
	for (size_t i = 0; i < n; i++)
		if (!(fabs((double)got[i] - want[i]) <= tolerance))
			fail_msg("element %zu is %.9g, not %.9g", i, (double)got[i], want[i]);
}

/* A run on a hand-made model of one layer. */
struct rig {
	struct infer_model model;
	struct infer_layer layer;
	struct infer_run run;
	float scratch[8 * SCRATCH], u[T * ROWS], sin[T * DK], cos[T * DK], inv_freq[DK / 2];
	struct fmt_err err;
};

static void rig_init(struct rig *g, unsigned n_threads)
{
	memset(g, 0, sizeof *g);
	g->layer = (struct infer_layer){ .n_head = HEADS, .n_head_kv = KV_HEADS };
	g->model = (struct infer_model){ .n_layers = 1, .d_model = D, .d_k = DK, .d_v = DV, .eps = 1e-5f, .layers = &g->layer };
	g->model.attn_scale = (float)(1 / sqrt(DK));
	g->model.rope = (struct infer_rope){ .n_dims = DK - 2, .inv_freq = g->inv_freq, .magnitude = 1 };
	g->run = (struct infer_run){ .model = &g->model, .kernels = infer_kernels_choose(), .n_batch = T, .n_tok = T };
	g->run.pool = n_threads ? quant_pool_create(n_threads) : NULL;
	g->run.scratch = g->scratch;
	g->run.scratch_elems = SCRATCH;
	g->run.u = g->u;
	g->run.sin = g->sin;
	g->run.cos = g->cos;
	assert_true(infer_kv_init(&g->run.kv, &g->model, CTX, &g->err));
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

/* Sixteen partial sums folded in halves, as dot.h defines it. */
static float dot_as_defined(const float *a, const float *b, size_t n)
{
	float s[16] = { 0 };

	for (size_t i = 0; i < n; i++) {
		float product = a[i] * b[i];

		s[i % 16] += product;
	}
	for (size_t half = 8; half > 0; half /= 2)
		for (size_t l = 0; l < half; l++)
			s[l] += s[l + half];
	return s[0];
}

static void every_level_computes_the_definition(void **state)
{
	enum { MAX_N = 100, MAX_ROWS = 9, MAX_X = 9 };
	static const size_t lengths[] = { 0, 1, 3, 15, 16, 17, 31, 32, 64, 65, 100 };
	static float w[MAX_ROWS * MAX_N], x[MAX_X * MAX_N], y[MAX_X * MAX_ROWS];
	size_t n_levels;
	const struct infer_kernels *const *levels = infer_kernels_list(&n_levels);

	(void)state;
	fill(w, MAX_ROWS * MAX_N);
	fill(x, MAX_X * MAX_N);
	for (size_t level = 0; level < n_levels; level++)
		for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
			for (size_t rows = 0; rows <= MAX_ROWS; rows++)
				for (size_t n_x = 0; n_x <= MAX_X; n_x += 1 + n_x / 3) {
					size_t n = lengths[l];

					levels[level]->tile(w, MAX_N, rows, x, MAX_N, n_x, n, y, MAX_ROWS);
					for (size_t t = 0; t < n_x; t++)
						for (size_t r = 0; r < rows; r++) {
							float want = dot_as_defined(w + r * MAX_N, x + t * MAX_N, n);

							assert_memory_equal(&y[t * MAX_ROWS + r], &want, sizeof want);
						}
				}
}

static void every_level_mixes_alike(void **state)
{
	enum { N_V = 13, MAX_N = 150, N_A = 3 };
	static const size_t lengths[] = { 0, 1, 8, 16, 17, 64, 65, 80, 128, 150 };
	static float a[N_A * N_V], v[N_V * MAX_N], y[N_A * MAX_N];
	size_t n_levels;
	const struct infer_kernels *const *levels = infer_kernels_list(&n_levels);

	(void)state;
	fill(a, N_A * N_V);
	fill(v, N_V * MAX_N);
	for (size_t level = 0; level < n_levels; level++)
		for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
			levels[level]->mix(a, N_V, N_A, v, MAX_N, N_V, lengths[l], y, MAX_N);
			for (size_t r = 0; r < N_A; r++)
				for (size_t d = 0; d < lengths[l]; d++) {
					float want = 0;

					for (size_t p = 0; p < N_V; p++) {
						float product = a[r * N_V + p] * v[p * MAX_N + d];

						want += product;
					}
					assert_memory_equal(&y[r * MAX_N + d], &want, sizeof want);
				}
		}
}

static void rmsnorm_is_its_formula(void **state)
{
	static struct rig g;
	float x[T * D], w[D], y[T * D];
	double want[T * D];
	struct infer_w weights = weight(w, 1, D);

	(void)state;
	rig_init(&g, 2);
	fill(x, T * D);
	fill(w, D);
	memset(x, 0, D * sizeof *x); /* a row of zeros: eps keeps it finite */
	for (size_t t = 0; t < T; t++) {
		double sum = 0;

		for (size_t i = 0; i < D; i++)
			sum += (double)x[t * D + i] * (double)x[t * D + i];
		for (size_t i = 0; i < D; i++)
			want[t * D + i] = (double)x[t * D + i] / sqrt(sum / D + (double)g.model.eps) * (double)w[i];
	}
	op_rmsnorm(&g.run, y, x, &weights);
	assert_near(y, want, T * D, 5e-7);
	op_rmsnorm(&g.run, x, x, &weights);
	assert_memory_equal(x, y, sizeof y);
	rig_finish(&g);
}

/* w as bytes of a type, and as the floats that the type decodes them to. */
static struct infer_w encoded(enum fmt_type type, const float *w, size_t rows, size_t cols, uint8_t *bytes,
                              float *decoded)
{
	const struct quant_type *q = quant_type(type);
	uint64_t row_bytes;

	assert_true(fmt_row_bytes(type, cols, &row_bytes));
	for (size_t r = 0; r < rows; r++) {
		q->encode(w + r * cols, NULL, QUANT_NORMAL, bytes + r * row_bytes, cols);
		q->decode(bytes + r * row_bytes, decoded + r * cols, cols);
	}
	return (struct infer_w){ .rows = rows, .cols = cols, .data = bytes, .row_bytes = (size_t)row_bytes,
		                 .decode = q->decode };
}

static void linear_is_its_formula_for_any_type(void **state)
{
	static const enum fmt_type types[] = { FMT_F32, FMT_F16, FMT_BF16, FMT_Q8_0 };
	enum { COLS = 96 };
	static struct rig g;
	static float w[ROWS * COLS], x[T * COLS], y[T * ROWS], first[T * ROWS], bias[ROWS], decoded[ROWS * COLS];
	static double want[T * ROWS];
	static uint8_t bytes[ROWS * COLS * 4];

	(void)state;
	rig_init(&g, 3);
	fill(w, ROWS * COLS);
	fill(x, T * COLS);
	fill(bias, ROWS);
	fill(first, T * ROWS);
	for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
		struct infer_w weights = encoded(types[k], w, ROWS, COLS, bytes, decoded);

		weights.bias = bias;
		for (size_t t = 0; t < T; t++)
			for (size_t r = 0; r < ROWS; r++) {
				double sum = (double)bias[r];

				for (size_t i = 0; i < COLS; i++)
					sum += (double)decoded[r * COLS + i] * (double)x[t * COLS + i];
				want[t * ROWS + r] = sum;
			}
		op_linear(&g.run, y, x, &weights);
		assert_near(y, want, T * ROWS, 5e-6);
		memcpy(y, first, sizeof y);
		for (size_t i = 0; i < T * ROWS; i++)
			want[i] += (double)first[i];
		op_linear_add(&g.run, y, x, &weights);
		assert_near(y, want, T * ROWS, 5e-6);
	}
	rig_finish(&g);
}

static void embed_picks_rows(void **state)
{
	static struct rig g;
	static float w[ROWS * 32], decoded[ROWS * 32], x[T * 32];
	static uint8_t bytes[ROWS * 34];
	const int32_t ids[T] = { 3, 0, ROWS - 1, 3, 17, 2, 1 };
	struct infer_w weights;

	(void)state;
	rig_init(&g, 0);
	fill(w, ROWS * 32);
	weights = encoded(FMT_Q8_0, w, ROWS, 32, bytes, decoded);
	g.run.ids = ids;
	for (int k = 0; k < 2; k++) {
		op_embed(&g.run, x, &weights);
		for (size_t t = 0; t < T; t++)
			assert_memory_equal(x + t * 32, decoded + ids[t] * 32, 32 * sizeof *x);
		weights = weight(decoded, ROWS, 32);
	}
	rig_finish(&g);
}

/* The last two dimensions of each head do not turn. */
static void rope_turns_pairs(void **state)
{
	enum { PAIRS = (DK - 2) / 2 };
	static struct rig g;
	float x[T * HEADS * DK];
	double want[T * HEADS * DK];

	(void)state;
	for (int halves = 0; halves < 2; halves++) {
		size_t step = halves ? 1 : 2, apart = halves ? PAIRS : 1;

		rig_init(&g, 2);
		fill(x, T * HEADS * DK);
		for (int i = 0; i < PAIRS; i++)
			g.inv_freq[i] = (float)pow(10000, -2.0 * i / (DK - 2));
		g.run.pos = 1000;
		g.model.rope.magnitude = 1.25f;
		g.model.rope.pairs = halves ? INFER_HALVES : INFER_NEIGHBOURS;
		for (size_t i = 0; i < T * HEADS * DK; i++)
			want[i] = (double)x[i];
		for (size_t row = 0; row < T * HEADS; row++)
			for (size_t i = 0; i < PAIRS; i++) {
				size_t at = row * DK + i * step;
				double angle = (double)((float)(1000 + row / HEADS) * g.inv_freq[i]);
				double c = 1.25 * cos(angle), s = 1.25 * sin(angle);

				want[at] = (double)x[at] * c - (double)x[at + apart] * s;
				want[at + apart] = (double)x[at] * s + (double)x[at + apart] * c;
			}
		op_rope_angles(&g.run);
		op_rope(&g.run, x, HEADS);
		assert_near(x, want, T * HEADS * DK, 5e-7);
		rig_finish(&g);
	}
}

/* Every head for itself; a weight that the model does not have changes nothing. */
static void headnorm_is_rmsnorm_of_heads(void **state)
{
	static const struct fmt_view_tensor there;
	static struct rig g;
	float x[T * HEADS * DK], before[T * HEADS * DK], w[DK];
	struct infer_w weight = { .rows = 1, .cols = DK, .f32 = w };
	double want[T * HEADS * DK];

	(void)state;
	rig_init(&g, 2);
	fill(x, T * HEADS * DK);
	fill(w, DK);
	memcpy(before, x, sizeof x);
	for (size_t row = 0; row < T * HEADS; row++) {
		double sum = 0;

		for (size_t i = 0; i < DK; i++)
			sum += (double)x[row * DK + i] * (double)x[row * DK + i];
		for (size_t i = 0; i < DK; i++)
			want[row * DK + i] = (double)x[row * DK + i] / sqrt(sum / DK + (double)g.model.eps) * (double)w[i];
	}
	op_headnorm(&g.run, x, HEADS, &weight);
	assert_memory_equal(x, before, sizeof x);
	weight.tensor = &there;
	op_headnorm(&g.run, x, HEADS, &weight);
	assert_near(x, want, T * HEADS * DK, 1e-6);
	rig_finish(&g);
}

/* Attention of all tokens at once, straight from the formula, in double. sinks: a score more for each head; NULL: none */
static void attention_formula(const float *q, const float *k, const float *v, size_t window, double scale, double cap,
                              const float *sinks, double *y)
{
	for (size_t t = 0; t < T; t++)
		for (size_t h = 0; h < HEADS; h++) {
			size_t kv = h / (HEADS / KV_HEADS), start = window && t + 1 > window ? t + 1 - window : 0;
			double e[T], sum = sinks ? exp((double)sinks[h]) : 0;

			for (size_t p = start; p <= t; p++) {
				double dot = 0;

				for (size_t i = 0; i < DK; i++)
					dot += (double)q[(t * HEADS + h) * DK + i] * (double)k[(p * KV_HEADS + kv) * DK + i];
				dot *= scale;
				sum += e[p] = exp(cap > 0 ? cap * tanh(dot / cap) : dot);
			}
			for (size_t i = 0; i < DV; i++) {
				double mixed = 0;

				for (size_t p = start; p <= t; p++)
					mixed += e[p] / sum * (double)v[(p * KV_HEADS + kv) * DV + i];
				y[(t * HEADS + h) * DV + i] = mixed;
			}
		}
}

struct qkv {
	float q[T * HEADS * DK], k[T * KV_HEADS * DK], v[T * KV_HEADS * DV];
};

static void fill_qkv(struct qkv *s)
{
	fill(s->q, T * HEADS * DK);
	fill(s->k, T * KV_HEADS * DK);
	fill(s->v, T * KV_HEADS * DV);
	for (size_t i = 0; i < T * HEADS * DK; i++)
		s->q[i] *= 6; /* so that the softmax is not flat */
}

/* Tokens t .. t + n - 1 of s as one batch. */
static void attend_some(struct rig *g, const struct qkv *s, uint32_t t, uint32_t n, float *y)
{
	g->run.pos = t;
	g->run.n_tok = n;
	op_attend(&g->run, y + t * HEADS * DV, s->q + t * HEADS * DK, s->k + t * KV_HEADS * DK, s->v + t * KV_HEADS * DV);
}

static void attention_is_its_formula(void **state)
{
	static struct rig g;
	static struct qkv s;
	float y[T * HEADS * DV];
	double want[T * HEADS * DV];

	(void)state;
	fill_qkv(&s);
	for (uint32_t window = 0; window < T + 2; window++) {
		rig_init(&g, 2);
		g.layer.window = window;
		attend_some(&g, &s, 0, T, y);
		attention_formula(s.q, s.k, s.v, window, 1 / sqrt(DK), 0, NULL, want);
		assert_near(y, want, T * HEADS * DV, 1e-6);
		g.model.attn_scale = 0.4f; /* a model's own, and a cap that bites */
		g.model.attn_cap = 1.5f;
		attend_some(&g, &s, 0, T, y);
		attention_formula(s.q, s.k, s.v, window, (double)0.4f, 1.5, NULL, want);
		assert_near(y, want, T * HEADS * DV, 1e-6);
		rig_finish(&g);
	}
}

/* Sinks below, among and far above the scores: the last take nearly everything. */
static void sinks_are_one_more_score(void **state)
{
	static struct rig g;
	static struct qkv s;
	float y[T * HEADS * DV], sinks[HEADS];
	struct infer_w w = weight(sinks, 1, HEADS);
	double want[T * HEADS * DV];

	(void)state;
	fill_qkv(&s);
	for (size_t h = 0; h < HEADS; h++)
		sinks[h] = (float)h * 3 - 2;
	sinks[HEADS - 1] = 40;
	for (uint32_t window = 0; window < T; window++) {
		rig_init(&g, 2);
		g.layer.window = window;
		g.run.pos = 0;
		g.run.n_tok = T;
		op_attend_sinks(&g.run, y, s.q, s.k, s.v, &w);
		attention_formula(s.q, s.k, s.v, window, 1 / sqrt(DK), 0, sinks, want);
		assert_near(y, want, T * HEADS * DV, 1e-6);
		rig_finish(&g);
	}
}

static void clamped_gate_is_its_formula(void **state)
{
	static struct rig g;
	float gate[T * D], u[T * D];
	double want[T * D];

	(void)state;
	rig_init(&g, 2);
	fill(gate, T * D);
	fill(u, T * D);
	for (size_t i = 0; i < T * D; i++) {
		double a, b;

		gate[i] *= 20; /* past both limits */
		u[i] *= 20;
		a = fmin((double)gate[i], 7);
		b = fmax(fmin((double)u[i], 7), -7);
		want[i] = a / (1 + exp(-1.702 * a)) * (b + 1);
	}
	op_clamped_mul(&g.run, gate, u, T, D);
	assert_near(gate, want, T * D, 1e-5);
	rig_finish(&g);
}

static double gelu(double x)
{
	return x / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
}

/* With a gate, and without one but with a bias. */
static void gelu_is_its_formula(void **state)
{
	static struct rig g;
	static float gate[ROWS * D], up[ROWS * D], bias[ROWS], x[T * D], y[T * ROWS], z[T * ROWS];
	double want[T * ROWS], plain[T * ROWS];
	struct infer_w w_gate = weight(gate, ROWS, D), w_up = weight(up, ROWS, D);

	(void)state;
	rig_init(&g, 2);
	fill(gate, ROWS * D);
	fill(up, ROWS * D);
	fill(bias, ROWS);
	fill(x, T * D);
	for (size_t t = 0; t < T; t++)
		for (size_t r = 0; r < ROWS; r++) {
			double a = 0, b = 0;

			for (size_t i = 0; i < D; i++) {
				a += (double)gate[r * D + i] * (double)x[t * D + i];
				b += (double)up[r * D + i] * (double)x[t * D + i];
			}
			want[t * ROWS + r] = gelu(a) * b;
			plain[t * ROWS + r] = gelu(b + (double)bias[r]);
		}
	op_geglu(&g.run, y, x, &w_gate, &w_up);
	assert_near(y, want, T * ROWS, 5e-5);
	w_up.bias = bias;
	op_gelu(&g.run, z, x, &w_up, INFER_GELU_TANH);
	assert_near(z, plain, T * ROWS, 1e-5);
	rig_finish(&g);
}

static void layernorm_is_its_formula(void **state)
{
	static struct rig g;
	float x[T * D], w[D], bias[D], y[T * D];
	double want[T * D];
	struct infer_w weights = weight(w, 1, D);

	(void)state;
	rig_init(&g, 2);
	fill(x, T * D);
	fill(w, D);
	fill(bias, D);
	for (size_t i = 0; i < D; i++)
		x[i] = 3; /* a row without variance: eps keeps it finite */
	for (int with_bias = 0; with_bias < 2; with_bias++) {
		weights.bias = with_bias ? bias : NULL;
		for (size_t t = 0; t < T; t++) {
			double mean = 0, sum = 0;

			for (size_t i = 0; i < D; i++)
				mean += (double)x[t * D + i] / D;
			for (size_t i = 0; i < D; i++)
				sum += ((double)x[t * D + i] - mean) * ((double)x[t * D + i] - mean);
			for (size_t i = 0; i < D; i++)
				want[t * D + i] = ((double)x[t * D + i] - mean) / sqrt(sum / D + (double)g.model.eps) *
				                          (double)w[i] +
				                  (with_bias ? (double)bias[i] : 0);
		}
		op_layernorm(&g.run, y, x, &weights);
		assert_near(y, want, T * D, 1e-6);
	}
	g.model.d_model = D;
	op_layernorm_bare(&g.run, y, x);
	for (size_t i = 0; i < T * D; i++)
		want[i] = (want[i] - (double)bias[i % D]) / (double)w[i % D];
	assert_near(y, want, T * D, 1e-5);
	rig_finish(&g);
}

/* A row of the weight for every head; nothing without one. */
static void heads_layernorm_has_a_row_per_head(void **state)
{
	static const struct fmt_view_tensor there;
	static struct rig g;
	float x[T * HEADS * DK], before[T * HEADS * DK], w[HEADS * DK];
	struct infer_w weights = weight(w, HEADS, DK);
	double want[T * HEADS * DK];

	(void)state;
	rig_init(&g, 2);
	fill(x, T * HEADS * DK);
	fill(w, HEADS * DK);
	memcpy(before, x, sizeof x);
	for (size_t row = 0; row < T * HEADS; row++) {
		const float *p = x + row * DK;
		double mean = 0, sum = 0;

		for (size_t i = 0; i < DK; i++)
			mean += (double)p[i] / DK;
		for (size_t i = 0; i < DK; i++)
			sum += ((double)p[i] - mean) * ((double)p[i] - mean);
		for (size_t i = 0; i < DK; i++)
			want[row * DK + i] = ((double)p[i] - mean) / sqrt(sum / DK + (double)g.model.eps) *
			                     (double)w[row % HEADS * DK + i];
	}
	op_heads_layernorm(&g.run, x, &weights);
	assert_memory_equal(x, before, sizeof x);
	weights.tensor = &there;
	op_heads_layernorm(&g.run, x, &weights);
	assert_near(x, want, T * HEADS * DK, 1e-6);
	rig_finish(&g);
}

/* Rows of one matrix as three, its bias with them: as if they were matrices of their own. */
static void qkv_are_rows_of_one_matrix(void **state)
{
	enum { Q = HEADS * DK, K = KV_HEADS * DK, V = KV_HEADS * DV, ALL = Q + K + V, COLS = 96 };
	static struct rig g;
	static float w[ALL * COLS], decoded[ALL * COLS], bias[ALL], x[T * COLS], all[T * ALL], q[T * Q], k[T * K], v[T * V];
	static uint8_t bytes[ALL * COLS * 4];

	(void)state;
	fill(w, ALL * COLS);
	fill(bias, ALL);
	fill(x, T * COLS);
	for (int coded = 0; coded < 2; coded++) {
		struct infer_w weights = coded ? encoded(FMT_Q8_0, w, ALL, COLS, bytes, decoded) : weight(w, ALL, COLS);

		rig_init(&g, 2);
		weights.bias = bias;
		g.run.q = q;
		g.run.k = k;
		g.run.v = v;
		op_linear(&g.run, all, x, &weights);
		op_qkv(&g.run, x, &weights);
		for (size_t t = 0; t < T; t++) {
			assert_memory_equal(q + t * Q, all + t * ALL, Q * sizeof *q);
			assert_memory_equal(k + t * K, all + t * ALL + Q, K * sizeof *k);
			assert_memory_equal(v + t * V, all + t * ALL + Q + K, V * sizeof *v);
		}
		rig_finish(&g);
	}
}

static void positions_are_added(void **state)
{
	static struct rig g;
	static float w[CTX * D], x[T * D], before[T * D];
	struct infer_w weights = weight(w, CTX, D);

	(void)state;
	rig_init(&g, 0);
	fill(w, CTX * D);
	fill(x, T * D);
	memcpy(before, x, sizeof x);
	g.run.pos = CTX - T;
	op_add_positions(&g.run, x, &weights);
	for (size_t t = 0; t < T; t++)
		for (size_t i = 0; i < D; i++)
			assert_true(x[t * D + i] == before[t * D + i] + w[(CTX - T + t) * D + i]);
	rig_finish(&g);
}

static void swiglu_is_its_formula(void **state)
{
	static struct rig g;
	static float gate[ROWS * D], up[ROWS * D], x[T * D], y[T * ROWS];
	double want[T * ROWS];
	struct infer_w w_gate = weight(gate, ROWS, D), w_up = weight(up, ROWS, D);

	(void)state;
	rig_init(&g, 2);
	fill(gate, ROWS * D);
	fill(up, ROWS * D);
	fill(x, T * D);
	for (size_t t = 0; t < T; t++)
		for (size_t r = 0; r < ROWS; r++) {
			double a = 0, b = 0;

			for (size_t i = 0; i < D; i++) {
				a += (double)gate[r * D + i] * (double)x[t * D + i];
				b += (double)up[r * D + i] * (double)x[t * D + i];
			}
			want[t * ROWS + r] = a / (1 + exp(-a)) * b;
		}
	op_swiglu(&g.run, y, x, &w_gate, &w_up);
	assert_near(y, want, T * ROWS, 5e-5);
	rig_finish(&g);
}

static void clip_and_gate_are_their_formulas(void **state)
{
	static struct rig g;
	float x[T * D], y[T * D], gate[T];

	(void)state;
	rig_init(&g, 2);
	fill(x, T * D);
	fill(gate, T);
	memcpy(y, x, sizeof y);
	op_clip(&g.run, y, D, 0);
	assert_memory_equal(y, x, sizeof y);
	op_clip(&g.run, y, D, 0.25f);
	for (size_t i = 0; i < T * D; i++)
		assert_true(y[i] == fminf(fmaxf(x[i], -0.25f), 0.25f));
	memcpy(y, x, sizeof y);
	op_sigmoid_gate(&g.run, y, D, gate);
	for (size_t i = 0; i < T * D; i++)
		assert_true(fabs((double)y[i] - (double)x[i] / (1 + exp(-(double)gate[i / D]))) < 2e-7);
	rig_finish(&g);
}

static void wanted_keeps_the_last(void **state)
{
	static struct rig g;
	float x[T * D], before[T * D];

	(void)state;
	rig_init(&g, 0);
	fill(x, T * D);
	memcpy(before, x, sizeof x);
	g.run.n_wanted = 2;
	op_wanted(&g.run, x);
	assert_int_equal(g.run.n_tok, 2);
	assert_memory_equal(x, before + (T - 2) * D, 2 * D * sizeof *x);
	rig_finish(&g);
}

/* A product and an attention, all at once and then in uneven batches, for several thread counts and every level. */
static void bits_do_not_depend_on_threads_batches_or_cpu(void **state)
{
	static const uint32_t cuts[][3] = { { 7, 0, 0 }, { 1, 6, 0 }, { 3, 2, 2 }, { 2, 1, 4 } };
	static struct rig g;
	static struct qkv s;
	static float w[ROWS * D], x[T * D], y[T * ROWS], y0[T * ROWS], a[T * HEADS * DV], a0[T * HEADS * DV];
	struct infer_w weights = weight(w, ROWS, D);
	size_t n_levels;
	const struct infer_kernels *const *levels = infer_kernels_list(&n_levels);

	(void)state;
	fill(w, ROWS * D);
	fill(x, T * D);
	fill_qkv(&s);
	for (unsigned n_threads = 0; n_threads <= 5; n_threads++)
		for (size_t c = 0; c < 4 * n_levels; c++) {
			bool first = !n_threads && !c;
			uint32_t t = 0;

			rig_init(&g, n_threads);
			g.run.kernels = levels[c / 4];
			for (size_t i = 0; i < 3; t += cuts[c % 4][i++]) {
				attend_some(&g, &s, t, cuts[c % 4][i], first ? a0 : a);
				op_linear(&g.run, (first ? y0 : y) + t * ROWS, x + t * D, &weights);
			}
			if (!first) {
				assert_memory_equal(y, y0, sizeof y);
				assert_memory_equal(a, a0, sizeof a);
			}
			rig_finish(&g);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_level_computes_the_definition),
		cmocka_unit_test(every_level_mixes_alike),
		cmocka_unit_test(rmsnorm_is_its_formula),
		cmocka_unit_test(linear_is_its_formula_for_any_type),
		cmocka_unit_test(embed_picks_rows),
		cmocka_unit_test(rope_turns_pairs),
		cmocka_unit_test(headnorm_is_rmsnorm_of_heads),
		cmocka_unit_test(attention_is_its_formula),
		cmocka_unit_test(sinks_are_one_more_score),
		cmocka_unit_test(clamped_gate_is_its_formula),
		cmocka_unit_test(swiglu_is_its_formula),
		cmocka_unit_test(gelu_is_its_formula),
		cmocka_unit_test(layernorm_is_its_formula),
		cmocka_unit_test(heads_layernorm_has_a_row_per_head),
		cmocka_unit_test(qkv_are_rows_of_one_matrix),
		cmocka_unit_test(positions_are_added),
		cmocka_unit_test(clip_and_gate_are_their_formulas),
		cmocka_unit_test(wanted_keeps_the_last),
		cmocka_unit_test(bits_do_not_depend_on_threads_batches_or_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
