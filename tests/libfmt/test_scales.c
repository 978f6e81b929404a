/* Matrices of a checkpoint in 8 bits: each element of the view has the factor of its block, wherever its row went; factors that
 * are missing or of another shape are refused. */
#include "dir_build.h"

#define Q "model.layers.0.self_attn.q_proj.weight"

/* The tiny Llama with q_proj of layer 0 in 8 bits, and a tensor of factors beside it. */
static struct built_dir dir_in_8_bits(const char *settings, const char *scales, uint64_t rows, uint64_t cols)
{
	struct built_dir d = tiny_dir();
	char members[600];

	find_tensor(&d, Q)->type = FMT_F8_E4M3;
	add_tensor(&d, scales, rows, cols);
	snprintf(members, sizeof members, "%s, \"quantization_config\": { %s }", TINY_CONFIG, settings);
	write_config(&d, members);
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	return d;
}

/* The factors of blocks [height, width] count up from 0. Rows of heads of 4 move. */
static void assert_scales(const char *settings, const char *name, uint64_t rows, uint64_t cols, size_t height, size_t width)
{
	static const size_t moved[8] = { 0, 2, 1, 3, 4, 6, 5, 7 };
	struct built_dir d = dir_in_8_bits(settings, name, rows, cols);
	struct fmt_view *v = open_view(&d, NULL);
	const struct fmt_view_tensor *t = fmt_view_role(v, FMT_ROLE_ATTN_Q, 0);
	struct fmt_err err = { .code = FMT_OK };
	float scale[64];

	assert_int_equal(t->op, FMT_OP_JOIN);
	assert_int_equal(t->type, FMT_F8_E4M3);
	assert_int_equal(t->planes[1].type, FMT_F32);
	assert_null(fmt_view_map(v, t));
	assert_true(fmt_view_read_plane(v, t, 1, 0, 8, scale, &err));
	for (size_t r = 0; r < 8; r++)
		for (size_t c = 0; c < 8; c++)
			assert_true(scale[8 * r + c] == (float)(moved[r] / height * ((8 + width - 1) / width) + c / width));
	assert_true(fmt_view_read_plane(v, t, 1, 5, 1, scale, &err));
	assert_true(scale[0] == (float)(6 / height * ((8 + width - 1) / width)));
	assert_false(fmt_view_read_plane(v, t, 1, 8, 1, scale, &err));
	assert_false(fmt_view_read_plane(v, fmt_view_role(v, FMT_ROLE_ATTN_Q, 1), 1, 0, 1, scale, &err));
	fmt_view_close(v);
	remove_dir(&d);
}

static void factors_follow_their_elements(void **state)
{
	(void)state;
	assert_scales("\"quant_method\": \"fp8\", \"weight_block_size\": [3, 5]", Q "_scale_inv", 3, 2, 3, 5);
	assert_scales("\"quant_method\": \"fp8\", \"weight_block_size\": [128, 128]", Q "_scale_inv", 1, 1, 128, 128);
	assert_scales("\"quant_method\": \"fp8\"", Q "_scale_inv", 1, 0, 8, 8);
	assert_scales("\"quant_method\": \"fbgemm_fp8\"", Q "_scale", 8, 1, 1, 8);
	assert_scales("\"quant_method\": \"compressed-tensors\", \"format\": \"float-quantized\"", Q "_scale", 1, 1, 8, 8);
	assert_scales("\"quant_method\": \"modelopt\", \"quant_algo\": \"FP8\"", Q "_scale", 1, 1, 8, 8);
}

static void assert_not(const char *settings, const char *name, uint64_t rows, uint64_t cols, enum fmt_code code, const char *words)
{
	struct built_dir d = dir_in_8_bits(settings, name, rows, cols);

	assert_refused(&d, NULL, code, words);
	remove_dir(&d);
}

static void factors_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	assert_not("\"quant_method\": \"fp8\"", "other", 1, 0, FMT_MISSING, "tensor '" Q "': its scales are missing");
	assert_not("\"quant_method\": \"fp8\", \"weight_block_size\": [3, 5]", Q "_scale_inv", 2, 2, FMT_MISMATCH,
	           "tensor '" Q "_scale_inv': the shape is [2, 2], a matrix of [8, 8] so packed asks for [3, 2]");
	assert_not("\"quant_method\": \"fp8\", \"weight_block_size\": [0, 5]", Q "_scale_inv", 3, 2, FMT_MALFORMED, "weight_block_size");
	assert_not("\"quant_method\": \"fp8\", \"weight_block_size\": [3]", Q "_scale_inv", 3, 2, FMT_MALFORMED, "weight_block_size");
	assert_not("\"quant_method\": \"fp8\"", Q "_scale", 4, 2, FMT_MISMATCH, "the shape is [4, 2]");
	assert_not("\"quant_method\": \"quark\"", Q "_scale", 1, 1, FMT_UNSUPPORTED, "by 'quark' are not supported: export it");
	assert_not("\"quant_method\": \"new\"", Q "_scale", 1, 1, FMT_UNSUPPORTED, "by 'new' are not supported: convert");
}

/* Bounds of inputs are no weights. */
static void scales_of_inputs_are_left_out(void **state)
{
	struct built_dir d = dir_in_8_bits("\"quant_method\": \"fp8\"", Q "_scale", 1, 1);

	(void)state;
	add_tensor(&d, "model.layers.0.self_attn.q_proj.input_scale", 1, 0);
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	fmt_view_close(open_view(&d, NULL));
	remove_dir(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(factors_follow_their_elements),
		cmocka_unit_test(factors_that_do_not_fit_are_refused),
		cmocka_unit_test(scales_of_inputs_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
