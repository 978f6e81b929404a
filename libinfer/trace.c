/* Comparing two models operation by operation. See <libinfer/trace.h>. */
#include <libinfer/trace.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libquant/compare.h>

#include "run.h"

enum { MOST_TOKENS = 64 };

/* What the order of summation may change in a matrix's products with float32 weights: far above what thousands of columns do. */
#define OTHER_ORDER 1e-4

void infer_run_trace(struct infer_run *r, infer_step_fn *fn, void *user)
{
	r->trace = fn;
	r->trace_user = user;
}

/* What the reference did. */
struct record {
	struct infer_step step; /* y is not its own any more */
	float *values;          /* [n, width], packed */
	const float *before;    /* what was there, where something was added; another record's values, or NULL */
};

struct recording {
	struct record *records;
	size_t n, cap;
	bool no_memory;
};

static void finish(struct recording *rec)
{
	for (size_t i = 0; i < rec->n; i++)
		free(rec->records[i].values);
	free(rec->records);
}

/* The last thing that was put where this step's result is. */
static const float *before(const struct recording *rec, const struct infer_step *s)
{
	for (size_t i = rec->n; i-- > 0;) {
		const struct record *r = &rec->records[i];

		if (r->step.y == s->y)
			return r->step.n == s->n && r->step.width == s->width ? r->values : NULL;
	}
	return NULL;
}

static void record_step(void *user, const struct infer_step *s)
{
	struct recording *rec = user;
	struct record *r;

	if (rec->n == rec->cap && !rec->no_memory) {
		size_t cap = rec->cap ? 2 * rec->cap : 256;
		struct record *more = realloc(rec->records, cap * sizeof *more);

		rec->records = more ? more : rec->records;
		rec->cap = more ? cap : rec->cap;
		rec->no_memory = !more;
	}
	if (rec->no_memory)
		return;
	r = &rec->records[rec->n];
	*r = (struct record){ .step = *s, .before = s->added ? before(rec, s) : NULL };
	r->values = malloc(s->n * s->width * sizeof *r->values + 1);
	if (!r->values) {
		rec->no_memory = true;
		return;
	}
	for (size_t i = 0; i < s->n; i++)
		memcpy(r->values + i * s->width, s->y + i * s->stride, s->width * sizeof *r->values);
	rec->n++;
}

/* Sums over a difference. */
struct distance {
	double difference, reference, own, product;
};

static void add_row(struct distance *d, const float *a, const float *b, const float *minus, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double base = minus ? (double)minus[i] : 0, x = (double)a[i] - base, y = (double)b[i] - base;

		d->difference += (x - y) * (x - y);
		d->reference += x * x;
		d->own += y * y;
		d->product += x * y;
	}
}

static double relative(const struct distance *d)
{
	return d->difference == 0 ? 0 : sqrt(d->difference / d->reference); /* infinite where the reference is 0 */
}

static double cosine(const struct distance *d)
{
	return d->difference == 0 ? 1 : d->product / sqrt(d->reference * d->own);
}

struct comparing {
	const struct infer_model *reference, *model;
	const struct recording *rec;
	struct infer_trace *t;
	size_t at;
	bool replace;
	int32_t layer;        /* whose hidden state was seen last */
	struct fmt_err *err;
};

/* A product with rounded weights keeps about their relative error. Of an adapter one side may have its products beside the
 * matrix's and the other have it merged: the same sums in another order, and rounding to either side's type. */
static double limit(const struct comparing *c, const struct infer_step *reference, const struct infer_step *model)
{
	const struct fmt_view_tensor *a = reference->tensor, *b = model->tensor;
	double there, back;

	if (!a || !b)
		return 1e-6;
	there = quant_error_explained(a, c->reference->lora, b->type);
	if (!quant_lora_steps(c->reference->lora, a) && !quant_lora_steps(c->model->lora, b))
		return there;
	back = quant_error_explained(b, c->model->lora, a->type);
	return fmax(OTHER_ORDER, fmax(there, back));
}

static struct fmt_str name_of(const struct infer_step *s)
{
	return s->tensor ? s->tensor->name : (struct fmt_str){ s->op, strlen(s->op) };
}

static bool same_step(struct comparing *c, const struct infer_step *s)
{
	const struct infer_step *r = c->at < c->rec->n ? &c->rec->records[c->at].step : NULL;
	struct fmt_str mine = name_of(s), theirs = r ? name_of(r) : FMT_STR("nothing more");

	if (r && r->layer == s->layer && fmt_str_eq(mine, theirs) && r->n == s->n && r->width == s->width)
		return true;
	return fmt_fail(c->err, FMT_MISMATCH, FMT_NO_OFFSET, "the two part in what they do: in layer %" PRId32 " it is %.*s [%zu, %zu] "
	                "here, %.*s [%zu, %zu] in the reference", s->layer, (int)mine.n, mine.p, s->n, s->width, (int)theirs.n,
	                theirs.p, r ? r->n : 0, r ? r->width : 0);
}

static struct distance distance(const struct record *r, const struct infer_step *s, double *worst_row)
{
	struct distance d = { 0 };

	*worst_row = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct distance row = { 0 };
		const float *minus = r->before ? r->before + i * s->width : NULL;

		add_row(&row, r->values + i * s->width, s->y + i * s->stride, minus, s->width);
		d.difference += row.difference;
		d.reference += row.reference;
		d.own += row.own;
		d.product += row.product;
		if (row.difference > 0 && !(relative(&row) <= *worst_row))
			*worst_row = relative(&row);
	}
	return d;
}

static void judge(struct comparing *c, const struct record *r, const struct infer_step *s)
{
	struct infer_part *p = &c->t->parts[c->at];
	double worst_row;
	struct distance d = distance(r, s, &worst_row);

	*p = (struct infer_part){ .layer = r->step.layer, .tensor = r->step.tensor, .op = r->step.op, .error = relative(&d),
	                          .cosine = cosine(&d), .limit = limit(c, &r->step, s) };
	/* an expert that few tokens pass is only seen in their rows; a row alone may be further off than all */
	p->departs = !(p->error <= p->limit) || (s->tensor && s->tensor->n_dims > 2 && !(worst_row <= 2 * p->limit));
	c->t->n_departs += p->departs;
	c->t->n_parts = c->at + 1;
}

static void compare_step(void *user, const struct infer_step *s)
{
	struct comparing *c = user;
	const struct record *r;
	double ignored;

	if (c->err->code || !same_step(c, s))
		return;
	r = &c->rec->records[c->at];
	if (c->replace) {
		judge(c, r, s);
		for (size_t i = 0; i < s->n; i++)
			memcpy(s->y + i * s->stride, r->values + i * s->width, s->width * sizeof *s->y);
	} else if (s->layer >= 0 && s->added && (uint32_t)s->layer < c->t->n_layers) {
		struct record whole = *r;
		struct distance d;

		whole.before = NULL;
		d = distance(&whole, s, &ignored);
		c->t->layers[s->layer].error = relative(&d);
		c->t->layers[s->layer].cosine = cosine(&d);
	}
	c->at++;
}

static bool evaluate(const struct infer_model *m, const int32_t *ids, uint32_t n, infer_step_fn *fn, void *user,
                     struct fmt_err *err)
{
	struct infer_run *r = infer_run_create(m, n, n, err);
	float *logits = malloc((size_t)n * m->n_vocab * sizeof *logits);
	bool ok = r && (logits || fmt_fail_nomem(err, (uint64_t)n * m->n_vocab * sizeof *logits));

	if (ok) {
		infer_run_trace(r, fn, user);
		ok = infer_eval(r, ids, n, true, logits, err);
	}
	free(logits);
	infer_run_destroy(r);
	return ok && !err->code;
}

/* In each layer the part that is furthest beyond, or nearest to, its limit. */
static void find_worst(struct infer_trace *t)
{
	for (size_t i = 0; i < t->n_parts; i++) {
		const struct infer_part *p = &t->parts[i], *worst;
		size_t *at;

		if (p->layer < 0 || (uint32_t)p->layer >= t->n_layers)
			continue;
		at = &t->layers[p->layer].worst;
		worst = &t->parts[*at];
		if (worst->layer != p->layer || p->error / p->limit > worst->error / worst->limit)
			*at = i;
	}
}

bool infer_trace_compare(const struct infer_model *reference, const struct infer_model *model, const int32_t *ids, uint32_t n,
                         struct infer_trace *t, struct fmt_err *err)
{
	struct recording rec = { .n = 0 };
	struct comparing c = { .reference = reference, .model = model, .rec = &rec, .t = t, .replace = true, .err = err };
	bool ok;

	*t = (struct infer_trace){ .n_layers = reference->n_layers };
	n = n < MOST_TOKENS ? n : MOST_TOKENS;
	if (reference->n_vocab != model->n_vocab || reference->n_layers != model->n_layers)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "%" PRIu32 " layers and %" PRIu32 " tokens, %" PRIu32 " and %" PRIu32
		                " in the reference: two different models", model->n_layers, model->n_vocab, reference->n_layers,
		                reference->n_vocab);
	ok = evaluate(reference, ids, n, record_step, &rec, err) && (!rec.no_memory || fmt_fail_nomem(err, sizeof *rec.records));
	if (ok) {
		t->parts = calloc(rec.n + 1, sizeof *t->parts);
		t->layers = calloc(t->n_layers + 1, sizeof *t->layers);
		ok = (t->parts && t->layers) || fmt_fail_nomem(err, rec.n * sizeof *t->parts);
	}
	ok = ok && evaluate(model, ids, n, compare_step, &c, err);
	c.at = 0;
	c.replace = false;
	ok = ok && evaluate(model, ids, n, compare_step, &c, err);
	if (ok)
		find_worst(t);
	finish(&rec);
	return ok;
}

void infer_trace_finish(struct infer_trace *t)
{
	free(t->parts);
	free(t->layers);
	*t = (struct infer_trace){ .n_parts = 0 };
}
