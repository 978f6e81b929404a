/* Granite 3, dense: Llama's tensors; what differs are factors on embedding, residuals, attention and logits.
 *
 * Source of defaults: GraniteConfig of transformers 5. */
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
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-6 } },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_MLP_BIAS, KIND_FLAG, "mlp_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_ATTN_SCALE, KIND_REAL, "attention_multiplier", { ELSE_FIXED, .fixed = 1 } },
	{ P_EMBD_SCALE, KIND_REAL, "embedding_multiplier", { ELSE_FIXED, .fixed = 1 } },
	{ P_RESIDUAL_SCALE, KIND_REAL, "residual_multiplier", { ELSE_FIXED, .fixed = 1 } },
	{ P_LOGIT_SCALE, KIND_REAL, "logits_scaling", { ELSE_FIXED, .fixed = 1 } },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "vocab_size", FMT_KV_U32, P_VOCAB },
	{ "rope.dimension_count", FMT_KV_U32, P_ROPE_DIM },
	{ "attention.scale", FMT_KV_F32, P_ATTN_SCALE },
	{ "embedding_scale", FMT_KV_F32, P_EMBD_SCALE },
	{ "residual_scale", FMT_KV_F32, P_RESIDUAL_SCALE },
	{ "logit_scale", FMT_KV_F32, P_LOGIT_SCALE },
	ARCH_DYNAMIC_KEY,
	{ NULL },
};

static const struct arch_param_row *const params[] = { sizes, arch_widths, arch_silu, arch_rope_params, NULL };
static const char *const classes[] = { "GraniteForCausalLM", NULL };
static const char *const types[] = { "granite", NULL };
static const char *const skip[] = { NULL };

const struct fmt_arch arch_granite = {
	.gguf = "granite",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.globals = arch_llama_globals,
	.layers = arch_llama_layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
};
