/* A graph's memory. See plan.h. */
#include <stdlib.h>
#include <string.h>

#include "ckd.h"
#include "plan.h"

/* ggml rounds sizes up to this on a CPU. */
#define ALIGN 32

void plan_finish(struct plan *p)
{
	free(p->tensors);
	free(p->order);
	free(p->inputs);
	free(p->free);
	*p = (struct plan){ .peak = 0 };
}

struct plan_shape plan_shape(uint64_t n0, uint64_t n1, uint64_t n2)
{
	return (struct plan_shape){ { n0, n1, n2, 1 } };
}

static bool grow(struct plan *p)
{
	int n = p->max_tensors ? 2 * p->max_tensors : 1024;
	struct plan_tensor *tensors = realloc(p->tensors, (size_t)n * sizeof *tensors);
	int *order, *inputs;

	if (tensors)
		p->tensors = tensors;
	order = realloc(p->order, (size_t)n * sizeof *order);
	if (order)
		p->order = order;
	inputs = realloc(p->inputs, (size_t)n * sizeof *inputs);
	if (inputs)
		p->inputs = inputs;
	if (!tensors || !order || !inputs)
		return false;
	p->max_tensors = n;
	return true;
}

int plan_tensor(struct plan *p, enum plan_kind kind, struct plan_shape s, unsigned elem_bytes, int a, int b, int c)
{
	struct plan_tensor *t;

	if (p->n_tensors == p->max_tensors && !grow(p)) {
		p->no_memory = true;
		return p->n_tensors ? p->n_tensors - 1 : PLAN_ELSEWHERE;
	}
	t = &p->tensors[p->n_tensors];
	*t = (struct plan_tensor){ .kind = kind, .shape = s, .src = { a, b, c, PLAN_ELSEWHERE, PLAN_ELSEWHERE } };
	t->root = p->n_tensors;
	t->whole = true;
	if (kind == PLAN_STORE) {
		t->root = PLAN_ELSEWHERE;
	} else if (kind == PLAN_VIEW || kind == PLAN_CUT) {
		t->root = a == PLAN_ELSEWHERE ? PLAN_ELSEWHERE : p->tensors[a].root;
		t->whole = kind == PLAN_VIEW && (a == PLAN_ELSEWHERE || p->tensors[a].whole);
	} else if (ckd_mul(&t->n_bytes, s.n[0], s.n[1]) || ckd_mul(&t->n_bytes, t->n_bytes, s.n[2]) ||
	           ckd_mul(&t->n_bytes, t->n_bytes, s.n[3]) || ckd_mul(&t->n_bytes, t->n_bytes, elem_bytes) ||
	           ckd_align(&t->n_bytes, t->n_bytes, ALIGN)) {
		p->too_large = true;
	}
	return p->n_tensors++;
}

void plan_source(struct plan *p, int tensor, int source)
{
	if (tensor == PLAN_ELSEWHERE)
		return;
	for (int i = 0; i < PLAN_SOURCES; i++) {
		if (p->tensors[tensor].src[i] != PLAN_ELSEWHERE)
			continue;
		p->tensors[tensor].src[i] = source;
		return;
	}
}

void plan_keep(struct plan *p, int tensor)
{
	if (tensor != PLAN_ELSEWHERE)
		p->tensors[tensor].kept = true;
}

/* A tensor's sources are older than it, so that this ends. */
void plan_expand(struct plan *p, int tensor)
{
	struct plan_tensor *t = tensor == PLAN_ELSEWHERE ? NULL : &p->tensors[tensor];

	if (!t || t->ordered)
		return;
	t->ordered = true;
	for (int i = 0; i < PLAN_SOURCES; i++)
		plan_expand(p, t->src[i]);
	if (t->kind == PLAN_INPUT)
		p->inputs[p->n_inputs++] = tensor;
	else
		p->order[p->n_order++] = tensor;
}

static void remove_block(struct plan *p, int i)
{
	memmove(&p->free[i], &p->free[i + 1], (size_t)(p->n_free - i - 1) * sizeof *p->free);
	p->n_free--;
}

/* The free block that leaves the least over; the open end, which is the last, where none is large enough. */
static uint64_t take(struct plan *p, uint64_t n_bytes)
{
	int best = p->n_free - 1;
	uint64_t least = UINT64_MAX, at, end = 0;

	for (int i = 0; i < p->n_free - 1; i++) {
		if (p->free[i].n_bytes < n_bytes || p->free[i].n_bytes > least)
			continue;
		best = i;
		least = p->free[i].n_bytes;
	}
	at = p->free[best].at;
	if (p->free[best].n_bytes < n_bytes || ckd_add(&end, at, n_bytes)) {
		p->too_large = true;
		return 0;
	}
	p->free[best].at = end;
	p->free[best].n_bytes -= n_bytes;
	if (!p->free[best].n_bytes)
		remove_block(p, best);
	p->peak = end > p->peak ? end : p->peak;
	return at;
}

/* Gives memory back, and joins it with its free neighbours. */
static void give(struct plan *p, uint64_t at, uint64_t n_bytes)
{
	int i = 0;

	if (!n_bytes)
		return;
	while (i < p->n_free && p->free[i].at < at)
		i++;
	if (p->n_free == p->max_free) {
		int n = p->max_free ? 2 * p->max_free : 64;
		struct plan_block *more = realloc(p->free, (size_t)n * sizeof *more);

		if (!more) {
			p->no_memory = true;
			return;
		}
		p->free = more;
		p->max_free = n;
	}
	memmove(&p->free[i + 1], &p->free[i], (size_t)(p->n_free - i) * sizeof *p->free);
	p->free[i] = (struct plan_block){ at, n_bytes };
	p->n_free++;
	if (i + 1 < p->n_free && at + n_bytes == p->free[i + 1].at) {
		p->free[i].n_bytes += p->free[i + 1].n_bytes;
		remove_block(p, i + 1);
	}
	if (i && p->free[i - 1].at + p->free[i - 1].n_bytes == at) {
		p->free[i - 1].n_bytes += p->free[i].n_bytes;
		remove_block(p, i);
	}
}

static bool same_shape(const struct plan_tensor *a, const struct plan_tensor *b)
{
	return b->whole && !memcmp(&a->shape, &b->shape, sizeof a->shape);
}

/* Puts t where one of its sources lies, if nothing else needs that. */
static bool take_over(struct plan *p, struct plan_tensor *t)
{
	for (int i = 0; i < PLAN_SOURCES; i++) {
		struct plan_tensor *s = t->src[i] == PLAN_ELSEWHERE ? NULL : &p->tensors[t->src[i]], *root;

		if (!s || s->root == PLAN_ELSEWHERE)
			continue;
		root = &p->tensors[s->root];
		if (root->kept || !root->allocated || !same_shape(t, s) || s->n_children != 1 || s->n_views)
			continue;
		if (s != root)
			continue;
		t->at = root->at;
		root->allocated = false;
		give(p, t->at + t->n_bytes, root->n_bytes - t->n_bytes);
		return true;
	}
	return false;
}

static void allocate(struct plan *p, struct plan_tensor *t)
{
	if (t->allocated || t->kind > PLAN_IN_PLACE)
		return;
	if (t->kind != PLAN_IN_PLACE || !take_over(p, t))
		t->at = take(p, t->n_bytes);
	t->allocated = true;
}

/* One user less. */
static void release(struct plan *p, struct plan_tensor *s)
{
	struct plan_tensor *root = s->root == PLAN_ELSEWHERE ? NULL : &p->tensors[s->root];

	s->n_children--;
	if (s->n_children || s->n_views || !root)
		return;
	if (s != root) {
		root->n_views--;
		if (root->n_views || root->n_children)
			return;
	}
	if (!root->allocated || root->kept)
		return;
	give(p, root->at, root->n_bytes);
	root->allocated = false;
}

static void count_uses(struct plan *p)
{
	for (int i = 0; i < p->n_order; i++) {
		struct plan_tensor *t = &p->tensors[p->order[i]];

		if (t->root != p->order[i] && t->root != PLAN_ELSEWHERE)
			p->tensors[t->root].n_views++;
		for (int k = 0; k < PLAN_SOURCES; k++)
			if (t->src[k] != PLAN_ELSEWHERE)
				p->tensors[t->src[k]].n_children++;
	}
}

bool plan_peak(struct plan *p, uint64_t *n_bytes, struct fmt_err *err)
{
	give(p, 0, UINT64_MAX / 2);
	if (p->no_memory)
		return fmt_fail_nomem(err, (uint64_t)p->max_tensors * 2 * sizeof *p->tensors);
	count_uses(p);
	for (int i = 0; i < p->n_inputs; i++)
		allocate(p, &p->tensors[p->inputs[i]]);
	for (int i = 0; i < p->n_order && !p->too_large && !p->no_memory; i++) {
		struct plan_tensor *t = &p->tensors[p->order[i]];

		allocate(p, t);
		for (int k = 0; k < PLAN_SOURCES; k++)
			if (t->src[k] != PLAN_ELSEWHERE)
				release(p, &p->tensors[t->src[k]]);
	}
	if (p->no_memory)
		return fmt_fail_nomem(err, (uint64_t)p->max_free * 2 * sizeof *p->free);
	if (p->too_large)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the size of a runtime's buffers does not fit into 64 bits");
	*n_bytes = p->peak;
	return true;
}
