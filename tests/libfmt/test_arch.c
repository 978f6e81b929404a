/* arch_conf: what config.json says and does not say, in both spellings, and what is refused by which key. The defaults
 * are those of transformers' LlamaConfig and MistralConfig. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rope_factors.h"
#include "view_impl.h"

static bool read_conf(const struct fmt_arch *arch, const char *text, struct arch_conf *conf, struct fmt_err *err)
{
	struct json_doc *d = json_parse(text, strlen(text), err);
	bool ok;

	assert_non_null(d);
	ok = arch_conf_read(arch, json_root(d), conf, err);
	json_free(d);
	return ok;
}

static struct arch_conf accepted(const struct fmt_arch *arch, const char *text)
{
	struct fmt_err err = { .code = FMT_OK };
	struct arch_conf conf;

	if (!read_conf(arch, text, &conf, &err))
		fail_msg("%s: %s", text, err.msg);
	return conf;
}

static void refused_by(const struct fmt_arch *arch, const char *text, enum fmt_code code, const char *words)
{
	struct fmt_err err = { .code = FMT_OK };
	struct arch_conf conf;

	if (read_conf(arch, text, &conf, &err) || err.code != code || !strstr(err.msg, words))
		fail_msg("%s: code %d, '%s'", text, err.code, err.msg);
}

static void refused(const char *text, enum fmt_code code, const char *words)
{
	refused_by(&arch_llama, text, code, words);
}

static void an_empty_config_has_the_defaults(void **state)
{
	struct arch_conf c = accepted(&arch_llama, "{}");

	(void)state;
	assert_int_equal(c.n[P_LAYERS], 32);
	assert_int_equal(c.n[P_MODEL], 4096);
	assert_int_equal(c.n[P_FF], 11008);
	assert_int_equal(c.n[P_HEADS_KV], 32);
	assert_int_equal(c.n[P_HEAD_DIM], 128);
	assert_int_equal(c.n[P_CONTEXT], 2048);
	assert_int_equal(c.n[P_VOCAB], 32000);
	assert_true(c.f[P_NORM_EPS] == 1e-6 && c.f[P_ROPE_THETA] == 10000);
	assert_false(c.set[P_WINDOW]);
	assert_int_equal(c.n[P_TIED], 0);
	assert_int_equal(c.n[P_ROPE_TYPE], ROPE_PLAIN);

	c = accepted(&arch_mistral, "{}");
	assert_int_equal(c.n[P_HEADS_KV], 8);
	assert_int_equal(c.n[P_WINDOW], 4096);
	assert_int_equal(c.n[P_CONTEXT], 131072);
}

/* null is not absence: Mistral's null window is none, its null key heads are as many as the heads. */
static void null_has_its_own_meaning(void **state)
{
	struct arch_conf c = accepted(&arch_mistral, "{\"sliding_window\": null, \"num_key_value_heads\": null, \"head_dim\": null}");

	(void)state;
	assert_false(c.set[P_WINDOW]);
	assert_int_equal(c.n[P_HEADS_KV], 32);
	assert_int_equal(c.n[P_HEAD_DIM], 128);
}

static void rope_has_two_spellings(void **state)
{
	static const char *const texts[] = {
		"{\"rope_theta\": 5e5, \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 64}}",
		"{\"rope_theta\": 500000, \"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4.0, "
		"\"original_max_position_embeddings\": 64}}",
		"{\"rope_parameters\": {\"rope_theta\": 500000.0, \"rope_type\": \"yarn\", \"factor\": 4, "
		"\"original_max_position_embeddings\": 64}}",
		"{\"text_config\": {\"rope_parameters\": {\"rope_theta\": 500000.0, \"rope_type\": \"yarn\", \"factor\": 4}, "
		"\"original_max_position_embeddings\": 64}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct arch_conf c = accepted(&arch_llama, texts[i]);

		assert_int_equal(c.n[P_ROPE_TYPE], ROPE_YARN);
		assert_true(c.f[P_ROPE_THETA] == 5e5 && c.f[P_ROPE_FACTOR] == 4);
		assert_int_equal(c.n[P_ROPE_ORIG_CONTEXT], 64);
	}
	assert_int_equal(accepted(&arch_llama, "{\"rope_scaling\": null}").n[P_ROPE_TYPE], ROPE_PLAIN);
}

static void an_inner_config_comes_first(void **state)
{
	struct arch_conf c = accepted(&arch_llama, "{\"hidden_size\": 64, \"vocab_size\": 9, \"text_config\": {\"hidden_size\": 128}}");

	(void)state;
	assert_int_equal(c.n[P_MODEL], 128);
	assert_int_equal(c.n[P_VOCAB], 9);
}

static void bad_numbers_name_their_key(void **state)
{
	(void)state;
	refused("{\"num_hidden_layers\": 1000000000000000000}", FMT_LIMIT, "num_hidden_layers: 1000000000000000000 is not between 1 and");
	refused("{\"num_hidden_layers\": 0}", FMT_LIMIT, "num_hidden_layers");
	refused("{\"num_hidden_layers\": -1}", FMT_MALFORMED, "num_hidden_layers: expected a whole number");
	refused("{\"num_hidden_layers\": \"4\"}", FMT_MALFORMED, "num_hidden_layers: expected a whole number");
	refused("{\"hidden_size\": 2.5}", FMT_MALFORMED, "hidden_size");
	refused("{\"hidden_size\": 18446744073709551615}", FMT_LIMIT, "hidden_size");
	refused("{\"num_attention_heads\": 3}", FMT_MISMATCH,
	        "head_dim is not given, and hidden_size: 4096 is not a multiple of 3 (num_attention_heads)");
	refused("{\"num_attention_heads\": 8, \"num_key_value_heads\": 3}", FMT_MISMATCH, "num_key_value_heads: 3 does not divide 8");
	refused("{\"num_attention_heads\": 65536, \"head_dim\": 1048576}", FMT_LIMIT, "is not between 1 and");
	refused("{\"head_dim\": 33}", FMT_MISMATCH, "head_dim: 33 is not a multiple of 2");
	refused("{\"rms_norm_eps\": 0}", FMT_LIMIT, "rms_norm_eps");
	refused("{\"rms_norm_eps\": []}", FMT_MALFORMED, "rms_norm_eps: expected a number");
	refused("{\"attention_bias\": 1}", FMT_MALFORMED, "attention_bias: expected true or false");
	refused("{\"hidden_act\": \"gelu\"}", FMT_UNSUPPORTED, "hidden_act is 'gelu'; known here: silu");
	refused("{\"rope_scaling\": {\"type\": \"spiral\"}}", FMT_UNSUPPORTED, "rope_scaling.type is 'spiral'");
	refused("{\"rope_scaling\": {\"type\": \"longrope\"}}", FMT_UNSUPPORTED, "known here: default, linear, dynamic, yarn, llama3");
	refused("{\"rope_scaling\": {\"type\": \"linear\"}}", FMT_MISSING, "factor");
	refused("{\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 5, \"high_freq_factor\": 4}}",
	        FMT_MISMATCH, "low_freq_factor");
	refused("{\"rope_theta\": -1}", FMT_LIMIT, "rope_theta");
}

/* The layers of a config as letters: w window, e experts, p no positions (of several, the last). */
static void assert_layers(const struct fmt_arch *arch, const char *text, const char *want)
{
	struct arch_conf c = accepted(arch, text);
	char got[64] = "";

	assert_true(c.n[P_LAYERS] < sizeof got);
	for (uint64_t i = 0; i < c.n[P_LAYERS]; i++)
		got[i] = c.layer[i] & LAYER_NO_ROPE ? 'p' : c.layer[i] & LAYER_MOE ? 'e' : c.layer[i] & LAYER_WINDOW ? 'w' : '.';
	assert_string_equal(got, want);
}

static void layers_follow_rules_and_lists(void **state)
{
	static const char lists[] = "{\"num_hidden_layers\": 4, \"use_sliding_window\": true, \"sliding_window\": 8, "
	                            "\"layer_types\": [\"full_attention\", \"sliding_attention\", \"full_attention\"%s]}";
	char text[300];

	(void)state;
	assert_layers(&arch_qwen2, "{\"num_hidden_layers\": 4, \"use_sliding_window\": true, \"max_window_layers\": 3}", "...w");
	assert_layers(&arch_qwen2, "{\"num_hidden_layers\": 4, \"sliding_window\": 8, \"max_window_layers\": 0}", "....");
	assert_layers(&arch_qwen2moe, "{\"num_hidden_layers\": 5, \"decoder_sparse_step\": 2, \"mlp_only_layers\": [3]}", ".e...");
	assert_layers(&arch_smollm3, "{\"num_hidden_layers\": 9}", "...p...p.");
	assert_layers(&arch_smollm3, "{\"num_hidden_layers\": 5, \"no_rope_layer_interval\": 2}", ".p.p.");
	assert_layers(&arch_smollm3, "{\"num_hidden_layers\": 3, \"no_rope_layers\": [0, 1, 0]}", "p.p");
	snprintf(text, sizeof text, lists, ", \"sliding_attention\"");
	assert_layers(&arch_qwen3, text, ".w.w");
	snprintf(text, sizeof text, lists, "");
	refused_by(&arch_qwen3, text, FMT_MISMATCH, "layer_types: 3 entries for 4 layers");
	refused_by(&arch_smollm3, "{\"num_hidden_layers\": 3, \"no_rope_layers\": [0, 1]}", FMT_MISMATCH,
	           "no_rope_layers: 2 numbers for 3 layers");
	refused_by(&arch_qwen2, "{\"rope_scaling\": {\"rope_type\": \"longrope\", \"factor\": 8}}", FMT_UNSUPPORTED,
	           "'longrope'; known here: default, linear, dynamic, yarn, llama3");
	refused_by(&arch_qwen2, "{\"rope_scaling\": {\"rope_type\": \"llama3\"}}", FMT_MISSING, "this RoPE scaling needs it");
	refused_by(&arch_smollm3, "{\"num_hidden_layers\": 2, \"no_rope_layers\": [0, 2]}", FMT_MALFORMED, "no_rope_layers");
}

static void descriptions_are_found(void **state)
{
	(void)state;
	assert_ptr_equal(fmt_arch_by_class(FMT_STR("LlamaForCausalLM")), &arch_llama);
	assert_ptr_equal(fmt_arch_by_class(FMT_STR("MistralForCausalLM")), &arch_mistral);
	assert_ptr_equal(fmt_arch_by_gguf(FMT_STR("llama")), &arch_llama);
	assert_null(fmt_arch_by_class(FMT_STR("Llama")));
}

/* Llama 3.1 and 3.2: torch's own float32 bits for the six elements that lie between the two wavelengths, and some
 * outside. Made by the reference converter: convert_hf_to_gguf.py of llama.cpp, generate_extra_tensors. */
static void llama3_factors_equal_the_references(void **state)
{
	struct arch_conf c = accepted(&arch_llama, "{\"head_dim\": 128, \"rope_theta\": 500000, \"rope_scaling\": {\"rope_type\": "
	                                           "\"llama3\", \"factor\": 8, \"original_max_position_embeddings\": 8192}}");
	static const uint32_t want[6] = { 0x3f9a8ed5, 0x3fc6d64a, 0x4001af1d, 0x402c732e, 0x406bcace, 0x40a83c06 };
	float factors[64];

	(void)state;
	rope_factors_llama3(&c, factors, 64);
	assert_true(factors[0] == 1 && factors[28] == 1 && factors[63] == 8);
	assert_memory_equal(&factors[29], want, sizeof want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_config_has_the_defaults),
		cmocka_unit_test(null_has_its_own_meaning),
		cmocka_unit_test(rope_has_two_spellings),
		cmocka_unit_test(an_inner_config_comes_first),
		cmocka_unit_test(bad_numbers_name_their_key),
		cmocka_unit_test(layers_follow_rules_and_lists),
		cmocka_unit_test(descriptions_are_found),
		cmocka_unit_test(llama3_factors_equal_the_references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
