/* The stack, the marks and the values of the machine. See pickle_machine.h for what the functions do. */
#include <string.h>

#include "pickle_machine.h"

bool pkl_bad(struct pkl_machine *m, const char *what)
{
	return fmt_fail(m->err, FMT_MALFORMED, m->at, "pickle: %s", what);
}

bool pkl_reserve(struct pkl_machine *m, const struct pkl ***values, uint64_t *cap, uint64_t n)
{
	uint64_t want = n < *cap * 2 ? *cap * 2 : n; /* exact at first: most are tuples, which never grow */
	void *grown;

	if (n <= *cap)
		return true;
	grown = fmt_arena_grow(m->arena, *values, *cap, want, sizeof **values, m->err);
	if (!grown)
		return false;
	*values = grown;
	*cap = want;
	return true;
}

bool pkl_push(struct pkl_machine *m, const struct pkl *v)
{
	if (!v || !pkl_reserve(m, &m->stack, &m->cap_stack, m->n_stack + 1))
		return false;
	m->stack[m->n_stack++] = v;
	return true;
}

/* Height of the stack below which the current mark, if any, forbids to reach. */
static uint64_t floor_of(const struct pkl_machine *m)
{
	return m->n_marks ? m->marks[m->n_marks - 1] : 0;
}

bool pkl_need(struct pkl_machine *m, uint64_t n)
{
	return m->n_stack - floor_of(m) >= n || pkl_bad(m, "takes more from the stack than is there");
}

const struct pkl *pkl_pop(struct pkl_machine *m)
{
	return pkl_need(m, 1) ? m->stack[--m->n_stack] : NULL;
}

bool pkl_pop_mark(struct pkl_machine *m, const struct pkl ***items, uint64_t *n)
{
	if (!m->n_marks)
		return pkl_bad(m, "no mark on the stack");
	m->n_marks--;
	*n = m->n_stack - m->marks[m->n_marks];
	m->n_stack = m->marks[m->n_marks];
	*items = m->stack + m->n_stack;
	return true;
}

struct pkl *pkl_make(struct pkl_machine *m, enum pkl_kind kind)
{
	struct pkl *v = fmt_arena_alloc(m->arena, 1, sizeof *v, m->err);

	if (!v)
		return NULL;
	v->kind = kind;
	v->off = (uint32_t)m->at;
	return v;
}

bool pkl_append(struct pkl_machine *m, const struct pkl *container, const struct pkl *const *items, uint64_t n)
{
	/* values are const to everyone but the machine that made them */
	struct pkl *c = (struct pkl *)(uintptr_t)container;
	uint64_t per = c->kind == PKL_DICT ? 2 : 1, used = c->n * per, cap = c->cap;

	if (!pkl_reserve(m, &c->as.items, &cap, used + n))
		return false;
	c->cap = (uint32_t)cap;
	if (n)
		memcpy(c->as.items + used, items, (size_t)n * sizeof *items);
	c->n += (uint32_t)(n / per);
	return true;
}

bool pkl_push_container(struct pkl_machine *m, enum pkl_kind kind, const struct pkl *const *items, uint64_t n)
{
	struct pkl *v = pkl_make(m, kind);

	return v && pkl_append(m, v, items, n) && pkl_push(m, v);
}
