/* Tokens on stdout. JSON begins with their number, and a table ends with whether they decode to the same text: so they are kept,
 * in a spool, until the last part is there; ids alone are printed as they come. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "token_show.h"
#include "token_spool.h"

/* Ids that are decoded at once, if they can be parted there. */
#define PART_IDS ((size_t)1 << 12)

/* Ids on their way to text. */
struct back {
	struct infer_decoding decoding;
	int32_t *ids;
	size_t n, cap, want;
	void (*text)(struct token_show *s, struct fmt_str text);
};

struct token_show {
	const struct infer_tokenizer *t;
	enum token_form form;
	size_t before, behind; /* tokens that are only put around the text */
	bool no_starts;        /* there is no text in which they begin */
	struct token_spool spool;
	struct back back;
	struct cli_json json;

	/* Whether the tokens decode to the text: what of it their own text has not come to yet. */
	char *held;
	size_t n_held, cap_held;
	bool differs;

	uint64_t n_tokens, n_bytes; /* so far */
};

/* Digits by hand: there may be millions. */
void put_ids(const struct infer_tokens *tokens, char between)
{
	for (uint64_t i = 0; i < tokens->n; i++) {
		char digits[12], *p = digits + sizeof digits;
		uint32_t id = (uint32_t)tokens->ids[i];

		do
			*--p = (char)('0' + id % 10);
		while (id /= 10);
		if (i)
			*--p = between;
		while (p < digits + sizeof digits)
			putc_unlocked(*p++, stdout);
	}
}

/* Makes room for n elements. */
static bool grow(void **p, size_t *cap, size_t n, size_t bytes, struct fmt_err *err)
{
	size_t want = n > 2 * *cap ? n : 2 * *cap;
	void *grown;

	if (n <= *cap)
		return true;
	grown = want > SIZE_MAX / bytes ? NULL : realloc(*p, want * bytes);
	if (!grown)
		return fmt_fail_nomem(err, n * bytes);
	*p = grown;
	*cap = want;
	return true;
}

/* Decodes what there is, as far as it can be parted; `last`: all. */
static bool flush(struct token_show *s, bool last, struct fmt_err *err)
{
	struct back *b = &s->back;
	char *text = NULL;
	size_t n, used;

	if (!infer_detokenize_part(&b->decoding, b->ids, b->n, last, &text, &n, &used, err))
		return false;
	if (text)
		b->text(s, (struct fmt_str){ text, n });
	free(text);
	b->n -= used;
	if (b->n)
		memmove(b->ids, b->ids + used, b->n * sizeof *b->ids);
	b->want = 2 * b->n > PART_IDS ? 2 * b->n : PART_IDS;
	return true;
}

static bool decode_some(void *ctx, const struct token_record *records, size_t n, struct fmt_err *err)
{
	struct token_show *s = ctx;
	struct back *b = &s->back;
	void *ids = b->ids;

	if (!grow(&ids, &b->cap, b->n + n, sizeof *b->ids, err))
		return false;
	b->ids = ids;
	for (size_t i = 0; i < n; i++)
		b->ids[b->n++] = records[i].id;
	return b->n < b->want || flush(s, false, err);
}

/* The text of all tokens in the spool but those around, to b->text. */
static bool decode_all(struct token_show *s, void (*text)(struct token_show *s, struct fmt_str text), struct fmt_err *err)
{
	s->back.text = text;
	return token_spool_each(&s->spool, s->before, s->spool.n - s->behind, decode_some, s, err) && flush(s, true, err);
}

/* Some of what the tokens decode to, against the text. */
static void compare(struct token_show *s, struct fmt_str back)
{
	s->differs = s->differs || back.n > s->n_held || (back.n && memcmp(s->held, back.p, back.n));
	if (s->differs || !back.n)
		return;
	s->n_held -= back.n;
	memmove(s->held, s->held + back.n, s->n_held);
}

/* Takes in a part of the text for the comparison, and decodes its tokens. */
static bool check_part(struct token_show *s, const struct infer_tokens *tokens, struct fmt_str text, bool last,
                       struct fmt_err *err)
{
	uint64_t at = s->n_bytes ? 0 : s->before, end = tokens->n - (last ? s->behind : 0);
	void *held = s->held;

	if (s->differs)
		return true;
	if (!grow(&held, &s->cap_held, s->n_held + text.n, 1, err))
		return false;
	s->held = held;
	if (text.n)
		memcpy(s->held + s->n_held, text.p, text.n);
	s->n_held += text.n;
	s->back.text = compare;
	for (; at < end; at++) {
		struct token_record r = { 0, tokens->ids[at] };

		if (!decode_some(s, &r, 1, err))
			return false;
	}
	if (last && !flush(s, true, err))
		return false;
	s->differs = s->differs || (last && s->n_held);
	return true;
}

static bool row(void *ctx, const struct token_record *records, size_t n, struct fmt_err *err)
{
	const struct token_show *s = ctx;

	(void)err;
	for (size_t i = 0; i < n; i++) {
		printf("%8llu %8ld  ", (unsigned long long)records[i].start, (long)records[i].id);
		cli_print_str(stdout, infer_token_text(s->t, records[i].id));
		puts(infer_token_is_special(s->t, records[i].id) ? "  (special)" : "");
	}
	return true;
}

static void print_text(struct token_show *s, struct fmt_str text)
{
	(void)s;
	cli_print_str(stdout, text);
}

static bool table(struct token_show *s, struct fmt_err *err)
{
	printf("%8s %8s  %s\n", "byte", "id", "piece");
	if (!token_spool_each(&s->spool, 0, s->spool.n, row, s, err))
		return false;
	printf("%llu tokens of %llu bytes; ", (unsigned long long)s->spool.n, (unsigned long long)s->n_bytes);
	if (!s->differs) {
		puts("they decode to the same text");
		return true;
	}
	fputs("they decode to: ", stdout);
	s->back.decoding.begun = false; /* the comparison may have stopped within the text */
	s->back.n = 0;
	if (!decode_all(s, print_text, err))
		return false;
	putchar('\n');
	return true;
}

static bool json_row(void *ctx, const struct token_record *records, size_t n, struct fmt_err *err)
{
	struct token_show *s = ctx;
	struct cli_json *out = &s->json;

	(void)err;
	for (size_t i = 0; i < n; i++) {
		cli_json_object(out, NULL);
		cli_json_i64(out, "id", records[i].id);
		cli_json_str(out, "piece", infer_token_text(s->t, records[i].id));
		if (!s->no_starts)
			cli_json_u64(out, "start", records[i].start);
		cli_json_bool(out, "special", infer_token_is_special(s->t, records[i].id));
		cli_json_close(out, '}');
	}
	return true;
}

static void json_text(struct token_show *s, struct fmt_str text)
{
	cli_json_str_part(&s->json, text);
}

static bool json(struct token_show *s, struct fmt_err *err)
{
	struct cli_json *out = &s->json;

	cli_json_start(out, stdout);
	cli_json_object(out, NULL);
	cli_json_u64(out, "count", s->spool.n);
	cli_json_array(out, "tokens");
	if (!token_spool_each(&s->spool, 0, s->spool.n, json_row, s, err))
		return false;
	cli_json_close(out, ']');
	cli_json_str_open(out, "decoded");
	if (!decode_all(s, json_text, err))
		return false;
	cli_json_str_close(out);
	cli_json_close(out, '}');
	cli_json_end(out);
	return true;
}

struct token_show *token_show_create(const struct infer_tokenizer *t, enum token_form form, bool around, struct fmt_err *err)
{
	struct token_show *s = calloc(1, sizeof *s);

	if (!s) {
		fmt_fail_nomem(err, sizeof *s);
		return NULL;
	}
	s->t = t;
	s->form = form;
	s->back.decoding.t = t;
	s->back.want = PART_IDS;
	if (around)
		infer_n_around(t, &s->before, &s->behind);
	return s;
}

void token_show_destroy(struct token_show *s)
{
	if (!s)
		return;
	token_spool_finish(&s->spool);
	free(s->back.ids);
	free(s->held);
	free(s);
}

bool token_show_part(struct token_show *s, const struct infer_tokens *tokens, struct fmt_str text, bool last,
                     struct fmt_err *err)
{
	if (s->form == TOKENS_IDS || s->form == TOKENS_COUNT) {
		if (s->form == TOKENS_IDS && s->n_tokens && tokens->n)
			putchar(' ');
		if (s->form == TOKENS_IDS)
			put_ids(tokens, ' ');
		s->n_tokens += tokens->n;
		if (last && s->form == TOKENS_COUNT)
			printf("%llu", (unsigned long long)s->n_tokens);
		if (last)
			putchar('\n');
		return true;
	}
	if (!token_spool_add(&s->spool, tokens, err) || (s->form == TOKENS_TABLE && !check_part(s, tokens, text, last, err)))
		return false;
	s->n_bytes += text.n;
	return !last || (s->form == TOKENS_JSON ? json(s, err) : table(s, err));
}

bool token_show_ids(const struct infer_tokenizer *t, const struct infer_tokens *ids, bool skip_special, struct fmt_err *err)
{
	struct token_show *s = token_show_create(t, TOKENS_JSON, false, err);
	bool ok = s;

	if (s) {
		s->no_starts = true;
		s->back.decoding.skip_special = skip_special;
		ok = token_spool_add(&s->spool, ids, err) && json(s, err);
	}
	token_show_destroy(s);
	return ok;
}
