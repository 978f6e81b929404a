/* GPT-NeoX and Pythia: norms with a bias, one matrix for queries, keys and values, biases everywhere.
 *
 * Source of defaults: GPTNeoXConfig of transformers 5. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 44 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 2048 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 6144 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 24576 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 64 }, .max = ARCH_MAX_HEADS,
	  .divides = P_MODEL },
	{ P_HEADS_KV, KIND_COUNT, NULL, { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 50432 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 1 } },
	{ P_NONE },
};

static const struct arch_tensor globals[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "gpt_neox.embed_in.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "gpt_neox.final_layer_norm.weight", { P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM_B, "output_norm.bias", "gpt_neox.final_layer_norm.bias", { P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "embed_out.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_NORM_B, "attn_norm.bias", "input_layernorm.bias", { P_MODEL } },
	{ FMT_ROLE_ATTN_QKV, "attn_qkv.weight", "attention.query_key_value.weight", { P_QKV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_QKV_B, "attn_qkv.bias", "attention.query_key_value.bias", { P_QKV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "attention.dense.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "attention.dense.bias", { P_MODEL }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_NORM_B, "ffn_norm.bias", "post_attention_layernorm.bias", { P_MODEL } },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.dense_h_to_4h.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_UP_B, "ffn_up.bias", "mlp.dense_h_to_4h.bias", { P_FF } },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.dense_4h_to_h.weight", { P_MODEL, P_FF } },
	{ FMT_ROLE_FFN_DOWN_B, "ffn_down.bias", "mlp.dense_4h_to_h.bias", { P_MODEL } },
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row *const params[] = { sizes, arch_widths, NULL };
static const struct arch_key keys[] = { { NULL } };
static const char *const classes[] = { "GPTNeoXForCausalLM", NULL };
static const char *const types[] = { "gpt_neox", NULL };
static const char *const skip[] = { ".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq", NULL };

const struct fmt_arch arch_gptneox = {
	.gguf = "gptneox",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.globals = globals,
	.layers = layers,
	.layer_prefix = "gpt_neox.layers.",
	.skip = skip,
};
