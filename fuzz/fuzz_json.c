/* JSON: parsed, and every node asked everything. */
#include <stdlib.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fmt_err err = { 0 };
	struct json_doc *d = json_parse((const char *)data, n, &err);

	if (!d && (!err.code || !err.msg[0] || (err.off != FMT_NO_OFFSET && err.off > n)))
		abort();
	if (d)
		look_at(json_root(d), 0);
	json_free(d);
	return 0;
}
