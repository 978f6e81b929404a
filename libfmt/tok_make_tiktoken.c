/* tiktoken's files as tokenizer.json: a line per token, its bytes in base64 and its rank. The rank is the id, and the lower
 * one merges first; how text is cut, and the special tokens, stand elsewhere.
 * Sources: openai/tiktoken, load.py; meta-llama/llama-models, tokenizer.py; openai/harmony for o200k. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/pre.h>

#include "tok_keys.h"
#include "tok_make.h"

/* A special token's place behind the ranks. */
struct place {
	unsigned at;
	const char *name;
};

static const struct place llama3[] = {
	{ 0, "<|begin_of_text|>" }, { 1, "<|end_of_text|>" }, { 4, "<|finetune_right_pad_id|>" }, { 5, "<|step_id|>" },
	{ 6, "<|start_header_id|>" }, { 7, "<|end_header_id|>" }, { 8, "<|eom_id|>" }, { 9, "<|eot_id|>" }, { 10, "<|python_tag|>" },
	{ 0, NULL },
};

static const struct place harmony[] = {
	{ 0, "<|startoftext|>" }, { 1, "<|endoftext|>" }, { 4, "<|return|>" }, { 5, "<|constrain|>" }, { 7, "<|channel|>" },
	{ 8, "<|start|>" }, { 9, "<|end|>" }, { 10, "<|message|>" }, { 14, "<|call|>" }, { 20, "<|endofprompt|>" }, { 0, NULL },
};

static const struct place end_of_text[] = { { 0, "<|endoftext|>" }, { 0, NULL } };
static const struct place none[] = { { 0, NULL } };

/* Vocabularies in use, by the number of ranks. Special tokens that have no name are reserved: numbered among themselves, or
 * by their id. */
static const struct family {
	uint64_t n;
	const char *pre;
	bool nfc, bos;
	unsigned n_special;
	const struct place *special;
	const char *reserved;
	bool by_id;
} families[] = {
	{ 50256, "gpt-2", false, false, 1, end_of_text, "", false },
	{ 100256, "dbrx", false, false, 0, none, "", false },
	{ 128000, "llama-bpe", false, true, 256, llama3, "<|reserved_special_token_%u|>", false },
	{ 151329, "glm4", false, false, 0, none, "", false },
	{ 151643, "qwen2", true, false, 0, none, "", false },
	{ 163584, "kimi-k2", false, false, 0, none, "", false },
	{ 199998, "gpt-4o", false, false, 21, harmony, "<|reserved_%u|>", true },
};

static bool fail(struct tok_make *m, uint64_t line, const char *what)
{
	return fmt_fail(m->err, FMT_MALFORMED, FMT_NO_OFFSET, "line %llu: %s", (unsigned long long)line, what);
}

static bool next_line(struct fmt_str *rest, struct fmt_str *line)
{
	const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;

	if (!rest->n)
		return false;
	line->p = rest->p;
	line->n = end ? (size_t)(end - rest->p) : rest->n;
	rest->p += line->n + (end != NULL);
	rest->n -= line->n + (end != NULL);
	if (line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

/* "aGVsbG8= 15339" */
static bool read_line(struct tok_make *m, struct fmt_str line, uint64_t at, uint64_t *rank, struct fmt_str *r)
{
	const char *space = memchr(line.p, ' ', line.n);
	struct fmt_str base64 = { line.p, space ? (size_t)(space - line.p) : 0 };

	if (!base64.n || line.n - base64.n < 2 || line.n - base64.n > 10)
		return fail(m, at, "expected a token in base64 and its rank");
	*rank = 0;
	for (size_t i = base64.n + 1; i < line.n; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			return fail(m, at, "the rank is not a number");
		*rank = *rank * 10 + (uint64_t)(line.p[i] - '0');
	}
	if (make_rank(m, base64, r))
		return true;
	return m->err->code ? false : fail(m, at, "the token is not base64");
}

/* All ranks as letters, by rank: each from 0 on must be there. *n: their number. */
static struct fmt_str *read_ranks(struct tok_make *m, struct fmt_str text, uint64_t *n)
{
	struct fmt_str rest = text, line;
	struct fmt_str *ranks, one;
	uint64_t n_lines = 0, at = 0, rank = 0;

	while (next_line(&rest, &line))
		n_lines += line.n != 0;
	*n = n_lines;
	m->mem->limit_bytes += n_lines * sizeof *ranks;
	ranks = fmt_arena_alloc(m->mem, n_lines, sizeof *ranks, m->err);
	if (!ranks)
		return NULL;
	rest = text;
	while (next_line(&rest, &line)) {
		at++;
		if (!line.n)
			continue;
		if (!read_line(m, line, at, &rank, &one))
			return NULL;
		if (rank >= n_lines || ranks[rank].p) {
			fail(m, at, "ranks do not count from 0 without gaps");
			return NULL;
		}
		ranks[rank] = one;
		if (fmt_index_add(&m->ids, one, (uint32_t)rank, m->err) != FMT_INDEX_ADDED) {
			if (!m->err->code)
				fail(m, at, "this token was there already");
			return NULL;
		}
	}
	return ranks;
}

/* The special tokens that the models' own code adds, where no file names any. */
static void put_special(struct tok_make *m, const struct family *f)
{
	const struct place *next = f->special;
	unsigned n_reserved = 0;
	char text[64];

	for (unsigned i = 0; i < f->n_special; i++) {
		if (next->name && next->at == i)
			snprintf(text, sizeof text, "%s", next++->name);
		else
			snprintf(text, sizeof text, f->reserved, f->by_id ? (unsigned)f->n + i : n_reserved++);
		make_added(m, (struct made_token){
			.id = f->n + i, .text = fmt_arena_str(m->mem, (struct fmt_str){ text, strlen(text) }, m->err), .special = true });
	}
}

bool tok_make_tiktoken(struct tok_make *m, enum hf_file_id id, const char *pre)
{
	const struct hf_file *f = &m->d->file[id];
	const struct json *config = hf_json(m->d, HF_TOKENIZER_CONFIG);
	const struct family *family = NULL;
	uint64_t n = 0;
	struct fmt_str *ranks = read_ranks(m, f->text, &n);

	for (size_t i = 0; ranks && i < sizeof families / sizeof *families; i++)
		if (families[i].n == n)
			family = &families[i];
	if (ranks && !family && !pre)
		fmt_fail(m->err, FMT_MISSING, FMT_NO_OFFSET, "%llu ranks of tiktoken: how such a vocabulary cuts text is not known; "
		         "choose with --pre NAME, or " TOK_HOW_TO_GET, (unsigned long long)n);
	if (!m->err->code) {
		m->n_vocab = n;
		m->add_bos = family && family->bos;
		m->bos = m->add_bos ? FMT_STR("<|begin_of_text|>") : m->bos;
		if (family && !json_get(config, "added_tokens_decoder") && !m->d->file[HF_ADDED_TOKENS].there)
			put_special(m, family);
		make_member(m, "normalizer");
		fmt_buf_text(&m->out, family && family->nfc ? "{\"type\":\"NFC\"}" : "null");
		pre = pre ? pre : family->pre;
		if (make_splits(m, pre, false))
			make_ranked_model(m, ranks, n, 0, fmt_pre_find((struct fmt_str){ pre, strlen(pre) })->ignore_merges);
	}
	fmt_err_file(m->err, f->path);
	return !m->err->code;
}
