/* What the parser asks of the next token. */
#include <stdio.h>
#include <string.h>

#include "jinja.h"

bool jj_is_op(const struct jj_parser *p, const char *op)
{
	return p->t->type == JJ_T_OP && !strcmp(p->t->op, op);
}

bool jj_is_name(const struct jj_parser *p, const char *name)
{
	return p->t->type == JJ_T_NAME && fmt_str_is(p->t->text, name);
}

bool jj_skip_op(struct jj_parser *p, const char *op)
{
	bool is = jj_is_op(p, op);

	p->t += is;
	return is;
}

bool jj_skip_name(struct jj_parser *p, const char *name)
{
	bool is = jj_is_name(p, name);

	p->t += is;
	return is;
}

bool jj_expect_op(struct jj_parser *p, const char *op)
{
	char wanted[8];

	if (p->m->err->code || jj_skip_op(p, op))
		return !p->m->err->code;
	snprintf(wanted, sizeof wanted, "'%s'", op);
	jj_unexpected(p, wanted);
	return false;
}

struct fmt_str jj_expect_name(struct jj_parser *p)
{
	if (p->m->err->code || p->t->type != JJ_T_NAME) {
		jj_unexpected(p, "a name");
		return FMT_STR("");
	}
	return (p->t++)->text;
}

/* What a token is, for a message. */
static struct fmt_str describe(const struct jj_token *t)
{
	static const char *const kinds[] = {
		[JJ_T_END] = "the end of the template",
		[JJ_T_DATA] = "text",
		[JJ_T_VAR_BEGIN] = "{{",
		[JJ_T_VAR_END] = "}}",
		[JJ_T_BLOCK_BEGIN] = "{%",
		[JJ_T_BLOCK_END] = "%}",
		[JJ_T_STRING] = "a string",
		[JJ_T_INT] = "a number",
		[JJ_T_FLOAT] = "a number",
	};

	if (t->type == JJ_T_NAME)
		return t->text;
	if (t->type == JJ_T_OP)
		return (struct fmt_str){ t->op, strlen(t->op) };
	return (struct fmt_str){ kinds[t->type], strlen(kinds[t->type]) };
}

void *jj_unexpected(struct jj_parser *p, const char *wanted)
{
	struct fmt_str s = describe(p->t);

	fmt_fail(p->m->err, FMT_MALFORMED, FMT_NO_OFFSET, "template line %lu: expected %s, found %.*s",
	         (unsigned long)p->t->line, wanted, jj_shown(s), s.p);
	return NULL;
}
