/* hf_dir, hf_weights, meta_keys: which files of a directory are read, what they say, and what is wrong with bad ones. */
#include <sys/stat.h>

#include "dir_build.h"

static const struct fmt_view_opts vocab_only = { .vocab_only = true };

static void assert_text(const struct fmt_view *v, const char *key, const char *want)
{
	const struct fmt_value *x = fmt_view_get(v, key);

	if (want ? !x || x->type != FMT_KV_STR || !fmt_str_is(x->as.s, want) : x != NULL)
		fail_msg("%s: '%.*s', not '%s'", key, x ? (int)x->as.s.n : 0, x ? x->as.s.p : "", want ? want : "(none)");
}

static void bad_directories_are_refused(void **state)
{
	struct built_dir d = tiny_dir(), none = { .path = "/tmp/assay-no-such-directory" };

	(void)state;
	assert_refused(&none, NULL, FMT_MISSING, "/tmp/assay-no-such-directory: cannot open");

	write_file(&d, "config.json", "{ \"architectures\": [ }");
	assert_refused(&d, &vocab_only, FMT_MALFORMED, "/config.json: ");
	write_config(&d, TINY_CONFIG ", \"quantization_config\": {\"quant_method\": \"aqlm\"}");
	assert_refused(&d, &vocab_only, FMT_UNSUPPORTED, "/config.json: quantization_config: weights quantized by 'aqlm'");
	write_config(&d, TINY_CONFIG ", \"rms_norm_eps\": \"small\"");
	assert_refused(&d, &vocab_only, FMT_MALFORMED, "/config.json: rms_norm_eps: expected a number");

	write_config(&d, TINY_CONFIG);
	assert_refused(&d, NULL, FMT_MISSING, "no weights in '/tmp/assay-test-");
	write_file(&d, "tokenizer.json", "{");
	assert_refused(&d, &vocab_only, FMT_TRUNCATED, "/tokenizer.json: ");
	remove_dir(&d);
	assert_int_equal(mkdir(d.path, 0700), 0);
	assert_refused(&d, &vocab_only, FMT_MISSING, "no config.json in");
	write_config(&d, TINY_CONFIG);
	assert_refused(&d, &vocab_only, FMT_MISSING, "no tokenizer in");
	write_file(&d, "vocab.json", "{}");
	write_file(&d, "merges.txt", "");
	assert_refused(&d, &vocab_only, FMT_MISSING, "there is no tokenizer.json, and vocab.json with merges.txt does "
	                                                 "not say how text is cut (tokenizer_class ''); choose with --pre NAME");
	assert_refused(&d, &vocab_only, FMT_MISSING, "save_pretrained");
	write_file(&d, "tokenizer.model", "IQ== 0\nIg== 1\n");
	assert_refused(&d, &vocab_only, FMT_MISSING, "/tokenizer.model: 2 ranks of tiktoken: how such a vocabulary cuts text "
	                                                 "is not known");
	remove_dir(&d);
}

/* A model that is not known is refused; its vocabulary can be had, with as many rows as config.json says, or as it has tokens. */
static void unknown_models_have_vocabularies(void **state)
{
	struct built_dir d = tiny_dir();
	char path[100];
	struct fmt_view *v;

	(void)state;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	write_file(&d, "config.json", "[]");
	assert_refused(&d, NULL, FMT_UNSUPPORTED, "/config.json: unknown architecture ''");
	write_config(&d, "\"architectures\": [\"GemmaForever\"], \"vocab_size\": 12");
	assert_refused(&d, NULL, FMT_UNSUPPORTED, "/config.json: unknown architecture 'GemmaForever', but its tensors have the names of llama");
	v = open_view(&d, &vocab_only);
	assert_text(v, "general.architecture", "llama");
	assert_non_null(strstr(note(v, 0), "general.architecture is 'llama'"));
	assert_int_equal(fmt_view_get(v, "tokenizer.ggml.tokens")->n, 12);
	assert_null(fmt_view_get(v, "llama.block_count"));
	fmt_view_close(v);

	snprintf(path, sizeof path, "%s/config.json", d.path);
	assert_int_equal(unlink(path), 0);
	assert_refused(&d, NULL, FMT_MISSING, "no config.json in");
	assert_refused(&d, &(struct fmt_view_opts){ .plan_only = true }, FMT_MISSING, "no config.json in");
	v = open_view(&d, &vocab_only);
	assert_int_equal(fmt_view_get(v, "tokenizer.ggml.tokens")->n, 4);
	fmt_view_close(v);
	write_file(&d, "tokenizer.json", "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1000003}, \"merges\": []}}");
	assert_refused(&d, &vocab_only, FMT_MALFORMED, "a token has the id 1000003, but there are only 2 tokens");
	remove_dir(&d);
}

static void shards_are_found_and_missed(void **state)
{
	static const char *const index = "{\"weight_map\": {\"model.norm.weight\": \"model-1.safetensors\", \"lm_head.weight\": "
	                                 "\"model-2.safetensors\"}}";
	struct built_dir d = tiny_dir();

	(void)state;
	write_file(&d, "model.safetensors.index.json", index);
	assert_refused(&d, NULL, FMT_MISSING, "model-1.safetensors");
	for (size_t i = 0; i < d.n; i++)
		d.tensors[i].leave_out = !strcmp(d.tensors[i].name, "lm_head.weight");
	write_weights(&d, "model-1.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_MISSING, "model-2.safetensors");
	for (size_t i = 0; i < d.n; i++)
		d.tensors[i].leave_out = !d.tensors[i].leave_out;
	write_weights(&d, "model-2.safetensors", FMT_OUT_SAFETENSORS);
	fmt_view_close(open_view(&d, NULL));
	remove_dir(&d);
}

/* One shard named as the model: the index tells that it is not all. A file that is alone in an index is. */
static void one_shard_is_not_the_model(void **state)
{
	struct built_dir d = tiny_dir();
	struct built_dir shard;

	(void)state;
	write_weights(&d, "model-1.safetensors", FMT_OUT_SAFETENSORS);
	shard = d;
	strcat(shard.path, "/model-1.safetensors");
	write_file(&d, "model.safetensors.index.json",
	           "{\"weight_map\": {\"a\": \"model-1.safetensors\", \"b\": \"model-2.safetensors\"}}");
	assert_refused(&shard, NULL, FMT_MISSING, "model-1.safetensors: is one part of several, as model.safetensors.index.json says; "
	                                          "give the directory '/tmp/assay-test-");
	write_file(&d, "model.safetensors.index.json", "{\"weight_map\": {\"a\": \"model-1.safetensors\"}}");
	fmt_view_close(open_view(&shard, NULL));
	write_file(&d, "model.safetensors.index.json", "{\"weight_map\": {\"a\": \"other.safetensors\"}}");
	fmt_view_close(open_view(&shard, NULL));
	write_file(&d, "model.safetensors.index.json", "{");
	fmt_view_close(open_view(&shard, NULL));
	remove_dir(&d);
}

/* --arch takes a description whatever config.json says. */
static void an_architecture_can_be_forced(void **state)
{
	struct built_dir d = tiny_dir();

	(void)state;
	write_config(&d, "\"architectures\": [\"FineTuneOfLlama\"], \"vocab_size\": 10");
	fmt_view_close(open_view(&d, &(struct fmt_view_opts){ .arch = "llama", .vocab_only = true }));
	assert_refused(&d, &(struct fmt_view_opts){ .arch = "lama", .vocab_only = true }, FMT_USAGE, "unknown architecture 'lama'");
	write_config(&d, "\"model_type\": \"mistral\", \"vocab_size\": 10");
	fmt_view_close(open_view(&d, &vocab_only));
	remove_dir(&d);
}

/* Of a class that nobody knows the tensors' names may still be known: all of them, and none missing. */
static void names_of_tensors_are_recognised(void **state)
{
	struct built_dir d = tiny_dir();

	(void)state;
	write_config(&d, "\"architectures\": [\"FineTuneOfLlama\"], \"vocab_size\": 10");
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_UNSUPPORTED, "unknown architecture 'FineTuneOfLlama', but its tensors have the names of llama (st2gguf "
	                                          "--arch llama tries that)");
	add_tensor(&d, "model.layers.0.self_attn.q_norm.weight", 4, 0);
	add_tensor(&d, "model.layers.1.self_attn.k_norm.weight", 4, 0);
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_UNSUPPORTED, "the names of qwen3 ");
	add_tensor(&d, "model.layers.0.self_attn.indexer.weight", 4, 0);
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_UNSUPPORTED, "'FineTuneOfLlama'; known: llama, ");
	d.n = 3;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_UNSUPPORTED, "'FineTuneOfLlama'; known: llama, ");
	remove_dir(&d);
}

static void the_model_card_is_read(void **state)
{
	struct built_dir d = tiny_dir();
	const struct fmt_value *x;
	struct fmt_view *v;

	(void)state;
	write_file(&d, "README.md",
	           "---\r\nlicense: \"apache-2.0\" # so\r\ntags:\n  - a\n  - 'b c'\nlanguage: [en, de]\nmodel-index:\n- name: nested\n"
	           "  value: 1\ndescription: |\n  several\n  lines\nauthor: A: B\n# comment\nbase_model: org/Base-7B-v2\n---\nversion: 9\n");
	v = open_view(&d, &vocab_only);
	assert_text(v, "general.license", "apache-2.0");
	assert_text(v, "general.description", NULL);
	assert_text(v, "general.version", NULL);
	assert_text(v, "general.author", "A: B");
	assert_text(v, "general.base_model.0.name", "Base 7B v2");
	assert_text(v, "general.base_model.0.organization", "Org");
	assert_text(v, "general.base_model.0.version", "v2");
	assert_text(v, "general.base_model.0.repo_url", "https://huggingface.co/org/Base-7B-v2");
	x = fmt_view_get(v, "general.tags");
	assert_true(x && x->n == 2 && fmt_str_is(x->as.strs[1], "b c"));
	x = fmt_view_get(v, "general.languages");
	assert_true(x && x->n == 2 && fmt_str_is(x->as.strs[0], "en"));
	fmt_view_close(v);

	write_file(&d, "README.md", "# no head\n---\nlicense: mit\n---\n");
	v = open_view(&d, &vocab_only);
	assert_text(v, "general.license", NULL);
	fmt_view_close(v);
	remove_dir(&d);
}

static void windows_are_carried_and_noted(void **state)
{
	struct built_dir d = tiny_dir();
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_view *v;
	uint32_t window;

	(void)state;
	write_config(&d, "\"architectures\": [\"MistralForCausalLM\"], \"vocab_size\": 10, \"sliding_window\": 128");
	v = open_view(&d, &vocab_only);
	assert_true(fmt_view_u32(v, "attention.sliding_window", -1, 0, &window, &err) && window == 128);
	assert_int_equal(n_notes(v), 1);
	assert_non_null(strstr(note(v, 0), "llama.cpp will differ past 128 tokens"));
	fmt_view_close(v);
	remove_dir(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_directories_are_refused),
		cmocka_unit_test(shards_are_found_and_missed),
		cmocka_unit_test(one_shard_is_not_the_model),
		cmocka_unit_test(unknown_models_have_vocabularies),
		cmocka_unit_test(an_architecture_can_be_forced),
		cmocka_unit_test(names_of_tensors_are_recognised),
		cmocka_unit_test(the_model_card_is_read),
		cmocka_unit_test(windows_are_carried_and_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
