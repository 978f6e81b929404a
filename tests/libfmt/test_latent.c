/* Latent attention: keys and values of one matrix become two tensors; what DeepSeek's config.json says of groups, scores and
 * magnitudes becomes keys; layers for multi-token prediction are left out; what is not covered is refused. */
#include <math.h>

#include "dir_build.h"

enum { D = 8, HEADS = 2, NOPE = 3, ROPE = 2, VALUE = 4, LATENT = 5, HEAD_ROWS = NOPE + VALUE, EXPERTS = 4 };

#define TINY_SIZES                                                                                                     \
	"\"hidden_size\": 8, \"intermediate_size\": 12, \"moe_intermediate_size\": 6, \"num_hidden_layers\": 2, "      \
	"\"num_attention_heads\": 2, \"vocab_size\": 10, \"first_k_dense_replace\": 1, \"q_lora_rank\": null, "        \
	"\"kv_lora_rank\": 5, \"qk_nope_head_dim\": 3, \"qk_rope_head_dim\": 2, \"v_head_dim\": 4, "                   \
	"\"n_routed_experts\": 4, \"num_experts_per_tok\": 2"

#define TINY_V3 "\"architectures\": [\"DeepseekV3ForCausalLM\"], \"n_group\": 2, \"topk_group\": 1, " TINY_SIZES
#define TINY_V2 "\"architectures\": [\"DeepseekV2ForCausalLM\"], \"n_shared_experts\": 1, " TINY_SIZES

/* A copy of a name that lives as long as the test. */
static const char *keep(const char *format, unsigned a, unsigned b)
{
	static char names[200][64];
	static size_t n;
	char *name = names[n++ % 200];
	const char *at = strchr(format, '%'), *at2 = strchr(at + 1, '%');

	if (at2)
		snprintf(name, 64, "%.*s%u%.*s%u%s", (int)(at - format), format, a, (int)(at2 - at - 2), at + 2, b, at2 + 2);
	else
		snprintf(name, 64, "%.*s%u%s", (int)(at - format), format, a, at + 2);
	return name;
}

static void add_attention(struct built_dir *d, unsigned layer)
{
	static const struct {
		const char *name;
		uint64_t rows, cols;
	} rows[] = {
		{ "model.layers.%u.input_layernorm.weight", D, 0 },
		{ "model.layers.%u.post_attention_layernorm.weight", D, 0 },
		{ "model.layers.%u.self_attn.q_proj.weight", HEADS * (NOPE + ROPE), D },
		{ "model.layers.%u.self_attn.kv_a_proj_with_mqa.weight", LATENT + ROPE, D },
		{ "model.layers.%u.self_attn.kv_a_layernorm.weight", LATENT, 0 },
		{ "model.layers.%u.self_attn.kv_b_proj.weight", HEADS * HEAD_ROWS, LATENT },
		{ "model.layers.%u.self_attn.o_proj.weight", D, HEADS * VALUE },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		add_tensor(d, keep(rows[i].name, layer, 0), rows[i].rows, rows[i].cols);
}

static void add_block(struct built_dir *d, const char *name, unsigned a, unsigned b, uint64_t width)
{
	static const char *const parts[] = { "gate_proj.weight", "up_proj.weight", "down_proj.weight" };
	char format[64];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(format, sizeof format, "%s.%s", name, parts[i]);
		add_tensor(d, keep(format, a, b), i == 2 ? D : width, i == 2 ? width : D);
	}
}

/* Layer 0 dense, layer 1 a mixture, with a correction to its scores or (V2) without. */
static struct built_dir deepseek_dir(bool v3)
{
	struct built_dir d = tiny_dir();

	d.n = 3; /* what is outside the layers */
	add_attention(&d, 0);
	add_block(&d, "model.layers.%u.mlp", 0, 0, 12);
	add_attention(&d, 1);
	add_tensor(&d, "model.layers.1.mlp.gate.weight", EXPERTS, D);
	if (v3)
		add_tensor(&d, "model.layers.1.mlp.gate.e_score_correction_bias", EXPERTS, 0);
	for (unsigned e = 0; e < EXPERTS; e++)
		add_block(&d, "model.layers.%u.mlp.experts.%u", 1, e, 6);
	add_block(&d, "model.layers.%u.mlp.shared_experts", 1, 0, 6);
	write_config(&d, v3 ? TINY_V3 : TINY_V2);
	return d;
}

/* All rows of a tensor of floats, in pieces of every size. */
static void read_in_pieces(const struct fmt_view *v, const struct fmt_view_tensor *t, uint64_t cols,
                           float (*want)(uint64_t row, uint64_t col))
{
	uint64_t rows = t->n_elems / cols;
	struct fmt_err err = { .code = FMT_OK };
	float x[HEADS * HEAD_ROWS * LATENT];

	for (uint64_t n = 1; n <= rows; n++)
		for (uint64_t row = 0; row < rows; row += n) {
			uint64_t len = rows - row < n ? rows - row : n;

			assert_true(fmt_view_read(v, t, row, len, x, &err));
			for (uint64_t i = 0; i < len * cols; i++)
				assert_true(x[i] == want(row + i / cols, i % cols));
		}
	assert_false(fmt_view_read(v, t, rows, 1, x, &err));
	assert_null(fmt_view_map(v, t));
}

/* Element [row, col] of kv_b_proj is row * LATENT + col. */
static float key(uint64_t row, uint64_t col)
{
	return (float)((row / LATENT * HEAD_ROWS + col) * LATENT + row % LATENT);
}

static float value(uint64_t row, uint64_t col)
{
	return (float)((row / VALUE * HEAD_ROWS + NOPE + row % VALUE) * LATENT + col);
}

static void keys_are_transposed_and_values_are_not(void **state)
{
	struct built_dir d = deepseek_dir(true);
	const struct fmt_view_tensor *k, *w;
	struct fmt_view *v;

	(void)state;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	k = fmt_view_role(v, FMT_ROLE_ATTN_LATENT_K, 1);
	w = fmt_view_role(v, FMT_ROLE_ATTN_LATENT_V, 1);
	assert_true(k->n_dims == 3 && k->dims[0] == HEADS && k->dims[1] == LATENT && k->dims[2] == NOPE);
	assert_true(w->n_dims == 3 && w->dims[0] == HEADS && w->dims[1] == VALUE && w->dims[2] == LATENT);
	assert_int_equal(k->n_bytes + w->n_bytes, sizeof(float) * HEADS * HEAD_ROWS * LATENT);
	read_in_pieces(v, k, NOPE, key);
	read_in_pieces(v, w, LATENT, value);
	fmt_view_close(v);
	remove_dir(&d);
}

static uint64_t number(const struct fmt_view *v, const char *suffix)
{
	const struct fmt_value *x = fmt_view_arch_get(v, suffix);

	if (!x)
		fail_msg("no key %s", suffix);
	return x->as.u;
}

static double real(const struct fmt_view *v, const char *suffix)
{
	const struct fmt_value *x = fmt_view_arch_get(v, suffix);

	if (!x)
		fail_msg("no key %s", suffix);
	return x->as.f;
}

/* What a reader has to know, from config.json or the class's defaults. */
static void settings_become_keys(void **state)
{
	struct built_dir d = deepseek_dir(true);
	struct fmt_view *v;

	(void)state;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	assert_int_equal(number(v, "attention.head_count_kv"), 1);
	assert_int_equal(number(v, "attention.key_length"), LATENT + ROPE);
	assert_int_equal(number(v, "attention.value_length"), LATENT);
	assert_int_equal(number(v, "attention.key_length_mla"), NOPE + ROPE);
	assert_int_equal(number(v, "attention.value_length_mla"), VALUE);
	assert_int_equal(number(v, "expert_gating_func"), 2);
	assert_int_equal(number(v, "expert_group_count"), 2);
	assert_int_equal(number(v, "expert_group_used_count"), 1);
	assert_int_equal(number(v, "expert_shared_count"), 1);
	assert_true(real(v, "expert_weights_scale") == 2.5);
	assert_null(fmt_view_arch_get(v, "attention.q_lora_rank"));
	assert_null(fmt_view_arch_get(v, "expert_group_top"));
	assert_null(fmt_view_arch_get(v, "rope.scaling.yarn_log_multiplier"));
	assert_int_equal(n_notes(v), 0);
	fmt_view_close(v);

	/* sines and cosines have a magnitude only where the two differ */
	write_config(&d, TINY_V3 ", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 40, \"mscale\": 0.707, "
	                         "\"mscale_all_dim\": 0.707}");
	v = open_view(&d, NULL);
	assert_true(fabs(real(v, "rope.scaling.yarn_log_multiplier") - 0.0707) < 1e-7);
	assert_null(fmt_view_arch_get(v, "rope.scaling.yarn_attn_factor"));
	fmt_view_close(v);
	write_config(&d, TINY_V3 ", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 40, \"mscale\": 1, \"mscale_all_dim\": 0.5}");
	v = open_view(&d, NULL);
	assert_true(fabs(real(v, "rope.scaling.yarn_attn_factor") - (1 + 0.1 * log(40)) / (1 + 0.05 * log(40))) < 1e-6);
	fmt_view_close(v);
	remove_dir(&d);
}

/* V2's two ways to choose, which llama.cpp does not have, where there is more than one group. */
static void ways_to_choose_groups(void **state)
{
	struct built_dir d = deepseek_dir(false);
	struct fmt_view *v;

	(void)state;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	assert_null(fmt_view_arch_get(v, "expert_group_top"));
	assert_null(fmt_view_arch_get(v, "expert_gating_func"));
	assert_int_equal(n_notes(v), 0);
	fmt_view_close(v);

	write_config(&d, TINY_V2 ", \"n_group\": 1, \"topk_group\": 1, \"topk_method\": \"greedy\"");
	v = open_view(&d, NULL);
	assert_null(fmt_view_arch_get(v, "expert_group_top"));
	fmt_view_close(v);

	write_config(&d, TINY_V2 ", \"n_group\": 2, \"topk_group\": 1, \"topk_method\": \"group_limited_greedy\", "
	                         "\"scoring_func\": \"softmax\"");
	v = open_view(&d, NULL);
	assert_int_equal(number(v, "expert_group_top"), 1);
	assert_int_equal(number(v, "expert_gating_func"), 1);
	assert_int_equal(n_notes(v), 1);
	assert_non_null(strstr(note(v, 0), "llama.cpp will differ"));
	fmt_view_close(v);

	write_config(&d, TINY_V2 ", \"n_group\": 2, \"topk_group\": 1");
	v = open_view(&d, NULL);
	assert_int_equal(number(v, "expert_group_top"), 0);
	fmt_view_close(v);
	remove_dir(&d);
}

/* Tensors of layers that config.json declares for multi-token prediction, and of no others. */
static void layers_for_multi_token_prediction(void **state)
{
	struct built_dir d = deepseek_dir(true);
	struct fmt_view *v;

	(void)state;
	add_tensor(&d, "model.layers.2.eh_proj.weight", D, 2 * D);
	add_tensor(&d, "model.layers.2.mlp.gate.weight", EXPERTS, D);
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_MISMATCH, "'model.layers.2.eh_proj.weight': no place for it");
	write_config(&d, TINY_V3 ", \"num_nextn_predict_layers\": 1");
	v = open_view(&d, NULL);
	assert_int_equal(n_notes(v), 1);
	assert_string_equal(note(v, 0), "2 tensors for multi-token prediction are left out (layers from 2 on)");
	fmt_view_close(v);
	add_tensor(&d, "model.layers.3.eh_proj.weight", D, 2 * D);
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_MISMATCH, "'model.layers.3.eh_proj.weight': no place for it");
	remove_dir(&d);
}

static void what_is_not_covered_is_refused(void **state)
{
	static const struct {
		const char *config, *words;
		enum fmt_code code;
	} rows[] = {
		{ TINY_V3 ", \"rope_interleave\": false", "rope_interleave: false is not known here", FMT_UNSUPPORTED },
		{ TINY_V3 ", \"attention_bias\": true", "kv_a_proj_with_mqa.bias' is missing", FMT_MISSING },
		{ TINY_V3 ", \"scoring_func\": \"softmax\"", "scoring_func is 'softmax'; known here: sigmoid", FMT_UNSUPPORTED },
		{ TINY_V3 ", \"topk_method\": \"greedy\"", "topk_method is 'greedy'; known here: noaux_tc", FMT_UNSUPPORTED },
		{ TINY_V2 ", \"n_group\": 3", "n_group: 3 does not divide 4", FMT_MISMATCH },
		{ TINY_V2 ", \"n_group\": 2, \"topk_group\": 3", "topk_group: 3 is more than there are: 2", FMT_MISMATCH },
	};
	struct built_dir d = deepseek_dir(true);
	struct built_tensor *t;

	(void)state;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		write_config(&d, rows[i].config);
		assert_refused(&d, NULL, rows[i].code, rows[i].words);
	}
	write_config(&d, TINY_V3);
	t = find_tensor(&d, "model.layers.1.self_attn.kv_b_proj.weight");
	t->dims[0]--;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_MISMATCH, "kv_b_proj.weight': the shape is [13, 5], config.json asks for [14, 5]");
	t->leave_out = true;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_MISSING, "'model.layers.1.self_attn.kv_b_proj.weight' is missing");
	t->leave_out = false;
	t->dims[0]++;
	find_tensor(&d, "model.layers.1.mlp.gate.e_score_correction_bias")->leave_out = true;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_MISSING, "e_score_correction_bias' is missing");
	remove_dir(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_transposed_and_values_are_not),
		cmocka_unit_test(settings_become_keys),
		cmocka_unit_test(ways_to_choose_groups),
		cmocka_unit_test(layers_for_multi_token_prediction),
		cmocka_unit_test(what_is_not_covered_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
