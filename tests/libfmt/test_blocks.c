/* Experts of gpt-oss: every second column of a stack, or blocks of MXFP4 in two tensors that become one; blocks and scales that do
 * not fit are refused. */
#include "dir_build.h"

#define CONFIG                                                                                                         \
	"\"architectures\": [\"GptOssForCausalLM\"], \"hidden_size\": 32, \"intermediate_size\": 32, \"num_hidden_layers\": 1, " \
	"\"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"head_dim\": 2, \"vocab_size\": 4, \"num_local_experts\": 1, " \
	"\"num_experts_per_tok\": 1, \"rope_scaling\": null"
#define EXPERTS "model.layers.0.mlp.experts."

static void set_dims(struct built_tensor *t, enum fmt_type type, uint32_t n, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	t->type = type;
	t->n_dims = n;
	t->dims[0] = a;
	t->dims[1] = b;
	t->dims[2] = c;
	t->dims[3] = d;
}

/* All tensors but the stacks of the experts. */
static struct built_dir oss_dir(void)
{
	struct built_dir d = tiny_dir();

	d.n = 0;
	write_config(&d, CONFIG);
	add_tensor(&d, "model.embed_tokens.weight", 4, 32);
	add_tensor(&d, "model.norm.weight", 32, 0);
	add_tensor(&d, "lm_head.weight", 4, 32);
	add_tensor(&d, "model.layers.0.input_layernorm.weight", 32, 0);
	add_tensor(&d, "model.layers.0.post_attention_layernorm.weight", 32, 0);
	add_tensor(&d, "model.layers.0.self_attn.q_proj.weight", 4, 32);
	add_tensor(&d, "model.layers.0.self_attn.q_proj.bias", 4, 0);
	add_tensor(&d, "model.layers.0.self_attn.k_proj.weight", 2, 32);
	add_tensor(&d, "model.layers.0.self_attn.k_proj.bias", 2, 0);
	add_tensor(&d, "model.layers.0.self_attn.v_proj.weight", 2, 32);
	add_tensor(&d, "model.layers.0.self_attn.v_proj.bias", 2, 0);
	add_tensor(&d, "model.layers.0.self_attn.o_proj.weight", 32, 4);
	add_tensor(&d, "model.layers.0.self_attn.o_proj.bias", 32, 0);
	add_tensor(&d, "model.layers.0.self_attn.sinks", 2, 0);
	add_tensor(&d, "model.layers.0.mlp.router.weight", 1, 32);
	add_tensor(&d, "model.layers.0.mlp.router.bias", 1, 0);
	add_tensor(&d, EXPERTS "gate_up_proj_bias", 1, 64);
	add_tensor(&d, EXPERTS "down_proj_bias", 1, 32);
	return d;
}

static struct built_dir packed_dir(void)
{
	struct built_dir d = oss_dir();

	set_dims(add_tensor(&d, EXPERTS "gate_up_proj_blocks", 0, 0), FMT_U8, 4, 1, 64, 1, 16);
	set_dims(add_tensor(&d, EXPERTS "gate_up_proj_scales", 0, 0), FMT_U8, 3, 1, 64, 1, 0);
	set_dims(add_tensor(&d, EXPERTS "down_proj_blocks", 0, 0), FMT_U8, 4, 1, 32, 1, 16);
	set_dims(add_tensor(&d, EXPERTS "down_proj_scales", 0, 0), FMT_U8, 3, 1, 32, 1, 0);
	return d;
}

/* Element i of the blocks that begin at `pairs`, and of a block of a GGUF. */
static unsigned stored_code(const uint8_t *pairs, size_t i)
{
	return i % 2 ? pairs[i / 2] >> 4 : pairs[i / 2] & 15;
}

static unsigned gguf_code(const uint8_t *block, size_t i)
{
	return i < 16 ? block[1 + i] & 15 : block[1 + i - 16] >> 4;
}

static void blocks_become_mxfp4(void **state)
{
	struct built_dir d = packed_dir();
	struct fmt_err err = { .code = FMT_OK };
	const struct fmt_view_tensor *up, *down;
	uint8_t bytes[32 * 17];
	float x[256];
	const uint8_t *src = (const uint8_t *)x;
	struct fmt_view *v;

	(void)state;
	for (size_t i = 0; i < 256; i++)
		x[i] = (float)i; /* what write_weights fills tensors with */
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	up = fmt_view_role(v, FMT_ROLE_MOE_UP, 0);
	down = fmt_view_role(v, FMT_ROLE_MOE_DOWN, 0);
	assert_int_equal(up->type, FMT_MXFP4);
	assert_int_equal(up->n_bytes, sizeof bytes);
	assert_true(fmt_view_read(v, up, 3, 4, bytes, &err));
	for (size_t r = 0; r < 4; r++) {
		size_t row = 2 * (3 + r) + 1;

		assert_int_equal(bytes[r * 17], src[row]);
		for (size_t i = 0; i < 32; i++)
			assert_int_equal(gguf_code(bytes + r * 17, i), stored_code(src + row * 16, i));
	}
	assert_true(fmt_view_read(v, fmt_view_role(v, FMT_ROLE_MOE_GATE, 0), 31, 1, bytes, &err));
	assert_int_equal(bytes[0], src[62]);
	assert_true(fmt_view_read(v, down, 0, 32, bytes, &err));
	for (size_t r = 0; r < 32; r++)
		for (size_t i = 0; i < 32; i++)
			assert_int_equal(gguf_code(bytes + r * 17, i), stored_code(src + r * 16, i));
	fmt_view_close(v);
	remove_dir(&d);
}

static void gate_and_up_are_every_second_column(void **state)
{
	struct built_dir d = oss_dir();
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_view *v;
	float x[64];

	(void)state;
	write_config(&d, "\"hidden_size\": 2, \"num_local_experts\": 3, \"intermediate_size\": 4, \"architectures\": "
	                 "[\"GptOssForCausalLM\"], \"num_hidden_layers\": 1, \"num_attention_heads\": 2, \"num_key_value_heads\": 1, "
	                 "\"head_dim\": 2, \"vocab_size\": 4, \"num_experts_per_tok\": 1, \"rope_scaling\": null");
	for (size_t i = 0; i < d.n; i++)
		for (uint32_t k = 0; k < d.tensors[i].n_dims; k++)
			d.tensors[i].dims[k] = d.tensors[i].dims[k] == 32 ? 2 : d.tensors[i].dims[k];
	find_tensor(&d, "model.layers.0.mlp.router.weight")->dims[0] = 3;
	find_tensor(&d, "model.layers.0.mlp.router.bias")->dims[0] = 3;
	set_dims(find_tensor(&d, EXPERTS "gate_up_proj_bias"), FMT_F32, 2, 3, 8, 0, 0);
	set_dims(find_tensor(&d, EXPERTS "down_proj_bias"), FMT_F32, 2, 3, 2, 0, 0);
	set_dims(add_tensor(&d, EXPERTS "gate_up_proj", 0, 0), FMT_F32, 3, 3, 2, 8, 0);
	set_dims(add_tensor(&d, EXPERTS "down_proj", 0, 0), FMT_F32, 3, 3, 4, 2, 0);
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	assert_true(fmt_view_read(v, fmt_view_role(v, FMT_ROLE_MOE_UP, 0), 2, 5, x, &err)); /* two of expert 0, three of 1 */
	for (size_t row = 2; row < 7; row++)
		for (size_t c = 0; c < 2; c++)
			assert_true(x[(row - 2) * 2 + c] == (float)(row / 4 * 16 + c * 8 + 2 * (row % 4) + 1));
	assert_true(fmt_view_read(v, fmt_view_role(v, FMT_ROLE_MOE_DOWN, 0), 1, 2, x, &err));
	for (size_t c = 0; c < 4; c++)
		assert_true(x[c] == (float)(2 * c + 1) && x[4 + c] == (float)(8 + 2 * c));
	assert_true(fmt_view_read(v, fmt_view_role(v, FMT_ROLE_MOE_GATE_B, 0), 1, 2, x, &err));
	for (size_t i = 0; i < 8; i++)
		assert_true(x[i] == (float)(8 + 2 * i));
	fmt_view_close(v);
	remove_dir(&d);
}

static void blocks_that_do_not_fit_are_refused(void **state)
{
	struct built_dir d = packed_dir();
	struct built_tensor *scales = find_tensor(&d, EXPERTS "down_proj_scales"), *blocks = find_tensor(&d, EXPERTS "down_proj_blocks");

	(void)state;
	scales->leave_out = true;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_MISSING, "tensor '" EXPERTS "down_proj_scales' is missing");
	scales->leave_out = false;
	scales->dims[1] = 31;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_MISMATCH, "down_proj_scales': the shape is [1, 31, 1], config.json asks for [1, 32, 1]");
	scales->dims[1] = 32;
	blocks->dims[3] = 8;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_MISMATCH, "down_proj_blocks': the shape is [1, 32, 1, 8]");
	blocks->dims[3] = 16;
	blocks->type = FMT_I8;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_UNSUPPORTED, "blocks and scales are U8");
	remove_dir(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_become_mxfp4),
		cmocka_unit_test(gate_and_up_are_every_second_column),
		cmocka_unit_test(blocks_that_do_not_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
