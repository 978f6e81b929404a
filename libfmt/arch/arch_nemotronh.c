/* Nemotron-H: each layer is one thing, a Mamba 2 state space, attention or a feed-forward block of two matrices; a string
 * with one letter per layer says which.
 *
 * Source of defaults: NemotronHConfig of transformers 5. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_UNSET }, { ELSE_UNSET }, .max = ARCH_MAX_LAYERS },
	{ P_LAYERS, KIND_LENGTH, "layers_block_type layer_types hybrid_override_pattern", { ELSE_REFUSE }, .max = ARCH_MAX_LAYERS,
	  .when = { P_LAYERS, ARCH_UNSET } },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 4096 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 4096 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 21504 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_FIXED, .fixed = 8 }, { ELSE_SAME, P_HEADS },
	  .max = ARCH_MAX_HEADS, .divides = P_HEADS },
	{ P_HEAD_DIM, KIND_COUNT, "head_dim attention_head_dim", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_WIDTH },
	{ P_Q_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_KV_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS_KV, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 131072 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_UNUSED, KIND_FALSE, "mlp_bias", { ELSE_UNSET } },
	{ P_UNUSED, KIND_FALSE, "use_bias", { ELSE_UNSET } },

	{ P_EXPERTS, KIND_COUNT, "n_routed_experts num_experts", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_FIXED, .fixed = 2 }, .max = ARCH_MAX_HEADS,
	  .at_most = P_EXPERTS },
	{ P_FF_EXPERT, KIND_COUNT, "moe_intermediate_size", { ELSE_FIXED, .fixed = 7688 }, .max = ARCH_MAX_WIDTH },
	{ P_FF_SHARED, KIND_COUNT, "moe_shared_expert_intermediate_size", { ELSE_FIXED, .fixed = 7688 }, .max = ARCH_MAX_WIDTH },
	{ P_MOE_LATENT, KIND_COUNT, "moe_latent_size", { ELSE_UNSET }, { ELSE_UNSET }, .max = ARCH_MAX_WIDTH },
	{ P_MOE_WIDTH, KIND_COUNT, NULL, { ELSE_SAME, P_MODEL }, .max = ARCH_MAX_WIDTH },
	{ P_MOE_WIDTH, KIND_COUNT, NULL, { ELSE_SAME, P_MOE_LATENT }, .max = ARCH_MAX_WIDTH, .when = { P_MOE_LATENT, ARCH_SET } },

	{ P_SSM_STATE, KIND_COUNT, "ssm_state_size", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_WIDTH },
	{ P_SSM_HEADS, KIND_COUNT, "mamba_num_heads", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_HEADS },
	{ P_SSM_HEAD_DIM, KIND_COUNT, "mamba_head_dim", { ELSE_FIXED, .fixed = 64 }, .max = ARCH_MAX_WIDTH },
	{ P_SSM_GROUPS, KIND_COUNT, "mamba_n_groups n_groups", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_HEADS },
	{ P_SSM_CONV, KIND_COUNT, "mamba_d_conv conv_kernel", { ELSE_FIXED, .fixed = 4 }, .max = 1024 },
	{ P_CONV_BIAS, KIND_FLAG, "mamba_conv_bias use_conv_bias", { ELSE_FIXED, .fixed = 1 } },
	{ P_SSM_INNER, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SSM_HEADS, P_SSM_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_STATE_ELEMS, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SSM_INNER, P_SSM_STATE }, .max = UINT64_C(1) << 40 },
	{ P_SSM_X, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SSM_GROUPS, P_SSM_STATE }, .max = ARCH_MAX_WIDTH },
	{ P_CONV_WIDTH, KIND_COUNT, NULL, { ELSE_SUM, P_SSM_INNER, P_SSM_X, 2 }, .max = 4 * ARCH_MAX_WIDTH },
	{ P_SSM_IN, KIND_COUNT, NULL, { ELSE_SUM, P_SSM_INNER, P_CONV_WIDTH, 1 }, .max = 8 * ARCH_MAX_WIDTH },
	{ P_SSM_IN, KIND_COUNT, NULL, { ELSE_SUM, P_SSM_IN, P_SSM_HEADS, 1 }, .max = 8 * ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_tensor globals[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "backbone.embeddings.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "backbone.norm_f.weight", { P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "norm.weight", { P_MODEL } },
	{ FMT_ROLE_SSM_IN, "ssm_in.weight", "mixer.in_proj.weight", { P_SSM_IN, P_MODEL }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_CONV, "ssm_conv1d.weight", "mixer.conv1d.weight", { P_CONV_WIDTH, P_SSM_CONV }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_CONV_B, "ssm_conv1d.bias", "mixer.conv1d.bias", { P_CONV_WIDTH }, { P_CONV_BIAS, 1 }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_DT_B, "ssm_dt.bias", "mixer.dt_bias", { P_SSM_HEADS }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_A, "ssm_a", "mixer.A_log", { P_SSM_HEADS }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_D, "ssm_d", "mixer.D", { P_SSM_HEADS }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_NORM, "ssm_norm.weight", "mixer.norm.weight", { P_SSM_INNER }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_OUT, "ssm_out.weight", "mixer.out_proj.weight", { P_MODEL, P_SSM_INNER }, .in = LAYER_SSM },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "mixer.q_proj.weight", { P_Q_WIDTH, P_MODEL }, .in = LAYER_FULL },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "mixer.k_proj.weight", { P_KV_WIDTH, P_MODEL }, .in = LAYER_FULL },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "mixer.v_proj.weight", { P_KV_WIDTH, P_MODEL }, .in = LAYER_FULL },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "mixer.o_proj.weight", { P_MODEL, P_Q_WIDTH }, .in = LAYER_FULL },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mixer.up_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mixer.down_proj.weight", { P_MODEL, P_FF }, .in = LAYER_DENSE },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "mixer.gate.weight", { P_EXPERTS, P_MODEL }, .in = LAYER_MOE },
	{ FMT_ROLE_MOE_BIAS, "exp_probs_b.bias", "mixer.gate.e_score_correction_bias", { P_EXPERTS }, .in = LAYER_MOE },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "mixer.experts.*.up_proj.weight", { P_EXPERTS, P_FF_EXPERT, P_MOE_WIDTH },
	  .in = LAYER_MOE },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "mixer.experts.*.down_proj.weight", { P_EXPERTS, P_MOE_WIDTH, P_FF_EXPERT },
	  .in = LAYER_MOE },
	{ FMT_ROLE_SHARED_UP, "ffn_up_shexp.weight", "mixer.shared_experts.up_proj.weight", { P_FF_SHARED, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_SHARED_DOWN, "ffn_down_shexp.weight", "mixer.shared_experts.down_proj.weight", { P_MODEL, P_FF_SHARED },
	  .in = LAYER_MOE },
	{ FMT_ROLE_MOE_LATENT, "ffn_latent_down.weight", "mixer.fc1_latent_proj.weight", { P_MOE_LATENT, P_MODEL },
	  { P_MOE_LATENT, ARCH_SET }, .in = LAYER_MOE },
	{ FMT_ROLE_MOE_LATENT, "ffn_latent_up.weight", "mixer.fc2_latent_proj.weight", { P_MODEL, P_MOE_LATENT },
	  { P_MOE_LATENT, ARCH_SET }, .in = LAYER_MOE },
	{ FMT_ROLE_NONE },
};

static const struct arch_word pattern[] = {
	{ "M", LAYER_SSM }, { "*", LAYER_FULL }, { "-", LAYER_DENSE }, { "E", LAYER_MOE }, { NULL, 0 },
};
static const struct arch_param_row *const params[] = { sizes, NULL };
static const struct arch_key keys[] = { { NULL } };
static const char *const classes[] = { "NemotronHForCausalLM", NULL };
static const char *const types[] = { "nemotron_h", NULL };
static const char *const skip[] = { NULL };

const struct fmt_arch arch_nemotronh = {
	.gguf = "nemotron_h",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.globals = globals,
	.layers = layers,
	.layer_prefix = "backbone.layers.",
	.skip = skip,
	.pattern = pattern,
	.kinds = LAYER_FULL | LAYER_SSM | LAYER_DENSE | LAYER_MOE,
};
