/* What single architectures need of a view: transposed matrices, norms plus one, patterns of windows, lists of factors. */
#include "dir_build.h"

#define GPT2 \
	"\"architectures\": [\"GPT2LMHeadModel\"], \"n_embd\": 8, \"n_inner\": 12, \"n_layer\": 1, \"n_head\": 2, " \
	"\"n_positions\": 6, \"vocab_size\": 10"
#define GEMMA2 \
	"\"architectures\": [\"Gemma2ForCausalLM\"], \"hidden_size\": 8, \"intermediate_size\": 12, \"num_hidden_layers\": 2, " \
	"\"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"head_dim\": 4, \"vocab_size\": 10, " \
	"\"query_pre_attn_scalar\": 4"
#define GEMMA3 \
	"\"hidden_size\": 8, \"intermediate_size\": 12, \"num_hidden_layers\": 1, \"num_attention_heads\": 2, " \
	"\"num_key_value_heads\": 1, \"head_dim\": 4, \"vocab_size\": 10, \"query_pre_attn_scalar\": 4, " \
	"\"rope_theta\": 500, \"rope_local_base_freq\": 50"
#define PHI3 \
	"\"architectures\": [\"Phi3ForCausalLM\"], \"hidden_size\": 8, \"intermediate_size\": 12, \"num_hidden_layers\": 1, " \
	"\"num_attention_heads\": 2, \"vocab_size\": 10, \"max_position_embeddings\": 64, \"original_max_position_embeddings\": 16"

static const struct fmt_view_tensor *tensor(const struct fmt_view *v, const char *name)
{
	const struct fmt_view_tensor *t = fmt_view_find(v, (struct fmt_str){ name, strlen(name) });

	if (!t)
		fail_msg("no tensor %s", name);
	return t;
}

static struct built_dir dir_of(const char *config)
{
	struct built_dir d = { .path = "/tmp/assay-test-XXXXXX" };

	assert_non_null(mkdtemp(d.path));
	write_config(&d, config);
	write_file(&d, "tokenizer.json", TINY_TOKENIZER);
	return d;
}

/* Without the prefix "transformer.", as the first files of GPT-2 are. */
static struct built_dir gpt2_dir(void)
{
	struct built_dir d = dir_of(GPT2);

	add_tensor(&d, "wte.weight", 10, 8);
	add_tensor(&d, "wpe.weight", 6, 8);
	add_tensor(&d, "ln_f.weight", 8, 0);
	add_tensor(&d, "ln_f.bias", 8, 0);
	add_tensor(&d, "h.0.ln_1.weight", 8, 0);
	add_tensor(&d, "h.0.ln_1.bias", 8, 0);
	add_tensor(&d, "h.0.attn.bias", 6, 6); /* a mask, which carries nothing */
	add_tensor(&d, "h.0.attn.c_attn.weight", 8, 24);
	add_tensor(&d, "h.0.attn.c_attn.bias", 24, 0);
	add_tensor(&d, "h.0.attn.c_proj.weight", 8, 8);
	add_tensor(&d, "h.0.attn.c_proj.bias", 8, 0);
	add_tensor(&d, "h.0.ln_2.weight", 8, 0);
	add_tensor(&d, "h.0.ln_2.bias", 8, 0);
	add_tensor(&d, "h.0.mlp.c_fc.weight", 8, 12);
	add_tensor(&d, "h.0.mlp.c_fc.bias", 12, 0);
	add_tensor(&d, "h.0.mlp.c_proj.weight", 12, 8);
	add_tensor(&d, "h.0.mlp.c_proj.bias", 8, 0);
	return d;
}

/* Any run of rows; with and without a mapping of the file. */
static void rows_of_a_transposed_matrix_are_columns(void **state)
{
	static const struct {
		const char *name;
		enum fmt_out_format format;
	} files[] = { { "model.safetensors", FMT_OUT_SAFETENSORS }, { "pytorch_model.bin", FMT_OUT_TORCH } };

	(void)state;
	for (size_t f = 0; f < 2; f++) {
		struct built_dir d = gpt2_dir();
		struct fmt_err err = { .code = FMT_OK };
		const struct fmt_view_tensor *t;
		struct fmt_view *v;
		float got[24 * 8];

		find_tensor(&d, "h.0.attn.c_attn.weight")->first = 5;
		write_weights(&d, files[f].name, files[f].format);
		v = open_view(&d, NULL);
		t = tensor(v, "blk.0.attn_qkv.weight");
		assert_int_equal(t->dims[0], 24);
		assert_int_equal(t->dims[1], 8);
		assert_null(fmt_view_map(v, t));
		for (uint64_t row = 0; row < 24; row++)
			for (uint64_t n = 0; row + n <= 24; n++) {
				assert_true(fmt_view_read(v, t, row, n, got, &err));
				for (uint64_t r = 0; r < n; r++)
					for (uint64_t c = 0; c < 8; c++)
						assert_true(got[r * 8 + c] == (float)(5 + c * 24 + row + r));
			}
		assert_false(fmt_view_read(v, t, 20, 5, got, &err));
		assert_true(tensor(v, "position_embd.weight")->keep_f32);
		fmt_view_close(v);
		remove_dir(&d);
	}
}

static void gpt2_is_refused_where_it_is_another_model(void **state)
{
	static const struct {
		const char *config, *words;
		enum fmt_code code;
	} rows[] = {
		{ GPT2 ", \"scale_attn_weights\": false", "scale_attn_weights: false is not known here", FMT_UNSUPPORTED },
		{ GPT2 ", \"scale_attn_by_inverse_layer_idx\": true", "scale_attn_by_inverse_layer_idx: true", FMT_UNSUPPORTED },
		{ GPT2 ", \"activation_function\": \"relu\"", "activation_function is 'relu'", FMT_UNSUPPORTED },
		{ GPT2 ", \"tie_word_embeddings\": false", "tensor 'lm_head.weight' is missing", FMT_MISSING },
	};
	struct built_dir d = gpt2_dir();

	(void)state;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		write_config(&d, rows[i].config);
		assert_refused(&d, NULL, rows[i].code, rows[i].words);
	}
	write_config(&d, GPT2);
	find_tensor(&d, "h.0.mlp.c_fc.weight")->dims[0] = 12; /* as if it were not transposed */
	find_tensor(&d, "h.0.mlp.c_fc.weight")->dims[1] = 8;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_MISMATCH, "the shape is [12, 8], config.json asks for [8, 12]");
	remove_dir(&d);
}

static struct built_dir gemma2_dir(const char *config)
{
	static const struct {
		const char *name;
		uint64_t rows, cols;
	} rows[] = {
		{ "input_layernorm.weight", 8, 0 },           { "self_attn.q_proj.weight", 8, 8 },
		{ "self_attn.k_proj.weight", 4, 8 },          { "self_attn.v_proj.weight", 4, 8 },
		{ "self_attn.o_proj.weight", 8, 8 },          { "post_attention_layernorm.weight", 8, 0 },
		{ "pre_feedforward_layernorm.weight", 8, 0 }, { "mlp.gate_proj.weight", 12, 8 },
		{ "mlp.up_proj.weight", 12, 8 },              { "mlp.down_proj.weight", 8, 12 },
		{ "post_feedforward_layernorm.weight", 8, 0 },
	};
	static char names[2][11][64];
	struct built_dir d = dir_of(config);

	add_tensor(&d, "model.embed_tokens.weight", 10, 8);
	add_tensor(&d, "model.norm.weight", 8, 0);
	for (unsigned layer = 0; layer < 2; layer++)
		for (size_t i = 0; i < 11; i++) {
			snprintf(names[layer][i], 64, "model.layers.%u.%s", layer, rows[i].name);
			add_tensor(&d, names[layer][i], rows[i].rows, rows[i].cols);
		}
	return d;
}

static void gemma_norms_are_plus_one(void **state)
{
	struct built_dir d = gemma2_dir(GEMMA2);
	struct fmt_view *v;

	(void)state;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	assert_int_equal(v->n_tensors, 24);
	for (uint64_t i = 0; i < v->n_tensors; i++)
		assert_int_equal(v->tensors[i].op, v->tensors[i].n_dims == 1 ? FMT_OP_ADD_ONE : FMT_OP_NONE);
	assert_null(fmt_view_arch_get(v, "attention.scale"));
	assert_null(fmt_view_arch_get(v, "rope.freq_base"));
	fmt_view_close(v);
	remove_dir(&d);
}

/* The window of each layer, as the view's keys say it. */
static void assert_windows(const char *config, uint32_t first, uint32_t second, bool pattern)
{
	struct built_dir d = gemma2_dir(config);
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_view *v;
	uint32_t window = 1;

	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	assert_true(fmt_view_window(v, 0, &window, &err));
	assert_int_equal(window, first);
	assert_true(fmt_view_window(v, 1, &window, &err));
	assert_int_equal(window, second);
	assert_int_equal(fmt_view_arch_get(v, "attention.sliding_window_pattern") != NULL, pattern);
	fmt_view_close(v);
	remove_dir(&d);
}

static void windows_follow_layer_types(void **state)
{
	struct built_dir d = gemma2_dir(GEMMA2);

	(void)state;
	assert_windows(GEMMA2 ", \"sliding_window\": 5", 5, 0, false);
	assert_windows(GEMMA2 ", \"sliding_window\": null", 0, 0, false);
	assert_windows(GEMMA2 ", \"sliding_window\": 5, \"layer_types\": [\"full_attention\", \"sliding_attention\"]", 0, 5, true);
	assert_windows(GEMMA2 ", \"sliding_window\": 5, \"layer_types\": [\"sliding_attention\", \"sliding_attention\"]", 5, 5, true);
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	write_config(&d, GEMMA2 ", \"layer_types\": [\"sliding_attention\"]");
	assert_refused(&d, NULL, FMT_MISMATCH, "layer_types: 1 entries for 2 layers");
	write_config(&d, GEMMA2 ", \"use_bidirectional_attention\": true");
	assert_refused(&d, NULL, FMT_UNSUPPORTED, "use_bidirectional_attention");
	remove_dir(&d);
}

static struct built_dir phi3_dir(const char *config)
{
	struct built_dir d = dir_of(config);

	add_tensor(&d, "model.embed_tokens.weight", 10, 8);
	add_tensor(&d, "model.norm.weight", 8, 0);
	add_tensor(&d, "lm_head.weight", 10, 8);
	add_tensor(&d, "model.layers.0.input_layernorm.weight", 8, 0);
	add_tensor(&d, "model.layers.0.self_attn.qkv_proj.weight", 24, 8);
	add_tensor(&d, "model.layers.0.self_attn.o_proj.weight", 8, 8);
	add_tensor(&d, "model.layers.0.post_attention_layernorm.weight", 8, 0);
	add_tensor(&d, "model.layers.0.mlp.gate_up_proj.weight", 24, 8);
	add_tensor(&d, "model.layers.0.mlp.down_proj.weight", 8, 12);
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	return d;
}

#define LONG(type, far) \
	PHI3 ", \"rope_scaling\": {\"type\": \"" type "\", \"short_factor\": [1.0, 1.25], \"long_factor\": " far "}"

static void longrope_makes_two_tensors(void **state)
{
	static const char *const types[] = { LONG("longrope", "[2, 4.5]"), LONG("su", "[2, 4.5]"), LONG("yarn", "[2, 4.5]") };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct built_dir d = phi3_dir(types[i]);
		struct fmt_view *v = open_view(&d, NULL);
		struct fmt_err err = { .code = FMT_OK };
		float far[2], near[2], factor;

		assert_true(fmt_view_read(v, tensor(v, "rope_factors_long.weight"), 0, 1, far, &err));
		assert_true(fmt_view_read(v, tensor(v, "rope_factors_short.weight"), 0, 1, near, &err));
		assert_true(far[0] == 2 && far[1] == 4.5f && near[0] == 1 && near[1] == 1.25f);
		assert_true(fmt_view_f32(v, "rope.scaling.attn_factor", 0, &factor, &err));
		assert_true(factor > 1.2247448f && factor < 1.2247450f); /* sqrt(1 + ln 4 / ln 16) */
		fmt_view_close(v);
		remove_dir(&d);
	}
}

static void bad_factors_are_refused(void **state)
{
	static const char *const lists[] = { LONG("longrope", "[2]"), LONG("longrope", "[2, 4, 8]"), LONG("longrope", "[2, 0]"),
		                             LONG("longrope", "[2, \"4\"]"), LONG("longrope", "null"), LONG("longrope", "[2, -1]") };

	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		struct built_dir d = phi3_dir(lists[i]);

		assert_refused(&d, NULL, FMT_MALFORMED, "long_factor: expected a list of 2 numbers above 0");
		remove_dir(&d);
	}
}

/* llama.cpp wants to be told that there is no window. */
static void phi3_always_has_a_window_key(void **state)
{
	static const struct {
		const char *config;
		uint32_t window;
	} rows[] = { { PHI3, 0 }, { PHI3 ", \"sliding_window\": null", 0 }, { PHI3 ", \"sliding_window\": 7", 7 } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct built_dir d = phi3_dir(rows[i].config);
		struct fmt_view *v = open_view(&d, NULL);
		struct fmt_err err = { .code = FMT_OK };
		uint32_t window = 1;

		assert_non_null(fmt_view_arch_get(v, "attention.sliding_window"));
		assert_true(fmt_view_window(v, 0, &window, &err));
		assert_int_equal(window, rows[i].window);
		assert_int_equal(n_notes(v), window != 0);
		fmt_view_close(v);
		remove_dir(&d);
	}
}

#define FALCON \
	"\"architectures\": [\"FalconForCausalLM\"], \"hidden_size\": 8, \"ffn_hidden_size\": 12, \"num_hidden_layers\": 1, " \
	"\"num_attention_heads\": 4, \"vocab_size\": 10, \"bias\": true, \"new_decoder_architecture\": true, \"num_kv_heads\": 2, " \
	"\"num_ln_in_parallel_attn\": 1"

/* Two groups of two queries, a key and a value, each two rows: all queries first, then the keys, then the values. */
/* The language model under `prefix`, an image encoder beside it. */
static struct built_dir seeing_dir(const char *prefix, const char *head)
{
	static const struct {
		const char *name;
		uint64_t rows, cols;
	} rows[] = {
		{ "embed_tokens.weight", 10, 8 },
		{ "norm.weight", 8, 0 },
		{ "layers.0.input_layernorm.weight", 8, 0 },
		{ "layers.0.self_attn.q_proj.weight", 8, 8 },
		{ "layers.0.self_attn.q_norm.weight", 4, 0 },
		{ "layers.0.self_attn.k_proj.weight", 4, 8 },
		{ "layers.0.self_attn.k_norm.weight", 4, 0 },
		{ "layers.0.self_attn.v_proj.weight", 4, 8 },
		{ "layers.0.self_attn.o_proj.weight", 8, 8 },
		{ "layers.0.post_attention_layernorm.weight", 8, 0 },
		{ "layers.0.pre_feedforward_layernorm.weight", 8, 0 },
		{ "layers.0.mlp.gate_proj.weight", 12, 8 },
		{ "layers.0.mlp.up_proj.weight", 12, 8 },
		{ "layers.0.mlp.down_proj.weight", 8, 12 },
		{ "layers.0.post_feedforward_layernorm.weight", 8, 0 },
	};
	static char names[sizeof rows / sizeof *rows][96];
	struct built_dir d = dir_of("\"architectures\": [\"Gemma3ForConditionalGeneration\"], \"model_type\": \"gemma3\", "
	                            "\"text_config\": {\"model_type\": \"gemma3_text\", " GEMMA3 "}, \"vision_config\": {}");

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(names[i], sizeof names[i], "%s%s", prefix, rows[i].name);
		add_tensor(&d, names[i], rows[i].rows, rows[i].cols);
	}
	add_tensor(&d, head, 10, 8);
	add_tensor(&d, "vision_tower.weight", 3, 3);
	add_tensor(&d, "model.multi_modal_projector.weight", 3, 3);
	return d;
}

static void other_parts_are_left_out(void **state)
{
	static const char *const names[][2] = { { "language_model.model.", "language_model.lm_head.weight" },
		                                { "model.language_model.", "lm_head.weight" } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct built_dir d = seeing_dir(names[i][0], names[i][1]);
		struct fmt_err err = { .code = FMT_OK };
		struct fmt_view *v;
		float base = 0;

		write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
		v = open_view(&d, NULL);
		assert_int_equal(v->n_tensors, 15);
		assert_int_equal(n_notes(v), 2);
		assert_string_equal(note(v, 0), "lm_head.weight is left out: config.json ties it to the embedding");
		assert_string_equal(note(v, 1), "2 tensors of other parts than the language model are left out");
		assert_true(fmt_view_f32(v, "rope.freq_base", 0, &base, &err));
		assert_true(base == 500);
		assert_true(fmt_view_f32(v, "rope.freq_base_swa", 0, &base, &err));
		assert_true(base == 50);
		fmt_view_close(v);
		write_config(&d, "\"architectures\": [\"Gemma3ForConditionalGeneration\"], \"text_config\": {\"model_type\": \"youtu\"}");
		assert_refused(&d, NULL, FMT_UNSUPPORTED, "can be counted (llm-mem), but not yet be converted");
		remove_dir(&d);
	}
}

static void groups_of_heads_come_apart(void **state)
{
	static const unsigned want[16] = { 0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15 };
	struct built_dir d = dir_of(FALCON);
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_view *v;
	float got[16 * 8], bias[16];

	(void)state;
	add_tensor(&d, "transformer.word_embeddings.weight", 10, 8);
	add_tensor(&d, "transformer.ln_f.weight", 8, 0);
	add_tensor(&d, "transformer.ln_f.bias", 8, 0);
	add_tensor(&d, "transformer.h.0.input_layernorm.weight", 8, 0);
	add_tensor(&d, "transformer.h.0.input_layernorm.bias", 8, 0);
	add_tensor(&d, "transformer.h.0.self_attention.query_key_value.weight", 16, 8);
	add_tensor(&d, "transformer.h.0.self_attention.query_key_value.bias", 16, 0);
	add_tensor(&d, "transformer.h.0.self_attention.dense.weight", 8, 8);
	add_tensor(&d, "transformer.h.0.self_attention.dense.bias", 8, 0);
	add_tensor(&d, "transformer.h.0.mlp.dense_h_to_4h.weight", 12, 8);
	add_tensor(&d, "transformer.h.0.mlp.dense_h_to_4h.bias", 12, 0);
	add_tensor(&d, "transformer.h.0.mlp.dense_4h_to_h.weight", 8, 12);
	add_tensor(&d, "transformer.h.0.mlp.dense_4h_to_h.bias", 8, 0);
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	assert_true(fmt_view_read(v, tensor(v, "blk.0.attn_qkv.bias"), 0, 1, bias, &err));
	for (unsigned first = 0; first < 16; first += 5) {
		unsigned n = first + 5 < 16 ? 5 : 16 - first;

		assert_true(fmt_view_read(v, tensor(v, "blk.0.attn_qkv.weight"), first, n, got + first * 8, &err));
	}
	for (unsigned row = 0; row < 16; row++) {
		assert_true(got[row * 8] == (float)(want[row] * 8) && got[row * 8 + 7] == (float)(want[row] * 8 + 7));
		assert_true(bias[row] == (float)want[row]);
	}
	fmt_view_close(v);
	write_config(&d, FALCON ", \"alibi\": true");
	assert_refused(&d, NULL, FMT_UNSUPPORTED, "alibi: true is not known here");
	write_config(&d, FALCON ", \"parallel_attn\": false");
	assert_refused(&d, NULL, FMT_UNSUPPORTED, "parallel_attn: false is not known here");
	remove_dir(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_a_transposed_matrix_are_columns),
		cmocka_unit_test(gpt2_is_refused_where_it_is_another_model),
		cmocka_unit_test(gemma_norms_are_plus_one),
		cmocka_unit_test(windows_follow_layer_types),
		cmocka_unit_test(other_parts_are_left_out),
		cmocka_unit_test(groups_of_heads_come_apart),
		cmocka_unit_test(longrope_makes_two_tensors),
		cmocka_unit_test(bad_factors_are_refused),
		cmocka_unit_test(phi3_always_has_a_window_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
