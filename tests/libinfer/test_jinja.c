/* The template engine: what is refused, with which words and where; and that any template ends. Renderings are compared
 * with Jinja2's own by scripts/compare-chat and test_chat_golden; here are a few that show rules side by side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <libinfer/chat.h>

static const char hello[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], \"n\": 18446744073709551615}";

/* Renders with the messages of `json`; the text is malloc'ed, NULL with *err set. */
static char *render_with(const char *template, size_t n, const char *json, struct fmt_err *err)
{
	struct infer_template *t = infer_template_create(template, n, err);
	struct json_doc *d = json_parse(json, strlen(json), err);
	struct infer_chat chat = { .bos = FMT_STR("<s>"), .generate = true };
	char *out = NULL;
	size_t n_out;

	assert_true(infer_chat_time("2024-02-29 23:59:58", &chat.now));
	if (t && d) {
		chat.conversation = json_root(d);
		infer_template_render(t, &chat, &out, &n_out, err);
	}
	infer_template_destroy(t);
	json_free(d);
	return out;
}

static const char one[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}";

static void expect(const char *template, const char *want)
{
	struct fmt_err err = { 0 };
	char *got = render_with(template, strlen(template), one, &err);

	if (!got)
		fail_msg("%s: %s", template, err.msg);
	assert_string_equal(got, want);
	free(got);
}

/* The template fails with this code, and a message that begins so. */
static void refuse(const char *template, enum fmt_code code, const char *message)
{
	struct fmt_err err = { 0 };
	char *got = render_with(template, strlen(template), one, &err);

	if (got)
		fail_msg("%s: gave '%s'", template, got);
	if (err.code != code || strncmp(err.msg, message, strlen(message)))
		fail_msg("%.80s: code %d, %s", template, err.code, err.msg);
}

static void scopes(void **state)
{
	(void)state;
	expect("{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = 9 %}{% endfor %}{{ x }}", "111");
	expect("{% if true %}{% set x = 2 %}{% endif %}{{ x }}", "2");
	expect("{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "3");
	expect("{% macro f() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ f() }}{% set x = 2 %}{{ f() }}", "12");
	expect("{{ tools is none }}{{ documents is none }}{{ add_generation_prompt }}{{ bos_token }}{{ eos_token is defined }}",
	       "TrueTrueTrue<s>False");
}

static void whitespace(void **state)
{
	(void)state;
	expect("  {% if true %}\n  a\n  {% endif %}\nb\n", "  a\nb");
	expect("a  {%- if true -%}  b  {%- endif %}\nc", "abc");
	expect("  {%+ if true %}a{% endif +%}\nb", "  a\nb");
	expect("x\n  {# c #}\ny\r\nz", "x\ny\nz");
	expect("{% raw %} {{ x }} {%- endraw %}!", " {{ x }}!");
}

static void times(void **state)
{
	int64_t t = 1;

	(void)state;
	expect("{{ strftime_now('%Y-%m-%d %H:%M:%S %a %b %j %-d %p %y %U %W') }}", "2024-02-29 23:59:58 Thu Feb 060 29 PM 24 08 09");
	assert_true(infer_chat_time("1970-01-01", &t) && t == 0);
	assert_true(infer_chat_time("1969-12-31T23:59:59", &t) && t == -1);
	assert_true(infer_chat_time("2026-01-15 12:34:56", &t) && t == 1768480496); /* date -u -d ... +%s */
	assert_false(infer_chat_time("2026-02-29", &t));
	assert_false(infer_chat_time("2026-01-15 24:00:00", &t));
	assert_false(infer_chat_time("2026-01-15 12:34", &t));
	assert_false(infer_chat_time("", &t));
}

static void bad_templates(void **state)
{
	(void)state;
	refuse("a\n{% if x %}", FMT_MALFORMED, "template line 2: expected elif, found the end of the template");
	refuse("{% endif %}", FMT_UNSUPPORTED, "template line 1: the tag 'endif'");
	refuse("{% include 'x' %}", FMT_UNSUPPORTED, "template line 1: the tag 'include'");
	refuse("{{ 'a }}", FMT_MALFORMED, "template line 1: a string does not end");
	refuse("\n\n{# a", FMT_MALFORMED, "template line 3: a comment does not end");
	refuse("{{ [1, 2 }}", FMT_MALFORMED, "template line 1: unexpected '}'");
	refuse("{{ a b }}", FMT_MALFORMED, "template line 1: expected }}, found b");
	refuse("{{ 1 ? 2 }}", FMT_MALFORMED, "template line 1: unexpected character '?'");
	refuse("{{ 99999999999999999999 }}", FMT_MALFORMED, "template line 1: an integer is beyond 64 bits");
	refuse("{% break %}", FMT_MALFORMED, "template line 1: break outside of a loop");
	refuse("{% for i in [1] %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", FMT_MALFORMED, "template line 1: break");
	refuse("\xff", FMT_MALFORMED, "the template is not UTF-8");
	refuse("{{ '\\ud83d' }}", FMT_MALFORMED, "template line 1: a string has an escape of what is no character");
}

static void bad_operations(void **state)
{
	(void)state;
	refuse("\n{{ x.y }}", FMT_MALFORMED, "template line 2: 'x' is undefined");
	refuse("{{ messages[0].a.b }}", FMT_MALFORMED, "template line 1: 'dict object' has no attribute 'a'");
	refuse("{{ none.a.b }}", FMT_MALFORMED, "template line 1: 'None' has no attribute 'a'");
	refuse("{{ 'a' + 1 }}", FMT_MALFORMED, "template line 1: can only concatenate str (not \"int\") to str");
	refuse("{% for i in none %}{% endfor %}", FMT_MALFORMED, "template line 1: 'NoneType' object is not iterable");
	refuse("{{ 1 // 0 }}", FMT_MALFORMED, "template line 1: division by zero");
	refuse("{{ 5 | nothing }}", FMT_UNSUPPORTED, "template line 1: no filter named 'nothing'");
	refuse("{{ 5 is nothing }}", FMT_UNSUPPORTED, "template line 1: no test named 'nothing'");
	refuse("{{ raise_exception('Roles must\nalternate') }}", FMT_MISMATCH,
	       "template line 1: the template refuses: Roles must?alternate");
	refuse("{{ [].append(1) }}", FMT_UNSAFE, "template line 1: a template may not use 'append'");
	refuse("{{ ''.__class__.x }}", FMT_UNSAFE, "template line 1: a template may not use '__class__'");
}

static void bad_conversations(void **state)
{
	static const struct {
		const char *json, *message;
		enum fmt_code code;
	} cases[] = {
		{ "{}", "the conversation has no \"messages\"", FMT_MISSING },
		{ "5", "a conversation is an object", FMT_MALFORMED },
		{ hello, "template line 0: an integer of the conversation is beyond 64 bits", FMT_LIMIT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fmt_err err = { 0 };

		assert_null(render_with("x", 1, cases[i].json, &err));
		assert_int_equal(err.code, cases[i].code);
		assert_int_equal(strncmp(err.msg, cases[i].message, strlen(cases[i].message)), 0);
	}
}

/* Templates that would never end, or never fit: each is stopped by its ceiling. */
static void hostile(void **state)
{
	char deep[8192];

	(void)state;
	refuse("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", FMT_LIMIT, "template line 1: nested too deeply");
	refuse("{% macro f() %}{% call f() %}{% endcall %}{{ caller }}{% endmacro %}{% call f() %}{% endcall %}", FMT_LIMIT,
	       "template line 1: nested too deeply");
	refuse("{% for a in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}", FMT_LIMIT, "template line 1: nested too deeply");
	refuse("{{ range(100001) }}", FMT_LIMIT, "template line 1: a range may not have more than 100000");
	refuse("{% set r = range(99999) %}{% for a in r %}{% for b in r %}{% endfor %}{% endfor %}", FMT_LIMIT,
	       "template line 1: a template may not take more than");
	refuse("{{ 'x' * 9000000000000000000 }}", FMT_LIMIT, "template line 1: 1 times");
	refuse("{{ [1] * 9000000000 }}", FMT_LIMIT, "template line 1: 1 times");
	refuse("{% set n = namespace(s='abcdefgh') %}{% for i in range(64) %}{% set n.s = n.s + n.s %}{% endfor %}", FMT_LIMIT,
	       "a template may not take more than");
	refuse("{% set n = namespace(s='x' * 1000000) %}{% for i in range(99999) %}{{ n.s }}{% endfor %}", FMT_LIMIT,
	       "template line 1: a template may not");
	refuse("{% set n = namespace(l=[]) %}{% for i in range(999) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l }}", FMT_LIMIT,
	       "template line 1: a value is nested too deeply");
	refuse("{% set n = namespace(l=[]) %}{% for i in range(999) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l | tojson }}",
	       FMT_LIMIT, "template line 1: a value is nested too deeply");
	refuse("{% set n = namespace(l=[]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l == n.l ~ '' }}"
	       "{{ n.l }}", FMT_LIMIT, "template line 1: a template may not");
	refuse("{{ '%999999999d' % 1 }}", FMT_LIMIT, "template line 1: a field of a format");
	refuse("{{ '%d' % 1e30 }}", FMT_LIMIT, "template line 1: an integer is beyond 64 bits");
	refuse("{{ 1e30 | int }}", FMT_LIMIT, "template line 1: an integer is beyond 64 bits");
	refuse("{{ 9 ** 99 }}", FMT_LIMIT, "template line 1: an integer is beyond 64 bits");
	memset(deep, '(', sizeof deep);
	memcpy(deep, "{{", 2);
	deep[sizeof deep - 1] = '\0';
	refuse(deep, FMT_LIMIT, "template line 1: more than");
	memset(deep, '+', sizeof deep - 1);
	memcpy(deep, "{{ ", 3);
	memcpy(deep + sizeof deep - 5, "1}}", 4);
	refuse(deep, FMT_LIMIT, "template line 1: more than");
	for (size_t i = 2; i + 1 < sizeof deep; i += 2)
		memcpy(deep + i, "1+", 2);
	memcpy(deep + sizeof deep - 5, "1}}", 4);
	refuse(deep, FMT_LIMIT, "template line 1: nested too deeply");
}

/* A text that is put together piece by piece takes time and memory in proportion to it. */
static void long_text(void **state)
{
	(void)state;
	expect("{% set n = namespace(s='') %}{% for i in range(100000) %}{% set n.s = n.s + 'abcdefghij' %}{% endfor %}"
	       "{{ n.s | length }}", "1000000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scopes), cmocka_unit_test(whitespace), cmocka_unit_test(times), cmocka_unit_test(bad_templates),
		cmocka_unit_test(bad_operations), cmocka_unit_test(bad_conversations), cmocka_unit_test(hostile),
		cmocka_unit_test(long_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
