/* Normalizer steps: each makes a new text from the one before, with origins. */
#include <string.h>

#include <libfmt/letters.h>
#include <libfmt/utf8.h>

#include "normal.h"
#include "tok_charsmap.h"
#include "tok_run.h"
#include "unicode.h"

/* Text[start, end) of one step, and where its result goes. */
struct step {
	struct tok_run *r;
	const struct tok_norm *norm;
	const struct tok_text *in;
	size_t start, end;
	bool open;
	struct tok_text *out;
};

static bool copy(const struct step *s, size_t start, size_t end)
{
	return tok_text_copy(s->out, s->in, start, end, s->r->err);
}

static bool put(const struct step *s, const char *p, size_t n, size_t at)
{
	return tok_text_put(s->out, p, n, tok_text_origin(s->in, at), s->r->err);
}

/* What a character of `len` bytes becomes. Where that is as long there need be no mark, and in most texts there are none. */
static bool put_for(const struct step *s, const char *p, size_t n, size_t at, size_t len)
{
	size_t first = 0;

	if (n == len)
		uni_get(p, &first);
	return first == len ? tok_text_put_for(s->out, p, n, s->in, at, s->r->err) : put(s, p, n, at);
}

static bool strip(const struct step *s)
{
	const char *p = s->in->bytes.p;
	size_t start = s->start, end = s->end, len;

	while (s->norm->left && start < end && uni_is_space(uni_get(p + start, &len)))
		start += len;
	while (s->norm->right && end > start) {
		size_t before = start + uni_before(p + start, end - start);

		if (!uni_is_space(uni_get(p + before, &len)))
			break;
		end = before;
	}
	return copy(s, start, end);
}

/* Metaspace puts its sign before what begins the text. What stands for several characters does not, in the reference: it counts
 * as the last of them. */
static void mark_front(const struct step *s, size_t from, size_t end)
{
	size_t last = from + uni_before(s->in->bytes.p + s->start + from, end - from);

	if (!tok_text_origin(s->in, s->start + from) && tok_text_origin(s->in, s->start + last))
		s->r->front_replaced = true;
}

static bool replace(const struct step *s)
{
	const char *p = s->in->bytes.p + s->start;
	const struct tok_bytes *to = &s->norm->text;
	struct tok_matches m = { .open = s->open };
	size_t n = s->end - s->start, done = 0, from, end;
	enum regex_found found;

	while ((found = tok_pattern_next(s->r, &s->norm->pattern, p, n, &m, &from, &end)) == REGEX_MATCH) {
		if (!copy(s, s->start + done, s->start + from) || !put(s, to->p, to->n, s->start + from))
			return false;
		if (end > from)
			mark_front(s, from, end);
		done = end;
	}
	return found != REGEX_FAILED && copy(s, s->start + done, found == REGEX_PARTIAL ? s->start + from : s->end);
}

static bool prepend(const struct step *s)
{
	const struct tok_bytes *front = &s->norm->text;

	return s->start == s->end || ((tok_part_continues_raw(s->r, s->in, s->start) || put(s, front->p, front->n, s->start)) &&
	                              copy(s, s->start, s->end));
}

/* What one character becomes: bytes in `to` (room for 16), their number; SIZE_MAX: it stays. */
typedef size_t char_fn(uint32_t code, const char *p, size_t len, char *to);

static bool each_char(const struct step *s, char_fn *fn)
{
	const char *p = s->in->bytes.p;
	size_t len, kept = s->start;
	char to[16];

	for (size_t at = s->start; at < s->end; at += len) {
		uint32_t code = uni_get(p + at, &len);
		size_t n = fn(code, p + at, len, to);

		if (n == SIZE_MAX)
			continue;
		if (!copy(s, kept, at) || !put_for(s, to, n, at, len))
			return false;
		kept = at + len;
	}
	return copy(s, kept, s->end);
}

static size_t lower(uint32_t code, const char *p, size_t len, char *to)
{
	uint32_t codes[3];
	size_t n_codes = normal_lower(code, codes), n = 0;

	(void)p;
	(void)len;
	if (n_codes == 1 && codes[0] == code)
		return SIZE_MAX;
	for (size_t i = 0; i < n_codes; i++)
		n += fmt_utf8_put(codes[i], to + n);
	return n;
}

static size_t without_accents(uint32_t code, const char *p, size_t len, char *to)
{
	(void)p;
	(void)len;
	(void)to;
	return code >= 0x300 && uni_was(code, UNI_SET_M, &uni_old_accent) ? 0 : SIZE_MAX;
}

static size_t without_bert_accents(uint32_t code, const char *p, size_t len, char *to)
{
	(void)p;
	(void)len;
	(void)to;
	return code >= 0x300 && uni_was(code, UINT32_C(1) << UNI_MN, &uni_old_bert_accent) ? 0 : SIZE_MAX;
}

static size_t letters(uint32_t code, const char *p, size_t len, char *to)
{
	size_t n = 0;

	(void)code;
	for (size_t i = 0; i < len; i++)
		n += fmt_byte_letter((uint8_t)p[i], to + n);
	return n;
}

/* BertNormalizer's clean_text: no NUL, no U+FFFD, no control characters; every white space is a space. */
static size_t clean(uint32_t code, const char *p, size_t len, char *to)
{
	(void)p;
	(void)len;
	if (code == '\t' || code == '\n' || code == '\r') {
		*to = ' ';
		return 1;
	}
	if (!code || code == 0xfffd || uni_was(code, UNI_SET_C & ~(1u << UNI_CN), &uni_old_control))
		return 0;
	*to = ' ';
	return code != ' ' && uni_is_space(code) ? 1 : SIZE_MAX;
}

/* Nmt. Control characters but for some that part lines are taken out; zero-width and other odd spaces become spaces. */
static size_t nmt(uint32_t code, const char *p, size_t len, char *to)
{
	static const uint32_t to_space[] = { '\t', '\n', '\f', '\r', 0x1680, 0x2028, 0x2029, 0x2581, 0xfeff, 0xfffd };

	(void)p;
	(void)len;
	*to = ' ';
	if (code >= 0x200b && code <= 0x200f)
		return 1;
	for (size_t i = 0; i < sizeof to_space / sizeof *to_space; i++)
		if (code == to_space[i])
			return 1;
	return code && (code < 0x20 || code == 0x7f || code == 0x8f || code == 0x9f) ? 0 : SIZE_MAX;
}

static size_t base(uint32_t code, const char *p, size_t len, char *to)
{
	uint32_t first = normal_base(code);

	(void)p;
	(void)len;
	return first == code ? SIZE_MAX : fmt_utf8_put(first, to);
}

static size_t without_marks(uint32_t code, const char *p, size_t len, char *to)
{
	(void)p;
	(void)len;
	(void)to;
	return uni_is(code, UNI_SET_M) ? 0 : SIZE_MAX;
}

static size_t plain_words(uint32_t code, const char *p, size_t len, char *to)
{
	(void)p;
	(void)len;
	if (uni_is_space(code)) {
		*to = ' ';
		return code == ' ' ? SIZE_MAX : 1;
	}
	return !code || code == 0xfffd || uni_is(code, UNI_SET_C & ~(1u << UNI_CN)) ? 0 : SIZE_MAX;
}

/* SentencePiece's spaces as llama.cpp makes them. */
static bool spaces(const struct step *s)
{
	const char *p = s->in->bytes.p;
	const struct tok_bytes *space = &s->norm->text;
	bool in_word = false, first = true;
	size_t kept = s->start;

	for (size_t at = s->start; at < s->end; at++) {
		if (p[at] == ' ') {
			if (!copy(s, kept, at) || (!s->norm->right && !put(s, space->p, space->n, at)))
				return false;
			kept = at + 1;
			in_word = false;
		} else if (!in_word) {
			if ((s->norm->right || (s->norm->left && first)) && !put(s, space->p, space->n, at))
				return false;
			in_word = true;
			first = false;
		}
	}
	return copy(s, kept, s->end);
}

static size_t space_ideograph(uint32_t code, const char *p, size_t len, char *to)
{
	if (!uni_is_bert_ideograph(code))
		return SIZE_MAX;
	to[0] = ' ';
	memcpy(to + 1, p, len);
	to[1 + len] = ' ';
	return len + 2;
}

static bool run_step(const struct step *s)
{
	switch (s->norm->kind) {
	case TOK_NORM_NFC:
		return normal_form(NORMAL_NFC, s->in, s->start, s->end, s->out, s->r->err);
	case TOK_NORM_NFD:
		return normal_form(NORMAL_NFD, s->in, s->start, s->end, s->out, s->r->err);
	case TOK_NORM_NFKC:
		return normal_form(NORMAL_NFKC, s->in, s->start, s->end, s->out, s->r->err);
	case TOK_NORM_NFKD:
		return normal_form(NORMAL_NFKD, s->in, s->start, s->end, s->out, s->r->err);
	case TOK_NORM_LOWERCASE:
		return each_char(s, lower);
	case TOK_NORM_STRIP:
		return strip(s);
	case TOK_NORM_STRIP_ACCENTS:
		return each_char(s, without_accents);
	case TOK_NORM_BERT_ACCENTS:
		return each_char(s, without_bert_accents);
	case TOK_NORM_REPLACE:
		return replace(s);
	case TOK_NORM_PREPEND:
		return prepend(s);
	case TOK_NORM_BYTES:
		return each_char(s, letters);
	case TOK_NORM_CLEAN:
		return each_char(s, clean);
	case TOK_NORM_CJK:
		return each_char(s, space_ideograph);
	case TOK_NORM_NMT:
		return each_char(s, nmt);
	case TOK_NORM_CHARSMAP:
		return tok_charsmap_run(s->norm->charsmap, s->norm->left, s->in, s->start, s->end, s->out, s->r->err);
	case TOK_NORM_SPACES:
		return spaces(s);
	case TOK_NORM_BASE:
		return each_char(s, base);
	case TOK_NORM_MARKS:
		return each_char(s, without_marks);
	case TOK_NORM_WORDS:
		return each_char(s, plain_words);
	}
	return false;
}

bool tok_normalize(struct tok_run *r, const struct tok_text *text, size_t start, size_t end, bool open,
                   const struct tok_text **out, size_t *out_start, size_t *out_end)
{
	r->front_replaced = false;
	*out = text;
	*out_start = start;
	*out_end = open ? tok_part_sure(r, text, start, end) : end;
	for (size_t i = 0; i < r->t->n_norms; i++) {
		struct tok_text *to = *out == &r->work[0] ? &r->work[1] : &r->work[0];
		struct step s = { r, &r->t->norms[i], *out, *out_start, *out_end, open, to };

		tok_text_clear(to);
		if (!run_step(&s))
			return false;
		*out = to;
		*out_start = 0;
		*out_end = to->bytes.n;
	}
	return true;
}
