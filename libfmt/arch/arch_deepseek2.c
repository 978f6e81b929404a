/* DeepSeek V2: latent attention (keys and values of all heads from one narrow vector per token, which is what a cache
 * keeps), and after the first layers a mixture of experts beside shared ones that every token passes.
 *
 * Source of defaults: DeepseekV2Config of transformers 5. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 2048 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 4096 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 11008 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS, .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 32000 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_UNUSED, KIND_FALSE, "attention_bias", { ELSE_UNSET } },
	{ P_UNUSED, KIND_FALSE, "mlp_bias", { ELSE_UNSET } },

	{ P_LATENT, KIND_COUNT, "kv_lora_rank", { ELSE_FIXED, .fixed = 512 }, .max = ARCH_MAX_WIDTH },
	{ P_Q_LATENT, KIND_COUNT, "q_lora_rank", { ELSE_FIXED, .fixed = 1536 }, { ELSE_UNSET }, .max = ARCH_MAX_WIDTH },
	{ P_LATENT_ROPE, KIND_COUNT, "qk_rope_head_dim", { ELSE_FIXED, .fixed = 64 }, .max = ARCH_MAX_WIDTH },
	{ P_NOPE_DIM, KIND_COUNT, "qk_nope_head_dim", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_WIDTH },
	{ P_V_HEAD_DIM, KIND_COUNT, "v_head_dim", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_WIDTH },
	{ P_HEAD_DIM, KIND_COUNT, NULL, { ELSE_SUM, P_NOPE_DIM, P_LATENT_ROPE, 1 }, .max = ARCH_MAX_WIDTH },
	{ P_Q_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_V_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS, P_V_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_LATENT_KEPT, KIND_COUNT, NULL, { ELSE_SUM, P_LATENT, P_LATENT_ROPE, 1 }, .max = ARCH_MAX_WIDTH },
	{ P_KV_B_WIDTH, KIND_COUNT, NULL, { ELSE_SUM, P_NOPE_DIM, P_V_HEAD_DIM, 1 }, .max = ARCH_MAX_WIDTH },
	{ P_KV_B_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_KV_B_WIDTH, P_HEADS }, .max = ARCH_MAX_WIDTH },

	{ P_EXPERTS, KIND_COUNT, "n_routed_experts num_local_experts", { ELSE_FIXED, .fixed = 64 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_REFUSE }, .max = ARCH_MAX_HEADS, .at_most = P_EXPERTS },
	{ P_FF_EXPERT, KIND_COUNT, "moe_intermediate_size", { ELSE_FIXED, .fixed = 1407 }, .max = ARCH_MAX_WIDTH },
	{ P_SHARED, KIND_COUNT, "n_shared_experts", { ELSE_FIXED, .fixed = 2 }, .max = ARCH_MAX_HEADS },
	{ P_FF_SHARED, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SHARED, P_FF_EXPERT }, .max = ARCH_MAX_WIDTH },
	{ P_DENSE_FIRST, KIND_NUMBER, "first_k_dense_replace", { ELSE_FIXED, .fixed = 0 }, .max = ARCH_MAX_LAYERS },
	{ P_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL }, { P_Q_LATENT, ARCH_UNSET } },
	{ FMT_ROLE_ATTN_Q_A, "attn_q_a.weight", "self_attn.q_a_proj.weight", { P_Q_LATENT, P_MODEL }, { P_Q_LATENT, ARCH_SET } },
	{ FMT_ROLE_ATTN_Q_A_NORM, "attn_q_a_norm.weight", "self_attn.q_a_layernorm.weight", { P_Q_LATENT },
	  { P_Q_LATENT, ARCH_SET } },
	{ FMT_ROLE_ATTN_Q_B_PROJ, "attn_q_b.weight", "self_attn.q_b_proj.weight", { P_Q_WIDTH, P_Q_LATENT },
	  { P_Q_LATENT, ARCH_SET } },
	{ FMT_ROLE_ATTN_KV_A, "attn_kv_a_mqa.weight", "self_attn.kv_a_proj_with_mqa.weight", { P_LATENT_KEPT, P_MODEL } },
	{ FMT_ROLE_ATTN_KV_A_NORM, "attn_kv_a_norm.weight", "self_attn.kv_a_layernorm.weight", { P_LATENT } },
	{ FMT_ROLE_ATTN_KV_B, "attn_kv_b.weight", "self_attn.kv_b_proj.weight", { P_KV_B_WIDTH, P_LATENT } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_V_WIDTH } },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "mlp.gate_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.up_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF }, .in = LAYER_DENSE },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "mlp.gate.weight", { P_EXPERTS, P_MODEL }, .in = LAYER_MOE },
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

static const struct arch_param_row *const params[] = { sizes, NULL };
static const char *const classes[] = { "DeepseekV2ForCausalLM", NULL };
static const char *const types[] = { "deepseek_v2", NULL };
static const char *const skip[] = { ".rotary_emb.inv_freq", NULL };

const struct fmt_arch arch_deepseek2 = {
	.gguf = "deepseek2",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.layers = layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
};
