/* What Qwen 3.5 and Nemotron-H need of a view: heads of values that take keys in turn, experts in one tensor, sections of positions;
 * layers of one kind each, an architecture for models with experts, limits of time steps. */
#include "dir_build.h"

/* Two keys of 2, four values of 3: 4 + 4 + 12 channels; two experts of width 3. */
#define QWEN35                                                                                                         \
	"\"architectures\": [\"Qwen3_5MoeForCausalLM\"], \"hidden_size\": 8, \"num_hidden_layers\": 1, "                  \
	"\"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"head_dim\": 8, \"vocab_size\": 10, "                   \
	"\"layer_types\": [\"linear_attention\"], \"linear_num_key_heads\": 2, \"linear_num_value_heads\": 4, "            \
	"\"linear_key_head_dim\": 2, \"linear_value_head_dim\": 3, \"linear_conv_kernel_dim\": 3, \"num_experts\": 2, "    \
	"\"num_experts_per_tok\": 1, \"moe_intermediate_size\": 3, \"shared_expert_intermediate_size\": 5"

/* Layers of one block each: attention, two heads of 4, and feed-forward, or Mamba 2, four heads of 2 in two groups. */
#define NEMOTRON_H                                                                                                     \
	"\"architectures\": [\"NemotronHForCausalLM\"], \"hidden_size\": 8, \"intermediate_size\": 12, \"num_attention_heads\": 2, " \
	"\"num_key_value_heads\": 1, \"head_dim\": 4, \"vocab_size\": 10, \"mamba_num_heads\": 4, \"mamba_head_dim\": 2, "  \
	"\"n_groups\": 2, \"ssm_state_size\": 3, \"moe_intermediate_size\": 5, \"n_routed_experts\": 2, "               \
	"\"num_experts_per_tok\": 1, \"moe_shared_expert_intermediate_size\": 6, "

static const struct fmt_view_tensor *tensor(const struct fmt_view *v, const char *name)
{
	const struct fmt_view_tensor *t = fmt_view_find(v, (struct fmt_str){ name, strlen(name) });

	if (!t)
		fail_msg("no tensor %s", name);
	return t;
}

static void add_stacked(struct built_dir *d, const char *name, uint64_t n, uint64_t rows, uint64_t cols)
{
	struct built_tensor *t = add_tensor(d, name, n, rows);

	t->n_dims = 3;
	t->dims[2] = cols;
}

static struct built_dir qwen_dir(const char *more)
{
	struct built_dir d = { .path = "/tmp/assay-test-XXXXXX" };
	char config[1000];

	assert_non_null(mkdtemp(d.path));
	snprintf(config, sizeof config, QWEN35 "%s", more);
	write_config(&d, config);
	write_file(&d, "tokenizer.json", TINY_TOKENIZER);
	add_tensor(&d, "model.embed_tokens.weight", 10, 8);
	add_tensor(&d, "model.norm.weight", 8, 0);
	add_tensor(&d, "lm_head.weight", 10, 8);
	add_tensor(&d, "model.layers.0.input_layernorm.weight", 8, 0);
	add_tensor(&d, "model.layers.0.post_attention_layernorm.weight", 8, 0);
	add_stacked(&d, "model.layers.0.linear_attn.conv1d.weight", 20, 1, 3);
	add_tensor(&d, "model.layers.0.linear_attn.dt_bias", 4, 0);
	add_tensor(&d, "model.layers.0.linear_attn.A_log", 4, 0);
	add_tensor(&d, "model.layers.0.linear_attn.norm.weight", 3, 0);
	add_tensor(&d, "model.layers.0.linear_attn.in_proj_qkv.weight", 20, 8);
	add_tensor(&d, "model.layers.0.linear_attn.in_proj_z.weight", 12, 8);
	add_tensor(&d, "model.layers.0.linear_attn.in_proj_b.weight", 4, 8);
	add_tensor(&d, "model.layers.0.linear_attn.in_proj_a.weight", 4, 8);
	add_tensor(&d, "model.layers.0.linear_attn.out_proj.weight", 8, 12);
	add_tensor(&d, "model.layers.0.mlp.gate.weight", 2, 8);
	add_tensor(&d, "model.layers.0.mlp.shared_expert_gate.weight", 1, 8);
	add_tensor(&d, "model.layers.0.mlp.shared_expert.gate_proj.weight", 5, 8);
	add_tensor(&d, "model.layers.0.mlp.shared_expert.up_proj.weight", 5, 8);
	add_tensor(&d, "model.layers.0.mlp.shared_expert.down_proj.weight", 8, 5);
	return d;
}

static void add_joined_experts(struct built_dir *d)
{
	add_stacked(d, "model.layers.0.mlp.experts.gate_up_proj", 2, 6, 8);
	add_stacked(d, "model.layers.0.mlp.experts.down_proj", 2, 8, 3);
}

/* The checkpoint's head that stands at each place of a GGUF. */
static const unsigned head_at[4] = { 0, 2, 1, 3 };

/* Rows in pieces of three: `fixed` as they are, then heads of `height`. Elements count from 0, so they say where they were. */
static void assert_tiled_rows(const struct fmt_view *v, const char *name, unsigned fixed, unsigned height)
{
	const struct fmt_view_tensor *t = tensor(v, name);
	unsigned n = fixed + 4 * height, cols = t->n_dims < 2 ? 1 : (unsigned)t->dims[1];
	struct fmt_err err = { .code = FMT_OK };
	float got[20 * 8];

	assert_int_equal(t->dims[0], n);
	if (t->n_dims < 2)
		assert_true(fmt_view_read(v, t, 0, 1, got, &err));
	for (unsigned row = 0; t->n_dims == 2 && row < n; row += 3)
		assert_true(fmt_view_read(v, t, row, row + 3 < n ? 3 : n - row, got + row * cols, &err));
	for (unsigned row = 0; row < n; row++) {
		unsigned in = row - fixed, want = row < fixed ? row : fixed + head_at[in / height] * height + in % height;

		for (unsigned c = 0; c < cols; c++)
			assert_true(got[row * cols + c] == (float)(want * cols + c));
	}
}

static void heads_of_values_take_keys_in_turn(void **state)
{
	struct built_dir d = qwen_dir("");
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_view *v;
	float got[8 * 12];

	(void)state;
	add_joined_experts(&d);
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	assert_tiled_rows(v, "blk.0.attn_qkv.weight", 8, 3);
	assert_tiled_rows(v, "blk.0.ssm_conv1d.weight", 8, 3);
	assert_tiled_rows(v, "blk.0.attn_gate.weight", 0, 3);
	assert_tiled_rows(v, "blk.0.ssm_beta.weight", 0, 1);
	assert_tiled_rows(v, "blk.0.ssm_alpha.weight", 0, 1);
	assert_tiled_rows(v, "blk.0.ssm_dt.bias", 0, 1);
	assert_true(fmt_view_read(v, tensor(v, "blk.0.ssm_out.weight"), 0, 5, got, &err));
	assert_true(fmt_view_read(v, tensor(v, "blk.0.ssm_out.weight"), 5, 3, got + 5 * 12, &err));
	for (unsigned row = 0; row < 8; row++)
		for (unsigned c = 0; c < 12; c++)
			assert_true(got[row * 12 + c] == (float)(row * 12 + head_at[c / 3] * 3 + c % 3));
	fmt_view_close(v);
	remove_dir(&d);
}

/* Element i of a stack in one tensor is i; of one in parts, of each matrix. */
static void experts_may_be_one_tensor_or_many(void **state)
{
	static const char *const names[] = { "gate_proj", "up_proj", "down_proj" };
	struct built_dir joined = qwen_dir(""), apart = qwen_dir("");
	static char text[6][80];
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_view *v;
	float got[48];

	(void)state;
	add_joined_experts(&joined);
	write_weights(&joined, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&joined, NULL);
	for (unsigned up = 0; up < 2; up++) {
		assert_true(fmt_view_read(v, tensor(v, up ? "blk.0.ffn_up_exps.weight" : "blk.0.ffn_gate_exps.weight"), 0, 6, got, &err));
		for (unsigned i = 0; i < 48; i++)
			assert_true(got[i] == (float)(i / 24 * 48 + up * 24 + i % 24));
	}
	assert_true(fmt_view_read(v, tensor(v, "blk.0.ffn_down_exps.weight"), 0, 16, got, &err));
	for (unsigned i = 0; i < 48; i++)
		assert_true(got[i] == (float)i);
	fmt_view_close(v);

	for (unsigned i = 0; i < 6; i++) {
		snprintf(text[i], sizeof text[i], "model.layers.0.mlp.experts.%u.%s.weight", i % 2, names[i / 2]);
		add_tensor(&apart, text[i], i < 4 ? 3 : 8, i < 4 ? 8 : 3);
	}
	write_weights(&apart, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&apart, NULL);
	assert_true(fmt_view_read(v, tensor(v, "blk.0.ffn_up_exps.weight"), 0, 6, got, &err));
	for (unsigned i = 0; i < 48; i++)
		assert_true(got[i] == (float)(i % 24));
	fmt_view_close(v);

	find_tensor(&joined, "model.layers.0.mlp.experts.gate_up_proj")->dims[1] = 5;
	write_weights(&joined, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&joined, NULL, FMT_MISMATCH, "experts.gate_up_proj': the shape is [2, 5, 8], config.json asks for [2, 6, 8]");
	remove_dir(&joined);
	remove_dir(&apart);
}

static void sections_of_positions_are_carried(void **state)
{
	static const struct {
		const char *config;
		int32_t want[4];
	} rows[] = {
		{ "", { 11, 11, 10, 0 } },
		{ ", \"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 500, \"mrope_section\": [3, 2, 1]}", { 3, 2, 1, 0 } },
		{ ", \"rope_scaling\": {\"rope_type\": \"default\", \"mrope_section\": [3, 2, 1, 4]}", { 3, 2, 1, 4 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct built_dir d = qwen_dir(rows[i].config);
		const struct fmt_value *x;
		struct fmt_view *v;

		add_joined_experts(&d);
		write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
		v = open_view(&d, NULL);
		x = fmt_view_arch_get(v, "rope.dimension_sections");
		assert_non_null(x);
		assert_true(x->type == FMT_KV_ARR && x->elem == FMT_KV_I32 && x->n == 4);
		assert_memory_equal(x->as.data, rows[i].want, sizeof rows[i].want);
		fmt_view_close(v);
		remove_dir(&d);
	}
}

static struct fmt_view *plan_of(const char *config)
{
	static const struct fmt_view_opts plan = { .plan_only = true };
	struct built_dir d = { .path = "/tmp/assay-test-XXXXXX" };
	struct fmt_view *v;

	assert_non_null(mkdtemp(d.path));
	write_config(&d, config);
	write_file(&d, "tokenizer.json", TINY_TOKENIZER);
	v = open_view(&d, &plan);
	remove_dir(&d);
	return v;
}

static void assert_numbers(const struct fmt_view *v, const char *key, const int32_t *want, uint64_t n)
{
	const struct fmt_value *x = fmt_view_arch_get(v, key);

	assert_non_null(x);
	assert_true(x->type == FMT_KV_ARR && x->elem == FMT_KV_I32 && x->n == n);
	assert_memory_equal(x->as.data, want, n * sizeof *want);
}

static void experts_make_another_architecture(void **state)
{
	struct fmt_view *dense = plan_of(NEMOTRON_H "\"hybrid_override_pattern\": \"M-*-\"");
	struct fmt_view *experts = plan_of(NEMOTRON_H "\"layers_block_type\": [\"moe\", \"attention\", \"mlp\"], "
	                                              "\"tie_word_embeddings\": true");

	(void)state;
	assert_true(fmt_str_is(dense->arch_name, "nemotron_h"));
	assert_numbers(dense, "feed_forward_length", (const int32_t[]){ 0, 12, 0, 12 }, 4);
	assert_numbers(dense, "attention.head_count_kv", (const int32_t[]){ 0, 0, 1, 0 }, 4);
	assert_null(fmt_view_arch_get(dense, "expert_count"));
	assert_int_equal(tensor(dense, "blk.0.ssm_norm.weight")->dims[0], 2);
	assert_int_equal(tensor(dense, "blk.0.ssm_a")->n_dims, 2);
	assert_true(fmt_str_is(experts->arch_name, "nemotron_h_moe"));
	assert_numbers(experts, "feed_forward_length", (const int32_t[]){ 5, 0, 12 }, 3);
	assert_non_null(fmt_view_arch_get(experts, "expert_count"));
	assert_non_null(tensor(experts, "output.weight")); /* the class ties nothing */
	fmt_view_close(dense);
	fmt_view_close(experts);
}

static void limits_of_time_steps_are_carried(void **state)
{
	static const struct {
		const char *config;
		float least, most; /* 0: none */
	} rows[] = {
		{ "", 0, 0 },
		{ ", \"time_step_limit\": null", 0, 0 },
		{ ", \"time_step_limit\": [0.0, Infinity]", 0, 0 },
		{ ", \"time_step_limit\": [0.25, {\"__float__\": \"Infinity\"}]", 0.25f, 0 },
		{ ", \"time_step_limit\": [0, 0.5]", 0, 0.5f },
		{ ", \"time_step_limit\": [0.25, 0.5]", 0.25f, 0.5f },
	};
	struct built_dir d = { .path = "/tmp/assay-test-XXXXXX" };
	char config[1000];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fmt_err err = { .code = FMT_OK };
		struct fmt_view *v;
		float least = -1, most = -1;

		snprintf(config, sizeof config, NEMOTRON_H "\"hybrid_override_pattern\": \"M\"%s", rows[i].config);
		v = plan_of(config);
		assert_true(fmt_view_f32(v, "ssm.time_step_min", 0, &least, &err));
		assert_true(fmt_view_f32(v, "ssm.time_step_max", 0, &most, &err));
		assert_true(least == rows[i].least && most == rows[i].most);
		fmt_view_close(v);
	}
	assert_non_null(mkdtemp(d.path));
	write_config(&d, NEMOTRON_H "\"hybrid_override_pattern\": \"M\", \"time_step_limit\": [-1, 1]");
	assert_refused(&d, &(struct fmt_view_opts){ .plan_only = true, .no_tokenizer = true }, FMT_MALFORMED,
	               "time_step_limit.0: expected a number, not below 0");
	remove_dir(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_of_values_take_keys_in_turn),
		cmocka_unit_test(experts_may_be_one_tensor_or_many),
		cmocka_unit_test(sections_of_positions_are_carried),
		cmocka_unit_test(experts_make_another_architecture),
		cmocka_unit_test(limits_of_time_steps_are_carried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
