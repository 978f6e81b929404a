/* Operators, as Python has them: integers and floats, strings and lists. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <libinfer/chat.h>

#include "jinja.h"

static const char *const symbols[] = {
	[JJ_ADD] = "+",  [JJ_SUB] = "-",    [JJ_MUL] = "*", [JJ_DIV] = "/", [JJ_FLOORDIV] = "//", [JJ_MOD] = "%",
	[JJ_POW] = "**", [JJ_CONCAT] = "~", [JJ_LT] = "<",  [JJ_LE] = "<=", [JJ_GT] = ">",        [JJ_GE] = ">=",
};

static struct jj_value too_large(struct jj *j)
{
	return jj_fail(j, FMT_LIMIT, "an integer is beyond 64 bits");
}

static struct jj_value power(struct jj *j, int64_t a, int64_t b)
{
	int64_t r = 1;

	if (b < 0)
		return a ? jj_float(pow((double)a, (double)b)) : jj_fail(j, FMT_MALFORMED, "0 to a negative power");
	if (a == 0 || a == 1 || a == -1)
		return jj_int(a == -1 && b % 2 == 0 ? 1 : b ? a : 1);
	while (b--)
		if (__builtin_mul_overflow(r, a, &r))
			return too_large(j);
	return jj_int(r);
}

static struct jj_value ints(struct jj *j, enum jj_op op, int64_t a, int64_t b)
{
	int64_t r;

	if (!b && (op == JJ_DIV || op == JJ_FLOORDIV || op == JJ_MOD))
		return jj_fail(j, FMT_MALFORMED, "division by zero");
	if (b == -1 && a == INT64_MIN && (op == JJ_FLOORDIV || op == JJ_MOD))
		return too_large(j);
	switch (op) {
	case JJ_ADD:
		return __builtin_add_overflow(a, b, &r) ? too_large(j) : jj_int(r);
	case JJ_SUB:
		return __builtin_sub_overflow(a, b, &r) ? too_large(j) : jj_int(r);
	case JJ_MUL:
		return __builtin_mul_overflow(a, b, &r) ? too_large(j) : jj_int(r);
	case JJ_DIV:
		return jj_float((double)a / (double)b);
	case JJ_FLOORDIV: /* rounds down, and the remainder has the divisor's sign */
		return jj_int(a / b - (a % b && (a < 0) != (b < 0)));
	case JJ_MOD:
		return jj_int(a % b + (a % b && (a < 0) != (b < 0) ? b : 0));
	default:
		return power(j, a, b);
	}
}

static struct jj_value floats(struct jj *j, enum jj_op op, double a, double b)
{
	double r;

	if (b == 0 && (op == JJ_DIV || op == JJ_FLOORDIV || op == JJ_MOD))
		return jj_fail(j, FMT_MALFORMED, "float division by zero");
	switch (op) {
	case JJ_ADD:
		return jj_float(a + b);
	case JJ_SUB:
		return jj_float(a - b);
	case JJ_MUL:
		return jj_float(a * b);
	case JJ_DIV:
		return jj_float(a / b);
	case JJ_FLOORDIV:
		return jj_float(floor(a / b));
	case JJ_MOD:
		r = fmod(a, b);
		return jj_float(r != 0 && (r < 0) != (b < 0) ? r + b : r);
	default:
		return jj_float(pow(a, b));
	}
}

/* A string or list `times` times. */
static struct jj_value repeat(struct jj *j, struct jj_value v, int64_t times)
{
	size_t n = v.type == JJ_STR ? v.as.s.n : v.as.list->n;
	struct jj_value list;
	char *p;

	if (times <= 0 || !n)
		return v.type == JJ_STR ? jj_cstr("") : jj_list(j, (enum jj_type)v.type);
	if ((uint64_t)times > JJ_MAX_BYTES / n)
		return jj_fail(j, FMT_LIMIT, "%zu times %" PRId64 " is more than a template may make", n, times);
	if (v.type == JJ_STR) {
		p = jj_room(&j->mem, n * (size_t)times);
		for (size_t i = 0; p && i < (size_t)times; i++)
			memcpy(p + i * n, v.as.s.p, n);
		return p ? jj_str((struct fmt_str){ p, n * (size_t)times }) : (struct jj_value){ 0 };
	}
	list = jj_list(j, (enum jj_type)v.type);
	for (; times && jj_spend(j, n); times--)
		for (size_t i = 0; i < n; i++)
			jj_push(j, list, v.as.list->items[i]);
	return list;
}

static struct jj_value add_lists(struct jj *j, struct jj_value a, struct jj_value b)
{
	struct jj_value list = jj_list(j, (enum jj_type)a.type);

	if (!jj_spend(j, a.as.list->n + b.as.list->n))
		return list;
	for (size_t i = 0; i < a.as.list->n; i++)
		jj_push(j, list, a.as.list->items[i]);
	for (size_t i = 0; i < b.as.list->n; i++)
		jj_push(j, list, b.as.list->items[i]);
	return list;
}

/* The sum of two strings: where one is marked as HTML, the other is escaped and the result is marked. */
static struct jj_value add_strings(struct jj *j, struct jj_value a, struct jj_value b)
{
	struct jj_value v;

	if (a.safe != b.safe) {
		if (a.safe)
			b.as.s = jj_escape(j, b.as.s);
		else
			a.as.s = jj_escape(j, a.as.s);
	}
	v = jj_str(jj_join(&j->mem, a.as.s, b.as.s));
	v.safe = a.safe || b.safe;
	return v;
}

static struct jj_value concatenate(struct jj *j, struct jj_value a, struct jj_value b)
{
	struct fmt_str left = jj_to_str(j, a), right = jj_to_str(j, b);

	return jj_str(jj_join(&j->mem, left, right));
}

struct jj_value jj_binary(struct jj *j, enum jj_op op, struct jj_value a, struct jj_value b)
{
	if (!jj_ok(j))
		return jj_none();
	if (op == JJ_CONCAT)
		return concatenate(j, a, b);
	if (jj_is_int(a) && jj_is_int(b))
		return ints(j, op, jj_as_int(a), jj_as_int(b));
	if (jj_is_number(a) && jj_is_number(b))
		return floats(j, op, jj_as_float(a), jj_as_float(b));
	if (op == JJ_MOD && a.type == JJ_STR)
		return jj_format_percent(j, a.as.s, b);
	if (a.type == JJ_UNDEFINED || b.type == JJ_UNDEFINED)
		return jj_fail_undefined(j, a.type == JJ_UNDEFINED ? a : b);
	if (op == JJ_ADD && a.type == JJ_STR && b.type == JJ_STR)
		return add_strings(j, a, b);
	if (op == JJ_ADD && a.type == b.type && (a.type == JJ_LIST || a.type == JJ_TUPLE))
		return add_lists(j, a, b);
	if (op == JJ_MUL && jj_is_int(a) && (b.type == JJ_STR || b.type == JJ_LIST || b.type == JJ_TUPLE))
		return repeat(j, b, jj_as_int(a));
	if (op == JJ_MUL && jj_is_int(b) && (a.type == JJ_STR || a.type == JJ_LIST || a.type == JJ_TUPLE))
		return repeat(j, a, jj_as_int(b));
	if (op == JJ_ADD && a.type == JJ_STR)
		return jj_fail(j, FMT_MALFORMED, "can only concatenate str (not \"%s\") to str", jj_type_name(b));
	if (op == JJ_ADD && a.type == JJ_LIST)
		return jj_fail(j, FMT_MALFORMED, "can only concatenate list (not \"%s\") to list", jj_type_name(b));
	return jj_fail(j, FMT_MALFORMED, "unsupported operand type(s) for %s: '%s' and '%s'", symbols[op],
	               jj_type_name(a), jj_type_name(b));
}

struct jj_value jj_unary(struct jj *j, enum jj_op op, struct jj_value a)
{
	if (!jj_ok(j))
		return jj_none();
	if (op == JJ_NOT)
		return jj_bool(!jj_truth(a));
	if (a.type == JJ_UNDEFINED)
		return jj_fail_undefined(j, a);
	if (!jj_is_number(a))
		return jj_fail(j, FMT_MALFORMED, "bad operand type for unary %s: '%s'", op == JJ_NEG ? "-" : "+",
		               jj_type_name(a));
	if (a.type == JJ_FLOAT)
		return jj_float(op == JJ_NEG ? -a.as.f : a.as.f);
	if (op == JJ_NEG && jj_as_int(a) == INT64_MIN)
		return too_large(j);
	return jj_int(op == JJ_NEG ? -jj_as_int(a) : jj_as_int(a));
}

bool jj_contains(struct jj *j, struct jj_value in, struct jj_value what)
{
	const struct jj_list *items;

	if (!jj_ok(j))
		return false;
	if (in.type == JJ_STR) {
		if (what.type == JJ_STR)
			return jj_find(j, in.as.s, what.as.s, 0) != JJ_NOWHERE;
		jj_fail(j, FMT_MALFORMED, "'in <string>' requires string as left operand, not %s", jj_type_name(what));
		return false;
	}
	if (in.type == JJ_DICT) {
		if (!jj_hashable(what))
			jj_fail(j, FMT_MALFORMED, "unhashable type: '%s'", jj_type_name(what));
		return jj_ok(j) && jj_dict_get(j, in.as.dict, what);
	}
	if (!jj_is_seq(in) && in.type != JJ_UNDEFINED) {
		jj_fail(j, FMT_MALFORMED, "argument of type '%s' is not iterable", jj_type_name(in));
		return false;
	}
	items = jj_items(j, in);
	for (size_t i = 0; items && i < items->n && jj_ok(j); i++)
		if (jj_equal(j, items->items[i], what))
			return true;
	return false;
}

bool jj_compare(struct jj *j, enum jj_op op, struct jj_value a, struct jj_value b)
{
	int order;

	if (op == JJ_EQ || op == JJ_NE)
		return jj_equal(j, a, b) == (op == JJ_EQ);
	if (op == JJ_IN || op == JJ_NOT_IN)
		return jj_contains(j, b, a) == (op == JJ_IN);
	order = jj_order(j, a, b, symbols[op]);
	if (order == 2 || !jj_ok(j))
		return false;
	return op == JJ_LT ? order < 0 : op == JJ_LE ? order <= 0 : op == JJ_GT ? order > 0 : order >= 0;
}
