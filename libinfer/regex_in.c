/* Translation of expressions to PCRE2, and searching. The only user of PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regex_in.h"
#include "tok_text.h"
#include "unicode.h"

/* Bytes of an expression: the longest in use has some 2,000. */
#define MAX_PATTERN_BYTES 65536
/* Steps of one search: a base that no sane expression needs, and so many per byte of text, since \s* over a long run
 * of spaces takes some steps for each. */
#define STEPS_BASE     10000000
#define STEPS_PER_BYTE 64
#define MAX_CLASS_DEPTH 8
#define JIT_STACK_BYTES ((size_t)8 << 20)
#define HEAP_LIMIT_KIB  (256u << 10)

struct regex {
	pcre2_code *code;
	bool restarts;
};

struct regex_run {
	pcre2_match_data *match;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
};

struct translation {
	struct fmt_str in;
	size_t at;
	struct tok_bytes out;
	bool looks_back; /* by what PCRE2 does not count as looking back */
	bool in_class;
	bool class_start; /* just after "[" or "[^": a "]" is an ordinary character */
	struct fmt_err *err;
};

/* What a class holds: code points of some categories, or those of which a function says so. */
struct members {
	uint32_t set;
	bool (*has)(uint32_t code); /* NULL: by the set */
};

static void put_range(struct translation *t, uint32_t first, uint32_t last)
{
	char text[48];
	int n = first == last ? snprintf(text, sizeof text, "\\x{%X}", first)
	                      : snprintf(text, sizeof text, "\\x{%X}-\\x{%X}", first, last);

	tok_bytes_put(&t->out, text, (size_t)n, t->err);
}

/* The members (or with `want` false all others) as ranges. Surrogates cannot be in UTF-8 and are left out. */
static void put_ranges(struct translation *t, const struct members *m, bool want)
{
	uint32_t first = 0;
	bool open = false;

	for (uint32_t i = 0; i < uni_n_runs; i++) {
		uint32_t code = uni_runs[i] >> 5, end = i + 1 < uni_n_runs ? uni_runs[i + 1] >> 5 : 0x110000;
		enum uni_cat cat = (enum uni_cat)(uni_runs[i] & 31);
		/* Long runs (ideographs, unassigned, private use) are uniform in every function used here. */
		uint32_t step = m->has && end - code < 4096 ? 1 : end - code;

		for (; code < end; code += step) {
			bool in = cat != UNI_CS && (m->has ? m->has(code) : (m->set >> cat & 1)) == want;

			if (in && !open)
				first = code;
			else if (!in && open)
				put_range(t, first, code - 1);
			open = in;
		}
	}
	if (open)
		put_range(t, first, 0x10ffff);
}

static void put_text(struct translation *t, const char *s)
{
	tok_bytes_put(&t->out, s, strlen(s), t->err);
}

static void put_set(struct translation *t, struct members m, bool want)
{
	if (!t->in_class)
		put_text(t, "[");
	put_ranges(t, &m, want);
	if (!t->in_class)
		put_text(t, "]");
}

/* \p{NAME}, \P{NAME}, \p{^NAME}; `at` is behind the letter. Scripts are left to PCRE2. */
static bool put_property(struct translation *t, bool want)
{
	const char *p = t->in.p + t->at, *end = t->in.p + t->in.n;
	const char *close = p < end && *p == '{' ? memchr(p, '}', (size_t)(end - p)) : NULL;
	uint32_t set;

	if (!close)
		return fmt_fail(t->err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "\\p without {NAME} in an expression");
	t->at += (size_t)(close + 1 - p);
	p++;
	if (*p == '^') {
		want = !want;
		p++;
	}
	set = uni_set_by_name(p, (size_t)(close - p));
	if (set) {
		put_set(t, (struct members){ .set = set }, want);
		return true;
	}
	put_text(t, want ? "\\p{" : "\\P{");
	tok_bytes_put(&t->out, p, (size_t)(close - p), t->err);
	put_text(t, "}");
	return true;
}

/* What \w takes in Oniguruma: no joiners, but, since its table for Latin-1 says so, superscripts and fractions. */
bool regex_is_word(uint32_t code)
{
	if (code == 0xb2 || code == 0xb3 || code == 0xb9 || (code >= 0xbc && code <= 0xbe))
		return true;
	return uni_is_word(code) && code != 0x200c && code != 0x200d;
}

/* \b: a word on one side only; \B: on both or on none. */
static void put_edge(struct translation *t, bool want)
{
	static const char *const looks[2][4] = { { "(?:(?<=", ")(?=", ")|(?<!", ")(?!" }, { "(?:(?<=", ")(?!", ")|(?<!", ")(?=" } };

	for (size_t i = 0; i < 4; i++) {
		put_text(t, looks[want][i]);
		put_set(t, (struct members){ .has = regex_is_word }, true);
	}
	put_text(t, "))");
}

static bool put_escape(struct translation *t)
{
	char c;

	if (t->at + 1 >= t->in.n)
		return fmt_fail(t->err, FMT_MALFORMED, FMT_NO_OFFSET, "an expression ends in a backslash");
	c = t->in.p[t->at + 1];
	t->at += 2;
	switch (c) {
	case 'p':
	case 'P':
		return put_property(t, c == 'p');
	case 's':
	case 'S':
		put_set(t, (struct members){ .has = uni_is_space }, c == 's');
		return true;
	case 'w':
	case 'W':
		put_set(t, (struct members){ .has = regex_is_word }, c == 'w');
		return true;
	case 'd':
	case 'D':
		put_set(t, (struct members){ .set = 1u << UNI_ND }, c == 'd');
		return true;
	case 'u': /* four digits */
		if (t->in.n - t->at < 4)
			return fmt_fail(t->err, FMT_MALFORMED, FMT_NO_OFFSET, "\\u without four digits in an expression");
		put_text(t, "\\x{");
		tok_bytes_put(&t->out, t->in.p + t->at, 4, t->err);
		put_text(t, "}");
		t->at += 4;
		return true;
	case 'b':
	case 'B':
		if (t->in_class)
			break;
		put_edge(t, c == 'b');
		return true;
	case 'G':
		t->looks_back = true;
		break;
	default:
		break;
	}
	tok_bytes_put(&t->out, t->in.p + t->at - 2, 2, t->err);
	return true;
}

/* True at "[", if there are classes within that class, or "&&". */
static bool is_compound(const struct translation *t)
{
	const char *p = t->in.p + t->at + 1, *end = t->in.p + t->in.n;

	p += p < end && *p == '^';
	for (const char *first = p; p < end && (*p != ']' || p == first); p++) {
		if ((*p == '[' && (p + 1 == end || p[1] != ':')) || (*p == '&' && p + 1 < end && p[1] == '&'))
			return true;
		p += *p == '\\' && p + 1 < end;
	}
	return false;
}

static bool at_and(const struct translation *t)
{
	return t->in.n - t->at >= 2 && !memcmp(t->in.p + t->at, "&&", 2);
}

static bool put_compound(struct translation *t, int depth);

/* What stands in a class up to "&&" or its end: members, and classes, of which one has to match. A "]" that stands first is
 * a member. */
static bool put_operand(struct translation *t, size_t first, int depth)
{
	struct tok_bytes outer = t->out, members = { 0 }, classes = { 0 };
	bool ok = true;

	while (ok && t->at < t->in.n && (t->in.p[t->at] != ']' || t->at == first) && !at_and(t)) {
		bool class = t->in.p[t->at] == '[', escape = t->in.p[t->at] == '\\';

		t->out = class ? classes : members;
		t->in_class = !class;
		if (class && classes.n)
			put_text(t, "|");
		if (class)
			ok = put_compound(t, depth + 1);
		else if (escape)
			ok = put_escape(t);
		else
			tok_bytes_put(&t->out, t->in.p + t->at++, 1, t->err);
		*(class ? &classes : &members) = t->out;
	}
	t->out = outer;
	t->in_class = false;
	if (ok && !members.n && !classes.n)
		ok = fmt_fail(t->err, FMT_MALFORMED, FMT_NO_OFFSET, "a class with nothing in it in an expression");
	if (members.n) {
		put_text(t, *members.p == '^' ? "[\\" : "[");
		tok_bytes_put(&t->out, members.p, members.n, t->err);
		put_text(t, classes.n ? "]|" : "]");
	}
	tok_bytes_put(&t->out, classes.p, classes.n, t->err);
	tok_bytes_finish(&members);
	tok_bytes_finish(&classes);
	return ok && !t->err->code;
}

/* A class of classes, which PCRE2 does not have: a character at which each operand of "&&" would match. */
static bool put_compound(struct translation *t, int depth)
{
	bool negated = t->at + 1 < t->in.n && t->in.p[t->at + 1] == '^', ok = true;
	size_t first;

	if (depth > MAX_CLASS_DEPTH)
		return fmt_fail(t->err, FMT_LIMIT, FMT_NO_OFFSET, "classes within classes in an expression, more than %d deep",
		                MAX_CLASS_DEPTH);
	t->at += negated ? 2 : 1;
	first = t->at;
	put_text(t, negated ? "(?:(?!" : "(?:");
	for (bool more = true; ok && more; t->at += more ? 2 : 0) {
		put_text(t, "(?=");
		ok = put_operand(t, first, depth);
		put_text(t, ")");
		more = t->at < t->in.n && at_and(t);
	}
	put_text(t, negated ? ")(?s:.))" : "(?s:.))");
	if (ok && (t->at >= t->in.n || t->in.p[t->at] != ']'))
		ok = fmt_fail(t->err, FMT_MALFORMED, FMT_NO_OFFSET, "a class without an end in an expression");
	t->at++;
	return ok;
}

static bool translate_one(struct translation *t)
{
	char c = t->in.p[t->at];
	bool was_start = t->class_start;

	t->class_start = false;
	if (c == '\\')
		return put_escape(t);
	if (t->in_class && c == ']' && !was_start) {
		t->in_class = false;
	} else if (!t->in_class && c == '^') {
		t->looks_back = true;
	} else if (!t->in_class && c == '[' && is_compound(t)) {
		return put_compound(t, 1);
	} else if (!t->in_class && c == '[') {
		t->in_class = t->class_start = true;
		if (t->at + 1 < t->in.n && t->in.p[t->at + 1] == '^') {
			put_text(t, "[^");
			t->at += 2;
			return true;
		}
	}
	tok_bytes_put(&t->out, &c, 1, t->err);
	t->at++;
	return true;
}

static pcre2_code *compile(const struct translation *t, struct fmt_err *err)
{
	uint32_t options = PCRE2_UTF | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	pcre2_code *code;
	PCRE2_SIZE off;
	int error;
	char why[128];

	if (!context) {
		fmt_fail_nomem(err, 0);
		return NULL;
	}
	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	code = pcre2_compile((PCRE2_SPTR)t->out.p, t->out.n, options, &error, &off, context);
	pcre2_compile_context_free(context);
	if (!code) {
		pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof why);
		fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "expression '%.*s': %s",
		         t->in.n > 120 ? 120 : (int)t->in.n, t->in.p, why);
		return NULL;
	}
	(void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD); /* without it pcre2_match interprets */
	return code;
}

static bool restarts(const pcre2_code *code)
{
	uint32_t behind = 0, empty = 0;

	pcre2_pattern_info(code, PCRE2_INFO_MAXLOOKBEHIND, &behind);
	pcre2_pattern_info(code, PCRE2_INFO_MATCHEMPTY, &empty);
	return !behind && !empty;
}

struct regex *regex_create(struct fmt_str pattern, struct fmt_err *err)
{
	struct translation t = { .in = pattern, .err = err };
	struct regex *r = calloc(1, sizeof *r);
	bool ok = r;

	if (!r)
		fmt_fail_nomem(err, sizeof *r);
	else if (pattern.n > MAX_PATTERN_BYTES)
		ok = fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "an expression of %zu bytes", pattern.n);
	while (ok && t.at < t.in.n)
		ok = translate_one(&t) && !err->code;
	if (ok)
		r->code = compile(&t, err);
	tok_bytes_finish(&t.out);
	if (ok && r->code) {
		r->restarts = !t.looks_back && restarts(r->code);
		return r;
	}
	regex_destroy(r);
	return NULL;
}

void regex_destroy(struct regex *r)
{
	if (!r)
		return;
	pcre2_code_free(r->code);
	free(r);
}

bool regex_restarts(const struct regex *r)
{
	return r->restarts;
}

struct regex_run *regex_run_create(struct fmt_err *err)
{
	struct regex_run *run = calloc(1, sizeof *run);

	if (!run) {
		fmt_fail_nomem(err, sizeof *run);
		return NULL;
	}
	run->match = pcre2_match_data_create(1, NULL);
	run->context = pcre2_match_context_create(NULL);
	run->stack = pcre2_jit_stack_create(32 << 10, JIT_STACK_BYTES, NULL);
	if (!run->match || !run->context || !run->stack) {
		fmt_fail_nomem(err, 32 << 10);
		regex_run_destroy(run);
		return NULL;
	}
	pcre2_jit_stack_assign(run->context, NULL, run->stack);
	pcre2_set_heap_limit(run->context, HEAP_LIMIT_KIB);
	return run;
}

void regex_run_destroy(struct regex_run *run)
{
	if (!run)
		return;
	pcre2_match_data_free(run->match);
	pcre2_match_context_free(run->context);
	pcre2_jit_stack_free(run->stack);
	free(run);
}

enum regex_found regex_find(const struct regex *r, struct regex_run *run, const char *text, size_t n, size_t from,
                            bool open, size_t *start, size_t *end, struct fmt_err *err)
{
	uint32_t options = PCRE2_NO_UTF_CHECK | (open ? PCRE2_PARTIAL_HARD : 0);
	PCRE2_SPTR s = (PCRE2_SPTR)text;
	uint64_t steps = STEPS_BASE + (uint64_t)STEPS_PER_BYTE * n;
	const PCRE2_SIZE *found;
	char why[128];
	int rc;

	pcre2_set_match_limit(run->context, steps > UINT32_MAX ? UINT32_MAX : (uint32_t)steps);
	rc = pcre2_match(r->code, s, n, from, options, run->match, run->context);
	if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
		rc = pcre2_match(r->code, s, n, from, options | PCRE2_NO_JIT, run->match, run->context);
	if (rc == PCRE2_ERROR_NOMATCH)
		return REGEX_NONE;
	if (rc < 0 && rc != PCRE2_ERROR_PARTIAL) {
		pcre2_get_error_message(rc, (PCRE2_UCHAR *)why, sizeof why);
		fmt_fail(err, rc == PCRE2_ERROR_NOMEMORY ? FMT_NOMEM : FMT_LIMIT, from,
		         "the tokenizer's expression is too costly on this text: %s", why);
		return REGEX_FAILED;
	}
	found = pcre2_get_ovector_pointer(run->match);
	*start = found[0];
	*end = found[1];
	/* an empty match at the end has looked at nothing, so that PCRE2 does not call it partial */
	return rc == PCRE2_ERROR_PARTIAL || (open && *start == n) ? REGEX_PARTIAL : REGEX_MATCH;
}
