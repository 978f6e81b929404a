/* Mamba and Mamba 2: every layer is a state space, with no attention and no feed-forward block.
 *
 * Source of defaults: MambaConfig and Mamba2Config of transformers 5. Readers of a GGUF want a context, heads and a feed-forward
 * block of it: the reference converter writes 2^20, 0 and 0. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers n_layer", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_LAYERS },
	{ P_MODEL, KIND_COUNT, "hidden_size d_model", { ELSE_FIXED, .fixed = 768 }, .max = ARCH_MAX_WIDTH },
	{ P_SSM_INNER, KIND_COUNT, "expand", { ELSE_FIXED, .fixed = 2 }, .max = 64 },
	{ P_SSM_INNER, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SSM_INNER, P_MODEL }, .max = ARCH_MAX_WIDTH },
	{ P_SSM_STATE, KIND_COUNT, "state_size", { ELSE_FIXED, .fixed = 16 }, .max = ARCH_MAX_WIDTH },
	{ P_SSM_CONV, KIND_COUNT, "conv_kernel", { ELSE_FIXED, .fixed = 4 }, .max = 1024 },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 50280 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 1 } },
	{ P_CONV_BIAS, KIND_FLAG, "use_conv_bias", { ELSE_FIXED, .fixed = 1 } },
	{ P_PROJ_BIAS, KIND_FLAG, "use_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_NORM_EPS, KIND_REAL, "layer_norm_epsilon rms_norm_eps", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_ONE, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 1 },
	{ P_ZERO, KIND_NUMBER, NULL, { ELSE_FIXED, .fixed = 0 } },
	{ P_ANY_CONTEXT, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 1 << 20 }, .max = 1 << 20 },
	{ P_NONE },
};

static const struct arch_param_row time_steps[] = {
	{ P_SSM_RANK, KIND_COUNT, "time_step_rank", { ELSE_CEIL, P_MODEL, .fixed = 16 }, { ELSE_CEIL, P_MODEL, .fixed = 16 }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_param_row heads[] = {
	{ P_SSM_HEADS, KIND_COUNT, "num_heads", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_HEADS, .divides = P_SSM_INNER },
	{ P_SSM_GROUPS, KIND_COUNT, "n_groups", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_HEADS, .divides = P_SSM_HEADS },
	{ P_SSM_GROUP, KIND_COUNT, NULL, { ELSE_QUOTIENT, P_SSM_INNER, P_SSM_GROUPS }, .max = ARCH_MAX_WIDTH },
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
	{ FMT_ROLE_SSM_IN, "ssm_in.weight", "mixer.in_proj.weight", { P_SSM_INNER_TWICE, P_MODEL } },
	{ FMT_ROLE_SSM_CONV, "ssm_conv1d.weight", "mixer.conv1d.weight", { P_SSM_INNER, P_SSM_CONV },
	  .from = { P_SSM_INNER, P_ONE, P_SSM_CONV } },
	{ FMT_ROLE_SSM_CONV_B, "ssm_conv1d.bias", "mixer.conv1d.bias", { P_SSM_INNER }, { P_CONV_BIAS, 1 } },
	{ FMT_ROLE_SSM_X, "ssm_x.weight", "mixer.x_proj.weight", { P_SSM_X, P_SSM_INNER } },
	{ FMT_ROLE_SSM_DT, "ssm_dt.weight", "mixer.dt_proj.weight", { P_SSM_INNER, P_SSM_RANK } },
	{ FMT_ROLE_SSM_DT_B, "ssm_dt.bias", "mixer.dt_proj.bias", { P_SSM_INNER } },
	{ FMT_ROLE_SSM_A, "ssm_a", "mixer.A_log", { P_SSM_INNER, P_SSM_STATE }, .op = FMT_OP_NEG_EXP },
	{ FMT_ROLE_SSM_D, "ssm_d", "mixer.D", { P_SSM_INNER } },
	{ FMT_ROLE_SSM_OUT, "ssm_out.weight", "mixer.out_proj.weight", { P_MODEL, P_SSM_INNER } },
	{ FMT_ROLE_SSM_IN_B, "ssm_in.bias", "mixer.in_proj.bias", { P_SSM_INNER_TWICE }, { P_PROJ_BIAS, 1 } },
	{ FMT_ROLE_SSM_OUT_B, "ssm_out.bias", "mixer.out_proj.bias", { P_MODEL }, { P_PROJ_BIAS, 1 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor layers_2[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "norm.weight", { P_MODEL } },
	{ FMT_ROLE_SSM_IN, "ssm_in.weight", "mixer.in_proj.weight", { P_SSM_IN, P_MODEL } },
	{ FMT_ROLE_SSM_CONV, "ssm_conv1d.weight", "mixer.conv1d.weight", { P_CONV_WIDTH, P_SSM_CONV },
	  .from = { P_CONV_WIDTH, P_ONE, P_SSM_CONV } },
	{ FMT_ROLE_SSM_CONV_B, "ssm_conv1d.bias", "mixer.conv1d.bias", { P_CONV_WIDTH }, { P_CONV_BIAS, 1 } },
	{ FMT_ROLE_SSM_DT_B, "ssm_dt.bias", "mixer.dt_bias", { P_SSM_HEADS } },
	{ FMT_ROLE_SSM_A, "ssm_a", "mixer.A_log", { P_SSM_HEADS, P_ONE }, .move = MOVE_SPLIT, .op = FMT_OP_NEG_EXP, .from = { P_SSM_HEADS } },
	{ FMT_ROLE_SSM_D, "ssm_d", "mixer.D", { P_SSM_HEADS, P_ONE }, .move = MOVE_SPLIT, .from = { P_SSM_HEADS } },
	{ FMT_ROLE_SSM_NORM, "ssm_norm.weight", "mixer.norm.weight", { P_SSM_GROUPS, P_SSM_GROUP }, .move = MOVE_SPLIT,
	  .from = { P_SSM_INNER } },
	{ FMT_ROLE_SSM_OUT, "ssm_out.weight", "mixer.out_proj.weight", { P_MODEL, P_SSM_INNER } },
	{ FMT_ROLE_SSM_IN_B, "ssm_in.bias", "mixer.in_proj.bias", { P_SSM_IN }, { P_PROJ_BIAS, 1 } },
	{ FMT_ROLE_SSM_OUT_B, "ssm_out.bias", "mixer.out_proj.bias", { P_MODEL }, { P_PROJ_BIAS, 1 } },
	{ FMT_ROLE_NONE },
};

#define FIRST_KEYS                                                                                                     \
	{ "context_length", FMT_KV_U32, P_ANY_CONTEXT },                                                               \
	{ "embedding_length", FMT_KV_U32, P_MODEL },                                                                   \
	{ "feed_forward_length", FMT_KV_U32, P_ZERO },                                                                 \
	{ "attention.head_count", FMT_KV_U32, P_ZERO },                                                                \
	{ "block_count", FMT_KV_U32, P_LAYERS },                                                                       \
	{ "ssm.conv_kernel", FMT_KV_U32, P_SSM_CONV },                                                                 \
	{ "ssm.inner_size", FMT_KV_U32, P_SSM_INNER },                                                                 \
	{ "ssm.state_size", FMT_KV_U32, P_SSM_STATE }

static const struct arch_key keys[] = {
	FIRST_KEYS,
	{ "ssm.time_step_rank", FMT_KV_U32, P_SSM_RANK },
	{ "attention.layer_norm_rms_epsilon", FMT_KV_F32, P_NORM_EPS },
	{ "ssm.dt_b_c_rms", FMT_KV_BOOL, P_ZERO },
	ARCH_FILE_TYPE,
	{ NULL },
};

static const struct arch_key keys_2[] = {
	FIRST_KEYS,
	{ "ssm.time_step_rank", FMT_KV_U32, P_SSM_HEADS },
	{ "ssm.group_count", FMT_KV_U32, P_SSM_GROUPS },
	{ "attention.layer_norm_rms_epsilon", FMT_KV_F32, P_NORM_EPS },
	ARCH_FILE_TYPE,
	ARCH_STEP_KEYS,
	{ NULL },
};

static const char *const skip[] = { NULL };

const struct fmt_arch arch_mamba = {
	.gguf = "mamba",
	.classes = (const char *const[]){ "MambaForCausalLM", NULL },
	.types = (const char *const[]){ "mamba", NULL },
	.params = (const struct arch_param_row *const[]){ sizes, time_steps, arch_mamba1_widths, arch_silu, NULL },
	.keys = keys,
	.own_keys = true,
	.globals = globals,
	.layers = layers,
	.layer_prefix = "backbone.layers.",
	.skip = skip,
	.mixer = LAYER_SSM,
	.notes = arch_note_mamba_biases,
};

const struct fmt_arch arch_mamba2 = {
	.gguf = "mamba2",
	.classes = (const char *const[]){ "Mamba2ForCausalLM", NULL },
	.types = (const char *const[]){ "mamba2", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 64 }, { P_MODEL, 4096 }, { P_VOCAB, 32768 }, { P_SSM_STATE, 128 }, { P_TIED, 0 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ sizes, heads, arch_mamba2_widths, arch_step_limits, arch_silu, NULL },
	.keys = keys_2,
	.own_keys = true,
	.globals = globals,
	.layers = layers_2,
	.layer_prefix = "backbone.layers.",
	.skip = skip,
	.mixer = LAYER_SSM,
	.notes = arch_note_mamba_biases,
};
