/* State spaces, and hybrids of state spaces or short convolutions and attention: counted, not converted yet.
 *
 * Source of defaults: the classes' configurations of transformers 5. */
#include "arch_shared.h"

/* Mamba within a hybrid. */
#define INNER(key)                                                                                                     \
	{ P_SSM_INNER, KIND_COUNT, key, { ELSE_FIXED, .fixed = 2 }, .max = 64 },                                           \
	{ P_SSM_INNER, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SSM_INNER, P_MODEL }, .max = ARCH_MAX_WIDTH }
#define STATE(key) { P_SSM_STATE, KIND_COUNT, key, .max = ARCH_MAX_WIDTH }
#define CONV(key) { P_SSM_CONV, KIND_COUNT, key, .max = 1024 }
#define CONV_BIAS(key) { P_CONV_BIAS, KIND_FLAG, key, { ELSE_FIXED, .fixed = 1 } }
#define PROJ_BIAS(key) { P_PROJ_BIAS, KIND_FLAG, key, { ELSE_FIXED, .fixed = 0 } }

static const struct arch_param_row mamba[] = {
	INNER("mamba_expand"),
	STATE("mamba_d_state"),
	CONV("mamba_d_conv"),
	CONV_BIAS("mamba_conv_bias"),
	PROJ_BIAS("mamba_proj_bias"),
	{ P_NONE },
};

static const struct arch_param_row mamba2_heads[] = {
	{ P_SSM_HEADS, KIND_COUNT, "mamba_n_heads", .max = ARCH_MAX_HEADS, .divides = P_SSM_INNER },
	{ P_SSM_GROUPS, KIND_COUNT, "mamba_n_groups", .max = ARCH_MAX_HEADS },
	{ P_NONE },
};

/* Models that are state spaces and nothing else. */
static const struct arch_param_row alone[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers n_layer", .max = ARCH_MAX_LAYERS },
	{ P_MODEL, KIND_COUNT, "hidden_size d_model", .max = ARCH_MAX_WIDTH },
	{ P_VOCAB, KIND_COUNT, "vocab_size", .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	INNER("expand"),
	STATE("state_size"),
	CONV("conv_kernel"),
	CONV_BIAS("use_conv_bias"),
	PROJ_BIAS("use_bias"),
	{ P_NONE },
};

static const struct arch_param_row time_steps[] = {
	{ P_SSM_RANK, KIND_COUNT, "time_step_rank", { ELSE_CEIL, P_MODEL, .fixed = 16 }, { ELSE_CEIL, P_MODEL, .fixed = 16 },
	  .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_param_row inner[] = {
	{ P_SSM_INNER, KIND_COUNT, "intermediate_size", { ELSE_SAME, P_SSM_INNER }, { ELSE_SAME, P_SSM_INNER }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_tensor one_norm[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "norm.weight", { P_MODEL } },
	{ FMT_ROLE_NONE },
};

static const struct arch_numbers bamba_lists[] = { { "attn_layer_indices", .in = LAYER_FULL, .out = LAYER_SSM }, { NULL } };

/* Falcon-H1: attention and a state space side by side in every layer. */
static const struct arch_param_row falcon_h1[] = {
	{ P_SSM_INNER, KIND_COUNT, "mamba_d_ssm", { ELSE_FIXED, .fixed = 1024 }, { ELSE_SAME, P_SSM_INNER }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_param_row falcon_h1_norm[] = {
	{ P_SSM_NORM, KIND_FLAG, "mamba_rms_norm", { ELSE_FIXED, .fixed = 0 } },
	{ P_UNUSED, KIND_FALSE, "projectors_bias", { ELSE_UNSET } },
	{ P_UNUSED, KIND_FALSE, "mamba_proj_bias", { ELSE_UNSET } },
	{ P_NONE },
};

/* Granite 4: experts, if any, and a shared block in every layer. */
static const struct arch_param_row granite[] = {
	{ P_EXPERTS, KIND_NUMBER, "num_local_experts", .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_NUMBER, "num_experts_per_tok", .max = ARCH_MAX_HEADS, .at_most = P_EXPERTS },
	{ P_FF_EXPERT, KIND_COUNT, NULL, { ELSE_SAME, P_FF }, .max = ARCH_MAX_WIDTH },
	{ P_FF_SHARED, KIND_COUNT, "shared_intermediate_size", .max = ARCH_MAX_WIDTH },
	{ P_SHARED_IN, KIND_COUNT, NULL, { ELSE_PRODUCT, P_FF_SHARED, .fixed = 2 }, .max = 2 * ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_tensor granite_block[] = {
	{ FMT_ROLE_SHARED_UP, "ffn_up_shexp.weight", "shared_mlp.input_linear.weight", { P_SHARED_IN, P_MODEL } },
	{ FMT_ROLE_SHARED_DOWN, "ffn_down_shexp.weight", "shared_mlp.output_linear.weight", { P_MODEL, P_FF_SHARED } },
	{ FMT_ROLE_NONE },
};

/* LFM2: short convolutions between layers of attention. Its feed-forward width may be a rule instead of a number. */
static const struct arch_param_row lfm2[] = {
	{ P_QK_NORM, KIND_NUMBER, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 2 },
	CONV("conv_L_cache"),
	{ P_CONV_BIAS, KIND_FLAG, "conv_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_CONV_WIDTH, KIND_COUNT, NULL, { ELSE_SAME, P_MODEL }, .max = ARCH_MAX_WIDTH },
	{ P_SSM_X, KIND_COUNT, NULL, { ELSE_PRODUCT, P_MODEL, .fixed = 3 }, .max = 4 * ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_param_row lfm2_width[] = {
	{ P_FF, KIND_COUNT, "block_ff_dim intermediate_size", .max = ARCH_MAX_WIDTH },
	{ P_FF_ADJUST, KIND_FLAG, "block_auto_adjust_ff_dim", { ELSE_FIXED, .fixed = 1 } },
	{ P_FF_FACTOR, KIND_REAL, "block_ffn_dim_multiplier", { ELSE_FIXED, .fixed = 1 }, { ELSE_UNSET } },
	{ P_FF_MULTIPLE, KIND_COUNT, "block_multiple_of", { ELSE_FIXED, .fixed = 256 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, NULL, { ELSE_LFM2, P_FF }, .max = ARCH_MAX_WIDTH, .when = { P_FF_ADJUST, 1 } },
	{ P_TIED, KIND_FLAG, "tie_embedding tie_word_embeddings", { ELSE_FIXED, .fixed = 1 } },
	{ P_NONE },
};

static const struct arch_param_row lfm2_experts[] = {
	{ P_EXPERTS, KIND_COUNT, "num_experts", .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", .max = ARCH_MAX_HEADS, .at_most = P_EXPERTS },
	{ P_FF_EXPERT, KIND_COUNT, "moe_intermediate_size", .max = ARCH_MAX_WIDTH },
	{ P_DENSE_FIRST, KIND_NUMBER, "num_dense_layers", .max = ARCH_MAX_LAYERS },
	{ P_NONE },
};

static const struct arch_tensor lfm2_conv[] = {
	{ FMT_ROLE_SSM_CONV, "shortconv.conv.weight", "conv.conv.weight", { P_MODEL, P_SSM_CONV }, .in = LAYER_CONV },
	{ FMT_ROLE_SSM_CONV_B, "shortconv.conv.bias", "conv.conv.bias", { P_MODEL }, { P_CONV_BIAS, 1 }, .in = LAYER_CONV },
	{ FMT_ROLE_SSM_IN, "shortconv.in_proj.weight", "conv.in_proj.weight", { P_SSM_X, P_MODEL }, .in = LAYER_CONV },
	{ FMT_ROLE_SSM_IN_B, "shortconv.in_proj.bias", "conv.in_proj.bias", { P_SSM_X }, { P_CONV_BIAS, 1 }, .in = LAYER_CONV },
	{ FMT_ROLE_SSM_OUT, "shortconv.out_proj.weight", "conv.out_proj.weight", { P_MODEL, P_MODEL }, .in = LAYER_CONV },
	{ FMT_ROLE_SSM_OUT_B, "shortconv.out_proj.bias", "conv.out_proj.bias", { P_MODEL }, { P_CONV_BIAS, 1 }, .in = LAYER_CONV },
	{ FMT_ROLE_NONE },
};

static const struct arch_numbers lfm2_lists[] = { { "full_attn_idxs", .in = LAYER_FULL, .out = LAYER_CONV }, { NULL } };

const struct fmt_arch arch_falcon_mamba = {
	.gguf = "falcon_mamba",
	.classes = (const char *const[]){ "FalconMambaForCausalLM", NULL },
	.types = (const char *const[]){ "falcon_mamba", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 32 }, { P_MODEL, 768 }, { P_VOCAB, 50280 }, { P_TIED, 1 }, { P_SSM_STATE, 16 },
		{ P_SSM_CONV, 4 }, { P_SSM_INNER, 2 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ alone, inner, time_steps, arch_mamba1_widths, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ one_norm, arch_mamba1_block, NULL },
	.layer_prefix = "model.layers.",
	.mixer = LAYER_SSM,
};

const struct fmt_arch arch_bamba = {
	.gguf = "bamba",
	.classes = (const char *const[]){ "BambaForCausalLM", NULL },
	.types = (const char *const[]){ "bamba", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 32 }, { P_CONTEXT, 262144 }, { P_MODEL, 4096 }, { P_FF, 14336 }, { P_HEADS, 32 },
		{ P_HEADS_KV, 8 }, { P_VOCAB, 128000 }, { P_SSM_HEADS, 128 }, { P_SSM_GROUPS, 1 },
		{ P_SSM_STATE, 256 }, { P_SSM_CONV, 4 }, { P_SSM_INNER, 2 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_attn_bias, arch_mlp_bias,
		mamba, mamba2_heads, arch_mamba2_widths, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_gated_ff, arch_mamba2_block,
		NULL },
	.layer_prefix = "model.layers.",
	.mixer = LAYER_SSM,
	.ssm_block = true,
	.kinds = LAYER_FULL | LAYER_SSM,
	.numbers = bamba_lists,
};

const struct fmt_arch arch_falcon_h1 = {
	.gguf = "falcon-h1",
	.classes = (const char *const[]){ "FalconH1ForCausalLM", NULL },
	.types = (const char *const[]){ "falcon_h1", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 32 }, { P_CONTEXT, 8192 }, { P_MODEL, 4096 }, { P_FF, 14336 }, { P_HEADS, 32 },
		{ P_HEADS_KV, 8 }, { P_VOCAB, 128000 }, { P_SSM_HEADS, 128 }, { P_SSM_GROUPS, 1 },
		{ P_SSM_STATE, 256 }, { P_SSM_CONV, 4 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_attn_bias, arch_mlp_bias,
		mamba, falcon_h1, mamba2_heads, arch_mamba2_widths, falcon_h1_norm, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_gated_ff, arch_mamba2_block,
		NULL },
	.layer_prefix = "model.layers.",
	.mixer = LAYER_FULL | LAYER_SSM,
	.ssm_block = true,
};

const struct fmt_arch arch_granite_hybrid = {
	.gguf = "granitehybrid",
	.classes = (const char *const[]){ "GraniteMoeHybridForCausalLM", NULL },
	.types = (const char *const[]){ "granitemoehybrid", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 32 }, { P_CONTEXT, 2048 }, { P_MODEL, 4096 }, { P_FF, 11008 }, { P_HEADS, 32 },
		{ P_HEADS_KV, 32 }, { P_VOCAB, 32000 }, { P_SSM_HEADS, 128 }, { P_SSM_GROUPS, 1 },
		{ P_SSM_STATE, 256 }, { P_SSM_CONV, 4 }, { P_SSM_INNER, 2 }, { P_EXPERTS, 8 }, { P_EXPERTS_USED, 2 },
		{ P_FF_SHARED, 1024 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_attn_bias, mamba,
		mamba2_heads, arch_mamba2_widths, granite, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_experts, granite_block,
		arch_mamba2_block, NULL },
	.layer_prefix = "model.layers.",
	.mixer = LAYER_SSM,
	.ssm_block = true,
	.kinds = LAYER_FULL | LAYER_SSM,
};

const struct fmt_arch arch_lfm2 = {
	.gguf = "lfm2",
	.classes = (const char *const[]){ "Lfm2ForCausalLM", NULL },
	.types = (const char *const[]){ "lfm2", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 32 }, { P_CONTEXT, 128000 }, { P_MODEL, 2560 }, { P_FF, 12288 }, { P_HEADS, 32 },
		{ P_HEADS_KV, 8 }, { P_VOCAB, 65536 }, { P_TIED, 1 }, { P_SSM_CONV, 3 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, lfm2, lfm2_width, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_gated_ff, lfm2_conv, NULL },
	.layer_prefix = "model.layers.",
	.kinds = LAYER_FULL | LAYER_CONV,
	.numbers = lfm2_lists,
};

const struct fmt_arch arch_lfm2moe = {
	.gguf = "lfm2moe",
	.classes = (const char *const[]){ "Lfm2MoeForCausalLM", NULL },
	.types = (const char *const[]){ "lfm2_moe", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 32 }, { P_CONTEXT, 128000 }, { P_MODEL, 2048 }, { P_FF, 7168 }, { P_HEADS, 32 },
		{ P_HEADS_KV, 8 }, { P_VOCAB, 65536 }, { P_TIED, 1 }, { P_SSM_CONV, 3 }, { P_EXPERTS, 32 },
		{ P_EXPERTS_USED, 4 }, { P_FF_EXPERT, 1792 }, { P_DENSE_FIRST, 2 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, lfm2, lfm2_experts, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_gated_ff, arch_experts,
		lfm2_conv, NULL },
	.layer_prefix = "model.layers.",
	.kinds = LAYER_FULL | LAYER_CONV,
	.numbers = lfm2_lists,
};
