/* Tokens to a tree: statements. (jinja2/parser.py is the specification.) */
#include <stdio.h>
#include <string.h>

#include "jinja.h"

static struct jj_node *parse_body(struct jj_parser *p, const char *const *ends);

struct jj_node *jj_node(struct jj_parser *p, enum jj_kind kind)
{
	struct jj_node *n = jj_alloc(p->m, 1, sizeof *n);

	if (n) {
		n->kind = kind;
		n->line = p->t->line;
	}
	return n;
}

bool jj_enter(struct jj_parser *p)
{
	if (p->nest == JJ_MAX_NEST)
		return fmt_fail(p->m->err, FMT_LIMIT, FMT_NO_OFFSET,
		                "template line %lu: more than %d levels in each other", (unsigned long)p->t->line,
		                JJ_MAX_NEST);
	p->nest++;
	return true;
}

static void *fail(struct jj_parser *p, enum fmt_code code, const char *what)
{
	fmt_fail(p->m->err, code, FMT_NO_OFFSET, "template line %lu: %s", (unsigned long)p->t->line, what);
	return NULL;
}

/* The name of a statement that is closed by {% endNAME %}: its body, and what closes it is gone past. */
static struct jj_node *body_until(struct jj_parser *p, const char *end)
{
	const char *const ends[] = { end, NULL };
	struct jj_node *body = parse_body(p, ends);

	jj_skip_name(p, end);
	return body;
}

static bool end_block(struct jj_parser *p)
{
	if (p->m->err->code)
		return false;
	if (p->t->type != JJ_T_BLOCK_END) {
		jj_unexpected(p, "%}");
		return false;
	}
	p->t++;
	return true;
}

/* if and elif: from behind the word on; the end of the whole is gone past. */
static struct jj_node *parse_if(struct jj_parser *p)
{
	static const char *const ends[] = { "elif", "else", "endif", NULL };
	struct jj_node *first = jj_node(p, JJ_IF), *n = first;

	for (;;) {
		if (!n)
			return NULL;
		n->a = jj_parse_tuple(p, false, NULL, false);
		if (!end_block(p))
			return NULL;
		n->b = parse_body(p, ends);
		if (!jj_skip_name(p, "elif"))
			break;
		n->c = jj_node(p, JJ_IF);
		n->flag = true;
		n = n->c;
	}
	if (jj_skip_name(p, "else")) {
		if (!end_block(p))
			return NULL;
		n->c = body_until(p, "endif");
	} else {
		jj_skip_name(p, "endif");
	}
	return first;
}

static struct jj_node *parse_for(struct jj_parser *p)
{
	static const char *const ends[] = { "else", "endfor", NULL };
	struct jj_node *n = jj_node(p, JJ_FOR);

	if (!n)
		return NULL;
	n->a = jj_parse_target(p, false);
	if (!jj_skip_name(p, "in"))
		return jj_unexpected(p, "'in'");
	n->b = jj_parse_tuple(p, false, "recursive", false);
	if (jj_skip_name(p, "if"))
		n->d = jj_parse_expr(p, true);
	n->flag = jj_skip_name(p, "recursive");
	if (!end_block(p))
		return NULL;
	p->loops++;
	n->c = parse_body(p, ends);
	p->loops--;
	if (jj_skip_name(p, "else")) {
		if (!end_block(p))
			return NULL;
		n->e = body_until(p, "endfor");
	} else {
		jj_skip_name(p, "endfor");
	}
	return n;
}

static struct jj_node *parse_set(struct jj_parser *p)
{
	struct jj_node *n = jj_node(p, JJ_SET);

	if (!n)
		return NULL;
	n->a = jj_parse_target(p, true);
	if (jj_skip_op(p, "=")) {
		n->b = jj_parse_tuple(p, true, NULL, false);
		return n;
	}
	n->kind = JJ_SET_BLOCK;
	n->b = jj_parse_filters(p, NULL, false);
	if (!end_block(p))
		return NULL;
	n->c = body_until(p, "endset");
	return n;
}

/* "(a, b=1)" of a macro or of {% call(a, b) %}. */
static struct jj_node *parse_params(struct jj_parser *p)
{
	struct jj_node *first = NULL, **tail = &first;
	bool defaults = false;

	if (!jj_expect_op(p, "("))
		return NULL;
	while (!jj_is_op(p, ")")) {
		struct jj_node *n = jj_node(p, JJ_PARAM);

		if (!n || (first && !jj_expect_op(p, ",")))
			return NULL;
		n->name = jj_expect_name(p);
		if (jj_skip_op(p, "=")) {
			n->a = jj_parse_expr(p, true);
			defaults = true;
		} else if (defaults) {
			return fail(p, FMT_MALFORMED, "a parameter without a default follows one that has one");
		}
		if (p->m->err->code)
			return NULL;
		*tail = n;
		tail = &n->next;
	}
	p->t++;
	return first;
}

/* The body of a macro, from behind its parameters on; what is outside does not matter inside, and the other way round. */
static struct jj_node *macro_body(struct jj_parser *p, struct jj_node *macro, const char *end)
{
	unsigned loops = p->loops, uses = p->uses;

	if (!end_block(p))
		return NULL;
	p->loops = p->uses = 0;
	macro->b = body_until(p, end);
	macro->op = (uint8_t)p->uses;
	p->loops = loops;
	p->uses |= uses;
	return macro;
}

static struct jj_node *parse_macro(struct jj_parser *p)
{
	struct jj_node *n = jj_node(p, JJ_MACRO_DEF);

	if (!n)
		return NULL;
	n->name = jj_expect_name(p);
	n->a = parse_params(p);
	return macro_body(p, n, "endmacro");
}

static struct jj_node *parse_call(struct jj_parser *p)
{
	struct jj_node *n = jj_node(p, JJ_CALL_BLOCK), *caller = jj_node(p, JJ_MACRO_DEF);

	if (!n || !caller)
		return NULL;
	caller->name = FMT_STR("caller");
	if (jj_is_op(p, "("))
		caller->a = parse_params(p);
	n->a = jj_parse_expr(p, true);
	if (n->a && n->a->kind != JJ_CALL)
		return fail(p, FMT_MALFORMED, "{% call %} calls nothing");
	n->b = macro_body(p, caller, "endcall");
	return n;
}

static struct jj_node *parse_filter_block(struct jj_parser *p)
{
	struct jj_node *n = jj_node(p, JJ_FILTER_BLOCK);

	if (!n)
		return NULL;
	n->a = jj_parse_filters(p, NULL, true);
	if (!end_block(p))
		return NULL;
	n->b = body_until(p, "endfilter");
	return n;
}

static struct jj_node *parse_with(struct jj_parser *p)
{
	struct jj_node *n = jj_node(p, JJ_WITH), **tail = n ? &n->a : NULL;

	while (n && p->t->type != JJ_T_BLOCK_END) {
		struct jj_node *set = jj_node(p, JJ_SET);

		if (!set || (n->a && !jj_expect_op(p, ",")))
			return NULL;
		set->a = jj_parse_target(p, false);
		if (!jj_expect_op(p, "="))
			return NULL;
		set->b = jj_parse_expr(p, true);
		*tail = set;
		tail = &set->next;
	}
	if (!n || !end_block(p))
		return NULL;
	n->b = body_until(p, "endwith");
	return n;
}

/* {% generation %} marks what the model said; it changes nothing in the text, but its body is a scope. */
static struct jj_node *parse_generation(struct jj_parser *p)
{
	struct jj_node *n = jj_node(p, JJ_BODY);
	unsigned loops = p->loops;

	if (!n || !end_block(p))
		return NULL;
	p->loops = 0;
	n->b = body_until(p, "endgeneration");
	p->loops = loops;
	return n;
}

static struct jj_node *parse_jump(struct jj_parser *p, enum jj_kind kind)
{
	if (!p->loops)
		return fail(p, FMT_MALFORMED,
		            kind == JJ_BREAK ? "break outside of a loop" : "continue outside of a loop");
	return jj_node(p, kind);
}

static struct jj_node *parse_break(struct jj_parser *p)
{
	return parse_jump(p, JJ_BREAK);
}

static struct jj_node *parse_continue(struct jj_parser *p)
{
	return parse_jump(p, JJ_CONTINUE);
}

static struct jj_node *parse_print(struct jj_parser *p)
{
	struct jj_node *first = NULL, **tail = &first;

	while (p->t->type != JJ_T_BLOCK_END) {
		struct jj_node *n = jj_node(p, JJ_PRINT);

		if (!n || (first && !jj_expect_op(p, ",")))
			return NULL;
		n->a = jj_parse_expr(p, true);
		if (p->m->err->code)
			return NULL;
		*tail = n;
		tail = &n->next;
	}
	return first;
}

static const struct {
	const char *name;
	struct jj_node *(*parse)(struct jj_parser *p);
} statements[] = {
	{ "if", parse_if },
	{ "for", parse_for },
	{ "set", parse_set },
	{ "macro", parse_macro },
	{ "call", parse_call },
	{ "filter", parse_filter_block },
	{ "with", parse_with },
	{ "generation", parse_generation },
	{ "break", parse_break },
	{ "continue", parse_continue },
	{ "print", parse_print },
};

static struct jj_node *parse_statement(struct jj_parser *p)
{
	struct fmt_str name = p->t->text;
	char text[200];
	struct jj_node *n;

	if (p->t->type != JJ_T_NAME)
		return jj_unexpected(p, "a tag's name");
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
		if (!fmt_str_is(name, statements[i].name))
			continue;
		p->t++;
		n = statements[i].parse(p);
		return end_block(p) ? n : NULL;
	}
	snprintf(text, sizeof text, "the tag '%.*s' is not supported, or stands where it has no meaning",
	         jj_shown(name), name.p);
	return fail(p, FMT_UNSUPPORTED, text);
}

static struct jj_node *parse_print_tag(struct jj_parser *p)
{
	struct jj_node *n = jj_node(p, JJ_PRINT);

	p->t++;
	if (!n)
		return NULL;
	n->a = jj_parse_tuple(p, true, NULL, false);
	if (p->m->err->code)
		return NULL;
	if (p->t->type != JJ_T_VAR_END)
		return jj_unexpected(p, "}}");
	p->t++;
	return n;
}

static struct jj_node *parse_data(struct jj_parser *p)
{
	struct jj_node *n = jj_node(p, JJ_TEXT);

	if (n) {
		n->value = (struct jj_value){ .type = JJ_STR, .as.s = p->t->text };
		p->t++;
	}
	return n;
}

static bool ends_here(const struct jj_parser *p, const char *const *ends)
{
	for (; ends && *ends; ends++)
		if (jj_is_name(p, *ends))
			return true;
	return false;
}

/* Statements up to one of the tags that end them, which is left for the caller behind its "{%"; with ends NULL to the end
 * of the template. */
static struct jj_node *parse_body(struct jj_parser *p, const char *const *ends)
{
	struct jj_node *first = NULL, **tail = &first;

	if (!jj_enter(p))
		return NULL;
	while (!p->m->err->code && p->t->type != JJ_T_END) {
		if (p->t->type == JJ_T_DATA) {
			*tail = parse_data(p);
		} else if (p->t->type == JJ_T_VAR_BEGIN) {
			*tail = parse_print_tag(p);
		} else {
			p->t++;
			if (ends_here(p, ends))
				break;
			*tail = parse_statement(p);
		}
		while (*tail)
			tail = &(*tail)->next;
	}
	p->nest--;
	if (ends && p->t->type == JJ_T_END)
		jj_unexpected(p, *ends);
	return p->m->err->code ? NULL : first;
}

struct jj_node *jj_parse(struct jj_mem *m, const struct jj_token *tokens)
{
	struct jj_parser p = { .m = m, .t = tokens };

	return parse_body(&p, NULL);
}
