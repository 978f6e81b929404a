/* The public face of tokenizers: a text through all steps. */
#include <stdlib.h>
#include <string.h>

#include "tok_added.h"
#include "tok_run.h"
#include "unicode.h"
#include "tok_words.h"

struct infer_tokenizer *tok_create(struct fmt_err *err)
{
	struct infer_tokenizer *t = calloc(1, sizeof *t);

	if (!t) {
		fmt_fail_nomem(err, sizeof *t);
		return NULL;
	}
	t->unk = TOK_NONE;
	for (size_t i = 0; i < 256; i++)
		t->bytes[i] = TOK_NONE;
	return t;
}

struct infer_tokenizer *infer_tokenizer_create(const struct fmt_view *v, struct fmt_err *err)
{
	struct infer_tokenizer *t = tok_create(err);
	bool ok = t;

	if (ok)
		ok = v->tokenizer_json.n ? tok_from_json(t, v->tokenizer_json, err) : tok_from_gguf(t, v, err);
	if (ok && tok_finish(t, err)) {
		tok_mark_ends(t, v);
		return t;
	}
	infer_tokenizer_destroy(t);
	return NULL;
}

struct infer_tokenizer *infer_tokenizer_from_json(const char *json, size_t n, struct fmt_err *err)
{
	struct infer_tokenizer *t = tok_create(err);

	if (t && tok_from_json(t, (struct fmt_str){ json, n }, err) && tok_finish(t, err)) {
		tok_mark_ends(t, NULL);
		return t;
	}
	infer_tokenizer_destroy(t);
	return NULL;
}

void infer_tokens_finish(struct infer_tokens *t)
{
	free(t->ids);
	free(t->starts);
	*t = (struct infer_tokens){ 0 };
}

void tok_run_finish(struct tok_run *r)
{
	regex_run_destroy(r->regex);
	tok_bpe_destroy(r->bpe);
	tok_lattice_destroy(r->lattice);
	tok_words_destroy(r->words);
	for (size_t i = 0; i < 2; i++)
		tok_text_finish(&r->work[i]);
	for (size_t i = 0; i < TOK_MAX_STEPS; i++)
		tok_text_finish(&r->deep[i]);
}

static enum regex_found find_literal(const struct tok_bytes *s, const char *text, size_t n, size_t from, bool open,
                                     size_t *start, size_t *end)
{
	const char *found = s->n ? memmem(text + from, n - from, s->p, s->n) : NULL;

	if (found) {
		*start = (size_t)(found - text);
		*end = *start + s->n;
		return REGEX_MATCH;
	}
	for (*start = n - from < s->n ? from : n - s->n + 1; open && *start < n; (*start)++)
		if (!memcmp(text + *start, s->p, n - *start))
			return REGEX_PARTIAL;
	return REGEX_NONE;
}

static enum regex_found find(struct tok_run *r, const struct tok_pattern *p, const char *text, size_t n,
                             struct tok_matches *m, size_t *start, size_t *end)
{
	if (!p->regex)
		return find_literal(&p->literal, text, n, m->at, m->open, start, end);
	if (p->threes)
		return tok_threes_find(p->threes, &m->digits, text, n, m->at, m->open, start, end);
	if (!r->regex) {
		r->regex = regex_run_create(r->err);
		if (!r->regex)
			return REGEX_FAILED;
	}
	return regex_find(p->regex, r->regex, text, n, m->at, m->open, start, end, r->err);
}

enum regex_found tok_pattern_next(struct tok_run *r, const struct tok_pattern *p, const char *text, size_t n,
                                  struct tok_matches *m, size_t *start, size_t *end)
{
	while (n && m->at <= n) {
		enum regex_found found = find(r, p, text, n, m, start, end);
		size_t len = 1;

		if (found != REGEX_MATCH)
			return found;
		if (*start < *end || !m->any || m->last != *end) {
			m->any = true;
			m->at = m->last = *end;
			return REGEX_MATCH;
		}
		if (m->at < n)
			uni_get(text + m->at, &len);
		m->at += len;
	}
	return REGEX_NONE;
}

/* A stretch of a text between or at added tokens, on one of the two levels. */
struct level {
	struct tok_run *r;
	const struct tok_text *text;
	bool parse_special;
};

static bool normalized_stretch(void *ctx, size_t start, size_t end, const struct tok_added *added, bool open)
{
	const struct level *l = ctx;

	if (added)
		return open || tok_emit(l->r, added->id, l->text, start);
	tok_part_normalized(l->r, l->text, start, end);
	return tok_split_all(l->r, l->text, start, end, open);
}

static bool raw_stretch(void *ctx, size_t start, size_t end, const struct tok_added *added, bool open)
{
	const struct level *l = ctx;
	struct level inner = *l;

	if (added) {
		tok_part_offer_added(l->r, l->text, start);
		return open || tok_emit(l->r, added->id, l->text, start);
	}
	tok_part_raw(l->r, l->text, start, end);
	if (!tok_normalize(l->r, l->text, start, end, open, &inner.text, &start, &end))
		return false;
	return start == end || tok_cut(l->r->t, l->r->t->normalized, inner.text->bytes.p, start, end, l->parse_special, open,
	                               normalized_stretch, &inner);
}

static bool emit_all(struct tok_run *r, const int32_t *ids, size_t n, uint64_t at)
{
	for (size_t i = 0; i < n; i++)
		if (!tok_emit_at(r, ids[i], at))
			return false;
	return true;
}

static bool encode(struct tok_run *r, const char *text, size_t n, unsigned flags)
{
	const struct infer_tokenizer *t = r->t;
	const struct tok_part *part = &r->part;
	struct tok_text whole = { 0 };
	struct level level = { r, &whole, flags & INFER_TOK_PARSE_SPECIAL };
	bool ok = tok_is_utf8(text, n) ? tok_text_borrow(&whole, text, n, part->start, r->err)
	                               : tok_text_lossy(&whole, text, n, part->start, r->err);

	if (ok && flags & INFER_TOK_ADD_SPECIAL && !part->start)
		ok = emit_all(r, t->prefix, t->n_prefix, 0);
	tok_part_begin(r, level.parse_special);
	if (ok && n)
		ok = tok_cut(t, t->raw, whole.bytes.p, 0, whole.bytes.n, level.parse_special, part->open, raw_stretch, &level);
	if (ok && flags & INFER_TOK_ADD_SPECIAL && !part->open)
		ok = emit_all(r, t->suffix, t->n_suffix, part->start + n);
	tok_text_finish(&whole);
	return ok;
}

bool infer_tokenize(const struct infer_tokenizer *t, const char *text, size_t n, unsigned flags,
                    struct infer_tokens *out, struct fmt_err *err)
{
	struct tok_run r = { .t = t, .out = out, .err = err, .text_bytes = n };
	bool ok = encode(&r, text, n, flags);

	tok_run_finish(&r);
	return ok;
}

struct infer_encoder {
	struct tok_run run;
};

struct infer_encoder *infer_encoder_create(const struct infer_tokenizer *t, struct fmt_err *err)
{
	struct infer_encoder *e = calloc(1, sizeof *e);

	if (!e) {
		fmt_fail_nomem(err, sizeof *e);
		return NULL;
	}
	e->run.t = t;
	e->run.text_bytes = SIZE_MAX;
	return e;
}

void infer_encoder_destroy(struct infer_encoder *e)
{
	if (!e)
		return;
	tok_run_finish(&e->run);
	free(e);
}

static bool encode_for(struct infer_encoder *e, const char *text, size_t n, unsigned flags, struct infer_tokens *out,
                       struct fmt_err *err)
{
	e->run.out = out;
	e->run.err = err;
	return encode(&e->run, text, n, flags);
}

bool infer_encode(struct infer_encoder *e, const char *text, size_t n, unsigned flags, struct infer_tokens *out,
                  struct fmt_err *err)
{
	e->run.part = (struct tok_part){ 0 }; /* a text in parts may have been given up */
	return encode_for(e, text, n, flags, out, err);
}

bool infer_encode_part(struct infer_encoder *e, const char *text, size_t n, bool last, unsigned flags,
                       struct infer_tokens *out, size_t *n_used, struct fmt_err *err)
{
	struct tok_part *p = &e->run.part;
	uint64_t n_before = out->n;
	bool ok;

	*n_used = 0;
	if (!last) {
		n = tok_whole_chars(text, n);
		if (!tok_part_possible(e->run.t))
			return true;
	}
	p->open = !last;
	ok = encode_for(e, text, n, flags, out, err);
	if (ok && last) {
		*n_used = n;
	} else if (ok && p->cut > p->start) {
		*n_used = (size_t)(p->cut - p->start);
		out->n = p->n_tokens;
		p->start = p->cut;
		p->within = p->cut_within;
	} else {
		out->n = n_before;
	}
	if (!ok || last)
		*p = (struct tok_part){ 0 };
	return ok;
}

void infer_n_around(const struct infer_tokenizer *t, size_t *before, size_t *behind)
{
	*before = t->n_prefix;
	*behind = t->n_suffix;
}

struct fmt_str infer_token_text(const struct infer_tokenizer *t, int32_t id)
{
	return id >= 0 && (size_t)id < t->n_entries ? t->entries[id].text : (struct fmt_str){ 0 };
}

uint32_t infer_n_tokens(const struct infer_tokenizer *t)
{
	return (uint32_t)t->n_entries;
}

bool infer_token_is_special(const struct infer_tokenizer *t, int32_t id)
{
	return infer_token_text(t, id).p && t->entries[id].special;
}

bool infer_token_ends(const struct infer_tokenizer *t, int32_t id)
{
	return infer_token_text(t, id).p && t->entries[id].ends;
}
