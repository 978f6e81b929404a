/* Vocabularies of a GGUF's keys, small enough to check by hand. What llama.cpp makes of real ones is compared by
 * test_tok_golden and scripts/compare-vocab. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <libfmt/write.h>
#include <libinfer/tokenizer.h>

enum { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE, MAX_TOKENS = 300, MAX_KEYS = 16 };

struct keys {
	struct fmt_kv kv[MAX_KEYS];
	struct fmt_str tokens[MAX_TOKENS], merges[16];
	int32_t types[MAX_TOKENS];
	float scores[MAX_TOKENS];
	char names[256][8];
	uint64_t n_kv, n_tokens, n_merges;
};

static char path[64]; /* of the file that holds the keys */

static struct fmt_str str(const char *s)
{
	return (struct fmt_str){ s, strlen(s) };
}

static struct fmt_value *add(struct keys *k, const char *key, enum fmt_kv_type type)
{
	struct fmt_kv *kv = &k->kv[k->n_kv++];

	assert_true(k->n_kv <= MAX_KEYS);
	*kv = (struct fmt_kv){ str(key), { .type = type } };
	return &kv->value;
}

static void text(struct keys *k, const char *key, const char *value)
{
	add(k, key, FMT_KV_STR)->as.s = str(value);
}

static void flag(struct keys *k, const char *key, bool value)
{
	add(k, key, FMT_KV_BOOL)->as.b = value;
}

static void number(struct keys *k, const char *key, uint64_t value)
{
	add(k, key, FMT_KV_U32)->as.u = value;
}

static void token(struct keys *k, const char *s, int32_t type, float score)
{
	assert_true(k->n_tokens < MAX_TOKENS);
	k->tokens[k->n_tokens] = str(s);
	k->types[k->n_tokens] = type;
	k->scores[k->n_tokens++] = score;
}

static void byte_tokens(struct keys *k)
{
	for (unsigned i = 0; i < 256; i++) {
		snprintf(k->names[i], sizeof k->names[i], "<0x%02X>", i);
		token(k, k->names[i], BYTE, 0);
	}
}

static void write_keys(const struct keys *k)
{
	struct fmt_err err = { 0 };
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_GGUF, &err);
	struct fmt_sink *s = fmt_sink_create(path, true, &err);
	uint64_t n_bytes;

	for (uint64_t i = 0; i < k->n_kv; i++)
		assert_true(fmt_writer_kv(w, &k->kv[i], &err));
	assert_true(fmt_writer_layout(w, &n_bytes, &err));
	assert_true(s && fmt_writer_header(w, s, &err) && fmt_sink_commit(s, n_bytes, &err));
	fmt_writer_destroy(w);
}

static struct infer_tokenizer *make(struct keys *k, const char *model, bool scores, struct fmt_err *err)
{
	uint64_t n_kv = k->n_kv;
	struct infer_tokenizer *t;
	struct fmt_view *v;

	text(k, "general.architecture", "llama");
	text(k, "tokenizer.ggml.model", model);
	*add(k, "tokenizer.ggml.tokens", FMT_KV_ARR) =
	        (struct fmt_value){ .type = FMT_KV_ARR, .elem = FMT_KV_STR, .n = k->n_tokens, .as.strs = k->tokens };
	*add(k, "tokenizer.ggml.token_type", FMT_KV_ARR) =
	        (struct fmt_value){ .type = FMT_KV_ARR, .elem = FMT_KV_I32, .n = k->n_tokens, .as.data = k->types };
	if (scores)
		*add(k, "tokenizer.ggml.scores", FMT_KV_ARR) =
		        (struct fmt_value){ .type = FMT_KV_ARR, .elem = FMT_KV_F32, .n = k->n_tokens, .as.data = k->scores };
	if (k->n_merges)
		*add(k, "tokenizer.ggml.merges", FMT_KV_ARR) =
		        (struct fmt_value){ .type = FMT_KV_ARR, .elem = FMT_KV_STR, .n = k->n_merges, .as.strs = k->merges };
	write_keys(k);
	k->n_kv = n_kv;
	v = fmt_view_open(path, NULL, err);
	if (!v)
		fail_msg("%s", err->msg);
	t = infer_tokenizer_create(v, err);
	fmt_view_close(v);
	return t;
}

/* The ids of a text with everything that the model asks for, as "1 2 3". */
static void gives_with(struct keys *k, const char *model, bool scores, unsigned flags, const char *s, const char *want)
{
	struct fmt_err err = { 0 };
	struct infer_tokenizer *t = make(k, model, scores, &err);
	struct infer_tokens tokens = { 0 };
	char out[256] = "";
	size_t at = 0;

	if (!t)
		fail_msg("%s", err.msg);
	assert_true(infer_tokenize(t, s, strlen(s), flags, &tokens, &err));
	for (uint64_t i = 0; i < tokens.n; i++)
		at += (size_t)snprintf(out + at, sizeof out - at, i ? " %d" : "%d", (int)tokens.ids[i]);
	assert_string_equal(out, want);
	infer_tokens_finish(&tokens);
	infer_tokenizer_destroy(t);
}

static void gives(struct keys *k, const char *model, bool scores, const char *s, const char *want)
{
	gives_with(k, model, scores, INFER_TOK_ADD_SPECIAL | INFER_TOK_PARSE_SPECIAL, s, want);
}

static void refused(struct keys *k, const char *model, bool scores, const char *why)
{
	struct fmt_err err = { 0 };

	assert_null(make(k, model, scores, &err));
	assert_non_null(strstr(err.msg, why));
}

static void bert(void **state)
{
	static const char *const pieces[] = { "[UNK]", "[CLS]", "[SEP]", "▁hel", "lo", "▁lo", "▁,", "▁中", "▁e", "▁$" };
	struct keys k = { .n_kv = 0 };

	(void)state;
	for (size_t i = 0; i < 10; i++)
		token(&k, pieces[i], i < 3 ? CONTROL : NORMAL, 0);
	number(&k, "tokenizer.ggml.unknown_token_id", 0);
	number(&k, "tokenizer.ggml.bos_token_id", 1);
	number(&k, "tokenizer.ggml.seperator_token_id", 2);
	gives(&k, "bert", false, "", "1 2");
	gives(&k, "bert", false, "HelLO,lo", "1 3 4 6 5 2");
	gives(&k, "bert", false, "h\xc3\xa9l\xcc\x81lo", "1 3 4 2");            /* accents go */
	gives(&k, "bert", false, "中lo$lo", "1 7 5 9 5 2");
	gives(&k, "bert", false, "hel\x01lo\xc2\xa0lo help", "1 3 4 5 0 2");     /* a word that cannot be spelled is one unknown */
	gives(&k, "bert", false, "lo[SEP]lo", "1 5 2 5 2");
	flag(&k, "tokenizer.ggml.normalizer.lowercase", false);
	gives(&k, "bert", false, "hello Hello \xc3\xa9", "1 3 4 0 0 2");         /* and then accents stay */
	flag(&k, "tokenizer.ggml.normalizer.strip_accents", true);
	gives(&k, "bert", false, "\xc3\xa9", "1 8 2");
}

static void t5(void **state)
{
	struct keys k = { .n_kv = 0 };

	(void)state;
	token(&k, "<unk>", UNKNOWN, 0);
	token(&k, "</s>", CONTROL, 0);
	token(&k, "▁", NORMAL, -3);
	token(&k, "a", NORMAL, -4);
	token(&k, "▁a", NORMAL, -5);
	token(&k, "ab", NORMAL, -6);
	token(&k, "<x>", USER_DEFINED, -9);
	token(&k, "b", UNUSED, -7);
	number(&k, "tokenizer.ggml.unknown_token_id", 0);
	flag(&k, "tokenizer.ggml.add_space_prefix", true);
	gives(&k, "t5", true, "", "1");
	gives(&k, "t5", true, "a ab", "4 2 5 1");     /* -3-6 is better than -5-7 */
	gives(&k, "t5", true, " a  b", "2 4 2 2 7 1"); /* spaces are kept; one goes before the first word */
	gives(&k, "t5", true, "xyz<x>a", "2 0 6 4 1"); /* unknown characters are one; each part has its space */
	flag(&k, "tokenizer.ggml.remove_extra_whitespaces", true);
	gives(&k, "t5", true, "  a  a ", "4 4 1");
	refused(&k, "t5", false, "scores");
	text(&k, "tokenizer.ggml.precompiled_charsmap", "x");
	refused(&k, "t5", true, "list of bytes");
}

/* A trie of two keys, "A" to "a" and "AB" to "b", in the layout of Darts-clone: units 0 (root), then by label. */
static void charsmap(void **state)
{
	uint32_t units[0x400] = { 0 };
	unsigned char data[4 + sizeof units + 4] = { 0 };
	struct keys k = { .n_kv = 0 };
	struct fmt_value *map;

	(void)state;
	units[0] = 0x100u << 10;                               /* children of the root at 0x100 ^ label */
	units[0x100 ^ 'A'] = 'A' | 1u << 8 | (0x141u ^ 0x200u) << 10; /* a leaf too; the base is relative */
	units[0x200] = 1u << 31;                               /* value 0: "a" */
	units[0x200 ^ 'B'] = 'B' | 1u << 8 | (0x242u ^ 0x300u) << 10;
	units[0x300] = 1u << 31 | 2;                           /* value 2: "b" */
	*(uint32_t *)(void *)data = sizeof units;
	memcpy(data + 4, units, sizeof units);
	memcpy(data + 4 + sizeof units, "a\0b", 4);
	token(&k, "<unk>", UNKNOWN, 0);
	token(&k, "</s>", CONTROL, 0);
	token(&k, "a", NORMAL, -1);
	token(&k, "b", NORMAL, -1);
	number(&k, "tokenizer.ggml.unknown_token_id", 0);
	map = add(&k, "tokenizer.ggml.precompiled_charsmap", FMT_KV_ARR);
	*map = (struct fmt_value){ .type = FMT_KV_ARR, .elem = FMT_KV_U8, .n = sizeof data, .as.data = data };
	gives(&k, "t5", true, "AABAb", "2 3 2 3 1"); /* the longest key counts */
	data[4 + sizeof units] = 0xff;
	refused(&k, "t5", true, "UTF-8");
	map->n = 3;
	refused(&k, "t5", true, "precompiled_charsmap");
}

static void gemma4(void **state)
{
	struct keys k = { .n_kv = 0 };

	(void)state;
	byte_tokens(&k);
	token(&k, "<bos>", CONTROL, 0);     /* 256 */
	token(&k, "▁", NORMAL, 0);
	token(&k, "a", NORMAL, 0);
	token(&k, "▁a", NORMAL, 0);
	token(&k, "\n", NORMAL, 0);         /* 260 */
	token(&k, "\n\n\n", NORMAL, 0);
	k.merges[k.n_merges++] = str("▁ a");
	number(&k, "tokenizer.ggml.bos_token_id", 256);
	flag(&k, "tokenizer.ggml.add_bos_token", false);
	gives(&k, "gemma4", false, "a a\n\n\na", "258 259 261 258");
	gives(&k, "gemma4", false, "\n\nx", "260 260 120"); /* no token of two, and none of x */
}

static void phi3(void **state)
{
	struct keys k = { .n_kv = 0 };

	(void)state;
	byte_tokens(&k);
	token(&k, "<s>", CONTROL, 0);       /* 256 */
	token(&k, "<|end|>", CONTROL, 0);
	token(&k, "▁", NORMAL, -1);
	token(&k, "a", NORMAL, -2);
	token(&k, "\xc2\xa0", NORMAL, -3);  /* 260 */
	flag(&k, "tokenizer.ggml.add_bos_token", false);
	flag(&k, "tokenizer.ggml.add_space_prefix", false);
	gives(&k, "llama", true, "<|end|> \na", "257 258 10 259");
	text(&k, "general.name", "My Phi3 tune");
	gives(&k, "llama", true, "<|end|> \na", "257 259");
	gives(&k, "llama", true, "<|end|>\n\xc2\xa0 a", "257 260 258 259"); /* white space of ASCII only */
	gives(&k, "llama", true, "<s> a", "256 258 259");
	refused(&k, "llama", false, "scores");
}

/* Tokens that llama.cpp knows by their text. */
static void by_text(void **state)
{
	struct keys k = { .n_kv = 0 };

	(void)state;
	token(&k, "a", NORMAL, 0);
	token(&k, "<EOT>", NORMAL, 0);
	token(&k, "<|channel|>", CONTROL, 0);
	token(&k, "<|end|>", CONTROL, 0);
	token(&k, "<PRE>", NORMAL, 0);
	token(&k, "<|return|>", CONTROL, 0);
	k.merges[k.n_merges++] = str("a a");
	text(&k, "tokenizer.ggml.pre", "gpt-2");
	refused(&k, "gpt2", false, "not there"); /* what the merge makes is no token */
	token(&k, "aa", NORMAL, 0);
	gives(&k, "gpt2", false, "aa<EOT><|channel|><|end|>a<PRE>", "6 1 2 3 0 4");
	gives_with(&k, "gpt2", false, 0, "aa<EOT>a<|channel|><|end|>a", "6 0 2 0"); /* ... a channel is found even as text */
	token(&k, "<|call|>", CONTROL, 0);
	gives_with(&k, "gpt2", false, 0, "<|end|>a", "3 0");
	number(&k, "tokenizer.ggml.fim_pre_token_id", 0);
	gives(&k, "gpt2", false, "a<PRE>", "0"); /* the file says which it is */
}

/* A byte without a token is dropped, but nothing merges across it. */
static void no_byte(void **state)
{
	struct keys k = { .n_kv = 0 };
	char many[100];

	(void)state;
	token(&k, "-", NORMAL, 0);
	token(&k, "--", NORMAL, 0);
	k.merges[k.n_merges++] = str("- -");
	text(&k, "tokenizer.ggml.pre", "gpt-2");
	gives(&k, "gpt2", false, "---", "1 0");
	gives(&k, "gpt2", false, "-\x04-", "0 0");
	gives(&k, "gpt2", false, "-\xc3\xa9--\x04", "0 1");
	gives(&k, "gpt2", false, "\x04", "");
	memset(many, 4, sizeof many - 1); /* a long split is merged in another way than a short one */
	many[sizeof many - 1] = '\0';
	memcpy(many, "--", 2);
	many[sizeof many - 2] = '-';
	gives(&k, "gpt2", false, many, "1 0");
}

static void unknown(void **state)
{
	struct keys k = { .n_kv = 0 };

	(void)state;
	token(&k, "a", NORMAL, 0);
	refused(&k, "plamo2", true, "plamo2");
	refused(&k, "gpt2", false, "merges");
	text(&k, "tokenizer.ggml.pre", "no-such-name");
	refused(&k, "gpt2", false, "no-such-name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bert),    cmocka_unit_test(t5),      cmocka_unit_test(charsmap), cmocka_unit_test(gemma4),
		cmocka_unit_test(phi3),    cmocka_unit_test(by_text), cmocka_unit_test(no_byte),
		cmocka_unit_test(unknown),
	};

	int n_failed;

	snprintf(path, sizeof path, "/tmp/assay-tok-gguf-%ld", (long)getpid());
	n_failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return n_failed;
}
