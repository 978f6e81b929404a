/* tiktoken's files as tokenizer.json: a line per token, its bytes in base64 and its rank. The rank is the id, and the lower
 * one merges first; how text is cut, and the special tokens, stand elsewhere.
 * Sources: openai/tiktoken, load.py; meta-llama/llama-models, tokenizer.py; openai/harmony for o200k. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/letters.h>
#include <libfmt/pre.h>

#include "json_out.h"
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

struct rank {
	struct fmt_str text; /* as letters */
	struct fmt_str bytes;
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
static bool read_line(struct tok_make *m, struct fmt_str line, uint64_t at, uint64_t *rank, struct rank *r)
{
	const char *space = memchr(line.p, ' ', line.n);
	struct fmt_str base64 = { line.p, space ? (size_t)(space - line.p) : 0 };
	char *bytes, *text;
	size_t n, n_text = 0;

	if (!base64.n || line.n - base64.n < 2 || line.n - base64.n > 10)
		return fail(m, at, "expected a token in base64 and its rank");
	*rank = 0;
	for (size_t i = base64.n + 1; i < line.n; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			return fail(m, at, "the rank is not a number");
		*rank = *rank * 10 + (uint64_t)(line.p[i] - '0');
	}
	bytes = fmt_arena_text(m->mem, base64.n, m->err);
	n = bytes ? fmt_base64_decode(base64, (uint8_t *)bytes) : 0;
	if (n == SIZE_MAX || (bytes && !n))
		return fail(m, at, "the token is not base64");
	text = fmt_arena_text(m->mem, 2 * n, m->err);
	if (!text)
		return false;
	for (size_t i = 0; i < n; i++)
		n_text += fmt_byte_letter((uint8_t)bytes[i], text + n_text);
	*r = (struct rank){ { text, n_text }, { bytes, n } };
	return true;
}

/* All ranks, by rank: each from 0 on must be there. *n: their number. */
static struct rank *read_ranks(struct tok_make *m, struct fmt_str text, uint64_t *n)
{
	struct fmt_str rest = text, line;
	struct rank *ranks, one;
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
		if (rank >= n_lines || ranks[rank].text.p) {
			fail(m, at, "ranks do not count from 0 without gaps");
			return NULL;
		}
		ranks[rank] = one;
		if (fmt_index_add(&m->ids, one.text, (uint32_t)rank, m->err) != FMT_INDEX_ADDED) {
			if (!m->err->code)
				fail(m, at, "this token was there already");
			return NULL;
		}
	}
	return ranks;
}

/* Every way to make a token of two of lower or higher rank; tiktoken joins whatever pair makes the token of lowest rank. */
static uint64_t find_merges(const struct tok_make *m, const struct rank *ranks, uint64_t n_ranks, struct made_merge *list)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < n_ranks; i++) {
		struct fmt_str t = ranks[i].text;
		size_t step = 0;

		for (size_t at = (unsigned char)t.p[0] < 0x80 ? 1 : 2; at < t.n; at += step) {
			struct fmt_str left = { t.p, at }, right = { t.p + at, t.n - at };
			uint32_t a, b;

			step = (unsigned char)t.p[at] < 0x80 ? 1 : 2;
			if (!fmt_index_find(&m->ids, left, &a) || !fmt_index_find(&m->ids, right, &b))
				continue;
			if (list) /* among those of one token: by the ranks of the two */
				list[n] = (struct made_merge){ left, right, -(double)i, 0, 0, (uint64_t)a << 32 | b };
			n++;
		}
	}
	return n;
}

/* whole: a piece of text that is a token is not taken apart. tiktoken has it so always; where merging makes every token anyway
 * it is the same, and there are names without. */
static void put_model(struct tok_make *m, const struct rank *ranks, uint64_t n, bool whole)
{
	uint64_t n_merges = find_merges(m, ranks, n, NULL);
	struct made_merge *list = calloc(n_merges + 1, sizeof *list);

	if (!list) {
		fmt_fail_nomem(m->err, n_merges * sizeof *list);
		return;
	}
	make_member(m, "model");
	fmt_buf_text(&m->out, "{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,\"fuse_unk\":false,\"byte_fallback\":false,");
	fmt_buf_text(&m->out, whole ? "\"ignore_merges\":true,\"vocab\":{" : "\"ignore_merges\":false,\"vocab\":{");
	for (uint64_t i = 0; i < n; i++) {
		fmt_buf_text(&m->out, i ? ",\n" : "\n");
		json_out_str(&m->out, ranks[i].text);
		fmt_buf_text(&m->out, ":");
		json_out_u64(&m->out, i);
	}
	fmt_buf_text(&m->out, "}");
	find_merges(m, ranks, n, list);
	make_merges(m, list, n_merges);
	fmt_buf_text(&m->out, "}");
	free(list);
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
	struct rank *ranks = read_ranks(m, f->text, &n);

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
			put_model(m, ranks, n, fmt_pre_find((struct fmt_str){ pre, strlen(pre) })->ignore_merges);
	}
	fmt_err_file(m->err, f->path);
	return !m->err->code;
}
