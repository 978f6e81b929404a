/* Binding a model: what a GGUF must say and hold before it runs, and the rotary frequencies that follow from its keys.
 * Each test writes a tiny GGUF, right but for one thing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "gguf_recipe.h"

static void the_usual_model_runs(void **state)
{
	struct fmt_err err = { 0 };
	struct recipe r = usual();
	struct opened o = open_model(&r, &err);
	float logits[VOCAB];
	struct infer_run *run;

	(void)state;
	if (!o.m)
		fail_msg("%s", err.msg);
	assert_int_equal(infer_n_vocab(o.m), VOCAB);
	assert_int_equal(infer_n_ctx_train(o.m), CTX);
	run = infer_run_create(o.m, 0, 0, &err);
	assert_non_null(run);
	assert_true(infer_eval(run, (const int32_t[]){ 1, 2, 3 }, 3, false, logits, &err));
	for (int i = 0; i < VOCAB; i++)
		assert_true(isfinite(logits[i]));
	infer_run_destroy(run);
	close_model(&o);
}

static void missing_parts_are_named(void **state)
{
	struct recipe r;

	(void)state;
	for (size_t i = 0; i < sizeof usual_tensors / sizeof *usual_tensors; i++) {
		r = usual();
		drop_tensor(&r, usual_tensors[i].name);
		refused(&r, FMT_MISSING, usual_tensors[i].name);
	}
	for (size_t i = 1; i < sizeof usual_keys / sizeof *usual_keys; i++) {
		if (strstr(usual_keys[i].name, "head_count_kv")) /* as many as query heads, if missing */
			continue;
		r = usual();
		drop_key(&r, usual_keys[i].name);
		refused(&r, strstr(usual_keys[i].name, "epsilon") ? FMT_MALFORMED : FMT_MISSING,
		        usual_keys[i].name + strlen("llama."));
	}
}

static void shapes_must_follow_the_keys(void **state)
{
	struct recipe r;

	(void)state;
	for (size_t i = 1; i < sizeof usual_tensors / sizeof *usual_tensors; i++) {
		r = usual();
		tensor(&r, usual_tensors[i].name)->cols++;
		refused(&r, FMT_MISMATCH, usual_tensors[i].name);
	}
	r = usual();
	*tensor(&r, "blk.0.attn_q.bias") = (struct tensor){ "blk.0.attn_q.bias", 0, HEADS * DK + 1, 0 };
	refused(&r, FMT_MISMATCH, "blk.0.attn_q.bias");
	r = usual();
	tensor(&r, "blk.0.attn_norm.weight")->rows = 1; /* two dimensions */
	refused(&r, FMT_MISMATCH, "blk.0.attn_norm.weight");
	r = usual();
	*tensor(&r, "rope_freqs.weight") = (struct tensor){ "rope_freqs.weight", 0, DK, 0 };
	refused(&r, FMT_MISMATCH, "rope_freqs.weight");
}

static void contradictions_are_refused(void **state)
{
	static const struct {
		const char *key;
		double value;
		enum fmt_code code;
		const char *words;
	} cases[] = {
		{ "llama.block_count", 4e9, FMT_MISMATCH, "block_count" },
		{ "llama.block_count", 2, FMT_MISSING, "blk.1.attn_norm.weight" },
		{ "llama.attention.head_count", 3, FMT_MISMATCH, "blk.0.attn_q.weight" },
		{ "llama.attention.head_count_kv", 3, FMT_MISMATCH, "3 key heads" },
		{ "llama.attention.head_count", 4e9, FMT_MISSING, "key_length" },
		{ "llama.embedding_length", 4e9, FMT_MISMATCH, "token_embd.weight" },
		{ "llama.feed_forward_length", 4e9, FMT_MISMATCH, "blk.0.ffn_gate.weight" },
		{ "llama.attention.layer_norm_rms_epsilon", -1, FMT_MALFORMED, "epsilon" },
		{ "llama.rope.freq_base", -1, FMT_MALFORMED, "freq_base" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct recipe r = usual();

		key(&r, cases[i].key)->number = cases[i].value;
		refused(&r, cases[i].code, cases[i].words);
	}
}

static void other_architectures_are_not_guessed(void **state)
{
	struct recipe r = usual();

	(void)state;
	key(&r, "general.architecture")->text = "klingon";
	refused(&r, FMT_UNSUPPORTED, "klingon");
}

/* The usual model with experts: Mixtral. */
static struct recipe mixtral(void)
{
	struct recipe r = usual();

	put(&r, "llama.expert_count", FMT_KV_U32, EXPERTS, NULL);
	put(&r, "llama.expert_used_count", FMT_KV_U32, 2, NULL);
	drop_tensor(&r, "blk.0.ffn_gate.weight");
	drop_tensor(&r, "blk.0.ffn_up.weight");
	drop_tensor(&r, "blk.0.ffn_down.weight");
	*tensor(&r, "blk.0.ffn_gate_inp.weight") = (struct tensor){ "blk.0.ffn_gate_inp.weight", EXPERTS, D, 0 };
	*tensor(&r, "blk.0.ffn_gate_exps.weight") = (struct tensor){ "blk.0.ffn_gate_exps.weight", FF, D, EXPERTS };
	*tensor(&r, "blk.0.ffn_up_exps.weight") = (struct tensor){ "blk.0.ffn_up_exps.weight", FF, D, EXPERTS };
	*tensor(&r, "blk.0.ffn_down_exps.weight") = (struct tensor){ "blk.0.ffn_down_exps.weight", D, FF, EXPERTS };
	return r;
}

static void mixtures_are_bound_by_layer(void **state)
{
	static const char *const parts[] = { "blk.0.ffn_gate_inp.weight", "blk.0.ffn_gate_exps.weight", "blk.0.ffn_up_exps.weight",
		                             "blk.0.ffn_down_exps.weight" };
	struct fmt_err err = { 0 };
	struct recipe r = mixtral();
	struct opened o = open_model(&r, &err);

	(void)state;
	if (!o.m)
		fail_msg("%s", err.msg);
	assert_true(o.m->layers[0].experts && o.m->moe.normalise);
	assert_int_equal(o.m->moe.d_ff, FF);
	assert_int_equal(o.m->layers[0].w[FMT_ROLE_MOE_DOWN].n_stacked, EXPERTS);
	assert_int_equal(o.m->layers[0].w[FMT_ROLE_MOE_DOWN].rows, D);
	close_model(&o);

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		r = mixtral();
		drop_tensor(&r, parts[i]);
		refused(&r, FMT_MISSING, parts[i]);
		r = mixtral();
		tensor(&r, parts[i])->cols++;
		refused(&r, FMT_MISMATCH, parts[i]);
	}
	r = mixtral();
	tensor(&r, parts[1])->stack--;
	refused(&r, FMT_MISMATCH, "blk.0.ffn_gate_exps.weight: shape [2, 12, 8], but the keys ask for [3, 12, 8]");
	r = mixtral();
	put(&r, "llama.expert_used_count", FMT_KV_U32, EXPERTS + 1, NULL);
	refused(&r, FMT_MISMATCH, "expert_used_count is 4 of 3 experts");
	r = mixtral();
	drop_key(&r, "llama.expert_used_count");
	refused(&r, FMT_MISMATCH, "expert_used_count is 0 of 3 experts");
}

/* The same keys under another architecture's name. The recipe's names last until the next call. */
static struct recipe renamed(const char *arch)
{
	static char names[MAX_KEYS][80];
	struct recipe r = usual();

	for (size_t i = 0; i < r.n_keys; i++)
		if (!strncmp(r.keys[i].name, "llama.", 6)) {
			snprintf(names[i], sizeof names[i], "%s.%s", arch, r.keys[i].name + 6);
			r.keys[i].name = names[i];
		}
	key(&r, "general.architecture")->text = arch;
	return r;
}

/* What one function computes for several architectures is optional to it, but not to each of them. */
static void what_every_model_of_an_architecture_has_must_be_there(void **state)
{
	struct recipe r = renamed("qwen2");
	struct fmt_err err = { 0 };
	struct opened o;

	(void)state;
	refused(&r, FMT_MISSING, "blk.0.attn_q.bias is missing");
	*tensor(&r, "blk.0.attn_q.bias") = (struct tensor){ "blk.0.attn_q.bias", 0, HEADS * DK, 0 };
	*tensor(&r, "blk.0.attn_k.bias") = (struct tensor){ "blk.0.attn_k.bias", 0, KV_HEADS * DK, 0 };
	refused(&r, FMT_MISSING, "blk.0.attn_v.bias is missing");
	*tensor(&r, "blk.0.attn_v.bias") = (struct tensor){ "blk.0.attn_v.bias", 0, KV_HEADS * DK, 0 };
	o = open_model(&r, &err);
	if (!o.m)
		fail_msg("%s", err.msg);
	assert_int_equal(o.m->rope.pairs, INFER_HALVES);
	close_model(&o);

	r = renamed("qwen3");
	refused(&r, FMT_MISSING, "blk.0.attn_q_norm.weight is missing");
	*tensor(&r, "blk.0.attn_q_norm.weight") = (struct tensor){ "blk.0.attn_q_norm.weight", 0, DK, 0 };
	*tensor(&r, "blk.0.attn_k_norm.weight") = (struct tensor){ "blk.0.attn_k_norm.weight", 0, HEADS * DK, 0 };
	refused(&r, FMT_MISMATCH, "blk.0.attn_k_norm.weight: shape [8], but the keys ask for [4]");
}

/* Widths that no tensor has cost no memory, whatever keys say. */
static void keys_without_tensors_allocate_nothing(void **state)
{
	struct recipe r = usual();
	struct fmt_err err = { 0 };
	struct infer_run *run;
	struct opened o;

	(void)state;
	put(&r, "llama.expert_count", FMT_KV_U32, 4e9, NULL);
	put(&r, "llama.expert_used_count", FMT_KV_U32, 4e9, NULL);
	put(&r, "llama.expert_feed_forward_length", FMT_KV_U32, 4e9, NULL);
	put(&r, "llama.expert_shared_feed_forward_length", FMT_KV_U32, 4e9, NULL);
	for (int moe = 0; moe < 2; moe++) {
		o = open_model(&r, &err);
		run = o.m ? infer_run_create(o.m, 0, 0, &err) : NULL;
		if (!run)
			fail_msg("%s", err.msg);
		infer_run_destroy(run);
		close_model(&o);
		r = mixtral();
		put(&r, "llama.expert_feed_forward_length", FMT_KV_U32, FF, NULL);
		key(&r, "llama.feed_forward_length")->number = 4e9;
	}
}

static void layers_differ_by_flags(void **state)
{
	struct recipe r = usual();
	struct fmt_err err = { 0 };
	struct opened o;

	(void)state;
	put(&r, "llama.attention.sliding_window", FMT_KV_U32, 16, NULL);
	put(&r, "llama.attention.sliding_window_pattern", FMT_KV_ARR, 1, "\0");
	put(&r, "llama.attention.rope_pattern", FMT_KV_ARR, 1, "\0");
	o = open_model(&r, &err);
	if (!o.m)
		fail_msg("%s", err.msg);
	assert_int_equal(o.m->layers[0].window, 0);
	assert_true(o.m->layers[0].no_rope);
	close_model(&o);
	put(&r, "llama.attention.sliding_window_pattern", FMT_KV_ARR, 1, "\1");
	put(&r, "llama.attention.rope_pattern", FMT_KV_ARR, 1, "\1");
	o = open_model(&r, &err);
	if (!o.m)
		fail_msg("%s", err.msg);
	assert_int_equal(o.m->layers[0].window, 16);
	assert_false(o.m->layers[0].no_rope);
	close_model(&o);
	put(&r, "llama.attention.rope_pattern", FMT_KV_ARR, 0, "");
	refused(&r, FMT_MISMATCH, "attention.rope_pattern has fewer elements than layers");
}

/* The frequencies and magnitude of a recipe must be these. */
static void check_rope(const struct recipe *r, const double *want, double magnitude)
{
	struct fmt_err err = { 0 };
	struct opened o = open_model(r, &err);

	if (!o.m)
		fail_msg("%s", err.msg);
	for (uint32_t i = 0; i < o.m->rope.n_dims / 2; i++)
		if (!(fabs((double)o.m->rope.inv_freq[i] / want[i] - 1) < 3e-7))
			fail_msg("pair %u: %.9g, not %.9g", i, (double)o.m->rope.inv_freq[i], want[i]);
	assert_true(fabs((double)o.m->rope.magnitude - magnitude) < 1e-6);
	close_model(&o);
}

/* Heads of 16, so that a ramp has room. */
static struct recipe wide(void)
{
	struct recipe r = usual();

	put(&r, "llama.attention.key_length", FMT_KV_U32, 16, NULL);
	tensor(&r, "blk.0.attn_q.weight")->rows = HEADS * 16;
	tensor(&r, "blk.0.attn_k.weight")->rows = KV_HEADS * 16;
	put(&r, "llama.rope.freq_base", FMT_KV_F32, 10000, NULL);
	return r;
}

static void rope_frequencies(void **state)
{
	struct recipe r = wide();
	double want[8];

	(void)state;
	for (int i = 0; i < 8; i++)
		want[i] = pow(10000, -i / 8.0);
	check_rope(&r, want, 1);
	put(&r, "llama.rope.scaling.type", FMT_KV_STR, 0, "none");
	check_rope(&r, want, 1);
	*tensor(&r, "rope_freqs.weight") = (struct tensor){ "rope_freqs.weight", 0, 8, 0 };
	for (int i = 0; i < 8; i++)
		want[i] /= 1 + i;
	check_rope(&r, want, 1);
	r = wide();
	put(&r, "llama.rope.dimension_count", FMT_KV_U32, 8, NULL);
	for (int i = 0; i < 4; i++)
		want[i] = pow(10000, -i / 4.0);
	check_rope(&r, want, 1);
	r = wide();
	put(&r, "llama.rope.scaling.type", FMT_KV_STR, 0, "linear");
	put(&r, "llama.rope.scaling.factor", FMT_KV_F32, 4, NULL);
	for (int i = 0; i < 8; i++)
		want[i] = pow(10000, -i / 8.0) / 4;
	check_rope(&r, want, 1);
}

/* YaRN by its paper: pairs that turn more than 32 times over the original 512 positions keep their frequency, those
 * that turn less than once are interpolated, a linear ramp over whole pairs between. */
static void rope_yarn(void **state)
{
	struct recipe r = wide();
	double want[8], low = floor(16 * log(512 / (32 * 2 * M_PI)) / (2 * log(10000)));
	double high = ceil(16 * log(512 / (2 * M_PI)) / (2 * log(10000)));

	(void)state;
	put(&r, "llama.rope.scaling.type", FMT_KV_STR, 0, "yarn");
	put(&r, "llama.rope.scaling.factor", FMT_KV_F32, 4, NULL);
	put(&r, "llama.rope.scaling.original_context_length", FMT_KV_U32, 512, NULL);
	for (int i = 0; i < 8; i++) {
		double ramp = fmin(fmax((i - low) / (high - low), 0), 1);

		want[i] = pow(10000, -i / 8.0) * (ramp / 4 + 1 - ramp);
	}
	assert_true(low >= 0 && high > low + 2);
	check_rope(&r, want, 1 + 0.1 * log(4));
	put(&r, "llama.rope.scaling.yarn_attn_factor", FMT_KV_F32, 0.75, NULL);
	check_rope(&r, want, 0.75);
	low = 16 * log(512 / (32 * 2 * M_PI)) / (2 * log(10000));
	high = 16 * log(512 / (2 * M_PI)) / (2 * log(10000));
	put(&r, "llama.rope.scaling.yarn_truncate", FMT_KV_BOOL, 0, NULL);
	for (int i = 0; i < 8; i++) {
		double ramp = fmin(fmax((i - low) / (high - low), 0), 1);

		want[i] = pow(10000, -i / 8.0) * (ramp / 4 + 1 - ramp);
	}
	check_rope(&r, want, 0.75);
}

static void rope_refusals(void **state)
{
	struct recipe r = usual();
	struct fmt_err err = { 0 };
	struct opened o;
	struct infer_run *run;

	(void)state;
	put(&r, "llama.rope.dimension_count", FMT_KV_U32, 3, NULL);
	refused(&r, FMT_MISMATCH, "rope.dimension_count");
	put(&r, "llama.rope.dimension_count", FMT_KV_U32, 6, NULL);
	refused(&r, FMT_MISMATCH, "rope.dimension_count");
	r = usual();
	put(&r, "llama.rope.scaling.type", FMT_KV_STR, 0, "twisted");
	refused(&r, FMT_UNSUPPORTED, "twisted");
	put(&r, "llama.rope.scaling.type", FMT_KV_STR, 0, "linear");
	put(&r, "llama.rope.scaling.factor", FMT_KV_F32, 0, NULL);
	refused(&r, FMT_MALFORMED, "rope.scaling.factor");
	r = usual();
	put(&r, "llama.rope.scaling.dynamic_factor", FMT_KV_F32, 2, NULL);
	o = open_model(&r, &err);
	assert_non_null(o.m);
	run = infer_run_create(o.m, CTX, 0, &err);
	assert_non_null(run);
	infer_run_destroy(run);
	assert_null(infer_run_create(o.m, CTX + 1, 0, &err));
	assert_int_equal(err.code, FMT_UNSUPPORTED);
	close_model(&o);
}

/* A GPT-2 of one layer. */
static struct recipe gpt2(void)
{
	static const struct key keys[] = {
		{ "general.architecture", FMT_KV_STR, 0, "gpt2" },
		{ "gpt2.block_count", FMT_KV_U32, 1, NULL },
		{ "gpt2.context_length", FMT_KV_U32, CTX, NULL },
		{ "gpt2.embedding_length", FMT_KV_U32, D, NULL },
		{ "gpt2.feed_forward_length", FMT_KV_U32, FF, NULL },
		{ "gpt2.attention.head_count", FMT_KV_U32, HEADS, NULL },
		{ "gpt2.attention.layer_norm_epsilon", FMT_KV_F32, 1e-5, NULL },
	};
	static const struct tensor tensors[] = {
		{ "token_embd.weight", VOCAB, D, 0 },       { "position_embd.weight", CTX, D, 0 },
		{ "output_norm.weight", 0, D, 0 },          { "output_norm.bias", 0, D, 0 },
		{ "blk.0.attn_norm.weight", 0, D, 0 },      { "blk.0.attn_norm.bias", 0, D, 0 },
		{ "blk.0.attn_qkv.weight", 3 * D, D, 0 },   { "blk.0.attn_qkv.bias", 0, 3 * D, 0 },
		{ "blk.0.attn_output.weight", D, D, 0 },    { "blk.0.attn_output.bias", 0, D, 0 },
		{ "blk.0.ffn_norm.weight", 0, D, 0 },       { "blk.0.ffn_norm.bias", 0, D, 0 },
		{ "blk.0.ffn_up.weight", FF, D, 0 },        { "blk.0.ffn_up.bias", 0, FF, 0 },
		{ "blk.0.ffn_down.weight", D, FF, 0 },      { "blk.0.ffn_down.bias", 0, D, 0 },
	};
	struct recipe r = { .n_keys = sizeof keys / sizeof *keys, .n_tensors = sizeof tensors / sizeof *tensors };

	memcpy(r.keys, keys, sizeof keys);
	memcpy(r.tensors, tensors, sizeof tensors);
	return r;
}

/* Positions are rows of a table: past its end there are none. */
static void learned_positions_bound_the_context(void **state)
{
	struct fmt_err err = { 0 };
	struct recipe r = gpt2();
	struct opened o = open_model(&r, &err);
	int32_t ids[CTX] = { 0 };
	float logits[VOCAB];
	struct infer_run *run;

	(void)state;
	if (!o.m)
		fail_msg("%s", err.msg);
	run = infer_run_create(o.m, CTX, 0, &err);
	assert_non_null(run);
	assert_true(infer_eval(run, ids, CTX, false, logits, &err));
	for (int i = 0; i < VOCAB; i++)
		assert_true(isfinite(logits[i]));
	infer_run_destroy(run);
	assert_null(infer_run_create(o.m, CTX + 1, 0, &err));
	assert_int_equal(err.code, FMT_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "learned positions"));
	close_model(&o);
}

static void fused_parts_follow_the_keys(void **state)
{
	struct recipe r = gpt2();

	(void)state;
	tensor(&r, "blk.0.attn_qkv.weight")->rows = 3 * D - 1;
	refused(&r, FMT_MISMATCH, "attn_qkv.weight: shape [23, 8], but the keys ask for [24, 8]");
	r = gpt2();
	tensor(&r, "blk.0.attn_qkv.bias")->cols = D;
	refused(&r, FMT_MISMATCH, "attn_qkv.bias: shape [8], but the keys ask for [24]");
	r = gpt2();
	tensor(&r, "output_norm.bias")->cols = D - 1;
	refused(&r, FMT_MISMATCH, "output_norm.bias: shape [7], but the keys ask for [8]");
	r = gpt2();
	tensor(&r, "position_embd.weight")->rows = CTX - 1;
	refused(&r, FMT_MISMATCH, "position_embd.weight");
	r = gpt2();
	drop_tensor(&r, "blk.0.ffn_norm.bias");
	refused(&r, FMT_MISSING, "blk.0.ffn_norm.bias is missing");
	r = gpt2();
	key(&r, "gpt2.attention.layer_norm_epsilon")->number = 0;
	refused(&r, FMT_MALFORMED, "attention.layer_norm_epsilon is missing, or out of range");
}

/* Settings that change the result are not just read: a bias and a window move the logits. */
static void optional_parts_are_used(void **state)
{
	static const int32_t ids[] = { 1, 7, 3, 2, 5, 4 };
	struct fmt_err err = { 0 };
	float logits[3][VOCAB];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct recipe r = usual();
		struct opened o;
		struct infer_run *run;

		if (i == 1)
			*tensor(&r, "blk.0.attn_q.bias") = (struct tensor){ "blk.0.attn_q.bias", 0, HEADS * DK, 0 };
		if (i == 2)
			put(&r, "llama.attention.sliding_window", FMT_KV_U32, 2, NULL);
		o = open_model(&r, &err);
		assert_non_null(o.m);
		assert_int_equal(o.m->layers[0].window, i == 2 ? 2 : 0);
		assert_true((o.m->layers[0].w[FMT_ROLE_ATTN_Q].bias != NULL) == (i == 1));
		run = infer_run_create(o.m, 0, 0, &err);
		assert_non_null(run);
		assert_true(infer_eval(run, ids, 6, false, logits[i], &err));
		infer_run_destroy(run);
		close_model(&o);
	}
	assert_memory_not_equal(logits[0], logits[1], sizeof logits[0]);
	assert_memory_not_equal(logits[0], logits[2], sizeof logits[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_model_runs),
		cmocka_unit_test(missing_parts_are_named),
		cmocka_unit_test(shapes_must_follow_the_keys),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(other_architectures_are_not_guessed),
		cmocka_unit_test(mixtures_are_bound_by_layer),
		cmocka_unit_test(keys_without_tensors_allocate_nothing),
		cmocka_unit_test(layers_differ_by_flags),
		cmocka_unit_test(what_every_model_of_an_architecture_has_must_be_there),
		cmocka_unit_test(rope_frequencies),
		cmocka_unit_test(rope_yarn),
		cmocka_unit_test(rope_refusals),
		cmocka_unit_test(learned_positions_bound_the_context),
		cmocka_unit_test(fused_parts_follow_the_keys),
		cmocka_unit_test(optional_parts_are_used),
	};

	return cmocka_run_group_tests(tests, make_path, drop_path);
}
