/* Mistral's tekken.json as tokenizer.json: ranks as in tiktoken's files, behind special tokens, and the expression that
 * cuts text. Source: mistralai/mistral-common, tokenizers/tekken.py. */
#include <stdio.h>
#include <string.h>

#include "limit.h"
#include "tok_make.h"

/* What files before version 11 do not list. */
static const char *const old_special[] = {
	"<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]",
	"[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]",
	"[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
};

static bool fail(struct tok_make *m, const char *what)
{
	return fmt_fail(m->err, FMT_MALFORMED, FMT_NO_OFFSET, "%s", what);
}

static void add_special(struct tok_make *m, uint64_t id, struct fmt_str text)
{
	make_added(m, (struct made_token){ .id = id, .text = text, .special = true });
	if (fmt_str_is(text, "<s>"))
		m->bos = text;
	if (fmt_str_is(text, "</s>"))
		m->eos = text;
}

/* Those that are listed, and <SPECIAL_n> for what is left of n ids. */
static bool add_specials(struct tok_make *m, const struct json *list, uint64_t n)
{
	uint64_t id = 0, rank;
	char name[32];

	if (json_count(list) > n)
		return fail(m, "special_tokens: more than default_num_special_tokens");
	for (const struct json *j = json_first(list); j; j = json_next(j), id++) {
		if (!json_str(json_get(j, "token_str")).n || !json_u64(json_get(j, "rank"), &rank) || rank != id)
			return fail(m, "special_tokens: expected token_str, and ranks from 0 on");
		add_special(m, id, json_str(json_get(j, "token_str")));
	}
	for (; !list && id < n && id < sizeof old_special / sizeof *old_special; id++)
		add_special(m, id, (struct fmt_str){ old_special[id], strlen(old_special[id]) });
	for (; id < n; id++) {
		snprintf(name, sizeof name, "<SPECIAL_%u>", (unsigned)id);
		add_special(m, id, fmt_arena_str(m->mem, (struct fmt_str){ name, strlen(name) }, m->err));
	}
	return !m->err->code;
}

/* The first n of the list, as letters. */
static struct fmt_str *read_ranks(struct tok_make *m, const struct json *list, uint64_t n, uint64_t first)
{
	const struct json *j = json_first(list);
	struct fmt_str *ranks;
	uint64_t rank;

	m->mem->limit_bytes += n * sizeof *ranks;
	ranks = fmt_arena_alloc(m->mem, n, sizeof *ranks, m->err);
	for (uint64_t i = 0; ranks && i < n; i++, j = json_next(j)) {
		struct fmt_str base64 = json_str(json_get(j, "token_bytes"));

		if (!base64.n || !json_u64(json_get(j, "rank"), &rank) || rank != i || !make_rank(m, base64, &ranks[i])) {
			if (!m->err->code)
				fail(m, "vocab: expected token_bytes in base64, and ranks from 0 on");
			return NULL;
		}
		if (fmt_index_add(&m->ids, ranks[i], (uint32_t)(first + i), m->err) != FMT_INDEX_ADDED) {
			if (!m->err->code)
				fail(m, "vocab: a token is there twice");
			return NULL;
		}
	}
	return ranks;
}

bool tok_make_tekken(struct tok_make *m, const char *pre)
{
	const struct json *root = hf_json(m->d, HF_TEKKEN), *config = json_get(root, "config"), *vocab = json_get(root, "vocab");
	const struct json *special = json_get(root, "special_tokens");
	struct fmt_str pattern = json_str(json_get(config, "pattern")), *ranks;
	uint64_t n = 0, n_special = 0;

	if (!json_u64(json_get(config, "default_vocab_size"), &n) || n > UINT32_MAX ||
	    !json_u64(json_get(config, "default_num_special_tokens"), &n_special) || n_special > n || !pattern.n)
		fail(m, "config: expected pattern, default_vocab_size and default_num_special_tokens");
	else if (n_special > LIMIT_TEKKEN_SPECIAL)
		fmt_fail(m->err, FMT_LIMIT, FMT_NO_OFFSET, "%llu special tokens, at most %d are read", (unsigned long long)n_special,
		         LIMIT_TEKKEN_SPECIAL);
	else if (!json_is(vocab, JSON_ARRAY) || json_count(vocab) < n - n_special)
		fail(m, "vocab: expected a list of at least default_vocab_size tokens, less the special ones");
	else if (add_specials(m, json_is(special, JSON_ARRAY) ? special : NULL, n_special)) {
		ranks = read_ranks(m, vocab, n - n_special, n_special);
		m->n_vocab = n;
		m->add_bos = m->bos.n != 0;
		make_member(m, "normalizer");
		fmt_buf_text(&m->out, "null");
		if (ranks && (pre ? make_splits(m, pre, false) : make_split(m, pattern)))
			make_ranked_model(m, ranks, n - n_special, n_special, true);
	}
	fmt_err_file(m->err, m->d->file[HF_TEKKEN].path);
	return !m->err->code;
}
