/* Tokens to a tree: expressions, one function per level of precedence, weakest first. */
#include <string.h>

#include "jinja.h"

static struct jj_node *parse_unary(struct jj_parser *p, bool with_filter);

static struct jj_node *make(struct jj_parser *p, enum jj_kind kind, struct jj_node *a, struct jj_node *b)
{
	struct jj_node *n = jj_node(p, kind);

	if (n) {
		n->a = a;
		n->b = b;
		n->line = a ? a->line : n->line;
	}
	return n;
}

static struct jj_node *make_const(struct jj_parser *p, struct jj_value v)
{
	struct jj_node *n = jj_node(p, JJ_CONST);

	if (n)
		n->value = v;
	return n;
}

/* A comma between items; false at the end of them, or after an error. */
static bool more_items(struct jj_parser *p, bool first, const char *end)
{
	if (p->m->err->code || jj_is_op(p, end))
		return false;
	return first || (jj_expect_op(p, ",") && !jj_is_op(p, end));
}

static struct jj_node *parse_list(struct jj_parser *p)
{
	struct jj_node *n = jj_node(p, JJ_MAKE_LIST), **tail = n ? &n->a : NULL;

	while (n && more_items(p, !n->a, "]")) {
		*tail = jj_parse_expr(p, true);
		if (*tail)
			tail = &(*tail)->next;
	}
	return jj_expect_op(p, "]") ? n : NULL;
}

static struct jj_node *parse_dict(struct jj_parser *p)
{
	struct jj_node *n = jj_node(p, JJ_MAKE_DICT), **tail = n ? &n->a : NULL;

	while (n && more_items(p, !n->a, "}")) {
		struct jj_node *key = jj_parse_expr(p, true);

		if (!jj_expect_op(p, ":"))
			return NULL;
		*tail = key;
		key->next = jj_parse_expr(p, true);
		if (key->next)
			tail = &key->next->next;
	}
	return jj_expect_op(p, "}") ? n : NULL;
}

static struct jj_node *parse_strings(struct jj_parser *p)
{
	struct jj_node *n = make_const(p, (struct jj_value){ .type = JJ_STR, .as.s = FMT_STR("") });

	for (; n && p->t->type == JJ_T_STRING; p->t++)
		n->value.as.s = jj_join(p->m, n->value.as.s, p->t->text);
	return n;
}

static struct jj_node *parse_name(struct jj_parser *p)
{
	static const struct {
		const char *name;
		uint8_t type;
		bool value;
	} constants[] = {
		{ "true", JJ_BOOL, true },  { "True", JJ_BOOL, true }, { "false", JJ_BOOL, false },
		{ "False", JJ_BOOL, false }, { "none", JJ_NONE, false }, { "None", JJ_NONE, false },
	};
	struct jj_node *n = NULL;

	for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
		if (jj_is_name(p, constants[i].name))
			n = make_const(p, (struct jj_value){ .type = constants[i].type, .as.b = constants[i].value });
	if (!n) {
		n = jj_node(p, JJ_NAME);
		if (n)
			n->name = p->t->text;
		p->uses |= jj_is_name(p, "caller") ? JJ_USES_CALLER : 0;
		p->uses |= jj_is_name(p, "varargs") ? JJ_USES_VARARGS : 0;
		p->uses |= jj_is_name(p, "kwargs") ? JJ_USES_KWARGS : 0;
	}
	p->t++;
	return n;
}

static struct jj_node *parse_primary(struct jj_parser *p)
{
	struct jj_node *n;

	if (p->m->err->code)
		return NULL;
	switch (p->t->type) {
	case JJ_T_NAME:
		return parse_name(p);
	case JJ_T_STRING:
		return parse_strings(p);
	case JJ_T_INT:
		return make_const(p, (struct jj_value){ .type = JJ_INT, .as.i = (p->t++)->i });
	case JJ_T_FLOAT:
		return make_const(p, (struct jj_value){ .type = JJ_FLOAT, .as.f = (p->t++)->f });
	default:
		break;
	}
	if (jj_skip_op(p, "(")) {
		n = jj_parse_tuple(p, true, NULL, true);
		return jj_expect_op(p, ")") ? n : NULL;
	}
	if (jj_skip_op(p, "["))
		return parse_list(p);
	if (jj_skip_op(p, "{"))
		return parse_dict(p);
	return jj_unexpected(p, "an expression");
}

static struct jj_node *parse_args(struct jj_parser *p)
{
	struct jj_node *first = NULL, **tail = &first;

	jj_expect_op(p, "(");
	while (more_items(p, !first, ")")) {
		struct jj_node *n = jj_node(p, JJ_ARG);

		if (!n)
			return NULL;
		if (jj_skip_op(p, "**")) {
			n->op = 'k';
		} else if (jj_skip_op(p, "*")) {
			n->op = '*';
		} else if (p->t->type == JJ_T_NAME && p->t[1].type == JJ_T_OP && !strcmp(p->t[1].op, "=")) {
			n->name = p->t->text;
			p->t += 2;
		}
		n->a = jj_parse_expr(p, true);
		*tail = n;
		tail = &n->next;
	}
	jj_expect_op(p, ")");
	return first;
}

/* One of the things in "x[a, b:c]". */
static struct jj_node *parse_subscript(struct jj_parser *p)
{
	struct jj_node *slice, **part;

	if (!jj_is_op(p, ":")) {
		struct jj_node *n = jj_parse_expr(p, true);

		if (!jj_is_op(p, ":"))
			return n;
		slice = make(p, JJ_SLICE, NULL, n);
	} else {
		slice = jj_node(p, JJ_SLICE);
	}
	if (!slice)
		return NULL;
	part = &slice->c;
	while (jj_skip_op(p, ":")) {
		if (!part)
			return jj_unexpected(p, "']'");
		if (!jj_is_op(p, ":") && !jj_is_op(p, "]") && !jj_is_op(p, ","))
			*part = jj_parse_expr(p, true);
		part = part == &slice->c ? &slice->d : NULL;
	}
	return slice;
}

static struct jj_node *parse_brackets(struct jj_parser *p, struct jj_node *of)
{
	struct jj_node *first = NULL, **tail = &first, *n;

	p->t++;
	while (more_items(p, !first, "]")) {
		*tail = parse_subscript(p);
		if (*tail)
			tail = &(*tail)->next;
	}
	if (!jj_expect_op(p, "]"))
		return NULL;
	if (!first)
		return jj_unexpected(p, "an index in the brackets before");
	if (first->next) {
		n = make(p, JJ_MAKE_TUPLE, first, NULL);
		return make(p, JJ_ITEM, of, n);
	}
	if (first->kind != JJ_SLICE)
		return make(p, JJ_ITEM, of, first);
	first->a = of;
	return first;
}

static struct jj_node *parse_dot(struct jj_parser *p, struct jj_node *of)
{
	struct jj_node *n;

	p->t++;
	if (p->t->type == JJ_T_INT) {
		n = make_const(p, (struct jj_value){ .type = JJ_INT, .as.i = p->t->i });
		p->t++;
		return make(p, JJ_ITEM, of, n);
	}
	n = make(p, JJ_ATTR, of, NULL);
	if (n)
		n->name = jj_expect_name(p);
	return n;
}

static struct jj_node *parse_postfix(struct jj_parser *p, struct jj_node *n)
{
	while (n && !p->m->err->code) {
		if (jj_is_op(p, "."))
			n = parse_dot(p, n);
		else if (jj_is_op(p, "["))
			n = parse_brackets(p, n);
		else if (jj_is_op(p, "("))
			n = make(p, JJ_CALL, n, parse_args(p));
		else
			break;
	}
	return n;
}

struct jj_node *jj_parse_filters(struct jj_parser *p, struct jj_node *of, bool at_name)
{
	while (!p->m->err->code && (at_name || jj_skip_op(p, "|"))) {
		struct jj_node *n = make(p, JJ_FILTER, of, NULL);

		at_name = false;
		if (!n)
			return NULL;
		n->name = jj_expect_name(p);
		if (jj_is_op(p, "("))
			n->b = parse_args(p);
		of = n;
	}
	return of;
}

/* True where what follows the name of a test without brackets is its argument: "is divisibleby 3". */
static bool has_argument(const struct jj_parser *p)
{
	switch (p->t->type) {
	case JJ_T_NAME:
		return !jj_is_name(p, "else") && !jj_is_name(p, "or") && !jj_is_name(p, "and");
	case JJ_T_STRING:
	case JJ_T_INT:
	case JJ_T_FLOAT:
		return true;
	default:
		return jj_is_op(p, "[") || jj_is_op(p, "{");
	}
}

static struct jj_node *parse_test(struct jj_parser *p, struct jj_node *of)
{
	bool negated = jj_skip_name(p, "not");
	struct jj_node *n = make(p, JJ_TEST, of, NULL);

	if (!n)
		return NULL;
	n->name = jj_expect_name(p);
	if (jj_is_op(p, "(")) {
		n->b = parse_args(p);
	} else if (has_argument(p)) {
		if (jj_is_name(p, "is"))
			return jj_unexpected(p, "no second 'is'");
		n->b = make(p, JJ_ARG, parse_postfix(p, parse_primary(p)), NULL);
	}
	if (!negated)
		return n;
	n = make(p, JJ_UNARY, n, NULL);
	if (n)
		n->op = JJ_NOT;
	return n;
}

static struct jj_node *parse_behind(struct jj_parser *p, struct jj_node *n)
{
	while (n && !p->m->err->code) {
		if (jj_is_op(p, "|"))
			n = jj_parse_filters(p, n, false);
		else if (jj_skip_name(p, "is"))
			n = parse_test(p, n);
		else if (jj_is_op(p, "("))
			n = make(p, JJ_CALL, n, parse_args(p));
		else
			break;
	}
	return n;
}

static struct jj_node *parse_unary(struct jj_parser *p, bool with_filter)
{
	struct jj_node *n;
	enum jj_op op = jj_is_op(p, "-") ? JJ_NEG : jj_is_op(p, "+") ? JJ_POS : 0;

	if (!jj_enter(p))
		return NULL;
	if (op) {
		p->t++;
		n = make(p, JJ_UNARY, parse_unary(p, false), NULL);
		if (n)
			n->op = op;
	} else {
		n = parse_primary(p);
	}
	n = parse_postfix(p, n);
	if (with_filter)
		n = parse_behind(p, n);
	p->nest--;
	return n;
}

/* Operators between equals, strongest level first. */
#define MAX_OPS 4
static const struct level {
	struct {
		const char *text;
		enum jj_op op;
	} ops[MAX_OPS];
} levels[] = {
	{ { { "**", JJ_POW } } },
	{ { { "*", JJ_MUL }, { "/", JJ_DIV }, { "//", JJ_FLOORDIV }, { "%", JJ_MOD } } },
	{ { { "~", JJ_CONCAT } } },
	{ { { "+", JJ_ADD }, { "-", JJ_SUB } } },
};

static struct jj_node *parse_level(struct jj_parser *p, size_t level)
{
	struct jj_node *n = level ? parse_level(p, level - 1) : parse_unary(p, true);

	for (size_t i = 0; i < MAX_OPS && levels[level].ops[i].text && n && !p->m->err->code; i++) {
		if (!jj_skip_op(p, levels[level].ops[i].text))
			continue;
		n = make(p, JJ_BINARY, n, level ? parse_level(p, level - 1) : parse_unary(p, true));
		if (n)
			n->op = levels[level].ops[i].op;
		i = SIZE_MAX; /* any of them may follow */
	}
	return n;
}

static enum jj_op comparison(struct jj_parser *p)
{
	static const struct {
		const char *text;
		enum jj_op op;
	} ops[] = {
		{ "==", JJ_EQ }, { "!=", JJ_NE }, { "<", JJ_LT }, { "<=", JJ_LE }, { ">", JJ_GT }, { ">=", JJ_GE }
	};

	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
		if (jj_skip_op(p, ops[i].text))
			return ops[i].op;
	if (jj_skip_name(p, "in"))
		return JJ_IN;
	if (jj_is_name(p, "not") && p->t[1].type == JJ_T_NAME && fmt_str_is(p->t[1].text, "in")) {
		p->t += 2;
		return JJ_NOT_IN;
	}
	return 0;
}

static struct jj_node *parse_compare(struct jj_parser *p)
{
	struct jj_node *n = parse_level(p, sizeof levels / sizeof *levels - 1), **tail = NULL;
	enum jj_op op;

	while (n && !p->m->err->code && (op = comparison(p))) {
		struct jj_node *operand = jj_node(p, JJ_OPERAND);

		if (!operand)
			return NULL;
		operand->op = op;
		operand->a = parse_level(p, sizeof levels / sizeof *levels - 1);
		if (!tail) {
			n = make(p, JJ_COMPARE, n, operand);
		} else {
			*tail = operand;
		}
		tail = &operand->next;
	}
	return n;
}

static struct jj_node *parse_not(struct jj_parser *p)
{
	struct jj_node *n;

	if (!jj_is_name(p, "not"))
		return parse_compare(p);
	if (!jj_enter(p))
		return NULL;
	p->t++;
	n = make(p, JJ_UNARY, parse_not(p), NULL);
	if (n)
		n->op = JJ_NOT;
	p->nest--;
	return n;
}

static struct jj_node *parse_and(struct jj_parser *p)
{
	struct jj_node *n = parse_not(p);

	while (n && !p->m->err->code && jj_skip_name(p, "and"))
		n = make(p, JJ_AND, n, parse_not(p));
	return n;
}

static struct jj_node *parse_or(struct jj_parser *p)
{
	struct jj_node *n = parse_and(p);

	while (n && !p->m->err->code && jj_skip_name(p, "or"))
		n = make(p, JJ_OR, n, parse_and(p));
	return n;
}

static struct jj_node *parse_if_expr(struct jj_parser *p)
{
	struct jj_node *n = parse_or(p);

	while (n && !p->m->err->code && jj_skip_name(p, "if")) {
		n = make(p, JJ_IF_EXPR, n, parse_or(p));
		if (n && jj_skip_name(p, "else"))
			n->c = jj_parse_expr(p, true);
	}
	return n;
}

struct jj_node *jj_parse_expr(struct jj_parser *p, bool with_if)
{
	struct jj_node *n;

	if (p->m->err->code || !jj_enter(p))
		return NULL;
	n = with_if ? parse_if_expr(p) : parse_or(p);
	p->nest--;
	return p->m->err->code ? NULL : n;
}

static bool tuple_ends(const struct jj_parser *p, const char *end)
{
	return p->t->type == JJ_T_VAR_END || p->t->type == JJ_T_BLOCK_END || jj_is_op(p, ")") ||
	       (end && jj_is_name(p, end));
}

struct jj_node *jj_parse_tuple(struct jj_parser *p, bool with_if, const char *end, bool in_brackets)
{
	struct jj_node *first = NULL, **tail = &first;
	bool comma = false;

	while (!p->m->err->code && !tuple_ends(p, end)) {
		*tail = jj_parse_expr(p, with_if);
		if (!*tail)
			return NULL;
		tail = &(*tail)->next;
		if (!jj_skip_op(p, ","))
			break;
		comma = true;
	}
	if (first && !comma)
		return first;
	if (!first && !in_brackets)
		return jj_unexpected(p, "an expression");
	return make(p, JJ_MAKE_TUPLE, first, NULL);
}

/* One target: a name, targets in brackets, or with_attr "ns.name". */
static struct jj_node *parse_one_target(struct jj_parser *p, bool with_attr)
{
	struct jj_node *n;

	if (jj_is_op(p, "(")) {
		if (!jj_enter(p))
			return NULL;
		p->t++;
		n = jj_parse_target(p, false);
		p->nest--;
		return jj_expect_op(p, ")") ? n : NULL;
	}
	n = jj_node(p, JJ_NAME);
	if (n)
		n->name = jj_expect_name(p);
	if (n && with_attr && jj_skip_op(p, ".")) {
		n = make(p, JJ_ATTR, n, NULL);
		if (n)
			n->name = jj_expect_name(p);
	}
	return p->m->err->code ? NULL : n;
}

/* What can be assigned to: one target, or several with commas, which take a value apart. */
struct jj_node *jj_parse_target(struct jj_parser *p, bool with_attr)
{
	struct jj_node *first = NULL, **tail = &first;
	bool comma = false;

	do {
		*tail = parse_one_target(p, with_attr);
		if (!*tail)
			return NULL;
		tail = &(*tail)->next;
		if (!jj_skip_op(p, ","))
			break;
		comma = true;
	} while ((p->t->type == JJ_T_NAME && !jj_is_name(p, "in")) || jj_is_op(p, "("));
	return comma ? make(p, JJ_MAKE_TUPLE, first, NULL) : first;
}
