/* view: a directory as a virtual GGUF: which tensors, in which order, with which contents; and what is refused. */
#include "dir_build.h"

static const struct fmt_view_tensor *tensor(const struct fmt_view *v, const char *name)
{
	const struct fmt_view_tensor *t = fmt_view_find(v, (struct fmt_str){ name, strlen(name) });

	if (!t)
		fail_msg("no tensor %s", name);
	return t;
}

/* The order of the reference converter: as in the file, which safetensors sorts by name; names and shapes of GGUF. */
static void tensors_have_their_gguf_names(void **state)
{
	static const char *const want[] = {
		"output.weight", "token_embd.weight", "blk.0.attn_norm.weight", "blk.0.ffn_down.weight", "blk.0.ffn_gate.weight",
		"blk.0.ffn_up.weight", "blk.0.ffn_norm.weight", "blk.0.attn_k.weight", "blk.0.attn_output.weight",
		"blk.0.attn_q.weight", "blk.0.attn_v.weight", "blk.1.attn_norm.weight",
	};
	struct built_dir d = tiny_dir();
	struct fmt_view *v;

	(void)state;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	assert_int_equal(v->n_tensors, 21);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		if (!fmt_str_is(v->tensors[i].name, want[i]))
			fail_msg("tensor %zu is %.*s, not %s", i, (int)v->tensors[i].name.n, v->tensors[i].name.p, want[i]);
	assert_ptr_equal(fmt_view_role(v, FMT_ROLE_FFN_DOWN, 1), tensor(v, "blk.1.ffn_down.weight"));
	assert_ptr_equal(fmt_view_role(v, FMT_ROLE_OUTPUT, -1), tensor(v, "output.weight"));
	assert_null(fmt_view_role(v, FMT_ROLE_FFN_DOWN, 2));
	assert_int_equal(tensor(v, "blk.1.ffn_down.weight")->dims[1], 12);
	assert_int_equal(tensor(v, "blk.1.ffn_down.weight")->layer, 1);
	assert_true(tensor(v, "output_norm.weight")->keep_f32);
	assert_false(tensor(v, "output.weight")->keep_f32);
	fmt_view_close(v);
	remove_dir(&d);
}

/* How a checkpoint was saved and split does not show. */
static void torch_shards_make_the_same_view(void **state)
{
	struct built_dir d = tiny_dir();
	struct fmt_view *a, *b;

	(void)state;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	a = open_view(&d, NULL);
	for (size_t i = 0; i < d.n; i++)
		d.tensors[i].leave_out = i % 3 == 0;
	write_weights(&d, "pytorch_model-1.bin", FMT_OUT_TORCH);
	for (size_t i = 0; i < d.n; i++)
		d.tensors[i].leave_out = i % 3 != 0;
	write_weights(&d, "pytorch_model-2.bin", FMT_OUT_TORCH);
	{
		char path[128];

		snprintf(path, sizeof path, "%s/model.safetensors", d.path);
		unlink(path);
	}
	b = open_view(&d, NULL);
	assert_int_equal(a->n_tensors, b->n_tensors);
	for (uint64_t i = 0; i < a->n_tensors; i++) {
		assert_true(fmt_str_eq(a->tensors[i].name, b->tensors[i].name));
		assert_memory_equal(a->tensors[i].dims, b->tensors[i].dims, sizeof a->tensors[i].dims);
	}
	fmt_view_close(a);
	fmt_view_close(b);
	remove_dir(&d);
}

/* Rows 0 1 2 3 of a head become 0 2 1 3: pairs that rotate together become neighbours. */
static void query_and_key_rows_move(void **state)
{
	static const float heads[8] = { 0, 2, 1, 3, 4, 6, 5, 7 };
	struct built_dir d = tiny_dir();
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_view *v;
	float x[64];

	(void)state;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	assert_true(fmt_view_read(v, tensor(v, "blk.1.attn_q.weight"), 0, 8, x, &err));
	for (size_t r = 0; r < 8; r++)
		for (size_t c = 0; c < 8; c++)
			assert_true(x[8 * r + c] == 8 * heads[r] + (float)c);
	assert_true(fmt_view_read(v, tensor(v, "blk.0.attn_k.weight"), 1, 2, x, &err));
	assert_true(x[0] == 16 && x[8] == 8);
	assert_true(fmt_view_read(v, tensor(v, "blk.0.attn_v.weight"), 1, 2, x, &err));
	assert_true(x[0] == 8 && x[8] == 16);
	assert_null(fmt_view_map(v, tensor(v, "blk.1.attn_q.weight")));
	assert_false(fmt_view_read(v, tensor(v, "blk.0.attn_v.weight"), 3, 2, x, &err));
	fmt_view_close(v);
	remove_dir(&d);
}

static void biases_move_as_their_rows(void **state)
{
	static const float want[8] = { 0, 2, 1, 3, 4, 6, 5, 7 };
	static const char *const names[8] = {
		"model.layers.0.self_attn.q_proj.bias", "model.layers.0.self_attn.k_proj.bias",
		"model.layers.0.self_attn.v_proj.bias", "model.layers.0.self_attn.o_proj.bias",
		"model.layers.1.self_attn.q_proj.bias", "model.layers.1.self_attn.k_proj.bias",
		"model.layers.1.self_attn.v_proj.bias", "model.layers.1.self_attn.o_proj.bias",
	};
	struct built_dir d = tiny_dir();
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_view *v;
	float x[8];

	(void)state;
	write_config(&d, TINY_CONFIG ", \"attention_bias\": true");
	for (size_t i = 0; i < 8; i++)
		add_tensor(&d, names[i], i % 4 == 1 || i % 4 == 2 ? 4 : 8, 0);
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	assert_true(fmt_view_read(v, fmt_view_role(v, FMT_ROLE_ATTN_Q_B, 1), 0, 1, x, &err));
	assert_memory_equal(x, want, sizeof want);
	assert_true(fmt_view_read(v, fmt_view_role(v, FMT_ROLE_ATTN_OUT_B, 1), 0, 1, x, &err));
	assert_true(x[1] == 1 && x[2] == 2);
	fmt_view_close(v);
	remove_dir(&d);
}

static void tied_models_have_no_output(void **state)
{
	struct built_dir d = tiny_dir();
	struct fmt_view *v;

	(void)state;
	write_config(&d, TINY_CONFIG ", \"tie_word_embeddings\": true");
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	assert_null(fmt_view_role(v, FMT_ROLE_OUTPUT, -1));
	assert_int_equal(n_notes(v), 1);
	assert_non_null(strstr(note(v, 0), "lm_head.weight"));
	fmt_view_close(v);
	find_tensor(&d, "lm_head.weight")->leave_out = true;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	assert_int_equal(n_notes(v), 0);
	fmt_view_close(v);
	remove_dir(&d);
}

static void tensors_that_do_not_fit_are_refused(void **state)
{
	struct built_dir d = tiny_dir();

	(void)state;
	assert_refused(&d, NULL, FMT_MISSING, "no weights in");
	find_tensor(&d, "model.layers.1.mlp.up_proj.weight")->leave_out = true;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_MISSING, "model.safetensors: tensor 'model.layers.1.mlp.up_proj.weight' is missing");

	find_tensor(&d, "model.layers.1.mlp.up_proj.weight")->leave_out = false;
	find_tensor(&d, "model.layers.1.mlp.up_proj.weight")->dims[0] = 11;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_MISMATCH, "tensor 'model.layers.1.mlp.up_proj.weight': the shape is [11, 8], config.json asks "
	                                       "for [12, 8]");

	find_tensor(&d, "model.layers.1.mlp.up_proj.weight")->dims[0] = 12;
	add_tensor(&d, "model.layers.0.self_attn.rotary_emb.inv_freq", 2, 0); /* a buffer of old checkpoints */
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	fmt_view_close(open_view(&d, NULL));
	add_tensor(&d, "model.layers.2.mlp.up_proj.weight", 12, 8);
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_MISMATCH, "tensor 'model.layers.2.mlp.up_proj.weight': no place for it");
	remove_dir(&d);
}

/* A lone file finds config.json beside it; vocab_only does without weights; no_tokenizer without a tokenizer. */
static void parts_of_a_directory_open(void **state)
{
	struct built_dir d = tiny_dir(), file;
	struct fmt_view *v;

	(void)state;
	v = open_view(&d, &(struct fmt_view_opts){ .vocab_only = true });
	assert_int_equal(v->n_tensors, 0);
	assert_non_null(fmt_view_get(v, "tokenizer.ggml.tokens"));
	fmt_view_close(v);

	write_weights(&d, "any name", FMT_OUT_SAFETENSORS);
	fmt_view_close(open_view(&d, NULL)); /* the only one that can be */
	file = d;
	strcat(file.path, "/any name");
	v = open_view(&file, &(struct fmt_view_opts){ .no_tokenizer = true });
	assert_int_equal(v->n_tensors, 21);
	assert_null(fmt_view_get(v, "tokenizer.ggml.tokens"));
	fmt_view_close(v);
	write_weights(&d, "other name", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_MISSING, "could be the weights");
	remove_dir(&d);
}

static void numbers_are_checked(void **state)
{
	struct built_dir d = tiny_dir();
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_view *v;
	uint32_t n;
	float f;

	(void)state;
	v = open_view(&d, &(struct fmt_view_opts){ .vocab_only = true });
	assert_true(fmt_view_u32(v, "attention.head_count_kv", 1, 7, &n, &err) && n == 1);
	assert_true(fmt_view_u32(v, "no.such.key", -1, 7, &n, &err) && n == 7);
	assert_true(fmt_view_f32(v, "rope.freq_base", 1, &f, &err) && f == 10000);
	assert_false(fmt_view_f32(v, "block_count", 1, &f, &err));
	assert_non_null(strstr(err.msg, "llama.block_count"));
	err.code = FMT_OK;
	assert_false(fmt_view_u32(v, "rope.freq_base", -1, 7, &n, &err));
	fmt_view_close(v);
	remove_dir(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tensors_have_their_gguf_names),
		cmocka_unit_test(torch_shards_make_the_same_view),
		cmocka_unit_test(query_and_key_rows_move),
		cmocka_unit_test(biases_move_as_their_rows),
		cmocka_unit_test(tied_models_have_no_output),
		cmocka_unit_test(tensors_that_do_not_fit_are_refused),
		cmocka_unit_test(parts_of_a_directory_open),
		cmocka_unit_test(numbers_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
