/* Expressions: the walk over the tree. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "jinja.h"

static struct jj_value find_name(struct jj *j, struct fmt_str name)
{
	const struct jj_function *f;
	struct jj_value *v;

	for (const struct jj_frame *at = j->frame; at; at = at->parent) {
		if (!jj_spend(j, at->n / 8))
			return jj_none();
		for (size_t i = 0; i < at->n; i++)
			if (fmt_str_eq(at->vars[i].key.as.s, name))
				return at->vars[i].value;
	}
	if (j->loop && fmt_str_is(name, "loop"))
		return (struct jj_value){ .type = JJ_LOOP, .as.loop = j->loop };
	v = jj_dict_get(j, j->context, jj_str(name));
	if (v)
		return *v;
	f = jj_global(name);
	return f ? (struct jj_value){ .type = JJ_FUNCTION, .as.function = f } : jj_undefined(JJ_MISSING_NAME, name);
}

static void add_pos(struct jj *j, struct jj_args *args, struct jj_value v)
{
	struct jj_value *pos = jj_grow(&j->mem, args->pos, args->n_pos, &args->cap_pos, sizeof *pos);

	if (!pos)
		return;
	args->pos = pos;
	pos[args->n_pos++] = v;
}

static void add_named(struct jj *j, struct jj_args *args, struct jj_value key, struct jj_value v)
{
	struct jj_pair *named = jj_grow(&j->mem, args->named, args->n_named, &args->cap_named, sizeof *named);

	if (!named || !jj_spend(j, args->n_named))
		return;
	for (size_t i = 0; i < args->n_named; i++)
		if (fmt_str_eq(named[i].key.as.s, key.as.s))
			jj_fail(j, FMT_MALFORMED, "got multiple values for keyword argument '%.*s'",
			        jj_shown(key.as.s), key.as.s.p);
	args->named = named;
	named[args->n_named++] = (struct jj_pair){ key, v };
}

bool jj_eval_args(struct jj *j, const struct jj_node *list, struct jj_args *out)
{
	for (const struct jj_node *n = list; n && jj_ok(j); n = n->next) {
		struct jj_value v = jj_eval(j, n->a);
		const struct jj_list *items;

		if (n->op == '*') {
			items = jj_items(j, v);
			for (size_t i = 0; items && i < items->n; i++)
				add_pos(j, out, items->items[i]);
		} else if (n->op == 'k') {
			if (v.type != JJ_DICT)
				jj_fail(j, FMT_MALFORMED, "argument after ** must be a mapping, not %s",
				        jj_type_name(v));
			for (size_t i = 0; jj_ok(j) && i < v.as.dict->n; i++)
				if (v.as.dict->pairs[i].key.type == JJ_STR)
					add_named(j, out, v.as.dict->pairs[i].key, v.as.dict->pairs[i].value);
				else
					jj_fail(j, FMT_MALFORMED, "keywords must be strings");
		} else if (n->name.p) {
			add_named(j, out, jj_str(n->name), v);
		} else {
			add_pos(j, out, v);
		}
	}
	return jj_ok(j);
}

bool jj_bind(struct jj *j, const char *what, const struct jj_args *args, const char *params, struct jj_value *out)
{
	size_t n = 0, used = 0;

	for (const char *p = params; *p; n++) {
		size_t len = strcspn(p, "=, ");
		bool there = n < args->n_pos;

		out[n] = there ? args->pos[n] : jj_undefined(JJ_MISSING_ARGUMENT, FMT_STR(""));
		for (size_t i = 0; i < args->n_named; i++) {
			if (args->named[i].key.as.s.n != len || memcmp(args->named[i].key.as.s.p, p, len))
				continue;
			if (there)
				jj_fail(j, FMT_MALFORMED, "%s: two values for '%.*s'", what, (int)len, p);
			out[n] = args->named[i].value;
			there = true;
			used++;
		}
		if (!there && p[len] != '=')
			jj_fail(j, FMT_MALFORMED, "%s: no value for '%.*s'", what, (int)len, p);
		p += len;
		p += strspn(p, "=, ");
	}
	if (args->n_pos > n)
		jj_fail(j, FMT_MALFORMED, "%s takes at most %zu values, not %zu", what, n, args->n_pos);
	if (used < args->n_named)
		jj_fail(j, FMT_MALFORMED, "%s got a value with a name that it does not know", what);
	return jj_ok(j);
}

static struct jj_value call_joiner(struct jj_joiner *joiner)
{
	if (joiner->used)
		return joiner->separator;
	joiner->used = true;
	return jj_cstr("");
}

struct jj_value jj_call(struct jj *j, struct jj_value f, const struct jj_args *args)
{
	if (!jj_ok(j))
		return jj_none();
	switch (f.type) {
	case JJ_UNDEFINED:
		return jj_fail_undefined(j, f);
	case JJ_FUNCTION:
		return f.as.function->call(j, args);
	case JJ_METHOD:
		return f.as.method->call(j, f.as.method->self, args);
	case JJ_MACRO:
		return jj_call_macro(j, f.as.macro, args);
	case JJ_JOINER:
		return call_joiner(f.as.joiner);
	case JJ_LOOP:
		if (args->n_pos != 1 || !f.as.loop->node->flag)
			return jj_fail(j, FMT_MALFORMED, "the loop is not marked as recursive");
		return jj_run_loop(j, f.as.loop->node, args->pos[0], f.as.loop->depth0 + 1, f.as.loop->frame);
	default:
		return jj_fail(j, FMT_MALFORMED, "'%s' object is not callable", jj_type_name(f));
	}
}

static struct jj_value eval_items(struct jj *j, const struct jj_node *n, enum jj_type type)
{
	struct jj_value list = jj_list(j, type);

	for (const struct jj_node *item = n->a; item && jj_ok(j); item = item->next)
		jj_push(j, list, jj_eval(j, item));
	return list;
}

static struct jj_value eval_dict(struct jj *j, const struct jj_node *n)
{
	struct jj_value d = jj_dict(j);

	for (const struct jj_node *key = n->a; key && jj_ok(j); key = key->next->next) {
		struct jj_value k = jj_eval(j, key), v = jj_eval(j, key->next);

		if (jj_ok(j))
			jj_dict_set(j, d.as.dict, k, v);
	}
	return d;
}

static struct jj_value eval_compare(struct jj *j, const struct jj_node *n)
{
	struct jj_value left = jj_eval(j, n->a);

	for (const struct jj_node *o = n->b; o && jj_ok(j); o = o->next) {
		struct jj_value right = jj_eval(j, o->a);

		if (!jj_ok(j) || !jj_compare(j, (enum jj_op)o->op, left, right))
			return jj_bool(false);
		left = right;
	}
	return jj_bool(true);
}

static struct jj_value eval_slice(struct jj *j, const struct jj_node *n)
{
	struct jj_value of = jj_eval(j, n->a), at[3] = { jj_none(), jj_none(), jj_none() };
	const struct jj_node *parts[3] = { n->b, n->c, n->d };

	for (int i = 0; i < 3; i++)
		if (parts[i])
			at[i] = jj_eval(j, parts[i]);
	return jj_slice(j, of, at);
}

static struct jj_value eval_call(struct jj *j, const struct jj_node *n)
{
	struct jj_value f = jj_eval(j, n->a);
	struct jj_args args = { 0 };

	jj_eval_args(j, n->b, &args);
	j->line = n->line;
	return jj_call(j, f, &args);
}

static struct jj_value eval_filter(struct jj *j, const struct jj_node *n)
{
	struct jj_value v = n->a ? jj_eval(j, n->a) : j->hole;
	struct jj_args args = { 0 };
	jj_filter_fn filter = jj_filter(n->name);

	jj_eval_args(j, n->b, &args);
	j->line = n->line;
	if (!filter)
		return jj_fail(j, FMT_UNSUPPORTED, "no filter named '%.*s'", jj_shown(n->name), n->name.p);
	return jj_ok(j) ? filter(j, v, &args) : jj_none();
}

static struct jj_value eval_test(struct jj *j, const struct jj_node *n)
{
	struct jj_value v = jj_eval(j, n->a);
	struct jj_args args = { 0 };

	jj_eval_args(j, n->b, &args);
	j->line = n->line;
	return jj_bool(jj_ok(j) && jj_run_test(j, n->name, v, &args));
}

static struct jj_value eval_if(struct jj *j, const struct jj_node *n)
{
	if (jj_truth(jj_eval(j, n->b)))
		return jj_eval(j, n->a);
	if (n->c)
		return jj_eval(j, n->c);
	return jj_undefined(JJ_MISSING_OTHER, FMT_STR("the if expression was false and has no else"));
}

static struct jj_value eval_logic(struct jj *j, const struct jj_node *n)
{
	struct jj_value a = jj_eval(j, n->a);

	return jj_truth(a) == (n->kind == JJ_AND) ? jj_eval(j, n->b) : a;
}

static struct jj_value eval_binary(struct jj *j, const struct jj_node *n)
{
	struct jj_value a = jj_eval(j, n->a), b = jj_eval(j, n->b);

	j->line = n->line;
	return jj_binary(j, (enum jj_op)n->op, a, b);
}

static struct jj_value eval_item(struct jj *j, const struct jj_node *n)
{
	struct jj_value of = jj_eval(j, n->a), key = jj_eval(j, n->b);

	return jj_item(j, of, key);
}

static struct jj_value eval_node(struct jj *j, const struct jj_node *n)
{
	switch (n->kind) {
	case JJ_CONST:
		return n->value;
	case JJ_NAME:
		return find_name(j, n->name);
	case JJ_MAKE_LIST:
		return eval_items(j, n, JJ_LIST);
	case JJ_MAKE_TUPLE:
		return eval_items(j, n, JJ_TUPLE);
	case JJ_MAKE_DICT:
		return eval_dict(j, n);
	case JJ_UNARY:
		return jj_unary(j, (enum jj_op)n->op, jj_eval(j, n->a));
	case JJ_BINARY:
		return eval_binary(j, n);
	case JJ_AND:
	case JJ_OR:
		return eval_logic(j, n);
	case JJ_COMPARE:
		return eval_compare(j, n);
	case JJ_IF_EXPR:
		return eval_if(j, n);
	case JJ_ATTR:
		return jj_attr(j, jj_eval(j, n->a), n->name);
	case JJ_ITEM:
		return eval_item(j, n);
	case JJ_SLICE:
		return eval_slice(j, n);
	case JJ_CALL:
		return eval_call(j, n);
	case JJ_FILTER:
		return eval_filter(j, n);
	case JJ_TEST:
		return eval_test(j, n);
	default:
		return jj_fail(j, FMT_MALFORMED, "a slice stands where a value must");
	}
}

struct jj_value jj_eval(struct jj *j, const struct jj_node *n)
{
	struct jj_value v;

	if (!jj_spend(j, 1))
		return jj_none();
	j->line = n->line;
	if (++j->depth > JJ_MAX_DEPTH)
		jj_fail(j, FMT_LIMIT, "nested too deeply: more than %d levels", JJ_MAX_DEPTH);
	v = jj_ok(j) ? eval_node(j, n) : jj_none();
	j->depth--;
	return v;
}
