/* The keys of the output: the source's, but for those that say how tensors are stored, and what a person sets. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "st2gguf.h"

/* Keys that say how the tensors are stored follow what is written; those of a split file would be wrong in one file. */
struct key_rule {
	struct fmt_str key;
	bool drop;       /* else `value` stands in its place, or at the end where the source has no such key */
	bool seen;
	struct fmt_value value;
};

struct key_rules {
	struct key_rule *list;
	size_t n;
};

enum { OWN_RULES = 12 }; /* more than there are without what a person sets */

static struct fmt_str str(const char *s)
{
	return (struct fmt_str){ s, strlen(s) };
}

static void drop(struct key_rules *r, const char *key)
{
	r->list[r->n++] = (struct key_rule){ .key = str(key), .drop = true };
}

static void set(struct key_rules *r, const char *key, struct fmt_value value)
{
	r->list[r->n++] = (struct key_rule){ .key = str(key), .value = value };
}

static struct fmt_value value_u32(uint64_t n)
{
	return (struct fmt_value){ .type = FMT_KV_U32, .as.u = n };
}

static struct fmt_value value_str(struct fmt_str s)
{
	return (struct fmt_value){ .type = FMT_KV_STR, .as.s = s };
}

/* Which importance matrix it was made with, under llama-quantize's keys. */
static void imatrix_keys(const struct fmt_imatrix *im, struct key_rules *r)
{
	const char *slash = strrchr(im->path, '/');

	set(r, "quantize.imatrix.file", value_str(str(slash ? slash + 1 : im->path)));
	if (im->dataset.n)
		set(r, "quantize.imatrix.dataset", value_str(im->dataset));
	set(r, "quantize.imatrix.entries_count", value_u32(im->n_entries));
	if (im->n_chunks)
		set(r, "quantize.imatrix.chunks_count", value_u32(im->n_chunks));
}

static bool bad_key(const char *text, const char *why, struct fmt_err *err)
{
	return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--override-kv '%.120s': %s", text, why);
}

/* The number types by their names, with the range of their integers. */
static const struct number_type {
	const char *name;
	enum fmt_kv_type type;
	int64_t min;
	uint64_t max;
} number_types[] = {
	{ "u8", FMT_KV_U8, 0, UINT8_MAX },          { "i8", FMT_KV_I8, INT8_MIN, INT8_MAX },
	{ "u16", FMT_KV_U16, 0, UINT16_MAX },       { "i16", FMT_KV_I16, INT16_MIN, INT16_MAX },
	{ "u32", FMT_KV_U32, 0, UINT32_MAX },       { "i32", FMT_KV_I32, INT32_MIN, INT32_MAX },
	{ "u64", FMT_KV_U64, 0, UINT64_MAX },       { "i64", FMT_KV_I64, INT64_MIN, INT64_MAX },
	{ "f32", FMT_KV_F32, 0, 0 },                { "f64", FMT_KV_F64, 0, 0 },
};

static const struct number_type *number_type(enum fmt_kv_type type)
{
	for (size_t i = 0; i < sizeof number_types / sizeof number_types[0]; i++)
		if (number_types[i].type == type)
			return &number_types[i];
	return NULL;
}

static bool read_integer(const struct number_type *t, const char *text, struct fmt_value *v)
{
	bool negative = *text == '-';
	char *end;

	if (text[negative] < '0' || text[negative] > '9') /* no space or second sign, which strtoull takes */
		return false;
	errno = 0;
	if (t->min < 0) {
		v->as.i = strtoll(text, &end, 10);
		return !*end && !errno && v->as.i >= t->min && (v->as.i < 0 || (uint64_t)v->as.i <= t->max);
	}
	v->as.u = strtoull(text, &end, 10);
	return !*end && !errno && !negative && v->as.u <= t->max;
}

static bool read_float(enum fmt_kv_type type, const char *text, struct fmt_value *v)
{
	char *end;

	v->as.f = strtod(text, &end);
	if (type == FMT_KV_F32)
		v->as.f = (float)v->as.f;
	return end != text && !*end && isfinite(v->as.f);
}

/* The type that "int" and "float" stand for: that of the key as it is, else 32 bits; FMT_KV_TYPE_COUNT: it is something else. */
static enum fmt_kv_type usual_type(const struct fmt_value *old, bool is_float, const char *text)
{
	const struct number_type *t = old ? number_type(old->type) : NULL;

	if (old)
		return t && is_float == !t->max ? old->type : FMT_KV_TYPE_COUNT;
	return is_float ? FMT_KV_F32 : *text == '-' ? FMT_KV_I32 : FMT_KV_U32;
}

/* TYPE:VALUE. old: what the model has under the key, or NULL */
static bool read_value(const struct fmt_value *old, const char *given, const char *text, struct fmt_value *v,
                       struct fmt_err *err)
{
	size_t n = strcspn(text, ":");
	const char *value = text + n + 1;
	bool generic = (n == 3 && !memcmp(text, "int", n)) || (n == 5 && !memcmp(text, "float", n));

	v->type = FMT_KV_TYPE_COUNT;
	if (!text[n])
		return bad_key(given, "is not KEY=TYPE:VALUE", err);
	if (n == 3 && !memcmp(text, "str", n)) {
		*v = value_str(str(value));
		return true;
	}
	if (n == 4 && !memcmp(text, "bool", n)) {
		*v = (struct fmt_value){ .type = FMT_KV_BOOL, .as.b = !strcmp(value, "true") };
		return v->as.b || !strcmp(value, "false") || bad_key(given, "neither true nor false", err);
	}
	if (generic)
		v->type = usual_type(old, n == 5, value);
	for (size_t i = 0; !generic && i < sizeof number_types / sizeof number_types[0]; i++)
		if (strlen(number_types[i].name) == n && !memcmp(text, number_types[i].name, n))
			v->type = number_types[i].type;
	if (v->type == FMT_KV_TYPE_COUNT)
		return bad_key(given, generic ? "the model's value is of another kind; u32, i32, f32 and so on change it" :
		                                "the type is none of int, float, bool, str, u8 to u64, i8 to i64, f32, f64", err);
	if (number_type(v->type)->max ? read_integer(number_type(v->type), value, v) : read_float(v->type, value, v))
		return true;
	return bad_key(given, "the value is no number that the type can hold", err);
}

/* What a check of the conversion found is not true of another conversion. */
static bool is_found(struct fmt_str key)
{
	return fmt_str_starts(key, "verify.");
}

/* Keys that follow from what is written. */
static bool is_own(struct fmt_str key)
{
	return fmt_str_starts(key, "split.") || fmt_str_starts(key, "quantize.") || is_found(key) || fmt_str_is(key, "general.alignment") ||
	       fmt_str_is(key, "general.file_type") || fmt_str_is(key, "general.quantization_version");
}

static bool person_key(const struct conversion *c, const char *given, struct key_rules *r, struct fmt_err *err)
{
	struct key_rule *new = &r->list[r->n];

	*new = (struct key_rule){ .key = { given, strcspn(given, "=") } };
	if (!new->key.n || !given[new->key.n])
		return bad_key(given, "is not KEY=TYPE:VALUE", err);
	for (size_t i = 0; i < new->key.n; i++)
		if (given[i] <= ' ' || given[i] > '~')
			return bad_key(given, "a key is of letters, digits, dots and underscores", err);
	if (is_own(new->key))
		return bad_key(given, "that key follows from what is written", err);
	for (size_t i = 0; i < r->n; i++)
		if (r->list[i].key.n == new->key.n && !memcmp(r->list[i].key.p, given, new->key.n))
			return bad_key(given, "that key is set twice", err);
	r->n++;
	for (uint64_t i = 0; i < c->view->n_kv; i++)
		if (c->view->kv[i].key.n == new->key.n && !memcmp(c->view->kv[i].key.p, given, new->key.n))
			return read_value(&c->view->kv[i].value, given, given + new->key.n + 1, &new->value, err);
	return read_value(NULL, given, given + new->key.n + 1, &new->value, err);
}

/* general.file_type: the recipe's, or that of blocks which a checkpoint had already. Numbers are llama.cpp's enum llama_ftype. */
static uint64_t file_type(const struct conversion *c)
{
	int type = c->recipe->file_type;

	for (uint64_t i = 0; c->ask.keep_blocks && i < c->view->n_tensors; i++) {
		if (c->types[i] == FMT_NVFP4)
			return 39;
		if (c->types[i] == FMT_MXFP4)
			type = 38;
	}
	return (uint64_t)type;
}

/* r->list  room for OWN_RULES and what is set */
static bool make_rules(const struct conversion *c, struct key_rules *r, struct fmt_err *err)
{
	drop(r, "split.no");
	drop(r, "split.count");
	drop(r, "split.tensors.count");
	if (c->recipe) {
		set(r, "general.file_type", value_u32(file_type(c)));
		set(r, "general.quantization_version", value_u32(2)); /* GGML_QNT_VERSION: the layout of blocks since 2023 */
	}
	if (c->recipe && !c->ask.pure && quant_recipe_mixes(c->recipe))
		set(r, "quantize.mix", value_str(str(quant_recipe_mix)));
	else if (c->recipe)
		drop(r, "quantize.mix");
	if (c->imatrix)
		imatrix_keys(c->imatrix, r);
	if (c->name)
		set(r, "general.name", value_str(str(c->name)));
	for (size_t i = 0; i < c->n_keys; i++)
		if (!person_key(c, c->keys[i], r, err))
			return false;
	return true;
}

static bool write_kv(struct fmt_writer *w, struct key_rules *rules, const struct fmt_kv *kv, struct fmt_err *err)
{
	struct fmt_kv changed = *kv;

	for (size_t i = 0; i < rules->n; i++) {
		struct key_rule *r = &rules->list[i];

		if (r->key.n != kv->key.n || memcmp(r->key.p, kv->key.p, r->key.n))
			continue;
		if (r->drop)
			return true;
		r->seen = true;
		changed.value = r->value;
	}
	return fmt_writer_kv(w, &changed, err);
}

static bool write_all(struct conversion *c, struct fmt_writer *w, struct key_rules *rules, struct fmt_err *err)
{
	if (!make_rules(c, rules, err))
		return false;
	for (uint64_t i = 0; i < c->view->n_kv; i++)
		if (!is_found(c->view->kv[i].key) && !write_kv(w, rules, &c->view->kv[i], err))
			return false;
	for (size_t i = 0; i < rules->n; i++) {
		struct fmt_kv kv = { .key = rules->list[i].key, .value = rules->list[i].value };

		if (!rules->list[i].drop && !rules->list[i].seen && !fmt_writer_kv(w, &kv, err))
			return false;
	}
	for (size_t i = 0; i < c->n_late_keys; i++)
		if (!fmt_writer_kv(w, &c->late_keys[i], err))
			return false;
	return true;
}

bool st2gguf_write_keys(struct conversion *c, struct fmt_writer *w, struct fmt_err *err)
{
	size_t n = OWN_RULES + c->n_keys;
	struct key_rules rules = { .list = calloc(n, sizeof *rules.list) };
	bool ok = rules.list ? write_all(c, w, &rules, err) : fmt_fail_nomem(err, n * sizeof *rules.list);

	free(rules.list);
	return ok;
}
