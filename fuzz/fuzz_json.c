/* JSON: parsed, and every node asked everything; walked through token by token, which must give the same. */
#include <stdlib.h>
#include <string.h>

#include <libfmt/json.h>
#include <libfmt/utf8.h>

#include "fuzz.h"

static void look_at(const struct json *j, unsigned depth)
{
	struct fmt_str s = json_str(j), key = json_key(j);
	uint64_t u;
	int64_t i;
	double f;
	bool b;

	if (depth > 128 || !fmt_utf8_valid(s.p, s.n, NULL) || !fmt_utf8_valid(key.p, key.n, NULL))
		abort();
	if (json_u64(j, &u) && json_i64(j, &i) && u != (uint64_t)i)
		abort();
	if (json_is(j, JSON_NUMBER) != json_f64(j, &f) || json_is(j, JSON_BOOL) != json_bool(j, &b) ||
	    (json_is_int(j) && !json_is(j, JSON_NUMBER)))
		abort();
	if (json_get(j, "a") && !json_is(j, JSON_OBJECT))
		abort();
	if (!json_is(j, JSON_ARRAY) && !json_is(j, JSON_OBJECT) && json_first(j))
		abort();
	for (const struct json *c = json_first(j); c; c = json_next(c))
		look_at(c, depth + 1);
}

static void check_string(struct fmt_str as_written, struct fmt_str want)
{
	char *out = malloc(as_written.n + 1);

	if (!out || json_unescape(as_written, out) != want.n || memcmp(out, want.p, want.n))
		abort();
	free(out);
}

/* What the walk meets next is j. */
static void walk_along(struct json_walk *w, const struct json *j)
{
	struct fmt_str text;
	enum json_token token = json_walk_next(w, &text);
	enum json_type type = json_type(j);
	int64_t want, got;

	if (token != (type == JSON_STRING ? JSON_QUOTED : type == JSON_NUMBER ? JSON_DIGITS :
	              type == JSON_ARRAY || type == JSON_OBJECT ? JSON_OPEN : JSON_WORD))
		abort();
	if (token == JSON_QUOTED)
		check_string(text, json_str(j));
	if (token == JSON_DIGITS && (json_i64(j, &want) != json_digits_i64(text, &got) || (json_i64(j, &want) && want != got)))
		abort();
	if (token != JSON_OPEN)
		return;
	for (const struct json *c = json_first(j); c; c = json_next(c)) {
		if (type == JSON_OBJECT && json_walk_next(w, &text) != JSON_QUOTED)
			abort();
		if (type == JSON_OBJECT)
			check_string(text, json_key(c));
		walk_along(w, c);
	}
	if (json_walk_next(w, &text) != JSON_CLOSE)
		abort();
}

/* The lists at two paths, left as text, are those of the whole tree. */
static void leave_out(const char *p, size_t n, const struct json *root)
{
	struct json_leave leave[] = { { .path = "a" }, { .path = "b.c" } };
	const struct json *in_tree[] = { json_get(root, "a"), json_get(json_get(root, "b"), "c") };
	struct fmt_err err = { 0 };
	struct json_doc *d = json_parse_leaving(p, n, leave, 2, &err);
	const struct json *empty[2];

	if (!d)
		abort();
	empty[0] = json_get(json_root(d), "a");
	empty[1] = json_get(json_get(json_root(d), "b"), "c");
	for (int k = 0; k < 2; k++) {
		struct json_walk w = { leave[k].text.p, leave[k].text.p + leave[k].text.n };

		if (json_type(empty[k]) != json_type(in_tree[k]))
			abort();
		if (!json_is(in_tree[k], JSON_ARRAY) && !json_is(in_tree[k], JSON_OBJECT))
			continue;
		if (json_first(empty[k]) || leave[k].count != json_count(in_tree[k]))
			abort();
		walk_along(&w, in_tree[k]);
		if (w.p != w.end)
			abort();
	}
	json_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fmt_err err = { 0 };
	struct json_doc *d = json_parse((const char *)data, n, &err);

	if (!d && (!err.code || !err.msg[0] || (err.off != FMT_NO_OFFSET && err.off > n)))
		abort();
	if (d) {
		struct json_walk w = { (const char *)data, (const char *)data + n };

		look_at(json_root(d), 0);
		walk_along(&w, json_root(d));
		leave_out((const char *)data, n, json_root(d));
	}
	json_free(d);
	return 0;
}
