/* Expressions of rank_pattern and alpha_pattern, which come from a file: a matcher that cannot run for ever. */
#include <string.h>

#include <libfmt/utf8.h>

#include "peft.h"

/* Steps for one name: real expressions take some hundreds. */
enum { MAX_STEPS = 100000 };

/* What is to be matched after the end of an expression's part. */
struct rest {
	struct fmt_str pattern;
	const struct rest *next;
};

struct matcher {
	unsigned steps;
	bool unsupported;
};

static struct fmt_str cut(struct fmt_str s, size_t n)
{
	return (struct fmt_str){ s.p + n, s.n - n };
}

/* Bytes of the atom at the front: a group, a class, an escaped character, or one character; 0: it has no end. */
static size_t atom_bytes(struct fmt_str p)
{
	size_t depth = 0, i = 0;

	if (p.p[0] == '\\')
		return p.n > 1 ? 2 : 0;
	if (p.p[0] == '[') {
		for (i = 2; i < p.n && p.p[i] != ']'; i++)
			;
		return i < p.n ? i + 1 : 0;
	}
	if (p.p[0] != '(')
		return 1;
	for (; i < p.n; i++) {
		depth += p.p[i] == '(';
		depth -= p.p[i] == ')';
		if (p.p[i] == '\\')
			i++;
		else if (!depth)
			return i + 1;
	}
	return 0;
}

/* [a-z_]: single characters and ranges, without escapes; ^ in front turns it round. */
static bool in_class(struct fmt_str class, char c)
{
	bool not = class.n && class.p[0] == '^', in = false;

	for (size_t i = not; i < class.n; i++) {
		if (i + 2 < class.n && class.p[i + 1] == '-') {
			in = in || (c >= class.p[i] && c <= class.p[i + 2]);
			i += 2;
		} else {
			in = in || c == class.p[i];
		}
	}
	return in != not;
}

static bool atom_is(struct matcher *m, struct fmt_str atom, char c)
{
	if (atom.p[0] == '.')
		return true;
	if (atom.p[0] == '[')
		return in_class((struct fmt_str){ atom.p + 1, atom.n - 2 }, c);
	if (atom.p[0] != '\\')
		return c == atom.p[0];
	if (atom.p[1] == 'd')
		return c >= '0' && c <= '9';
	if (atom.p[1] == 'w')
		return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
	if ((atom.p[1] >= 'a' && atom.p[1] <= 'z') || (atom.p[1] >= 'A' && atom.p[1] <= 'Z'))
		m->unsupported = true;
	return c == atom.p[1];
}

static bool match(struct matcher *m, struct fmt_str p, struct fmt_str s, size_t at, const struct rest *rest);

/* Each alternative of a group, and then the rest. */
static bool match_group(struct matcher *m, struct fmt_str inside, struct fmt_str s, size_t at, const struct rest *rest)
{
	size_t start = 0;

	if (inside.n > 1 && inside.p[0] == '?' && inside.p[1] == ':')
		inside = cut(inside, 2);
	else if (inside.n && inside.p[0] == '?')
		m->unsupported = true;
	for (size_t i = 0, n; i <= inside.n; i += n) {
		n = i < inside.n ? atom_bytes(cut(inside, i)) : 1;
		if (!n)
			return false;
		if (i < inside.n && inside.p[i] != '|')
			continue;
		if (match(m, (struct fmt_str){ inside.p + start, i - start }, s, at, rest))
			return true;
		start = i + 1;
	}
	return false;
}

/* One character, at least min and at most max times, as many as possible first. */
static bool match_many(struct matcher *m, struct fmt_str atom, size_t min, size_t max, struct fmt_str after, struct fmt_str s,
                       size_t at, const struct rest *rest)
{
	size_t n = 0;

	while (n < max && at + n < s.n && atom_is(m, atom, s.p[at + n]))
		n++;
	for (; n + 1 > min && !m->unsupported; n--)
		if (match(m, after, s, at + n, rest) || !n)
			return n || match(m, after, s, at, rest);
	return false;
}

/* The pattern and then the rest, from s.p[at] to the very end. */
static bool match(struct matcher *m, struct fmt_str p, struct fmt_str s, size_t at, const struct rest *rest)
{
	size_t n, min = 1, max = 1, skip = 0;
	struct rest after;
	char mark;

	if (++m->steps > MAX_STEPS)
		m->unsupported = true;
	if (m->unsupported)
		return false;
	if (!p.n)
		return rest ? match(m, rest->pattern, s, at, rest->next) : at == s.n;
	if (p.p[0] == '^')
		return at == 0 && match(m, cut(p, 1), s, at, rest);
	if (p.p[0] == '$')
		return at == s.n && match(m, cut(p, 1), s, at, rest);
	n = atom_bytes(p);
	if (!n || strchr("*+?{)|", p.p[0]) || (n < p.n && p.p[n] == '{')) {
		m->unsupported = true;
		return false;
	}
	mark = n < p.n ? p.p[n] : 0;
	if (mark == '*' || mark == '+' || mark == '?') {
		min = mark == '+';
		max = mark == '?' ? 1 : SIZE_MAX;
		skip = 1 + (n + 1 < p.n && p.p[n + 1] == '?'); /* a whole name is matched: greedy or not is the same */
	}
	after = (struct rest){ cut(p, n + skip), rest };
	if (p.p[0] != '(')
		return match_many(m, (struct fmt_str){ p.p, n }, min, max, after.pattern, s, at, rest);
	if (skip && max > 1)
		m->unsupported = true;
	return match_group(m, (struct fmt_str){ p.p + 1, n - 2 }, s, at, &after) ||
	       (!min && match(m, after.pattern, s, at, rest));
}

bool peft_matches(struct fmt_str pattern, struct fmt_str module, bool *matches, struct fmt_err *err)
{
	struct matcher m = { 0 };
	char text[FMT_SHOW_BYTES];

	*matches = false;
	/* the whole name, or what is behind any of its dots */
	for (size_t i = 0; i <= module.n && !*matches && !m.unsupported; i++)
		if (!i || module.p[i - 1] == '.')
			*matches = match_group(&m, pattern, module, i, NULL);
	if (!m.unsupported)
		return true;
	return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "the expression %s is not one that is known here",
	                fmt_show(pattern, text));
}
