/* Mamba: every layer is a state space, with no attention and no feed-forward block.
 *
 * Source of defaults: MambaConfig of transformers 5; the output matrix is the embedding. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers n_layer", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_LAYERS },
	{ P_MODEL, KIND_COUNT, "hidden_size d_model", { ELSE_FIXED, .fixed = 768 }, .max = ARCH_MAX_WIDTH },
	{ P_SSM_INNER, KIND_COUNT, "expand", { ELSE_FIXED, .fixed = 2 }, .max = 64 },
	{ P_SSM_INNER, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SSM_INNER, P_MODEL }, .max = ARCH_MAX_WIDTH },
	{ P_SSM_INNER_TWICE, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SSM_INNER, .fixed = 2 }, .max = 2 * ARCH_MAX_WIDTH },
	{ P_SSM_STATE, KIND_COUNT, "state_size", { ELSE_FIXED, .fixed = 16 }, .max = ARCH_MAX_WIDTH },
	{ P_SSM_CONV, KIND_COUNT, "conv_kernel", { ELSE_FIXED, .fixed = 4 }, .max = 1024 },
	{ P_SSM_RANK, KIND_COUNT, "time_step_rank", { ELSE_CEIL, P_MODEL, .fixed = 16 }, { ELSE_CEIL, P_MODEL, .fixed = 16 }, .max = ARCH_MAX_WIDTH },
	{ P_SSM_X, KIND_COUNT, NULL, { ELSE_SUM, P_SSM_RANK, P_SSM_STATE, 2 }, .max = 4 * ARCH_MAX_WIDTH },
	{ P_CONV_WIDTH, KIND_COUNT, NULL, { ELSE_SAME, P_SSM_INNER }, .max = ARCH_MAX_WIDTH },
	{ P_STATE_ELEMS, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SSM_INNER, P_SSM_STATE }, .max = UINT64_C(1) << 40 },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 50280 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 1 } },
	{ P_CONV_BIAS, KIND_FLAG, "use_conv_bias", { ELSE_FIXED, .fixed = 1 } },
	{ P_PROJ_BIAS, KIND_FLAG, "use_bias", { ELSE_FIXED, .fixed = 0 } },
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
	{ FMT_ROLE_SSM_CONV, "ssm_conv1d.weight", "mixer.conv1d.weight", { P_SSM_INNER, P_SSM_CONV } },
	{ FMT_ROLE_SSM_CONV_B, "ssm_conv1d.bias", "mixer.conv1d.bias", { P_SSM_INNER }, { P_CONV_BIAS, 1 } },
	{ FMT_ROLE_SSM_X, "ssm_x.weight", "mixer.x_proj.weight", { P_SSM_X, P_SSM_INNER } },
	{ FMT_ROLE_SSM_DT, "ssm_dt.weight", "mixer.dt_proj.weight", { P_SSM_INNER, P_SSM_RANK } },
	{ FMT_ROLE_SSM_DT_B, "ssm_dt.bias", "mixer.dt_proj.bias", { P_SSM_INNER } },
	{ FMT_ROLE_SSM_A, "ssm_a", "mixer.A_log", { P_SSM_INNER, P_SSM_STATE } },
	{ FMT_ROLE_SSM_D, "ssm_d", "mixer.D", { P_SSM_INNER } },
	{ FMT_ROLE_SSM_IN, "ssm_in.bias", "mixer.in_proj.bias", { P_SSM_INNER_TWICE }, { P_PROJ_BIAS, 1 } },
	{ FMT_ROLE_SSM_OUT, "ssm_out.bias", "mixer.out_proj.bias", { P_MODEL }, { P_PROJ_BIAS, 1 } },
	{ FMT_ROLE_SSM_OUT, "ssm_out.weight", "mixer.out_proj.weight", { P_MODEL, P_SSM_INNER } },
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row *const params[] = { sizes, NULL };
static const struct arch_key keys[] = { { NULL } };
static const char *const classes[] = { "MambaForCausalLM", NULL };
static const char *const types[] = { "mamba", NULL };
static const char *const skip[] = { NULL };

const struct fmt_arch arch_mamba = {
	.gguf = "mamba",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.globals = globals,
	.layers = layers,
	.layer_prefix = "backbone.layers.",
	.skip = skip,
	.mixer = LAYER_SSM,
};
