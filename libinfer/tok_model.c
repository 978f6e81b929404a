/* Splits to ids: by what the model gave for the same word before, or by the model. */
#include <stdlib.h>

#include "tok_run.h"

bool tok_emit_at(struct tok_run *r, int32_t id, uint64_t start)
{
	struct infer_tokens *out = r->out;

	if (out->n == out->cap) {
		uint64_t cap = out->cap ? 2 * out->cap : 64;
		int32_t *ids = realloc(out->ids, cap * sizeof *ids);
		uint64_t *starts;

		if (ids)
			out->ids = ids;
		starts = ids ? realloc(out->starts, cap * sizeof *starts) : NULL;
		if (!starts)
			return fmt_fail_nomem(r->err, cap * sizeof *starts);
		out->starts = starts;
		out->cap = cap;
	}
	out->ids[out->n] = id;
	out->starts[out->n++] = start;
	return true;
}

/* Tokens come in the text's order, so that the mark of one is that of the last or the next one. */
static uint64_t origin(struct tok_run *r, const struct tok_text *text, size_t at)
{
	const struct tok_mark *m = text->marks;
	size_t i = r->mark;

	if (i < text->n_marks && m[i].at <= at) {
		while (i + 1 < text->n_marks && i - r->mark < 4 && m[i + 1].at <= at)
			i++;
		if (i + 1 == text->n_marks || m[i + 1].at > at) {
			r->mark = i;
			return m[i].made ? m[i].origin : m[i].origin + (at - m[i].at);
		}
	}
	r->mark = tok_text_mark(text, at);
	return tok_text_origin(text, at);
}

bool tok_emit(struct tok_run *r, int32_t id, const struct tok_text *text, size_t at)
{
	if (r->n_word < TOK_WORD_IDS)
		r->word_at[r->n_word] = (uint8_t)(at - r->word_start);
	r->n_word++;
	return tok_emit_at(r, id, origin(r, text, at));
}

void tok_take_back(struct tok_run *r)
{
	r->out->n -= r->n_word;
	r->n_word = 0;
}

static bool encode(struct tok_run *r, const struct tok_text *text, size_t start, size_t end)
{
	r->word_start = start;
	r->n_word = 0;
	switch (r->t->model) {
	case TOK_MODEL_BPE:
		return tok_model_bpe(r, text, start, end);
	case TOK_MODEL_UNIGRAM:
		return tok_model_unigram(r, text, start, end);
	case TOK_MODEL_WORDPIECE:
	case TOK_MODEL_WORDLEVEL:
		return tok_model_words(r, text, start, end);
	}
	return false;
}

static bool encode_word(struct tok_run *r, const struct tok_text *text, size_t start, size_t end)
{
	char key[TOK_WORD_BYTES + 1];
	struct tok_word *word;
	bool known;

	if (!r->words)
		r->words = tok_words_create(r->text_bytes);
	if (!r->words || end - start > TOK_WORD_BYTES)
		return encode(r, text, start, end);
	word = tok_words_find(r->words, text->bytes.p + start, end - start, key, &known);
	for (size_t i = 0; known && i < word->n; i++)
		if (!tok_emit_at(r, word->ids[i], origin(r, text, start + word->at[i])))
			return false;
	if (known)
		return true;
	if (!encode(r, text, start, end))
		return false;
	if (r->n_word <= TOK_WORD_IDS)
		tok_words_keep(word, key, r->out->ids + (r->out->n - r->n_word), r->word_at, r->n_word);
	return true;
}

bool tok_model(struct tok_run *r, const struct tok_text *text, size_t start, size_t end, bool open)
{
	while (start < end) {
		size_t stop = r->t->joins ? tok_join_end(r->t->joins, text->bytes.p, start, end) : end;

		if (r->part.open)
			tok_part_offer(r, text, start);
		if (open && stop == end)
			return true;
		if (!encode_word(r, text, start, stop))
			return false;
		start = stop;
	}
	return true;
}
