/* Are the tensors that are there those that config.json asks for? */
#include <string.h>

#include "limit.h"
#include "text_part.h"
#include "view_impl.h"

struct comparison {
	const struct fmt_view *v;
	const struct fmt_model *m;
	bool *used;
	bool parts; /* the language model is one of several */
	void (*found)(void *ctx, enum fmt_difference d, const char *name);
	void *ctx;
};

/* By its name, with the description's base prefix or without it. */
static const struct fmt_tensor *find(const struct comparison *c, const char *name)
{
	const char *base = c->v->arch->base_prefix;
	const struct fmt_tensor *t = text_part_find(c->m, name);

	if (!t && base && !strncmp(name, base, strlen(base)))
		t = fmt_model_find(c->m, (struct fmt_str){ name + strlen(base), strlen(name) - strlen(base) });
	return t;
}

static void compare_tensor(struct comparison *c, const char *name, const struct fmt_tensor *there, const struct view_shape *shape)
{
	if (there)
		c->used[there - c->m->tensors] = true;
	if (!there)
		c->found(c->ctx, FMT_DIFFERENCE_MISSING, name);
	else if (there->n_dims != shape->n || memcmp(there->dims, shape->dims, shape->n * sizeof *shape->dims))
		c->found(c->ctx, FMT_DIFFERENCE_SHAPE, name);
}

static void compare_row(struct comparison *c, const struct fmt_view_tensor *t, const struct arch_tensor *row)
{
	uint64_t n = strchr(row->hf, '*') ? t->dims[0] : 1;
	const struct arch_tensor by = view_row_there(c->v->arch, &c->v->impl->conf, row, t->layer, c->m);
	const struct fmt_tensor *there;
	char name[VIEW_NAME_BYTES];
	struct view_shape shape;

	if (view_other_row(c->v->arch, &c->v->impl->conf, row, t, name, &shape) && (there = find(c, name))) {
		compare_tensor(c, name, there, &shape);
		return;
	}
	shape = view_row_shape(&c->v->impl->conf, row, t);
	for (uint64_t i = 0; i < n; i++) {
		view_row_name(c->v->arch, &c->v->impl->conf, &by, t->layer, i, name);
		compare_tensor(c, name, find(c, name), &shape);
	}
}

/* Buffers carry nothing, layers of multi-token prediction are declared, and other parts are not described. */
static bool is_expected(const struct comparison *c, struct fmt_str name)
{
	for (const char *const *skip = c->v->arch->skip; skip && *skip; skip++) {
		size_t n = strlen(*skip);

		if (name.n >= n && !memcmp(name.p + name.n - n, *skip, n))
			return true;
	}
	return view_in_next_layer(c->v->arch, &c->v->impl->conf, name) || (c->parts && text_part_is_other(name));
}

bool fmt_view_compare(const struct fmt_view *v, const struct fmt_model *m,
                      void (*found)(void *ctx, enum fmt_difference d, const char *name), void *ctx, struct fmt_err *err)
{
	struct comparison c = { .v = v, .m = m, .parts = text_part_is_one(m), .found = found, .ctx = ctx };
	struct fmt_arena mem;

	fmt_arena_init(&mem, LIMIT_VIEW_BYTES + m->n_tensors);
	c.used = fmt_arena_alloc(&mem, m->n_tensors, sizeof *c.used, err);
	for (uint64_t i = 0; c.used && i < v->n_tensors; i++)
		if (v->impl->sources[i].row->hf)
			compare_row(&c, &v->tensors[i], v->impl->sources[i].row);
	for (uint64_t i = 0; c.used && i < m->n_tensors; i++)
		if (!c.used[i] && !is_expected(&c, m->tensors[i].name))
			found(ctx, FMT_DIFFERENCE_SURPLUS, m->tensors[i].name.p);
	fmt_arena_finish(&mem);
	return c.used != NULL;
}
