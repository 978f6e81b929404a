/* Both readings of a directory's tokenizer on the built-in hard text. See tok_check.h. */
#include <stdio.h>
#include <string.h>

#include <libfmt/pre.h>

#include "tok_hard_text.h"
#include "tok_level.h"

#define META "\xe2\x96\x81"

#define RUN_LENGTH  300 /* of one character: past what any token holds */
#define MAX_SPECIAL 40  /* special tokens that are tried in texts */

struct both {
	const struct infer_tokenizer *full, *keys;
	bool no_meta; /* text with U+2581 is left out: tokens that hold it have spaces in its place among the keys */
	struct infer_tokens a, b; /* ids of the text that is compared now */
	struct fmt_err *err;
};

/* Ids from the place where the lists part, as many as fit. */
static void list_ids(const struct infer_tokens *t, uint64_t from, char *out, size_t n)
{
	size_t at = (size_t)snprintf(out, n, "%s", from ? "... " : "");

	for (uint64_t i = from; i < t->n && at + 16 < n; i++)
		at += (size_t)snprintf(out + at, n - at, "%s%ld", i > from ? " " : "", (long)t->ids[i]);
	if (from == t->n)
		snprintf(out + at, n - at, "nothing");
}

/* The beginning of a text for a message, on one line. */
static void show(struct fmt_str text, char *out, size_t n)
{
	size_t at = 0, i = 0;

	for (; i < text.n && at + 8 < n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		at += (size_t)snprintf(out + at, n - at, c == '\n' ? "\\n" : c < 0x20 || c == 0x7f ? "\\x%02x" : "%c", c);
	}
	snprintf(out + at, n - at, "%s", i < text.n ? "..." : "");
}

static bool fail_differ(const struct both *x, struct fmt_str text)
{
	char by_keys[80], by_json[80], shown[64];
	uint64_t at = 0;

	while (at < x->a.n && at < x->b.n && x->a.ids[at] == x->b.ids[at])
		at++;
	show(text, shown, sizeof shown);
	list_ids(&x->a, at, by_json, sizeof by_json);
	list_ids(&x->b, at, by_keys, sizeof by_keys);
	return fmt_fail(x->err, FMT_MISMATCH, FMT_NO_OFFSET, "by the GGUF's keys '%s' becomes %s; by tokenizer.json %s", shown,
	                by_keys, by_json);
}

static bool compare(struct both *x, struct fmt_str text)
{
	static const unsigned flags[] = { INFER_TOK_PARSE_SPECIAL, 0 };

	if (x->no_meta && fmt_str_has(text, META))
		return true;
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		x->a.n = x->b.n = 0;
		if (!infer_tokenize(x->full, text.p, text.n, flags[i], &x->a, x->err) ||
		    !infer_tokenize(x->keys, text.p, text.n, flags[i], &x->b, x->err))
			return false;
		if (x->a.n != x->b.n || (x->a.n && memcmp(x->a.ids, x->b.ids, x->a.n * sizeof *x->a.ids)))
			return fail_differ(x, text);
	}
	return true;
}

static bool compare_runs(struct both *x)
{
	char text[16 * RUN_LENGTH];
	struct fmt_str c;

	for (size_t i = 0; (c = tok_hard_run(i)).p; i++) {
		for (size_t k = 0; k < RUN_LENGTH; k++)
			memcpy(text + k * c.n, c.p, c.n);
		if (!compare(x, (struct fmt_str){ text, RUN_LENGTH * c.n }))
			return false;
	}
	return true;
}

/* The tokenizer's own special tokens, in all places that matter: "%" stands for one. */
static bool compare_special(struct both *x)
{
	static const char *const texts[] = { "%", "%%", " % ", "a%b", "a % b", "%\n\n%  a", "1 %% 2", "%." };
	char text[600];

	for (size_t i = 0; i < x->keys->n_added && i < MAX_SPECIAL; i++) {
		struct fmt_str token = x->keys->entries[x->keys->added[i].id].text;

		for (size_t k = 0; token.n <= sizeof text / 8 && k < sizeof texts / sizeof *texts; k++) {
			size_t n = 0;

			for (const char *p = texts[k]; *p; p++) {
				memcpy(text + n, *p == '%' ? token.p : p, *p == '%' ? token.n : 1);
				n += *p == '%' ? token.n : 1;
			}
			if (!compare(x, (struct fmt_str){ text, n }))
				return false;
		}
	}
	return true;
}

static bool spells_meta_otherwise(const struct infer_tokenizer *full, const struct infer_tokenizer *keys)
{
	for (size_t i = 0; i < keys->n_added; i++) {
		size_t id = (size_t)keys->added[i].id;

		if (id < full->n_entries && fmt_str_has(full->entries[id].text, META) &&
		    !fmt_str_eq(full->entries[id].text, keys->entries[id].text))
			return true;
	}
	return false;
}

static bool compare_all(const struct infer_tokenizer *full, const struct infer_tokenizer *keys, struct fmt_err *err)
{
	struct both x = { .full = full, .keys = keys, .no_meta = spells_meta_otherwise(full, keys), .err = err };
	struct fmt_str text;
	bool ok = true;

	for (size_t i = 0; ok && (text = tok_hard_text(i)).p; i++)
		ok = compare(&x, text);
	ok = ok && compare_runs(&x) && compare_special(&x);
	infer_tokens_finish(&x.a);
	infer_tokens_finish(&x.b);
	return ok;
}

static struct fmt_str pre_name(const struct fmt_view *v)
{
	const struct fmt_value *name = fmt_view_get(v, "tokenizer.ggml.pre");

	return name && name->type == FMT_KV_STR ? name->as.s : (struct fmt_str){ "", 0 };
}

/* Text by both readings; a difference that the name or the kind of model explains is a note. */
static bool check_text(const struct fmt_view *v, bool pre_given, struct infer_tokenizer *full, struct infer_tokenizer *keys,
                       struct infer_tokenizer *spare, struct infer_tok_check *out, struct fmt_err *err)
{
	struct fmt_err first = { 0 };

	if (compare_all(full, keys, &first))
		return true;
	if (first.code == FMT_MISMATCH && full->model != TOK_MODEL_BPE) {
		tok_note(out, "%.180s", first.msg);
		return true;
	}
	if (first.code == FMT_MISMATCH && pre_given) {
		tok_level_splits(full, spare);
		if (compare_all(full, keys, err)) {
			tok_note(out, "text is cut as '%.*s' says, not as tokenizer.json does", (int)pre_name(v).n, pre_name(v).p);
			return true;
		}
	}
	if (!err->code)
		*err = first;
	return false;
}

/* Where llama.cpp does not do exactly what the name stands for; our own programs do. */
static void note_approximate(const struct fmt_view *v, struct infer_tok_check *out)
{
	const struct fmt_pre *pre = fmt_pre_find(pre_name(v));
	bool differs = out->differs;

	if (pre && pre->approximate)
		tok_note(out, "%s", pre->approximate);
	out->differs = differs;
}

bool infer_tok_check(const struct fmt_view *v, bool pre_given, struct infer_tok_check *out, struct fmt_err *err)
{
	struct infer_tokenizer *full = tok_create(err), *keys = full ? tok_create(err) : NULL;
	struct infer_tokenizer *spare = keys ? tok_create(err) : NULL;
	struct fmt_err unread = { 0 };
	bool ok = spare && tok_from_json(full, v->tokenizer_json, err);

	*out = (struct infer_tok_check){ 0 };
	if (ok && pre_given && !fmt_pre_find(pre_name(v))) {
		tok_note(out, "tokenizer.ggml.pre '%.*s' is not known here, and was not compared", (int)pre_name(v).n, pre_name(v).p);
	} else if (ok && !tok_from_gguf(keys, v, &unread)) {
		ok = unread.code == FMT_UNSUPPORTED;
		if (ok)
			tok_note(out, "not compared: %.150s", unread.msg);
		else
			*err = unread;
	} else if (ok) {
		ok = tok_from_gguf(spare, v, err) && tok_level(full, keys, spare, out, err) &&
		     tok_finish(full, err) && tok_finish(keys, err) && check_text(v, pre_given, full, keys, spare, out, err);
		note_approximate(v, out);
	}
	infer_tokenizer_destroy(full);
	infer_tokenizer_destroy(keys);
	infer_tokenizer_destroy(spare);
	return ok;
}
