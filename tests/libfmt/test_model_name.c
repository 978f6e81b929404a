/* model_name: what gguf-py's Metadata.get_model_id_components, id_to_title and size_label gave for the same input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "model_name.h"

static const struct {
	const char *id;
	uint64_t n_params;
	const char *full, *title, *organization, *basename, *finetune, *version, *size_label;
} names[] = {
	{ "meta-llama/Llama-3.2-1B-Instruct", 0, "Llama-3.2-1B-Instruct", "Llama 3.2 1B Instruct", "meta-llama", "Llama-3.2", "Instruct", NULL, "1B" },
	{ "meta-llama/Llama-3.2-1B-Instruct", 8030261248, "Llama-3.2-1B-Instruct", "Llama 3.2 1B Instruct", "meta-llama", "Llama-3.2", "1b-Instruct", NULL, NULL },
	{ "Llama-2-7b-chat-hf", 0, "Llama-2-7b-chat-hf", "Llama 2 7b Chat Hf", NULL, "Llama-2", "chat-hf", NULL, "7B" },
	{ "mistralai/Mixtral-8x7B-Instruct-v0.1", 0, "Mixtral-8x7B-Instruct-v0.1", "Mixtral 8x7B Instruct v0.1", "mistralai", "Mixtral", "Instruct", "v0.1", "8x7B" },
	{ "bigscience/bloom-7b1", 0, "bloom-7b1", "Bloom 7b1", "bigscience", "bloom", NULL, NULL, "7.1B" },
	{ "SmolLM2-135M", 0, "SmolLM2-135M", "SmolLM2 135M", NULL, "SmolLM2", NULL, NULL, "135M" },
	{ "SmolLM2-135M", 8030261248, "SmolLM2-135M", "SmolLM2 135M", NULL, "SmolLM2", "135m", NULL, NULL },
	{ "Qwen2.5-7B-Instruct-1M", 0, "Qwen2.5-7B-Instruct-1M", "Qwen2.5 7B Instruct 1M", NULL, "Qwen2.5", "Instruct", NULL, "7B-1M" },
	{ "Qwen2.5-7B-Instruct-1M", 8030261248, "Qwen2.5-7B-Instruct-1M", "Qwen2.5 7B Instruct 1M", NULL, "Qwen2.5", "Instruct-1m", NULL, "7B" },
	{ "llama2-sharded", 0, "llama2-sharded", "Llama2 Sharded", NULL, NULL, NULL, NULL, NULL },
	{ "stories260K", 0, "stories260K", "stories260K", NULL, NULL, NULL, NULL, NULL },
	{ "TinyLlama-1.1B-intermediate-step-1431k-3T", 0, "TinyLlama-1.1B-intermediate-step-1431k-3T", "TinyLlama 1.1B Intermediate Step 1431k 3T", NULL, "TinyLlama", "intermediate-step", NULL, "1.1B-1431K-3T" },
	{ "TinyLlama-1.1B-intermediate-step-1431k-3T", 8030261248, "TinyLlama-1.1B-intermediate-step-1431k-3T", "TinyLlama 1.1B Intermediate Step 1431k 3T", NULL, "TinyLlama", "intermediate-step-1431k-3t", NULL, "1.1B" },
	{ "t5-small", 0, "t5-small", "T5 Small", NULL, "t5", NULL, NULL, "small" },
	{ "flan-t5-xxl-8B", 0, "flan-t5-xxl-8B", "Flan T5 Xxl 8B", NULL, "flan-t5-xxl", NULL, NULL, "8B" },
	{ "phi-3-mini-128k-instruct", 0, "phi-3-mini-128k-instruct", "Phi 3 Mini 128k Instruct", NULL, "phi-3-mini", "instruct", NULL, "128K" },
	{ "phi-3-mini-128k-instruct", 8030261248, "phi-3-mini-128k-instruct", "Phi 3 Mini 128k Instruct", NULL, "phi-3", "128k-instruct", NULL, "mini" },
	{ "Qwen3-30B-A3B-FP8", 0, "Qwen3-30B-A3B-FP8", "Qwen3 30B A3B FP8", NULL, "Qwen3", "FP8", NULL, "30B-A3B" },
	{ "Qwen3-30B-A3B-FP8", 8030261248, "Qwen3-30B-A3B-FP8", "Qwen3 30B A3B FP8", NULL, "Qwen3", "30b-FP8", NULL, "A3B" },
	{ "DeepSeek-R1-Distill-Llama-8B", 0, "DeepSeek-R1-Distill-Llama-8B", "DeepSeek R1 Distill Llama 8B", NULL, "DeepSeek-R1-Distill-Llama", NULL, NULL, "8B" },
	{ "deepseek-coder-6_7b-base-q4_K_M", 0, "deepseek-coder-6_7b-base-q4_K_M", "Deepseek Coder 6_7b Base q4_K_M", NULL, "deepseek-coder", "base", NULL, "6.7B" },
	{ "my model", 0, "my model", "My Model", NULL, NULL, NULL, NULL, NULL },
	{ "./tmp/x", 0, "tmp/x", "Tmp/X", NULL, NULL, NULL, NULL, NULL },
	{ "Mistral-Nemo-Base-2407", 0, "Mistral-Nemo-Base-2407", "Mistral Nemo Base 2407", NULL, "Mistral-Nemo-Base", NULL, "2407", NULL },
	{ "gemma-2-9b-it", 0, "gemma-2-9b-it", "Gemma 2 9b It", NULL, "gemma-2", "it", NULL, "9B" },
	{ "iter2-model-v0.3-f16", 0, "iter2-model-v0.3-f16", "Iter2 Model v0.3 F16", NULL, NULL, NULL, NULL, NULL },
	{ "OLMo-2-1124-7B", 0, "OLMo-2-1124-7B", "OLMo 2 1124 7B", NULL, "OLMo-2-1124", NULL, NULL, "7B" },
	{ "a--b-", 0, "a--b-", "A B", NULL, NULL, NULL, NULL, NULL },
	{ "v3", 0, "v3", "v3", NULL, NULL, NULL, "v3", NULL },
	{ "7B-chat", 0, "7B-chat", "7B Chat", NULL, NULL, "7B-chat", NULL, NULL },
	{ "Hermes-2-Pro-Llama-3-8B", 0, "Hermes-2-Pro-Llama-3-8B", "Hermes 2 Pro Llama 3 8B", NULL, "Hermes-2-Pro-Llama-3", NULL, NULL, "8B" },
	{ "internlm2_5-7b-chat-1m", 0, "internlm2_5-7b-chat-1m", "Internlm2_5 7b Chat 1m", NULL, "internlm2_5", "chat", NULL, "7B-1M" },
	{ "internlm2_5-7b-chat-1m", 8030261248, "internlm2_5-7b-chat-1m", "Internlm2_5 7b Chat 1m", NULL, "internlm2_5", "chat-1m", NULL, "7B" },
	{ "Yi-1.5-34B-32K", 0, "Yi-1.5-34B-32K", "Yi 1.5 34B 32K", NULL, "Yi-1.5", NULL, NULL, "34B-32K" },
	{ "Yi-1.5-34B-32K", 8030261248, "Yi-1.5-34B-32K", "Yi 1.5 34B 32K", NULL, "Yi-1.5", "34b-32k", NULL, NULL },
};

static const struct {
	uint64_t n_params;
	const char *label;
} sizes[] = {
	{ 1, "0.00K" },
	{ 259, "0.26K" },
	{ 260032, "260K" },
	{ 999499, "999K" },
	{ 1000000, "1000K" },
	{ 1000001, "1.0M" },
	{ 2885904, "2.9M" },
	{ 9999999, "10M" },
	{ 134515008, "135M" },
	{ 1235814400, "1.2B" },
	{ 8030261248, "8.0B" },
	{ 70553706496, "71B" },
	{ 405853388800, "406B" },
	{ 1000000000001, "1.0T" },
	{ 3100000, "3.1M" },
	{ 999950000, "1000M" },
	{ 10500, "10K" },
};

static struct fmt_str str(const char *s)
{
	return (struct fmt_str){ s, strlen(s) };
}

static void assert_part(const char *id, const char *what, struct fmt_str got, const char *want)
{
	if (want ? !fmt_str_is(got, want) : got.p != NULL)
		fail_msg("'%s', %s: '%.*s', not '%s'", id, what, (int)got.n, got.p ? got.p : "", want ? want : "(none)");
}

static void names_are_taken_apart(void **state)
{
	struct fmt_arena mem;
	struct fmt_err err = { .code = FMT_OK };

	(void)state;
	fmt_arena_init(&mem, 1 << 20);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct model_name n;

		assert_true(model_name_parse(&mem, str(names[i].id), names[i].n_params, &n, &err));
		assert_part(names[i].id, "full", n.full, names[i].full);
		assert_part(names[i].id, "title", model_name_title(&mem, n.full, &err), names[i].title);
		assert_part(names[i].id, "organization", n.organization, names[i].organization);
		assert_part(names[i].id, "basename", n.basename, names[i].basename);
		assert_part(names[i].id, "finetune", n.finetune, names[i].finetune);
		assert_part(names[i].id, "version", n.version, names[i].version);
		assert_part(names[i].id, "size label", n.size_label, names[i].size_label);
	}
	fmt_arena_finish(&mem);
}

static void sizes_have_two_digits(void **state)
{
	struct fmt_arena mem;
	struct fmt_err err = { .code = FMT_OK };

	(void)state;
	fmt_arena_init(&mem, 1 << 20);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		assert_part(sizes[i].label, "size", model_name_size(&mem, sizes[i].n_params, 0, &err), sizes[i].label);
	assert_part("experts", "size", model_name_size(&mem, 7000000000, 8, &err), "8x7.0B");
	fmt_arena_finish(&mem);
}

/* Hundreds of parts, parts of any length: no more than the analysis is cut. */
static void long_names_are_bounded(void **state)
{
	struct fmt_arena mem;
	struct fmt_err err = { .code = FMT_OK };
	struct model_name n;
	char id[5000];

	(void)state;
	fmt_arena_init(&mem, 1 << 20);
	for (size_t i = 0; i < sizeof id; i++)
		id[i] = i % 3 == 2 ? '-' : 'x';
	assert_true(model_name_parse(&mem, (struct fmt_str){ id, sizeof id }, 0, &n, &err));
	memset(id, '7', sizeof id);
	memcpy(id, "a-", 2);
	assert_true(model_name_parse(&mem, (struct fmt_str){ id, sizeof id }, 1, &n, &err));
	assert_int_equal(n.full.n, sizeof id);
	fmt_arena_finish(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_taken_apart),
		cmocka_unit_test(sizes_have_two_digits),
		cmocka_unit_test(long_names_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
