/* GPT-2: learned positions, norms with a bias, one matrix for queries, keys and values, biases everywhere. Its matrices
 * are stored transposed; shapes here are those of the GGUF.
 *
 * Source of defaults: GPT2Config of transformers 5, which knows each number under two names. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "n_layer num_hidden_layers", { ELSE_FIXED, .fixed = 12 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "n_positions max_position_embeddings", { ELSE_FIXED, .fixed = 1024 },
	  .max = ARCH_MAX_VOCAB },
	{ P_MODEL, KIND_COUNT, "n_embd hidden_size", { ELSE_FIXED, .fixed = 768 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "n_inner", { ELSE_PRODUCT, P_MODEL, .fixed = 4 }, .max = 4 * ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "n_head num_attention_heads", { ELSE_FIXED, .fixed = 12 }, .max = ARCH_MAX_HEADS,
	  .divides = P_MODEL },
	{ P_HEADS_KV, KIND_COUNT, NULL, { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 50257 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 1 } },
	{ P_UNUSED, KIND_FALSE, "add_cross_attention", { ELSE_UNSET } },
	{ P_UNUSED, KIND_FALSE, "scale_attn_by_inverse_layer_idx", { ELSE_UNSET } },
	{ P_UNUSED, KIND_TRUE, "scale_attn_weights", { ELSE_UNSET } },
	{ P_NORM_EPS, KIND_REAL, "layer_norm_epsilon", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "block_count", FMT_KV_U32, P_LAYERS },
	{ "context_length", FMT_KV_U32, P_CONTEXT },
	{ "embedding_length", FMT_KV_U32, P_MODEL },
	{ "feed_forward_length", FMT_KV_U32, P_FF },
	{ "attention.head_count", FMT_KV_U32, P_HEADS },
	{ "attention.layer_norm_epsilon", FMT_KV_F32, P_NORM_EPS },
	ARCH_FILE_TYPE,
	ARCH_GELU_ERF_KEY, /* carried for those who have it */
	{ NULL },
};

static const struct arch_tensor globals[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "transformer.wte.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_POSITION_EMBD, "position_embd.weight", "transformer.wpe.weight", { P_CONTEXT, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "transformer.ln_f.weight", { P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM_B, "output_norm.bias", "transformer.ln_f.bias", { P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "ln_1.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_NORM_B, "attn_norm.bias", "ln_1.bias", { P_MODEL } },
	{ FMT_ROLE_ATTN_QKV, "attn_qkv.weight", "attn.c_attn.weight", { P_QKV_WIDTH, P_MODEL }, .move = MOVE_TRANSPOSE },
	{ FMT_ROLE_ATTN_QKV_B, "attn_qkv.bias", "attn.c_attn.bias", { P_QKV_WIDTH } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "attn.c_proj.weight", { P_MODEL, P_Q_WIDTH }, .move = MOVE_TRANSPOSE },
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "attn.c_proj.bias", { P_MODEL } },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "ln_2.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_NORM_B, "ffn_norm.bias", "ln_2.bias", { P_MODEL } },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.c_fc.weight", { P_FF, P_MODEL }, .move = MOVE_TRANSPOSE },
	{ FMT_ROLE_FFN_UP_B, "ffn_up.bias", "mlp.c_fc.bias", { P_FF } },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.c_proj.weight", { P_MODEL, P_FF }, .move = MOVE_TRANSPOSE },
	{ FMT_ROLE_FFN_DOWN_B, "ffn_down.bias", "mlp.c_proj.bias", { P_MODEL } },
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row *const params[] = { sizes, arch_widths, arch_gelu_usually_tanh, NULL };
static const char *const classes[] = { "GPT2LMHeadModel", NULL };
static const char *const types[] = { "gpt2", NULL };
static const char *const skip[] = { ".attn.bias", ".attn.masked_bias", NULL };

const struct fmt_arch arch_gpt2 = {
	.gguf = "gpt2",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.own_keys = true,
	.globals = globals,
	.layers = layers,
	.layer_prefix = "transformer.h.",
	.base_prefix = "transformer.",
	.skip = skip,
};
