/* Statements: scopes, loops, macros. */
#include <stdlib.h>
#include <string.h>

#include "jinja.h"

void jj_set(struct jj *j, struct fmt_str name, struct jj_value v)
{
	struct jj_frame *f = j->frame;
	struct jj_pair *vars;

	if (!jj_spend(j, f->n / 8))
		return;
	for (size_t i = 0; i < f->n; i++)
		if (fmt_str_eq(f->vars[i].key.as.s, name)) {
			f->vars[i].value = v;
			return;
		}
	vars = jj_grow(&j->mem, f->vars, f->n, &f->cap, sizeof *vars);
	if (!vars)
		return;
	f->vars = vars;
	vars[f->n++] = (struct jj_pair){ jj_str(name), v };
}

/* Gives a value to a target: a name, ns.name, or a tuple of them. */
static void assign(struct jj *j, const struct jj_node *target, struct jj_value v)
{
	const struct jj_list *items;
	const struct jj_node *t;
	size_t i = 0;

	if (!jj_ok(j))
		return;
	if (target->kind == JJ_NAME) {
		jj_set(j, target->name, v);
		return;
	}
	if (target->kind == JJ_ATTR) {
		struct jj_value ns = jj_eval(j, target->a);

		if (jj_ok(j) && ns.type != JJ_NAMESPACE)
			jj_fail(j, FMT_MALFORMED, "cannot assign attribute on non-namespace object");
		if (jj_ok(j))
			jj_dict_set(j, ns.as.dict, jj_str(target->name), v);
		return;
	}
	if (v.type == JJ_UNDEFINED || (!jj_is_seq(v) && v.type != JJ_STR && v.type != JJ_DICT))
		jj_fail(j, FMT_MALFORMED, "cannot unpack non-iterable %s object", jj_type_name(v));
	items = jj_items(j, v);
	for (t = target->a; t && items && i < items->n; t = t->next, i++)
		assign(j, t, items->items[i]);
	if (jj_ok(j) && (t || i < items->n))
		jj_fail(j, FMT_MALFORMED,
		        t ? "not enough values to unpack (got %zu)" : "too many values to unpack (got %zu)",
		        items->n);
}

/* A scope inside of the one that is current, until leave(). */
static void enter(struct jj *j, struct jj_frame *f, struct jj_frame *parent)
{
	*f = (struct jj_frame){ .parent = parent };
	j->frame = f;
}

/* The text that statements make. */
static struct jj_value capture(struct jj *j, const struct jj_node *body, struct jj_frame *parent)
{
	struct jj_frame *around = j->frame, *inner = jj_alloc(&j->mem, 1, sizeof *inner);
	struct jj_buf *out = j->out, b = { 0 };

	if (!inner)
		return jj_none();
	enter(j, inner, parent);
	j->out = &b;
	jj_exec(j, body);
	j->out = out;
	j->frame = around;
	return jj_str(jj_buf_take(j, &b));
}

/* The items of a loop for which its "if" holds. */
static struct jj_list *filter_items(struct jj *j, const struct jj_node *n, struct jj_list *all, struct jj_frame *around)
{
	struct jj_value kept = jj_list(j, JJ_LIST);
	struct jj_frame *f = jj_alloc(&j->mem, 1, sizeof *f);

	if (!f)
		return NULL;
	enter(j, f, around);
	for (size_t i = 0; i < all->n && jj_ok(j); i++) {
		f->n = 0;
		assign(j, n->a, all->items[i]);
		if (jj_ok(j) && jj_truth(jj_eval(j, n->d)))
			jj_push(j, kept, all->items[i]);
	}
	return jj_ok(j) ? kept.as.list : NULL;
}

/* Every item in a scope of its own: what is set in one round is gone in the next, unless a macro was made there. */
static void rounds(struct jj *j, const struct jj_node *n, struct jj_loop *loop, struct jj_frame *around)
{
	struct jj_frame *f = NULL;
	uint64_t n_macros = j->n_macros;

	for (size_t i = 0; i < loop->items->n && jj_spend(j, 1); i++) {
		if (!f || n_macros != j->n_macros)
			f = jj_alloc(&j->mem, 1, sizeof *f);
		if (!f)
			return;
		n_macros = j->n_macros;
		f->parent = around;
		f->n = 0;
		j->frame = f;
		loop->index0 = i;
		assign(j, n->a, loop->items->items[i]);
		if (jj_ok(j) && jj_exec(j, n->c) == JJ_DO_BREAK)
			return;
	}
}

static void run_loop(struct jj *j, const struct jj_node *n, struct jj_value v, uint32_t depth0, struct jj_frame *around)
{
	struct jj_frame *before = j->frame;
	struct jj_loop *outer = j->loop, *loop = jj_alloc(&j->mem, 1, sizeof *loop);
	struct jj_list *items = jj_items(j, v);

	if (items && n->d)
		items = filter_items(j, n, items, around);
	if (items && loop) {
		*loop = (struct jj_loop){ .items = items, .depth0 = depth0, .node = n, .frame = around };
		j->loop = loop;
		rounds(j, n, loop, around);
		j->loop = outer;
		if (!items->n && n->e && jj_ok(j)) {
			struct jj_frame *f = jj_alloc(&j->mem, 1, sizeof *f);

			if (f) {
				enter(j, f, around);
				jj_exec(j, n->e);
			}
		}
	}
	j->frame = before;
}

struct jj_value jj_run_loop(struct jj *j, const struct jj_node *n, struct jj_value items, uint32_t depth0,
                            struct jj_frame *around)
{
	struct jj_buf *out = j->out, b = { 0 };

	j->out = &b;
	run_loop(j, n, items, depth0, around);
	j->out = out;
	return jj_str(jj_buf_take(j, &b));
}

static struct jj_value make_macro(struct jj *j, const struct jj_node *n)
{
	struct jj_macro *m = jj_alloc(&j->mem, 1, sizeof *m);

	if (!m)
		return jj_none();
	j->n_macros++;
	*m = (struct jj_macro){ .node = n, .frame = j->frame, .loop = j->loop };
	return (struct jj_value){ .type = JJ_MACRO, .as.macro = m };
}

/* The value of an argument that has its parameter's name; false if there is none. */
static bool named_arg(const struct jj_args *args, struct fmt_str name, struct jj_value *v)
{
	for (size_t i = 0; i < args->n_named; i++)
		if (fmt_str_eq(args->named[i].key.as.s, name)) {
			*v = args->named[i].value;
			return true;
		}
	return false;
}

/* Parameters of a macro as variables of its scope, which is current. Returns how many of the named arguments they took. */
static size_t bind_params(struct jj *j, const struct jj_node *macro, const struct jj_args *args)
{
	size_t i = 0, taken = 0;

	for (const struct jj_node *p = macro->a; p && jj_spend(j, 1 + args->n_named); p = p->next, i++) {
		struct jj_value v = jj_undefined(JJ_MISSING_ARGUMENT, p->name);
		bool named = named_arg(args, p->name, &v);

		if (named && i < args->n_pos)
			jj_fail(j, FMT_MALFORMED, "macro '%.*s' got two values for '%.*s'", jj_shown(macro->name),
			        macro->name.p, jj_shown(p->name), p->name.p);
		taken += named;
		if (i < args->n_pos)
			v = args->pos[i];
		else if (!named && p->a)
			v = jj_eval(j, p->a);
		jj_set(j, p->name, v);
	}
	return taken;
}

/* What is left of the arguments: caller, varargs and kwargs, if the macro asks for them. */
static void bind_rest(struct jj *j, const struct jj_node *macro, const struct jj_args *args, size_t taken)
{
	struct jj_value more = jj_list(j, JJ_TUPLE), rest = jj_dict(j), v = { 0 };
	size_t n = 0;

	for (const struct jj_node *p = macro->a; p; p = p->next)
		n++;
	if (macro->op & JJ_USES_CALLER) {
		v = jj_undefined(JJ_MISSING_OTHER, FMT_STR("no caller defined"));
		taken += named_arg(args, FMT_STR("caller"), &v);
		jj_set(j, FMT_STR("caller"), v);
	}
	if (args->n_pos > n && !(macro->op & JJ_USES_VARARGS))
		jj_fail(j, FMT_MALFORMED, "macro '%.*s' takes not more than %zu argument(s)", jj_shown(macro->name),
		        macro->name.p, n);
	for (size_t i = n; i < args->n_pos && jj_ok(j); i++)
		jj_push(j, more, args->pos[i]);
	if (macro->op & JJ_USES_VARARGS)
		jj_set(j, FMT_STR("varargs"), more);
	if (macro->op & JJ_USES_KWARGS) {
		for (size_t i = 0; i < args->n_named && jj_ok(j); i++) {
			bool is_param = (macro->op & JJ_USES_CALLER) && fmt_str_is(args->named[i].key.as.s, "caller");

			for (const struct jj_node *p = macro->a; p; p = p->next)
				is_param |= fmt_str_eq(p->name, args->named[i].key.as.s);
			if (!is_param)
				jj_dict_set(j, rest.as.dict, args->named[i].key, args->named[i].value);
		}
		jj_set(j, FMT_STR("kwargs"), rest);
	} else if (taken < args->n_named) {
		jj_fail(j, FMT_MALFORMED, "macro '%.*s' takes no keyword argument of that name", jj_shown(macro->name),
		        macro->name.p);
	}
}

struct jj_value jj_call_macro(struct jj *j, const struct jj_macro *macro, const struct jj_args *args)
{
	struct jj_frame *around = j->frame, *f = jj_alloc(&j->mem, 1, sizeof *f);
	struct jj_loop *loop = j->loop;
	struct jj_buf *out = j->out, b = { 0 };

	if (!f)
		return jj_none();
	enter(j, f, macro->frame);
	j->loop = macro->loop;
	bind_rest(j, macro->node, args, bind_params(j, macro->node, args));
	j->out = &b;
	if (jj_ok(j))
		jj_exec(j, macro->node->b);
	j->out = out;
	j->loop = loop;
	j->frame = around;
	return jj_str(jj_buf_take(j, &b));
}

static void exec_set(struct jj *j, const struct jj_node *n)
{
	struct jj_value v = jj_eval(j, n->b);

	assign(j, n->a, v);
}

static void exec_set_block(struct jj *j, const struct jj_node *n)
{
	struct jj_value hole = j->hole, v = capture(j, n->c, j->frame);

	if (n->b) {
		j->hole = v;
		v = jj_eval(j, n->b);
		j->hole = hole;
	}
	assign(j, n->a, v);
}

static void put_value(struct jj *j, struct jj_value v)
{
	if (jj_ok(j))
		jj_show(j, j->out, v, false, 0);
}

static void exec_call_block(struct jj *j, const struct jj_node *n)
{
	struct jj_value f = jj_eval(j, n->a->a);
	struct jj_args args = { 0 };
	struct jj_pair *named;

	jj_eval_args(j, n->a->b, &args);
	named = jj_grow(&j->mem, args.named, args.n_named, &args.cap_named, sizeof *named);
	if (!named)
		return;
	args.named = named;
	named[args.n_named++] = (struct jj_pair){ jj_cstr("caller"), make_macro(j, n->b) };
	put_value(j, jj_call(j, f, &args));
}

static void exec_filter_block(struct jj *j, const struct jj_node *n)
{
	struct jj_value hole = j->hole, v = capture(j, n->b, j->frame);

	j->hole = v;
	v = jj_eval(j, n->a);
	j->hole = hole;
	put_value(j, v);
}

/* Values are computed outside of the scope they are for. */
static enum jj_flow exec_with(struct jj *j, const struct jj_node *n)
{
	struct jj_frame *around = j->frame, *f = jj_alloc(&j->mem, 1, sizeof *f);
	enum jj_flow flow;

	if (!f)
		return JJ_GO_ON;
	f->parent = around;
	for (const struct jj_node *set = n->a; set && jj_ok(j); set = set->next) {
		struct jj_value v = jj_eval(j, set->b);

		j->frame = f;
		assign(j, set->a, v);
		j->frame = around;
	}
	j->frame = f;
	flow = jj_exec(j, n->b);
	j->frame = around;
	return flow;
}

static enum jj_flow exec_one(struct jj *j, const struct jj_node *n)
{
	switch (n->kind) {
	case JJ_TEXT:
		jj_put(j, j->out, n->value.as.s);
		return JJ_GO_ON;
	case JJ_PRINT:
		put_value(j, jj_eval(j, n->a));
		return JJ_GO_ON;
	case JJ_IF:
		while (n && n->kind == JJ_IF) {
			if (jj_truth(jj_eval(j, n->a)))
				return jj_exec(j, n->b);
			if (!jj_ok(j))
				return JJ_GO_ON;
			if (!n->flag)
				return jj_exec(j, n->c);
			n = n->c;
		}
		return JJ_GO_ON;
	case JJ_FOR:
		run_loop(j, n, jj_eval(j, n->b), 0, j->frame);
		return JJ_GO_ON;
	case JJ_SET:
		exec_set(j, n);
		return JJ_GO_ON;
	case JJ_SET_BLOCK:
		exec_set_block(j, n);
		return JJ_GO_ON;
	case JJ_MACRO_DEF:
		jj_set(j, n->name, make_macro(j, n));
		return JJ_GO_ON;
	case JJ_CALL_BLOCK:
		exec_call_block(j, n);
		return JJ_GO_ON;
	case JJ_FILTER_BLOCK:
		exec_filter_block(j, n);
		return JJ_GO_ON;
	case JJ_WITH:
		return exec_with(j, n);
	case JJ_BODY:
		put_value(j, capture(j, n->b, j->frame));
		return JJ_GO_ON;
	default:
		return n->kind == JJ_BREAK ? JJ_DO_BREAK : JJ_DO_CONTINUE;
	}
}

enum jj_flow jj_exec(struct jj *j, const struct jj_node *statements)
{
	enum jj_flow flow = JJ_GO_ON;

	if (++j->depth > JJ_MAX_DEPTH)
		jj_fail(j, FMT_LIMIT, "nested too deeply: more than %d levels", JJ_MAX_DEPTH);
	for (const struct jj_node *n = statements; n && flow == JJ_GO_ON && jj_spend(j, 1); n = n->next) {
		j->line = n->line;
		flow = exec_one(j, n);
	}
	j->depth--;
	return flow;
}
