/* GLM-4.5: grouped attention with biases on queries, keys and values; after the first layers a mixture of experts beside
 * shared ones, chosen as in DeepSeek V3. Half of each head rotates. Layers for multi-token prediction follow the last layer; the
 * class leaves them out, a GGUF has them.
 *
 * Source of defaults: Glm4MoeConfig of transformers 5. */
#include "arch_shared.h"

enum { SIGMOID = 2 }; /* gguf-py, ExpertGatingFuncType */

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 46 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 131072 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 4096 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 10944 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 96 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_HEADS,
	  .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 151552 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_QK_NORM, KIND_FLAG, "use_qk_norm", { ELSE_FIXED, .fixed = 0 } },
	{ P_EXPERTS, KIND_COUNT, "n_routed_experts num_local_experts", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_HEADS,
	  .at_most = P_EXPERTS },
	{ P_FF_EXPERT, KIND_COUNT, "moe_intermediate_size", { ELSE_FIXED, .fixed = 1408 }, .max = ARCH_MAX_WIDTH },
	{ P_SHARED, KIND_COUNT, "n_shared_experts", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_HEADS },
	{ P_FF_SHARED, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SHARED, P_FF_EXPERT }, .max = ARCH_MAX_WIDTH },
	{ P_DENSE_FIRST, KIND_NUMBER, "first_k_dense_replace", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_LAYERS },
	{ P_NEXT_LAYERS, KIND_NUMBER, "num_nextn_predict_layers", { ELSE_UNSET }, .max = ARCH_MAX_NEXT },
	ARCH_MODEL_TWICE,
	{ P_GROUPS, KIND_COUNT, "n_group", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_HEADS, .divides = P_EXPERTS },
	{ P_GROUPS_USED, KIND_COUNT, "topk_group", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_HEADS, .at_most = P_GROUPS },
	{ P_GATING_ONLY, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = SIGMOID }, .max = SIGMOID },
	{ P_EXPERT_SCALE, KIND_REAL, "routed_scaling_factor", { ELSE_FIXED, .fixed = 1 } },
	{ P_NORM_TOPK, KIND_FLAG, "norm_topk_prob", { ELSE_FIXED, .fixed = 1 } },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_NONE },
};

static const struct arch_param_row part[] = {
	{ P_ROPE_PART, KIND_REAL, ARCH_ROPE_PART, { ELSE_FIXED, .fixed = 0.5 } },
	{ P_ROPE_DIM, KIND_COUNT, NULL, { ELSE_PART, P_HEAD_DIM, P_ROPE_PART }, .max = ARCH_MAX_WIDTH },
	{ P_ROPE_PAIRS, KIND_COUNT, NULL, { ELSE_QUOTIENT, P_ROPE_DIM, .fixed = 2 }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "rope.dimension_count", FMT_KV_U32, P_ROPE_DIM },
	{ "expert_feed_forward_length", FMT_KV_U32, P_FF_EXPERT },
	{ "expert_shared_count", FMT_KV_U32, P_SHARED },
	{ "leading_dense_block_count", FMT_KV_U32, P_DENSE_FIRST },
	{ "expert_gating_func", FMT_KV_U32, P_GATING_ONLY },
	{ "expert_weights_scale", FMT_KV_F32, P_EXPERT_SCALE },
	{ "expert_weights_norm", FMT_KV_BOOL, P_NORM_TOPK },
	ARCH_NEXT_KEY,
	ARCH_DYNAMIC_KEY,
	{ NULL },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_Q_B, "attn_q.bias", "self_attn.q_proj.bias", { P_Q_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_K_B, "attn_k.bias", "self_attn.k_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_V_B, "attn_v.bias", "self_attn.v_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm.weight", "self_attn.q_norm.weight", { P_HEAD_DIM }, { P_QK_NORM, 1 } },
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm.weight", "self_attn.k_norm.weight", { P_HEAD_DIM }, { P_QK_NORM, 1 } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_FFN_NORM, "post_attention_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "mlp.gate_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.up_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF }, .in = LAYER_DENSE },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "mlp.gate.weight", { P_EXPERTS, P_MODEL }, .in = LAYER_MOE },
	{ FMT_ROLE_MOE_BIAS, "exp_probs_b.bias", "mlp.gate.e_score_correction_bias", { P_EXPERTS }, .in = LAYER_MOE },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps.weight", "mlp.experts.*.gate_proj.weight", { P_EXPERTS, P_FF_EXPERT, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "mlp.experts.*.up_proj.weight", { P_EXPERTS, P_FF_EXPERT, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "mlp.experts.*.down_proj.weight", { P_EXPERTS, P_MODEL, P_FF_EXPERT },
	  .in = LAYER_MOE },
	{ FMT_ROLE_SHARED_GATE, "ffn_gate_shexp.weight", "mlp.shared_experts.gate_proj.weight", { P_FF_SHARED, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_SHARED_UP, "ffn_up_shexp.weight", "mlp.shared_experts.up_proj.weight", { P_FF_SHARED, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_SHARED_DOWN, "ffn_down_shexp.weight", "mlp.shared_experts.down_proj.weight", { P_MODEL, P_FF_SHARED },
	  .in = LAYER_MOE },
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row *const params[] = { sizes, arch_widths, arch_silu, arch_rope_params, part, NULL };
static const char *const classes[] = { "Glm4MoeForCausalLM", NULL };
static const char *const types[] = { "glm4_moe", NULL };
static const char *const skip[] = { NULL };

const struct fmt_arch arch_glm4moe = {
	.gguf = "glm4moe",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.globals = arch_model_globals,
	.layers = layers,
	.next = arch_next_layers,
	.specials = (const struct arch_special[]){
		{ "bos", "[gMASK]" }, { "eot", "<|user|>" }, { "unk", "<|endoftext|>" }, { "eom", "<|observation|>" }, { NULL, NULL },
	},
	.layer_prefix = "model.layers.",
	.skip = skip,
};
