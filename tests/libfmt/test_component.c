/* Components by name, in the three ways of naming. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <libfmt/component.h>

static void names(void **state)
{
	static const struct {
		const char *name, *part;
	} cases[] = {
		{ "token_embd.weight", "embedding" },
		{ "model.embed_tokens.weight", "embedding" },
		{ "transformer.wpe.weight", "embedding" },
		{ "tok_embeddings.weight", "embedding" },
		{ "blk.3.attn_q.weight", "attention" },
		{ "blk.3.attn_output.bias", "attention" },
		{ "model.layers.0.self_attn.o_proj.weight", "attention" },
		{ "encoder.layer.0.attention.output.dense.weight", "attention" },
		{ "blk.0.attn_norm.weight", "norms" },
		{ "blk.0.attn_q_norm.weight", "norms" },
		{ "model.layers.0.post_attention_layernorm.weight", "norms" },
		{ "h.0.ln_1.weight", "norms" },
		{ "output_norm.weight", "norms" },
		{ "blk.0.ffn_up.weight", "feed-forward" },
		{ "blk.0.ffn_up_shexp.weight", "feed-forward" },
		{ "model.layers.0.mlp.gate.weight", "feed-forward" },
		{ "blk.0.ffn_up_exps.weight", "experts" },
		{ "model.layers.0.block_sparse_moe.experts.7.w1.weight", "experts" },
		{ "blk.0.ssm_in.weight", "recurrence" },
		{ "backbone.layers.0.mixer.A_log", "recurrence" },
		{ "output.weight", "output" },
		{ "lm_head.weight", "output" },
		{ "rope_freqs.weight", "other" },
		{ "", "other" },
		{ "...", "other" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(
			fmt_component_name(fmt_component_of((struct fmt_str){ cases[i].name, strlen(cases[i].name) })),
			cases[i].part);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
