/* MiniMax-M2: Llama's attention with a norm over all queries and one over all keys, of which a part of each head rotates; experts in
 * every layer, chosen by sigmoids and a learnt correction.
 *
 * Source of defaults: MiniMaxM2Config of transformers 5. Checkpoints say how much rotates by rotary_dim, which that class ignores. */
#include "arch_shared.h"

static const struct arch_default defaults[] = {
	{ P_LAYERS, 62 },    { P_CONTEXT, 196608 }, { P_MODEL, 3072 },     { P_FF, 1536 }, { P_HEADS, 48 }, { P_HEADS_KV, 8 },
	{ P_HEAD_DIM, 128 }, { P_VOCAB, 200064 },   { P_ROPE_THETA, 5e6 }, { P_NONE },
};

static const struct arch_param_row rest[] = {
	{ P_HEAD_GIVEN, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 1 } },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-6 } },
	{ P_EXPERTS, KIND_COUNT, "num_local_experts num_experts", { ELSE_FIXED, .fixed = 256 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_HEADS,
	  .at_most = P_EXPERTS },
	{ P_GATING, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 2 }, .max = 2 },
	{ P_NONE },
};

static const struct arch_param_row rope_part[] = {
	{ P_ROPE_PART, KIND_REAL, ARCH_ROPE_PART, { ELSE_UNSET } },
	{ P_ROPE_DIM, KIND_COUNT, "rotary_dim", { ELSE_PART, P_HEAD_DIM, P_ROPE_PART }, .max = ARCH_MAX_WIDTH, .at_most = P_HEAD_DIM },
	{ P_ROPE_PAIRS, KIND_COUNT, NULL, { ELSE_QUOTIENT, P_ROPE_DIM, .fixed = 2 }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "expert_feed_forward_length", FMT_KV_U32, P_FF },
	{ "rope.dimension_count", FMT_KV_U32, P_ROPE_DIM },
	ARCH_DYNAMIC_KEY,
	{ NULL },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm.weight", "self_attn.q_norm.weight", { P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm.weight", "self_attn.k_norm.weight", { P_KV_WIDTH } },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "block_sparse_moe.gate.weight", { P_EXPERTS, P_MODEL } },
	{ FMT_ROLE_MOE_BIAS, "exp_probs_b.bias", "block_sparse_moe.e_score_correction_bias", { P_EXPERTS } },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps.weight", "block_sparse_moe.experts.*.w1.weight", { P_EXPERTS, P_FF, P_MODEL } },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "block_sparse_moe.experts.*.w3.weight", { P_EXPERTS, P_FF, P_MODEL } },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "block_sparse_moe.experts.*.w2.weight", { P_EXPERTS, P_MODEL, P_FF } },
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row *const params[] = { arch_sizes, arch_widths, rest, arch_silu, arch_rope_params, rope_part, NULL };
static const char *const classes[] = { "MiniMaxM2ForCausalLM", NULL };
static const char *const types[] = { "minimax_m2", NULL };
static const char *const skip[] = { ".rotary_emb.inv_freq", NULL };

const struct fmt_arch arch_minimaxm2 = {
	.gguf = "minimax-m2",
	.classes = classes,
	.types = types,
	.defaults = defaults,
	.params = params,
	.keys = keys,
	.globals = arch_model_globals,
	.layers = layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
	.notes = arch_note_wants_output,
};
