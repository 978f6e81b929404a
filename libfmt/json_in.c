/* <libfmt/json.h> over cJSON, of which this is the only user.
 *
 * json_scan checks the grammar first, so cJSON sees only what it reads right; what it would lose (NUL bytes, digits
 * past 2^53, the locale's decimal point) reaches it in the disguise that json_scan.h describes. A `struct json` is a
 * cJSON node whose spare fields hold lengths: valueint that of the key, valuedouble that of a string (both exact, as
 * LIMIT_JSON_BYTES fits an int). A number whose text was kept has it in valuestring. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <libfmt/json.h>

#include "json_scan.h"
#include "limit.h"

_Static_assert(LIMIT_JSON_BYTES < INT_MAX, "lengths are kept in an int");

struct json_doc {
	cJSON *root;
};

static const cJSON *node(const struct json *j)
{
	return (const cJSON *)(const void *)j;
}

static const struct json *wrap(const cJSON *c)
{
	return (const struct json *)(const void *)c;
}

static int kind(const struct json *j)
{
	return j ? node(j)->type & 0xff : cJSON_Invalid;
}

/* Length of a string of cJSON's, with the bytes that stand for NUL put back. */
static size_t settle(char *s)
{
	size_t n = strlen(s);

	for (char *p = s; (p = memchr(p, JSON_NUL, n - (size_t)(p - s))) != NULL; p++)
		*p = 0;
	return n;
}

/* Undoes the disguises below c and fills in the lengths. As deep as LIMIT_JSON_DEPTH. */
static void finish(cJSON *c)
{
	for (; c; c = c->next) {
		if (c->string)
			c->valueint = (int)settle(c->string);
		if (cJSON_IsString(c) && c->valuestring[0] == JSON_EXACT) {
			memmove(c->valuestring, c->valuestring + 1, strlen(c->valuestring));
			c->type = cJSON_Number;
			c->valuedouble = strtod(c->valuestring, NULL);
		} else if (cJSON_IsString(c)) {
			c->valuedouble = (double)settle(c->valuestring);
		}
		if (c->child)
			finish(c->child);
	}
}

/* cJSON notes the place of an error in a global at each call, though nobody here reads it. */
static cJSON *build(const char *text, size_t n)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	cJSON *root;

	pthread_mutex_lock(&lock);
	root = cJSON_ParseWithLength(text, n);
	pthread_mutex_unlock(&lock);
	return root;
}

static cJSON *parse(const char *text, size_t n, struct json_leave *leave, size_t n_leave, struct fmt_err *err)
{
	struct json_scan scan;
	char *copy;
	cJSON *root;

	if (n > LIMIT_JSON_BYTES) {
		fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "JSON: %zu bytes of text, at most %d are read", n,
		         LIMIT_JSON_BYTES);
		return NULL;
	}
	if (!json_scan(text, n, NULL, leave, n_leave, &scan, err))
		return NULL;
	if (!scan.rewritten) {
		root = build(text, n);
	} else {
		copy = malloc(scan.n_out);
		root = NULL;
		if (copy && json_scan(text, n, copy, leave, n_leave, &scan, err))
			root = build(copy, scan.n_out);
		free(copy);
	}
	if (!root)
		fmt_fail_nomem(err, n); /* the grammar has been checked, so nothing else is left */
	return root;
}

struct json_doc *json_parse_leaving(const char *text, size_t n, struct json_leave *leave, size_t n_leave,
                                    struct fmt_err *err)
{
	struct json_doc *d = malloc(sizeof *d);

	if (!d) {
		fmt_fail_nomem(err, sizeof *d);
		return NULL;
	}
	d->root = parse(text, n, leave, n_leave, err);
	if (!d->root) {
		free(d);
		return NULL;
	}
	finish(d->root);
	return d;
}

struct json_doc *json_parse(const char *text, size_t n, struct fmt_err *err)
{
	return json_parse_leaving(text, n, NULL, 0, err);
}

void json_free(struct json_doc *d)
{
	if (!d)
		return;
	cJSON_Delete(d->root);
	free(d);
}

const struct json *json_root(const struct json_doc *d)
{
	return wrap(d->root);
}

enum json_type json_type(const struct json *j)
{
	switch (kind(j)) {
	case cJSON_False:
	case cJSON_True:
		return JSON_BOOL;
	case cJSON_Number:
		return JSON_NUMBER;
	case cJSON_String:
		return JSON_STRING;
	case cJSON_Array:
		return JSON_ARRAY;
	case cJSON_Object:
		return JSON_OBJECT;
	default:
		return JSON_NULL;
	}
}

bool json_is(const struct json *j, enum json_type t)
{
	return j && json_type(j) == t;
}

const struct json *json_get(const struct json *object, const char *key)
{
	size_t n = strlen(key);

	if (kind(object) != cJSON_Object)
		return NULL;
	for (const cJSON *c = node(object)->child; c; c = c->next)
		if ((size_t)c->valueint == n && !memcmp(c->string, key, n))
			return wrap(c);
	return NULL;
}

const struct json *json_first(const struct json *container)
{
	return container ? wrap(node(container)->child) : NULL;
}

const struct json *json_next(const struct json *j)
{
	return j ? wrap(node(j)->next) : NULL;
}

size_t json_count(const struct json *container)
{
	size_t n = 0;

	for (const struct json *j = json_first(container); j; j = json_next(j))
		n++;
	return n;
}

struct fmt_str json_key(const struct json *member)
{
	if (!member || !node(member)->string)
		return (struct fmt_str){ NULL, 0 };
	return (struct fmt_str){ node(member)->string, (size_t)node(member)->valueint };
}

struct fmt_str json_str(const struct json *j)
{
	if (kind(j) != cJSON_String)
		return (struct fmt_str){ NULL, 0 };
	return (struct fmt_str){ node(j)->valuestring, (size_t)node(j)->valuedouble };
}

bool json_is_int(const struct json *j)
{
	const char *text;

	if (kind(j) != cJSON_Number)
		return false;
	text = node(j)->valuestring;
	return !text || !text[strspn(text, "-0123456789")];
}

/* The size and the sign of a number that is whole. */
static bool whole(const struct json *j, uint64_t *size, bool *negative)
{
	double d;

	if (kind(j) != cJSON_Number)
		return false;
	d = node(j)->valuedouble;
	*negative = d < 0;
	if (json_is_int(j) && node(j)->valuestring) {
		errno = 0;
		*size = strtoull(node(j)->valuestring + *negative, NULL, 10);
		return !errno;
	}
	/* 2^53: up to there every whole number is a double, and no other number rounds to it */
	if (!(fabs(d) <= 9007199254740992.0) || d != floor(d))
		return false;
	*size = (uint64_t)fabs(d);
	return true;
}

bool json_u64(const struct json *j, uint64_t *out)
{
	uint64_t size;
	bool negative;

	if (!whole(j, &size, &negative) || negative)
		return false;
	*out = size;
	return true;
}

bool json_i64(const struct json *j, int64_t *out)
{
	uint64_t size;
	bool negative;

	if (!whole(j, &size, &negative) || size > (uint64_t)INT64_MAX + negative)
		return false;
	*out = negative ? (int64_t)(0 - size) : (int64_t)size;
	return true;
}

bool json_f64(const struct json *j, double *out)
{
	if (kind(j) != cJSON_Number)
		return false;
	*out = node(j)->valuedouble;
	return true;
}

bool json_bool(const struct json *j, bool *out)
{
	if (kind(j) != cJSON_True && kind(j) != cJSON_False)
		return false;
	*out = kind(j) == cJSON_True;
	return true;
}
