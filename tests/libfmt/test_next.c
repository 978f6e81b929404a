/* Layers for multi-token prediction where a GGUF has them too: kept if the checkpoint has them, counted, and each tensor of theirs
 * asked for; not missed if it has none. Those that are left out are in test_latent.c. */
#include "dir_build.h"

enum { D = 8, LAYERS = 2, EXPERTS = 2, VOCAB = 10 };

#define TINY_GLM                                                                                                       \
	"\"architectures\": [\"Glm4MoeForCausalLM\"], \"hidden_size\": 8, \"intermediate_size\": 12, "                 \
	"\"moe_intermediate_size\": 6, \"num_hidden_layers\": 2, \"num_attention_heads\": 2, \"num_key_value_heads\": 1, " \
	"\"head_dim\": 4, \"vocab_size\": 10, \"first_k_dense_replace\": 1, \"n_routed_experts\": 2, "                 \
	"\"num_experts_per_tok\": 1, \"num_nextn_predict_layers\": 1"

static const struct {
	const char *name;
	uint64_t rows, cols;
} mixture[] = {
	{ "input_layernorm.weight", D, 0 },
	{ "post_attention_layernorm.weight", D, 0 },
	{ "self_attn.q_proj.weight", 8, D },
	{ "self_attn.k_proj.weight", 4, D },
	{ "self_attn.v_proj.weight", 4, D },
	{ "self_attn.o_proj.weight", D, 8 },
	{ "mlp.gate.weight", EXPERTS, D },
	{ "mlp.gate.e_score_correction_bias", EXPERTS, 0 },
	{ "mlp.experts.0.gate_proj.weight", 6, D },
	{ "mlp.experts.0.up_proj.weight", 6, D },
	{ "mlp.experts.0.down_proj.weight", D, 6 },
	{ "mlp.experts.1.gate_proj.weight", 6, D },
	{ "mlp.experts.1.up_proj.weight", 6, D },
	{ "mlp.experts.1.down_proj.weight", D, 6 },
	{ "mlp.shared_experts.gate_proj.weight", 6, D },
	{ "mlp.shared_experts.up_proj.weight", 6, D },
	{ "mlp.shared_experts.down_proj.weight", D, 6 },
}, own[] = {
	{ "eh_proj.weight", D, 2 * D },
	{ "enorm.weight", D, 0 },
	{ "hnorm.weight", D, 0 },
	{ "shared_head.norm.weight", D, 0 },
	{ "embed_tokens.weight", VOCAB, D },
	{ "shared_head.head.weight", VOCAB, D },
};

enum { N_MIXTURE = sizeof mixture / sizeof *mixture, N_OWN = sizeof own / sizeof *own };

static void add_named(struct built_dir *d, char names[][64], unsigned layer, const char *name, uint64_t rows, uint64_t cols)
{
	char *p = names[d->n];

	snprintf(p, 64, "model.layers.%u.%s", layer, name);
	add_tensor(d, p, rows, cols);
}

/* A dense layer, a mixture and, perhaps, the layer behind them. */
static struct built_dir glm_dir(bool next)
{
	static char names[80][64];
	struct built_dir d = tiny_dir();

	d.n = 3 + 9; /* what is outside the layers, and the first one, which is as Llama's */
	for (unsigned layer = 1; layer < (next ? 3 : 2); layer++)
		for (size_t i = 0; i < N_MIXTURE; i++)
			add_named(&d, names, layer, mixture[i].name, mixture[i].rows, mixture[i].cols);
	for (size_t i = 0; next && i < N_OWN; i++)
		add_named(&d, names, LAYERS, own[i].name, own[i].rows, own[i].cols);
	write_config(&d, TINY_GLM);
	return d;
}

static void check_layers(const struct fmt_view *v, uint64_t n, uint64_t n_next)
{
	const struct fmt_value *next = fmt_view_arch_get(v, "nextn_predict_layers");

	assert_int_equal(fmt_view_arch_get(v, "block_count")->as.u, n);
	assert_int_equal(next ? next->as.u : 0, n_next);
}

static void check_shape(const struct fmt_view_tensor *t, uint64_t rows, uint64_t cols)
{
	assert_non_null(t);
	assert_int_equal(t->n_dims, cols ? 2 : 1);
	assert_int_equal(t->dims[0], rows);
	assert_true(!cols || t->dims[1] == cols);
}

static void kept_with_all_its_tensors(void **state)
{
	struct built_dir d = glm_dir(true);
	struct fmt_view *v;

	(void)state;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	check_layers(v, LAYERS + 1, 1);
	check_shape(fmt_view_find(v, FMT_STR("blk.2.nextn.eh_proj.weight")), D, 2 * D);
	check_shape(fmt_view_find(v, FMT_STR("blk.2.nextn.enorm.weight")), D, 0);
	check_shape(fmt_view_find(v, FMT_STR("blk.2.nextn.hnorm.weight")), D, 0);
	check_shape(fmt_view_find(v, FMT_STR("blk.2.nextn.shared_head_norm.weight")), D, 0);
	check_shape(fmt_view_find(v, FMT_STR("blk.2.nextn.embed_tokens.weight")), VOCAB, D);
	check_shape(fmt_view_find(v, FMT_STR("blk.2.nextn.shared_head_head.weight")), VOCAB, D);
	check_shape(fmt_view_role(v, FMT_ROLE_NEXT_PROJ, LAYERS), D, 2 * D);
	assert_null(fmt_view_role(v, FMT_ROLE_NEXT_PROJ, 1));
	assert_non_null(fmt_view_find(v, FMT_STR("blk.2.ffn_down_exps.weight")));
	assert_int_equal(n_notes(v), 1);
	assert_non_null(strstr(note(v, 0), "1 layer for multi-token prediction is kept, from blk.2 on"));
	fmt_view_close(v);
	remove_dir(&d);
}

/* Embedding and output matrix of its own are what later checkpoints do without; nothing else. */
static void what_it_may_lack(void **state)
{
	struct built_dir d = glm_dir(true);
	struct fmt_view *v;
	char words[100];

	(void)state;
	for (size_t i = 0; i < N_MIXTURE + N_OWN; i++) {
		struct built_tensor *t = &d.tensors[d.n - 1 - i];
		bool may = strstr(t->name, "embed_tokens") || strstr(t->name, "shared_head.head");

		t->leave_out = true;
		write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
		if (may) {
			v = open_view(&d, NULL);
			check_layers(v, LAYERS + 1, 1);
			fmt_view_close(v);
		} else {
			snprintf(words, sizeof words, "'%s' is missing", t->name);
			assert_refused(&d, NULL, FMT_MISSING, words);
		}
		t->leave_out = false;
	}
	remove_dir(&d);
}

static void not_there(void **state)
{
	struct built_dir d = glm_dir(false);
	struct fmt_view *v;

	(void)state;
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	v = open_view(&d, NULL);
	check_layers(v, LAYERS, 0);
	assert_int_equal(n_notes(v), 0);
	fmt_view_close(v);
	add_tensor(&d, "model.layers.3.eh_proj.weight", D, 2 * D);
	write_weights(&d, "model.safetensors", FMT_OUT_SAFETENSORS);
	assert_refused(&d, NULL, FMT_MISMATCH, "'model.layers.3.eh_proj.weight': no place for it");
	remove_dir(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_with_all_its_tensors),
		cmocka_unit_test(what_it_may_lack),
		cmocka_unit_test(not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
