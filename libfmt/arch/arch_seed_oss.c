/* Seed-OSS: Llama's layers with biases on queries, keys and values, and where config.json asks for them on the other matrices.
 *
 * Source of defaults: SeedOssConfig of transformers 5; llama.cpp's "seed_oss" for the GGUF side. */
#include "arch_shared.h"

static const struct arch_default defaults[] = {
	{ P_LAYERS, 64 },    { P_CONTEXT, 524288 }, { P_MODEL, 4096 },    { P_FF, 27648 }, { P_HEADS, 80 }, { P_HEADS_KV, 8 },
	{ P_HEAD_DIM, 128 }, { P_VOCAB, 155136 },   { P_ATTN_BIAS, 1 }, { P_NONE },
};

static const struct arch_param_row rest[] = {
	{ P_HEAD_GIVEN, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 1 } },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-6 } },
	{ P_O_BIAS, KIND_FLAG, "attention_out_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_NONE },
};

static const struct arch_tensor norms[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_NORM, "post_attention_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_NONE },
};

static const struct arch_note notes[] = {
	{ { P_O_BIAS, 1 }, "llama.cpp will not load it: it knows no biases on the output of attention here" },
	{ { P_MLP_BIAS, 1 }, "llama.cpp will not load it: it knows no biases in the feed-forward block here" },
	{ { P_NONE }, NULL },
};

const struct fmt_arch arch_seed_oss = {
	.gguf = "seed_oss",
	.classes = (const char *const[]){ "SeedOssForCausalLM", NULL },
	.types = (const char *const[]){ "seed_oss", NULL },
	.defaults = defaults,
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_qkv_bias, arch_mlp_bias, rest, arch_silu,
	                                                  arch_rope_params, NULL },
	.keys = arch_dynamic_keys,
	.globals = arch_model_globals,
	.layers = norms,
	.parts = (const struct arch_tensor *const[]){ arch_attention, arch_gated_ff, NULL },
	.layer_prefix = "model.layers.",
	.skip = (const char *const[]){ ".rotary_emb.inv_freq", NULL },
	.notes = notes,
};
