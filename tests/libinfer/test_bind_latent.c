/* Binding latent attention and grouped experts: what a GGUF of DeepSeek's must say and hold before it runs. */
#include <math.h>

#include "gguf_recipe.h"

enum { ROPE = 2, NOPE = 4, VALUE = 3, LATENT = 5, SHARED = 2, EXPERT_FF = 6, ALL = 4 };

static const struct key keys[] = {
	{ "general.architecture", FMT_KV_STR, 0, "deepseek2" },
	{ "deepseek2.block_count", FMT_KV_U32, 1, NULL },
	{ "deepseek2.context_length", FMT_KV_U32, CTX, NULL },
	{ "deepseek2.embedding_length", FMT_KV_U32, D, NULL },
	{ "deepseek2.feed_forward_length", FMT_KV_U32, FF, NULL },
	{ "deepseek2.attention.head_count", FMT_KV_U32, HEADS, NULL },
	{ "deepseek2.attention.head_count_kv", FMT_KV_U32, 1, NULL },
	{ "deepseek2.attention.layer_norm_rms_epsilon", FMT_KV_F32, 1e-5, NULL },
	{ "deepseek2.attention.kv_lora_rank", FMT_KV_U32, LATENT, NULL },
	{ "deepseek2.attention.key_length", FMT_KV_U32, LATENT + ROPE, NULL },
	{ "deepseek2.attention.value_length", FMT_KV_U32, LATENT, NULL },
	{ "deepseek2.attention.key_length_mla", FMT_KV_U32, NOPE + ROPE, NULL },
	{ "deepseek2.attention.value_length_mla", FMT_KV_U32, VALUE, NULL },
	{ "deepseek2.rope.dimension_count", FMT_KV_U32, ROPE, NULL },
	{ "deepseek2.expert_count", FMT_KV_U32, ALL, NULL },
	{ "deepseek2.expert_used_count", FMT_KV_U32, 2, NULL },
	{ "deepseek2.expert_shared_count", FMT_KV_U32, SHARED, NULL },
	{ "deepseek2.expert_feed_forward_length", FMT_KV_U32, EXPERT_FF, NULL },
	{ "deepseek2.expert_gating_func", FMT_KV_U32, 2, NULL },
};

static const struct tensor tensors[] = {
	{ "token_embd.weight", VOCAB, D, 0 },
	{ "output_norm.weight", 0, D, 0 },
	{ "blk.0.attn_norm.weight", 0, D, 0 },
	{ "blk.0.attn_q.weight", HEADS * (NOPE + ROPE), D, 0 },
	{ "blk.0.attn_kv_a_mqa.weight", LATENT + ROPE, D, 0 },
	{ "blk.0.attn_kv_a_norm.weight", 0, LATENT, 0 },
	{ "blk.0.attn_k_b.weight", LATENT, NOPE, HEADS },
	{ "blk.0.attn_v_b.weight", VALUE, LATENT, HEADS },
	{ "blk.0.attn_output.weight", D, HEADS * VALUE, 0 },
	{ "blk.0.ffn_norm.weight", 0, D, 0 },
	{ "blk.0.ffn_gate_inp.weight", ALL, D, 0 },
	{ "blk.0.exp_probs_b.bias", 0, ALL, 0 },
	{ "blk.0.ffn_gate_exps.weight", EXPERT_FF, D, ALL },
	{ "blk.0.ffn_up_exps.weight", EXPERT_FF, D, ALL },
	{ "blk.0.ffn_down_exps.weight", D, EXPERT_FF, ALL },
	{ "blk.0.ffn_gate_shexp.weight", SHARED * EXPERT_FF, D, 0 },
	{ "blk.0.ffn_up_shexp.weight", SHARED * EXPERT_FF, D, 0 },
	{ "blk.0.ffn_down_shexp.weight", D, SHARED * EXPERT_FF, 0 },
};

static struct recipe deepseek(void)
{
	struct recipe r = { .n_keys = sizeof keys / sizeof *keys, .n_tensors = sizeof tensors / sizeof *tensors };

	memcpy(r.keys, keys, sizeof keys);
	memcpy(r.tensors, tensors, sizeof tensors);
	return r;
}

/* Logits of the last of a few tokens. */
static void run(const struct recipe *r, float *logits)
{
	struct fmt_err err = { 0 };
	struct opened o = open_model(r, &err);
	struct infer_run *run;

	if (!o.m)
		fail_msg("%s", err.msg);
	run = infer_run_create(o.m, 0, 0, &err);
	assert_non_null(run);
	assert_true(infer_eval(run, (const int32_t[]){ 1, 2, 3, 4, 5 }, 5, false, logits, &err));
	for (int i = 0; i < VOCAB; i++)
		assert_true(isfinite(logits[i]));
	infer_run_destroy(run);
	close_model(&o);
}

/* Each of these settings counts. */
static void settings_change_what_comes_out(void **state)
{
	static const struct key changes[] = {
		{ "deepseek2.expert_gating_func", FMT_KV_U32, 1, NULL },
		{ "deepseek2.expert_weights_norm", FMT_KV_BOOL, 1, NULL },
		{ "deepseek2.expert_weights_scale", FMT_KV_F32, 2.5, NULL },
	};
	float usual_logits[VOCAB], logits[VOCAB];
	struct recipe r = deepseek();

	(void)state;
	run(&r, usual_logits);
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		r = deepseek();
		*key(&r, changes[i].name) = changes[i];
		run(&r, logits);
		assert_memory_not_equal(logits, usual_logits, sizeof logits);
	}
}

/* YaRN's multiplier scales all scores, by its square, and what turns no more. */
static void yarn_scales_scores(void **state)
{
	struct recipe r = deepseek();
	struct fmt_err err = { 0 };
	struct opened o;
	double all = 1 + 0.0707 * log(40);

	(void)state;
	put(&r, "deepseek2.rope.scaling.type", FMT_KV_STR, 0, "yarn");
	put(&r, "deepseek2.rope.scaling.factor", FMT_KV_F32, 40, NULL);
	o = open_model(&r, &err);
	assert_non_null(o.m);
	assert_true(fabs((double)o.m->attn_scale - 1 / sqrt(NOPE + ROPE)) < 1e-7);
	assert_true(fabs((double)o.m->rope.magnitude - (1 + 0.1 * log(40))) < 1e-6);
	close_model(&o);
	put(&r, "deepseek2.rope.scaling.yarn_log_multiplier", FMT_KV_F32, 0.0707, NULL);
	o = open_model(&r, &err);
	assert_non_null(o.m);
	assert_true(fabs((double)o.m->attn_scale - all * all / sqrt(NOPE + ROPE)) < 1e-6);
	assert_true(o.m->rope.magnitude == 1.0f);
	close_model(&o);
	put(&r, "deepseek2.rope.scaling.yarn_log_multiplier", FMT_KV_F32, -1, NULL);
	refused(&r, FMT_MALFORMED, "yarn_log_multiplier is -1");
}

static void parts_that_are_missing_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
		struct recipe r = deepseek();

		if (!strstr(tensors[i].name, "exp_probs_b") && strcmp(tensors[i].name, "token_embd.weight")) {
			drop_tensor(&r, tensors[i].name);
			refused(&r, FMT_MISSING, tensors[i].name);
		}
	}
}

/* Keys that contradict each other, or that nothing is known about. */
static void contradictions_are_refused(void **state)
{
	static const struct {
		struct key change;
		enum fmt_code code;
		const char *words;
	} rows[] = {
		{ { "deepseek2.attention.head_count_kv", FMT_KV_U32, 2, NULL }, FMT_MISMATCH, "2 key heads: latent attention has one" },
		{ { "deepseek2.attention.key_length_mla", FMT_KV_U32, ROPE, NULL }, FMT_MISMATCH, "rope.dimension_count is 2 of heads that are 2 wide" },
		{ { "deepseek2.attention.key_length_mla", FMT_KV_U32, 0, NULL }, FMT_MISSING, "attention.key_length_mla is missing or zero" },
		{ { "deepseek2.attention.kv_lora_rank", FMT_KV_U32, 4294967295.0, NULL }, FMT_MISMATCH, "rope.dimension_count" },
		{ { "deepseek2.attention.kv_lora_rank", FMT_KV_U32, LATENT + 1, NULL }, FMT_MISMATCH, "attn_kv_a_mqa.weight: shape [7, 8]" },
		{ { "deepseek2.attention.q_lora_rank", FMT_KV_U32, 3, NULL }, FMT_MISSING, "blk.0.attn_q_a.weight is missing" },
		{ { "deepseek2.expert_gating_func", FMT_KV_U32, 3, NULL }, FMT_UNSUPPORTED, "expert_gating_func 3 is not known" },
		{ { "deepseek2.expert_group_count", FMT_KV_U32, 3, NULL }, FMT_MISMATCH, "2 experts of 4 in 3 of 3 groups" },
		{ { "deepseek2.expert_shared_count", FMT_KV_U32, 4294967295.0, NULL }, FMT_LIMIT, "expert_shared_count is 4294967295" },
		{ { "deepseek2.expert_shared_count", FMT_KV_U32, 1, NULL }, FMT_MISMATCH, "ffn_gate_shexp.weight: shape [12, 8]" },
		{ { "deepseek2.expert_weights_scale", FMT_KV_F32, -1, NULL }, FMT_MALFORMED, "expert_weights_scale is out of range" },
	};
	struct recipe r;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		r = deepseek();
		*key(&r, rows[i].change.name) = rows[i].change;
		refused(&r, rows[i].code, rows[i].words);
	}
	r = deepseek();
	put(&r, "deepseek2.expert_group_count", FMT_KV_U32, 4, NULL);
	put(&r, "deepseek2.expert_group_used_count", FMT_KV_U32, 1, NULL);
	refused(&r, FMT_MISMATCH, "2 experts of 4 in 1 of 4 groups");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_change_what_comes_out),
		cmocka_unit_test(yarn_scales_scores),
		cmocka_unit_test(parts_that_are_missing_are_named),
		cmocka_unit_test(contradictions_are_refused),
	};

	return cmocka_run_group_tests(tests, make_path, drop_path);
}
