/* tok_*, spm_model: tokenizer.ggml.* of small tokenizers, and the names of pre-tokenizers in use. */
#include <sys/stat.h>

#include "dir_build.h"
#include "spm_model.h"
#include "tok_keys.h"

static const struct fmt_view_opts vocab_only = { .vocab_only = true };

static struct fmt_str token(const struct fmt_view *v, const char *key, uint64_t i)
{
	const struct fmt_value *x = fmt_view_get(v, key);

	assert_true(x && x->type == FMT_KV_ARR && x->elem == FMT_KV_STR && i < x->n);
	return x->as.strs[i];
}

static int32_t type(const struct fmt_view *v, uint64_t i)
{
	return ((const int32_t *)fmt_view_get(v, "tokenizer.ggml.token_type")->as.data)[i];
}

static void byte_level_bpe_fills_the_embedding(void **state)
{
	struct built_dir d = tiny_dir();
	struct fmt_view *v = open_view(&d, &vocab_only);

	(void)state;
	assert_true(fmt_str_is(fmt_view_get(v, "tokenizer.ggml.model")->as.s, "gpt2"));
	assert_true(fmt_str_is(fmt_view_get(v, "tokenizer.ggml.pre")->as.s, "gpt-2"));
	assert_int_equal(fmt_view_get(v, "tokenizer.ggml.tokens")->n, 10);
	assert_true(fmt_str_is(token(v, "tokenizer.ggml.tokens", 2), "ab"));
	assert_true(fmt_str_is(token(v, "tokenizer.ggml.tokens", 9), "[PAD9]"));
	assert_true(fmt_str_is(token(v, "tokenizer.ggml.merges", 0), "a b"));
	assert_int_equal(type(v, 0), TOK_NORMAL);
	assert_int_equal(type(v, 3), TOK_CONTROL);
	assert_int_equal(type(v, 9), TOK_UNUSED);
	assert_true(v->n_notes && strstr(v->notes[0], "the embedding's last 6 rows have no token"));
	fmt_view_close(v);

	write_file(&d, "tokenizer.json", "{\"pre_tokenizer\": {\"type\": \"ByteLevel\"}, \"model\": {\"vocab\": {\"a\": 0, \"b\": 9}, "
	                                 "\"merges\": []}}");
	v = open_view(&d, &vocab_only);
	assert_true(v->n_notes && strstr(v->notes[0], "8 ids between those of tokens have none"));
	assert_non_null(fmt_view_get(v, "tokenizer.ggml.merges"));
	assert_int_equal(fmt_view_get(v, "tokenizer.ggml.merges")->n, 0);
	fmt_view_close(v);
	write_file(&d, "tokenizer.json", TINY_TOKENIZER);

	/* fewer rows than tokens */
	write_config(&d, TINY_CONFIG ", \"text_config\": {\"vocab_size\": 3}");
	v = open_view(&d, &vocab_only);
	assert_int_equal(fmt_view_get(v, "tokenizer.ggml.tokens")->n, 3);
	assert_non_null(strstr(v->notes[0], "1 tokens are left out"));
	fmt_view_close(v);
	remove_dir(&d);
}

/* Of BERT there is the vocabulary alone: pieces that begin a word have U+2581 in front. */
static void wordpiece_is_written_as_bert(void **state)
{
	struct built_dir d = tiny_dir();
	struct fmt_err err = { 0 };
	struct fmt_view *v;

	(void)state;
	write_file(&d, "config.json", "{\"architectures\": [\"BertModel\"], \"model_type\": \"bert\", \"vocab_size\": 5, \"type_vocab_size\": 2}");
	write_file(&d, "tokenizer.json", "{\"added_tokens\": [{\"id\": 0, \"content\": \"[CLS]\", \"special\": true}], \"pre_tokenizer\": "
	                                 "{\"type\": \"BertPreTokenizer\"}, \"model\": {\"type\": \"WordPiece\", \"vocab\": {\"[CLS]\": 0, "
	                                 "\"a\": 1, \"##b\": 2, \"##\": 3}}}");
	v = open_view(&d, &vocab_only);
	assert_true(fmt_str_is(fmt_view_get(v, "general.architecture")->as.s, "bert"));
	assert_true(fmt_str_is(fmt_view_get(v, "tokenizer.ggml.model")->as.s, "bert"));
	assert_true(fmt_str_is(token(v, "tokenizer.ggml.tokens", 0), "[CLS]"));
	assert_true(fmt_str_is(token(v, "tokenizer.ggml.tokens", 1), "\xe2\x96\x81" "a"));
	assert_true(fmt_str_is(token(v, "tokenizer.ggml.tokens", 2), "b"));
	assert_true(fmt_str_is(token(v, "tokenizer.ggml.tokens", 3), "\xe2\x96\x81##"));
	assert_true(fmt_str_is(token(v, "tokenizer.ggml.tokens", 4), "[PAD4]"));
	assert_int_equal(type(v, 0), TOK_CONTROL);
	assert_int_equal(type(v, 2), TOK_NORMAL);
	assert_int_equal(fmt_view_get(v, "tokenizer.ggml.token_type_count")->as.u, 2);
	fmt_view_close(v);
	assert_null(fmt_view_open(d.path, &(struct fmt_view_opts){ .plan_only = true }, &err)); /* nothing else is known of it */
	assert_int_equal(err.code, FMT_UNSUPPORTED);
	remove_dir(&d);
}

/* Merges as pairs; a space within one is written as the byte alphabet has it. */
static void merges_have_two_forms(void **state)
{
	struct built_dir d = tiny_dir();
	struct fmt_view *v;

	(void)state;
	write_file(&d, "tokenizer.json", "{\"pre_tokenizer\": {\"type\": \"ByteLevel\"}, \"model\": {\"vocab\": {\"a\": 0}, \"merges\": "
	                                 "[[\"a\", \"b c\"]]}}");
	v = open_view(&d, &vocab_only);
	assert_true(fmt_str_is(token(v, "tokenizer.ggml.merges", 0), "a b\xc4\xa0" "c"));
	fmt_view_close(v);
	remove_dir(&d);
}

static void bad_tokenizers_are_refused(void **state)
{
	static const struct {
		const char *json;
		enum fmt_code code;
		const char *words;
	} rows[] = {
		{ "{\"model\": {\"vocab\": [], \"merges\": []}}", FMT_MALFORMED, "model.vocab: expected an object" },
		{ "{\"model\": {\"vocab\": []}}", FMT_MALFORMED, "model.vocab: no pieces" },
		{ "{\"model\": {\"vocab\": [[\"a\"]]}}", FMT_MALFORMED, "model.vocab: expected pieces with scores" },
		{ "{\"model\": {\"vocab\": {\"a\": -1}, \"merges\": []}}", FMT_MALFORMED, "model.vocab: expected whole numbers" },
		{ "{\"model\": {\"vocab\": {}, \"merges\": [1]}, \"pre_tokenizer\": {\"type\": \"ByteLevel\"}}", FMT_MALFORMED,
		  "model.merges: expected pairs" },
		{ "{\"model\": {\"vocab\": {}, \"merges\": [[\"a\"]]}, \"pre_tokenizer\": {\"type\": \"ByteLevel\"}}", FMT_MALFORMED,
		  "model.merges" },
		{ "{\"model\": {\"type\": \"WordLevel\"}}", FMT_UNSUPPORTED, "model type 'WordLevel'" },
		{ "{\"model\": {\"vocab\": {}, \"merges\": []}, \"added_tokens\": [{\"id\": 1}]}", FMT_MALFORMED, "added_tokens" },
		{ "{\"model\": {\"vocab\": {}, \"merges\": []}, \"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"[xyz]\"}}}",
		  FMT_UNSUPPORTED, "choose one with --pre NAME (llama-bpe, gpt-2, qwen2 ...): [xyz]" },
	};
	struct built_dir d = tiny_dir();
	struct fmt_view *v;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		write_file(&d, "tokenizer.json", rows[i].json);
		assert_refused(&d, &vocab_only, rows[i].code, rows[i].words);
	}
	v = open_view(&d, &(struct fmt_view_opts){ .vocab_only = true, .pre = "xyz" });
	assert_true(fmt_str_is(fmt_view_get(v, "tokenizer.ggml.pre")->as.s, "xyz"));
	fmt_view_close(v);
	remove_dir(&d);
}

/* The text as it lies there, byte for byte, and only where it is asked for. */
static void tokenizer_json_is_embedded(void **state)
{
	struct built_dir d = tiny_dir();
	struct fmt_view *v = open_view(&d, &vocab_only);
	struct fmt_err err = { 0 };
	const struct fmt_value *x;
	uint64_t n = v->n_kv;

	(void)state;
	assert_null(fmt_view_get(v, "tokenizer.huggingface.json"));
	assert_true(fmt_view_embed_tokenizer(v, &err) && fmt_view_embed_tokenizer(v, &err));
	assert_int_equal(v->n_kv, n + 1);
	x = fmt_view_get(v, "tokenizer.huggingface.json");
	assert_true(x && x->type == FMT_KV_STR && x->as.s.n);
	assert_true(fmt_str_eq(x->as.s, v->tokenizer_json));
	assert_true(fmt_view_get(v, "tokenizer.ggml.tokens"));
	fmt_view_close(v);
	remove_dir(&d);
}

/* Without tokenizer.model a piece's score is minus the rank of its first merge. */
static void sentencepiece_scores_come_from_ranks(void **state)
{
	struct built_dir d = tiny_dir();
	const float *scores;
	struct fmt_view *v;

	(void)state;
	write_file(&d, "tokenizer.json",
	           "{\"normalizer\": {\"type\": \"Prepend\"}, \"added_tokens\": [{\"id\": 0, \"content\": \"<unk>\", \"special\": true}, "
	           "{\"id\": 6, \"content\": \"\xe2\x96\x81hi\", \"special\": false}], \"model\": {\"type\": \"BPE\", \"byte_fallback\": true, "
	           "\"vocab\": {\"<unk>\": 0, \"<0x0A>\": 1, \"a\": 2, \"b\": 3, \"ab\": 4, \"abab\": 5}, "
	           "\"merges\": [\"a b\", \"ab ab\", \"a bab\"]}}");
	v = open_view(&d, &vocab_only);
	scores = fmt_view_get(v, "tokenizer.ggml.scores")->as.data;
	assert_true(fmt_str_is(fmt_view_get(v, "tokenizer.ggml.model")->as.s, "llama"));
	assert_true(scores[0] == -1000 && scores[1] == 0 && scores[2] < -2 && scores[4] == 0 && scores[5] == -1);
	assert_int_equal(type(v, 0), TOK_CONTROL);
	assert_int_equal(type(v, 1), TOK_BYTE);
	assert_int_equal(type(v, 6), TOK_USER_DEFINED);
	assert_true(fmt_str_is(token(v, "tokenizer.ggml.tokens", 6), " hi"));
	assert_null(fmt_view_get(v, "tokenizer.ggml.add_space_prefix"));
	fmt_view_close(v);
	remove_dir(&d);
}

static void bad_sentencepiece_models_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *words;
	} rows[] = {
		{ "", 0, "no pieces" },
		{ "\x0a", 1, "cut short" },
		{ "\x0a\x05" "ab", 4, "past the end" },
		{ "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "past the end" },
		{ "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, "more than ten bytes" },
		{ "\x0f", 1, "wire type" },
		{ "\x0a\x02\x18\x09", 4, "unknown type" },
		{ "\x0a\x03\x0a\x01\xff", 5, "not UTF-8" },
	};
	struct fmt_arena mem;
	struct spm_model m;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fmt_err err = { .code = FMT_OK };

		fmt_arena_init(&mem, 1 << 20);
		if (spm_model_read(&mem, (struct fmt_str){ rows[i].bytes, rows[i].n }, &m, &err) || !strstr(err.msg, rows[i].words))
			fail_msg("row %zu: '%s'", i, err.msg);
		fmt_arena_finish(&mem);
	}
}

/* The tokenizers at hand, with the names that the reference converter gives them. */
static void real_pre_tokenizers_have_their_names(void **state)
{
	static const struct {
		const char *path, *name;
	} rows[] = {
		{ "tokenizers/gpt-2", "gpt-2" }, { "tokenizers/llama-3", "llama-bpe" }, { "tokenizers/qwen2", "qwen2" },
		{ "tokenizers/smollm2", "smollm" }, { "models/gpt2", "gpt-2" }, { "models/qwen3", "qwen2" },
		{ "models/deepseek_v3", "deepseek-v3" },
	};
	const char *shared = getenv("ASSAY_SHARED");

	(void)state;
	if (!shared || access(shared, R_OK))
		skip();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fmt_err err = { .code = FMT_OK };
		struct json_doc *d;
		struct stat st;
		struct fmt_str name;
		char path[512];
		char *text;
		FILE *f;

		snprintf(path, sizeof path, "%s/%s/tokenizer.json", shared, rows[i].path);
		f = fopen(path, "rb");
		assert_true(f && !fstat(fileno(f), &st));
		text = malloc((size_t)st.st_size);
		assert_int_equal(fread(text, 1, (size_t)st.st_size, f), st.st_size);
		fclose(f);
		d = json_parse(text, (size_t)st.st_size, &err);
		name = tok_pre_name(json_root(d), &err);
		if (!fmt_str_is(name, rows[i].name))
			fail_msg("%s: '%.*s' %s", rows[i].path, (int)name.n, name.p, err.msg);
		json_free(d);
		free(text);
	}
}

/* Templates beside chat_template.jinja, in the order of their names. */
static void templates_lie_beside(void **state)
{
	struct built_dir d = tiny_dir();
	const struct fmt_value *names;
	char folder[300];
	struct fmt_view *v;

	(void)state;
	write_file(&d, "chat_template.jinja", "first");
	snprintf(folder, sizeof folder, "%s/additional_chat_templates", d.path);
	assert_int_equal(mkdir(folder, 0700), 0);
	write_file(&d, "additional_chat_templates/tool_use.jinja", "tools");
	write_file(&d, "additional_chat_templates/rag.jinja", "found");
	write_file(&d, "additional_chat_templates/README.md", "none");
	v = open_view(&d, &vocab_only);
	names = fmt_view_get(v, "tokenizer.chat_templates");
	assert_true(names && names->n == 2);
	assert_true(fmt_str_is(names->as.strs[0], "rag") && fmt_str_is(names->as.strs[1], "tool_use"));
	assert_true(fmt_str_is(fmt_view_get(v, "tokenizer.chat_template")->as.s, "first"));
	assert_true(fmt_str_is(fmt_view_get(v, "tokenizer.chat_template.rag")->as.s, "found"));
	assert_true(fmt_str_is(fmt_view_get(v, "tokenizer.chat_template.tool_use")->as.s, "tools"));
	fmt_view_close(v);
	remove_dir(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(byte_level_bpe_fills_the_embedding),
		cmocka_unit_test(wordpiece_is_written_as_bert),
		cmocka_unit_test(merges_have_two_forms),
		cmocka_unit_test(bad_tokenizers_are_refused),
		cmocka_unit_test(tokenizer_json_is_embedded),
		cmocka_unit_test(templates_lie_beside),
		cmocka_unit_test(sentencepiece_scores_come_from_ranks),
		cmocka_unit_test(bad_sentencepiece_models_are_refused),
		cmocka_unit_test(real_pre_tokenizers_have_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
