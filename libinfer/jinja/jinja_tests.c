/* "x is NAME". */
#include <string.h>

#include "../unicode.h"
#include "jinja.h"

static bool t_defined(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)j;
	(void)arg;
	return v.type != JJ_UNDEFINED;
}

static bool t_undefined(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	return !t_defined(j, v, arg);
}

static bool t_none(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)j;
	(void)arg;
	return v.type == JJ_NONE;
}

static bool t_boolean(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)j;
	(void)arg;
	return v.type == JJ_BOOL;
}

static bool t_true(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	return t_boolean(j, v, arg) && v.as.b;
}

static bool t_false(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	return t_boolean(j, v, arg) && !v.as.b;
}

static bool t_integer(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)j;
	(void)arg;
	return v.type == JJ_INT;
}

static bool t_float(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)j;
	(void)arg;
	return v.type == JJ_FLOAT;
}

static bool t_number(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)j;
	(void)arg;
	return jj_is_number(v);
}

static bool t_string(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)j;
	(void)arg;
	return v.type == JJ_STR;
}

static bool t_mapping(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)j;
	(void)arg;
	return v.type == JJ_DICT;
}

static bool t_iterable(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)j;
	(void)arg;
	return jj_is_seq(v) || v.type == JJ_STR || v.type == JJ_DICT || v.type == JJ_UNDEFINED || v.type == JJ_LOOP;
}

static bool t_sequence(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)j;
	(void)arg;
	return v.type == JJ_STR || v.type == JJ_LIST || v.type == JJ_TUPLE || v.type == JJ_RANGE || v.type == JJ_DICT ||
	       v.type == JJ_UNDEFINED;
}

static bool t_callable(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)j;
	(void)arg;
	return v.type == JJ_MACRO || v.type == JJ_METHOD || v.type == JJ_FUNCTION || v.type == JJ_JOINER ||
	       v.type == JJ_LOOP || v.type == JJ_UNDEFINED;
}

static int64_t remainder_of(struct jj *j, struct jj_value v, struct jj_value by)
{
	struct jj_value r = jj_binary(j, JJ_MOD, v, by);

	return !jj_ok(j) || !jj_is_number(r) ? -1
	       : jj_is_int(r)                ? jj_as_int(r)
	       : r.as.f == 0                 ? 0
	       : r.as.f == 1                 ? 1
	                                     : -1;
}

static bool t_odd(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)arg;
	return remainder_of(j, v, jj_int(2)) == 1;
}

static bool t_even(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)arg;
	return remainder_of(j, v, jj_int(2)) == 0;
}

static bool t_divisible(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	return remainder_of(j, v, *arg) == 0;
}

static bool is_case(struct jj *j, struct jj_value v, const char *method)
{
	struct jj_args none = { 0 };
	struct jj_value s = jj_str(jj_to_str(j, v));

	return jj_ok(j) && jj_truth(jj_str_method(jj_cstr(method).as.s)(j, s, &none));
}

static bool t_lower(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)arg;
	return is_case(j, v, "islower");
}

static bool t_upper(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)arg;
	return is_case(j, v, "isupper");
}

static bool t_escaped(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)j;
	(void)arg;
	return v.type == JJ_STR && v.safe;
}

static bool t_eq(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	return jj_compare(j, JJ_EQ, v, *arg);
}

static bool t_ne(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	return jj_compare(j, JJ_NE, v, *arg);
}

static bool t_lt(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	return jj_compare(j, JJ_LT, v, *arg);
}

static bool t_le(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	return jj_compare(j, JJ_LE, v, *arg);
}

static bool t_gt(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	return jj_compare(j, JJ_GT, v, *arg);
}

static bool t_ge(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	return jj_compare(j, JJ_GE, v, *arg);
}

static bool t_in(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	return jj_compare(j, JJ_IN, v, *arg);
}

/* The same object: of numbers and strings, which have no identity here, equal ones of one type. */
static bool t_sameas(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	if (v.type != arg->type)
		return false;
	return jj_is_seq(v) || v.type == JJ_DICT ? v.as.list == arg->as.list : jj_equal(j, v, *arg);
}

static bool t_filter(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)j;
	(void)arg;
	return v.type == JJ_STR && jj_filter(v.as.s);
}

static bool t_test(struct jj *j, struct jj_value v, const struct jj_value *arg)
{
	(void)j;
	(void)arg;
	return v.type == JJ_STR && jj_test(v.as.s);
}

static const struct jj_test tests[] = {
	{ "defined", 0, t_defined },
	{ "undefined", 0, t_undefined },
	{ "none", 0, t_none },
	{ "boolean", 0, t_boolean },
	{ "true", 0, t_true },
	{ "false", 0, t_false },
	{ "integer", 0, t_integer },
	{ "float", 0, t_float },
	{ "number", 0, t_number },
	{ "string", 0, t_string },
	{ "mapping", 0, t_mapping },
	{ "iterable", 0, t_iterable },
	{ "sequence", 0, t_sequence },
	{ "callable", 0, t_callable },
	{ "odd", 0, t_odd },
	{ "even", 0, t_even },
	{ "divisibleby", 1, t_divisible },
	{ "lower", 0, t_lower },
	{ "upper", 0, t_upper },
	{ "escaped", 0, t_escaped },
	{ "eq", 1, t_eq },
	{ "equalto", 1, t_eq },
	{ "==", 1, t_eq },
	{ "ne", 1, t_ne },
	{ "!=", 1, t_ne },
	{ "lt", 1, t_lt },
	{ "lessthan", 1, t_lt },
	{ "<", 1, t_lt },
	{ "le", 1, t_le },
	{ "<=", 1, t_le },
	{ "gt", 1, t_gt },
	{ "greaterthan", 1, t_gt },
	{ ">", 1, t_gt },
	{ "ge", 1, t_ge },
	{ ">=", 1, t_ge },
	{ "in", 1, t_in },
	{ "sameas", 1, t_sameas },
	{ "filter", 0, t_filter },
	{ "test", 0, t_test },
};

const struct jj_test *jj_test(struct fmt_str name)
{
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		if (fmt_str_is(name, tests[i].name))
			return &tests[i];
	return NULL;
}

bool jj_run_test(struct jj *j, struct fmt_str name, struct jj_value v, const struct jj_args *args)
{
	const struct jj_test *t = jj_test(name);
	struct jj_value arg = jj_none();

	if (!t) {
		jj_fail(j, FMT_UNSUPPORTED, "no test named '%.*s'", jj_shown(name), name.p);
		return false;
	}
	if (args->n_pos + args->n_named != t->n_args) {
		jj_fail(j, FMT_MALFORMED, "the test '%s' takes %u values, not %zu", t->name, t->n_args,
		        args->n_pos + args->n_named);
		return false;
	}
	if (t->n_args)
		arg = args->n_pos ? args->pos[0] : args->named[0].value;
	return t->test(j, v, &arg);
}
