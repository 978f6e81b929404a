/* Adapters merged into the rows of a model as they are read. See libquant/lora.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libquant/lora.h>
#include <libquant/rows.h>

struct quant_lora {
	const struct fmt_view *base;
	struct quant_lora_step **steps; /* per tensor of the base */
	const struct fmt_view_tensor **scales; /* the same: what its products are multiplied by, where it has steps; NULL: nothing */
};

struct quant_lora *quant_lora_create(const struct fmt_view *base, struct fmt_err *err)
{
	struct quant_lora *l = calloc(1, sizeof *l);

	if (l) {
		l->base = base;
		l->steps = calloc(base->n_tensors + 1, sizeof *l->steps);
		l->scales = calloc(base->n_tensors + 1, sizeof *l->scales);
	}
	if (l && l->steps && l->scales)
		return l;
	fmt_fail_nomem(err, (base->n_tensors + 1) * (sizeof *l->steps + sizeof *l->scales));
	quant_lora_destroy(l);
	return NULL;
}

void quant_lora_destroy(struct quant_lora *l)
{
	if (!l)
		return;
	for (uint64_t i = 0; l->steps && i < l->base->n_tensors; i++) {
		for (struct quant_lora_step *s = l->steps[i], *next; s; s = next) {
			next = s->next;
			free(s);
		}
	}
	free(l->steps);
	free(l->scales);
	free(l);
}

const struct quant_lora_step *quant_lora_steps(const struct quant_lora *l, const struct fmt_view_tensor *t)
{
	return l ? l->steps[t - l->base->tensors] : NULL;
}

static bool fail(struct fmt_err *err, const struct fmt_view *adapter, const struct fmt_view_tensor *t, const char *what)
{
	fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "tensor '%.*s': %s", (int)t->name.n, t->name.p, what);
	fmt_err_file(err, adapter->path);
	return false;
}

static uint64_t dim_from_end(const struct fmt_view_tensor *t, uint32_t i)
{
	return t->n_dims > i ? t->dims[t->n_dims - 1 - i] : 1;
}

/* Matrices of a stack. */
static uint64_t n_matrices(const struct fmt_view_tensor *t)
{
	uint64_t matrix = dim_from_end(t, 0) * dim_from_end(t, 1);

	return matrix ? t->n_elems / matrix : 0;
}

static bool fits(const struct fmt_view_tensor *t, uint64_t n, uint64_t rows, uint64_t cols)
{
	return t->n_dims >= 2 && dim_from_end(t, 0) == cols && dim_from_end(t, 1) == rows &&
	       (n_matrices(t) == 1 || n_matrices(t) == n);
}

/* Alpha by the rank; llama.cpp takes an alpha of 0, or none, for the rank itself. */
static float scale_of(const struct fmt_view *adapter, uint64_t rank)
{
	const struct fmt_value *alpha = fmt_view_get(adapter, "adapter.lora.alpha");

	return alpha && alpha->type == FMT_KV_F32 && alpha->as.f != 0 ? (float)(alpha->as.f / (double)rank) : 1;
}

/* The tensor of the base that an adapter's is named for; NULL with *err set. */
static const struct fmt_view_tensor *base_of(const struct quant_lora *l, const struct fmt_view *adapter,
                                             const struct fmt_view_tensor *t, struct fmt_str name, struct fmt_err *err)
{
	const struct fmt_view_tensor *base = fmt_view_find(l->base, name);

	if (!base)
		fail(err, adapter, t, "the base has no such tensor: an adapter of another model");
	return base;
}

/* The step of this adapter for a tensor of the base: the last of its list, or a new one. */
static struct quant_lora_step *step_of(struct quant_lora *l, const struct fmt_view *adapter, const struct fmt_view_tensor *base,
                                       struct fmt_err *err)
{
	struct quant_lora_step **at = &l->steps[base - l->base->tensors];

	for (; *at; at = &(*at)->next)
		if ((*at)->adapter == adapter)
			return *at;
	if (!fmt_view_scale(l->base, base, &l->scales[base - l->base->tensors], err))
		return NULL;
	*at = calloc(1, sizeof **at);
	if (!*at)
		fmt_fail_nomem(err, sizeof **at);
	else
		(*at)->adapter = adapter;
	return *at;
}

static bool add_pair(struct quant_lora *l, const struct fmt_view *adapter, const struct fmt_view_tensor *a, float scale,
                     struct fmt_err *err)
{
	struct fmt_str name = { a->name.p, a->name.n - strlen(".lora_a") };
	const struct fmt_view_tensor *base = base_of(l, adapter, a, name, err), *b;
	struct quant_lora_step *s;
	char other[200];
	uint64_t n, rows, cols, rank;
	bool embedding = fmt_str_is(name, "token_embd.weight");
	int n_other = snprintf(other, sizeof other, "%.*s.lora_b", (int)(name.n < 160 ? name.n : 160), name.p);

	if (!base)
		return false;
	b = fmt_view_find(adapter, (struct fmt_str){ other, (size_t)n_other });
	if (!b)
		return fail(err, adapter, a, "its other half (lora_b) is missing");
	n = n_matrices(base);
	rows = dim_from_end(base, 1);
	cols = dim_from_end(base, 0);
	rank = dim_from_end(b, 0);
	if (base->n_dims < 2 || !rank || !fits(b, n, embedding ? cols : rows, rank) ||
	    !fits(a, n, embedding ? rows : rank, embedding ? rank : cols))
		return fail(err, adapter, a, "its shape does not fit the base's tensor: an adapter of another model");
	s = step_of(l, adapter, base, err);
	if (!s)
		return false;
	s->a = a;
	s->b = b;
	s->embedding = embedding;
	s->rank = rank;
	s->scale = scale * scale_of(adapter, rank);
	return true;
}

static bool add_magnitude(struct quant_lora *l, const struct fmt_view *adapter, const struct fmt_view_tensor *m, struct fmt_err *err)
{
	struct fmt_str name = { m->name.p, m->name.n - strlen(".lora_magnitude") };
	const struct fmt_view_tensor *base = base_of(l, adapter, m, name, err);
	struct quant_lora_step *s = base ? step_of(l, adapter, base, err) : NULL;

	if (!s)
		return false;
	if (m->n_elems != n_matrices(base) * dim_from_end(base, 1))
		return fail(err, adapter, m, "it has not one magnitude for each row of the base's tensor");
	s->magnitude = m;
	return true;
}

static bool add_whole(struct quant_lora *l, const struct fmt_view *adapter, const struct fmt_view_tensor *t, struct fmt_err *err)
{
	const struct fmt_view_tensor *base = base_of(l, adapter, t, t->name, err);
	struct quant_lora_step *s = base ? step_of(l, adapter, base, err) : NULL;

	if (!s)
		return false;
	if (base->n_dims != t->n_dims || memcmp(base->dims, t->dims, t->n_dims * sizeof *t->dims))
		return fail(err, adapter, t, "another shape than the base's");
	s->whole = t;
	return true;
}

bool quant_lora_add(struct quant_lora *l, const struct fmt_view *adapter, float scale, struct fmt_err *err)
{
	bool ok = true;

	if (!adapter->is_adapter) {
		fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "not an adapter but a model");
		fmt_err_file(err, adapter->path);
		return false;
	}
	if (!fmt_str_eq(adapter->arch_name, l->base->arch_name)) {
		fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "an adapter for '%.*s', and the model is '%.*s'", (int)adapter->arch_name.n,
		         adapter->arch_name.p, (int)l->base->arch_name.n, l->base->arch_name.p);
		fmt_err_file(err, adapter->path);
		return false;
	}
	for (uint64_t i = 0; ok && i < adapter->n_tensors; i++) {
		const struct fmt_view_tensor *t = &adapter->tensors[i];

		if (fmt_str_ends(t->name, ".lora_a"))
			ok = add_pair(l, adapter, t, scale, err);
		else if (fmt_str_ends(t->name, ".lora_magnitude"))
			ok = add_magnitude(l, adapter, t, err);
		else if (!fmt_str_ends(t->name, ".lora_b"))
			ok = add_whole(l, adapter, t, err);
	}
	return ok;
}

float *quant_lora_floats(const struct fmt_view *adapter, const struct fmt_view_tensor *t, uint64_t row, uint64_t n_rows,
                         struct fmt_err *err)
{
	size_t scratch_bytes = quant_rows_scratch(t, n_rows), n = (size_t)(n_rows * dim_from_end(t, 0));
	float *x = malloc(n * sizeof *x + 1);
	void *scratch = malloc(scratch_bytes + 1);
	bool ok = (x && scratch) || fmt_fail_nomem(err, n * sizeof *x + scratch_bytes);

	ok = ok && quant_rows(adapter, t, row, n_rows, x, scratch, err);
	free(scratch);
	if (ok)
		return x;
	fmt_err_file(err, adapter->path);
	free(x);
	return NULL;
}

/* out [cols, rows] = in [rows, cols] */
static void turn(const float *in, uint64_t rows, uint64_t cols, float *out)
{
	for (uint64_t i = 0; i < rows; i++)
		for (uint64_t j = 0; j < cols; j++)
			out[j * rows + i] = in[i * cols + j];
}

/* What the sums need: rows of B and all of A, for a run of rows within one matrix of the base. */
struct factors {
	float *a; /* [rank, cols] */
	float *b; /* [n, rank] */
};

static bool read_factors(const struct quant_lora_step *s, const struct fmt_view_tensor *t, uint64_t matrix, uint64_t row, uint64_t n,
                         struct factors *f, struct fmt_err *err)
{
	uint64_t rows = dim_from_end(t, 1), cols = dim_from_end(t, 0);
	float *sideways = NULL;

	if (!s->embedding) {
		f->a = quant_lora_floats(s->adapter, s->a, n_matrices(s->a) == 1 ? 0 : matrix * s->rank, s->rank, err);
		f->b = f->a ? quant_lora_floats(s->adapter, s->b, (n_matrices(s->b) == 1 ? 0 : matrix * rows) + row, n, err) : NULL;
		return f->b != NULL;
	}
	f->b = quant_lora_floats(s->adapter, s->a, row, n, err);
	sideways = f->b ? quant_lora_floats(s->adapter, s->b, 0, cols, err) : NULL;
	f->a = sideways ? malloc((size_t)(s->rank * cols) * sizeof *f->a) : NULL;
	if (sideways && !f->a)
		fmt_fail_nomem(err, s->rank * cols * sizeof *f->a);
	if (f->a)
		turn(sideways, cols, s->rank, f->a);
	free(sideways);
	return f->a != NULL;
}

/* x [n, cols] += scale b a; sum [cols] */
static void add_product(const struct quant_lora_step *s, const struct factors *f, uint64_t n, size_t cols, float *x, float *sum)
{
	for (uint64_t i = 0; i < n; i++) {
		memset(sum, 0, cols * sizeof *sum);
		for (uint64_t k = 0; k < s->rank; k++) {
			const float *a = f->a + k * cols;
			float b = f->b[i * s->rank + k];

			for (size_t j = 0; j < cols; j++)
				sum[j] += b * a[j];
		}
		for (size_t j = 0; j < cols; j++)
			x[i * cols + j] += s->scale * sum[j];
	}
}

/* Each row of x [n, cols] gets the length that its magnitude says. */
static void set_lengths(const float *magnitude, uint64_t n, size_t cols, float *x)
{
	for (uint64_t i = 0; i < n; i++) {
		double squares = 0;
		float factor;

		for (size_t j = 0; j < cols; j++)
			squares += (double)x[i * cols + j] * (double)x[i * cols + j];
		factor = magnitude[i] / (float)sqrt(squares);
		for (size_t j = 0; j < cols; j++)
			x[i * cols + j] *= factor;
	}
}

/* Rows of one matrix of the tensor. */
static bool change_rows(const struct quant_lora_step *s, const struct fmt_view_tensor *t, uint64_t row, uint64_t n, float *x,
                        struct fmt_err *err)
{
	uint64_t rows = dim_from_end(t, 1), matrix = row / rows;
	size_t cols = (size_t)dim_from_end(t, 0);
	struct factors f = { 0 };
	float *sum = malloc(cols * sizeof *sum), *magnitude;
	bool ok = (sum || fmt_fail_nomem(err, cols * sizeof *sum)) && read_factors(s, t, matrix, row % rows, n, &f, err);

	if (ok)
		add_product(s, &f, n, cols, x, sum);
	if (ok && s->magnitude) {
		/* all of them: they are one row of the view */
		magnitude = quant_lora_floats(s->adapter, s->magnitude, n_matrices(t) == 1 ? 0 : matrix, 1, err);
		ok = magnitude != NULL;
		if (ok)
			set_lengths(magnitude + row % rows, n, cols, x);
		free(magnitude);
	}
	free(f.a);
	free(f.b);
	free(sum);
	return ok;
}

static bool replace_rows(const struct quant_lora_step *s, uint64_t row, uint64_t n, float *dst, struct fmt_err *err)
{
	float *x = quant_lora_floats(s->adapter, s->whole, row, n, err);

	if (x)
		memcpy(dst, x, (size_t)(n * dim_from_end(s->whole, 0)) * sizeof *x);
	free(x);
	return x != NULL;
}

/* Rows times the factor that the tensor has beside it, or divided by it: adapters change what both make together. */
static bool scale_rows(const struct quant_lora *l, const struct fmt_view_tensor *t, uint64_t row, uint64_t n_rows, bool divide, float *x,
                       struct fmt_err *err)
{
	const struct fmt_view_tensor *s = l->scales[t - l->base->tensors];
	uint64_t rows = dim_from_end(t, 1), cols = dim_from_end(t, 0);
	float *scale = s ? quant_lora_floats(l->base, s, 0, 1, err) : NULL;

	for (uint64_t i = 0; scale && i < n_rows; i++) {
		float f = scale[s->n_elems == 1 ? 0 : (row + i) / rows];

		for (uint64_t j = 0; j < cols; j++)
			x[i * cols + j] = divide ? x[i * cols + j] / f : x[i * cols + j] * f;
	}
	free(scale);
	return !s || scale;
}

bool quant_lora_rows(const struct quant_lora *l, const struct fmt_view_tensor *t, uint64_t row, uint64_t n_rows, float *dst,
                     void *scratch, struct fmt_err *err)
{
	uint64_t rows = dim_from_end(t, 1), cols = dim_from_end(t, 0);
	bool steps = quant_lora_steps(l, t) != NULL;
	bool ok = quant_rows(l->base, t, row, n_rows, dst, scratch, err) && (!steps || scale_rows(l, t, row, n_rows, false, dst, err));

	for (const struct quant_lora_step *s = quant_lora_steps(l, t); ok && s; s = s->next) {
		ok = !s->whole || replace_rows(s, row, n_rows, dst, err);
		for (uint64_t done = 0, n; ok && s->a && done < n_rows; done += n) {
			n = rows - (row + done) % rows;
			n = n < n_rows - done ? n : n_rows - done;
			ok = change_rows(s, t, row + done, n, dst + done * cols, err);
		}
	}
	return ok && (!steps || scale_rows(l, t, row, n_rows, true, dst, err));
}
