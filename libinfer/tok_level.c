/* Two readings of a tokenizer, part by part. See tok_level.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tok_level.h"

struct pair {
	struct infer_tokenizer *full;
	const struct infer_tokenizer *keys;
	struct infer_tokenizer *spare;
	struct infer_tok_check *out;
	struct fmt_err *err;
};

void tok_note(struct infer_tok_check *c, const char *format, ...)
{
	char text[INFER_TOK_NOTE_BYTES];
	va_list args;

	c->differs = true;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	for (uint32_t i = 0; i < c->n_notes; i++)
		if (!strcmp(c->notes[i], text))
			return;
	if (c->n_notes < INFER_TOK_NOTES)
		memcpy(c->notes[c->n_notes++], text, sizeof text);
}

static bool same_bytes(const struct tok_bytes *a, const struct tok_bytes *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->p, b->p, a->n));
}

/* Expressions count as different: no key stands for one. */
static bool same_norm(const struct tok_norm *a, const struct tok_norm *b)
{
	return a->kind == b->kind && a->left == b->left && a->right == b->right && !a->pattern.regex && !b->pattern.regex &&
	       same_bytes(&a->pattern.literal, &b->pattern.literal) && same_bytes(&a->text, &b->text);
}

static bool has_norm(const struct infer_tokenizer *t, const struct tok_norm *norm)
{
	for (size_t i = 0; i < t->n_norms; i++)
		if (same_norm(&t->norms[i], norm))
			return true;
	return false;
}

static bool same_norms(const struct infer_tokenizer *a, const struct infer_tokenizer *b)
{
	for (size_t i = 0; i < a->n_norms && i < b->n_norms; i++)
		if (!same_norm(&a->norms[i], &b->norms[i]))
			return false;
	return a->n_norms == b->n_norms;
}

static const char *norm_name(enum tok_norm_kind kind)
{
	switch (kind) {
	case TOK_NORM_NFC: return "NFC";
	case TOK_NORM_NFD: return "NFD";
	case TOK_NORM_NFKC: return "NFKC";
	case TOK_NORM_NFKD: return "NFKD";
	case TOK_NORM_LOWERCASE: return "lower case";
	case TOK_NORM_STRIP: return "white space taken off the ends";
	case TOK_NORM_STRIP_ACCENTS:
	case TOK_NORM_BERT_ACCENTS: return "accents taken off";
	case TOK_NORM_REPLACE: return "replacements before the split";
	case TOK_NORM_PREPEND: return "prefix before a text";
	case TOK_NORM_BYTES: return "bytes as letters";
	case TOK_NORM_CLEAN: return "control characters taken out";
	case TOK_NORM_CJK: return "spaces around ideographs";
	case TOK_NORM_NMT: return "characters taken out, or made spaces";
	case TOK_NORM_CHARSMAP: return "map of characters";
	case TOK_NORM_SPACES:
	case TOK_NORM_BASE:
	case TOK_NORM_MARKS:
	case TOK_NORM_WORDS: break; /* of keys alone */
	}
	return "normalizer";
}

static void swap_norms(struct infer_tokenizer *a, struct infer_tokenizer *b)
{
	struct infer_tokenizer old = *a;

	a->norms = b->norms;
	a->n_norms = b->n_norms;
	a->cap_norms = b->cap_norms;
	b->norms = old.norms;
	b->n_norms = old.n_norms;
	b->cap_norms = old.cap_norms;
}

void tok_level_splits(struct infer_tokenizer *full, struct infer_tokenizer *spare)
{
	struct infer_tokenizer old = *full;

	full->splits = spare->splits;
	full->n_splits = spare->n_splits;
	full->cap_splits = spare->cap_splits;
	spare->splits = old.splits;
	spare->n_splits = old.n_splits;
	spare->cap_splits = old.cap_splits;
}

/* Metaspace, of which the keys say only whether there is a space before a text. */
static const struct tok_split *find_meta(const struct infer_tokenizer *t)
{
	for (size_t i = 0; i < t->n_splits; i++)
		if (t->splits[i].kind == TOK_SPLIT_META)
			return &t->splits[i];
	return NULL;
}

static void level_meta(const struct pair *p, const struct tok_split *meta)
{
	if (meta->prepend == TOK_PREPEND_FIRST)
		tok_note(p->out, "a space is put behind each special token too, and before a text that begins with one");
	else if (meta->prepend == TOK_PREPEND_ALWAYS)
		tok_note(p->out, "a space is put also before a text that begins with one");
	if (meta->split)
		tok_note(p->out, "words are not cut apart at spaces");
	swap_norms(p->full, p->spare);
	tok_level_splits(p->full, p->spare);
}

static void level_steps(const struct pair *p)
{
	const struct tok_split *meta = find_meta(p->full);
	uint32_t before = p->out->n_notes;

	if (p->full->model != TOK_MODEL_BPE)
		return;
	if (meta && !p->full->byte_symbols) {
		level_meta(p, meta);
		return;
	}
	if (same_norms(p->full, p->keys))
		return;
	for (size_t i = 0; i < p->full->n_norms; i++)
		if (!has_norm(p->keys, &p->full->norms[i]))
			tok_note(p->out, "no %s", norm_name(p->full->norms[i].kind));
	if (p->out->n_notes == before)
		tok_note(p->out, "normalizers in another order, or more of them");
	swap_norms(p->full, p->spare);
}

/* By rank without an alphabet of bytes: llama.cpp cuts at line feeds, which matters where a token goes across one. */
static void level_lines(const struct pair *p)
{
	struct infer_tokenizer *t = p->full;
	bool across = false;

	if (t->byte_symbols || !p->keys->unknown_parts)
		return;
	for (size_t i = 0; i < t->n_splits; i++)
		if (t->splits[i].kind != TOK_SPLIT_PATTERN || t->splits[i].pattern.regex || t->splits[i].pattern.literal.n != 1 ||
		    *t->splits[i].pattern.literal.p != ' ')
			return; /* spaces alone are others by then */
	for (size_t i = 0; i < t->n_entries && !across; i++) {
		struct fmt_str text = t->entries[i].added_only ? (struct fmt_str){ 0 } : t->entries[i].text;
		size_t n_lines = 0;

		for (size_t k = 0; k < text.n; k++)
			n_lines += text.p[k] == '\n';
		across = n_lines && n_lines < text.n;
	}
	if (across)
		tok_note(p->out, "text is cut at line feeds, also where a token goes across one");
	tok_level_splits(t, p->spare);
}

/* ByteLevel's space before a text, which byte-level BPE has no key for. */
static void level_space(const struct pair *p)
{
	struct infer_tokenizer *t = p->full;
	size_t i = 0;

	while (i < t->n_splits && t->splits[i].kind != TOK_SPLIT_SPACE)
		i++;
	if (i == t->n_splits)
		return;
	tok_note(p->out, "no space is put before a text");
	t->n_splits--;
	memmove(t->splits + i, t->splits + i + 1, (t->n_splits - i) * sizeof *t->splits); /* the step holds no memory */
}

/* Some tokens that share a property: how many, and the first. */
struct some {
	uint32_t n;
	struct fmt_str first;
};

static void count(struct some *s, struct fmt_str text)
{
	if (!s->n++)
		s->first = text;
}

static void note_some(const struct pair *p, const struct some *s, const char *one, const char *many)
{
	char others[40] = "";

	if (!s->n)
		return;
	if (s->n > 1)
		snprintf(others, sizeof others, " and %u more", s->n - 1);
	tok_note(p->out, "%s ('%.*s'%s)", s->n > 1 ? many : one, s->first.n > 60 ? 60 : (int)s->first.n, s->first.p, others);
}

/* The place among t->added of each id, plus one; 0: not among them. */
static uint32_t *places(const struct infer_tokenizer *t, size_t n_ids, struct fmt_err *err)
{
	uint32_t *place = calloc(n_ids + 1, sizeof *place);

	if (!place)
		fmt_fail_nomem(err, n_ids * sizeof *place);
	for (size_t i = t->n_added; place && i--;)
		if ((size_t)t->added[i].id < n_ids)
			place[t->added[i].id] = (uint32_t)i + 1;
	return place;
}

struct added_notes {
	struct some strip, no_strip, ascii, spelled, words, normalized, special, missing, surplus;
};

static bool level_one(const struct pair *p, struct tok_added *a, const struct tok_added *b, struct added_notes *n)
{
	struct fmt_str text = p->full->entries[a->id].text;

	if (!b) {
		count(&n->missing, text);
		a->text.n = 0; /* nothing finds it then */
		return true;
	}
	if ((a->lstrip && !b->lstrip) || (a->rstrip && !b->rstrip))
		count(&n->strip, text);
	if ((!a->lstrip && b->lstrip) || (!a->rstrip && b->rstrip))
		count(&n->no_strip, text);
	if (a->ascii != b->ascii && ((a->lstrip && b->lstrip) || (a->rstrip && b->rstrip)))
		count(&n->ascii, text);
	if (a->single_word != b->single_word)
		count(&n->words, text);
	if (a->normalized && p->full->n_norms)
		count(&n->normalized, text);
	if (a->special != b->special)
		count(&n->special, text);
	a->lstrip = b->lstrip;
	a->rstrip = b->rstrip;
	a->single_word = b->single_word;
	a->normalized = b->normalized;
	a->special = b->special;
	a->ascii = b->ascii;
	if (same_bytes(&a->text, &b->text))
		return true;
	count(&n->spelled, text);
	a->text.n = 0;
	return tok_bytes_put(&a->text, b->text.p, b->text.n, p->err);
}

static bool copy_added(const struct pair *p, const struct tok_added *b)
{
	struct tok_added *a = tok_new_added(p->full, p->err);

	if (!a)
		return false;
	*a = *b;
	a->text = (struct tok_bytes){ 0 };
	return tok_bytes_put(&a->text, b->text.p, b->text.n, p->err);
}

static bool level_added(const struct pair *p)
{
	size_t n_full = p->full->n_added, n_ids = p->keys->n_entries;
	uint32_t *in_keys = places(p->keys, n_ids, p->err), *in_full = places(p->full, n_ids, p->err);
	struct added_notes n = { 0 };
	bool ok = in_keys && in_full;

	for (size_t i = 0; ok && i < n_full; i++) {
		struct tok_added *a = &p->full->added[i];
		uint32_t at = (size_t)a->id < n_ids ? in_keys[a->id] : 0;

		ok = level_one(p, a, at ? &p->keys->added[at - 1] : NULL, &n);
	}
	for (size_t i = 0; ok && i < p->keys->n_added; i++) {
		const struct tok_added *b = &p->keys->added[i];

		if (in_full[b->id])
			continue;
		count(&n.surplus, p->keys->entries[b->id].text);
		ok = copy_added(p, b);
	}
	free(in_keys);
	free(in_full);
	note_some(p, &n.strip, "a token does not take in the white space around it", "tokens do not take in the white space around them");
	note_some(p, &n.no_strip, "a token takes in the white space behind it, by the model's name",
	          "tokens take in the white space behind them, by the model's name");
	note_some(p, &n.ascii, "a token takes in the white space of ASCII alone", "tokens take in the white space of ASCII alone");
	note_some(p, &n.spelled, "a token is looked for with spaces in place of U+2581", "tokens are looked for with spaces in place of U+2581");
	note_some(p, &n.words, "a token is not for whole words only, or is", "tokens are not for whole words only, or are");
	note_some(p, &n.normalized, "a token is looked for before normalizing", "tokens are looked for before normalizing");
	note_some(p, &n.special, "a token is special there only, or here only", "tokens are special there only, or here only");
	note_some(p, &n.missing, "a token is not found in a text", "tokens are not found in a text");
	note_some(p, &n.surplus, "a text that is no special token counts as one", "texts that are no special tokens count as such");
	return ok;
}

static bool same_ids(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b)
{
	return n_a == n_b && (!n_a || !memcmp(a, b, n_a * sizeof *a));
}

/* What is put around a text. It is not among what is compared later on. */
static void level_template(const struct pair *p)
{
	const struct infer_tokenizer *a = p->full, *b = p->keys;

	if (!same_ids(a->prefix, a->n_prefix, b->prefix, b->n_prefix) || !same_ids(a->suffix, a->n_suffix, b->suffix, b->n_suffix))
		tok_note(p->out, "other special tokens are put around a text");
}

/* Whether each byte that UTF-8 has is a token. */
static bool has_all_bytes(const struct infer_tokenizer *t)
{
	for (int i = 0; i < 0xf5; i++)
		if (t->bytes[i] == TOK_NONE && i != 0xc0 && i != 0xc1)
			return false;
	return true;
}

/* What has no token: of consequence only where some byte has none. */
static void level_unknown(const struct pair *p)
{
	struct infer_tokenizer *a = p->full;
	const struct infer_tokenizer *b = p->keys;

	if (a->model != TOK_MODEL_BPE || has_all_bytes(a))
		return;
	if (a->unk != b->unk || a->fuse_unk != b->fuse_unk || a->byte_fallback != b->byte_fallback)
		tok_note(p->out, "bytes without a token of their own become other tokens, or none");
	else if (a->unknown_parts != b->unknown_parts)
		tok_note(p->out, "nothing merges across bytes without a token of their own");
	a->unk = b->unk;
	a->fuse_unk = b->fuse_unk;
	a->byte_fallback = b->byte_fallback;
	a->unknown_parts = b->unknown_parts;
}

bool tok_level(struct infer_tokenizer *full, const struct infer_tokenizer *keys, struct infer_tokenizer *spare,
               struct infer_tok_check *out, struct fmt_err *err)
{
	const struct pair p = { full, keys, spare, out, err };

	level_steps(&p);
	level_lines(&p);
	level_space(&p);
	level_template(&p);
	level_unknown(&p);
	return level_added(&p);
}
