/* Nemotron-H: each layer is one thing, a Mamba 2 state space, attention without positions, a feed-forward block of two matrices,
 * or experts that are such; a string with one letter per layer says which, or a list. A GGUF of those that have experts is of
 * another architecture.
 *
 * Source of defaults: NemotronHConfig of transformers 5. */
#include "arch_shared.h"

static const struct arch_word squared_relu[] = { { "relu2", 0 }, { NULL, 0 } };

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
	{ P_TIED, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 0 } }, /* whatever tie_word_embeddings says: the class ties nothing */
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_MLP_BIAS, KIND_FLAG, "mlp_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_PROJ_BIAS, KIND_FLAG, "use_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_ACT, KIND_WORD, "mlp_hidden_act", { ELSE_FIXED, .fixed = 0 }, .words = squared_relu },
	{ P_NORM_EPS, KIND_REAL, "layer_norm_epsilon", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_ONE, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 1 },
	{ P_ZERO, KIND_NUMBER, NULL, { ELSE_FIXED, .fixed = 0 } },
	{ P_ANY_CONTEXT, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 1 << 20 }, .max = 1 << 20 },
	{ P_ROPE_THETA, KIND_REAL, ARCH_ROPE_THETA, { ELSE_UNSET } }, /* nothing rotates */
	{ P_ROPE_DIM, KIND_COUNT, NULL, { ELSE_QUOTIENT, P_MODEL, P_HEADS }, .max = ARCH_MAX_WIDTH },

	{ P_EXPERTS, KIND_COUNT, "n_routed_experts num_experts", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_FIXED, .fixed = 2 }, .max = ARCH_MAX_HEADS,
	  .at_most = P_EXPERTS },
	{ P_FF_EXPERT, KIND_COUNT, "moe_intermediate_size", { ELSE_FIXED, .fixed = 7688 }, .max = ARCH_MAX_WIDTH },
	{ P_FF_SHARED, KIND_COUNT, "moe_shared_expert_intermediate_size", { ELSE_FIXED, .fixed = 7688 }, .max = ARCH_MAX_WIDTH },
	{ P_SHARED, KIND_NUMBER, "n_shared_experts", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_HEADS },
	{ P_GROUPS, KIND_COUNT, "n_group", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_HEADS, .divides = P_EXPERTS },
	{ P_GROUPS_USED, KIND_COUNT, "topk_group", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_HEADS, .at_most = P_GROUPS },
	{ P_NORM_TOPK, KIND_FLAG, "norm_topk_prob", { ELSE_FIXED, .fixed = 1 } },
	{ P_EXPERT_SCALE, KIND_REAL, "routed_scaling_factor", { ELSE_FIXED, .fixed = 1 } },
	{ P_NEXT_LAYERS, KIND_NUMBER, "num_nextn_predict_layers", { ELSE_FIXED, .fixed = 0 }, .max = ARCH_MAX_NEXT },
	{ P_MOE_LATENT, KIND_COUNT, "moe_latent_size", { ELSE_UNSET }, { ELSE_UNSET }, .max = ARCH_MAX_WIDTH },
	{ P_LATENT_BIAS, KIND_FLAG, NULL, { ELSE_SAME, P_MLP_BIAS }, .when = { P_MOE_LATENT, ARCH_SET } },
	{ P_MOE_WIDTH, KIND_COUNT, NULL, { ELSE_SAME, P_MODEL }, .max = ARCH_MAX_WIDTH },
	{ P_MOE_WIDTH, KIND_COUNT, NULL, { ELSE_SAME, P_MOE_LATENT }, .max = ARCH_MAX_WIDTH, .when = { P_MOE_LATENT, ARCH_SET } },

	{ P_SSM_STATE, KIND_COUNT, "ssm_state_size", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_WIDTH },
	{ P_SSM_HEADS, KIND_COUNT, "mamba_num_heads", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_HEADS },
	{ P_SSM_HEAD_DIM, KIND_COUNT, "mamba_head_dim", { ELSE_FIXED, .fixed = 64 }, .max = ARCH_MAX_WIDTH },
	{ P_SSM_GROUPS, KIND_COUNT, "mamba_n_groups n_groups", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_HEADS,
	  .divides = P_SSM_HEADS },
	{ P_SSM_CONV, KIND_COUNT, "mamba_d_conv conv_kernel", { ELSE_FIXED, .fixed = 4 }, .max = 1024 },
	{ P_CONV_BIAS, KIND_FLAG, "mamba_conv_bias use_conv_bias", { ELSE_FIXED, .fixed = 1 } },
	{ P_SSM_INNER, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SSM_HEADS, P_SSM_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_SSM_GROUP, KIND_COUNT, NULL, { ELSE_QUOTIENT, P_SSM_INNER, P_SSM_GROUPS }, .max = ARCH_MAX_WIDTH },
	{ P_STATE_ELEMS, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SSM_INNER, P_SSM_STATE }, .max = UINT64_C(1) << 40 },
	{ P_SSM_X, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SSM_GROUPS, P_SSM_STATE }, .max = ARCH_MAX_WIDTH },
	{ P_CONV_WIDTH, KIND_COUNT, NULL, { ELSE_SUM, P_SSM_INNER, P_SSM_X, 2 }, .max = 4 * ARCH_MAX_WIDTH },
	{ P_SSM_IN, KIND_COUNT, NULL, { ELSE_SUM, P_SSM_INNER, P_CONV_WIDTH, 1 }, .max = 8 * ARCH_MAX_WIDTH },
	{ P_SSM_IN, KIND_COUNT, NULL, { ELSE_SUM, P_SSM_IN, P_SSM_HEADS, 1 }, .max = 8 * ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_tensor globals[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "backbone.embeddings.weight", { P_VOCAB, P_MODEL },
	  .other = "backbone.embedding.weight" }, /* transformers 5 writes it so */
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "backbone.norm_f.weight", { P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

/* Heads of queries and keys move as if they rotated: the reference converter has it so, and products of both stay the same. */
static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "norm.weight", { P_MODEL } },
	{ FMT_ROLE_SSM_IN, "ssm_in.weight", "mixer.in_proj.weight", { P_SSM_IN, P_MODEL }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_CONV, "ssm_conv1d.weight", "mixer.conv1d.weight", { P_CONV_WIDTH, P_SSM_CONV }, .in = LAYER_SSM,
	  .from = { P_CONV_WIDTH, P_ONE, P_SSM_CONV } },
	{ FMT_ROLE_SSM_CONV_B, "ssm_conv1d.bias", "mixer.conv1d.bias", { P_CONV_WIDTH }, { P_CONV_BIAS, 1 }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_DT_B, "ssm_dt.bias", "mixer.dt_bias", { P_SSM_HEADS }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_A, "ssm_a", "mixer.A_log", { P_SSM_HEADS, P_ONE }, .in = LAYER_SSM, .move = MOVE_SPLIT,
	  .op = FMT_OP_NEG_EXP, .from = { P_SSM_HEADS } },
	{ FMT_ROLE_SSM_D, "ssm_d", "mixer.D", { P_SSM_HEADS, P_ONE }, .in = LAYER_SSM, .move = MOVE_SPLIT, .from = { P_SSM_HEADS } },
	{ FMT_ROLE_SSM_NORM, "ssm_norm.weight", "mixer.norm.weight", { P_SSM_GROUPS, P_SSM_GROUP }, .in = LAYER_SSM,
	  .move = MOVE_SPLIT, .from = { P_SSM_INNER } },
	{ FMT_ROLE_SSM_OUT, "ssm_out.weight", "mixer.out_proj.weight", { P_MODEL, P_SSM_INNER }, .in = LAYER_SSM },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "mixer.q_proj.weight", { P_Q_WIDTH, P_MODEL }, .in = LAYER_FULL, .move = MOVE_ROPE_Q },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "mixer.k_proj.weight", { P_KV_WIDTH, P_MODEL }, .in = LAYER_FULL, .move = MOVE_ROPE_K },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "mixer.v_proj.weight", { P_KV_WIDTH, P_MODEL }, .in = LAYER_FULL },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "mixer.o_proj.weight", { P_MODEL, P_Q_WIDTH }, .in = LAYER_FULL },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mixer.up_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mixer.down_proj.weight", { P_MODEL, P_FF }, .in = LAYER_DENSE },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "mixer.gate.weight", { P_EXPERTS, P_MODEL }, .in = LAYER_MOE },
	{ FMT_ROLE_MOE_BIAS, "exp_probs_b.bias", "mixer.gate.e_score_correction_bias", { P_EXPERTS }, .in = LAYER_MOE },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "mixer.experts.*.up_proj.weight", { P_EXPERTS, P_FF_EXPERT, P_MOE_WIDTH },
	  .in = LAYER_MOE, .other = "mixer.experts.up_proj" },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "mixer.experts.*.down_proj.weight", { P_EXPERTS, P_MOE_WIDTH, P_FF_EXPERT },
	  .in = LAYER_MOE, .other = "mixer.experts.down_proj" },
	{ FMT_ROLE_SHARED_UP, "ffn_up_shexp.weight", "mixer.shared_experts.up_proj.weight", { P_FF_SHARED, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_SHARED_DOWN, "ffn_down_shexp.weight", "mixer.shared_experts.down_proj.weight", { P_MODEL, P_FF_SHARED },
	  .in = LAYER_MOE },
	{ FMT_ROLE_MOE_LATENT, "ffn_latent_down.weight", "mixer.fc1_latent_proj.weight", { P_MOE_LATENT, P_MODEL },
	  { P_MOE_LATENT, ARCH_SET }, .in = LAYER_MOE },
	{ FMT_ROLE_MOE_LATENT_UP, "ffn_latent_up.weight", "mixer.fc2_latent_proj.weight", { P_MODEL, P_MOE_LATENT },
	  { P_MOE_LATENT, ARCH_SET }, .in = LAYER_MOE },
	{ FMT_ROLE_NONE },
};

/* Of attention its authors' class has them, that of transformers whatever attention_bias says has not. */
static const struct arch_tensor biases[] = {
	{ FMT_ROLE_SSM_IN_B, "ssm_in.bias", "mixer.in_proj.bias", { P_SSM_IN }, { P_PROJ_BIAS, 1 }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_OUT_B, "ssm_out.bias", "mixer.out_proj.bias", { P_MODEL }, { P_PROJ_BIAS, 1 }, .in = LAYER_SSM },
	{ FMT_ROLE_ATTN_Q_B, "attn_q.bias", "mixer.q_proj.bias", { P_Q_WIDTH }, { P_ATTN_BIAS, 1 }, MOVE_ROPE_Q, .in = LAYER_FULL,
	  .may_lack = true },
	{ FMT_ROLE_ATTN_K_B, "attn_k.bias", "mixer.k_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 }, MOVE_ROPE_K, .in = LAYER_FULL,
	  .may_lack = true },
	{ FMT_ROLE_ATTN_V_B, "attn_v.bias", "mixer.v_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 }, .in = LAYER_FULL,
	  .may_lack = true },
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "mixer.o_proj.bias", { P_MODEL }, { P_ATTN_BIAS, 1 }, .in = LAYER_FULL,
	  .may_lack = true },
	{ FMT_ROLE_FFN_UP_B, "ffn_up.bias", "mixer.up_proj.bias", { P_FF }, { P_MLP_BIAS, 1 }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_DOWN_B, "ffn_down.bias", "mixer.down_proj.bias", { P_MODEL }, { P_MLP_BIAS, 1 }, .in = LAYER_DENSE },
	{ FMT_ROLE_SHARED_UP_B, "ffn_up_shexp.bias", "mixer.shared_experts.up_proj.bias", { P_FF_SHARED }, { P_MLP_BIAS, 1 },
	  .in = LAYER_MOE },
	{ FMT_ROLE_SHARED_DOWN_B, "ffn_down_shexp.bias", "mixer.shared_experts.down_proj.bias", { P_MODEL }, { P_MLP_BIAS, 1 },
	  .in = LAYER_MOE },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor latent_biases[] = {
	{ FMT_ROLE_MOE_LATENT_B, "ffn_latent_down.bias", "mixer.fc1_latent_proj.bias", { P_MOE_LATENT }, { P_LATENT_BIAS, 1 },
	  .in = LAYER_MOE },
	{ FMT_ROLE_MOE_LATENT_UP_B, "ffn_latent_up.bias", "mixer.fc2_latent_proj.bias", { P_MODEL }, { P_LATENT_BIAS, 1 },
	  .in = LAYER_MOE },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor *const parts[] = { biases, latent_biases, NULL };

static const struct arch_word pattern[] = {
	{ "M", LAYER_SSM }, { "*", LAYER_FULL }, { "-", LAYER_DENSE }, { "E", LAYER_MOE }, { NULL, 0 },
};

#define FIRST_KEYS                                                                                                     \
	{ "block_count", FMT_KV_U32, P_LAYERS },                                                                       \
	{ "context_length", FMT_KV_U32, P_ANY_CONTEXT },                                                               \
	{ "embedding_length", FMT_KV_U32, P_MODEL },                                                                   \
	{ "feed_forward_length", FMT_KV_ARR, P_FF },                                                                   \
	{ "attention.head_count", FMT_KV_U32, P_HEADS },                                                               \
	{ "attention.head_count_kv", FMT_KV_ARR, P_HEADS_KV },                                                         \
	{ "rope.freq_base", FMT_KV_F32, P_ROPE_THETA },                                                                \
	{ "attention.layer_norm_rms_epsilon", FMT_KV_F32, P_NORM_EPS },                                                \
	{ "attention.layer_norm_epsilon", FMT_KV_F32, P_NORM_EPS }

#define LAST_KEYS                                                                                                      \
	ARCH_FILE_TYPE,                                                                                                \
	{ "vocab_size", FMT_KV_U32, P_VOCAB },                                                                         \
	{ "rope.dimension_count", FMT_KV_U32, P_ROPE_DIM },                                                            \
	{ "ssm.conv_kernel", FMT_KV_U32, P_SSM_CONV },                                                                 \
	{ "ssm.state_size", FMT_KV_U32, P_SSM_STATE },                                                                 \
	{ "ssm.group_count", FMT_KV_U32, P_SSM_GROUPS },                                                               \
	{ "ssm.inner_size", FMT_KV_U32, P_SSM_INNER },                                                                 \
	{ "ssm.time_step_rank", FMT_KV_U32, P_SSM_HEADS },                                                             \
	{ "rope.scaling.finetuned", FMT_KV_BOOL, P_ZERO },                                                             \
	{ "attention.key_length", FMT_KV_U32, P_HEAD_DIM },                                                            \
	{ "attention.value_length", FMT_KV_U32, P_HEAD_DIM },                                                          \
	ARCH_STEP_KEYS

static const struct arch_key keys[] = {
	FIRST_KEYS,
	LAST_KEYS,
	{ NULL },
};

static const struct arch_key moe_keys[] = {
	FIRST_KEYS,
	{ "expert_count", FMT_KV_U32, P_EXPERTS },
	{ "expert_used_count", FMT_KV_U32, P_EXPERTS_USED },
	{ "expert_group_count", FMT_KV_U32, P_GROUPS },
	{ "expert_group_used_count", FMT_KV_U32, P_GROUPS_USED },
	LAST_KEYS,
	{ "expert_feed_forward_length", FMT_KV_U32, P_FF_EXPERT },
	{ "expert_shared_feed_forward_length", FMT_KV_U32, P_FF_SHARED },
	{ "expert_shared_count", FMT_KV_U32, P_SHARED },
	{ "expert_weights_norm", FMT_KV_BOOL, P_NORM_TOPK },
	{ "expert_weights_scale", FMT_KV_F32, P_EXPERT_SCALE },
	{ "moe_latent_size", FMT_KV_U32, P_MOE_LATENT },
	{ NULL },
};

static const struct arch_param_row *const params[] = { sizes, arch_step_limits, NULL };
static const char *const classes[] = { "NemotronHForCausalLM", NULL };
static const char *const types[] = { "nemotron_h", NULL };
static const char *const skip[] = { NULL };

#define NO_CONV_BIAS "llama.cpp will not load it: it wants a bias on the convolution, config.json says there is none"
#define PROJ_BIASES  "llama.cpp will not load it: it has no biases on the projections, config.json says there are"

static const struct arch_note notes[] = {
	{ { P_CONV_BIAS, 0 }, NO_CONV_BIAS },
	{ { P_PROJ_BIAS, 1 }, PROJ_BIASES },
	ARCH_NOTES_STEP,
	{ { P_NONE }, NULL },
};

static const struct arch_note moe_notes[] = {
	{ { P_CONV_BIAS, 0 }, NO_CONV_BIAS },
	{ { P_PROJ_BIAS, 1 }, PROJ_BIASES },
	{ { P_MLP_BIAS, 1 }, "llama.cpp will not load it: it has no biases on shared experts, config.json says there are" },
	ARCH_NOTES_STEP,
	{ { P_NONE }, NULL },
};

const struct fmt_arch arch_nemotronh = {
	.gguf = "nemotron_h",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.own_keys = true,
	.globals = globals,
	.layers = layers,
	.parts = parts,
	.layer_prefix = "backbone.layers.",
	.skip = skip,
	.pattern = pattern,
	.kinds = LAYER_FULL | LAYER_SSM | LAYER_DENSE | LAYER_MOE,
	.notes = notes,
	.with_experts = &arch_nemotronh_moe,
};

const struct fmt_arch arch_nemotronh_moe = {
	.gguf = "nemotron_h_moe",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = moe_keys,
	.own_keys = true,
	.globals = globals,
	.layers = layers,
	.parts = parts,
	.layer_prefix = "backbone.layers.",
	.skip = skip,
	.pattern = pattern,
	.kinds = LAYER_FULL | LAYER_SSM | LAYER_DENSE | LAYER_MOE,
	.notes = moe_notes,
	.only_moe = true,
};
