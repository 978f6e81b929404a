/* Experts: many tensors of a checkpoint are one of the view, stacked; in the place that the reference converter gives them;
 * and a mixture that is not whole is refused by the name of what is wrong. */
#include "dir_build.h"

enum { EXPERTS = 3, F = 12, D = 8 };

#define TINY_MIXTRAL(experts, used)										       \
	"\"architectures\": [\"MixtralForCausalLM\"], \"hidden_size\": 8, \"intermediate_size\": 12, "		       \
	"\"num_hidden_layers\": 2, \"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"vocab_size\": 10, "       \
	"\"num_local_experts\": " experts ", \"num_experts_per_tok\": " used

/* The name of expert e's matrix w (1 to 3) in a layer. */
static const char *expert_name(unsigned layer, unsigned e, unsigned w)
{
	static char names[2][EXPERTS + 1][3][64];
	char *name = names[layer][e][w - 1];

	snprintf(name, 64, "model.layers.%u.block_sparse_moe.experts.%u.w%u.weight", layer, e, w);
	return name;
}

static const char *router_name(unsigned layer)
{
	static char names[2][64];

	snprintf(names[layer], 64, "model.layers.%u.block_sparse_moe.gate.weight", layer);
	return names[layer];
}

/* tiny_dir() with experts for its feed-forward blocks. Matrix w of expert e begins with 1000 w + 100 e. */
static struct built_dir mixtral_dir(void)
{
	struct built_dir d = tiny_dir();
	size_t n = 0;

	for (size_t i = 0; i < d.n; i++)
		if (!strstr(d.tensors[i].name, ".mlp."))
			d.tensors[n++] = d.tensors[i];
	d.n = n;
	for (unsigned layer = 0; layer < 2; layer++) {
		add_tensor(&d, router_name(layer), EXPERTS, D);
		for (unsigned e = 0; e < EXPERTS; e++)
			for (unsigned w = 1; w <= 3; w++)
				add_tensor(&d, expert_name(layer, e, w), w == 2 ? D : F, w == 2 ? F : D)->first =
					(float)(1000 * w + 100 * e);
	}
	write_config(&d, TINY_MIXTRAL("3", "2"));
	return d;
}

static const struct fmt_view_tensor *tensor(const struct fmt_view *v, const char *name)
{
	const struct fmt_view_tensor *t = fmt_view_find(v, (struct fmt_str){ name, strlen(name) });

	if (!t)
		fail_msg("no tensor %s", name);
	return t;
}

/* Rows of all experts follow each other, and can be read across their bounds. */
static void experts_are_stacked(void **state)
{
	struct built_dir d = mixtral_dir();
	struct fmt_err err = { .code = FMT_OK };
	const struct fmt_view_tensor *up;
	float x[EXPERTS * F * D];
	struct fmt_view *v;

	(void)state;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	up = tensor(v, "blk.1.ffn_up_exps.weight");
	assert_int_equal(up->role, FMT_ROLE_MOE_UP);
	assert_int_equal(up->n_dims, 3);
	assert_true(up->dims[0] == EXPERTS && up->dims[1] == F && up->dims[2] == D);
	assert_int_equal(up->n_bytes, sizeof x);
	assert_int_equal(tensor(v, "blk.1.ffn_down_exps.weight")->dims[1], D);
	for (uint64_t n = 1; n <= EXPERTS * F; n++) /* in pieces of every size */
		for (uint64_t row = 0; row < EXPERTS * F; row += n) {
			uint64_t len = EXPERTS * F - row < n ? EXPERTS * F - row : n;

			assert_true(fmt_view_read(v, up, row, len, x, &err));
			for (uint64_t i = 0; i < len * D; i++)
				assert_true(x[i] == (float)(3000 + 100 * ((row + i / D) / F) + (row + i / D) % F * D + i % D));
		}
	assert_null(fmt_view_map(v, up));
	for (uint64_t e = 0; e < EXPERTS; e++) {
		const void *mapped = fmt_view_map_part(v, up, e);

		assert_true(fmt_view_read(v, up, e * F, F, x, &err));
		assert_memory_equal(mapped, x, F * D * sizeof *x);
	}
	assert_null(fmt_view_map_part(v, up, EXPERTS));
	assert_null(fmt_view_map_part(v, tensor(v, "blk.1.attn_v.weight"), 0));
	assert_false(fmt_view_read(v, up, EXPERTS * F, 1, x, &err));
	assert_int_equal(fmt_view_get(v, "llama.expert_count")->as.u, EXPERTS);
	assert_int_equal(fmt_view_get(v, "llama.expert_used_count")->as.u, 2);
	fmt_view_close(v);
	remove_dir(&d);
}

static void assert_order(const struct fmt_view *v, const char *const *want)
{
	size_t n = 0;

	for (size_t i = 0; i < v->n_tensors; i++)
		if (v->tensors[i].layer == 0)
			assert_true(fmt_str_is(v->tensors[i].name, want[n++]));
	assert_null(want[n]);
}

/* Where the last expert is. One that another file holds keeps all three stacks back. */
static void stacks_stand_where_they_are_complete(void **state)
{
	static const char *const whole[] = {
		"blk.0.ffn_gate_exps.weight", "blk.0.ffn_down_exps.weight", "blk.0.ffn_up_exps.weight", "blk.0.ffn_gate_inp.weight",
		"blk.0.attn_norm.weight", "blk.0.ffn_norm.weight", "blk.0.attn_k.weight", "blk.0.attn_output.weight",
		"blk.0.attn_q.weight", "blk.0.attn_v.weight", NULL,
	};
	static const char *const split[] = {
		"blk.0.ffn_gate_inp.weight", "blk.0.attn_norm.weight", "blk.0.ffn_norm.weight", "blk.0.attn_k.weight",
		"blk.0.attn_output.weight", "blk.0.attn_q.weight", "blk.0.attn_v.weight", "blk.0.ffn_gate_exps.weight",
		"blk.0.ffn_down_exps.weight", "blk.0.ffn_up_exps.weight", NULL,
	};
	struct built_dir d = mixtral_dir();
	struct fmt_view *v;

	(void)state;
	write_weights(&d, "model-00001-of-00002.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	assert_order(v, whole);
	fmt_view_close(v);

	find_tensor(&d, expert_name(0, 1, 2))->leave_out = true;
	write_weights(&d, "model-00001-of-00002.safetensors", FMT_OUT_SAFETENSORS);
	for (size_t i = 0; i < d.n; i++)
		d.tensors[i].leave_out = !d.tensors[i].leave_out;
	write_weights(&d, "model-00002-of-00002.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	assert_order(v, split);
	fmt_view_close(v);
	remove_dir(&d);
}

/* Opens the directory after one of its tensors was changed. */
static void refused(struct built_dir *d, enum fmt_code code, const char *words)
{
	write_weights(d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(d, NULL, code, words);
}

static void mixtures_that_are_not_whole_are_refused(void **state)
{
	struct built_dir d = mixtral_dir();
	struct built_tensor *middle = find_tensor(&d, expert_name(1, 1, 3));

	(void)state;
	middle->leave_out = true;
	refused(&d, FMT_MISSING, "'model.layers.1.block_sparse_moe.experts.1.w3.weight' is missing (config.json says 3 experts)");
	middle->leave_out = false;
	middle->dims[0] = F - 1;
	refused(&d, FMT_MISMATCH, "experts.1.w3.weight': the shape is [11, 8], config.json asks for [12, 8]");
	middle->dims[0] = F;
	middle->type = FMT_F16;
	refused(&d, FMT_UNSUPPORTED, "experts.1.w3.weight': its type is F16, that of expert 0 is F32");
	middle->type = FMT_F32;
	add_tensor(&d, expert_name(1, 3, 1), F, D);
	refused(&d, FMT_MISMATCH, "experts.3.w1.weight': no place for it");
	d.n--;
	for (unsigned layer = 0; layer < 2; layer++)
		find_tensor(&d, router_name(layer))->dims[0] = 4;
	write_config(&d, TINY_MIXTRAL("4", "2"));
	refused(&d, FMT_MISSING, "layers.0.block_sparse_moe.experts.3.w1.weight' is missing (config.json says 4 experts)");
	write_config(&d, TINY_MIXTRAL("3", "4"));
	refused(&d, FMT_MISMATCH, "num_experts_per_tok: 4 is more than there are: 3");
	remove_dir(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(experts_are_stacked),
		cmocka_unit_test(stacks_stand_where_they_are_complete),
		cmocka_unit_test(mixtures_that_are_not_whole_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
