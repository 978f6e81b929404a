/* Jamba: Mamba in most layers, with norms of its own on time steps, B and C, and attention without positions in every
 * n-th; a feed-forward block in each, of experts in every n-th.
 *
 * Source of defaults: JambaConfig of transformers 5. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 262144 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 4096 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 14336 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_FIXED, .fixed = 8 }, { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS,
	  .divides = P_HEADS },
	{ P_HEAD_DIM, KIND_COUNT, NULL, { ELSE_QUOTIENT, P_MODEL, P_HEADS }, .max = ARCH_MAX_WIDTH },
	{ P_Q_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_KV_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS_KV, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 65536 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-6 } },

	{ P_ATTN_EVERY, KIND_COUNT, "attn_layer_period", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_LAYERS },
	{ P_ATTN_OFFSET, KIND_NUMBER, "attn_layer_offset", { ELSE_FIXED, .fixed = 4 }, .max = ARCH_MAX_LAYERS, .at_most = P_ATTN_EVERY },
	{ P_SSM_INNER, KIND_COUNT, "mamba_expand", { ELSE_FIXED, .fixed = 2 }, .max = 64 },
	{ P_SSM_INNER, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SSM_INNER, P_MODEL }, .max = ARCH_MAX_WIDTH },
	{ P_SSM_STATE, KIND_COUNT, "mamba_d_state", { ELSE_FIXED, .fixed = 16 }, .max = ARCH_MAX_WIDTH },
	{ P_SSM_CONV, KIND_COUNT, "mamba_d_conv", { ELSE_FIXED, .fixed = 4 }, .max = 1024 },
	{ P_SSM_RANK, KIND_COUNT, "mamba_dt_rank", { ELSE_CEIL, P_MODEL, .fixed = 16 }, { ELSE_CEIL, P_MODEL, .fixed = 16 },
	  .max = ARCH_MAX_WIDTH },
	{ P_CONV_BIAS, KIND_FLAG, "mamba_conv_bias", { ELSE_FIXED, .fixed = 1 } },
	{ P_PROJ_BIAS, KIND_FLAG, "mamba_proj_bias", { ELSE_FIXED, .fixed = 0 } },

	/* one expert is none */
	{ P_EXPERTS, KIND_COUNT, "num_experts num_local_experts", { ELSE_FIXED, .fixed = 16 }, .max = ARCH_MAX_HEADS },
	{ P_DENSE_FIRST, KIND_NUMBER, NULL, { ELSE_FIXED, .fixed = ARCH_MAX_LAYERS }, .max = ARCH_MAX_LAYERS, .when = { P_EXPERTS, 1 } },
	{ P_EXPERTS_USED, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 1, .when = { P_EXPERTS, 1 } },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_FIXED, .fixed = 2 }, .max = ARCH_MAX_HEADS, .at_most = P_EXPERTS,
	  .when = { P_DENSE_FIRST, ARCH_UNSET } },
	{ P_FF_EXPERT, KIND_COUNT, NULL, { ELSE_SAME, P_FF }, .max = ARCH_MAX_WIDTH },
	{ P_MOE_STEP, KIND_COUNT, "expert_layer_period", { ELSE_FIXED, .fixed = 2 }, .max = ARCH_MAX_LAYERS },
	{ P_MOE_OFFSET, KIND_NUMBER, "expert_layer_offset", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_LAYERS, .at_most = P_MOE_STEP },
	{ P_NONE },
};

static const struct arch_tensor globals[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "model.embed_tokens.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "model.final_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

/* The other names are those of checkpoints from before transformers had the class, in which a dense block is one expert. */
static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_SSM_DT_NORM, "ssm_dt_norm.weight", "mamba.dt_layernorm.weight", { P_SSM_RANK }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_B_NORM, "ssm_b_norm.weight", "mamba.b_layernorm.weight", { P_SSM_STATE }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_C_NORM, "ssm_c_norm.weight", "mamba.c_layernorm.weight", { P_SSM_STATE }, .in = LAYER_SSM },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "pre_ff_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "feed_forward.gate_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE,
	  .other = "moe.experts.0.gate_proj.weight" },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "feed_forward.up_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE,
	  .other = "moe.experts.0.up_proj.weight" },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "feed_forward.down_proj.weight", { P_MODEL, P_FF }, .in = LAYER_DENSE,
	  .other = "moe.experts.0.down_proj.weight" },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "feed_forward.router.weight", { P_EXPERTS, P_MODEL }, .in = LAYER_MOE,
	  .other = "moe.router.weight" },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps.weight", "feed_forward.experts.*.gate_proj.weight", { P_EXPERTS, P_FF, P_MODEL },
	  .in = LAYER_MOE, .other = "moe.experts.*.gate_proj.weight" },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "feed_forward.experts.*.up_proj.weight", { P_EXPERTS, P_FF, P_MODEL },
	  .in = LAYER_MOE, .other = "moe.experts.*.up_proj.weight" },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "feed_forward.experts.*.down_proj.weight", { P_EXPERTS, P_MODEL, P_FF },
	  .in = LAYER_MOE, .other = "moe.experts.*.down_proj.weight" },
	{ FMT_ROLE_NONE },
};

static const struct arch_key keys[] = {
	{ "block_count", FMT_KV_U32, P_LAYERS },
	{ "context_length", FMT_KV_U32, P_CONTEXT },
	{ "embedding_length", FMT_KV_U32, P_MODEL },
	{ "feed_forward_length", FMT_KV_U32, P_FF },
	{ "attention.head_count", FMT_KV_U32, P_HEADS },
	{ "attention.head_count_kv", FMT_KV_ARR, P_HEADS_KV },
	{ "ssm.conv_kernel", FMT_KV_U32, P_SSM_CONV },
	{ "ssm.inner_size", FMT_KV_U32, P_SSM_INNER },
	{ "ssm.state_size", FMT_KV_U32, P_SSM_STATE },
	{ "ssm.time_step_rank", FMT_KV_U32, P_SSM_RANK },
	{ "attention.layer_norm_rms_epsilon", FMT_KV_F32, P_NORM_EPS },
	{ "expert_count", FMT_KV_U32, P_EXPERTS },
	{ "expert_used_count", FMT_KV_U32, P_EXPERTS_USED },
	ARCH_FILE_TYPE,
	{ NULL },
};

static const char *const skip[] = { NULL };

const struct fmt_arch arch_jamba = {
	.gguf = "jamba",
	.classes = (const char *const[]){ "JambaForCausalLM", NULL },
	.types = (const char *const[]){ "jamba", NULL },
	.params = (const struct arch_param_row *const[]){ sizes, arch_mamba1_widths, arch_silu, NULL },
	.keys = keys,
	.own_keys = true,
	.globals = globals,
	.layers = layers,
	.parts = (const struct arch_tensor *const[]){ arch_attention, arch_mamba1_block, NULL },
	.layer_prefix = "model.layers.",
	.skip = skip,
	.mixer = LAYER_SSM,
	.ssm_block = true,
	.notes = arch_note_mamba_biases,
};
